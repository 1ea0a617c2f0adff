//! A convolutional network is a list of layers; its infinite-width kernels need the variances and tangents of its weights.
//!
//! (docs/theory/convolutions.md §1, §4.1.) Numbers of channels drop out of the limit, so layers do not have them.

use widenet_core::{problem::Activation, scaling::KernelLayer};

use super::geometry::Window;

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
        self.rows * self.columns * self.channels
    }
}

/// One layer.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// A filter with shared weights, and a bias per channel.
    Convolution {
        /// The filter.
        window: Window,
        /// Variances and tangents.
        weights: KernelLayer,
    },
    /// An activation.
    Activation(Activation),
    /// The average over windows, which divides by the size of the window at the edge too.
    Pool(Window),
    /// The sum of two branches that start from the same place.
    Residual {
        /// The main branch, which contains weights.
        main: Vec<Layer>,
        /// The other one; empty for the identity.
        skip: Vec<Layer>,
    },
    /// The head that makes a vector of all positions.
    Flatten,
    /// The head that averages over all positions.
    GlobalAverage,
    /// A fully connected layer behind the head.
    Dense(KernelLayer),
}

/// A convolutional network as its kernels see it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvolutionalNetwork {
    /// Shape of the inputs.
    pub image: ImageShape,
    /// Layers up to the readout.
    pub layers: Vec<Layer>,
    /// Readout.
    pub readout: KernelLayer,
}
