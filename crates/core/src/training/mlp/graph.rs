//! The graph of a network is its list of layers as nodes, each made of nodes before it: what a forward pass goes through, and a backward pass
//! the other way.
//!
//! ```text
//! h_p = A w patch_p(a) + B b,   a = φ(h),   averages over windows,   sums of two branches
//! ```
//!
//! (docs/theory/convolutions.md §1, Eq. patch.) Columns of blocks are positions, those of a sample side by side; a perceptron has one position and
//! is the chain weights, activation, …, weights.

use std::sync::Arc;

use super::rows::SAMPLES_AT_A_TIME;
use crate::{
    error::Result,
    matrix::Matrix,
    problem::{Activation, ImageNetwork, ImageShape, Layer, Network, PixelOrder, Taps, Window},
    training::selection::Selection,
};

/// Numbers of a pass where only outputs are wanted.
const NUMBERS_AT_A_TIME: usize = 1 << 24;

/// What a node is made of; numbers are those of nodes.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// The inputs of the network.
    Input,
    /// The pre-activations of a layer of weights.
    Weights { layer: usize, of: usize },
    /// Of every entry.
    Activation { activation: Activation, of: usize },
    /// Averages over windows.
    Average { windows: Map, of: usize },
    /// All positions as one vector.
    Flatten { positions: usize, of: usize },
    /// The sum of two branches, the main one first.
    Sum { of: [usize; 2] },
}

/// A linear map of positions with its transpose.
#[derive(Debug, Clone)]
pub(super) struct Map {
    pub(super) forward: Arc<Selection>,
    pub(super) back: Arc<Selection>,
}

/// Where a layer of weights stands.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Its node.
    pub(super) node: usize,
    /// The node that it acts on.
    pub(super) of: usize,
    /// The patches that it acts on; none where it acts on single positions.
    pub(super) patches: Option<Map>,
    /// How many positions a sample has behind it.
    pub(super) positions: usize,
}

/// The forward map of a network (module formula).
#[derive(Debug, Clone)]
pub struct Graph {
    pub(super) nodes: Vec<Node>,
    /// Of the layers of weights, the readout last.
    pub(super) places: Vec<Place>,
    /// Numbers of positions that layers have, each once.
    pub(super) positions: Vec<usize>,
    image: Option<(ImageShape, PixelOrder)>,
    /// Samples sent through the network at a time where only their outputs are wanted.
    pub(super) samples_at_a_time: usize,
    /// Numbers that a forward pass keeps of a sample.
    kept: usize,
    /// Numbers of the largest patches of a sample.
    patches: usize,
}

impl Graph {
    /// Makes the chain of a perceptron with so many layers of weights.
    pub fn perceptron(layers: usize, activation: Activation) -> Graph {
        let mut graph = Graph::empty();
        for layer in 0..layers {
            if layer > 0 {
                graph.add(Node::Activation { activation, of: graph.nodes.len() - 1 });
            }
            graph.weights(graph.nodes.len() - 1, None, 1);
        }
        graph.positions = vec![1];
        graph
    }

    /// Makes the graph of a network whose weight matrices have these rows and columns.
    ///
    /// # Errors
    /// Windows that do not fit; such networks are refused where they are read.
    pub fn of(network: &Network, shapes: &[[usize; 2]]) -> Result<Graph> {
        match &network.image {
            None => Ok(Graph::perceptron(network.hidden_layers + 1, network.activation)),
            Some(image) => Graph::of_image(image, shapes),
        }
    }

    fn of_image(image: &ImageNetwork, shapes: &[[usize; 2]]) -> Result<Graph> {
        let ImageShape { rows, columns, channels } = image.shape;
        let mut builder = Builder { graph: Graph::empty(), shapes };
        builder.graph.image = Some((image.shape, image.pixel_order));
        builder.graph.kept = image.shape.size();
        let mut signal = Signal { node: 0, positions: [rows, columns], channels };
        for layer in &image.layers {
            signal = builder.layer(layer, signal)?;
        }
        builder.weights(signal, None, signal.positions);
        let mut graph = builder.graph;
        graph.positions = graph.places.iter().map(|place| place.positions).collect();
        graph.positions.sort_unstable();
        graph.positions.dedup();
        graph.samples_at_a_time = (NUMBERS_AT_A_TIME / (graph.kept + graph.patches).max(1)).clamp(1, SAMPLES_AT_A_TIME);
        Ok(graph)
    }

    fn empty() -> Graph {
        Graph {
            nodes: vec![Node::Input],
            places: Vec::new(),
            positions: Vec::new(),
            image: None,
            samples_at_a_time: SAMPLES_AT_A_TIME,
            kept: 0,
            patches: 0,
        }
    }

    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn weights(&mut self, of: usize, patches: Option<Map>, positions: usize) -> usize {
        let node = self.add(Node::Weights { layer: self.places.len(), of });
        self.places.push(Place { node, of, patches, positions });
        node
    }

    /// Returns the numbers that a forward pass keeps of a sample, of a network on images.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Returns the numbers of the largest patches of a sample, of a network on images.
    pub fn patches(&self) -> usize {
        self.patches
    }

    /// Returns how many samples are sent through the network at a time where only their outputs are wanted.
    pub fn samples_at_a_time(&self) -> usize {
        self.samples_at_a_time
    }

    /// Returns how many positions each layer of weights acts at, the readout last.
    pub fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        self.places.iter().map(|place| place.positions)
    }

    /// The activation that acts on the pre-activations of a layer, if one does.
    pub(super) fn activation_behind(&self, layer: usize) -> Option<Activation> {
        let node = self.places[layer].node;
        self.nodes.iter().find_map(|behind| match behind {
            Node::Activation { activation, of } if *of == node => Some(*activation),
            _ => None,
        })
    }

    /// The coordinates of inputs (P × d) as columns, one for each position: channels × (samples positions).
    pub(super) fn input_columns(&self, inputs: &Matrix) -> Matrix {
        let Some((shape, order)) = self.image else { return inputs.transpose() };
        let positions = shape.rows * shape.columns;
        Matrix::from_fn(shape.channels, inputs.nrows() * positions, |channel, column| {
            let position = column % positions;
            let at = match order {
                PixelOrder::Planes => channel * positions + position,
                PixelOrder::Interleaved => position * shape.channels + channel,
            };
            inputs[(column / positions, at)]
        })
    }
}

impl Map {
    /// The patches that windows see.
    fn patches(taps: &Taps, inputs: usize) -> Map {
        let forward = Selection::of_taps(taps, inputs);
        Map { back: Arc::new(forward.transposed_stack()), forward: Arc::new(forward) }
    }

    /// The sums over windows.
    fn sums(taps: &Taps, inputs: usize) -> Map {
        let forward = Selection::of_taps(taps, inputs);
        Map { back: Arc::new(forward.transposed_sum()), forward: Arc::new(forward) }
    }
}

/// What goes through a place of a network on images.
#[derive(Debug, Clone, Copy)]
struct Signal {
    node: usize,
    positions: [usize; 2],
    channels: usize,
}

impl Signal {
    fn count(self) -> usize {
        self.positions[0] * self.positions[1]
    }
}

/// Makes the nodes of layers, one after another.
struct Builder<'a> {
    graph: Graph,
    shapes: &'a [[usize; 2]],
}

impl Builder<'_> {
    fn layer(&mut self, layer: &Layer, from: Signal) -> Result<Signal> {
        Ok(match layer {
            Layer::Convolution { window, .. } => {
                let taps = window.taps(from.positions)?;
                let is_pointwise = *window == Window { size: [1; 2], stride: [1; 2], ..*window };
                let patches = (!is_pointwise).then(|| Map::patches(&taps, from.count()));
                self.weights(from, patches, taps.positions)
            }
            Layer::Activation(activation) => {
                self.add(Node::Activation { activation: *activation, of: from.node }, from)
            }
            Layer::Pool(window) => self.average(&window.taps(from.positions)?, from),
            Layer::GlobalAverage => self.average(&Taps::whole(from.positions), from),
            Layer::Flatten => {
                let flat = Signal { positions: [1; 2], channels: from.count() * from.channels, ..from };
                self.add(Node::Flatten { positions: from.count(), of: from.node }, flat)
            }
            Layer::Dense { .. } => self.weights(from, None, from.positions),
            Layer::Residual { main, skip } => {
                let mut ends = [from; 2];
                for (end, branch) in ends.iter_mut().zip([main, skip]) {
                    for layer in branch {
                        *end = self.layer(layer, *end)?;
                    }
                }
                let [main, skip] = ends;
                self.add(Node::Sum { of: [main.node, skip.node] }, main)
            }
        })
    }

    fn add(&mut self, node: Node, signal: Signal) -> Signal {
        self.graph.kept += signal.count() * signal.channels;
        Signal { node: self.graph.add(node), ..signal }
    }

    fn average(&mut self, taps: &Taps, from: Signal) -> Signal {
        let windows = Map::sums(taps, from.count());
        self.add(Node::Average { windows, of: from.node }, Signal { positions: taps.positions, ..from })
    }

    fn weights(&mut self, from: Signal, patches: Option<Map>, positions: [usize; 2]) -> Signal {
        let [rows, columns] = self.shapes[self.graph.places.len()];
        let signal = Signal { node: 0, positions, channels: rows };
        if patches.is_some() {
            self.graph.patches = self.graph.patches.max(signal.count() * columns);
        }
        self.graph.kept += signal.count() * rows;
        Signal { node: self.graph.weights(from.node, patches, signal.count()), ..signal }
    }
}
