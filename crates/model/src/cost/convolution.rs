//! Counts the numbers that passes through convolutional networks keep.
//!
//! A forward pass keeps the values of all nodes of the network's graph, a backward pass as many signals; patches are made one layer at a time
//! (docs/theory/convolutions.md §7).

use widenet_core::{
    problem::{Architecture, Need, RecordPlan},
    training::mlp::Graph,
};

/// What passes of one sample keep.
#[derive(Debug, Clone)]
pub(super) struct Passes {
    /// Numbers of the values of all nodes.
    kept: u64,
    /// Numbers of the largest patches.
    patches: u64,
    samples_at_a_time: u64,
    /// Positions of every layer of weights.
    pub(super) positions: Vec<u64>,
}

impl Passes {
    /// Of a convolutional network at a width; none of others, and of one that has layers without channels there.
    pub(super) fn of(architecture: Architecture<'_>, width: u64) -> Option<Self> {
        architecture.network.image.as_ref()?;
        let graph = Graph::of(architecture.network, &architecture.shapes(width).ok()?).ok()?;
        Some(Self {
            kept: graph.kept() as u64,
            patches: graph.patches() as u64,
            samples_at_a_time: graph.samples_at_a_time() as u64,
            positions: graph.positions().map(|positions| positions as u64).collect(),
        })
    }

    /// Numbers of the largest vectors of a sample that a product takes.
    pub(super) fn largest(&self) -> u64 {
        self.patches.max(self.kept)
    }

    /// Numbers of all inputs at the start, with signals of one output.
    pub(super) fn untrained(&self, samples: u64) -> u64 {
        samples.saturating_mul(2 * self.kept + self.patches)
    }

    /// Numbers of a step of `columns` samples, by `passes` networks side by side, and of what is recorded of `samples` training samples and
    /// `tests` test samples.
    pub(super) fn step_and_record(
        &self,
        (columns, passes): (u64, u64),
        (samples, tests): (u64, u64),
        (record, outputs): (&RecordPlan, u64),
    ) -> u64 {
        let step = columns.saturating_mul(passes * 2 * self.kept + self.patches);
        let trains = if columns == samples { 0 } else { samples };
        let chunk = trains.max(tests).min(self.samples_at_a_time).saturating_mul(self.kept + self.patches);
        let signals = if record.needs(Need::OutputKernel) {
            samples * outputs
        } else if record.needs(Need::SampleKernel) {
            samples
        } else {
            0
        };
        // Signals of all layers, one of them and its patches in f64, and the kernel with what it is summed from.
        let kernels = signals.saturating_mul(self.kept + 2 * self.patches).saturating_add(5 * signals * signals);
        let pass = if record.needs(Need::Activations) && trains > 0 { samples * self.kept } else { 0 };
        let changes = if record.needs(Need::InitialActivations) { 2 * samples * self.kept } else { 0 };
        step.saturating_add(chunk).saturating_add(kernels).saturating_add(pass + changes)
    }
}
