//! Coordinate checks of problems, and of tables of measurements.

use std::path::PathBuf;

use pyo3::{prelude::*, types::PyDict};
use widenet::{
    SolveError, Width,
    experiment::{
        self,
        coordinate_check::{CoordinateCheck, CoordinateOptions, CoordinateReport, TableOptions, make_folder},
    },
};

use crate::{
    errors::{Exception, ProblemError},
    problem::Problem,
    solutions::{device, engines, word},
    tree,
    work::{Running, run},
};

/// The report, whether something fails, what should be said, and figures.
type Checked<'py> = (Bound<'py, PyAny>, bool, Vec<String>, Vec<PathBuf>);

fn checked<'py>(py: Python<'py>, report: &CoordinateReport, figure: Option<PathBuf>) -> PyResult<Checked<'py>> {
    let draw = |folder: PathBuf| -> experiment::Result<Vec<PathBuf>> {
        make_folder(&folder)?;
        Ok(report.draw(&folder)?)
    };
    let figures = figure.map(draw).transpose().map_err(Exception::exception)?.unwrap_or_default();
    let fails = report.growing().next().is_some() || report.is_refuted() || report.all_diverged();
    Ok((tree::from_json(py, &report.to_json())?, fails, report.notes.clone(), figures))
}

/// Trains networks of several widths for a few steps and says what grows.
#[pyfunction]
pub(crate) fn coordinate_check<'py>(
    py: Python<'py>,
    problem: &Bound<'py, Problem>,
    widths: Vec<f64>,
    asked: (u64, u64, f64),
    place: (String, String),
    figure: Option<PathBuf>,
    running: Running<'py>,
) -> PyResult<Checked<'py>> {
    let problem = problem.get().trained()?;
    let widths = widths.into_iter().map(Width::try_from).collect::<Result<_, _>>().map_err(ProblemError::new_err)?;
    let (device, precision) = (device(&place.0)?, word("precision", &place.1)?);
    let (seeds, steps, tolerance) = asked;
    let options = CoordinateOptions { widths, seeds, steps, tolerance, precision };
    let check = CoordinateCheck::new((*problem).clone(), options).map_err(Exception::exception)?;
    let report = run(py, &running, move |watcher| -> Result<_, SolveError> {
        check.run(&*engines(device)?, &|fraction| watcher.tell(fraction))
    })?;
    let report = report.map_err(Exception::exception)?;
    let report = report.ok_or_else(|| ProblemError::new_err("the coordinate check was stopped"))?;
    checked(py, &report, figure)
}

/// Judges a table of measurements.
#[pyfunction]
pub(crate) fn coordinate_table<'py>(
    py: Python<'py>,
    table: PathBuf,
    tolerance: f64,
    quantities: Vec<String>,
    predictions: &Bound<'py, PyDict>,
    exempt: Vec<String>,
    figure: Option<PathBuf>,
) -> PyResult<Checked<'py>> {
    let mut options = TableOptions { tolerance, quantities, exponent: 0.0, exponents: Vec::new(), exempt };
    for (layer, exponent) in predictions {
        match layer.is_none() {
            true => options.exponent = exponent.extract()?,
            false => options.exponents.push((layer.extract()?, exponent.extract()?)),
        }
    }
    let report = py.detach(|| CoordinateReport::of_table(&table, &options)).map_err(Exception::exception)?;
    checked(py, &report, figure)
}
