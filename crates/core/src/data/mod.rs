//! A data set holds samples as matrices, wherever they come from.
//!
//! A problem file says where in its section `[data]` ([`DataSource`], cheap to read); [`DataSource::load`] reads them. A kind of source is
//! a file with its keys and what opens it (`origin::Origin`), and a line in the list of `section.rs`. Questions read an [`InputSource`], whose
//! targets may be missing.

mod cifar;
mod classes;
mod columns;
mod csv;
mod dataset;
mod files;
mod idx;
mod images;
mod inline;
mod inputs;
mod memory;
mod npy;
mod npz;
mod number;
mod origin;
mod parquet;
mod parquet_table;
mod preprocessing;
mod section;
mod segment;
mod table;
mod teacher;

pub use dataset::{Dataset, Provenance, Samples};
pub use inputs::{InputSource, PartialData, PartialSamples};
pub use npy::{read_npy, write_npy};
pub use section::DataSource;
pub use table::{Table, read_table};
