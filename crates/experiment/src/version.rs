//! The version of the program, part of every trial.

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
