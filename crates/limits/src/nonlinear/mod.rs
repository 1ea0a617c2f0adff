//! Evaluates the mean-field limit of perceptrons of any depth with an error bar.
//!
//! ```text
//! f_m = F(μ̂_1, …, μ̂_L),    f_∞ = F(N, …, N),    value = mean over R replicates of F on m evenly spread nodes per layer
//! ```
//!
//! (docs/theory/nonlinear-mean-field.md §2, §3.) Conditioned training is one functional F of the empirical measures of its neurons' Gaussian
//! coordinates, whatever the width. Nodes that integrate well against Gaussians, in place of independent neurons, give its value at width ∞. The
//! network of nodes is trained by the loop of all networks ([`widenet_core::training`]); its matrices are known by their responses.

mod basis;
mod block;
mod columns;
mod cost;
mod estimate;
mod grid;
mod hidden;
mod matrix;
mod network;
mod problem;
mod products;
mod replicate;
mod solve;
mod space;
mod thin;

pub use cost::{Cost, cost};
pub use problem::{check, has_mean_field_scaling};
pub use solve::{Options, Solution, Watch, solve};
pub use space::Scheme;
