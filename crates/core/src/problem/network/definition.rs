//! A network has equal layers, fully connected, or is a list of layers.

use widenet_document::Word;

use super::image_network::{ImageNetwork, ImageShape, Layer};
use crate::{
    error::{Error, Result},
    problem::activation::Activation,
    scaling::layers::PowerOfWidth,
};

/// Law of the initial entries of the hidden matrices, in units of their standard deviation. Outer layers and biases are always Gaussian.
///
/// Wide networks forget it: to leading order in 1/width all laws agree, at the next order those of equal fourth moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EntryLaw {
    /// Standard normal.
    #[default]
    Gaussian,
    /// ±1: excess kurtosis −2.
    Rademacher,
    /// 151 values by a cubic of one random byte, with the first five moments of the Gaussian but for an excess kurtosis of −7·10⁻⁵
    /// (docs/theory/randomness.md §3, Eq. entries).
    C8,
}

impl Word for EntryLaw {
    const WORDS: &'static [(&'static str, EntryLaw)] =
        &[("gaussian", EntryLaw::Gaussian), ("rademacher", EntryLaw::Rademacher), ("c8", EntryLaw::C8)];
}

impl EntryLaw {
    /// Returns the word in files.
    pub fn name(self) -> &'static str {
        self.word()
    }
}

/// A network: section `[network]`. Whether it has biases is said by the parameterization (`sigma_b`).
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Number of hidden layers `L`; there are `L + 1` weight matrices.
    pub hidden_layers: usize,
    /// Activation after every hidden layer.
    pub activation: Activation,
    /// Distribution of the initial entries of the matrices between hidden layers.
    pub entry_law: EntryLaw,
    /// Whether the function that is trained and recorded is `f − f_0`, the network less its own function at the start.
    pub centered: bool,
    /// The layers of a network that is a list of them, on images or with layers that differ; `None` for perceptrons of equal layers.
    pub image: Option<ImageNetwork>,
}

impl Network {
    /// Returns the numbers of inputs of all weight matrices, the readout last, of a network with inputs in R^`input_dimension`.
    pub fn fan_ins(&self, input_dimension: usize) -> Vec<PowerOfWidth> {
        match self.image.as_ref().map(ImageNetwork::fan_ins) {
            Some(Ok(fan_ins)) => fan_ins,
            // Networks on images were checked when they were read.
            Some(Err(_)) | None => perceptron_fan_ins(self.hidden_layers, input_dimension),
        }
    }

    /// Returns rows and columns of all weight matrices at a width, the readout last, of a network with inputs in R^`input_dimension`. A number of
    /// channels ρm that is no whole number is rounded.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a layer of less than one channel.
    pub fn shapes(&self, input_dimension: usize, width: u64, outputs: usize) -> Result<Vec<[usize; 2]>> {
        match &self.image {
            None => Ok(self.perceptron_shapes(input_dimension, width, outputs)),
            Some(image) => image.matrices()?.iter().map(|matrix| matrix.at(width, outputs)).collect(),
        }
    }

    /// Returns the same of a fully connected network.
    pub fn perceptron_shapes(&self, input_dimension: usize, width: u64, outputs: usize) -> Vec<[usize; 2]> {
        let m = usize::try_from(width).unwrap_or(usize::MAX);
        let rows = |layer| if layer == self.hidden_layers { outputs } else { m };
        let columns = |layer| if layer == 0 { input_dimension } else { m };
        (0..=self.hidden_layers).map(|layer| [rows(layer), columns(layer)]).collect()
    }

    /// Returns the numbers of inputs of all weight matrices such that they are what they are at a width: ρm channels may have been rounded.
    pub(crate) fn fan_ins_at(&self, input_dimension: usize, width: u64) -> Vec<PowerOfWidth> {
        let fan_ins = self.fan_ins(input_dimension);
        let Some(Ok(shapes)) = self.image.as_ref().map(|_| self.shapes(input_dimension, width, 1)) else {
            return fan_ins;
        };
        let at_width = |(fan_in, [_, columns]): (PowerOfWidth, [usize; 2])| match fan_in.exponent {
            0.0 => fan_in,
            _ => PowerOfWidth::new(columns as f64 / width as f64, 1.0),
        };
        fan_ins.into_iter().zip(shapes).map(at_width).collect()
    }

    /// Returns every activation of the network, as often as it stands there.
    pub fn activations(&self) -> Vec<Activation> {
        match &self.image {
            None => vec![self.activation; self.hidden_layers],
            Some(image) => Layer::activations(&image.layers),
        }
    }

    /// Says whether branches are added somewhere.
    pub fn has_residuals(&self) -> bool {
        let is_residual = |layer: &Layer| matches!(layer, Layer::Residual { .. });
        self.image.as_ref().is_some_and(|image| image.layers.iter().any(is_residual))
    }

    /// Says what it is if it is a list of layers, to stand behind "this one is".
    pub fn list_in_words(&self) -> Option<&'static str> {
        match &self.image {
            None => None,
            Some(list) if list.is_fully_connected() => Some("a list of layers (network.layers)"),
            Some(_) => Some("convolutional (network.image)"),
        }
    }

    /// Refuses lists of layers, on images or not, where only perceptrons of equal layers are known; `what` says where.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the key and what works.
    pub fn check_fully_connected(&self, what: &str) -> Result<()> {
        match &self.image {
            None => Ok(()),
            Some(list) if list.is_fully_connected() => Err(Error::Invalid(format!(
                "network.layers: {what} is not computed for lists of layers whose widths or activations differ, or that have residuals; they are trained by the \
                 dense engine at finite widths, and have kernels at width inf: use `widenet solve`, at width inf in the kernel regime (parameterization \"ntk\", \
                 or \"standard\" with learning_rate_exponent = -1), `widenet kernel` or `widenet predict`"
            ))),
            Some(ImageNetwork { shape: ImageShape { rows, columns, channels }, .. }) => Err(Error::Invalid(format!(
                "network.image = [{rows}, {columns}, {channels}]: {what} is not computed for convolutional networks; they are trained by the dense engine at \
                 finite widths, and have kernels at width inf: use `widenet solve`, at width inf in the kernel regime (parameterization \"ntk\", or \"standard\" \
                 with learning_rate_exponent = -1), `widenet kernel` or `widenet predict`"
            ))),
        }
    }
}

/// Numbers of inputs of the weight matrices of a perceptron: d, then m.
pub(crate) fn perceptron_fan_ins(hidden_layers: usize, input_dimension: usize) -> Vec<PowerOfWidth> {
    let mut fan_ins = vec![PowerOfWidth::new(1.0, 1.0); hidden_layers + 1];
    fan_ins[0] = PowerOfWidth::new(input_dimension as f64, 0.0);
    fan_ins
}
