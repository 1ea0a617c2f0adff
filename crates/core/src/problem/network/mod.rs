//! Section `[network]` says what the network is made of.

mod definition;
mod image_network;
mod section;
mod window;

pub(crate) use definition::perceptron_fan_ins;
pub use definition::{EntryLaw, Network};
pub use image_network::{ImageNetwork, ImageShape, Layer, MAX_LAYERS, MatrixShape, PixelOrder};
pub(super) use section::network;
pub use window::{Padding, Taps, Window};
