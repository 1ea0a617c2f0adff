//! Limits by quadrature in studies: how exactly they are known, what identifies them, that none is solved twice, and what their errors do to verdicts.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use widenet_core::Width;
use widenet_engines::LimitOptions;
use widenet_experiment::{Outcome, RunOptions, Silent, Study, plan, report, run};
use widenet_statistics::{Finding, Verdict};

use crate::fake::{FakeSolver, NEVER, STUDY, finish, options, study, study_file};

/// Perceptrons whose limit is by quadrature, measured by a number that is about m^(-1/2).
fn perceptrons(folder: &Path, more: &[(&str, &str)]) -> Study {
    let own = [
        ("network.hidden_layers = [1, 3]", "network.activation = [\"tanh\"]"),
        ("dense_up_to = 100", "engine = \"dense\""),
        ("quantities = [\"train_loss\", \"predictor\"]", "quantities = [\"train_loss\", \"tangent_kernel_change\"]"),
        ("quantity = \"predictor\"", "quantity = \"tangent_kernel_change\""),
    ];
    study(folder, &own.iter().chain(more).copied().collect::<Vec<_>>())
}

/// The same without trials of width ∞.
const FINITE: [(&str, &str); 3] = [
    ("width = [64, 1e3, 1e5, 1e7, \"inf\"]", "width = [64, 1e3, 1e5, 1e7]"),
    ("kind = \"exponential\"\n", "kind = \"exponential\"\nwidth = 64\n"),
    ("width = \"inf\"\n", "width = 64\n"),
];

const TENTH: LimitOptions = LimitOptions { accuracy: Some(0.1), replicates: Some(4), nodes: None };

#[test]
fn accuracy_and_replicates_reach_limits_and_references() {
    let folder = tempfile::tempdir().unwrap();
    let keys = ("engine = \"dense\"", "engine = \"dense\"\naccuracy = 0.1\nreplicates = 4");
    let solver = FakeSolver::default();
    plan(&perceptrons(folder.path(), &[keys]), &solver).unwrap();
    for (width, limit) in solver.limits.into_inner().unwrap() {
        let expected = if width == Width::Infinite { TENTH } else { LimitOptions::default() };
        assert_eq!(limit, expected, "{width}");
    }
    let solver = FakeSolver::default();
    let finite: Vec<_> = FINITE.into_iter().chain([keys]).collect();
    finish(&perceptrons(folder.path(), &finite), &solver, &options(folder.path()), &Silent);
    let asked = solver.limits.into_inner().unwrap();
    let references: Vec<_> = asked.into_iter().filter(|(width, _)| *width == Width::Infinite).collect();
    assert_eq!(references, [(Width::Infinite, TENTH)], "one reference of all widths and seeds");
}

/// A trial of width ∞ is that of its accuracy; one of a finite width is the same whatever it is compared with.
#[test]
fn an_accuracy_identifies_the_trials_that_use_it() {
    let folder = tempfile::tempdir().unwrap();
    let texts = |engine: &str| {
        let study = perceptrons(folder.path(), &[("engine = \"dense\"", engine)]);
        let directory = finish(&study, &FakeSolver::default(), &options(folder.path()), &Silent).directory;
        let text = |name: &str| fs::read_to_string(directory.join(format!("trials/{name}/trial.toml"))).unwrap();
        [text("0000-tanh-m64-s1"), text("0020-tanh-minf-s1")]
    };
    let usual = texts("engine = \"dense\"");
    let sharp = texts("engine = \"dense\"\naccuracy = 1e-4\nreplicates = 16");
    assert_eq!(usual[0], sharp[0]);
    assert!(!usual[1].contains("accuracy") && !usual[1].contains("replicates"), "{}", usual[1]);
    assert!(sharp[1].contains("accuracy = 0.0001") && sharp[1].contains("replicates = 16"), "{}", sharp[1]);
}

/// The limit is solved as a trial and never again; without such a trial it is solved once in every report.
#[test]
fn finished_limits_are_the_references_of_reports() {
    let folder = tempfile::tempdir().unwrap();
    let references = |replacements: &[(&str, &str)]| {
        let solver = FakeSolver::default();
        let found = finish(&perceptrons(folder.path(), replacements), &solver, &options(folder.path()), &Silent);
        report(&found.directory, &solver, &NEVER).unwrap().unwrap();
        solver.references.load(Ordering::SeqCst)
    };
    assert_eq!(references(&[]), 0);
    assert_eq!(references(&FINITE), 2);
    let axes = "network.activation = [\"tanh\"]\naccuracy = [1e-2, 1e-3]";
    assert_eq!(references(&[("network.activation = [\"tanh\"]", axes)]), 0, "each accuracy has its own");
}

/// A report of an unfinished study waits for the limit that is a trial of it; one whose limit is no trial solves it.
#[test]
fn reports_of_unfinished_studies_solve_no_limit_that_is_pending() {
    let folder = tempfile::tempdir().unwrap();
    let references = |replacements: &[(&str, &str)]| {
        let solver = FakeSolver::default();
        let first = RunOptions { shard: "1/25".parse().unwrap(), ..options(folder.path()) };
        let study = perceptrons(folder.path(), replacements);
        let Outcome::ShardFinished { directory, .. } = run(&study, &solver, &first, &NEVER, &Silent).unwrap() else {
            panic!("a shard")
        };
        report(&directory, &solver, &NEVER).unwrap().unwrap();
        (solver.references.load(Ordering::SeqCst), fs::read_to_string(directory.join("report.md")).unwrap())
    };
    let (solved, text) = references(&[]);
    assert!(solved == 0 && text.contains("its trial of width inf is not done"), "{solved}: {text}");
    assert_eq!(references(&FINITE).0, 1);
}

/// Another value of an axis that a trial does not depend on gives it another name in the same directory, and runs nothing.
#[test]
fn trials_are_taken_over_from_the_same_directory() {
    let folder = tempfile::tempdir().unwrap();
    let ran = |accuracy: &str| {
        let axes = format!("network.activation = [\"tanh\"]\naccuracy = [{accuracy}]");
        let solver = FakeSolver::default();
        let finite = FINITE.into_iter().chain([("network.activation = [\"tanh\"]", axes.as_str())]);
        let study = perceptrons(folder.path(), &finite.collect::<Vec<_>>());
        let directory = finish(&study, &solver, &options(folder.path()), &Silent).directory;
        (solver.asked.into_inner().unwrap().len(), directory)
    };
    let (all, directory) = ran("1e-2");
    assert_eq!((all, ran("1e-3")), (20, (0, directory)));
}

/// A reference that is being computed ends with the report, which writes nothing.
#[test]
fn references_of_reports_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let solver = FakeSolver::default();
    let found = finish(&perceptrons(folder.path(), &FINITE), &solver, &options(folder.path()), &Silent);
    let written = fs::read(&found.path).unwrap();
    fs::remove_file(&found.path).unwrap();
    let stop = AtomicBool::new(true);
    assert!(report(&found.directory, &solver, &stop).unwrap().is_none() && !found.path.exists());
    report(&found.directory, &solver, &NEVER).unwrap().unwrap();
    assert_eq!(fs::read(&found.path).unwrap(), written);
}

/// Distances are 0.13, 0.03, 3e-3 and 3e-4 at the four widths: three errors of the limit are below all, above the last, and above the last two.
#[test]
fn points_below_three_errors_of_the_limit_decide_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rate = |error: f64| -> Finding {
        let solver = FakeSolver { error, ..FakeSolver::default() };
        finish(&perceptrons(folder.path(), &[]), &solver, &options(&folder.path().join(error.to_string())), &Silent)
            .findings
            .remove(0)
    };
    let points = |finding: &Finding| finding.fit.map(|fit| fit.points);
    let (exact, all, three, two) = (rate(0.0), rate(8e-5), rate(1.2e-4), rate(1.2e-3));
    assert_eq!([&exact, &all, &three, &two].map(points), [Some(4), Some(4), Some(3), Some(2)]);
    assert!(!exact.reason.contains("left out") && !all.reason.contains("left out"), "{} {}", exact.reason, all.reason);
    assert_eq!((exact.verdict, three.verdict), (Verdict::Confirmed, Verdict::Confirmed), "{three:?}");
    assert!(three.reason.ends_with("1 point below three errors of the reference is left out"), "{}", three.reason);
    assert_eq!(two.verdict, Verdict::Inconclusive);
    assert!(two.reason.ends_with("2 points below three errors of the reference are left out"), "{}", two.reason);
    let width = |finding: &Finding| finding.interval.map(|(low, high)| high - low).unwrap();
    assert!(width(&all) > 1.1 * width(&exact), "{} {}", width(&all), width(&exact));
}

/// Tables have the error of the reference beside the metric, and figures draw only what counts.
#[test]
fn errors_of_references_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let solver = FakeSolver { error: 1.2e-3, ..FakeSolver::default() };
    let found = finish(&perceptrons(folder.path(), &[]), &solver, &options(folder.path()), &Silent);
    let read = |name: &str| fs::read_to_string(found.directory.join(name)).unwrap();
    assert!(
        read("metrics.csv").lines().next().unwrap().ends_with(",distance,distance_error"),
        "{}",
        read("metrics.csv")
    );
    assert!(read("report.md").contains("(reference ± 1.2e-3)"), "{}", read("report.md"));
    assert!(read("figures/convergence.svg").contains("2 points below three errors of the reference are left out"));
    let exact = finish(
        &perceptrons(folder.path(), &[]),
        &FakeSolver::default(),
        &options(&folder.path().join("exact")),
        &Silent,
    );
    let metrics = fs::read_to_string(exact.directory.join("metrics.csv")).unwrap();
    assert!(metrics.lines().next().unwrap().ends_with(",distance"), "{metrics}");
}

#[test]
fn options_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = |key: &str, axes: &str| {
        let text = STUDY.replace("dense_up_to = 100", key).replace("network.hidden_layers = [1, 3]", axes);
        let study = Study::load(&study_file(folder.path(), &text), false, &[]);
        study.and_then(|study| plan(&study, &FakeSolver::default())).unwrap_err().to_string()
    };
    for (key, axes, expected) in [
        ("accuracy = 0", "", "it must be a number > 0 and < 1"),
        ("accuracy = -1e-3", "", "it must be a number > 0 and < 1"),
        ("replicates = 1", "", "`study.replicates` is 1; it must be a whole number from 2 to 10000"),
        ("nodes = 1000", "", "`study.nodes` is 1000; it must be a power of two from 16 to 4194304"),
        ("nodes = 1024\naccuracy = 1e-3", "", "`study.accuracy` is not used here: `nodes` are given"),
        (
            "accuracy = 1e-3",
            "accuracy = [0.1, 0.2]",
            "`study.accuracy` is not used here: `axes.accuracy` has its values",
        ),
        ("", "accuracy = [0.1, 0.2]\nnodes = [64, 128]", "`accuracy` chooses the number of `nodes`"),
        // All networks of the study are deep linear.
        ("accuracy = 1e-3", "", "accuracy = 0.001: this is an option of limits by quadrature"),
    ] {
        let found = error(key, axes);
        assert!(found.contains(expected), "{key} {axes}: {found}");
    }
}
