//! Draws against networks drawn weight by weight, and against the laws of determinants and scales.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use widenet_core::{
    Matrix,
    seed::{Purpose, stream},
};
use widenet_limits::proportional::{HiddenLayers, InputKernel, LayerGroup, Sampler, log_determinant};

use super::{AGREES, DIFFERS, DRAWS, some_inputs};
use crate::common::statistics::largest_z;

fn normals(rows: usize, columns: usize, rng: &mut impl Rng) -> Matrix {
    Matrix::from_fn(rows, columns, |_, _| StandardNormal.sample(rng))
}

/// Features after the hidden layers, every weight drawn.
fn features(inputs: &Matrix, widths: &[u64], rng: &mut impl Rng) -> Matrix {
    widths.iter().fold(inputs.clone(), |z, width| {
        let fan_in = z.ncols();
        z * normals(fan_in, *width as usize, rng) / (fan_in as f64).sqrt()
    })
}

/// Outputs of networks, each P × D by rows.
fn networks(inputs: &Matrix, widths: &[u64], outputs: usize, seed: u64) -> Vec<f64> {
    let draw = |i| {
        let rng = &mut stream(seed, Purpose::PriorWeights(0), i);
        let z = features(inputs, widths, rng);
        let f = &z * normals(z.ncols(), outputs, rng) / (z.ncols() as f64).sqrt();
        f.transpose().as_slice().to_vec()
    };
    (0..DRAWS).flat_map(draw).collect()
}

/// Observables without heavy tails of matrices by rows: log size, two entries, the angles of the first two rows and columns, and the
/// share of the first row.
fn observables(draws: &[f64], rows: usize, columns: usize) -> Vec<Vec<f64>> {
    let mut all = vec![Vec::new(); 6];
    for draw in draws.chunks_exact(rows * columns) {
        let at = |i: usize, j: usize| draw[i * columns + j];
        let sum = |count: usize, product: &dyn Fn(usize) -> f64| (0..count).map(product).sum::<f64>();
        let cosine = |count, a: &dyn Fn(usize) -> f64, b: &dyn Fn(usize) -> f64| {
            let norms = sum(count, &|k| a(k) * a(k)) * sum(count, &|k| b(k) * b(k));
            sum(count, &|k| a(k) * b(k)) / norms.sqrt()
        };
        let size = sum(rows * columns, &|k| draw[k] * draw[k]);
        let values = [
            size.ln(),
            at(0, 0).asinh(),
            (at(0, 0) * at(rows - 1, columns - 1)).asinh(),
            cosine(columns, &|k| at(0, k), &|k| at(1, k)).powi(2),
            cosine(rows, &|k| at(k, 0), &|k| at(k, 1)).powi(2),
            sum(columns, &|k| at(0, k) * at(0, k)) / size,
        ];
        all.iter_mut().zip(values).for_each(|(all, value)| all.push(value));
    }
    all
}

fn distance(a: &[f64], b: &[f64], rows: usize, columns: usize) -> f64 {
    largest_z(&observables(a, rows, columns), &observables(b, rows, columns))
}

fn sampler(inputs: &Matrix, widths: &[u64], outputs: usize) -> Sampler {
    let kernel = InputKernel::from_inputs(inputs).expect("a kernel");
    Sampler::new(&HiddenLayers::finite(widths).expect("widths"), &kernel, outputs, 1.0).expect("a sampler")
}

#[test]
fn outputs_are_those_of_networks_on_the_output_side() {
    // Three inputs, two outputs, a layer as narrow as the outputs; widths in another order than the sampler's.
    let inputs = some_inputs(3, 4);
    let simulated = networks(&inputs, &[5, 2, 4], 2, 1);
    let draws = |widths| sampler(&inputs, widths, 2).outputs(2, 0..DRAWS).expect("draws");
    assert!(distance(&draws(&[5, 2, 4]), &simulated, 3, 2) < AGREES);
    assert!(distance(&draws(&[4, 2, 5]), &networks(&inputs, &[2, 4, 5], 2, 3), 3, 2) < AGREES);
    // Negative control.
    assert!(distance(&draws(&[5, 3, 4]), &simulated, 3, 2) > DIFFERS);
}

#[test]
fn outputs_are_those_of_networks_on_the_input_side() {
    // Four inputs of rank 3, five outputs, a layer narrower than the rank.
    let inputs = some_inputs(4, 3);
    let simulated = networks(&inputs, &[6, 2, 3], 5, 4);
    let draws = |widths| sampler(&inputs, widths, 5).outputs(5, 0..DRAWS).expect("draws");
    assert!(distance(&draws(&[6, 2, 3]), &simulated, 4, 5) < AGREES);
    assert!(distance(&draws(&[6, 3, 3]), &simulated, 4, 5) > DIFFERS);
}

#[test]
fn width_one_and_depth_zero_are_networks_too() {
    let inputs = some_inputs(2, 3);
    for (widths, seed) in [(&[1u64, 3][..], 6), (&[][..], 7)] {
        let draws = sampler(&inputs, widths, 2).outputs(8, 0..DRAWS).expect("draws");
        assert!(distance(&draws, &networks(&inputs, widths, 2, seed), 2, 2) < AGREES);
    }
}

#[test]
fn feature_kernels_are_those_of_networks() {
    let inputs = some_inputs(3, 3);
    let widths = [4, 2, 6];
    let simulated: Vec<f64> = (0..DRAWS)
        .flat_map(|i| {
            let z = features(&inputs, &widths, &mut stream(9, Purpose::PriorWeights(0), i));
            (&z * z.transpose() / z.ncols() as f64).as_slice().to_vec()
        })
        .collect();
    let draws = |widths| sampler(&inputs, widths, 1).kernels(10, 0..DRAWS).expect("draws");
    assert!(distance(&draws(&widths), &simulated, 3, 3) < AGREES);
    assert!(distance(&draws(&[4, 3, 6]), &simulated, 3, 3) > DIFFERS);
}

#[test]
fn both_sides_give_the_same_outputs() {
    // Outputs from the larger side: Gaussian given the 3 × 3 kernel of three inputs, in a limit with a bottleneck.
    let layers = |alpha| {
        let group = LayerGroup { width: 4, count: 2 };
        HiddenLayers::new(&[group], alpha).expect("layers")
    };
    let inputs = some_inputs(3, 5);
    let kernel = InputKernel::from_inputs(&inputs).expect("a kernel");
    let sampler = |alpha| Sampler::new(&layers(alpha), &kernel, 2, 2.0).expect("a sampler");
    let kernels = sampler(0.6).kernels(11, 0..DRAWS).expect("draws");
    let from_kernels: Vec<f64> = kernels
        .chunks_exact(9)
        .enumerate()
        .flat_map(|(i, kernel)| {
            let root = Matrix::from_row_slice(3, 3, kernel).cholesky().expect("regular").l();
            let f = root * normals(3, 2, &mut stream(12, Purpose::Noise, i as u64)) * 2f64.sqrt();
            f.transpose().as_slice().to_vec()
        })
        .collect();
    let draws = |alpha| sampler(alpha).outputs(13, 0..DRAWS).expect("draws");
    assert!(distance(&draws(0.6), &from_kernels, 3, 2) < AGREES);
    assert!(distance(&draws(0.9), &from_kernels, 3, 2) > DIFFERS);
}

/// z of the mean and of the variance of a sample of a known law (the variance of the variance from the fourth moment).
fn known_moments_z(sample: &[f64], mean: f64, variance: f64) -> f64 {
    let n = sample.len() as f64;
    let squares: Vec<f64> = sample.iter().map(|x| (x - mean).powi(2)).collect();
    let spread = squares.iter().sum::<f64>() / n;
    let fourth = squares.iter().map(|x| (x - spread).powi(2)).sum::<f64>() / n;
    let mean_z = (sample.iter().sum::<f64>() / n - mean) / (variance / n).sqrt();
    mean_z.abs().max((spread - variance).abs() / (fourth / n).sqrt())
}

#[test]
fn log_determinants_and_means_of_mixing_matrices() {
    let kernel = InputKernel::new(&Matrix::identity(1, 1)).expect("a kernel");
    let bottleneck = LayerGroup { width: 5, count: 1 };
    let layers = [
        HiddenLayers::finite(&[6, 4, 8]).expect("widths"),
        HiddenLayers::limit(0.5).expect("alpha"),
        HiddenLayers::new(&[bottleneck], 0.3).expect("layers"),
    ];
    for (seed, layers) in layers.iter().enumerate() {
        let sampler = Sampler::new(layers, &kernel, 3, 1.0).expect("a sampler");
        let draws = sampler.mixing_matrices(20 + seed as u64, 0..DRAWS).expect("draws");
        let logs: Vec<f64> =
            draws.chunks_exact(9).map(|q| Matrix::from_row_slice(3, 3, q).determinant().ln()).collect();
        // The splitting scheme draws the diagonal, and with it the determinant, without error.
        let law = log_determinant(layers, 3).expect("a law");
        let z = known_moments_z(&logs, law.mean, law.variance);
        assert!(z < 4.5, "{layers:?}: log det {z}");
        assert!(known_moments_z(&logs, 1.1 * law.mean, law.variance) > DIFFERS);
        // E Q = I.
        for entry in 0..9 {
            let values: Vec<f64> = draws.chunks_exact(9).map(|q| q[entry]).collect();
            let expected = if entry % 4 == 0 { 1.0 } else { 0.0 };
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64;
            let z = (mean - expected) / (variance / values.len() as f64).sqrt();
            assert!(z.abs() < 4.5, "{layers:?}: E Q[{entry}] = {mean}, z = {z}");
        }
    }
}

#[test]
fn log_scales_have_the_mean_and_variance_of_their_law() {
    let kernel = InputKernel::new(&Matrix::identity(3, 3)).expect("a kernel");
    for layers in [HiddenLayers::finite(&[3, 4, 4, 1]).expect("widths"), HiddenLayers::limit(2.0).expect("alpha")] {
        let sampler = Sampler::new(&layers, &kernel, 3, 1.0).expect("a sampler");
        let logs = sampler.log_scales(30, 0..DRAWS).expect("draws");
        let law = log_determinant(&layers, 1).expect("a law");
        let z = known_moments_z(&logs, law.mean, law.variance);
        assert!(z < 4.5, "{layers:?}: {z}");
    }
}
