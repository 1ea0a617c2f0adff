//! Samples are matrices.

use crate::{
    error::{Error, Result},
    matrix::Matrix,
};

/// Inputs with their targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// P × d.
    pub inputs: Matrix,
    /// P × k.
    pub targets: Matrix,
}

/// Training samples and, where there are any, test samples. All values are finite and P, d, k ≥ 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Training samples.
    pub train: Samples,
    /// Test samples.
    pub test: Option<Samples>,
    /// What is known of them beside their numbers; in no hash.
    pub provenance: Provenance,
}

/// What is known of samples beside their numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Provenance {
    /// Sizes of an input before it was flattened, slowest first: of images rows and columns, with channels before or after as in the files.
    /// Empty where inputs are plain rows; their product is d.
    pub input_shape: Vec<usize>,
    /// What was guessed about the files and left out of them, in sentences.
    pub remarks: Vec<String>,
}

impl Provenance {
    /// Sentences for the user: what was guessed and left out, and how inputs are flattened.
    pub fn notes(&self) -> Vec<String> {
        let sizes: Vec<String> = self.input_shape.iter().map(usize::to_string).collect();
        let flattened = format!(
            "inputs are arrays of {} numbers, flattened so that the last index runs fastest",
            sizes.join(" × ")
        );
        self.remarks.iter().cloned().chain((!sizes.is_empty()).then_some(flattened)).collect()
    }
}

impl Dataset {
    /// Returns d.
    pub fn input_dimension(&self) -> usize {
        self.train.inputs.ncols()
    }

    /// Returns k.
    pub fn output_dimension(&self) -> usize {
        self.train.targets.ncols()
    }

    /// Visits every shape and number as bytes, in a fixed order, for a hash of the data.
    pub fn visit_bytes(&self, mut visit: impl FnMut(&[u8])) {
        let samples = [Some(&self.train), self.test.as_ref()];
        for matrix in samples.into_iter().flatten().flat_map(|samples| [&samples.inputs, &samples.targets]) {
            visit_matrix(matrix, &mut visit);
        }
    }
}

/// Visits shape and numbers as bytes.
pub(super) fn visit_matrix(matrix: &Matrix, visit: &mut impl FnMut(&[u8])) {
    visit(&(matrix.nrows() as u64).to_le_bytes());
    visit(&(matrix.ncols() as u64).to_le_bytes());
    matrix.iter().for_each(|x| visit(&x.to_le_bytes()));
}

pub(super) fn shape(matrix: &Matrix) -> String {
    format!("{} × {}", matrix.nrows(), matrix.ncols())
}

/// Refuses NaN and infinities, naming the first by row and column (from 1).
pub(super) fn check_finite(matrix: &Matrix, what: &str) -> Result<()> {
    let Some(position) = matrix.iter().position(|value| !value.is_finite()) else { return Ok(()) };
    let (row, column) = (position % matrix.nrows(), position / matrix.nrows());
    Err(Error::Data {
        what: what.into(),
        message: format!(
            "row {}, column {} is {}; all values must be finite",
            row + 1,
            column + 1,
            matrix[(row, column)]
        ),
    })
}
