//! Prepares inputs: first by mean and variance of the training samples, then by the norm of each row.

use widenet_document::{Word, keys::or, section, shape::word};

use super::dataset::{Dataset, check_finite};
use crate::{
    error::{Error, Result},
    matrix::Matrix,
};

section! {
    /// What is done to the inputs.
    #[derive(Debug, Clone, Copy, PartialEq)]
    pub(super) struct Preprocessing {
        /// `feature` gives every input column mean 0 and variance 1 on the training samples (a constant column becomes 0); `global` does so
        /// with one mean and one variance for all inputs.
        standardize: Standardize = or(word(), "none"),
        /// `unit` scales every input row to norm 1, after `standardize`.
        normalize: Normalize = or(word(), "none"),
    }
    refuse {
        "standardise": "it is now called `standardize`",
        "normalise": "it is now called `normalize`",
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Standardize {
    None,
    Feature,
    Global,
}

impl Word for Standardize {
    const WORDS: &'static [(&'static str, Standardize)] =
        &[("none", Standardize::None), ("feature", Standardize::Feature), ("global", Standardize::Global)];
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Normalize {
    None,
    Unit,
}

impl Word for Normalize {
    const WORDS: &'static [(&'static str, Normalize)] = &[("none", Normalize::None), ("unit", Normalize::Unit)];
}

impl Preprocessing {
    pub(super) fn apply(&self, mut data: Dataset) -> Result<Dataset> {
        // Without training samples the test inputs are standardized by themselves.
        let measured = match &data.test {
            Some(test) if data.train.inputs.is_empty() => &test.inputs,
            _ => &data.train.inputs,
        };
        let affine: Vec<Affine> = match self.standardize {
            Standardize::None => Vec::new(),
            Standardize::Feature => {
                measured.column_iter().map(|column| Affine::standardizing(column.as_slice())).collect::<Result<_>>()?
            }
            Standardize::Global => vec![Affine::standardizing(measured.as_slice())?; measured.ncols()],
        };
        let samples = [("training inputs", Some(&mut data.train)), ("test inputs", data.test.as_mut())];
        for (what, samples) in samples {
            let Some(samples) = samples else { continue };
            for (mut column, affine) in samples.inputs.column_iter_mut().zip(&affine) {
                column.apply(|value| *value = (*value - affine.mean) * affine.scale);
            }
            if self.normalize == Normalize::Unit {
                to_unit_rows(&mut samples.inputs, what)?;
            }
            check_finite(&samples.inputs, &format!("{what} after preprocessing"))?;
        }
        Ok(data)
    }
}

/// `x ↦ (x − mean) · scale`.
#[derive(Debug, Clone, Copy)]
struct Affine {
    mean: f64,
    scale: f64,
}

impl Affine {
    /// Gives the values mean 0 and variance 1, or 0 if they are all the same.
    fn standardizing(values: &[f64]) -> Result<Affine> {
        // Compared exactly: the variance of equal numbers need not round to 0.
        if values.iter().all(|value| *value == values[0]) {
            return Ok(Affine { mean: 0.0, scale: 0.0 });
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        // One that overflows, or has lost its digits to underflow, would standardize nothing.
        if !variance.is_normal() {
            return Err(Error::Data {
                what: "training inputs".into(),
                message: format!(
                    "their variance is {variance:e}, too large or too small for f64; \
                     rescale them or set data.standardize = \"none\""
                ),
            });
        }
        Ok(Affine { mean, scale: variance.sqrt().recip() })
    }
}

fn to_unit_rows(inputs: &mut Matrix, what: &str) -> Result<()> {
    for (row, mut input) in inputs.row_iter_mut().enumerate() {
        let largest = input.amax();
        if largest == 0.0 {
            return Err(Error::Data {
                what: what.into(),
                message: format!("row {} is 0 and cannot be scaled to norm 1; set data.normalize = \"none\"", row + 1),
            });
        }
        // In two divisions, as the squares of the values may over- or underflow.
        input /= largest;
        let norm = input.norm();
        input /= norm;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::Samples;

    fn dataset() -> Dataset {
        let samples = |inputs: Matrix| Samples { targets: Matrix::zeros(inputs.nrows(), 1), inputs };
        Dataset {
            train: samples(Matrix::from_row_slice(2, 2, &[1.0, 0.1, 3.0, 0.1])),
            test: Some(samples(Matrix::from_row_slice(1, 2, &[4.0, 7.0]))),
            provenance: Default::default(),
        }
    }

    #[test]
    fn features_are_standardized_by_training_statistics_and_constant_ones_vanish() {
        let preprocessing = Preprocessing { standardize: Standardize::Feature, normalize: Normalize::None };
        let data = preprocessing.apply(dataset()).unwrap();
        assert_eq!(data.train.inputs, Matrix::from_row_slice(2, 2, &[-1.0, 0.0, 1.0, 0.0]));
        assert_eq!(data.test.unwrap().inputs, Matrix::from_row_slice(1, 2, &[2.0, 0.0]));
    }

    #[test]
    fn global_standardization_uses_one_mean_and_one_variance() {
        let preprocessing = Preprocessing { standardize: Standardize::Global, normalize: Normalize::None };
        let inputs = preprocessing.apply(dataset()).unwrap().train.inputs;
        assert!(inputs.mean().abs() < 1e-15);
        assert!((inputs.norm_squared() - 4.0).abs() < 1e-14);
        assert_eq!(inputs[(0, 1)], inputs[(1, 1)]);
    }

    #[test]
    fn rows_get_norm_one_and_a_zero_row_is_named() {
        let preprocessing = Preprocessing { standardize: Standardize::None, normalize: Normalize::Unit };
        let data = preprocessing.apply(dataset()).unwrap();
        assert!(data.train.inputs.row_iter().all(|row| (row.norm() - 1.0).abs() < 1e-15));
        let mut extreme = dataset();
        extreme.train.inputs = Matrix::from_row_slice(3, 2, &[1e200, 0.0, 3e-200, -4e-200, 0.0, 5e-324]);
        let units = Matrix::from_row_slice(3, 2, &[1.0, 0.0, 0.6, -0.8, 0.0, 1.0]);
        assert!((preprocessing.apply(extreme).unwrap().train.inputs - units).amax() < 1e-15);
        let mut zero = dataset();
        zero.train.inputs.row_mut(1).fill(0.0);
        assert!(preprocessing.apply(zero).unwrap_err().to_string().contains("training inputs: row 2 is 0"));
    }
}
