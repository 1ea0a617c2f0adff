//! The dense engine on a real device against the law engine: two-sample tests, with a negative control.

#[path = "../crates/limits/tests/common/statistics.rs"]
mod statistics;

use statistics::largest_z;
use widenet_core::{
    Matrix, Problem, Width,
    document::Document,
    problem::Quantity,
    training::Control,
    trajectory::{Engine, Value},
};
use widenet_engines::{Engines, HiddenOptions, LimitOptions, Request, Solver};
use widenet_model::{DeviceChoice, Precision};

const PROBLEM: &str = r#"
[network]
hidden_layers = 3
[parameterization]
kind = "mean_field"
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8], [0.2, 0.4]]
targets = [[1.0], [-1.0], [0.5], [0.7]]
[optimizer]
kind = "gd"
learning_rate = 0.1
steps = 6
[record]
at = [2, 6]
quantities = ["predictor"]
"#;

/// n = 3,000 networks a side: a 10 % change of a standard deviation moves the spread test by about 5 standard errors.
/// Six tests an engine pair, |z| < 4: false alarms below 1e-3. Seeds are fixed.
const SEEDS: u64 = 3000;
const THRESHOLD: f64 = 4.0;

/// A classifier whose law is that of its projections on the data.
const CLASSIFIER: &str = r#"
[network]
hidden_layers = 1
activation = "relu"
[parameterization]
kind = "mean_field"
[data]
kind = "inline"
inputs = [[1.0, 0.5, 0.0, 0.2], [-0.5, 1.0, 0.3, 0.0], [0.3, -0.8, 0.1, 0.4]]
targets = [[1.0], [-1.0], [1.0]]
[loss]
kind = "logistic"
[optimizer]
kind = "gd"
learning_rate = 1.0
steps = 6
[record]
at = [2, 6]
quantities = ["outputs"]
"#;

/// First entry of the predictor or the outputs, squashed, at both records; m = 8, where finite-width effects are large.
fn samples(problem: &Problem, engine: Engine, width: u64, first_seed: u64) -> Vec<Vec<f64>> {
    let engines = Engines::new(DeviceChoice::Flex).expect("the CPU is there");
    let mut samples = vec![Vec::new(); 2];
    for seed in first_seed..first_seed + SEEDS {
        let (width, hidden, limit) = (Width::Finite(width), HiddenOptions::default(), LimitOptions::default());
        let request = Request { problem, width, seed, precision: Precision::F64, hidden, limit };
        let solved = engines.solve(&request, engine, None, &|_| Control::Continue).expect("solves");
        for (sample, record) in samples.iter_mut().zip(&solved.trajectory.records) {
            let recorded =
                [Quantity::Predictor, Quantity::Outputs].iter().find_map(|quantity| record.values.get(quantity));
            let beta: &Matrix = match recorded {
                Some(Value::Matrix(beta)) => beta,
                other => panic!("{other:?}"),
            };
            sample.push(beta[(0, 0)] / (1.0 + beta[(0, 0)].abs()));
        }
    }
    samples
}

#[test]
fn dense_networks_have_the_law_of_the_law_engine() {
    have_one_law(PROBLEM);
}

#[test]
fn dense_classifiers_have_the_law_of_networks_in_gram_space() {
    have_one_law(CLASSIFIER);
}

fn have_one_law(text: &str) {
    let document = Document::from_toml("problem", text).expect("valid");
    let problem = Problem::from_document(&document, std::path::Path::new("")).expect("valid");
    let dense = samples(&problem, Engine::Dense, 8, 0);
    let law = samples(&problem, Engine::Law, 8, 1_000_000);
    let z = largest_z(&dense, &law);
    assert!(z < THRESHOLD, "|z| = {z}");
    // Negative controls: networks half as wide again follow another law, and so does a spread that is 10 % larger.
    let wider = samples(&problem, Engine::Law, 12, 2_000_000);
    let z = largest_z(&dense, &wider);
    assert!(z > THRESHOLD, "the test must see width 12 against 8: |z| = {z}");
    let spread: Vec<_> = law.iter().map(|sample| stretched(sample, 1.1)).collect();
    let z = largest_z(&dense, &spread);
    assert!(z > THRESHOLD, "the test must see a standard deviation of 1.1 against 1: |z| = {z}");
}

/// Deviations from the mean times a factor.
fn stretched(sample: &[f64], factor: f64) -> Vec<f64> {
    let mean = sample.iter().sum::<f64>() / sample.len() as f64;
    sample.iter().map(|value| mean + factor * (value - mean)).collect()
}
