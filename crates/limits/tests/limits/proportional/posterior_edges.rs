//! Posteriors at the edge of double precision: what comes out is finite and right, or refused by name.

use widenet_core::{Matrix, training::Control};
use widenet_limits::proportional::{
    HiddenLayers, LayerGroup, OutputLaw,
    posterior::{MeanMixing, Method, Posterior, Regression, Result, Settings},
};

fn limit(alpha: f64) -> HiddenLayers {
    HiddenLayers::limit(alpha).expect("alpha")
}

fn posterior<'a>(data: &'a Regression, layers: &HiddenLayers, settings: &Settings) -> Result<Posterior<'a>> {
    data.posterior(layers, settings, &mut |_| Control::Continue)
}

fn importance(draws: u64) -> Settings {
    Settings { method: Method::Importance, draws, ..Settings::default() }
}

/// One training input `(1, 0)` with these targets, and a test input `(0, 1)`.
fn orthogonal(targets: &[f64], noise: f64) -> Regression {
    let (x, test) = (Matrix::from_row_slice(1, 2, &[1.0, 0.0]), Matrix::from_row_slice(1, 2, &[0.0, 1.0]));
    Regression::new(&x, &Matrix::from_row_slice(1, targets.len(), targets), &test, 1.0, noise).expect("data")
}

/// The two directions of a continuum of this depth differ by e^20 to e^25 on average: their factor was normalised by a determinant of
/// rounding errors, and everything was NaN.
#[test]
fn deep_limits_with_bottlenecks_are_finite() {
    let bottlenecks = [LayerGroup { width: 2, count: 1 }, LayerGroup { width: 3, count: 1 }];
    let data = orthogonal(&[1.0, 0.5, 0.2], 1.0);
    let mut evidence = Vec::new();
    for alpha in [0.5, 10.0, 40.0, 50.0, 200.0] {
        let layers = HiddenLayers::new(&bottlenecks, alpha).expect("layers");
        let found = posterior(&data, &layers, &importance(4000)).expect("a posterior");
        // Orthogonal inputs: the mean is 0 by symmetry.
        let error = found.mean_error.amax();
        assert!(
            found.mean.iter().all(|mean| mean.abs() < 5.0 * error + 1e-9),
            "{} with an error of {error}",
            found.mean
        );
        assert!(found.variance.iter().all(|variance| *variance >= 0.0), "{}", found.variance);
        evidence.push(found.log_evidence());
    }
    // Deep networks say 0 almost surely, so that their evidence tends to that of noise alone, from whichever side.
    let noise = -0.5 * (3.0 * std::f64::consts::TAU.ln() + 1.0 + 0.25 + 0.04);
    let off: Vec<f64> = evidence.iter().map(|evidence| (evidence - noise).abs()).collect();
    assert!(off[4] < 0.02 && off[4] <= off[2] + 0.01 && off[0] > off[2], "{evidence:?} against {noise}");
}

/// E[q | Y] for targets of any size, against a plain sum: Newton's method moves by 1 from scales that are much too small, and stopped after
/// 200 steps at 7e93.
#[test]
fn the_scale_follows_its_targets() {
    let mut before = 0.0;
    for exponent in [0, 2, 5, 10, 20, 30, 40, 50, 60, 80, 100, 120] {
        let (target, alpha) = (10f64.powi(exponent), 0.5);
        let data = orthogonal(&[target], 1.0);
        let found = posterior(&data, &limit(alpha), &Settings::default()).expect("a posterior");
        // K0 = 1/2 at the training input.
        let log = |u: f64| {
            let s = 0.5 * u.exp() + 1.0;
            -(u + alpha).powi(2) / (4.0 * alpha) - 0.5 * (s.ln() + target / s * target)
        };
        let points: Vec<f64> = (-20_000..320_000).map(|i| 0.002 * f64::from(i)).collect();
        let top = points.iter().map(|u| log(*u)).fold(f64::NEG_INFINITY, f64::max);
        let (mut sum, mut first) = (0.0, 0.0);
        for u in points {
            let weight = (log(u) - top).exp();
            sum += weight;
            first += weight * (u - before);
        }
        let MeanMixing::Scale { mean, mean_log } = found.mixing else { panic!("one output") };
        let expected = before + first / sum;
        assert!(
            (mean_log - expected).abs() < 1e-7 * expected.abs().max(1.0),
            "1e{exponent}: {mean_log} against {expected}"
        );
        assert!(mean.is_finite() && mean_log > before - 1.0 && found.diagnostics().reliable());
        before = mean_log;
    }
}

#[test]
fn what_is_not_finite_is_refused_by_name() {
    let (x, test) = (Matrix::from_row_slice(2, 2, &[1.0, 0.0, 0.0, 1.0]), Matrix::from_row_slice(1, 2, &[1.0, 1.0]));
    for size in [1e155, 1e308] {
        let refused =
            Regression::new(&x, &Matrix::from_row_slice(2, 1, &[size, 0.0]), &test, 1.0, 1.0).expect_err("too large");
        assert!(refused.to_string().contains("squares of the targets overflow"), "{refused}");
    }
    // Squares that are doubles, but not over the noise.
    let data = Regression::new(&x, &Matrix::from_row_slice(2, 1, &[1e150, 0.0]), &test, 1e-20, 1e-20).expect("data");
    assert!(data.evidence_slope().expect_err("beyond doubles").to_string().contains("slope"), "a slope");
    // The same of two outputs by every method: a number or an error, never a panic.
    for size in [1e20, 1e60, 1e100, 1e140] {
        let data =
            Regression::new(&x, &Matrix::from_row_slice(2, 2, &[size, 0.0, 0.0, size]), &test, 1.0, 1.0).expect("data");
        for layers in [HiddenLayers::finite(&[64, 64]).expect("widths"), limit(0.5)] {
            for method in [Method::Importance, Method::Automatic] {
                if method == Method::Automatic && !layers.groups().is_empty() {
                    continue;
                }
                let settings = Settings { method, particles: 10, runs: 2, sweeps: 1, ..importance(100) };
                match posterior(&data, &layers, &settings) {
                    Ok(found) => {
                        assert!(
                            found.mean.iter().chain(found.variance.iter()).all(|number| number.is_finite()),
                            "{size}"
                        );
                        assert!(found.log_evidence().is_finite(), "{size}");
                    }
                    Err(error) => assert!(!error.to_string().is_empty()),
                }
            }
        }
    }
}

/// Without data the posterior is the prior, for every law of one output and its log evidence is 0.
#[test]
fn without_data_it_is_the_prior() {
    let test = Matrix::from_row_slice(1, 2, &[0.6, 1.1]);
    let variance = 1.4 * test.norm_squared() / 2.0;
    let bottleneck = HiddenLayers::new(&[LayerGroup { width: 2, count: 1 }], 1.5).expect("layers");
    let wide = HiddenLayers::finite(&[9, 30]).expect("widths");
    for layers in [HiddenLayers::nngp(), limit(0.7), limit(3.0), wide, bottleneck] {
        let data = Regression::new(&Matrix::zeros(0, 2), &Matrix::zeros(0, 1), &test, 1.4, 0.3).expect("no data");
        let found = posterior(&data, &layers, &Settings::default()).expect("a posterior");
        assert_eq!((found.log_evidence(), found.mean[(0, 0)]), (0.0, 0.0));
        let (law, marginal) =
            (OutputLaw::new(&layers, variance).expect("a law"), found.marginal(0, 0).expect("a marginal"));
        for x in [-3.0, -0.2, 1e-3, 0.5, 4.0] {
            let (got, expected) = (marginal.cdf(x), law.cdf(x).expect("a tail"));
            assert!((got - expected).abs() < 1e-9, "{layers:?} at {x}: {got} {expected}");
            let (got, expected) = (marginal.density(x), law.density(x).expect("a density"));
            assert!((got / expected - 1.0).abs() < 1e-6, "{layers:?} at {x}: {got} {expected}");
        }
    }
}
