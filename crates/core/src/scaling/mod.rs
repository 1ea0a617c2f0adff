//! A parameterization is data (`layers`); its exponents in the terms of Yang and Hu (`abc`), of Golikov (`golikov`), by name (`named`), and as
//! far as they matter (`exponents`); what of it a kernel sees (`kernel`).
//!
//! ```text
//! W_l = A_l m^(-a_l) w_l
//! ```
//!
//! (docs/theory/training.md §1, Eq. layer.)

mod abc;
mod exponents;
mod golikov;
mod kernel;
pub(crate) mod layers;
pub(crate) mod named;
mod sign;

pub use abc::AbcExponents;
pub use exponents::EffectiveExponents;
pub use golikov::{GolikovExponents, RawFactors};
pub use kernel::{KernelLayer, KernelNetwork};
pub use layers::{LayerScaling, Limit, Normalized, PowerOfWidth, Scaling};
pub use named::{MAX_HIDDEN_LAYERS, NamedScaling};
pub use sign::{EXPONENT_TOLERANCE, power_of_width, sign};
