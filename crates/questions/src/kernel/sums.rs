//! Mean and standard deviation of the kernels of several networks, added one by one.
//!
//! ```text
//! δ = K_n − mean,   mean += δ/n,   M_2 += δ² (n − 1)/n,   std = √(M_2/(n − 1))
//! ```
//!
//! (docs/theory/statistics.md §3, Eq. moments; entry by entry.)

use widenet_core::Matrix;

use super::answer::Blocks;

/// Sums over the networks so far, of both kernels.
#[derive(Debug, Default)]
pub(super) struct Sums {
    networks: u64,
    /// Means.
    pub(super) mean: [Blocks; 2],
    /// `M_2`.
    squares: [Blocks; 2],
}

impl Sums {
    /// Adds the kernels of the next network.
    pub(super) fn add(&mut self, kernels: [Blocks; 2]) {
        self.networks += 1;
        if self.networks == 1 {
            self.squares = kernels.each_ref().map(|blocks| blocks.map(|matrix| matrix * 0.0));
            self.mean = kernels;
            return;
        }
        let n = self.networks as f64;
        let pairs = self.mean.iter_mut().zip(&mut self.squares).zip(&kernels);
        for ((mean, squares), kernel) in pairs {
            for ((mean, square), kernel) in mean.matrices_mut().zip(squares.matrices_mut()).zip(kernel.matrices()) {
                let deviation = kernel - &*mean;
                *mean += &deviation / n;
                square.zip_apply(&deviation, |square, delta| *square += delta * delta * (n - 1.0) / n);
            }
        }
    }

    /// Standard deviations between networks, of two networks or more.
    pub(super) fn std(&self) -> [Blocks; 2] {
        let degrees = (self.networks - 1) as f64;
        self.squares.each_ref().map(|blocks| blocks.map(|square: &Matrix| square.map(|sum| (sum / degrees).sqrt())))
    }
}
