//! Columns of standard normal nodes: scrambled Sobol coordinates, then Latin hypercubes.
//!
//! ```text
//! z_i = Φ⁻¹(u_i),    u_i = (x_i + 1/2)/2^32,    x_i = shift ⊕ ⊕_b (bit b of the Gray code of i) S v_b
//! ```
//!
//! (docs/theory/nonlinear-mean-field.md §3.) v_b are Joe and Kuo's direction numbers of the coordinate, S is a random lower triangular matrix of
//! bits: each u_i is uniform, and m = 2^n of them in few coordinates fill the cube evenly.

use std::{f64::consts::SQRT_2, sync::OnceLock};

use rand::{Rng, seq::SliceRandom};
use sobol::{Sobol, SobolParams, params::JoeKuoD6};
use statrs::function::erf::erfc_inv;

/// Bits of a coordinate.
const BITS: usize = 32;

/// Joe and Kuo's direction numbers, the highest bit first, of every coordinate of the table.
fn directions() -> &'static [Vec<u32>] {
    static DIRECTIONS: OnceLock<Vec<Vec<u32>>> = OnceLock::new();
    DIRECTIONS.get_or_init(|| {
        let table = JoeKuoD6::standard();
        Sobol::<u32>::init_direction_vals(table.max_dims(), BITS, &table)
    })
}

/// Column `coordinate` of m standard normal nodes, scrambled by the next numbers of a stream of its own.
pub(super) fn normal_column(coordinate: usize, m: usize, rng: &mut impl Rng) -> Vec<f64> {
    match directions().get(coordinate) {
        Some(directions) => sobol_column(directions, m, rng),
        None => latin_column(m, rng),
    }
}

/// m independent standard normals.
pub(super) fn independent_column(m: usize, rng: &mut impl Rng) -> Vec<f64> {
    (0..m).map(|_| quantile((f64::from(rng.next_u32()) + 0.5) / SIZE)).collect()
}

/// 2^32.
const SIZE: f64 = 4_294_967_296.0;

fn sobol_column(directions: &[u32], m: usize, rng: &mut impl Rng) -> Vec<f64> {
    let rows = scramble(rng);
    let scrambled: Vec<u32> = directions.iter().map(|direction| times(&rows, *direction)).collect();
    let mut x = rng.next_u32();
    let mut column = Vec::with_capacity(m);
    for i in 1..=m as u64 {
        column.push(quantile((f64::from(x) + 0.5) / SIZE));
        // Successive numbers in Gray code differ in one bit.
        x ^= scrambled[i.trailing_zeros() as usize % BITS];
    }
    column
}

/// Rows of a lower triangular matrix of random bits with ones on its diagonal; the first is that of the highest bit.
fn scramble(rng: &mut impl Rng) -> [u32; BITS] {
    std::array::from_fn(|row| {
        let diagonal = 1 << (BITS - 1 - row);
        let above = !(u32::MAX >> row);
        rng.next_u32() & above | diagonal
    })
}

/// The product of a matrix of bits with a vector of bits.
fn times(rows: &[u32; BITS], vector: u32) -> u32 {
    rows.iter().fold(0, |product, row| product << 1 | (row & vector).count_ones() & 1)
}

/// One number in each of m cells of equal length, in random order.
fn latin_column(m: usize, rng: &mut impl Rng) -> Vec<f64> {
    let mut cells: Vec<u32> = (0..m as u32).collect();
    cells.shuffle(rng);
    // Never 0 or 1, where there is no quantile.
    let mut inside = || (f64::from(rng.next_u32()) + 0.5) / SIZE;
    cells.into_iter().map(|cell| quantile((f64::from(cell) + inside()) / m as f64)).collect()
}

/// `Φ⁻¹(u)` of u in (0, 1).
fn quantile(u: f64) -> f64 {
    -SQRT_2 * erfc_inv(2.0 * u)
}

#[cfg(test)]
mod tests {
    use widenet_core::seed::{Purpose, stream};

    use super::*;
    use crate::quadrature::gauss_hermite;

    fn columns(coordinates: std::ops::Range<usize>, m: usize, seed: u64) -> Vec<Vec<f64>> {
        coordinates.map(|j| normal_column(j, m, &mut stream(seed, Purpose::Nodes(1), j as u64))).collect()
    }

    /// Uniform coordinates of a node.
    fn cell(z: f64, cells: usize) -> usize {
        (0.5 * libm::erfc(-z / SQRT_2) * cells as f64) as usize
    }

    /// Every interval of length 1/m holds one number of each column, of Sobol coordinates and beyond them, and the first two coordinates have
    /// one point in each of m boxes of any shape.
    #[test]
    fn nodes_are_spread_evenly() {
        let m = 256;
        for coordinate in [0, 1, 7, 999, 1000, 5000] {
            let mut cells: Vec<usize> =
                columns(coordinate..coordinate + 1, m, 3)[0].iter().map(|z| cell(*z, m)).collect();
            cells.sort_unstable();
            assert!(cells.iter().enumerate().all(|(i, cell)| i == *cell), "coordinate {coordinate}");
        }
        let pair = columns(0..2, m, 4);
        for first in [2, 16, 64] {
            let mut boxes = vec![0; m];
            for (x, y) in pair[0].iter().zip(&pair[1]) {
                boxes[cell(*x, first) * (m / first) + cell(*y, m / first)] += 1;
            }
            assert!(boxes.iter().all(|count| *count == 1), "{first} by {}", m / first);
        }
    }

    /// The mean over scrambles of a product of functions is their mean: 200 scrambles, each far more exact than independent draws.
    #[test]
    fn scrambles_are_unbiased() {
        let means: Vec<f64> = (0..200)
            .map(|seed| {
                let pair = columns(3..5, 64, seed);
                pair[0].iter().zip(&pair[1]).map(|(x, y)| x.exp() * (1.0 + y).tanh()).sum::<f64>() / 64.0
            })
            .collect();
        let mean = means.iter().sum::<f64>() / 200.0;
        let std = (means.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 199.0).sqrt();
        // E e^z = e^{1/2}.
        let rule = gauss_hermite(60).expect("nodes");
        let expected = 0.5_f64.exp() * rule.iter().map(|(z, w)| w * (1.0 + z).tanh()).sum::<f64>();
        assert!((mean - expected).abs() < 4.0 * std / 200f64.sqrt(), "{mean} against {expected} ± {std}");
        // 64 independent draws: 0.25.
        assert!(std > 0.0 && std < 0.1, "{std}");
    }

    #[test]
    fn quantiles_are_exact() {
        for (u, z) in [(0.5, 0.0), (0.975, 1.959_963_984_540_054), (1e-9, -5.997_807_015_007_687)] {
            assert!((quantile(u) - z).abs() < 1e-13, "{u}: {}", quantile(u));
        }
    }
}
