//! What kernels must satisfy whatever their values.

use widenet_core::document::Word;
use widenet_core::{
    Matrix,
    problem::Activation,
    scaling::{KernelLayer, KernelNetwork},
    training::Control,
};
use widenet_limits::{
    kernel::{Error, Which, diagonals, kernel_bytes, kernels},
    linear_algebra::largest_eigenvalue,
};

use super::support::{both, distance, wave};

fn network(activation: Activation, hidden_layers: usize, variances: (f64, f64)) -> KernelNetwork {
    let (weight_variance, bias_variance) = variances;
    let layer =
        KernelLayer { weight_variance, bias_variance, weight_tangent: weight_variance, bias_tangent: bias_variance };
    KernelNetwork { activation, layers: vec![layer; hidden_layers + 1], image: None }
}

fn smallest_eigenvalue(kernel: &Matrix) -> f64 {
    kernel.clone().symmetric_eigenvalues().min()
}

#[test]
fn kernels_permute_with_samples_and_are_positive_semi_definite() {
    let inputs = wave(9, 4, 0.4);
    let order = [3, 1, 8, 0, 2, 7, 5, 6, 4];
    for &(word, activation) in Activation::WORDS {
        let network = network(activation, 2, (1.7, 0.3));
        let (nngp, tangent) = both(&network, &inputs, None);
        let (permuted_nngp, permuted_tangent) = both(&network, &inputs.select_rows(&order), None);
        for (kernel, permuted) in [(&nngp, permuted_nngp), (&tangent, permuted_tangent)] {
            assert_eq!(kernel, &kernel.transpose(), "{word}");
            let expected = kernel.select_rows(&order).select_columns(&order);
            assert!(distance(&permuted, &expected) < 1e-15, "{word}");
            assert!(smallest_eigenvalue(kernel) > -1e-14 * kernel.trace(), "{word}");
        }
        // The tangent kernel is the NNGP kernel and more.
        assert!(smallest_eigenvalue(&(&tangent - &nngp)) > -1e-14 * tangent.trace(), "{word}");
        let diagonals = diagonals(&network, &inputs).unwrap();
        assert_eq!(diagonals.nngp, nngp.diagonal().as_slice(), "{word}");
        assert_eq!(diagonals.tangent, tangent.diagonal().as_slice(), "{word}");
        // Between two sets, a common input has the diagonal's value.
        let (nngp_12, tangent_12) = both(&network, &inputs, Some(&inputs));
        assert!(distance(&nngp_12, &nngp) < 1e-14 && distance(&tangent_12, &tangent) < 1e-14, "{word}");
    }
}

#[test]
fn tiles_of_any_size_give_the_same_numbers() {
    // More than one tile and panel, with remainders, against single entries.
    let (x1, x2) = (wave(1061, 3, 0.2), wave(291, 3, 1.9));
    for activation in [Activation::Relu, Activation::Erf, Activation::Gelu, Activation::Sin, Activation::Tanh] {
        let network = network(activation, 2, (1.9, 0.1));
        let (nngp, tangent) = both(&network, &x1, None);
        let (nngp_12, tangent_12) = both(&network, &x1, Some(&x2));
        for (i, j) in [(0, 0), (0, 1060), (530, 256), (1024, 1023), (1060, 255), (700, 700)] {
            let pair = |other: &Matrix, j: usize| {
                let (nngp, tangent) = both(&network, &x1.rows(i, 1).into_owned(), Some(&other.rows(j, 1).into_owned()));
                (nngp[0], tangent[0])
            };
            let close = |(k, t): (f64, f64), (nngp, tangent): (f64, f64)| {
                assert!((k - nngp).abs() < 1e-13 * nngp.abs().max(0.1), "{activation:?} {i} {j}: {k} {nngp}");
                assert!((t - tangent).abs() < 1e-13 * tangent.abs().max(0.1), "{activation:?} {i} {j}: {t} {tangent}");
            };
            close(pair(&x1, j), (nngp[(i, j)], tangent[(i, j)]));
            close(pair(&x2, j % 291), (nngp_12[(i, j % 291)], tangent_12[(i, j % 291)]));
        }
        assert_eq!(nngp, nngp.transpose());
        assert_eq!(tangent, tangent.transpose());
    }
}

#[test]
fn relu_kernels_scale_with_the_inputs() {
    let inputs = wave(7, 3, 0.1);
    let network = network(Activation::Relu, 4, (2.0, 0.0));
    let (nngp, tangent) = both(&network, &inputs, None);
    let (scaled_nngp, scaled_tangent) = both(&network, &(3.0 * &inputs), None);
    assert!(distance(&scaled_nngp, &(9.0 * &nngp)) < 1e-14);
    assert!(distance(&scaled_tangent, &(9.0 * &tangent)) < 1e-14);
    // With σ_w² = 2 and no biases the diagonal does not depend on depth.
    for i in 0..7 {
        let square = 2.0 * inputs.row(i).norm_squared() / 3.0;
        assert!((nngp[(i, i)] / square - 1.0).abs() < 1e-14);
        assert!((tangent[(i, i)] / (5.0 * square) - 1.0).abs() < 1e-14);
    }
}

#[test]
fn linear_networks_have_linear_kernels() {
    let inputs = wave(6, 4, 0.8);
    let gram = &inputs * inputs.transpose() / 4.0;
    for hidden_layers in [0, 1, 5] {
        let network = network(Activation::Identity, hidden_layers, (1.3, 0.0));
        let (nngp, tangent) = both(&network, &inputs, None);
        let layers = hidden_layers as i32 + 1;
        assert!(distance(&nngp, &(1.3_f64.powi(layers) * &gram)) < 1e-14);
        assert!(distance(&tangent, &(f64::from(layers) * &nngp)) < 1e-14);
    }
}

#[test]
fn training_the_readout_alone_has_the_nngp_kernel() {
    let inputs = wave(6, 4, 0.8);
    for activation in [Activation::Relu, Activation::Tanh] {
        let network = network(activation, 3, (1.6, 0.2));
        let (nngp, tangent) = both(&network.readout_only(), &inputs, None);
        assert_eq!(nngp, tangent);
        assert!(distance(&both(&network, &inputs, None).1, &nngp) > 0.1, "{activation:?}");
    }
}

/// `Θ = Σ_l (t_l E^{l−1} + s_l) Π_{j ≥ l} v_{j+1} D^j`: the sum over layers of docs/theory/ntk.md Eq. K2, one network per
/// layer, for layers of different rates.
#[test]
fn the_tangent_kernel_is_the_sum_over_its_layers() {
    let inputs = wave(5, 3, 0.6);
    let mut whole = network(Activation::LeakyRelu { negative_slope: 0.2 }, 2, (1.6, 0.2));
    for (l, layer) in whole.layers.iter_mut().enumerate() {
        (layer.weight_tangent, layer.bias_tangent) = (0.3 + l as f64, 0.7 - 0.2 * l as f64);
    }
    let part = |kept: usize| {
        let mut network = whole.clone();
        for (l, layer) in network.layers.iter_mut().enumerate() {
            if l != kept {
                (layer.weight_tangent, layer.bias_tangent) = (0.0, 0.0);
            }
        }
        both(&network, &inputs, None).1
    };
    let sum = (0..3).map(part).fold(Matrix::zeros(5, 5), |sum, part| sum + part);
    assert!(distance(&both(&whole, &inputs, None).1, &sum) < 1e-14);
}

#[test]
fn special_inputs_are_legal() {
    let relu = network(Activation::Relu, 3, (2.0, 0.0));
    // A zero vector, duplicates, parallel and antiparallel inputs.
    let x = Matrix::from_row_slice(5, 2, &[0.0, 0.0, 1.0, -2.0, 1.0, -2.0, 3.0, -6.0, -1.0, 2.0]);
    let (nngp, tangent) = both(&relu, &x, None);
    assert!(nngp.iter().chain(tangent.iter()).all(|value| value.is_finite()));
    assert_eq!((nngp.row(0).amax(), tangent.row(0).amax()), (0.0, 0.0));
    assert!((nngp[(1, 2)] / nngp[(1, 1)] - 1.0).abs() < 1e-15);
    assert!((tangent[(1, 2)] / tangent[(1, 1)] - 1.0).abs() < 1e-15);
    assert!((tangent[(1, 3)] / (3.0 * tangent[(1, 1)]) - 1.0).abs() < 1e-15, "parallel inputs");
    let nothing = Matrix::zeros(0, 2);
    for (x1, x2, shape) in [(&nothing, None, (0, 0)), (&nothing, Some(&x), (0, 5)), (&x, Some(&nothing), (5, 0))] {
        assert_eq!(both(&relu, x1, x2).0.shape(), shape);
    }
    assert_eq!((kernel_bytes(20_000, 20_000, Which::Both), kernel_bytes(3, 5, Which::Nngp)), (6_400_000_000, 120));
}

/// The diagonal halves with every layer: 2^{−1000} of it is left, and with weights of half that variance nothing.
#[test]
fn kernels_of_deep_networks_may_vanish() {
    let x = wave(5, 3, 0.4);
    for weight_variance in [1.0, 0.98, 0.97, 0.96, 0.5] {
        let (nngp, tangent) = both(&network(Activation::Relu, 1000, (weight_variance, 0.0)), &x, None);
        for i in 0..5 {
            for j in 0..5 {
                // To rounding of numbers that may have no digits left.
                let bound = |kernel: &Matrix| 1.001 * kernel[(i, i)].sqrt() * kernel[(j, j)].sqrt() + 1e-300;
                assert!(nngp[(i, j)].abs() <= bound(&nngp), "{weight_variance}: {} {}", nngp[(i, j)], bound(&nngp));
                assert!(tangent[(i, j)].abs() <= bound(&tangent), "{weight_variance}: {}", tangent[(i, j)]);
            }
        }
    }
}

/// Eigenvalues 1 … 300 in a basis that is none of the axes, and 300 that nearly coincide at the top, which Lanczos does not tell apart.
#[test]
fn the_largest_eigenvalue_is_that_of_all_of_them() {
    let n = 300;
    let v = nalgebra::DVector::from_fn(n, |i, _| ((i * i) as f64 * 0.37).cos()).normalize();
    let reflection = Matrix::identity(n, n) - 2.0 * &v * v.transpose();
    let spread: fn(f64) -> f64 = |i| i + 1.0;
    let close: fn(f64) -> f64 = |i| 1.0 - 1e-9 * (300.0 - i).powi(2);
    for value in [spread, close] {
        let values = nalgebra::DVector::from_fn(n, |i, _| value(i as f64));
        let kernel = &reflection * Matrix::from_diagonal(&values) * &reflection;
        let largest = largest_eigenvalue(&kernel).expect("convergence");
        assert!((largest / values.max() - 1.0).abs() < 1e-12, "{largest} {}", values.max());
    }
}

#[test]
fn bad_input_is_named() {
    let relu = network(Activation::Relu, 3, (2.0, 0.0));
    let x = wave(3, 2, 0.0);
    let message = |network: &KernelNetwork, x1: &Matrix, x2: Option<&Matrix>| {
        kernels(network, x1, x2, Which::Nngp, &mut |_| Control::Continue).unwrap_err().to_string()
    };
    let mut broken = x.clone();
    broken[(2, 1)] = f64::NAN;
    assert!(message(&relu, &x, Some(&broken)).contains("x2: row 3, column 2 is NaN"));
    assert!(message(&relu, &x, Some(&wave(3, 4, 0.0))).contains("dimension 2 and x2 of dimension 4"));
    let exploding = network(Activation::Relu, 400, (1e3, 0.0));
    assert!(message(&exploding, &x, None).contains("overflows"));
    // tanh of such numbers is nearly a step: its series would be off by more than the kernel.
    let steep = network(Activation::Tanh, 2, (1e4, 0.0));
    let said = message(&steep, &x, None);
    assert!(said.contains("tanh has no closed form") && said.contains("behind weight matrix 1 of 3"), "{said}");
    let stopped = kernels(&relu, &x, None, Which::Both, &mut |_| Control::Stop);
    assert_eq!(stopped.unwrap_err(), Error::Stopped);
}

#[test]
fn kernels_do_not_depend_on_the_number_of_threads() {
    let inputs = wave(700, 5, 0.3);
    let network = network(Activation::Relu, 3, (1.9, 0.1));
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| both(&network, &inputs, None))
    };
    assert_eq!(with_threads(1), with_threads(3));
}
