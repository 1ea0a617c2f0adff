//! The plain twins of all primitives, in `f64`: each is three loops that a reader can check. Matrices are row-major, vectors are rows.

mod activation;
mod normals;
mod panel;
mod regenerated;
mod tall;

pub use activation::{activate, times_derivative};
pub use normals::{normal, normals, normals_add, normals_gram};
pub use panel::{panel_apply, panel_apply_transpose, panel_rank_update};
pub use regenerated::{regenerated_entries, regenerated_integers};
pub use tall::{tall_add, tall_gram};
