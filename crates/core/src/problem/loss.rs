//! Section `[loss]` says what training makes small.
//!
//! ```text
//! squared        R = (1/2P) Σ_p ‖f(x_p) − y_p‖²        over_outputs = "mean":  (1/2Pk) Σ_p ‖f(x_p) − y_p‖²
//! logistic       R = (1/P) Σ_p ln(1 + e^{−y_p f(x_p)})                          y_p = ±1, one output
//! hinge          R = (1/P) Σ_p max(0, 1 − y_p f(x_p))                           y_p = ±1, one output
//! cross_entropy  R = −(1/P) Σ_p Σ_c y_pc ln softmax(f(x_p))_c
//! ```
//!
//! (docs/theory/training.md §4, Eq. losses; docs/theory/ntk.md §1 has the mean over outputs.) A learning rate belongs to the loss as it is
//! written here.

use widenet_document::{
    Field, Word, Written,
    keys::{optional, or},
    section,
    shape::{choice, word},
};

use super::labels::SUM_TOLERANCE;
use crate::{
    data::{Dataset, Samples},
    error::{Error, Result},
    matrix::Matrix,
};

/// The loss (module formula). All losses are means over the samples of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Squared loss.
    Squared {
        /// Whether it is the mean over outputs instead of the sum.
        mean_over_outputs: bool,
    },
    /// Logistic loss of one output with labels ±1.
    Logistic,
    /// Hinge loss of one output with labels ±1; its gradient at the kink `y f = 1` is 0.
    Hinge,
    /// Softmax cross-entropy; targets are probabilities of k ≥ 2 classes.
    CrossEntropy,
}

impl Word for Loss {
    /// The squared loss is summed over outputs.
    const WORDS: &'static [(&'static str, Loss)] = &[
        ("squared", Loss::SQUARED),
        ("logistic", Loss::Logistic),
        ("hinge", Loss::Hinge),
        ("cross_entropy", Loss::CrossEntropy),
    ];
}

section! {
    /// The loss: section `[loss]`. All losses are means over the samples of the batch.
    pub(super) struct LossSection {
        /// Which loss.
        kind: Loss = or(word(), "squared"),
        /// Whether the squared loss is the sum or the mean over the k outputs ("sum" where it is not given).
        over_outputs: Option<bool> = optional(choice(&[("sum", false), ("mean", true)])),
    }
    check = check;
}

fn check(section: &LossSection, table: &Written<'_>) -> widenet_document::Result<()> {
    match section.kind {
        Loss::Squared { .. } => Ok(()),
        _ => table.refuse("over_outputs", "only the squared loss is summed or averaged over outputs"),
    }
}

impl LossSection {
    pub(super) fn loss(&self) -> Loss {
        match (self.kind, self.over_outputs) {
            (Loss::Squared { .. }, Some(mean_over_outputs)) => Loss::Squared { mean_over_outputs },
            (loss, _) => loss,
        }
    }
}

impl Loss {
    /// The squared loss, summed over outputs.
    pub const SQUARED: Loss = Loss::Squared { mean_over_outputs: false };

    /// Refuses targets that the loss has no meaning for.
    pub(super) fn check_targets(self, section: Option<&Field<'_>>, data: &Dataset) -> Result<()> {
        let refuse = |message: String| match section {
            Some(section) => Err(section.error(message)),
            None => Err(Error::Invalid(message)),
        };
        let outputs = data.output_dimension();
        match self {
            Loss::Squared { .. } => return Ok(()),
            Loss::Logistic | Loss::Hinge if outputs != 1 => {
                return refuse(format!(
                    "the {} loss needs one output with targets ±1, and the data have {outputs} outputs; use \"cross_entropy\"",
                    self.word()
                ));
            }
            Loss::CrossEntropy if outputs < 2 => {
                return refuse(
                    "the cross-entropy needs at least 2 outputs, and the data have 1; use \"logistic\" for two classes, and data.classes = \"all\" for a \
                     column of class numbers or names"
                        .into(),
                );
            }
            Loss::Logistic | Loss::Hinge | Loss::CrossEntropy => {}
        }
        let (wrong, wanted): (fn(f64) -> bool, _) = match self {
            Loss::Logistic => (|y| y.abs() != 1.0, "the logistic loss needs −1 or +1"),
            Loss::Hinge => (|y| y.abs() != 1.0, "the hinge loss needs −1 or +1"),
            _ => (|_| false, ""),
        };
        for (name, samples) in [("training", Some(&data.train)), ("test", data.test.as_ref())] {
            let Some(samples) = samples else { continue };
            if let Some(row) = samples.targets.iter().position(|y| wrong(*y)) {
                let value = samples.targets[row % samples.targets.nrows()];
                return refuse(format!("{name} target of sample {} is {value}; {wanted}", row + 1));
            }
        }
        Ok(())
    }

    /// What should be said about the targets: cross-entropy targets that are no probabilities.
    pub(super) fn warning(self, data: &Dataset) -> Option<String> {
        let Loss::CrossEntropy = self else { return None };
        let mut rows = data.train.targets.row_iter().enumerate();
        let (row, target) =
            rows.find(|(_, row)| row.iter().any(|y| *y < 0.0) || (row.sum() - 1.0).abs() > SUM_TOLERANCE)?;
        let targets: Vec<String> = target.iter().map(f64::to_string).collect();
        Some(format!(
            "cross-entropy targets should be probabilities that sum to 1; those of training sample {} are [{}]",
            row + 1,
            targets.join(", ")
        ))
    }

    /// Says what the sum over samples (and outputs) is divided by: `P`, or `P k` for the mean over outputs.
    pub fn denominator(self, samples: usize, outputs: usize) -> f64 {
        match self {
            Loss::Squared { mean_over_outputs: true } => (samples * outputs) as f64,
            _ => samples as f64,
        }
    }

    /// Returns the largest eigenvalue that the loss's Hessian in the outputs of one sample can have, times the denominator: 1, 1/4
    /// or 1/2 (docs/theory/ntk.md §7); none where the gradient jumps.
    pub fn largest_curvature(self) -> Option<f64> {
        match self {
            Loss::Squared { .. } => Some(1.0),
            Loss::Logistic => Some(0.25),
            Loss::Hinge => None,
            Loss::CrossEntropy => Some(0.5),
        }
    }

    /// Returns the loss of outputs (P × k) for targets (P × k).
    pub fn value(self, outputs: &Matrix, targets: &Matrix) -> f64 {
        let sum = match self {
            Loss::Squared { .. } => 0.5 * (outputs - targets).norm_squared(),
            Loss::Logistic => outputs.iter().zip(targets.iter()).map(|(f, y)| softplus(-y * f)).sum(),
            // Not `max`, which would make 0 of the NaN of a diverged run.
            Loss::Hinge => outputs.zip_map(targets, |f, y| if y * f >= 1.0 { 0.0 } else { 1.0 - y * f }).sum(),
            Loss::CrossEntropy => {
                let of_row = |i: usize| {
                    let (f, y) = (outputs.row(i), targets.row(i));
                    let largest = f.max();
                    let log_sum = largest + f.iter().map(|f| (f - largest).exp()).sum::<f64>().ln();
                    y.iter().zip(f.iter()).map(|(y, f)| y * (log_sum - f)).sum::<f64>()
                };
                (0..outputs.nrows()).map(of_row).sum::<f64>()
            }
        };
        sum / self.denominator(outputs.nrows(), outputs.ncols())
    }

    /// Returns the loss's gradient in the outputs (P × k), denominator included.
    pub fn gradient(self, outputs: &Matrix, targets: &Matrix) -> Matrix {
        self.gradient_of_group(outputs, targets, 1)
    }

    /// Returns the same of several networks' losses, each in its outputs: those of N networks (N P × k), one network after the other.
    pub fn gradient_of_group(self, outputs: &Matrix, targets: &Matrix, networks: usize) -> Matrix {
        let mut gradient = match self {
            Loss::Squared { .. } => outputs - targets,
            Loss::Logistic => outputs.zip_map(targets, |f, y| -y * sigmoid(-y * f)),
            Loss::Hinge => outputs.zip_map(targets, hinge_gradient),
            Loss::CrossEntropy => {
                let mut gradient = outputs.clone();
                for (mut row, y) in gradient.row_iter_mut().zip(targets.row_iter()) {
                    let largest = row.max();
                    row.apply(|f| *f = (*f - largest).exp());
                    row *= y.sum() / row.sum();
                    row -= y;
                }
                gradient
            }
        };
        gradient /= self.denominator(outputs.nrows() / networks, outputs.ncols());
        gradient
    }

    /// Returns how the gradient (P × k, denominator included) changes to first order where outputs move in a direction (P × k).
    pub fn curvature(self, outputs: &Matrix, targets: &Matrix, direction: &Matrix) -> Matrix {
        let mut curvature = match self {
            Loss::Squared { .. } => direction.clone(),
            Loss::Logistic => {
                let slope = outputs.zip_map(targets, |f, y| sigmoid(-y * f) * sigmoid(y * f));
                slope.component_mul(direction)
            }
            Loss::Hinge => direction * 0.0,
            Loss::CrossEntropy => {
                let mut curvature = outputs.clone();
                for (i, mut row) in curvature.row_iter_mut().enumerate() {
                    let largest = row.max();
                    row.apply(|f| *f = (*f - largest).exp());
                    row *= 1.0 / row.sum();
                    let mean = row.dot(&direction.row(i));
                    row.zip_apply(&direction.row(i), |p, d| *p *= d - mean);
                    row *= targets.row(i).sum();
                }
                curvature
            }
        };
        curvature /= self.denominator(outputs.nrows(), outputs.ncols());
        curvature
    }

    /// Returns the mean loss of an ensemble of Gaussian outputs with this mean and these variances (P × k), where it has a closed form.
    pub fn mean_value(self, mean: &Matrix, variances: &Matrix, targets: &Matrix) -> Option<f64> {
        match self {
            Loss::Squared { .. } => {
                let spread = 0.5 * variances.sum() / self.denominator(mean.nrows(), mean.ncols());
                Some(self.value(mean, targets) + spread)
            }
            Loss::Logistic | Loss::Hinge | Loss::CrossEntropy => None,
        }
    }

    /// Returns the loss of a predictor β (k × d) on samples, for networks linear in their inputs.
    pub fn of_predictor(self, samples: &Samples, predictor: &Matrix) -> f64 {
        self.value(&(&samples.inputs * predictor.transpose()), &samples.targets)
    }
}

fn softplus(u: f64) -> f64 {
    u.max(0.0) + (-u.abs()).exp().ln_1p()
}

/// The derivative of `max(0, 1 − y f)`; NaN of what is NaN.
fn hinge_gradient(f: f64, y: f64) -> f64 {
    let margin = y * f;
    if margin >= 1.0 {
        0.0
    } else if margin < 1.0 {
        -y
    } else {
        margin
    }
}

fn sigmoid(u: f64) -> f64 {
    if u >= 0.0 { 1.0 / (1.0 + (-u).exp()) } else { u.exp() / (1.0 + u.exp()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_those_of_the_values() {
        let outputs = |k| Matrix::from_fn(3, k, |i, j| 2.0 * (i as f64 - 1.2) * (j as f64 + 0.7) + 0.3);
        let signs = Matrix::from_row_slice(3, 1, &[1.0, -1.0, 1.0]);
        let classes = Matrix::from_row_slice(3, 3, &[1.0, 0.0, 0.0, 0.2, 0.3, 0.5, 0.0, 0.0, 1.0]);
        for (loss, outputs, targets) in [
            (Loss::SQUARED, outputs(3), &classes),
            (Loss::Squared { mean_over_outputs: true }, outputs(3), &classes),
            (Loss::Logistic, outputs(1), &signs),
            (Loss::Hinge, outputs(1), &signs),
            (Loss::CrossEntropy, outputs(3), &classes),
        ] {
            let gradient = loss.gradient(&outputs, targets);
            for index in 0..outputs.len() {
                let moved = |h: f64| {
                    let mut outputs = outputs.clone();
                    outputs[index] += h;
                    loss.value(&outputs, targets)
                };
                let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((difference - gradient[index]).abs() < 1e-9, "{loss:?}: {difference} {}", gradient[index]);
            }
            let direction = outputs.map(|f| (3.0 * f).sin());
            let moved = |h: f64| loss.gradient(&(&outputs + &direction * h), targets);
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let error = (difference - loss.curvature(&outputs, targets, &direction)).amax();
            assert!(error < 1e-9, "{loss:?}: {error:e}");
        }
    }

    /// By hand: margins −2, 0.5, 1 and 3.
    #[test]
    fn the_hinge_loss_counts_margins_below_1() {
        let outputs = Matrix::from_column_slice(4, 1, &[2.0, 0.5, -1.0, 3.0]);
        let targets = Matrix::from_column_slice(4, 1, &[-1.0, 1.0, -1.0, 1.0]);
        assert_eq!(Loss::Hinge.value(&outputs, &targets), 3.5 / 4.0);
        assert_eq!(Loss::Hinge.gradient(&outputs, &targets).as_slice(), [0.25, -0.25, 0.0, 0.0]);
        let lost = Matrix::from_element(4, 1, f64::NAN);
        assert!(Loss::Hinge.value(&lost, &targets).is_nan() && Loss::Hinge.gradient(&lost, &targets)[0].is_nan());
    }

    #[test]
    fn large_outputs_do_not_overflow() {
        let outputs = Matrix::from_row_slice(1, 2, &[1e4, -1e4]);
        let targets = Matrix::from_row_slice(1, 2, &[0.0, 1.0]);
        assert_eq!(Loss::CrossEntropy.value(&outputs, &targets), 2e4);
        assert_eq!(Loss::CrossEntropy.gradient(&outputs, &targets).as_slice(), [1.0, -1.0]);
        let (output, target) = (Matrix::from_element(1, 1, -1e4), Matrix::from_element(1, 1, 1.0));
        assert_eq!(Loss::Logistic.value(&output, &target), 1e4);
    }
}
