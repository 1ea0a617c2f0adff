//! A training kernel is one of samples, shared by all outputs, or that of one network between all samples and outputs.
//!
//! ```text
//! f_X as P × k for a kernel P × P,      as (f_1(x_1), …, f_k(x_1), f_1(x_2), …)ᵀ for a kernel P k × P k
//! ```
//!
//! (docs/theory/ntk.md §4: the empirical kernel; samples outermost, as `widenet kernel --full` writes them.)

use widenet_core::Matrix;

use crate::kernel::start::Start;

/// What the rows of a training kernel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Samples.
    Samples,
    /// Samples with their outputs, samples outermost.
    SamplesAndOutputs {
        /// k.
        outputs: usize,
    },
}

impl Layout {
    /// Of a kernel with so many rows.
    pub(super) fn of(rows: usize, samples: usize, outputs: usize) -> Self {
        if rows == samples { Layout::Samples } else { Layout::SamplesAndOutputs { outputs } }
    }

    /// Rows of a kernel of samples.
    pub(super) fn rows(self, samples: usize) -> usize {
        match self {
            Layout::Samples => samples,
            Layout::SamplesAndOutputs { outputs } => samples * outputs,
        }
    }

    /// Samples of so many rows of a kernel.
    pub(super) fn samples(self, rows: usize) -> usize {
        match self {
            Layout::Samples => rows,
            Layout::SamplesAndOutputs { outputs } => rows / outputs,
        }
    }

    /// Outputs (N × k) as the kernel acts on them.
    pub(super) fn laid_out(self, values: &Matrix) -> Matrix {
        match self {
            Layout::Samples => values.clone(),
            Layout::SamplesAndOutputs { .. } => Matrix::from_vec(values.len(), 1, values.transpose().data.into()),
        }
    }

    /// Outputs (N × k) of what the kernel acts on.
    pub(super) fn outputs(self, values: Matrix) -> Matrix {
        match self {
            Layout::Samples => values,
            Layout::SamplesAndOutputs { outputs } => {
                Matrix::from_row_iterator(values.nrows() / outputs, outputs, values.iter().copied())
            }
        }
    }

    /// A start as the kernel acts on it.
    pub(super) fn start(self, start: Start) -> Start {
        Start { train: self.laid_out(&start.train), test: start.test.map(|test| self.laid_out(&test)) }
    }
}
