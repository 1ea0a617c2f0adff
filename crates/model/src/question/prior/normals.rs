//! Normal random numbers are found by their place: number i of a matrix is the same whoever asks and in whichever order.
//!
//! Two words `k, k'` of a stream give two normals, `±√(−ln u) (cos ϑ + sin ϑ)` and `±√(−ln u) (cos ϑ − sin ϑ)`, with
//! `u = (k + ½) / 2³²`, |ϑ| < π/4 and the signs from `k'` (Box and Muller, Ann. Math. Stat. 29, 610 (1958), with the angle
//! counted from the diagonal of its quadrant). They are made in `f32`, in lanes and from sums, products and roots alone, so that
//! they are the same bits on every processor. The largest is 6.8, which a normal exceeds once in 10¹¹.

use std::{f32::consts::PI, ops::Mul};

use multiversion::multiversion;
use rand_chacha::rand_core::Rng;
use rayon::prelude::*;
use widenet_core::seed::{Purpose, stream};

/// Numbers made at once: one refill of the stream's buffer.
const BLOCK: usize = 64;
const PAIRS: usize = BLOCK / 2;
/// Numbers of a matrix that one task draws; a multiple of [`BLOCK`].
const TASK: usize = 1 << 14;

/// Entries of a weight matrix by their address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weights {
    /// Seed of the sample.
    pub(super) seed: u64,
    /// Index of the layer, input layer 0.
    pub(super) layer: u32,
    /// Standard deviation of the entries.
    pub(super) std: f64,
}

/// A float type that entries are drawn in; `f64` entries are the `f32` normals times an `f64` deviation.
pub(super) trait Entry: Copy + Default + Send + Sync + From<f32> + Mul<Output = Self> {
    /// The nearest number.
    fn nearest(value: f64) -> Self;
}

impl Entry for f32 {
    fn nearest(value: f64) -> Self {
        value as f32
    }
}

impl Entry for f64 {
    fn nearest(value: f64) -> Self {
        value
    }
}

impl Weights {
    /// The matrices of consecutive networks, each of `size` entries row by row, one after the other.
    pub(super) fn draw<T: Entry>(&self, first: u64, networks: usize, size: usize) -> Vec<T> {
        let mut values = vec![T::default(); networks * size];
        values.par_chunks_mut(size).enumerate().for_each(|(network, matrix)| {
            let network = first + network as u64;
            let fill = |(task, piece): (usize, &mut [T])| self.fill(network, task * TASK, piece);
            matrix.par_chunks_mut(TASK).enumerate().for_each(fill);
        });
        values
    }

    /// Entries of one matrix from entry `start`, a multiple of [`BLOCK`].
    fn fill<T: Entry>(&self, network: u64, start: usize, values: &mut [T]) {
        let std = T::nearest(self.std);
        let mut rng = stream(self.seed, Purpose::PriorWeights(self.layer), network);
        rng.set_word_pos(start as u128);
        let mut words = [[0; 4]; BLOCK];
        for values in values.chunks_mut(BLOCK) {
            rng.fill_bytes(words.as_flattened_mut());
            let normals = normals(&words);
            for (value, normal) in values.iter_mut().zip(&normals) {
                *value = std * T::from(*normal);
            }
        }
    }
}

/// Normals of words with their lowest byte first; pair i comes from words i and i + 32 and goes to the same places.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn normals(words: &[[u8; 4]; BLOCK]) -> [f32; BLOCK] {
    let mut normals = [0.0; BLOCK];
    let (first, second) = normals.split_at_mut(PAIRS);
    let (radii, angles) = words.split_at(PAIRS);
    for i in 0..PAIRS {
        let (radius, angle) = (u32::from_le_bytes(radii[i]), u32::from_le_bytes(angles[i]));
        let radius = minus_log((radius as f32 + 0.5) / 4_294_967_296.0).sqrt();
        // 30 bits for the angle; the two highest bits are the signs.
        let turn = ((angle << 2 >> 2) as i32 as f32 + 0.5) / 1_073_741_824.0 - 0.5;
        let (sine, cosine) = sine_cosine(turn * (PI / 2.0));
        first[i] = with_sign(radius * (cosine + sine), angle);
        second[i] = with_sign(radius * (cosine - sine), angle << 1);
    }
    normals
}

/// A number that is not negative, negated if the highest bit of `word` is set.
#[inline(always)]
fn with_sign(value: f32, word: u32) -> f32 {
    f32::from_bits(value.to_bits() ^ (word & (1 << 31)))
}

/// `−ln u` for a normal `u` in (0, 1]: `u = 2^e x` with x in [√½, √2), and `ln x = 2 artanh((x − 1) / (x + 1))`.
#[inline(always)]
fn minus_log(u: f32) -> f32 {
    const ROOT_HALF: i32 = std::f32::consts::FRAC_1_SQRT_2.to_bits() as i32;
    let bits = u.to_bits() as i32;
    let exponent = (bits - ROOT_HALF) >> 23;
    let x = f32::from_bits((bits - (exponent << 23)) as u32);
    let s = (x - 1.0) / (x + 1.0);
    let square = s * s;
    let series = 1.0 + square * (1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0 + square * (1.0 / 9.0))));
    -(exponent as f32 * std::f32::consts::LN_2 + 2.0 * s * series)
}

/// Sine and cosine of an angle in [−π/4, π/4], by their series.
#[inline(always)]
fn sine_cosine(angle: f32) -> (f32, f32) {
    let square = angle * angle;
    let sine = 1.0 + square * (-1.0 / 6.0 + square * (1.0 / 120.0 + square * (-1.0 / 5040.0 + square / 362_880.0)));
    let cosine = 1.0 + square * (-1.0 / 2.0 + square * (1.0 / 24.0 + square * (-1.0 / 720.0 + square / 40_320.0)));
    (angle * sine, cosine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw<T: Entry>(size: usize) -> Vec<T> {
        Weights { seed: 5, layer: 3, std: 1.0 }.draw(2, 1, size)
    }

    #[test]
    fn normals_are_the_transform_of_box_and_muller() {
        let extremes = [0, 1, 2, 3, 1 << 30, 1 << 31, 3 << 30, u32::MAX - 1, u32::MAX];
        let mut words = [0; BLOCK];
        for (i, word) in words.iter_mut().enumerate() {
            *word = if i < PAIRS { extremes[i % 9] } else { extremes[(i - PAIRS) / 9].wrapping_add(i as u32 * 7) };
        }
        let found = normals(&words.map(u32::to_le_bytes));
        for i in 0..PAIRS {
            let u = f64::from((words[i] as f32 + 0.5) / 2f32.powi(32));
            let angle = f64::from(words[i + PAIRS] % (1 << 30)) / 2f64.powi(30) * std::f64::consts::FRAC_PI_2;
            // (cos ϑ + sin ϑ) / √2 is the sine of the whole angle, from 0 to π/2.
            let (sine, cosine) = angle.sin_cos();
            let radius = (-2.0 * u.ln()).sqrt();
            let sign = |bit: u32| if words[i + PAIRS] >> bit & 1 == 1 { -1.0 } else { 1.0 };
            for (found, expected) in
                [(found[i], sign(31) * radius * sine), (found[i + PAIRS], sign(30) * radius * cosine)]
            {
                assert!((f64::from(found) - expected).abs() < 2e-6, "words {i}: {found} for {expected}");
            }
        }
    }

    /// Distribution function of a normal at −3, −2, −1, 0, 1, 2, 3, and four moments; a wrong sign, radius or angle would be
    /// hundreds of deviations off.
    #[test]
    fn normals_have_the_law_of_normals() {
        let n = 4_000_000;
        let values: Vec<f64> = draw(n);
        let share = |test: &dyn Fn(f64) -> bool| values.iter().filter(|value| test(**value)).count() as f64 / n as f64;
        for (at, expected) in [(-3.0, 0.001_349_898), (-2.0, 0.022_750_132), (-1.0, 0.158_655_254), (0.0, 0.5)] {
            let bound = 4.5 * (expected * (1.0 - expected) / n as f64).sqrt();
            assert!((share(&|value| value < at) - expected).abs() < bound, "below {at}");
            assert!((share(&|value| value > -at) - expected).abs() < bound, "above {}", -at);
        }
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let mean = values.iter().map(|value| value.powi(power)).sum::<f64>() / n as f64;
            assert!((mean - expected).abs() < 4.5 * f64::sqrt(variance / n as f64), "moment {power}: {mean}");
        }
        // The two of a pair.
        let product = values.chunks(BLOCK).flat_map(|block| (0..PAIRS).map(|i| block[i] * block[i + PAIRS]));
        let squares = values.chunks(BLOCK).flat_map(|block| (0..PAIRS).map(|i| (block[i] * block[i + PAIRS]).powi(2)));
        let pairs = n as f64 / 2.0;
        assert!((product.sum::<f64>() / pairs).abs() < 4.5 / pairs.sqrt());
        assert!((squares.sum::<f64>() / pairs - 1.0).abs() < 4.5 * (8.0 / pairs).sqrt());
    }

    #[test]
    fn a_number_depends_on_its_address_alone() {
        let whole: Vec<f32> = draw(3 * TASK + 100);
        assert_eq!(draw::<f32>(BLOCK + 7), whole[..BLOCK + 7]);
        let mut piece = [0f32; 50];
        let weights = Weights { seed: 5, layer: 3, std: 1.0 };
        weights.fill(2, TASK + BLOCK, &mut piece);
        assert_eq!(piece, whole[TASK + BLOCK..][..50]);
        let networks: Vec<f32> = weights.draw(1, 3, 100);
        assert_eq!(networks[100..200], whole[..100]);
        assert_ne!(networks[..100], whole[..100]);
        assert_ne!((Weights { layer: 4, ..weights }).draw::<f32>(2, 1, 100), whole[..100]);
        assert_ne!((Weights { seed: 6, ..weights }).draw::<f32>(2, 1, 100), whole[..100]);
        assert_eq!(draw::<f64>(100).iter().map(|x| *x as f32).collect::<Vec<_>>(), whole[..100]);
    }
}
