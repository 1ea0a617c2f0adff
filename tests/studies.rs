//! The studies of this repository by the built program: every claim is confirmed, and the figures are there.

use std::{fs, path::PathBuf};

use crate::common::{root, run, write};

/// Runs a study; all its checks must be confirmed. Returns the run directory with the folder that holds it.
#[track_caller]
fn confirmed(study: &str, more: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().to_str().expect("UTF-8");
    let said = run(&[&["study", &format!("experiments/{study}.toml"), "--out", out, "--device", "cpu"], more].concat());
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let directory = fs::read_dir(out).expect("readable").next().expect("a run directory").expect("an entry").path();
    let mut fits = csv::Reader::from_path(directory.join("fits.csv")).expect("fits");
    let column = fits.headers().expect("headers").iter().position(|name| name == "verdict").expect("verdicts");
    let verdicts: Vec<_> = fits.records().map(|row| row.expect("a row")[column].to_owned()).collect();
    assert!(!verdicts.is_empty() && verdicts.iter().all(|verdict| verdict == "confirmed"), "{}", said.out);
    (folder, directory)
}

/// Figures of the given names, each as SVG and as PNG.
#[track_caller]
fn has_figures(directory: &std::path::Path, names: &[&str]) {
    for name in names {
        let read = |extension: &str| fs::read(directory.join(format!("figures/{name}.{extension}"))).expect(name);
        assert!(read("svg").starts_with(b"<svg") && read("png").starts_with(b"\x89PNG"), "{name}");
    }
}

/// The README's main command.
#[test]
fn quickstart() {
    let (_folder, directory) = confirmed("quickstart", &[]);
    has_figures(&directory, &["convergence", "loss-parameterization-mean_field", "loss-parameterization-ntk"]);
    let report = fs::read_to_string(directory.join("report.md")).expect("a report");
    for engine in ["| dense | 60 |", "| law | 100 |", "| limit | 11 |"] {
        assert!(report.contains(engine), "{engine}: {report}");
    }
}

#[test]
fn convergence() {
    let (_folder, directory) = confirmed("mean-field/convergence", &[]);
    has_figures(&directory, &["convergence", "loss-hidden_layers-4"]);
}

/// Smaller than the file's: three widths, half the seeds, a quarter of the steps.
#[test]
fn weight_law() {
    let (_folder, directory) = confirmed(
        "mean-field/weight-law",
        &[
            "--set",
            "axes.width=[64, 256, 2048, \"inf\"]",
            "--set",
            "axes.seed={ count = 8 }",
            "--set",
            "problem.optimizer.steps=50",
            "--set",
            "problem.record.at=[0, 25, 50]",
        ],
    );
    has_figures(&directory, &["input-covariance", "output-covariance", "input-kurtosis", "output-kurtosis"]);
}

#[test]
fn min_norm() {
    let (_folder, directory) = confirmed("mean-field/min-norm", &[]);
    has_figures(&directory, &["loss", "min-norm-distance"]);
}

#[test]
fn richness() {
    let (_folder, directory) = confirmed("mean-field/richness", &[]);
    has_figures(&directory, &["kernel-change", "lazy-distance", "loss"]);
}

#[test]
fn real_data() {
    let (_folder, directory) = confirmed("mean-field/real-data", &[]);
    has_figures(&directory, &["predictor", "outputs", "test-loss"]);
}

/// Four widths and half the seeds.
#[test]
fn transfer_of_learning_rates() {
    let small = ["--set", "axes.width=[16, 256, 4096, 65536]", "--set", "axes.seed={ count = 4 }"];
    let (_folder, directory) = confirmed("transfer/linear", &small);
    has_figures(&directory, &["mean-field", "standard", "ntk"]);
}

#[test]
fn image_regression() {
    let (_folder, directory) = confirmed("kernel-regime/image-regression", &[]);
    has_figures(&directory, &["test-loss", "test-accuracy"]);
}

#[test]
fn gaussianity() {
    let (_folder, directory) = confirmed("kernel-regime/gaussianity", &[]);
    has_figures(&directory, &["kurtosis"]);
}

/// Narrower than the file's.
#[test]
fn output_distribution() {
    let (_folder, directory) = confirmed("kernel-regime/output-distribution", &["--set", "axes.width=[128, \"inf\"]"]);
    has_figures(&directory, &["bands-weight_rates--1-1-1-1--0", "bands-weight_rates--0-0-0-1--2"]);
}

/// Fewer tolerances and seeds.
#[test]
fn tolerance() {
    let (_folder, directory) = confirmed(
        "wide/tolerance",
        &["--set", "axes.tolerance=[1e-2, 1e-4, 1e-6, 1e-12]", "--set", "axes.seed={ count = 3 }"],
    );
    has_figures(&directory, &["error", "directions"]);
}

/// Three widths, a sixth of the steps, twice the seeds.
#[test]
fn linearisation() {
    let (_folder, directory) = confirmed(
        "kernel-regime/linearisation",
        &[
            "--set",
            "axes.width=[64, 128, 256]",
            "--set",
            "problem.optimizer.steps=50",
            "--set",
            "axes.seed={ count = 20 }",
        ],
    );
    has_figures(&directory, &["distances", "test-outputs-width-64", "train-loss-width-256"]);
}

/// A study whose metric leads nowhere says so at once and at its end, and is no success.
#[test]
fn a_metric_that_leads_nowhere_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let study = fs::read_to_string(root().join("experiments/questions/predict.toml")).expect("a study");
    let path = write(folder.path(), "study.toml", &study.replace("predictions.0.train_loss", "predictions.train_loss"));
    let said = run(&["study", &path, "--out", out.to_str().expect("UTF-8")]);
    assert_eq!(said.code, 2, "{}", said.err);
    let reason = "no `predictions.train_loss`: predictions is a list of 1, numbered from 0; did you mean `predictions.0.train_loss`?";
    for said_of in
        ["note: metric `train_loss` has no value in trial ", "error: metric `train_loss` has no value in any answer"]
    {
        let line = said.err.lines().find(|line| line.starts_with(said_of)).unwrap_or_else(|| panic!("{}", said.err));
        assert!(line.contains(reason), "{line}");
    }
}
