//! What must not change a trajectory: panels, threads, devices; and what the observables must say.

use widenet_core::document::Word;
use widenet_core::{
    Matrix, Problem,
    problem::{Quantity, Rule, Scope},
    training::{
        Control, LinearLayer, LinearTraining, Neurons, OuterProduct, Start, Training, UpdateRule, WeightMatrix,
    },
    trajectory::{Record, Value},
};
use widenet_model::{
    DeviceChoice, Entries, InitialWeights, Matrices, ModelError, OpenDevice, Precision, Run, network_with_panels,
    solve_on_device,
};

use crate::common;

fn records(problem: &Problem, device: &OpenDevice, precision: Precision, panel_bytes: u64) -> Vec<Record> {
    let placement = device.placement(precision).unwrap();
    let network = network_with_panels(problem, 40, 9, &placement, panel_bytes);
    let mut training = LinearTraining::new(problem, network, 9).unwrap();
    training.run(Start::default(), &mut |_, _| Control::Continue).0
}

fn assert_close(left: &[Record], right: &[Record], tolerance: f64) {
    let (left, right) = (common::predictors(left), common::predictors(right));
    assert_eq!(left.len(), right.len());
    for (i, (left, right)) in left.iter().zip(&right).enumerate() {
        let difference = (left - right).norm() / right.norm();
        assert!(difference <= tolerance, "record {i}: relative difference {difference:e} > {tolerance:e}");
    }
}

fn flow() -> Rule {
    Rule::Flow { time: 3.0, tolerance: 1e-7 }
}

#[test]
fn the_size_of_panels_changes_only_round_off() {
    let flex = DeviceChoice::Flex.open().unwrap();
    for rule in [common::descent(50, 0.9, true), flow()] {
        let problem = common::problem(3, 2, rule, 0.02);
        let whole = records(&problem, &flex, Precision::F64, 1 << 30);
        // 40 × 8 bytes per row: panels of 7 rows, the last one smaller, and panels of one row.
        for panel_bytes in [7 * 320, 1] {
            assert_close(&records(&problem, &flex, Precision::F64, panel_bytes), &whole, 1e-11);
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let mut problem = common::problem(3, 2, common::descent(40, 0.9, false), 0.02);
    problem.record.quantities =
        vec![Quantity::Predictor, Quantity::FeatureGram, Quantity::InputKurtosis, Quantity::LearnedSingularValues];
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| records(&problem, &DeviceChoice::Flex.open().unwrap(), Precision::F32, 500))
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn recording_more_changes_no_bit() {
    let rule = || common::descent(45, 0.5, false);
    let mut talkative = common::problem(3, 1, rule(), 0.0);
    let of_linear = |quantity: &Quantity| matches!(quantity.scope(), Scope::Any | Scope::DeepLinear | Scope::Linear);
    talkative.record.quantities = Quantity::all().filter(of_linear).collect();
    talkative.record.quantities.sort();
    let flex = DeviceChoice::Flex.open().unwrap();
    let quiet = records(&common::problem(3, 1, rule(), 0.0), &flex, Precision::F32, 1 << 30);
    let talkative = records(&talkative, &flex, Precision::F32, 1 << 30);
    assert_eq!(common::predictors(&quiet), common::predictors(&talkative));
}

/// Descent amplifies differences of round-off little over 50 steps at this learning rate.
#[cfg(any(feature = "ndarray", feature = "gpu"))]
fn assert_device_agrees_with_flex(device: &OpenDevice) {
    let flex = DeviceChoice::Flex.open().unwrap();
    for momentum in [0.0, 0.9] {
        let problem = common::problem(3, 2, common::descent(50, momentum, false), 0.02);
        let expected = records(&problem, &flex, Precision::F32, 2000);
        assert_close(&records(&problem, device, Precision::F32, 2000), &expected, 2e-5);
    }
}

#[cfg(feature = "ndarray")]
#[test]
fn ndarray_agrees_with_flex() {
    assert_device_agrees_with_flex(&DeviceChoice::NdArray.open().unwrap());
}

#[cfg(feature = "gpu")]
#[test]
#[expect(clippy::print_stdout, reason = "CI looks for this line")]
fn wgpu_agrees_with_flex_and_with_itself() {
    match DeviceChoice::Wgpu.open() {
        Ok(device) => {
            assert_device_agrees_with_flex(&device);
            let problem = common::problem(3, 2, flow(), 0.02);
            let run = || records(&problem, &device, Precision::F32, 2000);
            assert_eq!(run(), run(), "sums on a device have a fixed order");
            assert!(matches!(device.placement(Precision::F64), Err(ModelError::UnsupportedPrecision { .. })));
        }
        Err(error) => println!("SKIPPED (no adapter): wgpu_agrees_with_flex_and_with_itself: {error}"),
    }
}

#[test]
fn learned_singular_values_are_those_of_the_learned_part() {
    // One update by two orthogonal products of sizes 3·5·7 and 2·1·1: those are the singular values of W − W_0.
    for (precision, panel_rows) in [(Precision::F32, 100), (Precision::F64, 9)] {
        let placement = DeviceChoice::Flex.open().unwrap().placement(precision).unwrap();
        let law = InitialWeights { seed: 1, entries: Entries::Weights, layer: 1, rows: 50, columns: 30, std: 0.15 };
        let mut matrix = widenet_model::DenseMatrix::new(law, panel_rows, placement.clone());
        assert_eq!(matrix.learned_singular_values(), Vec::<f64>::new());
        let column = |n: usize, at: usize, size: f64| {
            let mut column = Matrix::zeros(n, 1);
            column[(at, 0)] = size;
            widenet_model::DeviceBlock::from_matrix(&column, placement.clone())
        };
        let (g, a, h, b) = (column(50, 4, 5.0), column(30, 20, 7.0), column(50, 49, 1.0), column(30, 2, 1.0));
        let terms =
            [OuterProduct { scale: 3.0, left: &g, right: &a }, OuterProduct { scale: -2.0, left: &h, right: &b }];
        // Decay shrinks the initial weights and nothing that comes in the same step.
        matrix.update(UpdateRule { decay: 0.25, ..UpdateRule::PLAIN }, &terms);
        let values = matrix.learned_singular_values();
        assert_eq!(values.len(), 2, "{values:?}");
        let tolerance = 100.0 * precision.epsilon();
        assert!(
            (values[0] - 105.0).abs() < 105.0 * tolerance && (values[1] - 2.0).abs() < 105.0 * tolerance,
            "{values:?}"
        );
    }
}

#[test]
fn initial_weights_are_gaussian_with_their_standard_deviation() {
    let placement = DeviceChoice::Flex.open().unwrap().placement(Precision::F32).unwrap();
    let law = InitialWeights { seed: 3, entries: Entries::Weights, layer: 0, rows: 20_000, columns: 6, std: 0.5 };
    let mut matrix = widenet_model::DenseMatrix::new(law, 7000, placement);
    let identity = matrix.input_block(&Matrix::identity(6, 6));
    let image = matrix.apply(&identity);
    let Neurons::Entries(entries) = matrix.neurons(&image) else { panic!("a dense matrix knows its entries") };
    // E z⁴ = 3 with variance 96 over 120 000 entries: standard error 0.028.
    let fourth = entries.map(|x| (x / 0.5).powi(4)).mean();
    assert!((fourth - 3.0).abs() < 5.0 * 0.0283, "{fourth}");
    let gram = widenet_core::training::Block::gram(&image, &image) / 20_000.0;
    // Standard errors: 0.25 √(2/20 000) = 0.0025 on the diagonal, less beside it.
    assert!((gram - Matrix::identity(6, 6) * 0.25).amax() < 5.0 * 0.0025);
}

#[test]
fn a_width_that_does_not_fit_is_refused_with_the_widest_that_does() {
    let problem = common::problem(3, 1, common::descent(1, 0.0, false), 0.0);
    let mut device = DeviceChoice::Flex.open().unwrap();
    device.info.available_memory = Some(10_000_000);
    let run = |width: u64| {
        let run = Run {
            matrices: Matrices::Dense,
            problem: &problem,
            width,
            seed: 1,
            device: &device,
            precision: Precision::F32,
            checkpoints: None,
        };
        solve_on_device(&run, &mut |_| Control::Continue)
    };
    let Err(ModelError::TooWide { width: 5000, needed, available: 10_000_000, widest, .. }) = run(5000) else {
        panic!("5000 × 5000 twice in 4 bytes is 200 MB");
    };
    assert!(needed > 200_000_000);
    assert!(matches!(run(widest + 1), Err(ModelError::TooWide { .. })));
    assert!(run(widest).is_ok(), "{widest}");
}

#[test]
fn a_diverging_run_is_a_result() {
    let rule = Rule::Descent { learning_rate: 1e4, steps: 50, momentum: 0.0, nesterov: false, batch_size: None };
    let problem = common::problem(2, 1, rule, 0.0);
    let device = DeviceChoice::Flex.open().unwrap();
    let run = Run {
        matrices: Matrices::Dense,
        problem: &problem,
        width: 16,
        seed: 1,
        device: &device,
        precision: Precision::F32,
        checkpoints: None,
    };
    let trajectory = solve_on_device(&run, &mut |_| Control::Continue).unwrap().trajectory;
    assert_eq!(trajectory.status.word(), "diverged");
    assert!(matches!(trajectory.records[0].values[&Quantity::Predictor], Value::Matrix(_)));
}
