//! A network is cut into stages where positions are averaged: at pools, and at the head.
//!
//! Inside a stage an entry of the kernel keeps the offset of its two positions, so that offsets can be computed one after the other
//! (docs/theory/convolutions.md §3.3). A stage is a list of steps on numbered nodes; the last stage has one position.

use widenet_core::{
    problem::{Activation, ImageNetwork, ImageShape, Layer, Padding, Taps},
    scaling::KernelLayer,
};

use crate::kernel::{
    dual::{ArcCosine, Dual},
    error::{Result, invalid},
};

/// Most positions of an image: pairs of them are numbered with 32 bits.
const MAX_POSITIONS: usize = 1 << 16;

/// One step from nodes to a node. Nodes are numbered within their stage, 0 being its input.
#[derive(Debug)]
pub(super) enum Step {
    /// Weights with their biases; a fully connected layer has no taps.
    Weights { from: usize, to: usize, taps: Option<Taps>, layer: KernelLayer },
    /// An activation.
    Activation { from: usize, to: usize, dual: Dual },
    /// The sum of two branches.
    Sum { branches: [usize; 2], to: usize },
}

/// How a stage ends.
#[derive(Debug)]
pub(super) enum End {
    /// An average over windows of both positions: a pool, or the global average.
    Average(Taps),
    /// The average over equal positions.
    Flatten,
    /// The outputs of the network.
    Outputs,
}

/// Part of a network between two averages.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) steps: Vec<Step>,
    /// Rows and columns of every node.
    pub(super) nodes: Vec<[usize; 2]>,
    /// The node with the result.
    pub(super) output: usize,
    pub(super) end: End,
    /// Whether some window is circular.
    pub(super) is_circular: bool,
}

impl Stage {
    /// Positions of a node.
    pub(super) fn positions(&self, node: usize) -> usize {
        self.nodes[node][0] * self.nodes[node][1]
    }

    pub(super) fn has_activation(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Activation { .. }))
    }

    /// The nodes in front of activations that are not linear and whose dual needs the angle: those with a kink or a jump.
    pub(super) fn bends(&self) -> impl Iterator<Item = (usize, ArcCosine)> + '_ {
        self.steps.iter().filter_map(|step| match step {
            Step::Activation { dual: Dual::ArcCosine(ArcCosine::PiecewiseLinear { bend: 0.0, .. }), .. } => None,
            Step::Activation { from, dual: Dual::ArcCosine(activation), .. } => Some((*from, *activation)),
            Step::Activation { .. } | Step::Weights { .. } | Step::Sum { .. } => None,
        })
    }

    /// The nodes in front of activations whose slope jumps at 0.
    pub(super) fn kinks(&self) -> impl Iterator<Item = usize> + '_ {
        let has_kink = |activation: &ArcCosine| matches!(activation, ArcCosine::PiecewiseLinear { .. });
        self.bends().filter(move |(_, activation)| has_kink(activation)).map(|(from, _)| from)
    }

    fn new(positions: [usize; 2]) -> Stage {
        Stage { steps: Vec::new(), nodes: vec![positions], output: 0, end: End::Outputs, is_circular: false }
    }

    fn node(&mut self, positions: [usize; 2]) -> usize {
        self.nodes.push(positions);
        self.nodes.len() - 1
    }
}

/// What the limit needs to know of a node: docs/theory/convolutions.md §3.1, "What must hold".
#[derive(Debug, Clone, Copy)]
struct Law {
    is_gaussian: bool,
    is_centered: bool,
}

/// A node under construction.
#[derive(Debug, Clone, Copy)]
struct Place {
    node: usize,
    law: Law,
}

/// Cuts a network into stages; `weights` are those of all its matrices, the readout last.
///
/// # Errors
/// Windows and branches that do not fit ([`ImageNetwork::fan_ins`]); a network without the limit of docs/theory/convolutions.md §3.1; averages
/// in a residual.
pub(super) fn stages(network: &ImageNetwork, weights: &[KernelLayer]) -> Result<Vec<Stage>> {
    let matrices = network.fan_ins()?.len();
    let (Some((readout, weights)), true) = (weights.split_last(), weights.len() == matrices) else {
        return Err(invalid(format!("{} layers of weights for a network of {matrices}", weights.len())));
    };
    let ImageShape { rows, columns, .. } = network.shape;
    if rows.saturating_mul(columns) > MAX_POSITIONS {
        return Err(invalid(format!(
            "network.image: {rows} × {columns} positions are more than {MAX_POSITIONS}, the most that kernels are computed of; use smaller images"
        )));
    }
    let mut builder = Builder {
        finished: Vec::new(),
        stage: Stage::new([network.shape.rows, network.shape.columns]),
        weights: weights.iter(),
    };
    let mut place = Place { node: 0, law: Law { is_gaussian: false, is_centered: false } };
    for layer in &network.layers {
        place = builder.layer(layer, place)?;
    }
    place = builder.dense(*readout, place);
    builder.finish(End::Outputs, place, [1, 1]);
    Ok(builder.finished)
}

struct Builder<'a> {
    finished: Vec<Stage>,
    stage: Stage,
    /// Those of the layers to come.
    weights: std::slice::Iter<'a, KernelLayer>,
}

impl Builder<'_> {
    fn layer(&mut self, layer: &Layer, place: Place) -> Result<Place> {
        match layer {
            Layer::Pool(window) => {
                let taps = window.taps(self.stage.nodes[place.node])?;
                let positions = taps.positions;
                Ok(self.finish(End::Average(taps), place, positions))
            }
            Layer::Flatten => Ok(self.finish(End::Flatten, place, [1, 1])),
            Layer::GlobalAverage => {
                let taps = Taps::whole(self.stage.nodes[place.node]);
                Ok(self.finish(End::Average(taps), place, [1, 1]))
            }
            Layer::Convolution { .. } | Layer::Activation(_) | Layer::Residual { .. } | Layer::Dense { .. } => {
                self.inner(layer, place)
            }
        }
    }

    /// A layer that keeps offsets.
    fn inner(&mut self, layer: &Layer, place: Place) -> Result<Place> {
        match layer {
            Layer::Convolution { window, .. } => {
                let taps = window.taps(self.stage.nodes[place.node])?;
                self.stage.is_circular |= window.padding == Padding::Circular;
                let (to, layer) = (self.stage.node(taps.positions), self.next_weights());
                self.stage.steps.push(Step::Weights { from: place.node, to, taps: Some(taps), layer });
                Ok(behind_weights(to))
            }
            Layer::Dense { .. } => {
                let weights = self.next_weights();
                Ok(self.dense(weights, place))
            }
            Layer::Activation(activation) => self.activation(*activation, place),
            Layer::Residual { main, skip } => self.residual(main, skip, place),
            Layer::Pool(_) | Layer::Flatten | Layer::GlobalAverage => Err(invalid(
                "network.layers: a residual contains `pool`; kernels at width inf are computed for networks whose pools stand outside of residuals".into(),
            )),
        }
    }

    /// Those of the next layer: there are as many as layers with weights.
    fn next_weights(&mut self) -> KernelLayer {
        let none = KernelLayer { weight_variance: 0.0, bias_variance: 0.0, weight_tangent: 0.0, bias_tangent: 0.0 };
        self.weights.next().copied().unwrap_or(none)
    }

    fn dense(&mut self, layer: KernelLayer, place: Place) -> Place {
        let to = self.stage.node([1, 1]);
        self.stage.steps.push(Step::Weights { from: place.node, to, taps: None, layer });
        behind_weights(to)
    }

    fn activation(&mut self, activation: Activation, place: Place) -> Result<Place> {
        if !place.law.is_gaussian {
            return Err(invalid(format!(
                "network.layers: \"{}\" acts on the inputs, on another activation or on a sum with one; kernels at width inf are those of networks whose activations act on \
                 outputs of weights",
                activation.name()
            )));
        }
        let to = self.stage.node(self.stage.nodes[place.node]);
        self.stage.steps.push(Step::Activation { from: place.node, to, dual: Dual::of(activation) });
        Ok(Place { node: to, law: Law { is_gaussian: false, is_centered: false } })
    }

    fn residual(&mut self, main: &[Layer], skip: &[Layer], place: Place) -> Result<Place> {
        if !contains_weights(main) {
            return Err(invalid(
                "network.layers: the main branch of a residual has no weights; kernels at width inf are those of residuals whose main branch has a `conv` \
                 or `dense`"
                    .into(),
            ));
        }
        let mut ends = [place; 2];
        for (end, branch) in ends.iter_mut().zip([main, skip]) {
            for layer in branch {
                *end = self.inner(layer, *end)?;
            }
        }
        if ends.iter().all(|end| !end.law.is_centered) {
            return Err(invalid(
                "network.layers: both branches of a residual have a mean; kernels at width inf are those of residuals of which one branch ends in weights"
                    .into(),
            ));
        }
        let to = self.stage.node(self.stage.nodes[ends[0].node]);
        self.stage.steps.push(Step::Sum { branches: ends.map(|end| end.node), to });
        let law = Law {
            is_gaussian: ends.iter().all(|end| end.law.is_gaussian),
            is_centered: ends.iter().all(|end| end.law.is_centered),
        };
        Ok(Place { node: to, law })
    }

    /// Ends the stage at a place and begins one with these positions.
    fn finish(&mut self, end: End, place: Place, positions: [usize; 2]) -> Place {
        let mut stage = std::mem::replace(&mut self.stage, Stage::new(positions));
        (stage.end, stage.output) = (end, place.node);
        self.finished.push(stage);
        Place { node: 0, law: place.law }
    }
}

fn behind_weights(node: usize) -> Place {
    Place { node, law: Law { is_gaussian: true, is_centered: true } }
}

fn contains_weights(layers: &[Layer]) -> bool {
    layers.iter().any(|layer| match layer {
        Layer::Convolution { .. } | Layer::Dense { .. } => true,
        Layer::Residual { main, skip } => contains_weights(main) || contains_weights(skip),
        Layer::Activation(_) | Layer::Pool(_) | Layer::Flatten | Layer::GlobalAverage => false,
    })
}
