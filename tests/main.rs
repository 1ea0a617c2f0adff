//! The built program and the documents, in one binary: one module for each subject.

mod bad_input;
mod bench;
#[cfg(unix)]
mod campaigns;
#[cfg(unix)]
mod cluster;
mod command_line;
mod common;
mod convolutions;
mod coordinate_check;
mod coordinate_table;
mod documentation;
mod faults;
mod fluctuations;

mod field;
mod laws;
mod layers;
mod predict;
mod promises;
mod proportional;
mod quantities;
mod references;
mod scaling;
mod stopping;
mod studies;
mod thread_counts;
mod transfer;
