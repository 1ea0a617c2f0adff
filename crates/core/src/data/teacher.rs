//! Synthetic samples of a linear teacher.
//!
//! ```text
//! y = B x + ε,    x_j ~ N(0, s_j²),    B_ij ~ N(0, τ²/d),    ε_i ~ N(0, ν²)
//! ```
//!
//! (docs/theory/training.md §6, Eq. teacher.) `s` is the spectrum, `τ` the teacher scale, `ν` the noise. Sample `p` has random streams of
//! its own, so more samples extend a data set without changing it.

use std::ops::Range;

use rand::distr::Distribution;
use rand_distr::StandardNormal;

use super::{
    Samples,
    source::{SampleTable, Tables},
};
use crate::{
    Matrix, Result,
    document::{Field, Reader, Value},
    seed::{Purpose, stream},
};

/// A linear teacher with Gaussian inputs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Teacher {
    output_dimension: usize,
    /// Standard deviation of each input; its length is the input dimension.
    spectrum: Vec<f64>,
    noise: f64,
    scale: f64,
    seed: u64,
}

/// Largest input or output dimension: matrices with these sides must fit into memory.
const MAX_DIMENSION: u64 = 20_000;

impl Teacher {
    pub(super) fn parse(table: &mut Reader) -> Result<Teacher> {
        let dimension = |field: &Field| Ok(field.whole_in(1..=MAX_DIMENSION)? as usize);
        let input_dimension = table.required("input_dimension", dimension)?;
        table.required("train_samples", Field::count)?;
        Ok(Teacher {
            output_dimension: table.or("output_dimension", 1, dimension)?,
            spectrum: table.or("spectrum", vec![1.0; input_dimension], |field| spectrum(field, input_dimension))?,
            noise: table.or("noise", 0.0, Field::non_negative)?,
            scale: table.or("teacher_scale", 1.0, Field::positive)?,
            seed: table.or("seed", 0, Field::whole)?,
        })
    }

    /// As many samples as are wanted.
    pub(super) fn tables(&self, train_samples: Option<usize>, test_samples: Option<usize>) -> Tables {
        let [train, test] = [train_samples, test_samples].map(Option::unwrap_or_default);
        let table =
            TeacherTable { weights: self.weights(), teacher: self.clone(), samples: train.saturating_add(test) };
        Tables { train: Box::new(table), test: None }
    }

    /// `B`, k × d.
    fn weights(&self) -> Matrix {
        let mut rng = stream(self.seed, Purpose::Teacher, 0);
        let std = self.scale / (self.spectrum.len() as f64).sqrt();
        let (rows, columns) = (self.output_dimension, self.spectrum.len());
        Matrix::from_row_iterator(rows, columns, (0..rows * columns).map(|_| std * normal(&mut rng)))
    }
}

fn normal(rng: &mut impl rand::Rng) -> f64 {
    StandardNormal.sample(rng)
}

fn spectrum(field: &Field, input_dimension: usize) -> Result<Vec<f64>> {
    if let Value::Array(_) = field.node().value {
        return field.list_of(input_dimension, "one per input (data.input_dimension)", Field::non_negative);
    }
    let mut table = field.table()?;
    let power = table.required("power", Field::number)?;
    table.finish()?;
    let spectrum: Vec<f64> = (1..=input_dimension).map(|j| (j as f64).powf(-power)).collect();
    if spectrum.iter().all(|std| std.is_finite()) {
        Ok(spectrum)
    } else {
        Err(field.must_be(&format!("a power with finite j^-power up to j = {input_dimension}")))
    }
}

struct TeacherTable {
    teacher: Teacher,
    weights: Matrix,
    samples: usize,
}

impl SampleTable for TeacherTable {
    fn name(&self) -> String {
        "data (teacher)".into()
    }

    fn len(&self) -> usize {
        self.samples
    }

    fn columns(&self) -> usize {
        self.weights.nrows() + self.weights.ncols()
    }

    fn read(&self, rows: Range<usize>) -> Result<Samples> {
        let Teacher { spectrum, noise, seed, .. } = &self.teacher;
        let mut inputs = Matrix::zeros(rows.len(), spectrum.len());
        let mut targets = Matrix::zeros(rows.len(), self.weights.nrows());
        for (row, sample) in rows.enumerate() {
            let mut rng = stream(*seed, Purpose::Inputs, sample as u64);
            for (input, std) in inputs.row_mut(row).iter_mut().zip(spectrum) {
                *input = std * normal(&mut rng);
            }
            let mut rng = stream(*seed, Purpose::Noise, sample as u64);
            for target in targets.row_mut(row).iter_mut() {
                *target = noise * normal(&mut rng);
            }
        }
        targets += &inputs * self.weights.transpose();
        Ok(Samples { inputs, targets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn teacher(noise: f64) -> TeacherTable {
        let teacher = Teacher { output_dimension: 2, spectrum: vec![2.0, 0.5, 0.0], noise, scale: 3.0, seed: 7 };
        TeacherTable { weights: teacher.weights(), teacher, samples: 4000 }
    }

    #[test]
    fn targets_are_linear_in_the_inputs_without_noise() {
        let table = teacher(0.0);
        let samples = table.read(0..50).unwrap();
        let expected = &samples.inputs * table.weights.transpose();
        assert!((samples.targets - expected).amax() < 1e-14);
    }

    /// Sample variances of n Gaussians have relative standard deviation √(2/n) = 0.022; five of these are allowed.
    #[test]
    fn inputs_and_noise_have_the_wanted_variances() {
        let table = teacher(0.3);
        let samples = table.read(0..4000).unwrap();
        let noise = &samples.targets - &samples.inputs * table.weights.transpose();
        let variance = |column: nalgebra::DVectorView<f64>| column.norm_squared() / 4000.0;
        for (found, wanted) in [
            (variance(samples.inputs.column(0)), 4.0),
            (variance(samples.inputs.column(1)), 0.25),
            (variance(noise.column(0)), 0.09),
            (variance(noise.column(1)), 0.09),
        ] {
            assert!((found / wanted - 1.0).abs() < 0.11, "{found} {wanted}");
        }
        assert_eq!(samples.inputs.column(2).amax(), 0.0);
    }

    #[test]
    fn samples_do_not_depend_on_how_many_are_read() {
        let table = teacher(0.3);
        let (all, part) = (table.read(0..20).unwrap(), table.read(12..20).unwrap());
        assert_eq!(all.inputs.rows(12, 8), part.inputs);
        assert!((all.targets.rows(12, 8) - part.targets).amax() < 1e-14);
    }
}
