//! Random deep linear networks whose depth is of the order of their width have exact distributions at any widths, a limit, and posteriors.
//!
//! ```text
//! F = √g R G Xᵀ,   R Rᵀ = K0,   G standard Gaussian,   α = Σ_l 1/N_l
//! ```
//!
//! `X` is a product of independent random factors, one per hidden layer; in the limit `1/N_l → 0` with α kept it is a
//! triangular diffusion. Given the mixing matrix `Q = X Xᵀ` the outputs are Gaussian with covariance `g K0 ⊗ Q`.
//! (docs/theory/proportional-limit.md §2.2, §5, Eq. 2.2; Bassetti, Ladelli, Rotondo, *Proportional infinite-width infinite-depth limit for
//! deep linear neural networks*.) α = 0 is the NNGP.

mod bartlett;
mod contour;
mod cumulant;
mod determinant;
mod error;
mod gamma;
mod geometry;
mod hyperbolic;
mod input_kernel;
mod joint;
mod layers;
mod log_law;
mod moments;
mod output_law;
pub mod posterior;
mod quantile;
mod rate;
mod sample;
mod splitting;

pub use bartlett::bartlett_factor;
pub use determinant::{LogDeterminant, log_determinant};
pub use error::{Error, Result};
pub use geometry::{Estimate, Spectra, mean_squared_correlation};
pub use hyperbolic::EigenvalueRatio;
pub use input_kernel::InputKernel;
pub use joint::log_joint_density;
pub use layers::{HiddenLayers, LayerGroup};
pub use log_law::LogLaw;
pub use moments::{SecondMoments, factor_second_moments};
pub use output_law::{OutputLaw, log_scale_moment, log_squared_norm_law, scale_moment};
pub use rate::{output_rate_constant, scale_rate_constant};
pub use sample::{LARGEST_SAMPLE, LimitScheme, Sampler};
pub use splitting::{SplittingNormals, default_steps, splitting_step};
