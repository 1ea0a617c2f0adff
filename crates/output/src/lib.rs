//! Writes files that appear whole or not at all, answers in the format of a file's name, tables, and hashes.

mod error;
pub mod escape;
mod file;
mod hash;
mod hold;
mod lease;
mod owner;
mod parquet;
mod records;
mod rows;
mod table;
mod temporary;
mod whole;

pub use error::{Error, Result};
pub use file::{Format, OutputFile};
pub use hash::{sha256, sha256_of};
pub use hold::{BeingWritten, HeldFiles, being_written, hold_files};
pub use lease::{Holder, Job, Lease, Leased, Lessee, Look, Seen, Watched, holder_of, remove_leases};
pub use owner::Owner;
pub use parquet::{Cell, ColumnType, ParquetTable};
pub use records::{RECORD_COLUMNS, RecordedNumber, each_number};
pub use rows::Rows;
pub use table::{Table, cell};
pub use temporary::{remove_leftovers, temporary_folder};
pub use whole::{Durability, create_directory, remove_file, stream_whole, write_changed, write_whole};
