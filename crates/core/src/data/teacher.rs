//! A linear teacher makes synthetic samples.
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
use widenet_document::{
    Written,
    keys::{optional, or, required},
    section,
    shape::{Either, list, natural, non_negative, number, positive, table_or, whole},
};

use super::{
    dataset::Samples,
    origin::{Origin, SampleTable, Tables, Wanted, check_memory, check_size},
};
use crate::{
    error::Result,
    matrix::Matrix,
    seed::{Purpose, stream},
};

/// Largest input or output dimension: matrices with these sides must fit into memory.
const MAX_DIMENSION: u64 = 20_000;

section! {
    /// Standard deviations `j^-power` of the inputs j = 1, 2, ….
    #[derive(Debug, Clone, PartialEq)]
    struct Decay {
        /// The exponent.
        power: f64 = required(number()),
    }
}

section! {
    /// Synthetic samples of a linear teacher with Gaussian inputs: `y = B x + noise`. `train_samples` is required.
    #[derive(Debug, Clone, PartialEq)]
    pub(super) struct Teacher {
        /// Input dimension d.
        input_dimension: usize = required(whole(1..=MAX_DIMENSION)),
        /// Output dimension k.
        output_dimension: usize = or(whole(1..=MAX_DIMENSION), 1),
        /// Standard deviations of the inputs: a list, or `{ power = a }` for `j^-a`; all 1 where it is not given.
        spectrum: Option<Either<Decay, Vec<f64>>> = optional(table_or(list(non_negative()))),
        /// Standard deviation of the noise.
        noise: f64 = or(non_negative(), 0.0),
        /// τ: entries of B have standard deviation τ/√d.
        teacher_scale: f64 = or(positive(), 1.0),
        /// Seed of the samples.
        seed: u64 = or(natural(), 0),
    }
    check = check;
}

fn check(teacher: &Teacher, table: &Written<'_>) -> widenet_document::Result<()> {
    if table.given("train_samples").is_none() {
        return Err(table.missing("train_samples"));
    }
    let (Some(field), inputs) = (table.given("spectrum"), teacher.input_dimension) else { return Ok(()) };
    let spectrum = teacher.spectrum();
    if spectrum.len() != inputs {
        let found = spectrum.len();
        let message = format!(
            "`{}` has {found} elements; it must have {inputs}, one per input (data.input_dimension)",
            field.key()
        );
        return Err(field.error(message));
    }
    if spectrum.iter().any(|std| !std.is_finite()) {
        return Err(field.must_be(&format!("a power with finite j^-power up to j = {inputs}")));
    }
    Ok(())
}

impl Origin for Teacher {
    /// As many samples as are wanted.
    fn open(&self, _: &std::path::Path, wanted: Wanted) -> Result<Tables> {
        let [train, test] = [wanted.train, wanted.test].map(Option::unwrap_or_default);
        let (name, inputs, outputs) = ("data (teacher)", self.input_dimension, self.output_dimension);
        check_size(name, train.saturating_add(test), inputs + outputs)?;
        // Entries and a transposed copy.
        check_memory(
            name,
            &format!("a teacher of {outputs} x {inputs} entries"),
            16 * (inputs * outputs) as u64,
            |bytes| {
                let outputs = bytes / 16 / inputs as u64;
                format!("set a smaller data.input_dimension, or data.output_dimension to at most {outputs}")
            },
        )?;
        let table = TeacherTable::new(self.clone(), train.saturating_add(test));
        Ok(Tables { train: Box::new(table), test: None })
    }
}

impl Teacher {
    /// Standard deviation of each input.
    fn spectrum(&self) -> Vec<f64> {
        let inputs = self.input_dimension;
        match &self.spectrum {
            None => vec![1.0; inputs],
            Some(Either::Other(list)) => list.clone(),
            Some(Either::Table(Decay { power })) => (1..=inputs).map(|j| (j as f64).powf(-power)).collect(),
        }
    }

    /// `B`, k × d.
    fn weights(&self) -> Matrix {
        let mut rng = stream(self.seed, Purpose::Teacher, 0);
        let std = self.teacher_scale / (self.input_dimension as f64).sqrt();
        let (rows, columns) = (self.output_dimension, self.input_dimension);
        Matrix::from_row_iterator(rows, columns, (0..rows * columns).map(|_| std * normal(&mut rng)))
    }
}

fn normal(rng: &mut impl rand::Rng) -> f64 {
    StandardNormal.sample(rng)
}

struct TeacherTable {
    teacher: Teacher,
    spectrum: Vec<f64>,
    weights: Matrix,
    samples: usize,
}

impl TeacherTable {
    fn new(teacher: Teacher, samples: usize) -> TeacherTable {
        TeacherTable { spectrum: teacher.spectrum(), weights: teacher.weights(), teacher, samples }
    }
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
        let (Teacher { noise, seed, .. }, spectrum) = (&self.teacher, &self.spectrum);
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
        let spectrum = Some(Either::Other(vec![2.0, 0.5, 0.0]));
        let teacher = Teacher { input_dimension: 3, output_dimension: 2, spectrum, noise, teacher_scale: 3.0, seed: 7 };
        TeacherTable::new(teacher, 4000)
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
