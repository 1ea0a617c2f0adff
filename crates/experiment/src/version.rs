//! The version of the program is part of every trial.

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
