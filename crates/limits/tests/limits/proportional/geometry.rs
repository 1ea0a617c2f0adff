//! Correlations and eigenvalues of feature kernels against closed forms.
//!
//! 40,000 draws with fixed seeds; deviations are counted in the standard errors that come with the means, and 4.5 of them are
//! exceeded by chance with probability 7e-6. Negative controls take a law that is off by ten standard errors or more.

use widenet_core::Matrix;
use widenet_limits::proportional::{
    EigenvalueRatio, Estimate, HiddenLayers, InputKernel, Sampler, Spectra, log_determinant, mean_squared_correlation,
};

const DRAWS: u64 = 40_000;

fn sampler(layers: &HiddenLayers, inputs: usize) -> Sampler {
    let kernel = InputKernel::new(&Matrix::identity(inputs, inputs)).expect("a kernel");
    Sampler::new(layers, &kernel, 1, 1.0).expect("a network")
}

fn spectra(layers: &HiddenLayers, inputs: usize, seed: u64) -> Spectra {
    let sampler = sampler(layers, inputs);
    let count = sampler.eigenvalue_count().expect("a count");
    Spectra::new(&sampler.log_eigenvalues(seed, 0..DRAWS).expect("draws"), count).expect("spectra")
}

fn deviations(estimate: Estimate, exact: f64) -> f64 {
    ((estimate.mean - exact) / estimate.error).abs()
}

#[test]
fn orthogonal_inputs_have_the_correlation_of_the_hyperbolic_plane() {
    for (alpha, seed) in [(0.3, 1), (1.0, 2), (3.0, 3)] {
        let kernels = sampler(&HiddenLayers::limit(alpha).expect("a limit"), 3).kernels(seed, 0..DRAWS).expect("draws");
        let found = mean_squared_correlation(&kernels, 3).expect("three inputs");
        let exact = |alpha| EigenvalueRatio::new(alpha).expect("a law").mean_squared_correlation();
        assert!(deviations(found, exact(alpha)) < 4.5, "α = {alpha}: {found:?} against {}", exact(alpha));
        // Half or a third deeper.
        assert!(deviations(found, exact(1.4 * alpha)) > 10.0, "α = {alpha}: no power, {found:?}");
    }
}

/// `Σ γ_i = log det`, whose mean is known at any widths, also where a narrow layer leaves fewer eigenvalues than inputs.
#[test]
fn mean_log_eigenvalues_add_up_to_the_mean_log_determinant() {
    let networks = [HiddenLayers::limit(0.7), HiddenLayers::finite(&[9, 12, 30]), HiddenLayers::finite(&[3, 3])];
    for (layers, seed) in networks.into_iter().zip(1..) {
        let layers = layers.expect("layers");
        let sampler = sampler(&layers, 3);
        let logs = sampler.log_eigenvalues(seed, 0..DRAWS).expect("draws");
        let sums: Vec<f64> = logs.chunks_exact(3).map(|draw| draw.iter().sum()).collect();
        // One number per draw: its "largest log-eigenvalue".
        let sum = Spectra::new(&sums, 1).expect("sums").log_eigenvalues[0];
        let exact = log_determinant(&layers, 3).expect("a law").mean;
        assert!(deviations(sum, exact) < 4.5, "{layers:?}: {sum:?} against {exact}");
        assert!(deviations(sum, 1.1 * exact) > 10.0, "{layers:?}: no power");
    }
    let narrow = sampler(&HiddenLayers::finite(&[9, 2, 9]).expect("layers"), 3);
    assert_eq!(narrow.eigenvalue_count(), Ok(2));
}

/// The slopes from Itô's formula are those of the means themselves, and for a deep limit −1, −2, −3.
#[test]
fn slopes_are_the_derivatives_of_the_mean_log_eigenvalues() {
    let at = |alpha: f64| spectra(&HiddenLayers::limit(alpha).expect("a limit"), 3, 4);
    let (before, middle, after) = (at(4.0), at(4.5), at(5.0));
    for i in 0..3 {
        let (low, high) = (before.log_eigenvalues[i], after.log_eigenvalues[i]);
        let difference = Estimate { mean: high.mean - low.mean, error: high.error.hypot(low.error) };
        assert!(deviations(difference, middle.slopes[i].mean) < 4.5, "{i}: {difference:?} against {middle:?}");
        assert!((middle.slopes[i].mean + (i + 1) as f64).abs() < 0.1, "{i}: {middle:?}");
        assert!(deviations(difference, 0.5 * middle.slopes[i].mean) > 10.0, "{i}: no power");
    }
    // Near the start eigenvalues repel: the largest grows.
    assert!(at(0.1).slopes[0].mean > 0.5);
}

#[test]
fn shares_and_rank_are_those_of_the_kernels_themselves() {
    let layers = HiddenLayers::finite(&[5, 4]).expect("layers");
    let kernels = sampler(&layers, 3).kernels(9, 0..200).expect("draws");
    let logs = sampler(&layers, 3).log_eigenvalues(9, 0..200).expect("draws");
    for (kernel, logs) in kernels.chunks_exact(9).zip(logs.chunks_exact(3)) {
        let mut eigenvalues = Matrix::from_row_slice(3, 3, kernel).symmetric_eigenvalues().as_slice().to_vec();
        eigenvalues.sort_by(|a, b| b.total_cmp(a));
        for (value, log) in eigenvalues.iter().zip(logs) {
            assert!((value - log.exp()).abs() < 1e-12 * eigenvalues[0], "{eigenvalues:?} against {logs:?}");
        }
    }
}
