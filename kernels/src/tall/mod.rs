//! Tall-skinny products: they combine r basis vectors and P more vectors of one large dimension n with small matrices of `f64`.
//!
//! For a basis Q (r × n), vectors X (P × n) and coefficients C (r × P),
//!
//! ```text
//! tall_gram:       Q Xᵀ   (r × P)    tall_add:       X + Cᵀ Q                       (in place)
//! tall_times:      Cᵀ Q   (P × n)    tall_add_gram:  X' = X + Cᵀ Q and X' X'ᵀ       (in place, one pass)
//! tall_self_gram:  X Xᵀ   (P × P)    tall_append:    the rows of Q, then those of X  (in place, if there is room)
//! ```
//!
//! These are the passes of classical Gram–Schmidt and of products with stored vectors (docs/theory/conditioning.md §2). Inner products
//! leave as `f64`: partial sums over slabs of the long dimension, in the float type of the tensors and by halves, are added in `f64` in a
//! fixed order, so that 10⁷ entries of `f32` lose no digits to the sum. Inner products of a few vectors with themselves tell which of them
//! are independent; they are `f64` throughout on the CPU ([`tall_gram_epsilon`]).

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod ops;

pub use ops::{tall_add, tall_add_gram, tall_append, tall_gram, tall_gram_epsilon, tall_self_gram, tall_times};
