//! A selection says which columns of a block go into each column of another, sample by sample.
//!
//! ```text
//! stacked:  y_p = (x_{s(p,1)}; …; x_{s(p,q)})        summed:  y_p = Σ_j x_{s(p,j)}        x = 0 where s(p,j) is none
//! ```
//!
//! (docs/theory/convolutions.md §1, Eq. patch.) Columns are positions: sample after sample, row after row of an image. Patches of convolutions are
//! stacked, averages over windows are summed, and what backward signals do is a sum by a transpose.

use crate::{matrix::Matrix, problem::Taps};

/// A table of columns (module formula), the same for every sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    inputs: usize,
    slots: usize,
    /// Outputs × slots; `None` is zero.
    columns: Vec<Option<u32>>,
}

impl Selection {
    /// Makes a selection among `inputs` columns a sample, from the slots of every output, one output after the other.
    pub fn new(inputs: usize, slots: usize, columns: Vec<Option<u32>>) -> Self {
        debug_assert!(columns.iter().flatten().all(|column| (*column as usize) < inputs));
        Self { inputs, slots, columns }
    }

    /// Makes the selection of what the taps of windows see among the `inputs` positions of an image, a slot for each tap.
    pub fn of_taps(taps: &Taps, inputs: usize) -> Self {
        let outputs = 0..taps.positions[0] * taps.positions[1];
        Self::new(inputs, taps.count, outputs.flat_map(|output| taps.of(output).iter().copied()).collect())
    }

    /// Returns how many columns a sample has.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Returns how many columns a sample has in what comes of it.
    pub fn outputs(&self) -> usize {
        self.columns.len() / self.slots
    }

    /// Returns q, how many columns go into each.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Returns the columns that go into one.
    pub fn of(&self, output: usize) -> &[Option<u32>] {
        &self.columns[output * self.slots..][..self.slots]
    }

    /// Returns the transpose of summing: `x_r = Σ y_p` over all p and j with s(p,j) = r.
    #[must_use]
    pub fn transposed_sum(&self) -> Selection {
        self.transposed(self.outputs(), |output, _| output)
    }

    /// Returns the transpose of stacking, for stacks that are cut into their q parts: `x_r = Σ y_{p,j}`.
    #[must_use]
    pub fn transposed_stack(&self) -> Selection {
        self.transposed(self.columns.len(), |output, slot| output * self.slots + slot)
    }

    /// The columns whose number is `of(output, slot)`, gathered by the input that the slot names.
    fn transposed(&self, inputs: usize, of: impl Fn(usize, usize) -> usize) -> Selection {
        let mut seen: Vec<Vec<u32>> = vec![Vec::new(); self.inputs];
        for (at, input) in self.columns.iter().enumerate() {
            if let Some(input) = input {
                seen[*input as usize].push(of(at / self.slots, at % self.slots) as u32);
            }
        }
        let slots = seen.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let padded = |seen: Vec<u32>| seen.into_iter().map(Some).chain(std::iter::repeat(None)).take(slots);
        Selection::new(inputs, slots, seen.into_iter().flat_map(padded).collect())
    }

    /// Returns the stacks of columns of a matrix (n × samples inputs), q n × samples outputs: what every block does.
    pub fn stack(&self, x: &Matrix) -> Matrix {
        let (n, outputs) = (x.nrows(), self.outputs());
        Matrix::from_fn(self.slots * n, x.ncols() / self.inputs * outputs, |row, column| {
            let (sample, output) = (column / outputs, column % outputs);
            self.of(output)[row / n].map_or(0.0, |input| x[(row % n, sample * self.inputs + input as usize)])
        })
    }

    /// Returns the sums of columns of a matrix (n × samples inputs), n × samples outputs.
    pub fn sum(&self, x: &Matrix) -> Matrix {
        let outputs = self.outputs();
        Matrix::from_fn(x.nrows(), x.ncols() / self.inputs * outputs, |row, column| {
            let first = column / outputs * self.inputs;
            let inputs = self.of(column % outputs).iter().flatten();
            inputs.map(|input| x[(row, first + *input as usize)]).sum()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Padding, Window};

    fn wave(rows: usize, columns: usize, frequency: f64) -> Matrix {
        Matrix::from_fn(rows, columns, |i, j| ((i * columns + j) as f64 * frequency + 0.3).sin())
    }

    /// `⟨S x, y⟩ = ⟨x, Sᵀ y⟩` for both maps, of windows that overlap, leave inputs out, and reach over the edge.
    #[test]
    fn transposes_are_transposes() {
        for (size, stride, padding) in [
            ([3, 2], [1, 1], Padding::Same),
            ([2, 2], [3, 2], Padding::Valid),
            ([3, 3], [1, 2], Padding::Circular),
            ([5, 5], [5, 2], Padding::Circular),
        ] {
            let taps = Window { size, stride, padding }.taps([5, 4]).expect("it fits");
            let selection = Selection::of_taps(&taps, 20);
            let x = wave(3, 40, 0.7);
            let (stacked, summed) = (selection.stack(&x), selection.sum(&x));
            let (y, z) = (wave(stacked.nrows(), stacked.ncols(), 1.1), wave(3, summed.ncols(), 1.3));
            // A stack of q columns is a column of the matrix whose q parts stand side by side.
            let parts = Matrix::from_column_slice(3, y.len() / 3, y.as_slice());
            for (forward, back) in [
                (stacked.dot(&y), x.dot(&selection.transposed_stack().sum(&parts))),
                (summed.dot(&z), x.dot(&selection.transposed_sum().sum(&z))),
            ] {
                assert!((forward - back).abs() < 1e-12 * forward.abs().max(1.0), "{forward} {back}");
            }
        }
    }
}
