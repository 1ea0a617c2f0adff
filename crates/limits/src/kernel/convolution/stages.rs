//! A network is cut into stages where positions are averaged: at pools, and at the head.
//!
//! Inside a stage an entry of the kernel keeps the offset of its two positions, so that offsets can be computed one after the other
//! (docs/theory/convolutions.md §4.3). A stage is a list of steps on numbered nodes; the last stage has one position.

use widenet_core::{problem::Activation, scaling::KernelLayer};

use super::{
    geometry::{Padding, Taps, Window},
    network::{ConvolutionalNetwork, Layer},
};
use crate::kernel::{
    dual::Dual,
    error::{Result, invalid},
};

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

    fn new(positions: [usize; 2]) -> Stage {
        Stage { steps: Vec::new(), nodes: vec![positions], output: 0, end: End::Outputs, is_circular: false }
    }

    fn node(&mut self, positions: [usize; 2]) -> usize {
        self.nodes.push(positions);
        self.nodes.len() - 1
    }
}

/// What the limit needs to know of a node: docs/theory/convolutions.md §4.1, "What must hold".
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

/// Cuts a network into stages.
///
/// # Errors
/// Windows that do not fit; a list with no head or two; convolutions or pools behind it, fully connected layers before it; pools and heads in
/// a residual; branches of different shape; a network without the limit of docs/theory/convolutions.md §4.1.
pub(super) fn stages(network: &ConvolutionalNetwork) -> Result<Vec<Stage>> {
    if network.image.size() == 0 {
        return Err(invalid(format!("an image of {:?}: all three sizes must be 1 or more", network.image)));
    }
    let mut builder = Builder {
        finished: Vec::new(),
        stage: Stage::new([network.image.rows, network.image.columns]),
        has_head: false,
    };
    let mut place = Place { node: 0, law: Law { is_gaussian: false, is_centered: false } };
    for layer in &network.layers {
        place = builder.layer(layer, place)?;
    }
    if !builder.has_head {
        return Err(invalid("the layers have no `flatten` or `gap`, one of which must end the image".into()));
    }
    place = builder.layer(&Layer::Dense(network.readout), place)?;
    builder.finish(End::Outputs, place, [1, 1]);
    Ok(builder.finished)
}

struct Builder {
    finished: Vec<Stage>,
    stage: Stage,
    has_head: bool,
}

impl Builder {
    fn layer(&mut self, layer: &Layer, place: Place) -> Result<Place> {
        match layer {
            Layer::Pool(window) => {
                self.refuse_behind_head("pool")?;
                let taps = window.taps(self.stage.nodes[place.node])?;
                let positions = taps.positions;
                Ok(self.finish(End::Average(taps), place, positions))
            }
            Layer::Flatten => {
                self.refuse_behind_head("flatten")?;
                self.has_head = true;
                Ok(self.finish(End::Flatten, place, [1, 1]))
            }
            Layer::GlobalAverage => {
                self.refuse_behind_head("gap")?;
                self.has_head = true;
                let taps = Taps::whole(self.stage.nodes[place.node]);
                Ok(self.finish(End::Average(taps), place, [1, 1]))
            }
            Layer::Convolution { .. } | Layer::Activation(_) | Layer::Residual { .. } | Layer::Dense(_) => {
                self.inner(layer, place)
            }
        }
    }

    /// A layer that keeps offsets.
    fn inner(&mut self, layer: &Layer, place: Place) -> Result<Place> {
        match layer {
            Layer::Convolution { window, weights } => {
                self.refuse_behind_head("conv")?;
                self.convolution(window, *weights, place)
            }
            Layer::Dense(weights) => {
                if !self.has_head {
                    return Err(invalid("`dense` stands before `flatten` or `gap`; it must stand behind".into()));
                }
                let to = self.stage.node([1, 1]);
                self.stage.steps.push(Step::Weights { from: place.node, to, taps: None, layer: *weights });
                Ok(behind_weights(to))
            }
            Layer::Activation(activation) => self.activation(*activation, place),
            Layer::Residual { main, skip } => self.residual(main, skip, place),
            Layer::Pool(_) | Layer::Flatten | Layer::GlobalAverage => Err(invalid(
                "a residual contains `pool`, `flatten` or `gap`; kernels of infinite width need them outside residuals".into(),
            )),
        }
    }

    fn convolution(&mut self, window: &Window, weights: KernelLayer, place: Place) -> Result<Place> {
        let taps = window.taps(self.stage.nodes[place.node])?;
        self.stage.is_circular |= window.padding == Padding::Circular;
        let to = self.stage.node(taps.positions);
        self.stage.steps.push(Step::Weights { from: place.node, to, taps: Some(taps), layer: weights });
        Ok(behind_weights(to))
    }

    fn activation(&mut self, activation: Activation, place: Place) -> Result<Place> {
        if !place.law.is_gaussian {
            return Err(invalid(format!(
                "\"{}\" acts on the image or on another activation; at infinite width it must act on the output of weights",
                activation.name()
            )));
        }
        let to = self.stage.node(self.stage.nodes[place.node]);
        self.stage.steps.push(Step::Activation { from: place.node, to, dual: Dual::of(activation) });
        Ok(Place { node: to, law: Law { is_gaussian: false, is_centered: false } })
    }

    fn residual(&mut self, main: &[Layer], skip: &[Layer], place: Place) -> Result<Place> {
        if !contains_weights(main) {
            return Err(invalid("the main branch of a residual has no weights; it must have a `conv` or `dense`".into()));
        }
        let mut ends = [place; 2];
        for (end, branch) in ends.iter_mut().zip([main, skip]) {
            for layer in branch {
                *end = self.inner(layer, *end)?;
            }
        }
        let shapes = ends.map(|end| self.stage.nodes[end.node]);
        if shapes[0] != shapes[1] {
            let [[a, b], [c, d]] = shapes;
            return Err(invalid(format!(
                "the branches of a residual end with {a} × {b} and {c} × {d} positions; they must have equal shapes"
            )));
        }
        if ends.iter().all(|end| !end.law.is_centered) {
            return Err(invalid(
                "both branches of a residual have a mean; at infinite width one of them must end in weights".into(),
            ));
        }
        let to = self.stage.node(shapes[0]);
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

    fn refuse_behind_head(&self, name: &str) -> Result<()> {
        if self.has_head {
            return Err(invalid(format!("`{name}` stands behind `flatten` or `gap`, where there is no image any more")));
        }
        Ok(())
    }
}

fn behind_weights(node: usize) -> Place {
    Place { node, law: Law { is_gaussian: true, is_centered: true } }
}

fn contains_weights(layers: &[Layer]) -> bool {
    layers.iter().any(|layer| match layer {
        Layer::Convolution { .. } | Layer::Dense(_) => true,
        Layer::Residual { main, skip } => contains_weights(main) || contains_weights(skip),
        Layer::Activation(_) | Layer::Pool(_) | Layer::Flatten | Layer::GlobalAverage => false,
    })
}
