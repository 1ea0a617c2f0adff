//! Correlations and eigenvalues of feature kernels show how random networks collapse inputs onto one direction.

use std::ops::Range;

use serde_json::{Value, json};
use widenet_core::{
    Matrix,
    document::{
        Result,
        keys::{flat, or},
        section,
        shape::count,
    },
};
use widenet_limits::proportional::{Estimate, InputKernel, Sampler, Spectra, mean_squared_correlation};

use super::{
    quantity::{Prior, Quantity},
    sampling,
};
use crate::{
    answer::{number, numbers},
    error::QuestionResult,
    question::Run,
};

section! {
    /// Feature kernels of the last hidden layer: mean squared correlation of inputs, shares of the eigenvalues, effective rank, mean
    /// log-eigenvalues and in the limit their slopes in α, with standard errors.
    #[derive(Debug)]
    pub(super) struct Geometry {
        /// How many kernels are drawn.
        draws: usize = or(count(), 10_000),
        /// How they are made.
        drawing: sampling::Drawing = flat(),
    }
}

impl Quantity for Geometry {
    fn check(&self, prior: &Prior) -> Result<()> {
        self.drawing.check(prior)
    }

    fn answer(&self, prior: &Prior, run: &mut Run<'_>) -> QuestionResult<Value> {
        answer(prior, &self.drawing.of_kernels(self.draws), run)
    }

    fn samples_networks(&self) -> bool {
        self.drawing.is_by_network()
    }
}

fn answer(prior: &Prior, asked: &sampling::Sample, run: &mut Run<'_>) -> QuestionResult<Value> {
    let size = prior.count();
    let kernels = sampling::draw(prior, asked, run)?;
    let correlation = mean_squared_correlation(&kernels, size)?;
    let kernel = InputKernel::new(prior.kernel())?;
    let sampler = Sampler::new(&prior.network.layers, &kernel, prior.network.outputs, prior.network.gain())?;
    let count = sampler.eigenvalue_count()?;
    let draws = (kernels.len() / (size * size)) as u64;
    let of_chunk = &mut |draws: Range<u64>| {
        if asked.by_network {
            let numbers = draws.start as usize * size * size..draws.end as usize * size * size;
            Ok(log_eigenvalues(&kernels[numbers], size, count))
        } else {
            Ok(sampler.log_eigenvalues(asked.seed, draws)?)
        }
    };
    let logs = sampling::in_chunks(prior, draws, of_chunk, &mut |_| run.watch(1.0))?;
    let spectra = Spectra::new(&logs, count)?;
    let mut answer = json!({ "draws": draws });
    let mut put = |name: &str, estimates: &[Estimate], is_list: bool| {
        let (means, errors) = estimates.iter().map(|estimate| (estimate.mean, estimate.error)).unzip();
        for (name, values) in [(name.to_owned(), means), (format!("{name}_error"), errors)] {
            let values: Vec<f64> = values;
            answer[name] = if is_list { numbers(values) } else { number(values[0]) };
        }
    };
    put("mean_squared_correlation", &[correlation], false);
    put("effective_rank", &[spectra.effective_rank], false);
    put("eigenvalue_shares", &spectra.shares, true);
    if !asked.by_network {
        // Small eigenvalues of kernels that networks computed are rounding.
        put("log_eigenvalues", &spectra.log_eigenvalues, true);
    }
    if prior.network.layers.groups().is_empty() && prior.network.layers.alpha() > 0.0 {
        put("log_eigenvalue_slopes", &spectra.slopes, true);
    }
    Ok(answer)
}

/// Of kernels that are given as they are, the `count` largest.
fn log_eigenvalues(kernels: &[f64], size: usize, count: usize) -> Vec<f64> {
    let largest = |kernel: &[f64]| {
        let mut values = Matrix::from_row_slice(size, size, kernel).symmetric_eigenvalues().as_slice().to_vec();
        values.sort_by(|a, b| b.total_cmp(a));
        // Rounding may leave a small one below 0.
        let floor = values[0] * f64::EPSILON;
        values.into_iter().take(count).map(move |value| value.max(floor).ln()).collect::<Vec<_>>()
    };
    kernels.chunks_exact(size * size).flat_map(largest).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use widenet_core::{document::Document, training::Control};
    use widenet_model::{DeviceChoice, Precision};

    use crate::{QuestionError, prior::KIND, question::load_from};

    use super::*;

    /// Stopping behind the draws of kernels ends the draws of eigenvalues, which did not look.
    #[test]
    fn draws_of_eigenvalues_can_be_stopped() {
        let text = "kernel = [[1.0, 0.3], [0.3, 0.8]]\n[network]\nwidth = 8\nhidden_layers = 4\n[geometry]\ndraws = 40";
        let document = Document::from_toml("test.toml", text).expect("a document");
        let folder = Path::new("");
        let question = (KIND.parse)(&document, folder, &mut load_from(folder)).expect("a question");
        let ask = |looks: u32| {
            let mut left = looks;
            let mut watch = |_: f64| {
                left = left.saturating_sub(1);
                if left == 0 { Control::Stop } else { Control::Continue }
            };
            question.answer(&mut Run::new(DeviceChoice::Cpu, Precision::F64, &mut watch)).err()
        };
        assert!(matches!(ask(1), Some(QuestionError::Stopped)));
        assert!(matches!(ask(2), Some(QuestionError::Stopped)));
        assert!(ask(3).is_none());
    }
}
