//! Windows slide over an image: filters of convolutions, and pools.
//!
//! ```text
//! output i sees the inputs i s − lo + t,   t = 0 … f − 1        (each axis alone: filter f, stride s)
//! ```
//!
//! (docs/theory/convolutions.md §1, Eq. window.)

use widenet_document::Word;

use crate::error::{Error, Result};

/// What a window sees outside the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Zeros: with stride 1 the output has the size of the input.
    Same,
    /// The other end of the image.
    Circular,
    /// Nothing: all windows are inside.
    Valid,
}

impl Word for Padding {
    const WORDS: &'static [(&'static str, Padding)] =
        &[("same", Padding::Same), ("circular", Padding::Circular), ("valid", Padding::Valid)];
}

/// A window with its stride: rows, then columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns that it sees.
    pub size: [usize; 2],
    /// Rows and columns between two windows.
    pub stride: [usize; 2],
    /// What lies outside.
    pub padding: Padding,
}

/// Most inputs that all windows of a layer see together.
const MAX_SEEN: usize = 1 << 24;

impl Window {
    /// Returns the rows and columns of the outputs on an image of `image` rows and columns.
    ///
    /// # Errors
    /// A size or stride of 0; a window without padding that is larger than the image; a circular stride that does not divide the image; windows that see
    /// more inputs together than are counted.
    pub fn positions(&self, image: [usize; 2]) -> Result<[usize; 2]> {
        let [rows, columns] = [self.outputs(image[0], 0)?, self.outputs(image[1], 1)?];
        let [height, width] = self.size;
        let seen = [rows, columns, height, width].into_iter().fold(1, usize::saturating_mul);
        if seen > MAX_SEEN {
            return Err(Error::Invalid(format!(
                "windows of {height} × {width} at {rows} × {columns} positions see more than {MAX_SEEN} inputs; give a smaller window"
            )));
        }
        Ok([rows, columns])
    }

    /// Returns the inputs that the taps of every output see, on an image of `image` rows and columns.
    ///
    /// # Errors
    /// As for [`Window::positions`].
    pub fn taps(&self, image: [usize; 2]) -> Result<Taps> {
        let positions = self.positions(image)?;
        let [rows, columns] = [0, 1].map(|axis| self.axis(image[axis], positions[axis], axis));
        let mut table = Vec::with_capacity(rows.len() * columns.len() * self.size[0] * self.size[1]);
        for row in &rows {
            for column in &columns {
                for y in row {
                    table.extend(column.iter().map(|x| Some(((*y)? * image[1] + (*x)?) as u32)));
                }
            }
        }
        Ok(Taps { positions, count: self.size[0] * self.size[1], table })
    }

    /// Outputs along one axis of n inputs.
    fn outputs(&self, n: usize, axis: usize) -> Result<usize> {
        let (size, stride, name) = (self.size[axis], self.stride[axis], ["rows", "columns"][axis]);
        match self.padding {
            _ if size == 0 || stride == 0 => Err(Error::Invalid(format!(
                "a window of {size} {name} has the stride {stride}; both must be 1 or more"
            ))),
            Padding::Valid if size > n => Err(Error::Invalid(format!(
                "a window of {size} {name} with padding \"valid\" does not fit into {n} {name}; it must be smaller, or have the padding \"same\""
            ))),
            Padding::Valid => Ok((n - size) / stride + 1),
            Padding::Circular if !n.is_multiple_of(stride) => Err(Error::Invalid(format!(
                "the stride {stride} with padding \"circular\" does not divide {n} {name}; it must divide them"
            ))),
            Padding::Same | Padding::Circular => Ok(n.div_ceil(stride)),
        }
    }

    /// The inputs that the taps of every output see along one axis of n inputs; `None` is outside.
    fn axis(&self, n: usize, outputs: usize, axis: usize) -> Vec<Vec<Option<usize>>> {
        let (size, stride) = (self.size[axis], self.stride[axis]);
        let low = match self.padding {
            Padding::Valid => 0,
            Padding::Same | Padding::Circular => ((outputs.max(1) - 1) * stride + size).saturating_sub(n) / 2,
        };
        let input = |output: usize, tap: usize| {
            let shifted = (output * stride + tap) as i64 - low as i64;
            match self.padding {
                Padding::Circular => Some(shifted.rem_euclid(n as i64) as usize),
                Padding::Same | Padding::Valid => usize::try_from(shifted).ok().filter(|input| *input < n),
            }
        };
        (0..outputs).map(|output| (0..size).map(|tap| input(output, tap)).collect()).collect()
    }
}

/// Which input position every tap of every output position sees. Positions are numbered row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taps {
    /// Rows and columns of the outputs.
    pub positions: [usize; 2],
    /// Taps of a window, q.
    pub count: usize,
    /// Outputs × taps; `None` is outside the image.
    table: Vec<Option<u32>>,
}

impl Taps {
    /// Returns the table with one output, whose window is the whole image.
    pub fn whole(image: [usize; 2]) -> Taps {
        let count = image[0] * image[1];
        Taps { positions: [1, 1], count, table: (0..count as u32).map(Some).collect() }
    }

    /// Returns the inputs under the taps of an output position.
    pub fn of(&self, position: usize) -> &[Option<u32>] {
        &self.table[position * self.count..][..self.count]
    }
}
