//! Every problem has one answer to which theory has its limit, in the same words everywhere.

use widenet_core::{
    Error, Matrix, Problem,
    problem::{Activation, Ensemble, Loss, Parameterization, Quantity, RecordPlan},
    scaling::{EffectiveExponents, GolikovExponents, NamedScaling},
    training::Control,
};
use widenet_limits::{Regime, Theory, nonlinear};

use crate::common::problem;

fn perceptron(hidden_layers: usize, parameterization: Parameterization) -> Problem {
    let mut problem = problem(hidden_layers, 3, 1, 4);
    problem.network.activation = Activation::Tanh;
    problem.parameterization = parameterization;
    problem.record = RecordPlan { at: vec![0.0, 3.0], quantities: vec![Quantity::Outputs, Quantity::TrainLoss] };
    problem
}

fn mean_field() -> Parameterization {
    Parameterization::MeanField { richness: 1.0, sigma_in: 1.0, sigma_out: 1.0, sigma_b: None }
}

#[test]
fn each_theory_is_found_and_its_page_exists() {
    let mut classifier = perceptron(1, mean_field());
    classifier.loss = Loss::Logistic;
    classifier.data.train.targets = Matrix::from_column_slice(4, 1, &[1.0, -1.0, 1.0, -1.0]);
    let ones = vec![1.0; 3];
    let ntk = Parameterization::Ntk {
        sigma_w: ones.clone(),
        sigma_b: vec![0.0; 3],
        weight_rates: ones.clone(),
        bias_rates: ones,
    };
    let kernel = perceptron(2, ntk);
    for (problem, theory) in [
        (problem(2, 3, 1, 4), &Theory::DEEP_LINEAR),
        (kernel, &Theory::KERNEL),
        (classifier, &Theory::CLASSIFIERS),
        (perceptron(1, mean_field()), &Theory::MEAN_FIELD),
        (perceptron(3, mean_field()), &Theory::MEAN_FIELD),
    ] {
        assert_eq!(Regime::of(&problem).expect("a limit").theory(), theory);
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(theory.page);
        assert!(page.exists(), "{}", theory.page);
        // What exponents alone say is the same, but for deep linear networks.
        if problem.network.activation != Activation::Identity {
            let exponents = EffectiveExponents::of(&problem.scaling()).expect("exponents");
            assert_eq!(Theory::of_scaling(&exponents, problem.loss), Ok(theory));
        }
    }
}

/// A limit that exists and is not computed is never said not to exist.
#[test]
fn what_has_no_limit_is_told_from_what_is_not_computed() {
    let said = |q_sigma: f64, q: f64, loss: Loss| {
        let exponents = GolikovExponents::new(q_sigma, q, q).expect("exponents").effective();
        Theory::of_scaling(&exponents, loss).map_err(|error| error.to_string())
    };
    // The class MF/NTK is stable; only classifiers have its limit.
    assert_eq!(said(-0.75, 0.5, Loss::Logistic), Ok(&Theory::CLASSIFIERS));
    let not_computed = said(-0.75, 0.5, Loss::SQUARED).expect_err("no theory");
    assert!(not_computed.starts_with("the infinite-width limit is not computed: "), "{not_computed}");
    let unstable = said(1.0, 1.0, Loss::SQUARED).expect_err("unstable");
    assert!(
        unstable.starts_with("no infinite-width limit: unstable: ") && unstable.contains("s = q_σ + q̃ = 2"),
        "{unstable}"
    );
    let trivial = said(-1.0, -1.0, Loss::SQUARED).expect_err("trivial");
    assert!(trivial.starts_with("no infinite-width limit: trivial: "), "{trivial}");
    let deep = NamedScaling::Standard.effective(3).expect("exponents");
    let deep = Theory::of_scaling(&deep, Loss::CrossEntropy).expect_err("unstable");
    assert!(matches!(&deep, Error::NoLimit(why) if why.starts_with("unstable: ")), "{deep}");
}

#[test]
fn a_problem_without_a_limit_says_its_layer_and_the_verdict() {
    let standard = Parameterization::Standard { sigma_w: vec![1.0; 3], sigma_b: None, learning_rate_exponent: 0.0 };
    let error = Regime::of(&perceptron(2, standard)).expect_err("unstable").to_string();
    for part in ["no infinite-width limit: unstable: ", "fails ", "multiply that layer's learning rate"] {
        assert!(error.contains(part), "{error}");
    }
}

/// The mean over networks of what is deterministic in the limit is the limit; spreads are refused by name.
#[test]
fn an_ensemble_has_the_mean_field_limit_of_its_networks() {
    let mut single = perceptron(1, mean_field());
    // Two coordinates in all, so that grids are small.
    single.data.train.inputs = single.data.train.inputs.columns(0, 1).into_owned();
    let mut ensemble = single.clone();
    ensemble.ensemble = Some(Ensemble { networks: 8, antithetic: false });
    let solve = |problem: &Problem| {
        let options = nonlinear::Options { accuracy: 1e-2, ..nonlinear::Options::default() };
        nonlinear::solve(problem, 1, &options, &|_| Control::Continue)
    };
    assert_eq!(solve(&ensemble).expect("a limit").trajectory, solve(&single).expect("a limit").trajectory);
    ensemble.record.quantities.push(Quantity::OutputStd);
    let error = solve(&ensemble).expect_err("a spread").to_string();
    assert!(error.contains("`output_std` is of the differences between the networks"), "{error}");
}
