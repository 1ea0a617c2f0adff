//! Problems solved as classifiers: constants of docs/theory/scaling-limits.md §4, agreement with the kernel regime, limits of networks, refusals.

use std::path::Path;

use widenet_core::{
    Matrix, Problem, Width,
    document::{Document, Word},
    problem::{Quantity, Scope},
    scaling::GolikovExponents,
    training::Control,
    trajectory::{Status, Trajectory, Value},
};
use widenet_limits::{
    Regime,
    classifiers::{ClassifierLimit, models::Model, solve},
    kernel,
    kernel::Start,
    scaling::LimitClass,
};

const PROBLEM: &str = r#"
[network]
hidden_layers = 1
activation = "tanh"
[parameterization]
kind = "scaling"
q_sigma = -0.5
q_a = 0
q_w = 0
reference_width = 16
sigma_w = 1.5
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8], [1.2, 0.4], [-1.0, -0.7]]
targets = [[1.0], [-1.0], [1.0], [-1.0], [1.0]]
test_inputs = [[0.7, -0.4], [-0.9, 0.6]]
test_targets = [[1.0], [-1.0]]
[loss]
kind = "logistic"
[optimizer]
kind = "gd"
learning_rate = 0.2
steps = 6
[record]
at = [0, 1, 6]
quantities = ["outputs", "test_outputs", "normalised_outputs", "train_loss", "test_accuracy", "tangent_kernel_change"]
"#;

fn problem(replacements: &[(&str, &str)]) -> Problem {
    let mut text = PROBLEM.to_owned();
    for (from, to) in replacements {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let document = Document::from_toml("problem", &text).expect("valid TOML");
    Problem::from_document(&document, Path::new("")).expect("a valid problem")
}

const MF: [(&str, &str); 1] = [("q_sigma = -0.5\nq_a = 0\nq_w = 0", "q_sigma = -1\nq_a = 1\nq_w = 1")];

fn solved(problem: &Problem, width: Width, seed: u64, start: Option<&Start>) -> Trajectory {
    let trajectory = solve(problem, width, seed, start, &mut |_| Control::Continue).expect("a solution");
    assert_eq!(trajectory.status, Status::Done);
    trajectory
}

fn matrix(trajectory: &Trajectory, record: usize, quantity: Quantity) -> &Matrix {
    match &trajectory.records[record].values[&quantity] {
        Value::Matrix(matrix) => matrix,
        other => panic!("{other:?}"),
    }
}

fn scalar(trajectory: &Trajectory, record: usize, quantity: Quantity) -> f64 {
    match trajectory.records[record].values[&quantity] {
        Value::Scalar(value) => value,
        ref other => panic!("{other:?}"),
    }
}

/// S = 6.53, α = 0.392, β = 1.02e-3 (docs/theory/scaling-limits.md §4): d* = 128, weights of variance 1/(3 fan-in), rate 0.02.
#[test]
fn the_constants_of_the_page_are_those_of_its_configuration() {
    let configuration = problem(&[
        ("reference_width = 16", "reference_width = 128"),
        ("= 1.5", "= 0.5773502691896258"),
        ("= 0.2", "= 0.02"),
    ]);
    let ClassifierLimit { model, constants, .. } = ClassifierLimit::of(&configuration).expect("a limit");
    assert_eq!(model, Model::Class(LimitClass::Ntk));
    for (found, expected, digits) in [
        (constants.output_scale, 6.53, 5e-3),
        (constants.readout_rate, 0.392, 5e-4),
        (constants.input_rate, 1.02e-3, 5e-6),
    ] {
        assert!((found - expected).abs() < digits, "{found} against {expected}");
    }
    assert_eq!(
        Regime::of(&configuration),
        Ok(Regime::Classifier(ClassifierLimit::of(&configuration).expect("a limit")))
    );
}

/// Two codes for one limit: particles and kernels of this module, and the kernel regime's recursion in function space.
#[test]
fn the_ntk_class_is_the_kernel_regime() {
    let start = Start {
        train: Matrix::from_column_slice(5, 1, &[0.3, -0.2, 0.1, -0.4, 0.25]),
        test: Some(Matrix::from_column_slice(2, 1, &[0.15, -0.1])),
    };
    let ours = solved(&problem(&[]), Width::Infinite, 0, Some(&start));
    let kernel_problem = problem(&[(", \"normalised_outputs\"", "")]);
    assert_eq!(Regime::of(&kernel_problem), Ok(Regime::Kernel));
    let theirs = kernel::solve(&kernel_problem, 0, Some(&start), &mut |_| Control::Continue).expect("a solution");
    for record in 0..3 {
        for quantity in [Quantity::Outputs, Quantity::TestOutputs] {
            let distance = (matrix(&ours, record, quantity) - matrix(&theirs, record, quantity)).norm();
            assert!(distance < 1e-9, "record {record}: {distance}");
        }
        let difference = scalar(&ours, record, Quantity::TrainLoss) - scalar(&theirs, record, Quantity::TrainLoss);
        assert!(difference.abs() < 1e-9);
    }
    assert!(matrix(&ours, 2, Quantity::Outputs) != matrix(&ours, 0, Quantity::Outputs), "it learns");
}

/// MF: no start, rate 1/2; sym-default: outputs grow like n^1/2 and the limit is in their units, given the network's own start.
#[test]
fn networks_in_gram_space_reach_the_limit_of_their_scaling() {
    let distance = |replacements: &[(&str, &str)], record: usize, m: u64, seed: u64| {
        let mut finite = problem(replacements);
        let mut quantities = finite.record.quantities.clone();
        quantities.retain(|quantity| *quantity != Quantity::TrainLoss);
        finite.record.quantities = quantities;
        let network = solved(&finite, Width::Finite(m), seed, None);
        let limit = ClassifierLimit::of(&finite).expect("a limit");
        let scale = limit.start_scale(Width::Finite(m));
        let start = Start {
            train: matrix(&network, 0, Quantity::Outputs) / scale,
            test: Some(matrix(&network, 0, Quantity::TestOutputs) / scale),
        };
        let mut infinite = finite.clone();
        infinite.record.quantities = vec![Quantity::NormalisedOutputs];
        let limit = solved(&infinite, Width::Infinite, 0, Some(&start));
        let expected = matrix(&limit, record, Quantity::NormalisedOutputs);
        (matrix(&network, record, Quantity::NormalisedOutputs) - expected).norm() / expected.norm()
    };
    let sym_default = [("q_sigma = -0.5\nq_a = 0\nq_w = 0", "q_sigma = -0.5\nq_a = 0.5\nq_w = 0.5")];
    // Later the perceptron rule makes a difference of either sign of what is close to 0.
    let corrected = [MF[0], ("sigma_w = 1.5", "sigma_w = 1.5\ninitial_correction = true")];
    for (name, replacements, record) in
        [("MF", &MF[..], 2), ("sym-default", &sym_default[..], 1), ("IC-MF", &corrected, 2)]
    {
        let mean = |m: u64| (0..6).map(|seed| distance(replacements, record, m, seed)).sum::<f64>() / 6.0;
        let (small, large) = (mean(512), mean(32_768));
        // n grows 64-fold: 8-fold at rate 1/2, with room for six seeds.
        assert!(small / large > 4.0 && small / large < 16.0 && large < 0.1, "{name}: {small} to {large}");
    }
}

/// Weights that are too large for the nodes of a quadrature: particles are drawn instead (it would be off by 20 %).
#[test]
fn a_quadrature_that_does_not_converge_is_not_trusted() {
    let steep = [MF[0], ("sigma_w = 1.5", "sigma_w = 30")];
    let outputs = |width: Width| matrix(&solved(&problem(&steep), width, 1, None), 2, Quantity::Outputs).clone();
    let (limit, network) = (outputs(Width::Infinite), outputs(Width::Finite(200_000)));
    assert!((&limit - &network).norm() < 0.03 * network.norm(), "{limit} against {network}");
}

/// Particles that are drawn tell their standard errors, which cover what a network of many neurons has; quadratures have none.
#[test]
fn drawn_particles_report_their_standard_errors() {
    let steep = [MF[0], ("sigma_w = 1.5", "sigma_w = 30")];
    let limit = solved(&problem(&steep), Width::Infinite, 1, None);
    let record = limit.records.last().expect("a record");
    for quantity in [Quantity::Outputs, Quantity::TestOutputs, Quantity::NormalisedOutputs] {
        let (values, errors) = (record.values[&quantity].flatten(), record.errors[&quantity].flatten());
        let size = values.iter().fold(0.0f64, |most, value| most.max(value.abs()));
        assert_eq!(values.len(), errors.len());
        assert!(errors.iter().all(|error| *error > 0.0 && *error < 0.05 * size), "{}: {errors:?}", quantity.name());
    }
    assert!(!record.errors.contains_key(&Quantity::TestAccuracy), "accuracies jump");
    let network = solved(&problem(&steep), Width::Finite(1 << 20), 1, None);
    let errors = record.errors[&Quantity::Outputs].flatten();
    let pairs = record.values[&Quantity::Outputs]
        .flatten()
        .into_iter()
        .zip(matrix(&network, 2, Quantity::Outputs).iter().copied());
    // The network's own spread is smaller by a factor of 2 and more: it has four times as many neurons.
    for ((limit, network), error) in pairs.zip(errors) {
        assert!((limit - network).abs() < 6.0 * error, "{limit} ± {error} against {network}");
    }
    assert!(solved(&problem(&MF), Width::Infinite, 1, None).records[2].errors.is_empty());
}

/// Losses and kernels of drawn particles have standard errors. Networks of 2^18 neurons are as many draws without antithetic pairs, so that they spread
/// as much or more; their spread over 16 seeds is known to a fifth and the error to a quarter.
/// The limit has as many particles as the networks have neurons, so that the ratio is about 1: with 7 and 15 degrees of freedom from 0.25 to 2.5.
#[test]
fn losses_and_kernels_of_drawn_particles_have_standard_errors() {
    let steep = [MF[0], ("sigma_w = 1.5", "sigma_w = 30")];
    let limit = solved(&problem(&steep), Width::Infinite, 1, None);
    let record = limit.records.last().expect("a record");
    let networks: Vec<_> = (1..=16).map(|seed| solved(&problem(&steep), Width::Finite(1 << 18), seed, None)).collect();
    for quantity in [Quantity::TrainLoss, Quantity::TangentKernelChange] {
        let number = |value: &Value| value.flatten()[0];
        let (value, error) = (number(&record.values[&quantity]), number(&record.errors[&quantity]));
        let found: Vec<f64> = networks
            .iter()
            .map(|network| number(&network.records.last().expect("a record").values[&quantity]))
            .collect();
        let mean = found.iter().sum::<f64>() / 16.0;
        let spread = (found.iter().map(|found| (found - mean).powi(2)).sum::<f64>() / 15.0).sqrt();
        assert!(error > 0.25 * spread && error < 2.5 * spread, "{}: {error} and {spread}", quantity.name());
        assert!((value - mean).abs() < 6.0 * error.hypot(spread / 4.0), "{}: {value} and {mean}", quantity.name());
    }
}

/// A limit that forgets its start classifies nothing at the start, where networks have the accuracy of chance.
#[test]
fn accuracies_begin_with_the_first_step_where_the_start_is_forgotten() {
    let limit = solved(&problem(&MF), Width::Infinite, 0, None);
    let has = |record: usize| limit.records[record].values.contains_key(&Quantity::TestAccuracy);
    assert_eq!([has(0), has(1), has(2)], [false, true, true]);
    let kept = solved(&problem(&[]), Width::Infinite, 0, None);
    assert!(kept.records[0].values.contains_key(&Quantity::TestAccuracy));
}

/// The change of the kernel is from the start, recorded or not.
#[test]
fn changes_of_the_kernel_do_not_need_a_record_of_the_start() {
    let late = [MF[0], ("at = [0, 1, 6]", "at = [6]")];
    let change = |replacements: &[(&str, &str)], record| {
        let network = solved(&problem(replacements), Width::Finite(64), 3, None);
        (network.records.len(), scalar(&network, record, Quantity::TangentKernelChange))
    };
    assert_eq!(change(&late, 0), (1, change(&MF, 2).1));
}

/// Every named scaling is the same network at the reference width, step by step.
#[test]
fn scalings_agree_at_the_reference_width() {
    let at = |name: &str, m: u64| {
        let exponents = format!("name = \"{name}\"");
        let quantities = [("\"normalised_outputs\", ", "")];
        let named = problem(&[&[("q_sigma = -0.5\nq_a = 0\nq_w = 0", exponents.as_str())], &quantities[..]].concat());
        matrix(&solved(&named, Width::Finite(m), 3, None), 2, Quantity::Outputs).clone()
    };
    let names = GolikovExponents::NAMED.iter().map(|(name, _)| *name).chain(["ic_mf"]);
    let (reference, wide) = (at("ntk", 16), at("ntk", 32));
    for name in names.filter(|name| *name != "ntk") {
        assert!((at(name, 16) - &reference).norm() < 1e-12 * reference.norm(), "{name}");
        assert!((at(name, 32) - &wide).norm() > 1e-3 * wide.norm(), "{name}: no power");
    }
}

/// (a, b, c) and (a + θ, b − θ, c − 2θ) have one trajectory, and (a + θ, b − θ, c) another.
#[test]
fn the_abc_symmetry_changes_no_trajectory() {
    let scaling = "kind = \"scaling\"\nq_sigma = -0.5\nq_a = 0\nq_w = 0\nreference_width = 16\nsigma_w = 1.5";
    let outputs = |abc: &str| {
        let parameterization = format!("kind = \"abc\"\nsigma = [0.7, 1.2]\n{abc}");
        let replacements = [(scaling, parameterization.as_str()), ("\"normalised_outputs\", ", "")];
        matrix(&solved(&problem(&replacements), Width::Finite(64), 3, None), 2, Quantity::Outputs).clone()
    };
    let found = outputs("a = [0, 0.5]\nb = [0, 0]\nc = 0");
    let shifted = outputs("a = [0.25, 0.75]\nb = [-0.25, -0.25]\nc = -0.5");
    assert!((&shifted - &found).norm() < 1e-12 * found.norm());
    let other = outputs("a = [0.25, 0.75]\nb = [-0.25, -0.25]\nc = 0");
    assert!((other - &found).norm() > 1e-3 * found.norm(), "no power");
}

/// IC-MF: at the reference width the network itself; wider, at the start the NTK scaling's function of the same weights.
#[test]
fn corrected_networks_start_as_in_the_ntk_scaling() {
    let corrected = [MF[0], ("sigma_w = 1.5", "sigma_w = 1.5\ninitial_correction = true")];
    let at = |replacements: &[(&str, &str)], m: u64| solved(&problem(replacements), Width::Finite(m), 3, None);
    for record in 0..3 {
        let difference =
            matrix(&at(&corrected, 16), record, Quantity::Outputs) - matrix(&at(&MF, 16), record, Quantity::Outputs);
        assert!(difference.norm() < 1e-14);
    }
    let (wide, ntk) = (at(&corrected, 4096), at(&[], 4096));
    let start = matrix(&ntk, 0, Quantity::Outputs);
    assert!((matrix(&wide, 0, Quantity::Outputs) - start).norm() < 1e-12 * start.norm());
    assert!((matrix(&at(&MF, 4096), 0, Quantity::Outputs) - start).norm() > 0.9 * start.norm(), "no power");
    let error = ClassifierLimit::of(&problem(&corrected[1..])).expect_err("no limit").to_string();
    assert!(error.contains("initial_correction") && error.contains("this one is NTK"), "{error}");
}

#[test]
fn quantities_are_those_of_the_network_in_its_own_units() {
    let network = solved(&problem(&MF), Width::Finite(64), 3, None);
    // MF: B = 0.
    assert_eq!(matrix(&network, 2, Quantity::Outputs), matrix(&network, 2, Quantity::NormalisedOutputs));
    assert_eq!(scalar(&network, 0, Quantity::TangentKernelChange), 0.0);
    assert!(scalar(&network, 2, Quantity::TangentKernelChange) > 0.0);
    let outputs = matrix(&network, 2, Quantity::Outputs);
    let loss: f64 =
        problem(&MF).data.train.targets.iter().zip(outputs.iter()).map(|(y, f)| (-y * f).exp().ln_1p()).sum();
    assert!((scalar(&network, 2, Quantity::TrainLoss) - loss / 5.0).abs() < 1e-12);
    // Barycentre: B = 0.18, and four times the reference width.
    let barycentre = [("q_sigma = -0.5\nq_a = 0\nq_w = 0", "q_sigma = -0.66\nq_a = 0.5\nq_w = 0.5")];
    let network = solved(&problem(&barycentre), Width::Finite(64), 3, None);
    let ratio = matrix(&network, 2, Quantity::Outputs)[0] / matrix(&network, 2, Quantity::NormalisedOutputs)[0];
    assert!((ratio - 4f64.powf(0.18)).abs() < 1e-12, "{ratio}");
    // Vanishing logits have the loss log 2.
    let post = [
        ("q_sigma = -0.5\nq_a = 0\nq_w = 0", "q_sigma = -1.5\nq_a = 1.5\nq_w = 1.5"),
        ("\"outputs\", \"test_outputs\", ", ""),
    ];
    let limit = solved(&problem(&post), Width::Infinite, 0, None);
    assert_eq!(scalar(&limit, 2, Quantity::TrainLoss), 2f64.ln());
}

#[test]
fn what_has_no_limit_or_is_no_classifier_is_refused() {
    let refusal = |replacements: &[(&str, &str)], width: Width| {
        solve(&problem(replacements), width, 0, None, &mut |_| Control::Continue).expect_err("refused").to_string()
    };
    let exponents = "q_sigma = -0.5\nq_a = 0\nq_w = 0";
    for (to, expected) in [
        ("q_sigma = 1\nq_a = 1\nq_w = 1", "unstable"),
        ("q_sigma = -1\nq_a = -1\nq_w = -1", "trivial"),
        // The standard scaling: the readout learns too fast.
        ("q_sigma = -0.5\nq_a = 1\nq_w = 0", "unstable"),
    ] {
        let error = refusal(&[(exponents, to)], Width::Infinite);
        assert!(error.contains(expected) && error.contains("m^"), "{error}");
    }
    let deep = [
        ("hidden_layers = 1", "hidden_layers = 2"),
        ("kind = \"scaling\"\nq_sigma = -0.5\nq_a = 0\nq_w = 0\nreference_width = 16\nsigma_w = 1.5", "kind = \"ntk\""),
    ];
    assert!(refusal(&deep, Width::Finite(64)).contains("network.hidden_layers = 2"));
    let squared = [("kind = \"logistic\"", "kind = \"squared\"")];
    assert!(refusal(&squared, Width::Finite(64)).contains("the loss is not logistic"));
    let moving = [("kind = \"gd\"", "kind = \"momentum\"\nmomentum = 0.5")];
    assert!(refusal(&moving, Width::Infinite).contains("momentum"));
    let all = "\"outputs\", \"test_outputs\", \"normalised_outputs\", \"train_loss\", \"test_accuracy\", \"tangent_kernel_change\"";
    let sym_default = [(exponents, "q_sigma = -0.5\nq_a = 0.5\nq_w = 0.5"), (all, "\"outputs\", \"train_loss\"")];
    let error = refusal(&sym_default, Width::Infinite);
    assert!(error.contains("is of order m^0.5") && error.contains("normalised_outputs"), "{error}");
    // Among others they are left out.
    let left = solved(&problem(&sym_default[..1]), Width::Infinite, 0, None);
    assert_eq!(
        left.records[1].values.keys().copied().collect::<Vec<_>>(),
        [Quantity::TestAccuracy, Quantity::TangentKernelChange, Quantity::NormalisedOutputs]
    );
    let dense = [("\"normalised_outputs\"", "\"weight_change\"")];
    assert!(refusal(&dense, Width::Finite(64)).contains("`weight_change` is not known"));
    let start = Start { train: Matrix::zeros(4, 1), test: None };
    let error =
        solve(&problem(&[]), Width::Infinite, 0, Some(&start), &mut |_| Control::Continue).expect_err("refused");
    assert!(error.to_string().contains("4 values for 7 inputs"), "{error}");
}

#[test]
fn a_stopped_run_is_interrupted_without_records() {
    let mut calls = 0;
    let mut watch = |_: f64| {
        calls += 1;
        if calls > 2 { Control::Stop } else { Control::Continue }
    };
    let trajectory = solve(&problem(&MF), Width::Infinite, 0, None, &mut watch).expect("a trajectory");
    assert!(matches!(trajectory.status, Status::Interrupted { .. }) && trajectory.records.is_empty());
}

/// No quantity that is taken is missing from the records without a word.
#[test]
fn every_quantity_that_is_known_is_recorded() {
    let mut problem = problem(&MF);
    let is_known = |quantity: &Quantity| {
        matches!(quantity.scope(), Scope::Any | Scope::Classifier) || *quantity == Quantity::MeanTangentKernel
    };
    problem.record.quantities = Quantity::all().filter(is_known).collect();
    for width in [Width::Finite(64), Width::Infinite] {
        let trajectory = solved(&problem, width, 1, None);
        let record = trajectory.records.last().expect("a record");
        for quantity in &problem.record.quantities {
            assert!(record.values.contains_key(quantity), "{} at width {width}", quantity.name());
        }
    }
    for quantity in Quantity::all().filter(|quantity| !is_known(quantity) && quantity.scope() == Scope::Mlp) {
        problem.record.quantities = vec![quantity];
        let refused = solve(&problem, Width::Infinite, 1, None, &mut |_| Control::Continue);
        assert!(refused.is_err(), "{}", quantity.name());
    }
}
