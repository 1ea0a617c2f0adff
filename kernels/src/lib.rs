//! Device primitives that burn lacks: row panels, long vectors, and random matrices that are never stored, against a few vectors.
//!
//! For a panel W (r × n), a basis Q of r long vectors, fresh normals Ξ or a random matrix W_0 of counters, and few vectors x_1 … x_P,
//!
//! ```text
//! panel_apply:            y_c = W x_c              panel_rank_update:   W ← p W + Σ_q a_q b_qᵀ   (in place)
//! panel_apply_transpose:  z_c = Wᵀ g_c             tall_gram, tall_add: Qᵀ X, X + Q C   (tall_add_gram: both in one pass)
//! normals_gram:           Ξᵀ X                     normals_add:         X + Ξ C
//! regenerated_apply:      W_0 X                    regenerated_apply_transpose: W_0ᵀ G
//! ```
//!
//! A [`Basis`] grows by what vectors have outside it, over [`SplitVectors`] whose pieces fit one buffer. Vectors are the *rows* of a tensor (P × n), so that each is contiguous in memory. Every product reads the panel once
//! where libraries read it twice or copy its transpose, and nothing depends on the number of threads: work is cut into
//! pieces of fixed size whose sums are added in a fixed order. Random numbers are Philox4x32-10, whose integers are the same on every
//! backend. On the CPU (`flex`) the kernels are the portable SIMD
//! loops of [`cpu`]; on a GPU they are CubeCL kernels (feature `gpu`); `ndarray` composes burn's own operations.
//! With sixteen vectors and more, `flex` and the GPU hand the products with panels to the matrix product of their library.
//!
//! Random numbers are functions of their address (Philox), so random vectors and matrices need not be stored:
//!
//! ```text
//! normals_add:   X ← X + Cᵀ Ξ     regenerated_apply:            y_c = W x_c
//! normals_gram:  Ξ Xᵀ             regenerated_apply_transpose:  z_c = Wᵀ g_c
//! ```
//!
//! with Ξ of a [`NormalStream`] and W a [`RegeneratedMatrix`]; what they are made from is the same on every backend.
//! [`reference`](mod@reference) is the plain twin that all primitives are tested against.

mod basis;
pub mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod normals;
mod panel;
mod philox;
pub mod reference;
mod regenerated;
mod split;
mod tall;

pub use basis::{Basis, Exploration};
pub use normals::{NormalStream, normals, normals_add, normals_gram};
pub use panel::{panel_apply, panel_apply_transpose, panel_rank_update};
pub use philox::{philox_words, philox4x32};
pub use regenerated::{
    EntryLaw, RegeneratedBlock, RegeneratedMatrix, regenerated_apply, regenerated_apply_transpose, regenerated_entries,
};
pub use split::SplitVectors;
pub use tall::{tall_add, tall_add_gram, tall_gram, tall_times};
