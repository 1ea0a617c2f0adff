//! Runs with a fake solver: verdicts, resuming, shards, damaged files.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::fake::{FakeSolver, Log, study};
use widenet_core::{Width, trajectory::Status};
use widenet_experiment::{
    Error, Outcome, Report, Reporter, RunOptions, Shard, Silent, Study, Trial, plan, report, run,
};
use widenet_output::temporary_folder;
use widenet_statistics::Verdict;

static NEVER: AtomicBool = AtomicBool::new(false);

fn options(out: &Path) -> RunOptions {
    RunOptions { out: out.into(), ..RunOptions::default() }
}

fn finish(study: &Study, solver: &FakeSolver, options: &RunOptions, reporter: &dyn Reporter) -> Report {
    match run(study, solver, options, &NEVER, reporter).unwrap() {
        Outcome::Finished(report) => report,
        other => panic!("{other:?}"),
    }
}

/// The files that must not depend on how a run went.
fn results(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut names: Vec<_> =
        ["table.csv", "metrics.csv", "fits.csv", "report.md"].map(|name| directory.join(name)).into();
    names.extend(fs::read_dir(directory.join("figures")).unwrap().map(|entry| entry.unwrap().path()));
    for trial in fs::read_dir(directory.join("trials")).unwrap() {
        names.extend(fs::read_dir(trial.unwrap().path()).unwrap().map(|entry| entry.unwrap().path()));
    }
    names.sort();
    names
        .iter()
        .map(|path| (path.strip_prefix(directory).unwrap().display().to_string(), fs::read(path).unwrap()))
        .collect()
}

/// Adding a seed, a width or a value of an axis runs exactly the new trials, and comes to what a run made at once does.
#[test]
fn a_study_that_grows_runs_only_what_is_new() {
    let small = [("seed = { count = 5 }", "seed = [1, 2]"), ("1e3, 1e5, 1e7, ", "256, 1024, ")];
    let more_seeds = ("seed = [1, 2]", "seed = [1, 2, 3]");
    // How many trials were planned to run, and the report.
    let ran = |folder: &Path, changes: &[(&str, &str)]| {
        let all: Vec<(&str, &str)> = small.iter().chain(changes).copied().collect();
        let solver = FakeSolver::default();
        let report = finish(&study(folder, &all), &solver, &options(folder), &Silent);
        (solver.asked.lock().unwrap().len(), report.directory)
    };
    let at_once = |changes: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        let (count, directory) = ran(folder.path(), changes);
        let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
        (count, FILES.map(read))
    };
    const FILES: [&str; 5] = ["table.csv", "metrics.csv", "fits.csv", "report.md", "figures/convergence.svg"];
    let grown = tempfile::tempdir().unwrap();
    let first = ran(grown.path(), &[]).0;
    assert!(first > 8 && ran(grown.path(), &[]).0 == 0, "{first}");
    let cases: [(&[(&str, &str)], &[(&str, &str)]); 4] = [
        (&[], &[more_seeds]),
        (&[more_seeds], &[more_seeds, ("256, 1024", "128, 256, 1024")]),
        (&[], &[("network.hidden_layers = [1, 3]", "network.hidden_layers = [1, 2, 3]")]),
        // What is taken away runs nothing either.
        (&[("seed = [1, 2]", "seed = [2]")], &[("seed = [1, 2]", "seed = [2]")]),
    ];
    for (before, changes) in cases {
        let (count, directory) = ran(grown.path(), changes);
        let (whole, files) = at_once(changes);
        assert_eq!(count, whole - at_once(before).0, "{changes:?}");
        let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
        assert_eq!(FILES.map(read), files, "{changes:?}");
    }
}

/// A result that was stored and cannot be read back would be made again and again.
#[test]
fn a_result_that_cannot_be_read_back_is_an_error_and_no_trial_of_another_shard() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let width = study.widths[0];
    let solver = FakeSolver { misshapen: Some(width), ..FakeSolver::default() };
    let error = run(&study, &solver, &options(folder.path()), &NEVER, &Silent).unwrap_err().to_string();
    assert!(error.contains("has not the shape of its quantity") && error.contains("just been stored"), "{error}");
    let good = finish(&study, &FakeSolver::default(), &options(folder.path()), &Silent);
    assert!(good.all_confirmed());
}

#[test]
fn a_study_confirms_what_is_true_and_refutes_what_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let solver = FakeSolver::default();
    let found = finish(&study(folder.path(), &[]), &solver, &options(folder.path()), &Silent);
    assert!(found.all_confirmed(), "{:#?}", found.findings);
    // Two depths: a rate and a bound each, and a decay each at infinite width.
    assert_eq!(found.findings.len(), 6);
    let rate = &found.findings[0];
    assert_eq!((rate.check.as_str(), rate.group.as_str()), ("rate", "hidden_layers = 1"));
    assert!((rate.found.unwrap() + 0.5).abs() < 0.02);
    let text = fs::read_to_string(&found.path).unwrap();
    assert!(text.contains("| rate | hidden_layers = 1 | -0.5 ± 0.05 |") && text.contains("**confirmed**"), "{text}");
    for figure in ["convergence.svg", "convergence.png", "loss-hidden_layers-1.svg", "loss-hidden_layers-3.png"] {
        assert!(found.directory.join("figures").join(figure).exists(), "{figure}");
    }

    let svg = fs::read_to_string(found.directory.join("figures/convergence.svg")).unwrap();
    for part in ["predicted slope −0.5", "hidden layers = 3", "10⁻³", "‖predictor − limit‖", "width m"] {
        assert!(svg.contains(part), "{part}");
    }
    let svg = fs::read_to_string(found.directory.join("figures/loss-hidden_layers-1.svg")).unwrap();
    assert!(svg.contains("m = ∞ (limit)") && svg.contains("m = 64") && svg.contains("training time t"));

    // Another claim about the same trials: nothing runs again, and what it no longer draws is gone.
    let steps = solver.steps.load(Ordering::SeqCst);
    let wrong =
        study(folder.path(), &[("exponent = -0.5", "exponent = -0.7"), ("name = \"loss\"", "name = \"decay\"")]);
    let other = finish(&wrong, &solver, &options(folder.path()), &Silent);
    assert_eq!(other.findings[0].verdict, Verdict::Refuted);
    assert!(!other.all_confirmed());
    assert_eq!((&other.directory, solver.steps.load(Ordering::SeqCst)), (&found.directory, steps));
    let figure = |name: &str| other.directory.join("figures").join(name).exists();
    assert!(figure("decay-hidden_layers-1.svg") && !figure("loss-hidden_layers-1.svg"));
    let longer = study(folder.path(), &[("steps = 20", "steps = 21")]);
    assert_ne!(finish(&longer, &solver, &options(folder.path()), &Silent).directory, found.directory);
}

/// The values of a column of `metrics.csv`, by width and seed 1.
fn column(directory: &Path, name: &str) -> Vec<(String, f64)> {
    let text = fs::read_to_string(directory.join("metrics.csv")).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let at = |name: &str| header.iter().position(|cell| *cell == name).unwrap();
    lines
        .filter(|row| row[at("seed")] == "1")
        .map(|row| (row[at("width")].into(), row[at(name)].parse().unwrap()))
        .collect()
}

#[test]
fn metrics_are_what_their_formula_says() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = r#"
[[metric]]
name = "relative"
quantity = "predictor"
against = "limit"
over = "final"
relative = true
[[metric]]
name = "loss"
quantity = "train_loss"
over = "final"
[[metric]]
name = "start"
quantity = "predictor"
over = "initial"
[[check]]
name = "rate"
"#;
    let study = study(
        folder.path(),
        &[("hidden_layers = [1, 3]", "hidden_layers = [1]"), ("[[check]]\nname = \"rate\"\n", metrics)],
    );
    let found = finish(&study, &FakeSolver::default(), &options(folder.path()), &Silent);
    let close = |(_, a): &(String, f64), b: f64| (a / b - 1.0).abs() < 1e-12;
    let distance = column(&found.directory, "distance");
    let (start, relative) = (column(&found.directory, "start"), column(&found.directory, "relative"));
    // The fake's predictor is (1 + n, 2 − n) − (1, 2) exp(−2t) at times 0 … 2, with n the noise, so the distance is
    // always √2 n, the limit's largest norm √5 (1 − e⁻⁴), and the final loss 2.5 e⁻⁸.
    for i in 0..4 {
        assert!(close(&start[i], distance[i].1), "the predictor starts at its noise");
        assert!(close(&relative[i], distance[i].1 / (5f64.sqrt() * (1.0 - (-4f64).exp()))));
    }
    assert!(column(&found.directory, "loss").iter().all(|loss| close(loss, 2.5 * (-8f64).exp())));
    assert_eq!(distance[4], ("inf".into(), 0.0));
}

#[test]
fn engines_are_told_apart_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = r#"
[[metric]]
name = "to_law"
quantity = "predictor"
over = "final"
reference = { width = 1e5, engine = ["law"] }
[[metric]]
name = "spread"
quantity = "train_loss"
statistic = "mean_ratio"
over = "initial"
reference = { engine = ["law"] }
[[check]]
name = "rate"
"#;
    let axis = r#"engine = ["law", { kind = "dense", max_width = 1e5 }]"#;
    let study = study(
        folder.path(),
        &[
            ("dense_up_to = 100\n", ""),
            ("network.hidden_layers = [1, 3]", axis),
            ("[[check]]\nname = \"rate\"\n", metrics),
        ],
    );
    let solver = FakeSolver::default();
    let found = finish(&study, &solver, &options(folder.path()), &Silent);
    let groups: Vec<_> =
        found.findings.iter().filter(|finding| finding.check == "rate").map(|f| f.group.as_str()).collect();
    assert_eq!(groups, ["engine = law", "engine = dense"]);
    let table = fs::read_to_string(found.directory.join("table.csv")).unwrap();
    assert!(table.starts_with("trial,label,width,seed,engine,status,"), "one column says which engine ran: {table}");
    assert!(table.contains("dense-m64-s1,64,1,dense,done,") && table.contains("law-m64-s1,64,1,law,done,"));
    assert!(found.directory.join("figures/loss-engine-dense.svg").exists());
    let hash = |name: &str| {
        let trial = fs::read_to_string(found.directory.join("trials").join(name).join("trial.toml")).unwrap();
        assert!(!trial.contains("[problem.engine]"));
        trial
    };
    assert_ne!(hash("0000-law-m64-s1"), hash("0025-dense-m64-s1"), "an engine is part of what identifies a trial");

    // By width and engine: law first. The fake's engines agree, so the reference itself is the only one without a distance.
    let (distance, to_law) = (column(&found.directory, "distance"), column(&found.directory, "spread"));
    assert_eq!((distance.len(), to_law[0].1), (8, 1.0));
    let metrics = fs::read_to_string(found.directory.join("metrics.csv")).unwrap();
    let to_law = |label: &str| {
        let row = metrics.lines().find(|line| line.contains(label)).unwrap();
        row.split(',').nth(7).unwrap().parse::<f64>().ok()
    };
    assert_eq!((to_law("law-m100000-s2"), to_law("dense-m100000-s2")), (None, Some(0.0)));
    let at = |label: &str| to_law(label).unwrap();
    assert_eq!(at("law-m64-s2"), at("dense-m64-s2"));
    assert!(at("law-m64-s2") > 0.05);
    let text = fs::read_to_string(&found.path).unwrap();
    assert!(text.contains("it is the reference itself"), "{text}");

    let steps = solver.steps.load(Ordering::SeqCst);
    finish(&study, &solver, &options(folder.path()), &Silent);
    assert_eq!(solver.steps.load(Ordering::SeqCst), steps, "nothing runs again");
}

/// The directories of trials that have results of their own.
fn solved(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory.join("trials")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn infinite_widths_are_solved_once_under_all_engines() {
    let folder = tempfile::tempdir().unwrap();
    let axis = r#"engine = ["law", "dense", "conditioned"]"#;
    let study = study(
        folder.path(),
        &[
            ("dense_up_to = 100\n", ""),
            ("network.hidden_layers = [1, 3]", axis),
            ("width = [64, 1e3, 1e5, 1e7, \"inf\"]", "width = [64, 1e3, 1e5, \"inf\"]"),
        ],
    );
    let (solver, log) = (FakeSolver::default(), Log::default());
    let shard = |text: &str| RunOptions { shard: text.parse().unwrap(), ..options(folder.path()) };
    assert!(matches!(run(&study, &solver, &shard("1/2"), &NEVER, &log), Ok(Outcome::ShardFinished { .. })));
    let found = finish(&study, &solver, &shard("2/2"), &log);
    assert!(found.all_confirmed(), "{:#?}", found.findings);
    // Three engines at three widths, and the limit once: five seeds each.
    assert_eq!((log.ran.load(Ordering::SeqCst), log.reused.load(Ordering::SeqCst)), (5 * 10, 5 * 2));
    assert_eq!(solver.steps.load(Ordering::SeqCst), 50 * 21);
    let directories = solved(&found.directory);
    assert_eq!((directories.len(), directories.iter().filter(|name| name.contains("minf")).count()), (50, 5));
    // Tables, figures and checks of every engine have it.
    let table = fs::read_to_string(found.directory.join("table.csv")).unwrap();
    for engine in ["law", "dense", "conditioned"] {
        assert!(table.contains(&format!("{engine}-minf-s1,inf,1,limit,done,")), "{engine}: {table}");
        let svg = fs::read_to_string(found.directory.join(format!("figures/loss-engine-{engine}.svg"))).unwrap();
        assert!(svg.contains("m = ∞ (limit)"), "{engine}");
        assert!(found.findings.iter().any(|f| f.check == "exact" && f.group == format!("engine = {engine}")));
    }
    let text = fs::read_to_string(&found.path).unwrap();
    assert!(text.contains("| limit | 5 |"), "{text}");
    let plans = plan(&study, &solver).unwrap();
    assert_eq!((plans[15].solved_as.as_deref(), plans[0].solved_as.as_deref()), (None, None));
    assert_eq!(plans.last().unwrap().solved_as.as_deref(), Some("law-minf-s5"), "{:?}", plans.last());
    let again = Log::default();
    finish(&study, &solver, &options(folder.path()), &again);
    assert_eq!((again.ran.load(Ordering::SeqCst), again.reused.load(Ordering::SeqCst)), (0, 60));
}

#[test]
fn a_tolerance_is_part_of_what_identifies_a_trial() {
    let folder = tempfile::tempdir().unwrap();
    let run_at = |key: &str| {
        let study =
            study(folder.path(), &[("dense_up_to = 100", key), ("hidden_layers = [1, 3]", "hidden_layers = [1]")]);
        finish(&study, &FakeSolver::default(), &options(folder.path()), &Silent).directory
    };
    let trial = |directory: &Path| fs::read_to_string(directory.join("trials/0000-1-m64-s1/trial.toml")).unwrap();
    let (none, loose, tight) = (
        run_at("engine = \"law\""),
        run_at("engine = \"law\"\ntolerance = 1e-2"),
        run_at("engine = \"law\"\ntolerance = 1e-3"),
    );
    assert!(none != loose && loose != tight);
    assert!(!trial(&none).contains("tolerance") && trial(&loose).contains("tolerance = 0.01"), "{}", trial(&loose));
}

#[test]
fn a_check_may_be_about_some_widths_only() {
    let folder = tempfile::tempdir().unwrap();
    let only = |widths: &str| {
        let only = format!("tolerance = 0.05\nonly = {{ width = {widths} }}");
        let study =
            study(folder.path(), &[("tolerance = 0.05", &only), ("hidden_layers = [1, 3]", "hidden_layers = [1]")]);
        finish(&study, &FakeSolver::default(), &options(folder.path()), &Silent).findings.remove(0)
    };
    let points = |widths: &str| only(widths).fit.map(|fit| fit.points);
    assert_eq!((points("[64, 1e3, 1e7]"), points("[64, 1e3, 1e5, 1e7, \"inf\"]")), (Some(3), Some(4)));
    assert_eq!(only("[64, \"inf\"]").verdict, Verdict::Inconclusive);
}

#[test]
fn a_limit_with_a_random_start_is_compared_given_the_own_start() {
    let folder = tempfile::tempdir().unwrap();
    let solver = FakeSolver::default();
    // The fake's reference keeps the start it is given, as its trajectories do: nothing is left of the distance.
    let ntk = study(folder.path(), &[("kind = \"mean_field\"", "kind = \"ntk\"")]);
    let found = finish(&ntk, &solver, &options(folder.path()), &Silent);
    assert!(column(&found.directory, "distance").iter().all(|(_, distance)| *distance < 1e-15));
    let svg = fs::read_to_string(found.directory.join("figures/loss-hidden_layers-1.svg")).unwrap();
    assert!(svg.contains("given the starts at m = 1e7"), "the drawn limit belongs to the networks next to it");
    assert_eq!(found.findings[0].verdict, Verdict::Inconclusive, "zeros have no exponent");
}

#[test]
fn a_second_run_reuses_everything() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let first = finish(&study, &solver, &options(folder.path()), &Silent);
    let before = (results(&first.directory), solver.steps.load(Ordering::SeqCst));
    let log = Log::default();
    let second = finish(&study, &solver, &options(folder.path()), &log);
    assert_eq!(second.directory, first.directory);
    assert_eq!(log.reused.load(Ordering::SeqCst), 50);
    assert!((results(&second.directory), solver.steps.load(Ordering::SeqCst)) == before);
}

/// Raises the stop flag after some steps.
struct Stopper<'a> {
    stop: &'a AtomicBool,
    solver: &'a FakeSolver,
    after: u64,
}

impl Reporter for Stopper<'_> {
    fn progress(&self, _: &Trial, _: f64) {
        if self.solver.steps.load(Ordering::SeqCst) >= self.after {
            self.stop.store(true, Ordering::SeqCst);
        }
    }
}

#[test]
fn an_interrupted_run_continues_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let undisturbed = FakeSolver::default();
    let expected = finish(&study, &undisturbed, &options(&folder.path().join("a")), &Silent);

    let solver = FakeSolver::default();
    let resumed = options(&folder.path().join("b"));
    for after in [5, 33, 400] {
        let stop = AtomicBool::new(false);
        let stopper = Stopper { stop: &stop, solver: &solver, after };
        match run(&study, &solver, &resumed, &stop, &stopper).unwrap() {
            Outcome::Interrupted { remaining, .. } => assert!(remaining > 0),
            other => panic!("{other:?}"),
        }
    }
    let found = finish(&study, &solver, &RunOptions { jobs: 3, ..resumed }, &Silent);
    let (expected_steps, steps) = (undisturbed.steps.load(Ordering::SeqCst), solver.steps.load(Ordering::SeqCst));
    assert_eq!(steps, expected_steps, "no step is run twice");
    assert!(results(&found.directory) == results(&expected.directory));
}

#[test]
fn shards_share_a_directory_and_the_last_one_reports() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let whole = finish(&study, &solver, &options(&folder.path().join("a")), &Silent);
    let shard = |text: &str| RunOptions { shard: text.parse().unwrap(), ..options(&folder.path().join("b")) };
    match run(&study, &solver, &shard("2/3"), &NEVER, &Silent).unwrap() {
        Outcome::ShardFinished { remaining, directory } => {
            assert_eq!(remaining, 33);
            let error = report(&directory, &solver).unwrap_err().to_string();
            assert!(error.contains("33 of 50 trials are not done"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    let log = Log::default();
    assert!(matches!(run(&study, &solver, &shard("1/3"), &NEVER, &log), Ok(Outcome::ShardFinished { .. })));
    let told = [&log.begun, &log.ran, &log.reused].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(told, [17, 17, 0], "a shard is about its own trials");
    let found = finish(&study, &solver, &shard("3/3"), &Silent);
    assert!(results(&found.directory) == results(&whole.directory));
    for text in ["0/3", "4/3", "1", "a/b", "1/0"] {
        assert!(text.parse::<Shard>().unwrap_err().to_string().contains(text));
    }
}

#[test]
fn damaged_trials_are_run_again_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let first = finish(&study, &solver, &options(folder.path()), &Silent);
    let before = results(&first.directory);
    let mut trials: Vec<_> =
        fs::read_dir(first.directory.join("trials")).unwrap().map(|entry| entry.unwrap().path()).collect();
    trials.sort();
    let trajectory = trials[0].join("trajectory.json");
    let half = fs::read(&trajectory).unwrap();
    fs::write(&trajectory, &half[..half.len() / 2]).unwrap();
    fs::write(trials[1].join("status.json"), "{").unwrap();
    fs::remove_file(trials[2].join("trajectory.json")).unwrap();
    fs::copy(trials[4].join("status.json"), trials[3].join("status.json")).unwrap();
    fs::remove_dir_all(&trials[5]).unwrap();
    fs::remove_file(trials[6].join("status.json")).unwrap();
    fs::write(trials[6].join("checkpoint.safetensors"), "rubbish").unwrap();
    for (trial, from, to) in [(7, "the fake's", "another"), (8, "\"step\": null", "\"step\": 3")] {
        let status = trials[trial].join("status.json");
        let text = fs::read_to_string(&status).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&status, text.replace(from, to)).unwrap();
    }
    let log = Log::default();
    let second = finish(&study, &solver, &options(folder.path()), &log);
    assert_eq!(log.ran.load(Ordering::SeqCst), 8);
    let notes = log.notes.lock().unwrap().join("\n");
    for part in [
        "is not the one",
        "status.json is damaged",
        "its own hash",
        "cannot read trajectory.json",
        "another trial",
        "anew",
    ] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
    assert!(results(&second.directory) == before);
}

#[test]
fn diverged_trials_are_rows_and_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let solver = FakeSolver { diverging: Some(Width::Finite(1000)), ..FakeSolver::default() };
    let found = finish(&study(folder.path(), &[]), &solver, &options(folder.path()), &Silent);
    assert_eq!(found.findings[0].verdict, Verdict::Inconclusive, "three widths are left, no fair sample");
    assert_eq!(found.findings[0].fit.unwrap().points, 3);
    assert!(found.findings[0].reason.starts_with("5 of 20 values are missing"), "{}", found.findings[0].reason);
    let svg = fs::read_to_string(found.directory.join("figures/loss-hidden_layers-1.svg")).unwrap();
    assert!(svg.contains("without 5 of 5, diverged"));
    let text = fs::read_to_string(&found.path).unwrap();
    assert!(text.contains("diverged at step 7") && text.contains("m1000-s1"), "{text}");
    let table = fs::read_to_string(found.directory.join("table.csv")).unwrap();
    assert!(table.lines().any(|line| line.contains("1000,1,law,diverged,7,")), "{table}");
}

#[test]
fn the_report_needs_only_the_run_directory() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let first = finish(&study, &solver, &options(folder.path()), &Silent);
    let before = results(&first.directory);
    fs::remove_file(folder.path().join("fake.toml")).unwrap();
    for name in ["report.md", "table.csv", "figures/convergence.svg"] {
        fs::remove_file(first.directory.join(name)).unwrap();
    }
    let moved = folder.path().join("moved");
    fs::rename(&first.directory, &moved).unwrap();
    let again = report(&moved, &solver).unwrap();
    assert_eq!(again.findings, first.findings);
    assert!(results(&moved) == before);
}

#[test]
fn foreign_and_damaged_directories_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let directory = finish(&study, &solver, &options(folder.path()), &Silent).directory;
    let error =
        |solver: &FakeSolver| run(&study, solver, &options(folder.path()), &NEVER, &Silent).unwrap_err().to_string();
    let manifest = directory.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();

    fs::write(&manifest, &text[..20]).unwrap();
    assert!(error(&solver).contains("manifest.json is damaged"));
    fs::write(&manifest, text.replace("\"trials\": 50", "\"trials\": 51")).unwrap();
    assert!(error(&solver).contains("belongs to study `fake`"));
    fs::write(&manifest, &text).unwrap();
    fs::write(directory.join("resolved.toml"), study.resolved().replace("0.1", "0.2")).unwrap();
    assert!(report(&directory, &solver).unwrap_err().to_string().contains("have changed since the run"));
    assert!(report(folder.path(), &solver).unwrap_err().to_string().contains("not a run directory"));
}

#[test]
fn a_run_directory_survives_a_move_of_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let csv = [(
        "kind = \"inline\"\ninputs = [[1, 0], [0, 1]]\ntargets = [[1], [2]]",
        "kind = \"csv\"\ntrain = \"small.csv\"\ninputs = 2\ntargets = [\"y\"]",
    )];
    fs::create_dir(&old).unwrap();
    fs::write(old.join("small.csv"), "a,b,y\n1,0,1\n0,1,2\n").unwrap();
    let solver = FakeSolver::default();
    let out = options(&folder.path().join("out"));
    let directory = finish(&study(&old, &csv), &solver, &out, &Silent).directory;
    fs::rename(&old, &new).unwrap();
    let error = report(&directory, &solver).unwrap_err().to_string();
    for part in [old.to_str().unwrap(), "small.csv", "run the study file where it is now", "out"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let steps = solver.steps.load(Ordering::SeqCst);
    assert_eq!(finish(&study(&new, &csv), &solver, &out, &Silent).directory, directory);
    report(&directory, &solver).unwrap();
    assert_eq!(solver.steps.load(Ordering::SeqCst), steps, "nothing ran again");
}

#[test]
fn processes_in_one_directory_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let expected = finish(&study, &FakeSolver::default(), &options(&folder.path().join("a")), &Silent);
    // The same shard twice and two shards at once: nobody fails, and the files are those of one process.
    let shared = folder.path().join("b");
    std::thread::scope(|scope| {
        for shard in ["1/1", "1/1", "1/2", "2/2"] {
            let (study, shared) = (&study, &shared);
            scope.spawn(move || {
                let options = RunOptions { shard: shard.parse().unwrap(), ..options(shared) };
                run(study, &FakeSolver::default(), &options, &NEVER, &Silent).unwrap();
            });
        }
    });
    let name = expected.directory.file_name().unwrap();
    assert!(results(&shared.join(name)) == results(&expected.directory));
}

#[test]
fn what_is_done_is_not_planned_again() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let first = finish(&study, &FakeSolver::default(), &options(folder.path()), &Silent);
    let small = FakeSolver { refused: Some(Width::Finite(64)), ..FakeSolver::default() };
    assert_eq!(finish(&study, &small, &options(folder.path()), &Silent), first);
}

#[test]
fn the_engines_of_a_report_are_those_that_ran() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let directory = finish(&study, &FakeSolver::default(), &options(folder.path()), &Silent).directory;
    fs::write(directory.join("plan.csv"), "garbage").unwrap();
    let again = report(&directory, &FakeSolver::default()).unwrap();
    let text = fs::read_to_string(again.path).unwrap();
    assert!(text.contains("| dense | 10 | the fake's dense engine |"), "{text}");
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("file");
    fs::write(&out, "").unwrap();
    let error = run(&study(folder.path(), &[]), &FakeSolver::default(), &options(&out), &NEVER, &Silent).unwrap_err();
    assert!(matches!(&error, Error::File(file) if file.path.starts_with(&out)), "{error}");
}

#[test]
fn a_refused_trial_stops_the_study_before_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let solver = FakeSolver { refused: Some(Width::Finite(1000)), ..FakeSolver::default() };
    let error = run(&study(folder.path(), &[]), &solver, &options(folder.path()), &NEVER, &Silent).unwrap_err();
    assert!(error.to_string().contains("width 1000 needs more memory"), "{error}");
    assert_eq!(solver.steps.load(Ordering::SeqCst), 0);
}

#[test]
fn dense_trials_run_one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let solver = FakeSolver::default();
    finish(&study(folder.path(), &[]), &solver, &RunOptions { jobs: 4, ..options(folder.path()) }, &Silent);
    assert_eq!(solver.dense_at_once.load(Ordering::SeqCst), 1);
}

/// Takes a result away as soon as it is told.
struct Thief<'a>(&'a Path);

impl Reporter for Thief<'_> {
    fn finished(&self, trial: &Trial, _: &Status, reused: bool) {
        assert!(reused);
        let stolen = self.0.join("trials").join(trial.directory_name()).join("trajectory.json");
        if stolen.exists() {
            fs::remove_file(stolen).unwrap();
        }
    }
}

#[test]
fn every_result_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let first = finish(&study, &solver, &options(folder.path()), &Silent);
    let before = fs::read(&first.path).unwrap();
    assert_eq!(finish(&study, &solver, &options(folder.path()), &Thief(&first.directory)), first);
    assert_eq!(fs::read(&first.path).unwrap(), before);
}

/// What a killed process left goes at the next start, however young it is; what a living one is writing stays.
#[cfg(target_os = "linux")]
#[test]
fn leftovers_of_killed_processes_go() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let directory = finish(&study, &solver, &options(folder.path()), &Silent).directory;
    let trial = fs::read_dir(directory.join("trials")).unwrap().next().unwrap().unwrap().path();
    let (mut living, mut left) = (Vec::new(), Vec::new());
    for place in [&directory, &directory.join("figures"), &trial] {
        let own = temporary_folder(&place.join("table.csv")).unwrap();
        let name = own.path().file_name().unwrap().to_str().unwrap().to_owned();
        // No process has so large a number.
        let dead = place.join(name.replace(&format!(".{}.", std::process::id()), ".4294967295."));
        assert_ne!(dead, own.path());
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(".tmpAbCdEf"), "half").unwrap();
        let file = place.join(name.replace(&format!(".{}.", std::process::id()), ".4294967294."));
        fs::write(&file, "half").unwrap();
        left.extend([dead, file]);
        living.push(own);
    }
    finish(&study, &solver, &options(folder.path()), &Silent);
    assert!(left.iter().all(|path| !path.exists()), "{left:?}");
    assert!(living.iter().all(|own| own.path().exists()));
}

#[cfg(unix)]
#[test]
fn a_finished_run_is_collected_without_writing() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let directory = finish(&study, &solver, &options(folder.path()), &Silent).directory;
    let files = || {
        let mut files: Vec<_> = [directory.clone(), directory.join("figures")]
            .iter()
            .flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
            .map(|path| (fs::metadata(&path).unwrap().ino(), path))
            .collect();
        files.sort();
        files
    };
    let before = files();
    finish(&study, &solver, &options(folder.path()), &Silent);
    report(&directory, &solver).unwrap();
    assert_eq!(files(), before);
}

#[test]
fn a_status_that_cannot_be_read_is_not_a_trial_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let directory = finish(&study, &solver, &options(folder.path()), &Silent).directory;
    let trial = fs::read_dir(directory.join("trials")).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(trial.join("status.json")).unwrap();
    fs::create_dir(trial.join("status.json")).unwrap();
    let steps = solver.steps.load(Ordering::SeqCst);
    let error = run(&study, &solver, &options(folder.path()), &NEVER, &Silent).unwrap_err().to_string();
    assert!(error.starts_with("cannot read") && error.contains("status.json"), "{error}");
    assert_eq!(solver.steps.load(Ordering::SeqCst), steps);
}

#[cfg(unix)]
#[test]
fn a_folder_whose_name_json_cannot_hold_is_refused_before_anything_runs() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let folder = tempfile::tempdir().unwrap();
    let strange = folder.path().join(OsStr::from_bytes(b"dir\xff"));
    fs::create_dir(&strange).unwrap();
    let solver = FakeSolver::default();
    let out = folder.path().join("out");
    let error = run(&study(&strange, &[]), &solver, &options(&out), &NEVER, &Silent).unwrap_err().to_string();
    assert!(error.contains("not UTF-8") && !out.exists(), "{error}");
    assert_eq!(solver.steps.load(Ordering::SeqCst), 0);
}

#[test]
fn a_claim_is_text_in_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let claim = r#"claim = "<script>alert(1)</script> ![x](http://evil/x.png) \u001b[31m, and\nso on""#;
    let claimed = [("claim = \"The predictor of width m is within O(m^-1/2) of the limit's.\"", claim)];
    let found = finish(&study(folder.path(), &claimed), &FakeSolver::default(), &options(folder.path()), &Silent);
    let text = fs::read_to_string(found.path).unwrap();
    let expected = "\n\\<script>alert(1)\\</script> \\![x\\](http://evil/x.png) \\u{1b}[31m, and\nso on\n";
    assert!(text.contains(expected), "{text}");
}

/// A check of some widths says nothing about the others: its line is drawn from the first to the last of them.
#[test]
fn a_fitted_line_ends_where_the_fit_does() {
    let folder = tempfile::tempdir().unwrap();
    let all = study(folder.path(), &[]);
    let some = study(folder.path(), &[("tolerance = 0.05", "tolerance = 0.05\nonly = { width = [64, 1e3, 1e5] }")]);
    let solver = FakeSolver::default();
    // Dashes of a line are paths of their own: a line half as long has about half of them.
    let dashes = |study: &Study| {
        let found = finish(study, &solver, &options(folder.path()), &Silent);
        let svg = fs::read_to_string(found.directory.join("figures/convergence.svg")).unwrap();
        svg.matches("<polyline").count()
    };
    let (whole, part) = (dashes(&all), dashes(&some));
    assert!(part + 20 < whole, "{part} dashes, {whole} of the whole line");
}

/// What a result depends on is the version of its engine's results, not that of the program; every build that has worked is in the manifest.
#[test]
fn another_build_reuses_results_and_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let (study, log) = (study(folder.path(), &[]), Log::default());
    let found = finish(&study, &FakeSolver::default(), &options(folder.path()), &Silent);
    let read = |name: &str| fs::read_to_string(found.directory.join(name)).unwrap();
    assert!(read("trials/0000-1-m64-s1/trial.toml").contains("results = \"dense 2\""));
    assert!(read("trials/0020-1-minf-s1/trial.toml").contains("results = \"limit 2\""));
    let manifest = read("manifest.json");
    assert!(manifest.contains("\"commit\": \"") && manifest.contains("\"target\": \""), "{manifest}");
    let other = manifest.replace("\"version\": \"", "\"version\": \"0.0.");
    fs::write(found.directory.join("manifest.json"), other).unwrap();
    finish(&study, &FakeSolver::default(), &options(folder.path()), &log);
    assert_eq!(log.ran.load(Ordering::SeqCst), 0);
    assert_eq!(read("manifest.json").matches("\"version\"").count(), 2);
}

/// Without the others stopping, the second worker would take all 49 trials that are left, of 20 steps each.
#[test]
fn a_panic_in_one_worker_stops_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let solver = FakeSolver { panicking: Some(Width::Finite(64)), ..FakeSolver::default() };
    let study = study(folder.path(), &[]);
    let many = RunOptions { jobs: 2, ..options(folder.path()) };
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&study, &solver, &many, &NEVER, &Silent)));
    assert!(ran.is_err(), "{ran:?}");
    let steps = solver.steps.load(Ordering::SeqCst);
    assert!(steps < 400, "{steps} steps after a panic");
}

/// Trajectories that differ in nothing a reference depends on share it.
#[test]
fn references_are_computed_once() {
    let folder = tempfile::tempdir().unwrap();
    let solver = FakeSolver::default();
    finish(&study(folder.path(), &[]), &solver, &options(folder.path()), &Silent);
    // One per depth: the limit of mean field starts at zero.
    assert_eq!(solver.references.load(Ordering::SeqCst), 2);
}
