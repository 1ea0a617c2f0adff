//! Trains one network of nodes: one draw of the nodes, or a grid.

use std::rc::Rc;

use rand::Rng;
use widenet_core::{
    Matrix, Problem, Result,
    seed::{Purpose, stream},
    training::{Control, Explored, Start, Training, mlp::MlpTraining},
    trajectory::{Record, Status},
};

use super::{
    network::network,
    space::{Scheme, SharedSpace, Space},
};
use crate::finite::finite_records;

/// What the nodes of a run are.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Nodes {
    /// m = 2^`log2` of them in each layer, drawn.
    Drawn { log2: u32, seed: u64, replicate: u64, scheme: Scheme },
    /// Tensor grids of so many points per axis, with the axes of each layer.
    Grid { points: usize, axes: Vec<usize> },
}

impl Nodes {
    fn spaces(&self, layers: usize) -> Vec<SharedSpace> {
        match self {
            Nodes::Drawn { log2, seed, replicate, scheme } => {
                let own = stream(*seed, Purpose::Replicate(*log2), *replicate).next_u64();
                (0..layers).map(|layer| Space::drawn(1 << log2, own, layer as u32, *scheme)).collect()
            }
            Nodes::Grid { points, axes } => axes.iter().map(|axes| Space::grid(*points, *axes)).collect(),
        }
    }
}

/// What came of one run.
#[derive(Debug)]
pub(super) struct Replicate {
    pub(super) records: Vec<Record>,
    pub(super) status: Status,
    /// Bytes of all vectors.
    pub(super) bytes: u64,
    /// Whether there were too few nodes, so that the numbers mean nothing.
    pub(super) is_exhausted: bool,
}

/// Trains on some nodes; `batches` keys the order of minibatches.
pub(super) fn train(
    problem: &Problem,
    basis: &Matrix,
    nodes: &Nodes,
    tolerance: f64,
    batches: u64,
    watch: &dyn Fn(f64) -> Control,
) -> Result<Replicate> {
    let spaces = nodes.spaces(problem.network.hidden_layers);
    let network = network(problem, &spaces, &Rc::new(basis.clone()), tolerance);
    let mut training = MlpTraining::linear(problem, network, batches)?;
    let is_exhausted = || spaces.iter().any(|space| space.borrow().is_exhausted());
    let (records, status) = training.run(Start::default(), &mut |progress, _| {
        if is_exhausted() { Control::Stop } else { watch(progress.fraction) }
    });
    let (records, status) = finite_records(records, status);
    let coordinates: usize = spaces.iter().map(|space| space.borrow().nodes() * space.borrow().known().count()).sum();
    let largest = spaces.iter().map(|space| space.borrow().nodes()).max().unwrap_or(0);
    let explored = training.matrices().into_iter().filter_map(Explored::exploration);
    let directions: usize = explored.map(|explored| explored.ranks.iter().sum::<usize>()).sum();
    // Activations, signals and what is left of probes, of every layer.
    let samples = problem.data.train.inputs.nrows() + problem.data.test.as_ref().map_or(0, |test| test.inputs.nrows());
    let blocks = 8 * samples * spaces.len() + 4 * (basis.ncols() + problem.data.output_dimension());
    let bytes = 8 * (coordinates + largest * (directions + blocks)) as u64;
    Ok(Replicate { records, status, bytes, is_exhausted: is_exhausted() })
}
