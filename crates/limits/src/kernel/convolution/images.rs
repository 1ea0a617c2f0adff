//! Images side by side, and what is known of each before covariances are computed.

use widenet_core::problem::ImageShape;

use crate::kernel::dual::hermite::Coefficients;

/// Variances in one stage; empty where nothing needs them.
#[derive(Debug, Default)]
pub(super) struct StageVariances {
    /// Per node: images × positions, an image after the other.
    pub(super) nodes: Vec<Vec<f64>>,
    /// Per node: coefficients of the activation behind it, where it has no closed form.
    pub(super) series: Vec<Option<Coefficients>>,
}

/// Images, and how they are laid out.
#[derive(Debug)]
pub(super) struct Images {
    pub(super) shape: ImageShape,
    /// Image after image, row after row, position after position.
    pub(super) pixels: Vec<f64>,
    pub(super) count: usize,
}
