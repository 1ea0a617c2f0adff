//! These are device primitives that burn lacks: products of row panels, long vectors, and random matrices that are never stored, with a few
//! vectors.
//!
//! For vectors x_1 … x_P and g_1 … g_P, which are the *rows* of a tensor (P × n), so that each is contiguous in memory,
//!
//! ```text
//! a stored panel W (r × n)       panel_apply                  y_c = W x_c
//!                                panel_apply_transpose        z_c = Wᵀ g_c
//!                                panel_rank_update            W ← p W + Σ_q a_q b_qᵀ
//! long vectors q_1 … q_r         tall_gram                    q_jᵀ x_c
//!                                tall_times                   Σ_j C[j, c] q_j
//!                                tall_add                     x_c ← x_c + Σ_j C[j, c] q_j
//!                                tall_add_gram                the same, and x_bᵀ x_c of what comes of it, in one pass
//!                                tall_self_gram, tall_append  x_bᵀ x_c; q_1 … q_r x_1 … x_P
//! normals ξ_j of a NormalStream  normals                      ξ_j
//!                                normals_gram                 ξ_jᵀ x_c
//!                                normals_add                  x_c ← x_c + Σ_j C[j, c] ξ_j
//! a block W (r × n) of a         regenerated_entries          W
//!   RegeneratedMatrix            regenerated_apply            y_c = W x_c
//!                                regenerated_apply_transpose  z_c = Wᵀ g_c
//! neurons                        activate                     φ(x_c)
//!                                times_derivative             g_c φ'(x_c)
//! positions of images            selection_stack              (x_{s(p,1)}; …; x_{s(p,q)})
//!                                selection_sum                Σ_j x_{s(p,j)}
//! ```
//!
//! Normals and regenerated entries are functions of their addresses: they are made inside the products and never stored, of
//! Philox4x32-10, whose integers are the same on every backend. A [`Basis`] grows by what vectors have outside it, over
//! [`SplitVectors`] whose pieces fit one buffer.
//!
//! Every product reads its panel once where libraries read it twice or copy its transpose, and nothing depends on the number of
//! threads: work is cut into pieces of fixed size whose sums are added in a fixed order. On the CPU (`flex`) the kernels are
//! the portable SIMD loops of [`cpu`]; on a GPU they are CubeCL kernels (feature `gpu`); `ndarray` composes burn's own
//! operations. With sixteen vectors and more, `flex` and the GPU hand the products with panels to the matrix product of their
//! library. [`reference`](mod@reference) is the plain twin that all primitives are tested against.

mod activation;
mod basis;
pub mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod normals;
mod panel;
mod philox;
pub mod reference;
mod regenerated;
mod selection;
mod split;
mod tall;

pub use activation::{activate, times_derivative};
pub use basis::{Basis, Projection};
pub use normals::{NormalStream, normals, normals_add, normals_gram};
pub use panel::{panel_apply, panel_apply_transpose, panel_rank_update};
pub use philox::{philox_words, philox4x32};
pub use regenerated::{
    EntryLaw, RegeneratedBlock, RegeneratedMatrix, regenerated_apply, regenerated_apply_transpose, regenerated_entries,
};
pub use selection::{selection_stack, selection_sum};
pub use split::SplitVectors;
pub use tall::{tall_add, tall_add_gram, tall_append, tall_gram, tall_gram_epsilon, tall_self_gram, tall_times};
