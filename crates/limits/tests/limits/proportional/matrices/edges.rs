//! Extreme depths, degenerate kernels, threads and ranges, and what is refused.

use widenet_core::Matrix;
use widenet_limits::proportional::{HiddenLayers, InputKernel, LayerGroup, LimitScheme, Sampler};

use super::some_inputs;

#[test]
fn extreme_depths_give_finite_draws() {
    let kernel = InputKernel::from_inputs(&some_inputs(3, 3)).expect("a kernel");
    let deep = HiddenLayers::finite(&[3; 20_000]).expect("widths");
    for layers in [deep, HiddenLayers::limit(3000.0).expect("alpha"), HiddenLayers::limit(1e-9).expect("alpha")] {
        for outputs in 1..=4 {
            let sampler = Sampler::new(&layers, &kernel, outputs, 1.0).expect("a sampler");
            let matrices = sampler.mixing_matrices(0, 0..4).expect("draws");
            assert!(matrices.iter().chain(&sampler.outputs(0, 0..4).expect("draws")).all(|x| x.is_finite()));
            // The logarithm has not underflowed: its mean is about −α.
            let logs = sampler.log_scales(0, 0..4).expect("draws");
            let (alpha, spread) = (layers.alpha(), layers.alpha().sqrt());
            assert!(
                logs.iter().all(|log| *log < 10.0 * spread - alpha && *log > -10.0 * spread - 2.0 * alpha),
                "{logs:?}"
            );
        }
    }
}

#[test]
fn draws_do_not_depend_on_threads_or_ranges() {
    let kernel = InputKernel::from_inputs(&some_inputs(4, 3)).expect("a kernel");
    let layers = HiddenLayers::new(&[LayerGroup { width: 5, count: 20 }], 0.4);
    let sampler = Sampler::new(&layers.expect("layers"), &kernel, 3, 1.0).expect("a sampler");
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            [sampler.outputs(1, 0..500), sampler.kernels(1, 0..500), sampler.mixing_matrices(1, 0..500)]
                .map(|draws| draws.expect("draws"))
        })
    };
    let [outputs, kernels, matrices] = on(1);
    assert_eq!([outputs.clone(), kernels, matrices], on(3));
    assert_eq!(sampler.outputs(1, 100..103).expect("draws"), outputs[100 * 12..103 * 12]);
    assert_ne!(sampler.outputs(2, 0..500).expect("draws"), outputs);
}

#[test]
fn equal_inputs_have_equal_outputs() {
    // The third input repeats the first; the others make the rest of the kernel nearly singular.
    let mut inputs = some_inputs(5, 6);
    for j in 0..6 {
        inputs[(2, j)] = inputs[(0, j)];
        inputs[(4, j)] = inputs[(3, j)] + 1e-6 * (j as f64).cos();
    }
    let kernel = InputKernel::from_inputs(&inputs).expect("a kernel");
    assert_eq!((kernel.inputs(), kernel.rank()), (5, 4));
    let residual = (kernel.root() * kernel.root().transpose() - kernel.matrix()).amax();
    assert!(residual < 1e-14, "{residual}");
    let sampler = Sampler::new(&HiddenLayers::limit(1.0).expect("alpha"), &kernel, 2, 1.0).expect("a sampler");
    for f in sampler.outputs(40, 0..100).expect("draws").chunks_exact(10) {
        assert_eq!(f[0..2], f[4..6]);
        assert_ne!(f[0..2], f[2..4]);
    }
}

#[test]
fn kernels_of_any_rank() {
    let inputs = some_inputs(5, 2);
    let kernel = InputKernel::from_inputs(&inputs).expect("a kernel");
    assert_eq!(kernel.rank(), 2);
    assert!((kernel.root() * kernel.root().transpose() - kernel.matrix()).amax() < 1e-14);
    // The non-zero eigenvalues of X Xᵀ are those of XᵀX.
    let log_det = (inputs.transpose() * &inputs / 2.0).determinant().ln();
    assert!((kernel.log_pseudo_determinant() - log_det).abs() < 1e-12);
    // y = K0 v is in the range: yᵀ K0⁺ y = vᵀ K0 v and K0 K0⁺ y = y.
    let v = Matrix::from_fn(5, 1, |i, _| (i as f64).cos());
    let y = kernel.matrix() * &v;
    let quadratic = kernel.quadratic_form(y.as_slice()).expect("in the range");
    assert!((quadratic - v.dot(&y)).abs() < 1e-12 * quadratic);
    let solved = Matrix::from_column_slice(5, 1, &kernel.solve(y.as_slice()).expect("in the range"));
    assert!((kernel.matrix() * solved - &y).amax() < 1e-13);
    let outside = kernel.quadratic_form(&[1.0, 0.0, 0.0, 0.0, 0.0]).expect_err("outside");
    assert!(outside.to_string().contains("range"), "{outside}");
    assert!(kernel.quadratic_form(&[1.0]).is_err());
    let zero = InputKernel::new(&Matrix::zeros(3, 3)).expect("a kernel");
    assert_eq!((zero.rank(), zero.log_pseudo_determinant(), zero.quadratic_form(&[0.0; 3])), (0, 0.0, Ok(0.0)));
    let sampler = Sampler::new(&HiddenLayers::limit(1.0).expect("alpha"), &zero, 2, 1.0).expect("a sampler");
    assert_eq!(sampler.outputs(0, 0..4).expect("draws"), [0.0; 24]);
    assert_eq!(sampler.kernels(0, 0..2).expect("draws"), [0.0; 18]);
}

#[test]
fn bad_kernels_and_samples_are_refused() {
    let refused = |values: &[f64], words: &str| {
        let error = InputKernel::new(&Matrix::from_row_slice(2, 2, values)).expect_err("refused").to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(&[1.0, 0.5, 0.4, 1.0], "symmetric");
    refused(&[1.0, f64::NAN, 0.0, 1.0], "finite");
    refused(&[1.0, 2.0, 2.0, 1.0], "eigenvalue");
    refused(&[-1.0, 0.0, 0.0, -2.0], "eigenvalue");
    assert!(InputKernel::new(&Matrix::zeros(2, 3)).is_err());
    assert!(InputKernel::new(&Matrix::zeros(0, 0)).is_err());
    assert!(InputKernel::from_inputs(&Matrix::zeros(2, 0)).is_err());
    let kernel = InputKernel::new(&Matrix::identity(2, 2)).expect("a kernel");
    let layers = HiddenLayers::finite(&[3]).expect("widths");
    assert!(Sampler::new(&layers, &kernel, 0, 1.0).is_err());
    assert!([0.0, -1.0, f64::NAN].iter().all(|gain| Sampler::new(&layers, &kernel, 1, *gain).is_err()));
    let sampler = Sampler::new(&layers, &kernel, 2, 1.0).expect("a sampler");
    assert!(sampler.outputs(0, 5..5).expect_err("none").to_string().contains("at least one draw"));
    assert!(sampler.outputs(0, 0..u64::MAX).expect_err("too many").to_string().contains("smaller ranges"));
    let limit = HiddenLayers::limit(1.0).expect("alpha");
    assert!(Sampler::with_scheme(&limit, &kernel, 2, 1.0, LimitScheme::Splitting { steps: 0 }).is_err());
    assert!(Sampler::with_scheme(&limit, &kernel, 2, 1.0, LimitScheme::Bartlett { steps: 0 }).is_err());
}
