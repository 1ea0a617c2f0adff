//! Studies of questions about random networks, answered by the laws themselves.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use crate::fake::{FakeSolver, Log, study_file};
use widenet_experiment::{Error, Outcome, Report, RunOptions, Silent, Study, plan, report, run};
use widenet_statistics::Verdict;

static NEVER: AtomicBool = AtomicBool::new(false);

/// Distance to the limit at depth = width: β/α times a constant, that is of exponent -1.
const PRIOR: &str = r#"
[study]
name = "prior"
claim = "The output of a network as deep as it is wide is within O(1/N) of the limit's."
expected = "exponent -1"

[prior.network]
depth_ratio = 1.0
[prior.distance]
[prior.moments]
scale = [0.5, 2.0]
[prior.quantiles]
levels = [0.6, 0.9]

[axes]
width = [8, 16, 32, 64, "inf"]

[[metric]]
name = "distance"
value = "distance.output_to_limit"
[[metric]]
name = "kurtosis_error"
value = "moments.kurtosis"
against = "limit"
relative = true
[[metric]]
name = "last_scale"
value = "moments.scale.-1"

[[check]]
name = "rate"
kind = "power_law"
metric = "distance"
exponent = -1.0
tolerance = 0.1
[[check]]
name = "same-variance"
kind = "below"
metric = "last_scale"
value = 100

[[figure]]
name = "distance"
kind = "scaling"
metric = "distance"
[[figure]]
name = "quantiles"
kind = "lines"
x = "quantiles.levels"
y = ["quantiles.values"]
series = "width"
"#;

fn replaced(replacements: &[(&str, &str)]) -> String {
    replacements.iter().fold(PRIOR.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the study does not contain `{from}`");
        text.replace(from, to)
    })
}

fn load(folder: &Path, replacements: &[(&str, &str)]) -> Result<Study, Error> {
    Study::load(&study_file(folder, &replaced(replacements)), false, &[])
}

fn options(out: &Path) -> RunOptions {
    RunOptions { out: out.into(), ..RunOptions::default() }
}

fn finish(study: &Study, out: &Path, log: &Log) -> Report {
    match run(study, &FakeSolver::default(), &options(out), &NEVER, log).unwrap() {
        Outcome::Finished(report) => report,
        other => panic!("{other:?}"),
    }
}

/// The run directory of the study, finished.
pub(crate) fn finished_prior(folder: &Path) -> PathBuf {
    finish(&load(folder, &[]).unwrap(), folder, &Log::default()).directory
}

/// Cells of a table by column.
fn column(directory: &Path, table: &str, name: &str) -> Vec<String> {
    let text = fs::read_to_string(directory.join(table)).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(String::from).collect::<Vec<_>>());
    let position = lines.next().unwrap().iter().position(|cell| cell == name).unwrap();
    lines.map(|row| row[position].clone()).collect()
}

#[test]
fn a_rate_is_confirmed_and_another_one_refuted_from_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let found = finish(&load(folder.path(), &[]).unwrap(), folder.path(), &Log::default());
    assert!(found.all_confirmed(), "{:#?}", found.findings);
    assert_eq!(column(&found.directory, "table.csv", "width"), ["8", "16", "32", "64", "inf"]);
    assert_eq!(column(&found.directory, "table.csv", "engine")[0], "prior");
    assert_eq!(
        column(&found.directory, "table.csv", "distance.output_to_limit"),
        column(&found.directory, "metrics.csv", "distance")
    );
    // Of the limit α = 1: E q² = e² by docs/theory/proportional-limit.md §3, whose kurtosis is 3 e^2/(E q)² with E q = 1.
    let last = column(&found.directory, "metrics.csv", "last_scale")[4].parse::<f64>().unwrap();
    let kurtosis = column(&found.directory, "table.csv", "moments.kurtosis");
    let kurtosis: Vec<f64> = kurtosis.iter().map(|cell| cell.parse().unwrap()).collect();
    assert!((kurtosis[4] / (3.0 * last) - 1.0).abs() < 1e-12, "{kurtosis:?}, {last}");
    let errors = column(&found.directory, "metrics.csv", "kurtosis_error");
    assert!((errors[0].parse::<f64>().unwrap() - (1.0 - kurtosis[0] / kurtosis[4]).abs()).abs() < 1e-12);
    let svg = fs::read_to_string(found.directory.join("figures/quantiles.svg")).unwrap();
    assert!(svg.contains("m = 8") && svg.contains("m = inf") && svg.contains("quantiles levels"));

    // Negative control: the wrong exponent is refuted, and nothing is asked again.
    let log = Log::default();
    let wrong = load(folder.path(), &[("exponent = -1.0", "exponent = -0.5")]).unwrap();
    let other = finish(&wrong, folder.path(), &log);
    assert_eq!(other.findings[0].verdict, Verdict::Refuted);
    assert_eq!((&other.directory, log.ran.load(Ordering::SeqCst)), (&found.directory, 0));
    assert_eq!(report(&found.directory, &FakeSolver::default(), &NEVER).unwrap().unwrap().findings, other.findings);
    let deeper = load(folder.path(), &[("depth_ratio = 1.0", "depth_ratio = 2.0")]).unwrap();
    assert_ne!(finish(&deeper, folder.path(), &Log::default()).directory, found.directory);
}

#[test]
fn an_interrupted_study_of_questions_continues_and_damaged_answers_are_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    // Draws look at whether to stop.
    let sample = "[prior.sample]\ndraws = 20\n[axes]\nseed = [3, 4]\n";
    let study = load(folder.path(), &[("[axes]\n", sample)]).unwrap();
    let expected = finish(&study, &folder.path().join("a"), &Log::default());
    let out = folder.path().join("b");
    match run(&study, &FakeSolver::default(), &options(&out), &AtomicBool::new(true), &Silent).unwrap() {
        Outcome::Interrupted { remaining, .. } => assert_eq!(remaining, 10),
        other => panic!("{other:?}"),
    }
    let found = finish(&study, &out, &Log::default());
    let answer =
        |directory: &Path, trial: &str| fs::read_to_string(directory.join("trials").join(trial).join("answer.json"));
    let same = answer(&expected.directory, "0000-m8-s3").unwrap();
    assert_eq!(answer(&found.directory, "0000-m8-s3").unwrap(), same);
    assert_ne!(answer(&found.directory, "0001-m8-s4").unwrap(), same, "the seed reaches the draws");

    let path = found.directory.join("trials/0002-m16-s3/answer.json");
    fs::write(&path, "{}").unwrap();
    let log = Log::default();
    finish(&study, &out, &log);
    assert_eq!((log.ran.load(Ordering::SeqCst), log.reused.load(Ordering::SeqCst)), (1, 9));
    assert!(log.notes.lock().unwrap()[0].contains("answer.json is not the one"));
}

#[test]
fn shards_of_questions_share_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    let study = load(folder.path(), &[]).unwrap();
    let whole = finish(&study, &folder.path().join("a"), &Log::default());
    let shard = |text: &str| RunOptions { shard: text.parse().unwrap(), ..options(&folder.path().join("b")) };
    let first = run(&study, &FakeSolver::default(), &shard("1/2"), &NEVER, &Silent);
    assert!(matches!(first, Ok(Outcome::ShardFinished { remaining: 2, .. })), "{first:?}");
    match run(&study, &FakeSolver::default(), &shard("2/2"), &NEVER, &Silent).unwrap() {
        Outcome::Finished(found) => assert_eq!(found.findings, whole.findings),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_question_may_be_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("spec.toml"),
        "[network]\ndepth_ratio = 1.0\n[distance]\n[moments]\nscale = [0.5, 2.0]\n[quantiles]\nlevels = [0.6, 0.9]\n",
    )
    .unwrap();
    let (start, end) = (PRIOR.find("[prior.network]").unwrap(), PRIOR.find("[axes]").unwrap());
    let text = format!("prior = \"spec.toml\"\n{}{}", &PRIOR[..start], &PRIOR[end..]);
    let study =
        |overrides: &[(String, String)]| Study::load(&study_file(folder.path(), &text), false, overrides).unwrap();
    let own = finish(&study(&[]), folder.path(), &Log::default());
    let inline = finish(&load(folder.path(), &[]).unwrap(), &folder.path().join("inline"), &Log::default());
    assert_eq!(own.findings, inline.findings);
    // Overrides reach into the file.
    let deeper = finish(&study(&[("prior.network.depth_ratio".into(), "2.0".into())]), folder.path(), &Log::default());
    let last = |found: &Report| column(&found.directory, "metrics.csv", "last_scale")[4].parse::<f64>().unwrap();
    assert!((last(&deeper) / last(&own) - 1f64.exp().powi(2)).abs() < 1e-9, "E q² = exp(2 α)");
}

#[test]
fn values_are_compared_by_distance_difference_and_ratio() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = |comparison: &str| {
        let more = format!(
            "[[metric]]\nname = \"compared\"\nvalue = \"moments.scale.0\"\nagainst_value = \"moments.scale.1\"\n{comparison}\n[[check]]\nname = \"rate\""
        );
        let found = finish(
            &load(folder.path(), &[("[[check]]\nname = \"rate\"", &more)]).unwrap(),
            folder.path(),
            &Log::default(),
        );
        column(&found.directory, "metrics.csv", "compared")[4].parse::<f64>().unwrap()
    };
    // E q^s = exp(α s (s − 1)) in the limit (docs/theory/proportional-limit.md §3).
    let (half, two) = ((-0.25f64).exp(), 2f64.exp());
    for (comparison, expected) in [
        ("", two - half),
        ("comparison = \"difference\"", half - two),
        ("comparison = \"difference\"\nrelative = true", half / two - 1.0),
        ("comparison = \"ratio\"", half / two),
    ] {
        assert!((metrics(comparison) - expected).abs() < 1e-12 * expected.abs(), "`{comparison}`");
    }
}

#[test]
fn the_width_is_optional_and_other_keys_are_axes() {
    let folder = tempfile::tempdir().unwrap();
    let study = load(
        folder.path(),
        &[
            ("width = [8, 16, 32, 64, \"inf\"]", "network.depth_ratio = [0.5, 1, 2]"),
            ("depth_ratio = 1.0", "width = \"inf\"\ndepth_ratio = 1.0"),
            ("against = \"limit\"\nrelative = true\n", ""),
            ("tolerance = 0.1", "tolerance = 0.1\nx = \"network.depth_ratio\""),
            ("series = \"width\"", ""),
            ("metric = \"distance\"\n[[figure]]", "metric = \"last_scale\"\nx = \"network.depth_ratio\"\n[[figure]]"),
        ],
    );
    let study = study.unwrap();
    assert_eq!((study.kind.name(), study.widths.len()), ("prior", 0));
    let plans = plan(&study, &FakeSolver::default()).unwrap();
    let labels: Vec<_> = plans.iter().map(|planned| planned.trial.label.as_str()).collect();
    assert_eq!(labels, ["0.5-s1", "1-s1", "2-s1"]);
    assert_eq!(plans[0].plan.as_ref().unwrap().runner, "prior");
    let found = finish(&study, folder.path(), &Log::default());
    assert!(found.directory.join("figures/quantiles-depth_ratio-0.5.png").exists());
    assert_eq!(found.findings[0].verdict, Verdict::Inconclusive, "the limit has no distance to itself");
}

#[test]
fn mistakes_are_named_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("[prior.distance]", "[problem.network]\n[prior.distance]", "a study has `problem` or `prior`, not both"),
        ("scale = [0.5, 2.0]", "scales = [0.5, 2.0]", "unknown key `moments.scales`; did you mean `scale`?"),
        (
            "[prior.quantiles]",
            "[prior.quantile]",
            "it must be a path into the answer that begins with distance or moments",
        ),
        ("value = \"distance.", "value = \"distanze.", "begins with distance or moments or quantiles"),
        ("value = \"distance", "quantity = \"distance", "`metric[0].value` is missing"),
        ("against = \"limit\"", "against = \"lazy\"", "unknown `metric[1].against`"),
        ("against = \"limit\"\nrelative = true", "comparison = \"ratio\"", "a comparison with what?"),
        ("relative = true", "relative = true\ncomparison = \"ratio\"", "a ratio is relative already"),
        ("kind = \"scaling\"", "kind = \"scaling\"\nx_scale = \"logarithmic\"", "unknown `figure[0].x_scale`"),
        ("64, \"inf\"]", "64]", "needs the width \"inf\""),
        ("kind = \"power_law\"", "kind = \"exponential\"", "unknown `check[0].kind`: \"exponential\""),
        ("kind = \"lines\"", "kind = \"curves\"", "unknown `figure[1].kind`: \"curves\""),
        ("y = [\"quantiles.values\"]", "", "`y` or `points` is missing"),
        ("y = [\"quantiles.values\"]", "y = [\"quantiles.values\"]\nlabels = [\"a\", \"b\"]", "one per path"),
        ("x = \"quantiles.levels\"", "", "`figure[1].x` is missing"),
        ("expected =", "engine = \"law\"\nexpected =", "a question has no engine"),
        ("expected =", "tolerance = 1e-3\nexpected =", "`study.tolerance` is not used here: a question has no engine"),
        (
            "expected =",
            "answers = \"stored\"\nexpected =",
            "`study.answers` is not used here: a question has no engine",
        ),
        ("depth_ratio = 1.0", "depth_ratio = -1.0", "`network.depth_ratio` is -1"),
        ("depth_ratio = 1.0", "depth_ratio = 1.0\nwidths = [3]", "not both"),
    ];
    for (from, to, expected) in cases {
        let study = load(folder.path(), &[(from, to)]);
        let error = study.and_then(|study| plan(&study, &FakeSolver::default())).unwrap_err().to_string();
        assert!(error.contains(expected), "`{to}`: {error}");
        assert!(error.contains("fake.toml:"), "`{to}`: {error}");
    }
}

#[test]
fn a_path_that_leads_nowhere_is_told_with_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let study = load(folder.path(), &[("output_to_limit", "output_to_limt")]).unwrap();
    let log = Log::default();
    let found = finish(&study, folder.path(), &log);
    assert_eq!(found.findings[0].verdict, Verdict::Inconclusive);
    let text = fs::read_to_string(&found.path).unwrap();
    let said = "no `distance.output_to_limt`: distance has alpha, beta";
    assert!(text.contains(said), "{text}");
    // Told once as the first trial ends, and at the end.
    let notes = log.notes.lock().unwrap();
    let told: Vec<_> =
        notes.iter().filter(|note| note.starts_with("metric `distance` has no value in trial ")).collect();
    assert!(told.len() == 1 && told[0].contains(said), "{notes:?}");
    assert!(told[0].contains("did you mean `distance.output_to_limit`?"), "{told:?}");
    let [unanswered] = &found.unanswered[..] else { panic!("{:?}", found.unanswered) };
    assert!(unanswered.metric == "distance" && unanswered.reason.contains(said), "{unanswered:?}");
    // A path that leads somewhere is not told.
    let found = finish(&load(folder.path(), &[]).unwrap(), folder.path(), &Log::default());
    assert_eq!(found.unanswered, []);
    let study = load(folder.path(), &[("\"quantiles.values\"", "\"quantiles.valuez\"")]).unwrap();
    let found = finish(&study, folder.path(), &Log::default());
    let [missing] = &found.not_drawn[..] else { panic!("{:?}", found.not_drawn) };
    assert!(missing.figure == "quantiles" && missing.reason.contains("quantiles has levels, values"), "{missing:?}");
    // The report, its tables and the other figure are there.
    let text = fs::read_to_string(&found.path).unwrap();
    assert!(text.contains("- `quantiles` could not be drawn: ") && text.contains(&missing.reason), "{text}");
    assert!(text.contains("**confirmed**") && text.contains("](figures/"), "{text}");
    assert!(!found.directory.join("figures/quantiles.svg").exists());
}

/// Every number of a short list has a column, whose name is its path; a long list is named.
#[test]
fn numbers_of_lists_are_in_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let text = include_str!("../../../../experiments/questions/predict.toml");
    let study = Study::load(&study_file(folder.path(), text), false, &[]).unwrap();
    let found = finish(&study, folder.path(), &Log::default());
    let means = column(&found.directory, "table.csv", "predictions.0.train.mean.1.0");
    let losses = column(&found.directory, "table.csv", "predictions.0.train_loss");
    assert!(means.len() == 3 && losses.len() == 3, "{means:?} {losses:?}");
    // Ridge regression with a ridge of 1e-6 meets the target −1.
    assert!((means[0].parse::<f64>().unwrap() + 1.0).abs() < 1e-3, "{means:?}");
    let report = fs::read_to_string(&found.path).unwrap();
    assert!(!report.contains("Lists of over"), "{report}");
    let inputs: Vec<String> = (0..32).map(|i| format!("[{}, 1.0]", 0.1 * f64::from(i))).collect();
    let kernel = include_str!("../../../../experiments/questions/kernel.toml")
        .replace("[[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]]", &format!("[{}]", inputs.join(", ")))
        .replace("[64, 256, 1024, \"inf\"]", "[\"inf\"]")
        .replace("count = 60", "count = 1");
    let study = Study::load(&study_file(folder.path(), &kernel), false, &[]).unwrap();
    let found = finish(&study, folder.path(), &Log::default());
    let header = fs::read_to_string(found.directory.join("table.csv")).unwrap();
    assert!(!header.contains("ntk.train.0.0"), "{header}");
    let report = fs::read_to_string(&found.path).unwrap();
    assert!(report.contains("Lists of over 1000 numbers are in") && report.contains("`ntk.train`"), "{report}");
}

#[test]
fn posteriors_are_studied_too() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"
[study]
name = "posterior"
claim = "The mean of a finite network approaches the limit's."
expected = "falls with the width"
[posterior]
kernel = [[1.0, 0.2, 0.5], [0.2, 1.0, 0.4], [0.5, 0.4, 1.0]]
[posterior.network]
depth_ratio = 0.5
[posterior.posterior]
noise_variance = 0.1
targets = [[1.0], [-0.5]]
[axes]
width = [16, 32, 64, 128, 256, "inf"]
[[metric]]
name = "mean_distance"
value = "mean"
against = "limit"
[[metric]]
name = "evidence"
value = "log_evidence"
[[check]]
name = "rate"
kind = "power_law"
metric = "mean_distance"
at_most = -0.7
[[check]]
name = "evidence"
kind = "below"
metric = "evidence"
value = -1e-3
[[figure]]
name = "mean"
kind = "scaling"
metric = "mean_distance"
"#;
    let study = Study::load(&study_file(folder.path(), text), false, &[]).unwrap();
    let found = finish(&study, folder.path(), &Log::default());
    assert!(found.all_confirmed(), "{:#?}", found.findings);
    assert_eq!(column(&found.directory, "table.csv", "status"), ["done"; 6]);
    let precise = text.replace("expected =", "precision = \"f32\"\nexpected =");
    let error = Study::load(&study_file(folder.path(), &precise), false, &[]).unwrap_err().to_string();
    assert!(error.contains("`study.precision` is not used here: a posterior is computed in f64"), "{error}");
}

/// Questions that multiply weight matrices share one device, so they run one at a time; which device that is is said once.
/// What is wrong with one trial's numbers is told by the plan, before any other trial runs.
#[test]
fn mistakes_of_single_trials_are_told_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let study = |data: &str, axis: &str| {
        let text = format!(
            "[study]\nname = \"x\"\nclaim = \"x\"\nexpected = \"x\"\n[posterior.network]\nwidths = [4]\n[posterior.data]\n{data}\n\
             [posterior.posterior]\nnoise_variance = 0.1\n[axes]\n{axis}"
        );
        Study::load(&study_file(folder.path(), &text), false, &[]).unwrap()
    };
    let told = |study: &Study| plan(study, &FakeSolver::default()).unwrap_err().to_string();
    let inline = |targets: &str| format!("kind = \"inline\"\ninputs = [[1.0], [2.0]]\ntargets = {targets}");
    let right = inline("[[1.0], [2.0]]");
    assert!(plan(&study(&right, "network.gain = [1.0, 2.0]"), &FakeSolver::default()).is_ok());
    let gain = study(&right, "network.weight_variances = [[1.0, 1.0], [1e-300, 1e-300]]");
    assert!(told(&gain).contains("a gain of 0: it must be positive and finite"), "{}", told(&gain));
    let targets = study(&inline("[[1e200], [2.0]]"), "network.gain = [1.0]");
    assert!(told(&targets).contains("the squares of the targets overflow"), "{}", told(&targets));
    fs::write(folder.path().join("right.csv"), "x,y\n1,2\n2,3\n").unwrap();
    fs::write(folder.path().join("wrong.csv"), "x,y\n1,2\n2,three\n").unwrap();
    let csv = "kind = \"csv\"\ntrain = \"right.csv\"\ninputs = [\"x\"]\ntargets = [\"y\"]";
    let file = study(csv, "data.train = [\"right.csv\", \"wrong.csv\"]");
    let error = told(&file);
    assert!(error.contains("wrong.csv") && error.contains("`three` is not a finite number"), "{error}");
}

#[test]
fn questions_to_networks_run_one_at_a_time_and_name_their_device() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = "[prior.agreement]\nby = \"network\"\ndraws = 40\n[axes]\n";
    let with = |text: &str| {
        load(
            folder.path(),
            &[("[axes]\n", text), (", 64, \"inf\"]", "]"), ("against = \"limit\"\nrelative = true\n", "")],
        )
    };
    let exclusive = |study: &Study| {
        let plans = plan(study, &FakeSolver::default()).unwrap();
        plans.iter().all(|planned| planned.plan.as_ref().unwrap().exclusive)
    };
    let study = with(drawn).unwrap();
    assert!(exclusive(&study));
    assert!(!exclusive(&with(&drawn.replace("network", "law")).unwrap()));
    assert!(
        plan(&study, &FakeSolver::default()).unwrap().iter().all(|planned| planned
            .plan
            .as_ref()
            .unwrap()
            .estimate
            .is_none())
    );
    let log = Log::default();
    finish(&study, folder.path(), &log);
    let notes = log.notes.lock().unwrap();
    assert_eq!(notes.iter().filter(|note| note.starts_with("device auto")).count(), 1, "{notes:?}");
}

/// Runs a study of a question that is written as it is.
fn studied(text: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let study = Study::load(&study_file(folder.path(), text), false, &[]).unwrap();
    let found = finish(&study, folder.path(), &Log::default());
    let figures = fs::read_dir(found.directory.join("figures")).unwrap().count();
    assert!(figures >= 2, "{figures} figures");
    found
}

/// The kernel of one network is within O(m^-1/2) of the limit (docs/theory/ntk.md), and the wrong exponent is refuted.
#[test]
fn kernels_can_be_studied() {
    let text = include_str!("../../../../experiments/questions/kernel.toml");
    let found = studied(text);
    assert!(found.all_confirmed(), "{:#?}", found.findings);
    let wrong = studied(&text.replace("exponent = -0.5", "exponent = -1.0"));
    assert_eq!(wrong.findings[0].verdict, Verdict::Refuted);
}

#[test]
fn predictions_can_be_studied() {
    let found = studied(include_str!("../../../../experiments/questions/predict.toml"));
    assert!(found.all_confirmed(), "{:#?}", found.findings);
}

#[test]
fn scalings_can_be_studied() {
    let found = studied(include_str!("../../../../experiments/questions/scaling.toml"));
    assert!(found.all_confirmed(), "{:#?}", found.findings);
    let folder = tempfile::tempdir().unwrap();
    let text = include_str!("../../../../experiments/questions/scaling.toml");
    let error = |from: &str, to: &str| {
        let study = Study::load(&study_file(folder.path(), &text.replace(from, to)), false, &[]);
        study.and_then(|study| plan(&study, &FakeSolver::default())).unwrap_err().to_string()
    };
    assert!(error("[axes]", "[axes]\nwidth = [64]").contains("a scaling has no width"));
    assert!(error("expected =", "precision = \"f64\"\nexpected =").contains("a scaling is computed in f64"));
    assert!(error("q_sigma = -1.0", "").contains("give one of `name`"));
}
