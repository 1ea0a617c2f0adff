//! Fluctuations that small networks predict, against networks ten times wider (docs/theory/nonlinear-mean-field.md §5).

use std::{num::NonZeroUsize, path::Path};

use widenet_core::{Problem, Trajectory, Width, document::Document, problem::Quantity, training::Control};
use widenet_engines::{
    EngineChoice, Engines, Estimate, FluctuationOptions, HiddenOptions, LimitOptions, Request, Solver, fluctuations,
};
use widenet_model::{DeviceChoice, Precision};

use crate::common::{PROBLEM, json, run, write};

/// The reference problem `tanh-two-hidden`.
const TANH: &str = r#"
[network]
hidden_layers = 2
activation = "tanh"
[parameterization]
kind = "mean_field"
[data]
kind = "inline"
inputs = [[-0.381514, -0.98239, 0.291296], [0.803333, -0.334252, 0.396458], [0.824491, 0.511355, 0.341116], [0.453729, -0.569721, 0.635991]]
targets = [[0.887], [0.827], [0.435], [-0.076]]
[optimizer]
kind = "gd"
learning_rate = 0.3
steps = 16
[record]
at = [0, 16]
quantities = ["outputs"]
"#;

/// R_0, and the networks of the width that is predicted.
const NETWORKS: usize = 2000;
const WIDE_NETWORKS: u64 = 8000;
const WIDE: u64 = 5120;
const SMALL: u64 = 512;

fn problem(text: &str) -> Problem {
    Problem::from_document(&Document::from_toml("problem", text).expect("valid"), Path::new("")).expect("valid")
}

/// The deep linear problem, far from its minimum at the end: at the minimum losses spread like 1/m.
fn linear_problem() -> Problem {
    let text = PROBLEM.replace("learning_rate = 0.1", "learning_rate = 0.05");
    problem(&text.replace("at = [0, 1, 5, 10]", "at = [0, 3, 10]\nquantities = [\"train_loss\", \"predictor\"]"))
}

/// Mean and standard deviation of a sample.
struct Sample {
    mean: f64,
    std: f64,
}

impl Sample {
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        Self { mean, std: (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt() }
    }
}

/// Spread within 10 %, five of its standard errors of 1.8 % (2000 networks of width 512 and 8000 of width 5120, Gaussian), and offsets within
/// four standard errors, of every number that is recorded. Negative controls: spreads that fell like 1/m would be wrong by a factor of √10,
/// and offsets that fell like m^(−1/2) by the same factor, which is more than four errors for the loss.
#[test]
fn small_linear_networks_predict_wide_ones() {
    let problem = linear_problem();
    let engines = Engines::new(DeviceChoice::Cpu).expect("the CPU is there");
    let options = FluctuationOptions {
        small_width: SMALL,
        networks: NETWORKS,
        seed: 1,
        limit: LimitOptions::default(),
        threads: NonZeroUsize::MIN,
    };
    let found = fluctuations(&engines, &problem, &options, &|_| Control::Continue).expect("there is a limit");
    let found = found.expect("nobody stops it");
    assert_eq!(found.networks, [NETWORKS; 2]);
    let wide: Vec<Trajectory> = (0..WIDE_NETWORKS).map(|i| solve(&engines, &problem, 1_000_000 + i)).collect();
    let mut is_seen = false;
    for (i, moment) in found.moments.iter().enumerate() {
        for (&quantity, (_, entries)) in &moment.quantities {
            for (n, entry) in entries.iter().enumerate() {
                let values: Vec<f64> =
                    wide.iter().map(|network| network.records[i].values[&quantity].flatten()[n]).collect();
                let sample = Sample::of(&values);
                let what = format!("{} [{n}] at step {}", quantity.name(), moment.step);
                let ratio = entry.std_at(WIDE) / sample.std;
                let Estimate { spread, offset } = entry.chosen;
                assert!((ratio - 1.0).abs() < 0.1, "spread of {what}: ratio {ratio}");
                let by_another_power = spread.value / (SMALL as f64).sqrt() * SMALL as f64 / WIDE as f64 / sample.std;
                assert!((by_another_power - 1.0).abs() > 0.1, "{what}: {by_another_power}");
                let error = (offset.error / WIDE as f64).hypot(sample.std / (WIDE_NETWORKS as f64).sqrt());
                let z = (entry.mean_at(WIDE) - sample.mean) / error;
                assert!(
                    z.abs() < 4.0,
                    "mean of {what}: predicted {}, found {}, z = {z}",
                    entry.mean_at(WIDE),
                    sample.mean
                );
                let by_another_power = entry.limit + offset.value / SMALL as f64 * (SMALL as f64 / WIDE as f64).sqrt();
                is_seen |= quantity == Quantity::TrainLoss && ((by_another_power - sample.mean) / error).abs() > 4.0;
            }
        }
    }
    assert!(is_seen, "an offset that falls like m^(-1/2) must be seen");
}

/// More threads finish networks in another order, and find the same.
#[test]
fn the_number_of_threads_does_not_matter() {
    let problem = linear_problem();
    let engines = Engines::new(DeviceChoice::Cpu).expect("the CPU is there");
    let measure = |threads| {
        let threads = NonZeroUsize::new(threads).expect("some");
        let options =
            FluctuationOptions { small_width: 8, networks: 50, seed: 1, limit: LimitOptions::default(), threads };
        fluctuations(&engines, &problem, &options, &|_| Control::Continue).expect("there is a limit")
    };
    assert!(measure(1).is_some());
    assert_eq!(measure(1), measure(5));
}

fn solve(engines: &Engines, problem: &Problem, seed: u64) -> Trajectory {
    let (width, hidden, limit) = (Width::Finite(WIDE), HiddenOptions::default(), LimitOptions::default());
    let request = Request { problem, width, seed, precision: Precision::F64, hidden, limit };
    let engine = engines.plan(&request, EngineChoice::Auto).expect("the law").engine;
    engines.solve(&request, engine, None, &|_| Control::Continue).expect("solves").trajectory
}

/// `E g(√q z)` over a standard normal z.
fn expectation(g: impl Fn(f64) -> f64, q: f64) -> f64 {
    let nodes = (-800..=800).map(|i| f64::from(i) / 100.0);
    nodes.map(|z| g(q.sqrt() * z) * (-z * z / 2.0).exp()).sum::<f64>() / 100.0 / std::f64::consts::TAU.sqrt()
}

/// At the start outputs are a sum over neurons: s² is the NNGP kernel, `E tanh(h²)²` with `E (h²)² = E tanh(h¹)²` and `E (h¹)² = |x|²`. With 400
/// networks its standard error is 3.5 %; four of them, and s without the root of the width is wrong by a factor of 8. At step 16 it is
/// between a third and two thirds of that, as on the page.
#[test]
fn spreads_of_tanh_networks() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write(folder.path(), "problem.toml", TANH);
    let tolerance = "outputs=0.01";
    let found =
        json(&["fluctuations", &path, "--width", "1e4", "--tolerance-on", tolerance, "--accuracy", "5e-3", "--json"]);
    let numbers = |record: usize, key: &str| -> Vec<f64> {
        let rows = found["records"][record]["outputs"][key].as_array().expect("rows");
        rows.iter().map(|row| row[0].as_f64().expect("a number")).collect()
    };
    let squares = problem(TANH).data.train.inputs.row_iter().map(|row| row.norm_squared()).collect::<Vec<f64>>();
    let square = |h: f64| h.tanh().powi(2);
    let (start, end) = (numbers(0, "spread"), numbers(1, "spread"));
    for ((found, later), q) in start.iter().zip(&end).zip(squares) {
        let known = expectation(square, expectation(square, q)).sqrt();
        assert!((found / known - 1.0).abs() < 0.14, "{found} against {known}");
        assert!((0.33..0.8).contains(&(later / known)), "{later} against {known} at the start");
    }
    let largest = |key: &str| numbers(0, key).into_iter().chain(numbers(1, key)).fold(0.0, f64::max);
    let width = found["sufficient_width"][0]["width"].as_u64().expect("a width");
    assert_eq!(width, (largest("spread") / 0.01).powi(2).ceil() as u64);
    assert!(found["sufficient_width"][0]["width_upper"].as_u64().expect("a width") > width);
    let predicted = &found["records"][1]["outputs"]["predicted"][0];
    assert_eq!(predicted["width"], 10_000);
    assert!((predicted["std"][0][0].as_f64().expect("a number") - end[0] / 100.0).abs() < 1e-15);
}

/// A band for each width, the networks over it, and the limit; a plot for each of four outputs.
#[test]
fn bands_are_drawn_under_networks() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write(folder.path(), "problem.toml", &TANH.replace("\"outputs\"]", "\"outputs\", \"train_loss\"]"));
    let figures = folder.path().join("figures");
    let into = figures.to_str().expect("UTF-8");
    let small = ["--networks", "20", "--small-width", "16", "--accuracy", "0.1"];
    let drawn = ["--width", "64,256", "--figure", into, "--draw", "2"];
    let said = run(&[&["fluctuations", &path], &small[..], &drawn[..]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    let mut names: Vec<String> = std::fs::read_dir(&figures)
        .expect("written")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".svg"))
        .collect();
    names.sort();
    assert_eq!(names, ["outputs-1.svg", "outputs-2.svg", "outputs-3.svg", "outputs-4.svg", "train_loss.svg"]);
    let svg = std::fs::read_to_string(figures.join("train_loss.svg")).expect("written");
    for part in ["m = 64", "m = 256", "m = ∞ (limit)", "from 20 networks of width ", "networks of this width"] {
        assert!(svg.contains(part), "{part} in {svg}");
    }
    let said = run(&["fluctuations", &path, "--figure", into]);
    assert!(said.code == 2 && said.err.contains("--width"), "{}", said.err);
}

/// Accuracies jump, and are left out.
#[test]
fn accuracies_are_left_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let labels = "targets = [[1.0], [1.0], [1.0], [-1.0]]";
    let text = TANH.replace("targets = [[0.887], [0.827], [0.435], [-0.076]]", labels);
    let path =
        write(folder.path(), "problem.toml", &text.replace("[\"outputs\"]", "[\"outputs\", \"train_accuracy\"]"));
    let small = ["--networks", "20", "--small-width", "16", "--accuracy", "0.1", "--json"];
    let found = json(&[&["fluctuations", &path], &small[..]].concat());
    assert!(found["records"][0]["train_accuracy"].is_null() && !found["records"][0]["outputs"].is_null());
    assert!(found["notes"].to_string().contains("train_accuracy"), "{}", found["notes"]);
}

/// Kernels have a deterministic limit in the kernel regime, and are predicted there.
#[test]
fn kernels_of_the_kernel_regime_fluctuate() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = TANH.replace("mean_field", "ntk").replace("[\"outputs\"]", "[\"nngp_kernel\"]");
    let path = write(folder.path(), "problem.toml", &text);
    let output = folder.path().join("found.csv").to_str().expect("UTF-8").to_owned();
    let said = run(&["fluctuations", &path, "--networks", "20", "--small-width", "16", "--output", &output]);
    assert_eq!(said.code, 0, "{}", said.err);
    let rows = std::fs::read_to_string(&output).expect("written");
    // Two moments of a kernel of four inputs.
    assert_eq!(rows.lines().count(), 1 + 2 * 16, "{rows}");
    assert!(rows.lines().skip(1).all(|row| row.split(',').skip(6).all(|cell| cell.parse::<f64>().is_ok())), "{rows}");
}
