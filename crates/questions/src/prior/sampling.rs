//! Draws from a prior: from its exact distribution, or from networks with all their weights.

use std::ops::Range;

use serde_json::{Value, json};
use widenet_core::{
    Matrix,
    document::{
        Result,
        keys::{flat, or},
        section,
        shape::{Located, choice, count, located, natural},
    },
    training::Control,
};
use widenet_limits::proportional::{InputKernel, LARGEST_SAMPLE, Sampler};
use widenet_model::{PriorNetworks, sample_networks};

use super::quantity::{Prior, Quantity};
use crate::{
    answer::numbers,
    error::{QuestionError, QuestionResult, invalid},
    memory::check_count,
    question::Run,
};

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Outputs,
    Kernel,
    Mixing,
    LogScale,
}

const WORDS: &[(&str, Of)] =
    &[("outputs", Of::Outputs), ("kernel", Of::Kernel), ("mixing", Of::Mixing), ("log_scale", Of::LogScale)];

section! {
    /// How networks are drawn.
    #[derive(Debug, Clone)]
    pub(super) struct Drawing {
        /// Seed of the draws.
        seed: u64 = or(natural(), 0),
        /// `"law"` draws from the exact distribution, `"network"` multiplies real weight matrices.
        by: Located<bool> = or(located(choice(&[("law", false), ("network", true)])), "law"),
    }
}

impl Drawing {
    /// Refuses weight matrices of a limit.
    pub(super) fn check(&self, prior: &Prior) -> Result<()> {
        if self.by.value && prior.network.widths.is_none() {
            let message = "a limit has no weight matrices; give the widths of a network, or `by` = \"law\"";
            return Err(self.by.error(message));
        }
        Ok(())
    }

    /// Whether real weight matrices are multiplied.
    pub(super) fn is_by_network(&self) -> bool {
        self.by.value
    }

    /// Draws of outputs.
    pub(super) fn of_outputs(&self, draws: usize) -> Sample {
        self.of(Of::Outputs, draws)
    }

    /// Draws of kernels.
    pub(super) fn of_kernels(&self, draws: usize) -> Sample {
        self.of(Of::Kernel, draws)
    }

    fn of(&self, of: Of, draws: usize) -> Sample {
        Sample { of, draws, seed: self.seed, by_network: self.by.value }
    }
}

section! {
    /// Draws.
    #[derive(Debug, Clone)]
    pub(super) struct Draws {
        /// Of the outputs, the kernel of the last hidden layer, the mixing matrix, or log q.
        of: Of = or(choice(WORDS), "outputs"),
        /// How many.
        draws: usize = or(count(), 1000),
        /// How they are made.
        drawing: Drawing = flat(),
    }
}

/// Draws that are asked for.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    of: Of,
    draws: usize,
    pub(super) seed: u64,
    /// Multiply real weight matrices.
    pub(super) by_network: bool,
}

/// Most draws between two looks at whether to stop.
const CHUNK: u64 = 50_000;

/// Operations between two looks, on one thread: less than a second of them.
const WORK: f64 = 3e8;

impl Quantity for Draws {
    fn check(&self, prior: &Prior) -> Result<()> {
        self.drawing.check(prior)?;
        if self.drawing.by.value && matches!(self.of, Of::Mixing | Of::LogScale) {
            let message = "of networks the `outputs` and the `kernel` can be sampled; the law has the others";
            return Err(self.drawing.by.error(message));
        }
        Ok(())
    }

    fn answer(&self, prior: &Prior, run: &mut Run<'_>) -> QuestionResult<Value> {
        answer(prior, &self.drawing.of(self.of, self.draws), run)
    }

    fn samples_networks(&self) -> bool {
        self.drawing.is_by_network()
    }
}

/// The draws as nested lists: draw, then rows and columns.
fn answer(prior: &Prior, asked: &Sample, run: &mut Run<'_>) -> QuestionResult<Value> {
    let (inputs, outputs) = (prior.count(), prior.network.outputs);
    let bytes = (size(prior, asked.of) as u64).saturating_mul(BYTES_PER_NUMBER + BYTES_PER_ANSWER);
    check_count("sample.draws", asked.draws as u64, bytes)?;
    let values = draw(prior, asked, run)?;
    let columns = match asked.of {
        Of::Outputs => Some((inputs, outputs)),
        Of::Kernel => Some((inputs, inputs)),
        Of::Mixing => Some((outputs, outputs)),
        Of::LogScale => None,
    };
    let nested = match columns {
        None => numbers(values),
        Some((rows, columns)) => values
            .chunks_exact(rows * columns)
            .map(|draw| draw.chunks_exact(columns).map(|row| numbers(row.iter().copied())).collect::<Value>())
            .collect(),
    };
    Ok(json!({ "draws": asked.draws, "values": nested }))
}

/// Bytes that a number takes: in a list that grows.
const BYTES_PER_NUMBER: u64 = 16;
/// Bytes that a number takes besides in the lists of an answer.
const BYTES_PER_ANSWER: u64 = 64;

/// Numbers of a draw.
fn size(prior: &Prior, of: Of) -> usize {
    match of {
        Of::Outputs => prior.count() * prior.network.outputs,
        Of::Kernel => prior.kernel().len(),
        Of::Mixing => prior.network.outputs * prior.network.outputs,
        Of::LogScale => 1,
    }
}

/// The numbers of all draws, draw by draw, rows outside columns.
pub(super) fn draw(prior: &Prior, asked: &Sample, run: &mut Run<'_>) -> QuestionResult<Vec<f64>> {
    let size = size(prior, asked.of);
    check_count("draws", asked.draws as u64, (size as u64).saturating_mul(BYTES_PER_NUMBER))?;
    let kernel = InputKernel::new(prior.kernel())?;
    if asked.by_network {
        return networks(prior, asked, &kernel, run);
    }
    let sampler = Sampler::new(&prior.network.layers, &kernel, prior.network.outputs, prior.network.gain())?;
    let draws = asked.draws as u64;
    let bytes = draws.checked_mul(8).and_then(|bytes| bytes.checked_mul(size as u64));
    if bytes.is_none_or(|bytes| bytes > LARGEST_SAMPLE) {
        let most = LARGEST_SAMPLE / 8 / size as u64;
        return Err(invalid(format!("draws = {draws} of {size} numbers each do not fit 4 GiB; at most {most} do")));
    }
    let draw = &mut |draws: Range<u64>| {
        Ok(match asked.of {
            Of::Outputs => sampler.outputs(asked.seed, draws)?,
            Of::Kernel => sampler.kernels(asked.seed, draws)?,
            Of::Mixing => sampler.mixing_matrices(asked.seed, draws)?,
            Of::LogScale => sampler.log_scales(asked.seed, draws)?,
        })
    };
    in_chunks(prior, draws, draw, &mut |share| run.watch(share))
}

/// The numbers of all draws, made by `draw` a chunk at a time. `watch` is called behind every chunk with the share of the draws.
pub(super) fn in_chunks(
    prior: &Prior,
    draws: u64,
    draw: &mut dyn FnMut(Range<u64>) -> QuestionResult<Vec<f64>>,
    watch: &mut dyn FnMut(f64) -> Control,
) -> QuestionResult<Vec<f64>> {
    let size = prior.count().max(prior.network.outputs) as f64;
    let layers: u64 = prior.network.layers.groups().iter().map(|group| group.count).sum();
    let chunk = ((WORK / (size.powi(3) * (layers as f64 + 100.0))) as u64).clamp(1, CHUNK);
    let mut values = Vec::new();
    let mut first = 0;
    while first < draws {
        let end = draws.min(first + chunk);
        values.extend(draw(first..end)?);
        first = end;
        if watch(first as f64 / draws as f64) == Control::Stop {
            return Err(QuestionError::Stopped);
        }
    }
    Ok(values)
}

/// Draws of networks with all their weights.
fn networks(prior: &Prior, asked: &Sample, kernel: &InputKernel, run: &mut Run<'_>) -> QuestionResult<Vec<f64>> {
    // Without inputs, any with this Gram matrix: √r R has r columns and R Rᵀ = K0.
    let stand_in = || match kernel.rank() {
        0 => Matrix::zeros(kernel.inputs(), 1),
        rank => kernel.root() * (rank as f64).sqrt(),
    };
    let inputs = prior.inputs().cloned().unwrap_or_else(stand_in);
    let request = PriorNetworks {
        inputs: &inputs,
        widths: prior.network.widths.as_deref().unwrap_or_default(),
        outputs: prior.network.outputs,
        gain: prior.network.gain(),
        networks: asked.draws as u64,
        seed: asked.seed,
        kernels: asked.of == Of::Kernel,
        batch_bytes: None,
    };
    let sample = run.on_device("networks of the prior", |device, precision, watch| {
        sample_networks(&request, device, precision, watch)
    })?;
    if sample.networks < asked.draws as u64 {
        return Err(QuestionError::Stopped);
    }
    Ok(match (asked.of, sample.kernels) {
        (Of::Kernel, Some(kernels)) => kernels,
        _ => sample.outputs,
    })
}
