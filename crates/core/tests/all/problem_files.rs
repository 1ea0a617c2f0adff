//! Problem files: what is read, the defaults, and an error for every mistake.

use std::path::Path;

use widenet_core::{
    Problem, Result,
    document::Document,
    problem::{Activation, Annealing, Ensemble, Loss, Parameterization, Quantity, Rule, Schedule, Stop},
};

const BASE: &str = r#"
[network]
hidden_layers = 2
[parameterization]
kind = "mean_field"
[data]
kind = "inline"
inputs = [[1, 0], [0, 2], [1, 1]]
targets = [[1], [-1], [0]]
[optimizer]
kind = "gd"
learning_rate = 0.1
steps = 1000
"#;

/// The base problem with some values set.
fn problem(overrides: &[(&str, &str)]) -> Result<Problem> {
    let mut document = Document::from_toml("problem.toml", BASE)?;
    for (key, value) in overrides {
        document.set(key, value, &format!("--set {key}={value}"))?;
    }
    Problem::from_document(&document, Path::new(""))
}

fn assert_refused(overrides: &[(&str, &str)], parts: &[&str]) {
    let error = problem(overrides).expect_err(&format!("{overrides:?} is wrong")).to_string();
    assert!(parts.iter().all(|part| error.contains(part)), "{overrides:?}: {error}\ndoes not contain {parts:?}");
}

#[test]
fn defaults_are_as_documented() {
    let problem = problem(&[]).unwrap();
    assert_eq!((problem.network.hidden_layers, problem.network.activation), (2, Activation::Identity));
    let mean_field = Parameterization::MeanField { richness: 1.0, sigma_in: 1.0, sigma_out: 1.0, sigma_b: None };
    assert_eq!(problem.parameterization, mean_field);
    assert_eq!(problem.loss, Loss::SQUARED);
    let rule = Rule::Descent { learning_rate: 0.1, steps: 1000, momentum: 0.0, nesterov: false, batch_size: None };
    assert_eq!((problem.optimizer.rule.clone(), problem.optimizer.weight_decay), (rule, 0.0));
    assert_eq!(problem.record.quantities, [Quantity::TrainLoss, Quantity::Predictor]);
    assert!(problem.data.test.is_none());
    assert_eq!(problem.scaling().layers.len(), 3);
}

#[test]
fn a_file_is_loaded_with_overrides_and_data_relative_to_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("samples.csv"), "x,y\n1,2\n3,4\n").unwrap();
    let text = BASE.replace(
        "kind = \"inline\"\ninputs = [[1, 0], [0, 2], [1, 1]]\ntargets = [[1], [-1], [0]]",
        "kind = \"csv\"\ntrain = \"samples.csv\"\ninputs = 1\ntargets = [\"y\"]",
    );
    let path = folder.path().join("problem.toml");
    std::fs::write(&path, text).unwrap();
    let set = |key: &str, value: &str| (key.to_string(), value.to_string());
    let problem =
        Problem::load(&path, &[set("optimizer.steps", "7"), set("record.at", "[0, 7]")], &|_| Ok(1.0)).unwrap();
    assert_eq!(problem.data.train.targets.as_slice(), [2.0, 4.0]);
    assert_eq!(problem.record.at, [0.0, 7.0]);
    let error = Problem::load(&path, &[set("optimizer.steps", "0")], &|_| Ok(1.0)).unwrap_err().to_string();
    assert!(error.starts_with("--set optimizer.steps=0:1:1: `optimizer.steps` is 0"), "{error}");
}

#[test]
fn network_mistakes_are_refused() {
    assert_refused(&[("network.hidden_layers", "0")], &["hidden_layers` is 0", "from 1 to 1000"]);
    assert_refused(&[("network.hidden_layers", "1.5")], &["hidden_layers` is 1.5"]);
    assert_refused(&[("network.activation", "rleu")], &["\"rleu\"", "relu"]);
    assert_refused(&[("network.activation", "{ kind = 'relu', negative_slope = 0.1 }")], &["negative_slope"]);
    assert_refused(&[("network.bias", "true")], &["network.bias`", "parameterization.sigma_b"]);
    assert_refused(&[("network.depth", "3")], &["unknown key `network.depth`", "hidden_layers"]);
    assert_refused(&[("netwrok.hidden_layers", "3")], &["unknown key `netwrok`", "did you mean `network`?"]);
}

#[test]
fn every_parameterization_is_read() {
    let read = |value: &str| problem(&[("parameterization", value)]).unwrap().parameterization;
    assert_eq!(
        read("{ kind = 'mean_field', richness = 2, sigma_in = 0.5, sigma_out = 3 }"),
        Parameterization::MeanField { richness: 2.0, sigma_in: 0.5, sigma_out: 3.0, sigma_b: None }
    );
    assert_eq!(read("{ kind = 'ntk', sigma_b = 0 }"), Parameterization::ntk(2, 1.0));
    assert_eq!(read("{ kind = 'standard', sigma_w = 2 }"), Parameterization::standard(2, 2.0));
    let (a, b) = (vec![-0.5, 0.0, 0.5], vec![0.5; 3]);
    assert_eq!(
        read("{ kind = 'abc', a = [-0.5, 0, 0.5], b = [0.5, 0.5, 0.5], c = 0, sigma = 2 }"),
        Parameterization::Abc {
            a: a.clone(),
            b: b.clone(),
            c: vec![0.0; 3],
            sigma: vec![2.0; 3],
            reference_width: 1.0
        }
    );
    assert_eq!(
        read(
            "{ kind = 'abc', a = [-0.5, 0, 0.5], b = [0.5, 0.5, 0.5], c = [0, 1, 2], sigma = [1, 2, 3], reference_width = 8 }"
        ),
        Parameterization::Abc { a, b, c: vec![0.0, 1.0, 2.0], sigma: vec![1.0, 2.0, 3.0], reference_width: 8.0 }
    );
    let golikov = "{ kind = 'scaling', q_sigma = -1, q_a = 1, q_w = 1 }";
    let shallow = problem(&[("network.hidden_layers", "1"), ("parameterization", golikov)]).unwrap();
    assert_eq!(
        shallow.parameterization,
        Parameterization::Scaling {
            q_sigma: -1.0,
            q_a: 1.0,
            q_w: 1.0,
            reference_width: 128.0,
            sigma_w: 1.0,
            initial_correction: false
        }
    );
    assert!(shallow.is_deep_linear() && shallow.parameterization.initial_correction(512).is_none());
    let corrected = golikov.replace("q_w = 1", "q_w = 1, initial_correction = true");
    let corrected = problem(&[("network.hidden_layers", "1"), ("parameterization", &corrected)]).unwrap();
    assert!(!corrected.is_deep_linear() && corrected.parameterization.corrects_initial_function());
    let share = |width| corrected.parameterization.initial_correction(width);
    assert_eq!((share(512), share(128), share(32)), (Some(1.0), None, Some(-0.5)));
}

#[test]
fn parameterization_mistakes_are_refused() {
    let refused = |value: &str, parts: &[&str]| assert_refused(&[("parameterization", value)], parts);
    refused("{ kind = 'mean_feild' }", &["\"mean_feild\"", "did you mean `mean_field`?"]);
    refused("{ kind = 'mean_field', richness = 0 }", &["richness` is 0", "> 0"]);
    refused("{ kind = 'mean_field', richness = nan }", &["richness` is nan"]);
    refused("{ kind = 'mean_field', sigma_in = -1 }", &["sigma_in` is -1"]);
    refused("{ kind = 'mean_field', sigma_w = 1 }", &["unknown key `parameterization.sigma_w`"]);
    refused("{ kind = 'ntk', sigma_b = -0.1 }", &["sigma_b` is -0.1", "≥ 0"]);
    refused("{ kind = 'ntk', sigma_w = [1, 2] }", &["sigma_w", "one per weight matrix"]);
    refused("{ kind = 'ntk', sigma_w = [1, 0, 1] }", &["sigma_w[1]` is 0", "> 0"]);
    refused("{ kind = 'ntk', weight_rates = [1, -1, 1] }", &["weight_rates[1]` is -1"]);
    refused(
        "{ kind = 'scaling', q_sigma = -0.5, q_a = 0.5, q_w = 0.5 }",
        &["hidden_layers = 2", "2 q_sigma + q_a = -1"],
    );
    refused("{ kind = 'abc', a = [0, 0], b = [0, 0, 0], c = 0 }", &["parameterization.a` has 2", "must have 3"]);
    refused("{ kind = 'abc', a = [0, 0, 0], b = [0, 0, 0] }", &["`parameterization.c` is missing"]);
    refused("{ kind = 'abc', a = [0, 0, 0], b = [0, 0, 0], c = 0, sigma = [1, 0, 1] }", &["sigma[1]` is 0"]);
    refused(
        "{ kind = 'abc', a = [0, 0, 0], b = [0, 0, 0], c = [0, 0] }",
        &["parameterization.c` has 2", "must have 3"],
    );
    refused("{ kind = 'abc', a = [0, 0, 0], b = [0, 0, 0], c = 0, reference_width = 0 }", &["reference_width` is 0"]);
    refused("{ richness = 1 }", &["`parameterization.kind` is missing"]);
    let golikov = "{ kind = 'scaling', q_sigma = -1, q_a = 1, q_w = 1, reference_width = 0.5 }";
    assert_refused(
        &[("network.hidden_layers", "1"), ("parameterization", golikov)],
        &["reference_width` is 0.5", "≥ 1"],
    );
    let golikov = "{ kind = 'scaling', q_sigma = -1, q_a = 1, q_w = 1, initial_correction = 1 }";
    assert_refused(
        &[("network.hidden_layers", "1"), ("parameterization", golikov)],
        &["initial_correction` is 1", "true or false"],
    );
    refused(
        "{ kind = 'mean_field', initial_correction = true }",
        &["unknown key `parameterization.initial_correction`"],
    );
}

/// `γ² = 1e-326` and `128^±200.5` are no `f64`; neither is the kernel `σ^(2L) d^-1` of a thousand layers.
#[test]
fn parameters_that_would_turn_training_off_are_refused() {
    let refused = |layers: &str, value: &str, parts: &[&str]| {
        let parts = [&["`parameterization`", "at width 1"], parts].concat();
        assert_refused(&[("network.hidden_layers", layers), ("parameterization", value)], &parts);
    };
    refused("2", "{ kind = 'mean_field', richness = 1e-163 }", &["learning rate of the input layer is 0e0"]);
    refused("2", "{ kind = 'mean_field', richness = 1e160 }", &["learning rate of the input layer is inf"]);
    for (q_sigma, constant) in [("200", "0e0"), ("-200", "inf")] {
        let golikov = format!("{{ kind = 'scaling', q_sigma = {q_sigma}, q_a = 1, q_w = 1 }}");
        refused("1", &golikov, &["initial standard deviation of the readout layer is", constant]);
    }
    refused("1000", "{ kind = 'ntk', sigma_w = 0.5 }", &["initial tangent kernel is 0e0"]);
    refused("1000", "{ kind = 'ntk', sigma_w = 0.4 }", &["normalized rate ρ of the input layer is 0e0"]);
}

#[test]
fn every_optimizer_is_read() {
    let read = |value: &str| problem(&[("optimizer", value)]).unwrap().optimizer;
    let momentum = read(
        "{ kind = 'momentum', learning_rate = 0.1, steps = 5, momentum = 0.9, nesterov = true, weight_decay = 0.01 }",
    );
    assert_eq!(
        momentum.rule,
        Rule::Descent { learning_rate: 0.1, steps: 5, momentum: 0.9, nesterov: true, batch_size: None }
    );
    assert_eq!((momentum.weight_decay, momentum.horizon()), (0.01, 5.0));
    assert_eq!(
        read("{ kind = 'sgd', learning_rate = 0.1, steps = 5, batch_size = 3 }").rule,
        Rule::Descent { learning_rate: 0.1, steps: 5, momentum: 0.0, nesterov: false, batch_size: Some(3) }
    );
    let read_rmsprop = |keys: &str| read(&format!("{{ kind = 'rmsprop', learning_rate = 0.1, steps = 5{keys} }}"));
    let rmsprop =
        |decay, epsilon, batch_size| Rule::RmsProp { learning_rate: 0.1, steps: 5, decay, epsilon, batch_size };
    assert_eq!(read_rmsprop("").rule, rmsprop(0.99, 1e-8, None));
    let all = read_rmsprop(", decay = 0, epsilon = 1e-30, batch_size = 2");
    assert_eq!(all.rule, rmsprop(0.0, 1e-30, Some(2)));
    assert_eq!((all.horizon(), all.learning_rate(), all.time(3.0)), (5.0, Some(0.1), 0.1 * 3.0));
    let read_adam = |keys: &str| read(&format!("{{ kind = 'adam', learning_rate = 0.1, steps = 5{keys} }}"));
    let adam = |beta1, beta2, epsilon, batch_size| Rule::Adam {
        learning_rate: 0.1,
        steps: 5,
        beta1,
        beta2,
        epsilon,
        batch_size,
    };
    assert_eq!(read_adam("").rule, adam(0.9, 0.999, 1e-8, None));
    let all = read_adam(", beta1 = 0, beta2 = 0.5, epsilon = 1e-30, batch_size = 2, weight_decay = 0.2");
    assert_eq!((all.rule.clone(), all.weight_decay), (adam(0.0, 0.5, 1e-30, Some(2)), 0.2));
    assert_eq!((all.horizon(), all.learning_rate(), all.time(3.0)), (5.0, Some(0.1), 0.1 * 3.0));
    assert_eq!(read("{ kind = 'flow', times = 2 }").rule, Rule::Flow { time: 2.0, tolerance: 1e-9 });
    let flow = read("{ kind = 'flow', times = [3, 1.5], tolerance = 1e-6 }");
    assert_eq!((flow.rule.clone(), flow.horizon()), (Rule::Flow { time: 3.0, tolerance: 1e-6 }, 3.0));
}

/// Of normalized gradients a bias of the readout, too, moves the outputs by η; `mup` is another name.
#[test]
fn mean_field_biases_of_the_readout_follow_the_optimizer() {
    let text = "{ kind = 'mup', richness = 2.5, readout_bias = true, bias_rates = [1, 1, 1, 3] }";
    let read = problem(&[
        ("network", "{ hidden_layers = 3, activation = 'tanh' }"),
        ("parameterization", text),
        ("optimizer", "{ kind = 'adam', learning_rate = 0.1, steps = 1 }"),
        ("record.quantities", "['train_loss']"),
    ]);
    let readout = read.unwrap().scaling().biases[3].expect("a bias of the readout");
    assert!((readout.multiplier.constant * readout.learning_rate.constant - 3.0).abs() < 1e-12);
}

#[test]
fn optimizer_mistakes_are_refused() {
    let refused = |value: &str, parts: &[&str]| assert_refused(&[("optimizer", value)], parts);
    refused("{ kind = 'adamw', learning_rate = 0.1, steps = 5 }", &["\"adamw\"", "`adam`", "weight_decay"]);
    refused("{ kind = 'adagrad', learning_rate = 0.1, steps = 5 }", &["\"adagrad\"", "there is no Adagrad"]);
    refused("{ kind = 'gd', learning_rate = 0, steps = 5 }", &["learning_rate` is 0", "> 0"]);
    refused("{ kind = 'gd', learning_rate = 0.1, steps = 0 }", &["steps` is 0"]);
    refused("{ kind = 'gd', learning_rate = 0.1 }", &["`optimizer.steps` is missing"]);
    refused("{ kind = 'gd', learning_rate = 0.1, steps = 5, momentum = 0.5 }", &["unknown key `optimizer.momentum`"]);
    refused("{ kind = 'gd', learning_rate = 0.1, steps = 5, weight_decay = -1 }", &["weight_decay` is -1"]);
    refused(
        "{ kind = 'momentum', learning_rate = 0.1, steps = 5, momentum = 1 }",
        &["momentum` is 1", "< 0.999999999"],
    );
    refused(
        "{ kind = 'momentum', learning_rate = 0.1, steps = 5, momentum = 0.9999999999999999 }",
        &["momentum` is 0.9999999999999999", "< 0.999999999"],
    );
    refused(
        "{ kind = 'sgd', learning_rate = 0.1, steps = 5, batch_size = 4 }",
        &["batch_size` is 4", "at most 3, the number of training samples"],
    );
    refused("{ kind = 'sgd', learning_rate = 0.1, steps = 5, batch_size = 0 }", &["batch_size` is 0"]);
    let rmsprop = |keys: &str, parts: &[&str]| {
        refused(&format!("{{ kind = 'rmsprop', learning_rate = 0.1, steps = 5, {keys} }}"), parts);
    };
    rmsprop("decay = 1", &["decay` is 1", "< 0.999999999"]);
    rmsprop("epsilon = 0", &["epsilon` is 0", "≥ 1e-30"]);
    rmsprop("batch_size = 4", &["batch_size` is 4", "at most 3"]);
    rmsprop("momentum = 0.9", &["unknown key `optimizer.momentum`"]);
    rmsprop("weight_decay = 0.1", &["weight_decay` is not used here", "\"gd\""]);
    refused(
        "{ kind = 'rmsprop', relative_learning_rate = 0.5, steps = 5 }",
        &["`optimizer.relative_learning_rate`", "give `learning_rate`"],
    );
    refused("{ kind = 'rmsprop', learning_rate = 0.1 }", &["`optimizer.steps` is missing"]);
    let adam = |keys: &str, parts: &[&str]| {
        refused(&format!("{{ kind = 'adam', learning_rate = 0.1, steps = 5, {keys} }}"), parts);
    };
    adam("beta1 = 1", &["beta1` is 1", "< 0.999999999"]);
    adam("beta2 = -0.1", &["beta2` is -0.1"]);
    adam("epsilon = 0", &["epsilon` is 0", "≥ 1e-30"]);
    adam("batch_size = 4", &["batch_size` is 4", "at most 3"]);
    adam("relative_learning_rate = 0.5", &["`optimizer.relative_learning_rate`", "give `learning_rate`"]);
    adam("betas = [0.9, 0.999]", &["unknown key `optimizer.betas`", "beta1"]);
    refused("{ kind = 'flow', times = 1, learning_rate = 0.1 }", &["learning_rate` is not used here", "absolute"]);
    refused("{ kind = 'flow', times = 1, steps = 3 }", &["steps` is not used here"]);
    refused("{ kind = 'flow', times = 0 }", &["times` is 0"]);
    refused("{ kind = 'flow', times = 1e-322 }", &["times` is 1e-322", "at least 1e-300"]);
    refused("{ kind = 'flow', times = [0] }", &["times` is [0]", "at least 1e-300"]);
    refused("{ kind = 'flow', times = [1, -1] }", &["times[1]` is -1"]);
    refused("{ kind = 'flow', times = 1, tolerance = 0 }", &["tolerance` is 0"]);
}

#[test]
fn schedules_are_read_of_every_rule_that_steps() {
    let read = |rule: &str, schedule: &str| {
        let text = format!("{{ {rule}, learning_rate = 0.1, steps = 10, schedule = {schedule} }}");
        problem(&[("optimizer", &text)]).unwrap().optimizer
    };
    let kinds = [
        ("{ }", Schedule::CONSTANT),
        ("{ warmup = 3 }", Schedule { warmup: 3, annealing: Annealing::Constant }),
        ("{ kind = 'cosine' }", Schedule { warmup: 0, annealing: Annealing::Cosine { end_factor: 0.0 } }),
        (
            "{ kind = 'linear', end_factor = 0.5, warmup = 10 }",
            Schedule { warmup: 10, annealing: Annealing::Linear { end_factor: 0.5 } },
        ),
        ("{ kind = 'step', every = 4 }", Schedule { warmup: 0, annealing: Annealing::Step { every: 4, factor: 0.1 } }),
        (
            "{ kind = 'inverse_time', tau = 2.5, warmup = 1 }",
            Schedule { warmup: 1, annealing: Annealing::InverseTime { tau: 2.5 } },
        ),
    ];
    for rule in [
        "kind = 'gd'",
        "kind = 'momentum', momentum = 0.5",
        "kind = 'sgd', batch_size = 2",
        "kind = 'rmsprop'",
        "kind = 'adam'",
    ] {
        for (text, schedule) in &kinds {
            assert_eq!(read(rule, text).schedule, *schedule, "{rule} {text}");
        }
    }
    assert_eq!(problem(&[]).unwrap().optimizer.schedule, Schedule::CONSTANT);
    // Rates 0.05, 0.1, 0.1, …: the time of step 3 is their sum.
    let time = read("kind = 'gd'", "{ warmup = 2 }").time(3.0);
    assert!((time - 0.25).abs() < 1e-15, "{time}");
}

#[test]
fn schedule_mistakes_are_refused() {
    let refused = |schedule: &str, parts: &[&str]| {
        let text = format!("{{ kind = 'gd', learning_rate = 0.1, steps = 10, schedule = {schedule} }}");
        assert_refused(&[("optimizer", &text)], parts);
    };
    refused("{ kind = 'cosin' }", &["\"cosin\"", "cosine"]);
    refused("{ kind = 'cosine', end_factor = 1 }", &["end_factor` is 1"]);
    refused("{ kind = 'linear', end_factor = -0.1 }", &["end_factor` is -0.1"]);
    refused("{ kind = 'step' }", &["`optimizer.schedule.every` is missing"]);
    refused("{ kind = 'step', every = 0 }", &["every` is 0"]);
    refused("{ kind = 'step', every = 2, factor = 1 }", &["factor` is 1"]);
    refused("{ kind = 'step', every = 1, factor = 1e-4 }", &["ends at", "1e-30", "`every`"]);
    refused("{ kind = 'inverse_time', tau = 0 }", &["tau` is 0"]);
    refused("{ kind = 'inverse_time', tau = 8e-30 }", &["ends at", "1e-30", "give a larger `tau`"]);
    refused("{ kind = 'step', every = 1, factor = 4e-4 }", &["ends at", "give a larger `every` or `factor`"]);
    // The last of ten steps is taken with 1.1e-30 and 2e-30 of the peak, and there may be so many steps.
    for optimizer in [
        "steps = 10, schedule = { kind = 'inverse_time', tau = 1e-29 }",
        "steps = 10, schedule = { kind = 'step', every = 1, factor = 5e-4 }",
        "steps = 1000000000, schedule = { warmup = 5 }",
    ] {
        let text = format!("{{ kind = 'gd', learning_rate = 0.1, {optimizer} }}");
        assert!(problem(&[("optimizer", &text)]).is_ok(), "{text}");
    }
    refused("{ warmup = 11 }", &["warmup` is 11", "at most 10, the number of steps"]);
    refused("{ warmup = -1 }", &["warmup` is -1"]);
    refused("{ kind = 'constant', tau = 3 }", &["unknown key `optimizer.schedule.tau`"]);
    let whole = |value: &str, parts: &[&str]| assert_refused(&[("optimizer", value)], parts);
    whole(
        "{ kind = 'gd', learning_rate = 0.1, steps = 1000000001, schedule = { warmup = 5 } }",
        &["`optimizer.steps` is 1000000001", "at most 1000000000"],
    );
    whole(
        "{ kind = 'flow', times = 1, schedule = { warmup = 1 } }",
        &["`optimizer.schedule` is not used here", "\"gd\""],
    );
    whole(
        "{ kind = 'momentum_flow', learning_rate = 0.1, steps = 5, momentum = 0.5, schedule = { warmup = 1 } }",
        &["`optimizer.schedule` is not used here", "\"momentum\""],
    );
}

#[test]
fn loss_is_read_and_refused() {
    assert_eq!(problem(&[("loss.kind", "squared")]).unwrap().loss, Loss::SQUARED);
    let mean = problem(&[("loss", "{ kind = 'squared', over_outputs = 'mean' }")]).unwrap().loss;
    assert_eq!(mean, Loss::Squared { mean_over_outputs: true });
    assert_refused(&[("loss.kind", "huber")], &["\"huber\"", "squared", "logistic", "cross_entropy"]);
    assert_refused(&[("loss", "{ kind = 'logistic', over_outputs = 'mean' }")], &["over_outputs", "squared"]);
    assert_refused(&[("loss.kind", "logistic")], &["sample 3 is 0", "−1 or +1"]);
    assert_refused(&[("loss.kind", "cross_entropy")], &["at least 2 outputs", "logistic"]);
    let two_outputs = ("data.targets", "[[1, 0], [0, 1], [0.5, 0.6]]");
    assert_refused(&[two_outputs, ("loss.kind", "logistic")], &["2 outputs", "cross_entropy"]);
    let warnings = problem(&[two_outputs, ("loss.kind", "cross_entropy")]).unwrap().warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("sample 3 are [0.5, 0.6]"), "{warnings:?}");
}

#[test]
fn what_is_a_deep_linear_network() {
    let linear = |overrides: &[(&str, &str)]| problem(overrides).unwrap().is_deep_linear();
    assert!(linear(&[]));
    assert!(linear(&[("parameterization", "{ kind = 'ntk', sigma_b = 0 }")]));
    for other in [
        ("network.activation", "relu"),
        ("network.activation", "{ kind = 'leaky_relu', negative_slope = 0.1 }"),
        ("parameterization", "{ kind = 'ntk', sigma_b = 0.1 }"),
        ("parameterization", "{ kind = 'standard', sigma_b = 0 }"),
        ("parameterization", "{ kind = 'ntk', weight_rates = [0, 1, 1] }"),
        ("ensemble.networks", "10"),
    ] {
        assert!(!linear(&[other]), "{other:?}");
    }
    let flow = "{ kind = 'momentum_flow', learning_rate = 0.1, momentum = 0.5, steps = 10 }";
    assert!(!linear(&[("optimizer", flow)]));
    let rmsprop = ("optimizer", "{ kind = 'rmsprop', learning_rate = 0.1, steps = 10 }");
    assert!(!linear(&[rmsprop]));
    assert_refused(&[rmsprop, ("record.quantities", "['min_norm_distance']")], &["min_norm_distance", "trained by gd"]);
    let at = problem(&[rmsprop, ("record.at", "{ every = 3 }")]).unwrap().record.at;
    assert_eq!(at, [0.0, 3.0, 6.0, 9.0, 10.0]);
    assert_refused(&[rmsprop, ("record.at", "[0.5]")], &["record.at[0]` is 0.5"]);
}

/// What a network is does not depend on what is recorded; how it is solved does.
#[test]
fn a_deep_linear_network_is_one_whatever_is_recorded() {
    let recorded = |quantities| problem(&[("record.quantities", quantities)]).unwrap();
    let (predictor, perceptron) = (recorded("['predictor']"), recorded("['linearisation_distance']"));
    assert!(predictor.is_deep_linear() && predictor.is_solved_as_predictor());
    assert!(perceptron.is_deep_linear() && !perceptron.is_solved_as_predictor());
}

#[test]
fn quantities_know_their_networks() {
    let relu = ("network.activation", "relu");
    assert_eq!(problem(&[relu]).unwrap().record.quantities, [Quantity::TrainLoss]);
    assert_refused(&[relu, ("record.quantities", "['min_norm_distance']")], &["min_norm_distance", "deep linear"]);
    assert_refused(&[relu, ("record.quantities", "['predictor']")], &["predictor", "affine map"]);
    assert_refused(&[relu, ("record.quantities", "['output_std']")], &["output_std", "[ensemble]"]);
    assert_refused(
        &[("record.quantities", "['predictor', 'weight_change']")],
        &["`predictor`", "`weight_change`", "two runs"],
    );
}

#[test]
fn only_shallow_homogeneous_networks_of_one_output_are_decomposed() {
    let base = [("network.hidden_layers", "1"), ("record.quantities", "['decomposition']")];
    let with = |more: &[(&'static str, &'static str)]| [&base[..], more].concat();
    for activation in ["identity", "relu", "leaky_relu", "abs"] {
        let problem = problem(&with(&[("network.activation", activation)])).unwrap();
        assert!(problem.record.quantities == [Quantity::Decomposition] && !problem.is_solved_as_predictor());
    }
    let refused = |more: &[(&'static str, &'static str)], obstacle: &str| {
        assert_refused(&with(more), &["`decomposition`", "one hidden layer", "leaky_relu", "one output", obstacle]);
    };
    refused(&[("network.hidden_layers", "3")], "this problem has network.hidden_layers = 3");
    refused(&[("network.activation", "tanh")], "this problem has network.activation = \"tanh\"");
    refused(&[("parameterization.sigma_b", "0.1")], "this problem has biases");
    refused(&[("data.targets", "[[1, 0], [0, 1], [1, 1]]")], "this problem has 2 outputs");
}

#[test]
fn ensembles_are_read_and_refused() {
    let read = |value: &str| problem(&[("ensemble", value)]).unwrap().ensemble;
    assert_eq!(read("{ networks = 100 }"), Some(Ensemble { networks: 100, antithetic: false }));
    assert_eq!(read("{ networks = 4, antithetic = true }"), Some(Ensemble { networks: 4, antithetic: true }));
    assert_refused(&[("ensemble", "{ networks = 1 }")], &["networks` is 1", "from 2"]);
    assert_refused(&[("ensemble", "{ networks = 5, antithetic = true }")], &["networks` is 5", "even"]);
}

#[test]
fn a_relative_learning_rate_is_in_units_of_the_largest_stable_one() {
    let text = BASE.replace("learning_rate = 0.1", "relative_learning_rate = 0.5");
    let document = Document::from_toml("problem.toml", &text).unwrap();
    let problem = Problem::with_loader(&document, |source| source.load(Path::new("")), &|problem: &Problem| {
        assert_eq!(problem.optimizer.momentum(), 0.0);
        Ok(8.0)
    });
    assert_eq!(problem.unwrap().optimizer.learning_rate(), Some(4.0));
    let error = Problem::from_document(&document, Path::new("")).unwrap_err().to_string();
    assert!(error.contains("relative_learning_rate") && error.contains("give `learning_rate`"), "{error}");
    assert_refused(&[("optimizer.relative_learning_rate", "0.5")], &["`optimizer.learning_rate` is not used here"]);
}

#[test]
fn moments_are_listed_or_spaced() {
    let at = |value: &str| problem(&[("record.at", value)]).unwrap().record.at;
    // The end of training is recorded in any case.
    assert_eq!(at("[10, 0, 1e2, 10]"), [0.0, 10.0, 100.0, 1000.0]);
    assert_eq!(at("[0, 1000]"), [0.0, 1000.0]);
    assert_eq!(at("{ every = 300 }"), [0.0, 300.0, 600.0, 900.0, 1000.0]);
    assert_eq!(at("{ log_spaced = 3 }"), [0.0, 1.0, 10.0, 100.0, 1000.0]);
    let default = problem(&[]).unwrap().record.at;
    assert_eq!((default[..4].to_vec(), default.last()), (vec![0.0, 1.0, 2.0, 3.0], Some(&1000.0)));
    assert!(default.iter().all(|step| step.fract() == 0.0) && default.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_flow_records_at_times() {
    let at = |optimizer: &str, at: &str| problem(&[("optimizer", optimizer), ("record", at)]).unwrap().record.at;
    assert_eq!(at("{ kind = 'flow', times = [2, 0.5] }", "{}"), [0.0, 0.5, 2.0]);
    assert_eq!(at("{ kind = 'flow', times = 0.3 }", "{ at = { every = 0.1 } }").len(), 4);
    let log = at("{ kind = 'flow', times = 2 }", "{ at = { log_spaced = 3 } }");
    let wanted = [0.0, 0.002, 0.02, 0.2, 2.0];
    assert!(log.len() == 5 && log.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-12), "{log:?}");
}

/// What decides is recorded, asked for or not.
#[test]
fn training_stops_at_goals() {
    let stop = |value: &str| problem(&[("stop", value), ("record.quantities", "['predictor']")]).unwrap();
    let loss = stop("{ train_loss = 1e-3 }");
    assert_eq!(loss.stop, Some(Stop { train_loss: Some(1e-3), train_accuracy: None }));
    assert_eq!(loss.record.quantities, [Quantity::TrainLoss, Quantity::Predictor]);
    assert_eq!(problem(&[]).unwrap().stop, None);
    let labels = problem(&[("stop", "{ train_accuracy = 1 }"), ("data.targets", "[[1], [-1], [1]]")]).unwrap();
    assert_eq!(labels.stop, Some(Stop { train_loss: None, train_accuracy: Some(1.0) }));
    assert!(labels.record.quantities.contains(&Quantity::TrainAccuracy));

    for loss in ["0", "-1e-3", "nan", "inf"] {
        assert_refused(&[("stop.train_loss", loss)], &["`stop.train_loss` is", "number"]);
    }
    for accuracy in ["0", "1.01", "-0.5", "nan"] {
        assert_refused(&[("stop.train_accuracy", accuracy)], &["`stop.train_accuracy` is"]);
    }
    assert_refused(&[("stop", "{}")], &["stop.train_loss` is missing"]);
    assert_refused(&[("stop.loss", "1e-3")], &["unknown key `stop.loss`", "known: train_loss, train_accuracy"]);
    // Targets 1, −1, 0 are those of a regression.
    assert_refused(
        &[("stop.train_accuracy", "1")],
        &["`stop.train_accuracy` is the share of right classes", "use train_loss"],
    );
}

#[test]
fn record_mistakes_are_refused() {
    assert_refused(&[("record.at", "[0, 1001]")], &["record.at[1]` is 1001", "at most 1000"]);
    assert_refused(&[("record.at", "[0.5]")], &["record.at[0]` is 0.5", "whole number"]);
    assert_refused(&[("record.at", "[]")], &["record.at` is []", "at least one"]);
    assert_refused(&[("record.at", "{ every = 0 }")], &["every` is 0"]);
    assert_refused(&[("record.at", "{ evry = 2 }")], &["unknown key `record.at.evry`", "every"]);
    assert_refused(&[("record.at", "{ every = 2, log_spaced = 3 }")], &["{ log_spaced = 30 } or { every = 10 }"]);
    assert_refused(&[("optimizer.steps", "1e9"), ("record.at", "{ every = 1 }")], &["every` is 1", "at least 1000"]);
    assert_refused(&[("record.quantities", "['train_los']")], &["train_los", "did you mean `train_loss`?"]);
    assert_refused(&[("record.quantities", "['test_loss']")], &["`test_loss` needs test data"]);
    assert_refused(&[("record.quantities", "['test_outputs']")], &["`test_outputs` needs test data"]);
}

#[test]
fn test_data_add_the_test_loss() {
    let problem = problem(&[("data.test_inputs", "[[1, 2]]"), ("data.test_targets", "[[3]]")]).unwrap();
    assert_eq!(problem.record.quantities, [Quantity::TrainLoss, Quantity::TestLoss, Quantity::Predictor]);
}

#[test]
fn the_data_can_be_shared_between_problems() {
    let document = Document::from_toml("problem.toml", BASE).unwrap();
    let shared = problem(&[("data.train_samples", "1")]).unwrap().data;
    let problem = Problem::with_loader(&document, |_| Ok(shared.clone()), &|_| Ok(1.0)).unwrap();
    assert_eq!(problem.data, shared);
}
