//! The compiled part of the Python package `widenet`: it converts arguments and results, keeps Python's signals answered, and computes nothing.
//!
//! What people call is in `widenet/*.py` beside it, with the documentation.

mod coordinates;
mod errors;
mod network;
mod problem;
mod questions;
mod solutions;
mod study;
mod tree;
mod work;

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the program with its arguments, of which the first is its own name, and returns its exit code.
#[pyfunction]
fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| widenet_cli::run(arguments))
}

/// Networks of every width, infinity included: the compiled part.
#[pymodule]
mod _widenet {
    #[pymodule_export]
    use super::{
        coordinates::{coordinate_check, coordinate_table},
        main,
        network::{Network, initial_weights},
        problem::Problem,
        questions::{ask, kernel, predict, scaling},
        solutions::{Solutions, Trajectory, power_law, solve},
        study::{report, study},
    };

    #[pymodule_export]
    const VERSION: &str = widenet::experiment::VERSION;
}
