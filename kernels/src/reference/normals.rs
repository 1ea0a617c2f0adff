//! Plain twins of products with normal vectors, which are stored here.

use std::{f64::consts::TAU, ops::Range};

use crate::{normals::NormalStream, philox::philox4x32};

/// Returns row `row` of vector `vector`.
pub fn normal(stream: NormalStream, vector: u32, row: u64) -> f64 {
    let block = row / 4;
    let words = philox4x32([block as u32, (block >> 32) as u32, vector, stream.tag], stream.key);
    box_muller(words, (row % 4) as usize)
}

/// Number `index` of the four normals of four words.
pub(crate) fn box_muller(words: [u32; 4], index: usize) -> f64 {
    let [radial, angular] = [words[index / 2 * 2], words[index / 2 * 2 + 1]].map(f64::from);
    let radius = (-2.0 * ((radial + 0.5) / 4_294_967_296.0).ln()).sqrt();
    let angle = TAU * angular / 4_294_967_296.0;
    radius * if index.is_multiple_of(2) { angle.cos() } else { angle.sin() }
}

/// Returns Ξ (V × n).
pub fn normals(stream: NormalStream, vectors: Range<u32>, first_row: u64, n: usize) -> Vec<f64> {
    let mut values = Vec::new();
    for vector in vectors {
        values.extend((first_row..).take(n).map(|row| normal(stream, vector, row)));
    }
    values
}

/// Returns `x_c + Σ_j C[j, c] ξ_j` for X (P × n), Ξ (V × n) and C (V × P).
pub fn normals_add(x: &[f64], xi: &[f64], coefficients: &[f64], n: usize) -> Vec<f64> {
    let count = x.len() / n;
    let mut sums = x.to_vec();
    for (j, vector) in xi.chunks(n).enumerate() {
        for (c, sums) in sums.chunks_mut(n).enumerate() {
            sums.iter_mut().zip(vector).for_each(|(sum, xi)| *sum += coefficients[j * count + c] * xi);
        }
    }
    sums
}

/// Returns `ξ_j · x_c` (V × P) for X (P × n) and Ξ (V × n).
pub fn normals_gram(x: &[f64], xi: &[f64], n: usize) -> Vec<f64> {
    let mut products = Vec::new();
    for vector in xi.chunks(n) {
        products.extend(x.chunks(n).map(|x| x.iter().zip(vector).map(|(x, xi)| x * xi).sum::<f64>()));
    }
    products
}
