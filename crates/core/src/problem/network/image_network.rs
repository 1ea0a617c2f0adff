//! A network may be a list of layers; of networks on images, weights are shared over positions.
//!
//! ```text
//! h_p = W (a_{p+t})_t + b,     W: c_out × N,  N = q c_in inputs
//! ```
//!
//! (docs/theory/convolutions.md §1, §2, Eq. patch.)

use widenet_document::Word;

use super::window::Window;
use crate::{
    error::{Error, Result},
    problem::activation::Activation,
    scaling::layers::PowerOfWidth,
};

/// Most layers of a network, residuals and repetitions counted one by one.
pub const MAX_LAYERS: usize = 10_000;

/// Rows, columns and channels of the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageShape {
    /// Rows of positions.
    pub rows: usize,
    /// Columns of positions.
    pub columns: usize,
    /// Numbers at each position.
    pub channels: usize,
}

impl ImageShape {
    /// Returns the numbers of an image.
    pub fn size(&self) -> usize {
        self.rows.saturating_mul(self.columns).saturating_mul(self.channels)
    }
}

/// How the numbers of an image follow each other in an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PixelOrder {
    /// Channel after channel, rows in each.
    #[default]
    Planes,
    /// Position after position, the channels of each side by side.
    Interleaved,
}

impl Word for PixelOrder {
    const WORDS: &'static [(&'static str, PixelOrder)] =
        &[("planes", PixelOrder::Planes), ("interleaved", PixelOrder::Interleaved)];
}

/// One layer.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// A filter with shared weights, and a bias per channel.
    Convolution {
        /// The filter.
        window: Window,
        /// ρ: it has ρm channels.
        channels: f64,
    },
    /// An activation.
    Activation(Activation),
    /// The average over windows, which divides by the size of the window at the edge too.
    Pool(Window),
    /// The sum of two branches that start from the same place.
    Residual {
        /// The main branch.
        main: Vec<Layer>,
        /// The other one; empty for the identity.
        skip: Vec<Layer>,
    },
    /// The head that makes a vector of all positions.
    Flatten,
    /// The head that averages over all positions.
    GlobalAverage,
    /// A fully connected layer behind the head.
    Dense {
        /// ρ: it has ρm neurons.
        neurons: f64,
    },
}

impl Layer {
    /// Every activation of some layers, those of branches too.
    pub(super) fn activations(layers: &[Layer]) -> Vec<Activation> {
        let of_layer = |layer: &Layer| match layer {
            Layer::Activation(activation) => vec![*activation],
            Layer::Residual { main, skip } => [Layer::activations(main), Layer::activations(skip)].concat(),
            Layer::Convolution { .. }
            | Layer::Pool(_)
            | Layer::Flatten
            | Layer::GlobalAverage
            | Layer::Dense { .. } => Vec::new(),
        };
        layers.iter().flat_map(of_layer).collect()
    }
}

/// A network that is a list of layers, up to its readout: on images, or fully connected with layers that differ.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageNetwork {
    /// Shape of the inputs; vectors are images of one position.
    pub shape: ImageShape,
    /// How an input holds them.
    pub pixel_order: PixelOrder,
    /// Layers up to the readout, with exactly one head.
    pub layers: Vec<Layer>,
}

/// A weight matrix, whatever the width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MatrixShape {
    /// How many positions it sees at once: the taps of a filter, all of an image behind "flatten", else 1.
    pub seen: usize,
    /// Channels or neurons at each of them.
    pub channels: PowerOfWidth,
    /// ρ, of ρm rows; `None` of the readout, which has a row for every output.
    pub rows: Option<f64>,
}

impl MatrixShape {
    /// N, the number of inputs.
    fn fan_in(&self) -> PowerOfWidth {
        PowerOfWidth::new(self.seen as f64 * self.channels.constant, self.channels.exponent)
    }

    /// Returns rows and columns at a width. A number ρm of channels that is no whole number is rounded.
    ///
    /// # Errors
    /// Less than one channel.
    pub fn at(&self, width: u64, outputs: usize) -> Result<[usize; 2]> {
        let rows = match self.rows {
            None => outputs,
            Some(factor) => channels_at(factor, width)?,
        };
        let channels = match self.channels.exponent {
            0.0 => self.channels.constant as usize,
            _ => channels_at(self.channels.constant, width)?,
        };
        Ok([rows, self.seen.saturating_mul(channels)])
    }
}

/// ρm, rounded.
fn channels_at(factor: f64, width: u64) -> Result<usize> {
    match (factor * width as f64).round() {
        none if none < 1.0 => invalid(format!(
            "a layer of network.layers has {factor} m channels, which at width {width} are less than one; give a larger width or factor \
             (`channels`, `dense`)"
        )),
        channels => Ok(channels as usize),
    }
}

impl ImageNetwork {
    /// A fully connected network of some layers, whose inputs have a dimension that is not known yet.
    pub(super) fn of_vectors(layers: Vec<Layer>) -> Self {
        let shape = ImageShape { rows: 1, columns: 1, channels: 0 };
        let layers = [vec![Layer::Flatten], layers].concat();
        Self { shape, pixel_order: PixelOrder::Planes, layers }
    }

    /// The same with inputs of a dimension, if it is not known yet.
    pub(in crate::problem) fn with_inputs(mut self, input_dimension: usize) -> Self {
        if self.shape.channels == 0 {
            self.shape.channels = input_dimension;
        }
        self
    }

    /// Says whether it is fully connected: a list of layers on vectors.
    pub fn is_fully_connected(&self) -> bool {
        self.shape.rows * self.shape.columns == 1 && self.layers.first() == Some(&Layer::Flatten)
    }

    /// The number of hidden layers and their activation, if it is a perceptron of equal layers.
    pub(super) fn perceptron(&self) -> Option<(usize, Activation)> {
        let layers = self.layers.get(1..).filter(|_| self.is_fully_connected())?;
        let Some(Layer::Activation(activation)) = layers.get(1) else { return None };
        let pair = [Layer::Dense { neurons: 1.0 }, Layer::Activation(*activation)];
        (layers.chunks(2).all(|layers| layers == pair)).then_some((layers.len() / 2, *activation))
    }

    /// Returns the numbers N of inputs of all weight matrices, the readout last; those that see the image have a number that does not
    /// depend on the width.
    ///
    /// # Errors
    /// Windows that do not fit, layers that stand where they cannot, branches of different shape, too many layers, and a list without a head.
    pub fn fan_ins(&self) -> Result<Vec<PowerOfWidth>> {
        Ok(self.matrices()?.iter().map(MatrixShape::fan_in).collect())
    }

    /// Returns all weight matrices, the readout last.
    ///
    /// # Errors
    /// As for [`ImageNetwork::fan_ins`].
    pub fn matrices(&self) -> Result<Vec<MatrixShape>> {
        let mut trace = Trace::new(self.shape);
        for layer in &self.layers {
            trace.enter(layer)?;
        }
        trace.finish()
    }
}

/// What goes through a place of a network: positions, and channels at each.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Signal {
    positions: [usize; 2],
    /// Positions that "flatten" has made one of.
    stacked: usize,
    channels: PowerOfWidth,
}

/// Follows the shape of a signal through layers, and collects the weight matrices.
#[derive(Debug, Clone)]
pub(super) struct Trace {
    signal: Signal,
    has_head: bool,
    /// Whether inputs are vectors, so that there never was an image.
    is_of_vectors: bool,
    in_residual: bool,
    matrices: Vec<MatrixShape>,
    layers: usize,
}

impl Trace {
    pub(super) fn new(shape: ImageShape) -> Trace {
        let channels = PowerOfWidth::new(shape.channels as f64, 0.0);
        let signal = Signal { positions: [shape.rows, shape.columns], stacked: 1, channels };
        Trace { signal, has_head: false, is_of_vectors: false, in_residual: false, matrices: Vec::new(), layers: 0 }
    }

    /// Begins at inputs that are vectors of some dimension.
    pub(super) fn of_vectors() -> Trace {
        let inputs = Trace::new(ImageShape { rows: 1, columns: 1, channels: 0 });
        Trace { has_head: true, is_of_vectors: true, ..inputs }
    }

    /// Goes through a layer.
    ///
    /// # Errors
    /// Windows that do not fit; layers on images behind the head, heads in residuals and second ones, fully connected layers before the
    /// head; branches of different shape; too many layers.
    pub(super) fn enter(&mut self, layer: &Layer) -> Result<()> {
        self.layers += 1;
        if self.layers > MAX_LAYERS {
            return invalid(format!("the network has more than {MAX_LAYERS} layers; it must have fewer"));
        }
        match layer {
            Layer::Convolution { window, channels } => {
                self.on_image("conv")?;
                let taps = window.size[0] * window.size[1];
                self.signal.positions = window.positions(self.signal.positions)?;
                self.weights(taps, *channels);
            }
            Layer::Activation(_) => {}
            Layer::Pool(window) => {
                self.on_image("pool")?;
                self.signal.positions = window.positions(self.signal.positions)?;
            }
            Layer::Residual { main, skip } => self.residual(main, skip)?,
            Layer::Flatten => {
                let [rows, columns] = self.signal.positions;
                self.head("flatten", rows * columns)?;
            }
            Layer::GlobalAverage => self.head("gap", 1)?,
            Layer::Dense { .. } if !self.has_head => {
                return invalid("`dense` stands before the head; it must stand behind \"flatten\" or \"gap\"".into());
            }
            Layer::Dense { neurons } => self.weights(1, *neurons),
        }
        Ok(())
    }

    /// All weight matrices, the readout last.
    pub(super) fn finish(mut self) -> Result<Vec<MatrixShape>> {
        if !self.has_head {
            return invalid("no layer ends the image; one of them must be \"flatten\" or \"gap\"".into());
        }
        let Signal { stacked, channels, .. } = self.signal;
        self.matrices.push(MatrixShape { seen: stacked, channels, rows: None });
        Ok(self.matrices)
    }

    /// The same place, inside a residual.
    pub(super) fn in_residual(&self) -> Trace {
        Trace { in_residual: true, ..self.clone() }
    }

    fn weights(&mut self, taps: usize, factor: f64) {
        let Signal { stacked, channels, positions } = self.signal;
        self.matrices.push(MatrixShape { seen: taps * stacked, channels, rows: Some(factor) });
        self.signal = Signal { positions, stacked: 1, channels: PowerOfWidth::new(factor, 1.0) };
    }

    fn residual(&mut self, main: &[Layer], skip: &[Layer]) -> Result<()> {
        if main.is_empty() {
            return invalid("a residual has no layers; its main branch must have some".into());
        }
        let (start, in_residual) = (self.signal, std::mem::replace(&mut self.in_residual, true));
        let mut ends = [start; 2];
        for (end, branch) in ends.iter_mut().zip([main, skip]) {
            self.signal = start;
            for layer in branch {
                self.enter(layer)?;
            }
            *end = self.signal;
        }
        self.in_residual = in_residual;
        let [main, skip] = ends;
        if main != skip {
            return invalid(format!(
                "the branches of a residual end with {} and {}; they must have equal shapes",
                main.in_words(self.is_of_vectors),
                skip.in_words(self.is_of_vectors)
            ));
        }
        self.signal = main;
        Ok(())
    }

    fn head(&mut self, name: &str, stacked: usize) -> Result<()> {
        if self.is_of_vectors {
            return invalid(without_image(&format!("\"{name}\" ends images")));
        }
        if self.in_residual {
            return invalid(format!("\"{name}\" stands in a residual; the head must stand outside of residuals"));
        }
        if self.has_head {
            return invalid(format!("\"{name}\" is a second head; the network must have one, \"flatten\" or \"gap\""));
        }
        self.has_head = true;
        self.signal = Signal { positions: [1, 1], stacked, ..self.signal };
        Ok(())
    }

    fn on_image(&self, name: &str) -> Result<()> {
        if self.is_of_vectors {
            return invalid(without_image(&format!("`{name}` acts on images")));
        }
        if self.has_head {
            return invalid(format!(
                "`{name}` stands behind the head, where there is no image any more; it must stand before \"flatten\" or \"gap\""
            ));
        }
        Ok(())
    }
}

impl Signal {
    fn in_words(&self, is_of_vectors: bool) -> String {
        if is_of_vectors {
            return match self.channels.exponent {
                0.0 => "the inputs".into(),
                _ => format!("{} m neurons", self.channels.constant),
            };
        }
        let [rows, columns] = self.positions;
        let unit = if self.channels.exponent == 0.0 { "" } else { " m" };
        format!("{rows} × {columns} positions of {}{unit} channels", self.channels.constant)
    }
}

/// Why a layer cannot stand in a list without an image.
fn without_image(what: &str) -> String {
    format!(
        "{what}, and inputs are vectors without `network.image`; give it as [rows, columns, channels], or use `dense`, \"activation\", `residual` and \
         `repeat`"
    )
}

fn invalid<T>(message: String) -> Result<T> {
    Err(Error::Invalid(message))
}
