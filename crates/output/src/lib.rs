//! Writes files that appear whole or not at all, answers in the format of a file's name, tables, and hashes.

pub mod csv;
mod error;
mod file;
mod hash;
mod rows;
mod whole;

pub use error::{Error, Result};
pub use file::{Format, OutputFile, check_writable};
pub use hash::{sha256, sha256_of};
pub use rows::Rows;
pub use whole::{Durability, aside, create_directory, place, remove_file, stream_whole, write_whole};
