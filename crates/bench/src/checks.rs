//! Checks a device: it compares primitives with their plain twins, and training with the same training on the CPU.
//!
//! ```text
//! error = max_t |f_device(t) − f_cpu(t)| / max_t |f_cpu(t)|     over the outputs f on the training inputs, in the float type of the device
//! ```
//!
//! Random numbers are functions of their counters, so both devices draw the same network up to rounding, as long as they find the same
//! directions new: the tolerance on new directions is therefore coarse for the conditioned run. The regenerated run has the same weights
//! whatever is new.

use serde::Serialize;
use widenet_core::{Problem, problem::Quantity, training::Control};
use widenet_model::{
    DeviceChoice, Hidden, HiddenMatrix, Matrices, ModelError, OpenDevice, Placement, Precision, ResponseStorage, Run,
    checks, default_tolerance, guarded, solve_on_device,
};

use crate::training::problem;

/// Neurons of the runs compared.
const WIDTH: u64 = 1000;
/// Steps of the conditioned and of the regenerated run.
const STEPS: [u64; 2] = [4, 12];
/// Tolerance on new directions of the conditioned run.
const COARSE: f64 = 1e-3;
/// Roundings that steps of training may lose against each other.
const ROUNDINGS: f64 = 1e4;

/// One comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checked {
    /// What was compared.
    pub what: String,
    /// Largest error; `None` if the device failed.
    pub error: Option<f64>,
    /// Largest error allowed.
    pub tolerance: f64,
    /// What the device said when it failed.
    pub failure: Option<String>,
}

impl Checked {
    fn new(what: String, tolerance: f64, error: Result<f64, ModelError>) -> Self {
        match error {
            Ok(error) => Self { what, error: Some(error), tolerance, failure: None },
            Err(failure) => Self { what, error: None, tolerance, failure: Some(failure.to_string()) },
        }
    }

    /// Says whether the error is within the tolerance; NaN is not.
    pub fn passed(&self) -> bool {
        self.error.is_some_and(|error| error <= self.tolerance)
    }
}

/// Runs all comparisons.
pub(crate) fn run(device: &OpenDevice, placement: &Placement, watch: &dyn Fn(&str)) -> Vec<Checked> {
    let mut checked: Vec<Checked> = Vec::new();
    watch("primitives against their plain twins");
    for check in checks(placement) {
        let error = guarded(&check.what, || check.error());
        checked.push(Checked::new(check.what, check.tolerance, error));
    }
    let precision = placement.precision;
    let conditioned = HiddenMatrix::Conditioned(ResponseStorage::Stored);
    let runs = [
        ("conditioned", Hidden { matrix: conditioned, tolerance: COARSE }),
        ("regenerated", Hidden { matrix: HiddenMatrix::Regenerated, tolerance: default_tolerance(precision) }),
    ];
    for ((name, hidden), steps) in runs.into_iter().zip(STEPS) {
        let what = format!("{steps} steps of {name} training against the CPU's, m = {WIDTH}");
        watch(&what);
        let error = guarded(&what, || compare(device, precision, hidden, steps)).flatten();
        checked.push(Checked::new(what, ROUNDINGS * precision.epsilon(), error));
    }
    checked
}

/// The module's error.
fn compare(device: &OpenDevice, precision: Precision, hidden: Hidden, steps: u64) -> Result<f64, ModelError> {
    let mut problem = problem(steps);
    problem.record.at = (0..=steps).map(|step| step as f64).collect();
    problem.record.quantities = vec![Quantity::Outputs];
    let cpu = DeviceChoice::Flex.open()?;
    let (there, here) = (outputs(&problem, device, precision, hidden)?, outputs(&problem, &cpu, precision, hidden)?);
    Ok(relative(&there, &here))
}

fn outputs(
    problem: &Problem,
    device: &OpenDevice,
    precision: Precision,
    hidden: Hidden,
) -> Result<Vec<f64>, ModelError> {
    let run = Run {
        problem,
        width: WIDTH,
        seed: 0,
        matrices: Matrices::Explored(hidden),
        device,
        precision,
        checkpoints: None,
    };
    let solution = solve_on_device(&run, &mut |_| Control::Continue)?;
    let records = solution.trajectory.records.iter();
    Ok(records.flat_map(|record| record.values[&Quantity::Outputs].flatten()).collect())
}

/// The largest difference over the largest number of the second list; ∞ between lists of different lengths.
fn relative(made: &[f64], expected: &[f64]) -> f64 {
    if made.len() != expected.len() {
        return f64::INFINITY;
    }
    let size = expected.iter().fold(0.0f64, |size, x| size.max(x.abs()));
    let differences = made.iter().zip(expected).map(|(a, b)| (a - b).abs() / size);
    // `max` would lose NaN.
    differences.fold(0.0, |worst, difference| if difference <= worst { worst } else { difference })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_and_nan_do_not_pass() {
        let checked = |error| Checked::new("x".into(), 1.0, error);
        assert!(checked(Ok(1.0)).passed() && checked(Ok(0.0)).passed());
        assert!(!checked(Ok(1.5)).passed() && !checked(Ok(f64::NAN)).passed());
        let failed = checked(Err(ModelError::UnknownDevice("lost".into())));
        assert!(!failed.passed() && failed.failure.is_some_and(|failure| failure.contains("lost")));
        assert_eq!(relative(&[1.0, 2.0], &[1.0, 4.0]), 0.5);
        assert_eq!(relative(&[1.0], &[1.0, 4.0]), f64::INFINITY);
    }
}
