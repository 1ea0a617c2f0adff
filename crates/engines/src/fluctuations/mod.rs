//! How finite networks fluctuate around their limit, before any wide one is trained.
//!
//! ```text
//! √m (f_m − f_∞) → N(0, s²),     E f_m = f_∞ + b/m + O(m⁻²)
//! s ≈ std √m_0,                  b ≈ m_0 (mean f_{m_0} − f_∞)
//! ```
//!
//! from R_0 networks of a small width m_0, and as many of 2 m_0, which say whether both stay (docs/theory/nonlinear-mean-field.md §5).

mod agreement;
mod estimate;
mod measure;
mod networks;
mod options;
mod problem;

pub use agreement::Agreement;
pub use estimate::{Entry, Estimate, Interval};
pub use measure::{Fluctuations, Moment, SufficientWidth, fluctuations};
pub use networks::wide_networks;
pub use options::FluctuationOptions;
