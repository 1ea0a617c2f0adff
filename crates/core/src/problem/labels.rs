//! Targets may be labels of classes; accuracy is the share of samples whose class is right, and exists for these alone.
//!
//! ```text
//! one output, values low < high      f > (low + high)/2  ⇔  y = high          (±1: the sign; 0 and 1: above ½)
//! k ≥ 2 outputs, one-hot             argmax f = argmax y
//! ```

use crate::matrix::Matrix;

/// How far the probabilities of a sample may be from a sum of 1: those stored in `f32` are within k rounding errors.
pub(super) const SUM_TOLERANCE: f64 = 1e-6;

/// Most classes that numbers in one column are taken for.
const MOST_NUMBERED: usize = 1000;

/// What the classes are (module formula).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Labels {
    /// One output with two values.
    Two {
        /// The value of one class.
        low: f64,
        /// The value of the other.
        high: f64,
    },
    /// One output per class: the largest target is that of the class.
    Largest,
}

impl Labels {
    /// Finds the classes of targets (P × k).
    ///
    /// # Errors
    /// Why these are no labels, as the end of a sentence about them.
    pub fn of(targets: &Matrix) -> Result<Labels, String> {
        if targets.ncols() > 1 {
            return match targets.row_iter().position(|row| !names_a_class(row.iter().copied())) {
                None => Ok(Labels::Largest),
                Some(row) => Err(format!("the targets of sample {} are not one-hot", row + 1)),
            };
        }
        match values(targets, 3)[..] {
            [value] if value.abs() == 1.0 => Ok(Labels::Two { low: -1.0, high: 1.0 }),
            [value] => Err(format!("all targets are {value}, which is one class")),
            [low, high] => Ok(Labels::Two { low, high }),
            _ => Err("the targets have more than two values in one column".into()),
        }
    }

    /// Says whether targets are labels of these classes.
    pub fn has(self, targets: &Matrix) -> bool {
        match self {
            Labels::Two { low, high } => targets.iter().all(|y| *y == low || *y == high),
            Labels::Largest => targets.row_iter().all(|row| names_a_class(row.iter().copied())),
        }
    }

    /// Returns the output above which the class is that of the higher value; none of several outputs.
    pub fn threshold(self) -> Option<f64> {
        match self {
            Labels::Two { low, high } => Some(low + 0.5 * (high - low)),
            Labels::Largest => None,
        }
    }

    /// Returns the share of samples whose class is right. Outputs that are no numbers have none.
    pub fn accuracy(self, outputs: &Matrix, targets: &Matrix) -> f64 {
        let right = |i: usize| {
            if outputs.row(i).iter().any(|f| f.is_nan()) {
                return false;
            }
            match self.threshold() {
                Some(threshold) => (outputs[(i, 0)] > threshold) == (targets[(i, 0)] > threshold),
                None => outputs.row(i).transpose().imax() == targets.row(i).transpose().imax(),
            }
        };
        (0..outputs.nrows()).filter(|i| right(*i)).count() as f64 / outputs.nrows() as f64
    }

    /// Returns the accuracy of outputs for targets, where those are labels of these classes.
    pub fn accuracy_of(found: &Result<Labels, String>, outputs: &Matrix, targets: &Matrix) -> Option<f64> {
        let labels = found.as_ref().ok().filter(|labels| labels.has(targets))?;
        Some(labels.accuracy(outputs, targets))
    }
}

/// The smallest and the largest of class numbers in one column: three or more whole numbers without a gap, each on average of two samples.
pub(super) fn class_numbers(targets: &Matrix) -> Option<(f64, f64)> {
    if targets.ncols() != 1 || targets.iter().any(|y| y.fract() != 0.0) {
        return None;
    }
    let values = values(targets, MOST_NUMBERED + 1);
    let (first, last) = (*values.first()?, *values.last()?);
    let without_gap = last - first == (values.len() - 1) as f64;
    (without_gap && (3..=MOST_NUMBERED).contains(&values.len()) && targets.nrows() >= 2 * values.len())
        .then_some((first, last))
}

/// The different values in increasing order, at most so many.
fn values(targets: &Matrix, most: usize) -> Vec<f64> {
    let mut values: Vec<f64> = Vec::new();
    for y in targets.iter() {
        if let Err(place) = values.binary_search_by(|known| known.total_cmp(&(y + 0.0))) {
            values.insert(place, y + 0.0);
            if values.len() == most {
                break;
            }
        }
    }
    values
}

/// Whether targets of one sample name a class: one value above all others, which are equal, or probabilities with one largest.
fn names_a_class(row: impl Iterator<Item = f64> + Clone) -> bool {
    let high = row.clone().fold(f64::NEG_INFINITY, f64::max);
    if row.clone().filter(|y| *y == high).count() != 1 {
        return false;
    }
    let mut others = row.clone().filter(|y| *y != high);
    let first = others.clone().next();
    let is_one_hot = others.all(|y| Some(y) == first);
    let are_probabilities = row.clone().all(|y| y >= 0.0) && (row.sum::<f64>() - 1.0).abs() <= SUM_TOLERANCE;
    is_one_hot || are_probabilities
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[f64]) -> Matrix {
        Matrix::from_column_slice(values.len(), 1, values)
    }

    /// Outputs −0.013, 0.028, 0.958, 1.017 for the labels 0, 0, 1, 1 were right for 3 of 4 by their sign.
    #[test]
    fn two_values_are_told_apart_at_their_midpoint() {
        let targets = column(&[0.0, 0.0, 1.0, 1.0]);
        let labels = Labels::of(&targets).unwrap();
        assert_eq!(labels.threshold(), Some(0.5));
        assert_eq!(labels.accuracy(&column(&[-0.013, 0.028, 0.958, 1.017]), &targets), 1.0);
        assert_eq!(labels.accuracy(&column(&[-0.013, 0.028, 0.458, 1.017]), &targets), 0.75);
        let signs = column(&[-1.0, 1.0]);
        assert_eq!(Labels::of(&signs).unwrap().accuracy(&column(&[-0.1, 0.1]), &signs), 1.0);
        assert_eq!(Labels::of(&column(&[1.0, 1.0])), Ok(Labels::Two { low: -1.0, high: 1.0 }));
    }

    #[test]
    fn regressions_have_no_accuracy() {
        assert!(Labels::of(&column(&[0.5, 1.5, 2.5])).unwrap_err().contains("more than two values"));
        assert!(Labels::of(&column(&[0.0, 0.0])).unwrap_err().contains("one class"));
        let two = |rows: &[f64]| Matrix::from_row_slice(rows.len() / 2, 2, rows);
        assert!(Labels::of(&two(&[1.0, 0.0, 1.0, 1.0])).unwrap_err().contains("sample 2"));
        assert_eq!(Labels::of(&two(&[0.9, 0.1, -0.5, 0.5])), Ok(Labels::Largest));
        let soft = Matrix::from_row_slice(1, 3, &[0.2, 0.5, 0.3]);
        assert_eq!(Labels::of(&soft), Ok(Labels::Largest));
        assert!(Labels::of(&(soft * 2.0)).is_err());
        assert!(!Labels::of(&column(&[0.0, 1.0])).unwrap().has(&column(&[0.5])));
    }

    #[test]
    fn class_numbers_are_recognized() {
        let digits: Vec<f64> = (0..20).map(|i| f64::from(i % 10)).collect();
        assert_eq!(class_numbers(&column(&digits)), Some((0.0, 9.0)));
        assert_eq!(class_numbers(&column(&digits[..19])), None);
        assert_eq!(class_numbers(&column(&[0.0, 1.0, 0.0, 1.0, 0.0, 1.0])), None);
        assert_eq!(class_numbers(&column(&[0.0, 1.0, 3.0, 0.0, 1.0, 3.0])), None);
        assert_eq!(class_numbers(&column(&[0.0, 1.0, 2.5, 0.0, 1.0, 2.5])), None);
    }

    #[test]
    fn outputs_that_are_no_numbers_are_never_right() {
        let signs = column(&[-1.0, 1.0, 1.0]);
        let labels = Labels::of(&signs).unwrap();
        assert_eq!(labels.accuracy(&column(&[f64::NAN, f64::NAN, 2.0]), &signs), 1.0 / 3.0);
        let outputs = Matrix::from_row_slice(2, 2, &[f64::NAN, 0.0, 1.0, 2.0]);
        let classes = Matrix::from_row_slice(2, 2, &[1.0, 0.0, 0.0, 1.0]);
        assert_eq!(Labels::Largest.accuracy(&outputs, &classes), 0.5);
    }
}
