//! Runs with a fake solver: what is measured, judged and reported, and in which order trials run.

use std::{fs, path::Path, sync::atomic::Ordering};

use widenet_core::Width;
use widenet_experiment::{Outcome, RunOptions, Silent, Study, plan, run};
use widenet_statistics::Verdict;

use crate::fake::{FakeSolver, Log, NEVER, finish, options, study};

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
    type Changes<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Changes<'_>, Changes<'_>); 4] = [
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
    // Three engines at three widths for five seeds, and the limit once: it has no seed.
    assert_eq!((log.ran.load(Ordering::SeqCst), log.reused.load(Ordering::SeqCst)), (5 * 9 + 1, 5 * 3 - 1));
    assert_eq!(solver.steps.load(Ordering::SeqCst), 46 * 21);
    let directories = solved(&found.directory);
    assert_eq!((directories.len(), directories.iter().filter(|name| name.contains("minf")).count()), (46, 1));
    // Tables, figures and checks of every engine have it.
    let table = fs::read_to_string(found.directory.join("table.csv")).unwrap();
    for engine in ["law", "dense", "conditioned"] {
        assert!(table.contains(&format!("{engine}-minf-s1,inf,1,limit,done,")), "{engine}: {table}");
        let svg = fs::read_to_string(found.directory.join(format!("figures/loss-engine-{engine}.svg"))).unwrap();
        assert!(svg.contains("m = ∞ (limit)"), "{engine}");
        assert!(found.findings.iter().any(|f| f.check == "exact" && f.group == format!("engine = {engine}")));
    }
    let text = fs::read_to_string(&found.path).unwrap();
    assert!(text.contains("| limit | 1 |"), "{text}");
    let plans = plan(&study, &solver).unwrap();
    assert_eq!((plans[15].solved_as.as_deref(), plans[0].solved_as.as_deref()), (None, None));
    assert_eq!(plans.last().unwrap().solved_as.as_deref(), Some("law-minf-s1"), "{:?}", plans.last());
    let again = Log::default();
    finish(&study, &solver, &options(folder.path()), &again);
    assert_eq!((again.ran.load(Ordering::SeqCst), again.reused.load(Ordering::SeqCst)), (0, 60));
}

/// A limit that starts at random, or sees minibatches, has a seed; one that does not is solved once.
#[test]
fn limits_are_solved_once_where_they_have_no_seed() {
    let solved_limits = |changes: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        let all = [&[("width = [64, 1e3, 1e5, 1e7, \"inf\"]", "width = [64, 1e3, \"inf\"]")], changes].concat();
        let found = finish(&study(folder.path(), &all), &FakeSolver::default(), &options(folder.path()), &Silent);
        let table = fs::read_to_string(found.directory.join("table.csv")).unwrap();
        assert!(table.contains("minf-s5,1,inf,5,limit,done,"), "every seed has its rows: {table}");
        solved(&found.directory).iter().filter(|name| name.contains("minf")).count()
    };
    // Two depths.
    assert_eq!(solved_limits(&[]), 2);
    assert_eq!(solved_limits(&[("kind = \"mean_field\"", "kind = \"ntk\"")]), 10);
    assert_eq!(solved_limits(&[("kind = \"gd\"", "kind = \"sgd\"\nbatch_size = 1")]), 10);
}

/// `only` restricts what a figure draws, not what is measured or judged; curves may run along steps.
#[test]
fn figures_draw_some_values_of_axes_only() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = |more: &str| {
        let changes = [("metric = \"distance\"\n\n[[figure]]\nname = \"loss\"", more), ("count = 5", "count = 2")];
        let found = finish(&study(folder.path(), &changes), &FakeSolver::default(), &options(folder.path()), &Silent);
        let svg = |stem: &str| fs::read_to_string(found.directory.join(format!("figures/{stem}.svg"))).ok();
        let stems = ["convergence", "loss-hidden_layers-1", "loss-hidden_layers-3"];
        (stems.map(svg), found.not_drawn, found.findings.len())
    };
    let (all, _, findings) = drawn("metric = \"distance\"\n\n[[figure]]\nname = \"loss\"");
    let only = "only = { width = [64, 1e3], network.hidden_layers = [3] }";
    let (some, not_drawn, some_findings) =
        drawn(&format!("metric = \"distance\"\n{only}\n\n[[figure]]\nname = \"loss\"\nx = \"step\"\n{only}"));
    assert!(not_drawn.is_empty() && findings == some_findings, "{not_drawn:?}");
    let [Some(convergence), Some(one), Some(three)] = all else { panic!("all are drawn") };
    let [Some(some_convergence), None, Some(some_three)] = some else { panic!("of three hidden layers only") };
    for (svg, words, are_there) in [
        (&convergence, "hidden layers = 1", true),
        (&some_convergence, "hidden layers = 1", false),
        (&some_convergence, "hidden layers = 3", true),
        (&one, "m = 100000", true),
        (&three, "m = 100000", true),
        (&three, "training time t", true),
        (&some_three, "m = 100000", false),
        (&some_three, "m = 1000", true),
        (&some_three, "training time t", false),
        (&some_three, ">\nstep", true),
    ] {
        assert_eq!(svg.contains(words), are_there, "{words}: {svg}");
    }
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
fn diverged_trials_are_rows_and_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let solver = FakeSolver { diverging: Some(Width::Finite(1000)), ..FakeSolver::default() };
    let found = finish(&study(folder.path(), &[]), &solver, &options(folder.path()), &Silent);
    assert_eq!(found.findings[0].verdict, Verdict::Inconclusive, "three widths are left, no fair sample");
    assert_eq!(found.findings[0].fit.unwrap().points, 3);
    assert_eq!(found.findings[0].reason, "5 of 20 values are missing: 5 of 20 diverged");
    let svg = fs::read_to_string(found.directory.join("figures/loss-hidden_layers-1.svg")).unwrap();
    assert!(svg.contains("5 of 5 diverged"), "{svg}");
    let svg = fs::read_to_string(found.directory.join("figures/convergence.svg")).unwrap();
    assert!(svg.contains("5 of 5 diverged at 1000") && svg.contains("cross on the edge: all diverged"), "{svg}");
    let text = fs::read_to_string(&found.path).unwrap();
    assert!(text.contains("diverged at step 7") && text.contains("m1000-s1"), "{text}");
    let table = fs::read_to_string(found.directory.join("table.csv")).unwrap();
    assert!(table.lines().any(|line| line.contains("1000,1,law,diverged,7,")), "{table}");
}

/// A point that lacks a seed says so, wherever it stands; a study without divergence says nothing.
#[test]
fn a_seed_that_diverged_is_missed_in_figures_tables_and_fits() {
    let folder = tempfile::tempdir().unwrap();
    let diverging =
        FakeSolver { diverging: Some(Width::Finite(1000)), diverging_seed: Some(2), ..FakeSolver::default() };
    for (solver, said) in [(diverging, true), (FakeSolver::default(), false)] {
        let found =
            finish(&study(folder.path(), &[]), &solver, &options(&folder.path().join(said.to_string())), &Silent);
        let read = |name: &str| fs::read_to_string(found.directory.join(name)).unwrap();
        for (file, words) in [
            ("figures/convergence.svg", "1 of 5 diverged at 1000"),
            ("figures/convergence.svg", "open: without the seeds that diverged"),
            ("figures/loss-hidden_layers-1.svg", "1 of 5 diverged"),
            ("report.md", "(1 of 5 diverged)"),
            ("report.md", "1 of 20 diverged"),
            ("fits.csv", "1 of 20 diverged"),
            ("metrics.csv", ",1000,2,law,diverged,"),
        ] {
            assert_eq!(read(file).contains(words), said, "{file}: {words}: {}", read(file));
        }
    }
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
    // A busy machine takes its time to tell a panic.
    assert!(steps < 900, "{steps} steps after a panic");
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
