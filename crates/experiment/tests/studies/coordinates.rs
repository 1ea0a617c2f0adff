//! Coordinate checks: power counting against the tables of docs/theory/scaling-limits.md, and verdicts on networks with known answers.

use std::path::Path;

use widenet_core::{
    Problem, Trajectory, Width,
    document::Document,
    problem::Quantity,
    training::{Control, Progress},
    trajectory::{Engine, Record, Status, Value},
};
use widenet_engines::{EngineChoice, Plan, ReferenceRequest, Request, Solution, SolveError, Solver, Watch};
use widenet_experiment::coordinate_check::{
    CoordinateCheck, CoordinateOptions, CoordinateReport, Prediction, Row, predicted,
};
use widenet_model::Precision;
use widenet_statistics::Verdict;

/// A problem of some depth in a parameterisation, with more lines of sections.
fn problem(hidden_layers: usize, activation: &str, parameterization: &str, more: &str) -> Problem {
    trained_by("gd", hidden_layers, activation, parameterization, more)
}

/// The same with an optimizer.
fn trained_by(kind: &str, hidden_layers: usize, activation: &str, parameterization: &str, more: &str) -> Problem {
    let text = format!(
        "[network]\nhidden_layers = {hidden_layers}\nactivation = \"{activation}\"\n[parameterization]\n{parameterization}\n\
         [data]\nkind = \"inline\"\ninputs = [[1, 0.5], [-0.5, 1], [0.3, -0.8]]\ntargets = [[1], [-1], [1]]\n\
         [optimizer]\nkind = \"{kind}\"\nlearning_rate = 0.1\nsteps = 10\n{more}\n"
    );
    let document = Document::from_toml("problem.toml", &text).unwrap();
    Problem::from_document(&document, Path::new("")).unwrap()
}

const LOGISTIC: &str = "[loss]\nkind = \"logistic\"";

/// abc exponents from those of docs/theory/scaling-limits.md §5.2: w (effective standard deviations) and e (effective rates), with c = 0.
fn effective(w: &[f64], e: &[f64]) -> String {
    let a: Vec<f64> = e.iter().map(|e| e / 2.0).collect();
    let b: Vec<f64> = w.iter().zip(&a).map(|(w, a)| w - a).collect();
    format!("kind = \"abc\"\na = {a:?}\nb = {b:?}\nc = 0")
}

fn equal(problem: &Problem, quantity: Quantity, layer: usize, step: u64) -> Option<f64> {
    match predicted(problem, quantity, layer, step)? {
        Prediction::Equal(exponent) => Some((exponent * 1e9).round() / 1e9 + 0.0),
        Prediction::AtMost(_) => None,
    }
}

/// The exponents of all layers of a quantity at a step, those of sums of several orders, which are bounds, among them.
fn layers(problem: &Problem, quantity: Quantity, step: u64) -> Vec<Option<f64>> {
    let exponent = |layer| Some((predicted(problem, quantity, layer, step)?.exponent() * 1e9).round() / 1e9 + 0.0);
    (0..=problem.network.hidden_layers).map(exponent).collect()
}

/// The change of a layer is that of its own weights and that of the layer below, sent through: where their orders differ, a bound.
#[test]
fn sums_of_orders_are_bounds() {
    let change = |hidden, scaling: &str, layer| {
        predicted(&problem(hidden, "relu", scaling, ""), Quantity::ActivationChanges, layer, 1).unwrap()
    };
    let standard = "kind = \"standard\"";
    assert!(matches!(change(2, standard, 0), Prediction::Equal(_)));
    assert_eq!(change(2, standard, 1), Prediction::AtMost(0.5));
    assert!(matches!(change(1, standard, 1), Prediction::AtMost(_)));
    for layer in 0..3 {
        assert!(matches!(change(2, "kind = \"mean_field\"", layer), Prediction::Equal(_)));
    }
}

/// docs/theory/scaling-limits.md §5.2: named parameterisations, and the same points as abc. Hidden features move by m^-r.
#[test]
fn power_counting_of_named_parameterizations() {
    let mean_field = "kind = \"mean_field\"".to_string();
    let kernel_standard = "kind = \"standard\"\nlearning_rate_exponent = -1".to_string();
    let cases = [
        (mean_field, effective(&[0.0, 0.5, 0.5, 1.0], &[-1.0, 0.0, 0.0, 1.0]), -0.5, [0.0; 3], [0.0, -0.5, -0.5, 0.0]),
        (
            "kind = \"ntk\"".into(),
            effective(&[0.0, 0.5, 0.5, 0.5], &[0.0, 1.0, 1.0, 1.0]),
            0.0,
            [-0.5; 3],
            [-0.5, -1.0, -1.0, -0.5],
        ),
        (
            kernel_standard,
            effective(&[0.0, 0.5, 0.5, 0.5], &[1.0; 4]),
            0.0,
            [-1.5, -0.5, -0.5],
            [-1.5, -1.0, -1.0, -0.5],
        ),
    ];
    for (named, abc, logits, features, weights) in cases {
        for parameterization in [named, abc] {
            let problem = problem(3, "relu", &parameterization, "");
            let start = [0.0, 0.0, 0.0, logits].map(Some);
            assert_eq!(layers(&problem, Quantity::ActivationNorms, 0), start, "{parameterization}");
            assert_eq!(equal(&problem, Quantity::TangentKernelNorm, 0, 0), Some(0.0));
            for step in [1, 2, 7] {
                let [first, second, third] = features;
                let changes = [first, second, third, 0.0].map(Some);
                assert_eq!(layers(&problem, Quantity::ActivationChanges, step), changes, "{parameterization}");
                assert_eq!(layers(&problem, Quantity::WeightChange, step), weights.map(Some), "{parameterization}");
            }
            let bound = Some(Prediction::AtMost(features[2]));
            assert_eq!(predicted(&problem, Quantity::TangentKernelChange, 0, 3), bound);
        }
    }
}

/// Every weight moves by its rate, and pre-activations by `A κ fan_in`: of order 1 in the mean-field parameterization, whose rates follow the
/// optimizer (Yang and Hu's µP for Adam); √m in the NTK parameterization and m in the standard one, which grow.
#[test]
fn power_counting_of_normalized_gradients() {
    for kind in ["adam", "rmsprop"] {
        let mean_field = trained_by(kind, 3, "relu", "kind = \"mup\"", "");
        assert_eq!(layers(&mean_field, Quantity::ActivationNorms, 0), [0.0, 0.0, 0.0, -0.5].map(Some));
        for step in [1, 2, 7] {
            assert_eq!(layers(&mean_field, Quantity::ActivationChanges, step), [Some(0.0); 4], "{kind}");
            let weights = [0.0, -0.5, -0.5, 0.0].map(Some);
            assert_eq!(layers(&mean_field, Quantity::WeightChange, step), weights, "{kind}");
            assert_eq!(predicted(&mean_field, Quantity::TangentKernelChange, 0, step), None);
        }
        let ntk = trained_by(kind, 3, "relu", "kind = \"ntk\"", "");
        let standard = trained_by(kind, 3, "relu", "kind = \"standard\"", "");
        assert_eq!(layers(&ntk, Quantity::ActivationChanges, 1)[..2], [Some(0.0), Some(0.5)]);
        assert_eq!(layers(&standard, Quantity::ActivationChanges, 1)[..2], [Some(0.0), Some(1.0)]);
        assert_eq!(layers(&standard, Quantity::ActivationChanges, 2)[..2], [None, None]);
    }
}

/// The standard parameterisation at constant rate: features of the second layer explode at the first step, and what follows is not known.
#[test]
fn power_counting_of_unstable_scalings() {
    let deep = problem(3, "relu", "kind = \"standard\"", "");
    assert_eq!(equal(&deep, Quantity::TangentKernelNorm, 0, 0), Some(1.0));
    assert_eq!(layers(&deep, Quantity::ActivationChanges, 1), [Some(-0.5), Some(0.5), None, None]);
    assert_eq!(layers(&deep, Quantity::ActivationChanges, 2), [None; 4]);
    // Golikov's mean field in three layers: kernel and first step vanish (docs/theory/scaling-limits.md §5.4).
    let golikov = problem(3, "relu", &effective(&[0.0, 1.0, 1.0, 1.0], &[-1.0, 0.0, 0.0, 1.0]), "");
    assert_eq!(equal(&golikov, Quantity::TangentKernelNorm, 0, 0), Some(-1.0));
    assert_eq!(layers(&golikov, Quantity::ActivationNorms, 0), [0.0, -0.5, -1.0, -1.5].map(Some));
    // Bounded activations are known only where pre-activations are of order 1.
    assert!(predicted(&problem(3, "tanh", "kind = \"ntk\"", ""), Quantity::ActivationNorms, 1, 0).is_some());
    let shrinking = problem(3, "tanh", &effective(&[0.0, 1.0, 1.0, 1.0], &[0.0; 4]), "");
    assert!(predicted(&shrinking, Quantity::ActivationNorms, 1, 0).is_none());
}

/// docs/theory/scaling-limits.md §2, §3.2: one hidden layer, the examples of all classes with s ≤ 0.
#[test]
fn power_counting_of_one_hidden_layer() {
    let examples = [
        (0.0, -0.5),
        (-0.5, 0.0),
        (-1.0, 0.5),
        (0.0, -0.25),
        (-0.5, 0.25),
        (-0.66, 0.5),
        (-0.75, 0.5),
        (-1.0, 0.75),
        (0.0, 0.0),
        (-0.5, 0.5),
        (-0.75, 0.75),
        (-1.0, 1.0),
        (-1.5, 1.5),
    ];
    let near = |found: Option<Prediction>, expected: Prediction| {
        let found = found.unwrap();
        let same_kind = std::mem::discriminant(&found) == std::mem::discriminant(&expected);
        assert!(same_kind && (found.exponent() - expected.exponent()).abs() < 1e-9, "{found:?} for {expected:?}");
    };
    for (q_sigma, q) in examples {
        let scaling = format!("kind = \"scaling\"\nq_sigma = {q_sigma}\nq_a = {q}\nq_w = {q}");
        let (logits, kernels, s) = (q_sigma + 0.5, 2.0 * q_sigma + q + 1.0, q_sigma + q);
        for activation in ["identity", "relu"] {
            let problem = problem(1, activation, &scaling, LOGISTIC);
            near(predicted(&problem, Quantity::ActivationNorms, 1, 0), Prediction::Equal(logits));
            near(predicted(&problem, Quantity::TangentKernelNorm, 0, 0), Prediction::Equal(kernels));
            let kernel = if activation == "relu" { f64::max(2.0 * s, (s - 1.0) / 2.0) } else { 2.0 * s };
            for step in [1, 4] {
                // Gradients of separated samples vanish where logits grow (docs/theory/scaling-limits.md §7.1).
                let sure = step == 1 || logits < 1e-9 && kernels < 1e-9;
                let prediction = if sure { Prediction::Equal } else { Prediction::AtMost };
                near(predicted(&problem, Quantity::ActivationChanges, 1, step), prediction(kernels));
                near(predicted(&problem, Quantity::ActivationChanges, 0, step), prediction(s));
                near(predicted(&problem, Quantity::WeightChange, 0, step), prediction(s));
                near(predicted(&problem, Quantity::WeightChange, 1, step), prediction(s));
                // Terms of lower order in the learning rate are at most of the same order in the width: s − 1/2, and that of kinks.
                let is_exact = sure && (s < -0.49 || activation == "relu" && s < -0.34);
                let prediction = if is_exact { Prediction::Equal } else { Prediction::AtMost };
                near(predicted(&problem, Quantity::TangentKernelChange, 0, step), prediction(kernel));
            }
        }
    }
    // With the squared loss a growing function drives itself on: only the first step is known.
    let sym_default = problem(1, "relu", "kind = \"scaling\"\nq_sigma = -0.5\nq_a = 0.5\nq_w = 0.5", "");
    assert_eq!(equal(&sym_default, Quantity::ActivationChanges, 1, 1), Some(0.5));
    assert_eq!(predicted(&sym_default, Quantity::ActivationChanges, 1, 2), None);
}

/// Frozen layers do not move; weight decay moves everything in a way of its own.
#[test]
fn what_power_counting_leaves_out() {
    let frozen = problem(
        2,
        "erf",
        "kind = \"ntk\"\nweight_rates = [0, 0, 1]\nsigma_b = [0.1, 0, 0]\nbias_rates = [0, 1, 1]",
        "",
    );
    assert_eq!(layers(&frozen, Quantity::ActivationChanges, 1), [None, None, Some(0.0)]);
    assert_eq!(layers(&frozen, Quantity::WeightChange, 2), [None, None, Some(-0.5)]);
    assert_eq!(layers(&frozen, Quantity::ActivationNorms, 2), [Some(0.0); 3]);
    let mut decaying = problem(2, "relu", "kind = \"ntk\"", "");
    decaying.optimizer.weight_decay = 0.1;
    assert_eq!(layers(&decaying, Quantity::ActivationNorms, 0), [Some(0.0); 3]);
    assert_eq!(layers(&decaying, Quantity::WeightChange, 1), [None; 3]);
}

/// Values that follow the predictions of one problem whatever problem is asked for, with 10 % of noise.
struct Synthetic {
    truth: Problem,
    diverging: Option<Width>,
}

impl Synthetic {
    fn value(&self, (quantity, layer, step): (Quantity, usize, u64), width: f64, seed: u64) -> f64 {
        let is_change = !matches!(quantity, Quantity::ActivationNorms | Quantity::TangentKernelNorm);
        if is_change && step == 0 {
            return 0.0;
        }
        let exponent = predicted(&self.truth, quantity, layer, step).map_or(0.0, Prediction::exponent);
        let noise = 0.1 * (17.0 * seed as f64 + 0.3 * width + layer as f64).sin();
        0.5 * width.powf(exponent) * noise.exp()
    }
}

impl Solver for Synthetic {
    fn plan(&self, _: &Request<'_>, _: EngineChoice) -> Result<Plan, SolveError> {
        Ok(Plan {
            engine: Engine::Dense,
            reason: "synthetic".into(),
            bytes: 0,
            seconds: 1.0,
            exclusive: true,
            device: None,
        })
    }

    fn solve(
        &self,
        request: &Request<'_>,
        engine: Engine,
        _: Option<&Path>,
        watch: &Watch<'_>,
    ) -> Result<Solution, SolveError> {
        let Request { problem, width, seed, .. } = *request;
        let mut status = Status::Done;
        let mut records = Vec::new();
        for (step, time) in (0..).zip(&problem.record.at) {
            if self.diverging == Some(width) && step == 2 {
                status = Status::Diverged { step, time: *time };
                break;
            }
            let value = |quantity: Quantity| match quantity {
                Quantity::TangentKernelNorm | Quantity::TangentKernelChange => {
                    Value::Scalar(self.value((quantity, 0, step), width.as_f64(), seed))
                }
                _ => {
                    let layers = 0..=problem.network.hidden_layers;
                    Value::List(layers.map(|layer| self.value((quantity, layer, step), width.as_f64(), seed)).collect())
                }
            };
            let values = problem.record.quantities.iter().map(|quantity| (*quantity, value(*quantity))).collect();
            records.push(Record::new(step, *time, values));
            let progress = Progress { step, time: *time, fraction: 0.5, step_size: None, records: &records };
            if watch(&progress) == Control::Stop {
                status = Status::Interrupted { step };
                break;
            }
        }
        Ok(Solution { trajectory: Trajectory { width, engine, seed, status, records }, notes: Vec::new() })
    }

    fn reference(&self, _: &ReferenceRequest<'_>, _: &Watch<'_>) -> Result<Trajectory, SolveError> {
        Err(SolveError::Refused("a coordinate check has no reference".into()))
    }
}

fn options() -> CoordinateOptions {
    CoordinateOptions {
        widths: [64, 128, 256, 512].map(Width::Finite).into(),
        seeds: 5,
        steps: 3,
        tolerance: 0.1,
        precision: Precision::F32,
    }
}

fn checked(claimed: &Problem, truth: &Problem, diverging: Option<Width>) -> CoordinateReport {
    let solver = Synthetic { truth: truth.clone(), diverging };
    let check = CoordinateCheck::new(claimed.clone(), options()).unwrap();
    check.run(&solver, &|_| Control::Continue).unwrap().unwrap()
}

fn row<'r>(report: &'r CoordinateReport, quantity: Quantity, layer: &str, step: u64) -> &'r Row {
    let wanted = |row: &&Row| (row.quantity.as_str(), row.layer.as_str(), row.step) == (quantity.name(), layer, step);
    report.rows.iter().find(wanted).unwrap()
}

#[test]
fn networks_that_do_as_predicted_are_confirmed_and_others_refuted() {
    let mean_field = problem(2, "relu", "kind = \"mean_field\"", "");
    let ntk = problem(2, "relu", "kind = \"ntk\"", "");
    for same in [&mean_field, &ntk] {
        let report = checked(same, same, None);
        let verdicts: Vec<Verdict> = report.rows.iter().map(|row| row.finding.verdict).collect();
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Confirmed), "{:?}", report.rows);
        // 3 layers: sizes at 4 steps, changes and weights at 3, the kernel once and its change at 3.
        assert_eq!((report.rows.len(), report.growing().count()), (3 * 4 + 3 * 3 + 3 * 3 + 1 + 3, 0));
    }
    // Negative controls: the predictions of one on networks that follow the other.
    let report = checked(&ntk, &mean_field, None);
    assert!(report.is_refuted());
    for (quantity, layer, step) in [
        (Quantity::ActivationNorms, "outputs", 0),
        (Quantity::ActivationChanges, "h_1", 1),
        (Quantity::WeightChange, "hidden 1", 3),
        (Quantity::TangentKernelChange, "all", 2),
    ] {
        assert_eq!(row(&report, quantity, layer, step).finding.verdict, Verdict::Refuted, "{}", quantity.name());
    }
    assert_eq!(row(&report, Quantity::ActivationNorms, "h_2", 0).finding.verdict, Verdict::Confirmed);
    assert!(checked(&mean_field, &ntk, None).is_refuted());
}

/// What has no prediction must not grow; growth that is predicted is confirmed and told.
#[test]
fn growth_is_told_and_refuted_where_it_is_not_predicted() {
    let standard = problem(2, "relu", "kind = \"standard\"", "");
    let report = checked(&standard, &standard, None);
    let change = row(&report, Quantity::ActivationChanges, "h_2", 1);
    assert_eq!((change.prediction, change.finding.verdict), (Some(Prediction::AtMost(0.5)), Verdict::Confirmed));
    assert!(change.grows(0.1) && report.growing().count() > 1);
    let later = row(&report, Quantity::ActivationChanges, "h_2", 2);
    assert_eq!((later.prediction, later.finding.verdict), (None, Verdict::Confirmed), "the synthetic one is constant");

    // The squared loss: nothing is predicted after the first step, and a truth that grows is refuted.
    let grows = "kind = \"scaling\"\nq_sigma = -0.5\nq_a = 0.5\nq_w = 0.5";
    let report = checked(&problem(1, "relu", grows, ""), &problem(1, "relu", grows, LOGISTIC), None);
    let first = row(&report, Quantity::ActivationChanges, "outputs", 1);
    assert_eq!((first.prediction, first.finding.verdict), (Some(Prediction::Equal(0.5)), Verdict::Confirmed));
    let later = row(&report, Quantity::ActivationChanges, "outputs", 3);
    assert_eq!((later.prediction, later.finding.verdict), (None, Verdict::Refuted));
}

#[test]
fn networks_that_diverge_leave_their_rows_undecided() {
    let ntk = problem(2, "relu", "kind = \"ntk\"", "");
    let report = checked(&ntk, &ntk, Some(Width::Finite(512)));
    let verdict = |step| row(&report, Quantity::ActivationNorms, "h_1", step).finding.verdict;
    assert_eq!([1, 2].map(verdict), [Verdict::Confirmed, Verdict::Inconclusive]);
    assert!(report.notes.iter().any(|note| note.contains("5 networks of width 512 diverged, the first at step 2")));
    assert_eq!((report.diverged(), report.all_diverged()), (Some((5, 20)), false));
}

/// Differences of the size of rounding are not fitted.
#[test]
fn changes_within_rounding_are_undecided() {
    let shrinking = problem(1, "relu", &effective(&[0.0, 0.5], &[4.0, 1.0]), "");
    let report = checked(&shrinking, &shrinking, None);
    let lost = row(&report, Quantity::WeightChange, "input", 1);
    assert_eq!(lost.finding.verdict, Verdict::Inconclusive);
    assert!(lost.finding.reason.contains("rounding of f32"), "{}", lost.finding.reason);
}

#[test]
fn a_stopped_check_has_no_report_and_a_large_kernel_is_left_out() {
    let ntk = problem(1, "relu", "kind = \"ntk\"", "");
    let solver = Synthetic { truth: ntk.clone(), diverging: None };
    let check = CoordinateCheck::new(ntk.clone(), options()).unwrap();
    assert!(
        check
            .run(&solver, &|fraction| if fraction > 0.4 { Control::Stop } else { Control::Continue })
            .unwrap()
            .is_none()
    );

    let mut large = ntk;
    large.data.train.targets = widenet_core::Matrix::zeros(1001, 1);
    let check = CoordinateCheck::new(large, options()).unwrap();
    let report = check.run(&solver, &|_| Control::Continue).unwrap().unwrap();
    assert!(report.notes[0].contains("1001 training samples") && report.notes[0].contains("up to 1000"));
    assert!(report.rows.iter().all(|row| row.layer != "all"));
}

#[test]
fn checks_that_cannot_be_are_refused() {
    let refusal = |change: &dyn Fn(&mut Problem, &mut CoordinateOptions)| {
        let (mut problem, mut options) = (problem(1, "relu", "kind = \"ntk\"", ""), options());
        change(&mut problem, &mut options);
        CoordinateCheck::new(problem, options).unwrap_err().to_string()
    };
    let message = refusal(&|_, options| options.widths.truncate(1));
    assert!(message.contains("at least 3 widths") && message.contains("not 1"), "{message}");
    let message = refusal(&|_, options| options.widths.push(Width::Infinite));
    assert!(message.contains("width inf") && message.contains("finite"), "{message}");
    let message = refusal(&|_, options| options.widths.push(Width::Finite(64)));
    assert!(message.contains("width 64 is given twice"), "{message}");
    let message = refusal(&|_, options| options.tolerance = -0.1);
    assert!(message.contains("-0.1") && message.contains("> 0"), "{message}");
    let message = refusal(&|problem, _| {
        problem.optimizer.rule = widenet_core::problem::Rule::Flow { time: 1.0, tolerance: 1e-9 };
    });
    assert!(message.contains("flow") && message.contains("\"gd\""), "{message}");
}
