//! Writes kernels as files, JSON and a summary.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use serde::{Serialize, Serializer, ser::SerializeMap};
use widenet_core::{Matrix, Width, problem::Activation, trajectory::Number};
use widenet_limits::linear_algebra::{eigenvalues, largest_eigenvalue};

use widenet_output::{Format, OutputFile, Result, Rows};

use crate::error::{QuestionResult, invalid};

/// A block of a kernel on training and test inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Train,
    TestTrain,
    Test,
}

impl Block {
    pub(super) const ALL: [Block; 3] = [Block::Train, Block::TestTrain, Block::Test];
}

/// The kernels asked for. In JSON `{ "width", "activation", "nngp": { "train": [[…]], … }, "ntk": { … } }`.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelAnswer {
    /// Width of the network.
    pub width: Width,
    /// Its activation.
    pub activation: Activation,
    /// NNGP kernel.
    pub nngp: Blocks,
    /// Tangent kernel.
    pub ntk: Blocks,
    /// Standard deviations of both between networks, where there are several, of which the kernels are the means; in JSON `nngp_std` and
    /// `ntk_std`.
    pub spread: Option<[Blocks; 2]>,
}

/// Blocks of one kernel; those asked for are present.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Blocks {
    /// Among the P training inputs, P × P.
    pub train: Option<Matrix>,
    /// Between the T test and the training inputs, T × P.
    pub test_train: Option<Matrix>,
    /// Among the test inputs, T × T.
    pub test: Option<Matrix>,
    /// All eigenvalues of the training block, in increasing order, as a column.
    pub eigenvalues: Option<Matrix>,
}

/// One block in a few numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// `nngp-train` and the like.
    pub name: String,
    /// Rows and columns.
    pub shape: (usize, usize),
    /// Sum of the diagonal of a kernel among inputs.
    pub trace: Option<f64>,
    /// Smallest entry.
    pub smallest: f64,
    /// Largest entry.
    pub largest: f64,
    /// Smallest eigenvalue, where the spectrum is there.
    pub smallest_eigenvalue: Option<f64>,
    /// Largest eigenvalue of a kernel among inputs.
    pub largest_eigenvalue: Option<f64>,
}

impl Blocks {
    pub(super) fn put(&mut self, block: Block, matrix: Option<Matrix>) {
        match block {
            Block::Train => self.train = matrix,
            Block::TestTrain => self.test_train = matrix,
            Block::Test => self.test = matrix,
        }
    }

    /// Other matrices of the same blocks.
    pub(super) fn map(&self, mut change: impl FnMut(&Matrix) -> Matrix) -> Blocks {
        let mut of = |block: &Option<Matrix>| block.as_ref().map(&mut change);
        Blocks { train: of(&self.train), test_train: of(&self.test_train), test: of(&self.test), eigenvalues: None }
    }

    pub(super) fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        self.present().map(|(_, matrix)| matrix)
    }

    pub(super) fn matrices_mut(&mut self) -> impl Iterator<Item = &mut Matrix> {
        [&mut self.train, &mut self.test_train, &mut self.test].into_iter().flatten()
    }

    /// Refuses kernels that hold a number that is not finite; `is_single` says that they were computed in single precision.
    pub(super) fn check_finite(&self, kernel: &str, is_single: bool) -> QuestionResult<()> {
        for (block, matrix) in self.present() {
            let Some(position) = matrix.iter().position(|x| !x.is_finite()) else { continue };
            let (row, column) = (position % matrix.nrows() + 1, position / matrix.nrows() + 1);
            let cause = if is_single {
                "numbers of this network are beyond single precision; compute it in double precision, or scale the inputs down"
            } else {
                "numbers of this network are beyond double precision; scale the inputs down"
            };
            return Err(invalid(format!(
                "the {kernel} kernel (block {block}) is {} at row {row}, column {column}: {cause}",
                matrix[position]
            )));
        }
        Ok(())
    }

    /// Adds the spectrum of the training block, if that is there.
    pub(super) fn add_eigenvalues(&mut self) -> QuestionResult<()> {
        let Some(train) = &self.train else { return Ok(()) };
        let eigenvalues = eigenvalues(train)
            .ok_or_else(|| invalid("the eigenvalues of the training kernel did not converge".into()))?;
        self.eigenvalues = Some(Matrix::from_vec(eigenvalues.len(), 1, eigenvalues));
        Ok(())
    }

    fn present(&self) -> impl Iterator<Item = (&'static str, &Matrix)> {
        let blocks = [("train", &self.train), ("test_train", &self.test_train), ("test", &self.test)];
        blocks.into_iter().filter_map(|(name, block)| Some((name, block.as_ref()?)))
    }
}

impl Serialize for Blocks {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, matrix) in self.present() {
            map.serialize_entry(name, &Rows(matrix))?;
        }
        if let Some(eigenvalues) = &self.eigenvalues {
            let numbers: Vec<Number> = eigenvalues.iter().copied().map(Number).collect();
            map.serialize_entry("eigenvalues", &numbers)?;
        }
        map.end()
    }
}

impl Serialize for KernelAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("width", &self.width)?;
        map.serialize_entry("activation", self.activation.name())?;
        for (name, blocks) in self.kernels() {
            if *blocks != Blocks::default() {
                map.serialize_entry(name, blocks)?;
            }
        }
        map.end()
    }
}

impl KernelAnswer {
    fn kernels(&self) -> impl Iterator<Item = (&'static str, &Blocks)> {
        let spread = self.spread.iter().flat_map(|[nngp, ntk]| [("nngp_std", nngp), ("ntk_std", ntk)]);
        [("nngp", &self.nngp), ("ntk", &self.ntk)].into_iter().chain(spread)
    }

    /// Writes the kernels in the format of the file: one JSON document, or one array per file, whose names are returned.
    ///
    /// # Errors
    /// Those of writing the files.
    pub fn write(&self, output: &OutputFile) -> Result<Vec<PathBuf>> {
        if output.format() == Format::Json {
            output.write(|out| self.write_json(out))?;
            return Ok(vec![output.path().to_owned()]);
        }
        let mut arrays = Vec::new();
        for (kernel, blocks) in self.kernels() {
            let eigenvalues = blocks.eigenvalues.as_ref().map(|eigenvalues| ("eigenvalues", eigenvalues));
            for (block, matrix) in blocks.present().chain(eigenvalues) {
                arrays.push((format!("{kernel}-{block}"), matrix));
            }
        }
        output.write_arrays(&arrays)
    }

    /// Writes the kernels as one line of JSON.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }

    /// Returns every block in a few numbers.
    pub fn summaries(&self) -> Vec<Summary> {
        let of_kernel = |(kernel, blocks): (&str, &Blocks)| -> Vec<Summary> {
            let eigenvalues = blocks.eigenvalues.as_ref();
            let summary = |(block, matrix): (&str, &Matrix)| {
                let square = block != "test_train" && !kernel.ends_with("_std");
                Summary {
                    name: format!("{kernel}-{block}"),
                    shape: matrix.shape(),
                    trace: square.then(|| matrix.trace()),
                    smallest: matrix.min(),
                    largest: matrix.max(),
                    smallest_eigenvalue: eigenvalues.filter(|_| block == "train").map(|eigenvalues| eigenvalues[0]),
                    largest_eigenvalue: if square { largest_eigenvalue(matrix) } else { None },
                }
            };
            blocks.present().map(summary).collect()
        };
        self.kernels().flat_map(of_kernel).collect()
    }
}
