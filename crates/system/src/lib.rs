//! What the operating system has to give: memory, threads and plain files.

pub mod files;
pub mod memory;
pub mod threads;
