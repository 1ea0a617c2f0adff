//! Device primitives that burn lacks: a row panel of a weight matrix against a few vectors.
//!
//! For a panel W (r × n) and few vectors x_1 … x_P,
//!
//! ```text
//! panel_apply:            y_c = W x_c              panel_rank_update:   W ← p W + Σ_q a_q b_qᵀ   (in place)
//! panel_apply_transpose:  z_c = Wᵀ g_c
//! ```
//!
//! Vectors are the *rows* of a tensor (P × n), so that each is contiguous in memory. Every product reads the panel once
//! where libraries read it twice or copy its transpose, and nothing depends on the number of threads: work is cut into
//! pieces of fixed size whose sums are added in a fixed order. On the CPU (`flex`) the kernels are the portable SIMD
//! loops of [`cpu`]; on a GPU they are CubeCL kernels (feature `gpu`); `ndarray` composes burn's own operations.
//! With sixteen vectors and more, `flex` and the GPU hand the products to the matrix product of their library.
//! [`reference`](mod@reference) is the plain twin they are all tested against.

pub mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod panel;
pub mod reference;

pub use panel::{panel_apply, panel_apply_transpose, panel_rank_update};
