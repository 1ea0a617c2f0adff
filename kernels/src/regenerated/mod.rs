//! A regenerated matrix is a fixed random matrix that is never stored: its entries are made inside the product, the same on every backend.
//!
//! One Philox call serves four rows and a group of columns. With the words `w_0 … w_3` of the counter
//! `(J, I, law, tag)`, row `4I + r` takes from `w_r` the entries of the columns of group `J`:
//!
//! ```text
//! Gaussian    column J              w_0 … w_3 as two Box–Muller pairs (see NormalStream)
//! Rademacher  columns 32J … 32J+31  bit k: 2 bit − 1
//! C8          columns 4J … 4J+3     byte k: n = 2 byte − 255,  T = ⌊(n (n² + 22956) + 2¹⁷) / 2¹⁸⌋,  T / √1327.125
//! ```
//!
//! (docs/theory/randomness.md §3, Eq. entries.) All entries are independent with mean 0 and variance 1. C8 has the first five moments of
//! the normal law but for an excess kurtosis of −7·10⁻⁵; as integers its entries and those of Rademacher agree bit for bit on all backends.
//! A unit of work takes four rows (or columns of one group, for the transpose) and runs along them, so no entry is made twice for a vector.

mod composed;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod matrix;
mod ops;

pub use matrix::{EntryLaw, RegeneratedBlock, RegeneratedMatrix};
pub use ops::{regenerated_apply, regenerated_apply_transpose, regenerated_entries};
