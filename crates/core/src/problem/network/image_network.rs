//! A network on images is a list of layers; weights are shared over positions.
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

/// A network on images, up to its readout.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageNetwork {
    /// Shape of the inputs.
    pub shape: ImageShape,
    /// How an input holds them.
    pub pixel_order: PixelOrder,
    /// Layers up to the readout, with exactly one head.
    pub layers: Vec<Layer>,
}

impl ImageNetwork {
    /// Returns the numbers N of inputs of all weight matrices, the readout last; those that see the image have a number that does not
    /// depend on the width.
    ///
    /// # Errors
    /// Windows that do not fit, layers that stand where they cannot, branches of different shape, too many layers, and a list without a head.
    pub fn fan_ins(&self) -> Result<Vec<PowerOfWidth>> {
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
    channels: PowerOfWidth,
}

/// Follows the shape of a signal through layers, and collects the fan-in of every weight matrix.
#[derive(Debug, Clone)]
pub(super) struct Trace {
    signal: Signal,
    has_head: bool,
    in_residual: bool,
    fan_ins: Vec<PowerOfWidth>,
    layers: usize,
}

impl Trace {
    pub(super) fn new(shape: ImageShape) -> Trace {
        let channels = PowerOfWidth::new(shape.channels as f64, 0.0);
        let signal = Signal { positions: [shape.rows, shape.columns], channels };
        Trace { signal, has_head: false, in_residual: false, fan_ins: Vec::new(), layers: 0 }
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
                let taps = (window.size[0] * window.size[1]) as f64;
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
                self.head("flatten", (rows * columns) as f64)?;
            }
            Layer::GlobalAverage => self.head("gap", 1.0)?,
            Layer::Dense { .. } if !self.has_head => {
                return invalid("`dense` stands before the head; it must stand behind \"flatten\" or \"gap\"".into());
            }
            Layer::Dense { neurons } => self.weights(1.0, *neurons),
        }
        Ok(())
    }

    /// The fan-ins of all weight matrices, the readout last.
    pub(super) fn finish(mut self) -> Result<Vec<PowerOfWidth>> {
        if !self.has_head {
            return invalid("no layer ends the image; one of them must be \"flatten\" or \"gap\"".into());
        }
        self.fan_ins.push(self.signal.channels);
        Ok(self.fan_ins)
    }

    /// The same place, inside a residual.
    pub(super) fn in_residual(&self) -> Trace {
        Trace { in_residual: true, ..self.clone() }
    }

    fn weights(&mut self, taps: f64, factor: f64) {
        let PowerOfWidth { constant, exponent } = self.signal.channels;
        self.fan_ins.push(PowerOfWidth::new(taps * constant, exponent));
        self.signal.channels = PowerOfWidth::new(factor, 1.0);
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
                main.in_words(),
                skip.in_words()
            ));
        }
        self.signal = main;
        Ok(())
    }

    fn head(&mut self, name: &str, factor: f64) -> Result<()> {
        if self.in_residual {
            return invalid(format!("\"{name}\" stands in a residual; the head must stand outside of residuals"));
        }
        if self.has_head {
            return invalid(format!("\"{name}\" is a second head; the network must have one, \"flatten\" or \"gap\""));
        }
        let PowerOfWidth { constant, exponent } = self.signal.channels;
        self.has_head = true;
        self.signal = Signal { positions: [1, 1], channels: PowerOfWidth::new(factor * constant, exponent) };
        Ok(())
    }

    fn on_image(&self, name: &str) -> Result<()> {
        if self.has_head {
            return invalid(format!(
                "`{name}` stands behind the head, where there is no image any more; it must stand before \"flatten\" or \"gap\""
            ));
        }
        Ok(())
    }
}

impl Signal {
    fn in_words(&self) -> String {
        let [rows, columns] = self.positions;
        let unit = if self.channels.exponent == 0.0 { "" } else { " m" };
        format!("{rows} × {columns} positions of {}{unit} channels", self.channels.constant)
    }
}

fn invalid<T>(message: String) -> Result<T> {
    Err(Error::Invalid(message))
}
