//! Study files: expansion, overrides, mistakes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::fake::{FakeSolver, STUDY, study, study_file};
use widenet_core::{Width, document::Document, trajectory::Engine};
use widenet_engines::{HiddenOptions, load_problem};
use widenet_experiment::{Study, plan};
use widenet_model::ResponseStorage;
use widenet_questions::{KernelQuestion, PosteriorQuestion, PredictQuestion, PriorQuestion};

#[test]
fn a_study_expands_to_all_combinations() {
    let folder = tempfile::tempdir().unwrap();
    let trials = study(folder.path(), &[]).expand().unwrap();
    assert_eq!(trials.len(), 2 * 5 * 5);
    let labels: Vec<_> = [0, 1, 5, 24, 49].map(|index| trials[index].label.clone()).into();
    assert_eq!(labels, ["1-m64-s1", "1-m64-s2", "1-m1000-s1", "1-minf-s5", "3-minf-s5"]);
    assert!(trials.iter().enumerate().all(|(index, trial)| trial.index == index));
}

#[test]
fn tables_are_axis_values_labelled_by_kind_or_by_keys() {
    let folder = tempfile::tempdir().unwrap();
    let with = |axis: &str| study(folder.path(), &[("network.hidden_layers = [1, 3]", axis)]).axes[0].clone();
    let labels = |axis: &str| with(axis).values.into_iter().map(|value| value.label).collect::<Vec<_>>();
    assert_eq!(labels(r#"parameterization = [{ kind = "mean_field" }, { kind = "ntk" }]"#), ["mean_field", "ntk"]);
    let same = r#"parameterization = [{ kind = "mean_field" }, { kind = "mean_field", richness = 0.1 }]"#;
    assert_eq!(labels(same), ["kind=mean_field", "kind=mean_field richness=0.1"]);
    let quoted = with(r#""parameterization.richness" = [0.1, 1]"#);
    assert_eq!(quoted.key, "parameterization.richness");
    assert_eq!(quoted.values[0].number, Some(0.1));
}

/// The fake study without its own rule, with an axis of engines.
fn with_engines(folder: &Path, axis: &str) -> Study {
    study(folder, &[("dense_up_to = 100\n", ""), ("network.hidden_layers = [1, 3]", axis)])
}

/// The fake study with replacements, with quantities that perceptrons have.
fn perceptrons(folder: &Path, replacements: &[(&str, &str)]) -> Study {
    let recorded = ("quantities = [\"train_loss\", \"predictor\"]", "quantities = [\"train_loss\", \"outputs\"]");
    let metric = ("quantity = \"predictor\"\nagainst = \"limit\"", "quantity = \"outputs\"");
    study(folder, &[replacements, &[recorded, metric]].concat())
}

#[test]
fn engines_are_an_axis_at_the_widths_they_can_have() {
    let folder = tempfile::tempdir().unwrap();
    let study =
        with_engines(folder.path(), r#"engine = ["law", { kind = "dense", min_width = 1e3, max_width = 1e5 }]"#);
    let trials = study.expand().unwrap();
    assert_eq!(trials.len(), (5 + 2) * 5);
    let labels: Vec<_> = [0, 24, 25, 34].map(|index| trials[index].label.clone()).into();
    assert_eq!(labels, ["law-m64-s1", "law-minf-s5", "dense-m1000-s1", "dense-m100000-s5"]);
    let solver = FakeSolver::default();
    plan(&study, &solver).unwrap();
    let asked = solver.asked.lock().unwrap();
    let engines: Vec<_> = [0, 24, 25].map(|index| asked[index].1.name()).into();
    assert_eq!(engines, ["law", "auto", "dense"], "the limit is nobody's choice");
    assert!(trials.iter().all(|trial| trial.specification.get("engine").is_none()));
    assert!(trials.iter().enumerate().all(|(index, trial)| trial.index == index));
}

#[test]
fn tolerance_and_answers_are_keys_and_axes() {
    let folder = tempfile::tempdir().unwrap();
    let keys = study(
        folder.path(),
        &[("dense_up_to = 100", "engine = \"conditioned\"\ntolerance = 1e-3\nanswers = \"recomputed\"")],
    );
    let options = |study: &Study, index: usize| {
        let solver = FakeSolver::default();
        plan(study, &solver).unwrap();
        solver.asked.into_inner().unwrap()[index].2
    };
    let asked = HiddenOptions { tolerance: Some(1e-3), answers: Some(ResponseStorage::Recomputed) };
    assert_eq!(options(&keys, 0), asked);
    assert_eq!(options(&keys, 24), HiddenOptions { answers: None, ..asked }, "the limit keeps no answers");
    let axes = |network: &str| {
        let axes = format!("tolerance = [1e-2, 1e-6]\nanswers = [\"stored\", \"recomputed\"]\n{network}");
        study(folder.path(), &[("dense_up_to = 100\n", ""), ("network.hidden_layers = [1, 3]", &axes)])
    };
    let linear = axes("");
    let labels: Vec<_> = linear.expand().unwrap().into_iter().map(|trial| trial.label).collect();
    assert_eq!((labels.len(), labels[0].as_str()), (2 * 2 * 25, "stored-0.01-m64-s1"));
    assert_eq!(options(&linear, 25), HiddenOptions { tolerance: Some(1e-6), answers: Some(ResponseStorage::Stored) });
    assert_eq!(options(&linear, 24).tolerance, Some(1e-2), "the limit of a deep linear network has a tolerance");
    let axes = "tolerance = [1e-2, 1e-6]\nanswers = [\"stored\", \"recomputed\"]\nnetwork.activation = [\"tanh\"]";
    let tanh = perceptrons(folder.path(), &[("dense_up_to = 100\n", ""), ("network.hidden_layers = [1, 3]", axes)]);
    assert_eq!(options(&tanh, 24), HiddenOptions::default(), "that of a perceptron is in closed form");
    let engines = r#"engine = ["dense", { kind = "conditioned", tolerance = 1e-4, answers = "stored" }]"#;
    let own = with_engines(folder.path(), engines);
    let stored = HiddenOptions { tolerance: Some(1e-4), answers: Some(ResponseStorage::Stored) };
    let of = [0, 25, 49].map(|index| options(&own, index));
    assert_eq!(of, [HiddenOptions::default(), stored, HiddenOptions::default()], "the limit is no engine's own");
    let both =
        STUDY.replace("dense_up_to = 100\n", "").replace("[axes]", &format!("[axes]\ntolerance = [1e-2]\n{engines}"));
    let error = Study::load(&study_file(folder.path(), &both), false, &[]).unwrap_err().to_string();
    assert!(error.contains("`tolerance` is an axis and a key of an engine; give one or the other"), "{error}");
    let twice = STUDY.replace("dense_up_to = 100", "tolerance = 1e-3").replace("[axes]", "[axes]\ntolerance = [1e-2]");
    let error = Study::load(&study_file(folder.path(), &twice), false, &[]).unwrap_err().to_string();
    assert!(error.contains("`study.tolerance` is not used here: `axes.tolerance` has its values"), "{error}");
}

#[test]
fn wide_perceptrons_are_conditioned_above_the_dense_widths() {
    let folder = tempfile::tempdir().unwrap();
    let engines = |network: &str| {
        let study = perceptrons(folder.path(), &[("network.hidden_layers = [1, 3]", network)]);
        let solver = FakeSolver::default();
        plan(&study, &solver).unwrap();
        let asked = solver.asked.lock().unwrap();
        [0, 5, 20].map(|index| asked[index].1.name())
    };
    assert_eq!(engines("network = [{ hidden_layers = 3, activation = \"tanh\" }]"), ["dense", "conditioned", "auto"]);
    // One hidden layer has no hidden matrices to know by their answers, and only some classifiers have a law.
    assert_eq!(engines("network = [{ hidden_layers = 1, activation = \"tanh\" }]"), ["dense", "auto", "auto"]);
}

#[test]
fn overrides_reach_the_problem_and_the_axes() {
    let folder = tempfile::tempdir().unwrap();
    let path = study_file(folder.path(), STUDY);
    let set = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let study =
        Study::load(&path, false, &[set("axes.width", "[8, \"inf\"]"), set("problem.optimizer.steps", "30")]).unwrap();
    assert_eq!(study.widths, [Width::Finite(8), Width::Infinite]);
    assert!(study.resolved().contains("steps = 30"));
    let error = Study::load(&path, false, &[set("axes.width", "[0]")]).unwrap_err().to_string();
    assert!(error.starts_with("--set axes.width=[0]"), "{error}");
}

#[test]
fn the_problem_may_be_a_file_with_data_next_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let (head, rest) = STUDY.split_once("[problem.network]").unwrap();
    let (problem, tail) = rest.split_once("[axes]").unwrap();
    let problem = format!("[network]{}", problem.replace("[problem.", "["));
    let inline = "kind = \"inline\"\ninputs = [[1, 0], [0, 1]]\ntargets = [[1], [2]]";
    assert!(problem.contains(inline));
    fs::create_dir(folder.path().join("problems")).unwrap();
    let csv = "kind = \"csv\"\ntrain = \"small.csv\"\ninputs = 2\ntargets = [\"y\"]";
    fs::write(folder.path().join("problems/small.toml"), problem.replace(inline, csv)).unwrap();
    fs::write(folder.path().join("problems/small.csv"), "a,b,y\n1,0,1\n0,1,2\n").unwrap();
    let head = format!("problem = \"problems/small.toml\"\n{head}");
    let study = Study::load(&study_file(folder.path(), &format!("{head}[axes]{tail}")), false, &[]).unwrap();
    assert!(study.resolved().contains("[problem.network]"));
    assert_eq!(plan(&study, &FakeSolver::default()).unwrap().len(), 50);
}

#[test]
fn the_plan_says_which_engine_takes_each_trial_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let plans = plan(&study(folder.path(), &[]), &FakeSolver::default()).unwrap();
    let engine = |index: usize| plans[index].plan.as_ref().unwrap().engine;
    assert_eq!([engine(0), engine(5), engine(24)], [Engine::Dense, Engine::Law, Engine::Limit].map(Some));
    assert_eq!(plans[0].plan.as_ref().unwrap().reason, "the fake's dense engine");
}

#[test]
fn mistakes_are_named_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("name = \"fake\"", "name = \"Fake study\"", "`study.name` is \"Fake study\"; it must be a name"),
        ("claim =", "clam =", "unknown key `study.clam`; did you mean `claim`?"),
        ("dense_up_to = 100", "dense_up_to = 100\nengine = \"law\"", "exclude each other"),
        ("dense_up_to = 100", "engine = \"lax\"", "did you mean `law`?"),
        ("width = [64,", "engine = [\"law\"]\nwidth = [64,", "the axis `engine` says who solves finite widths"),
        ("dense_up_to = 100\n\n[problem.network]", "[axes.engine]\nlaw = 1\n[problem.network]", "`axes.engine` is"),
        ("width = [64,", "width = [64, 64,", "a list of distinct values"),
        ("count = 5", "count = 0", "a whole number from 1"),
        ("hidden_layers = [1, 3]", "hidden_layers = []", "a list of at least one element"),
        ("hidden_layers = [1, 3]", "hidden_layers = [1, 0]", "`network.hidden_layers` is 0"),
        (
            "network.hidden_layers = [1, 3]",
            "network.hiden_layers = [1, 3]",
            "unknown axis `network.hiden_layers`; did you mean `network.hidden_layers`?",
        ),
        // Though a check asks for the axis that was meant, before any trial is made.
        (
            "network.hidden_layers = [1, 3]",
            "optimizer.learning_rat = [1, 3]\n[[figure]]\nname = \"f\"\nkind = \"scaling\"\nmetric = \"distance\"\n\
             x = \"optimizer.learning_rate\"",
            "fake.toml:27:27: unknown axis `optimizer.learning_rat`; did you mean `optimizer.learning_rate`?",
        ),
        ("network.hidden_layers = [1, 3]", "learning_rate = [1, 3]", "optimizer.learning_rate is meant"),
        ("network.hidden_layers = [1, 3]", "learning_rat = [1, 3]", "did you mean `optimizer.learning_rate`?"),
        ("network.hidden_layers = [1, 3]", "nonsense = [1, 3]", "unknown axis `nonsense`; known: "),
        ("metric = \"distance\"", "metric = \"distanc\"", "did you mean `distance`?"),
        ("name = \"decay\"", "name = \"rate\"", "two `check` tables are named \"rate\""),
        ("kind = \"power_law\"", "kind = \"power\"", "unknown `check[0].kind`: \"power\""),
        ("tolerance = 0.05", "tolerance = 0", "`check[0].tolerance` is 0; it must be a finite number > 0"),
        ("value = 1e-12", "value = 1e-12\nvalu = 3", "unknown key `check[2].valu`; did you mean `value`?"),
        ("width = \"inf\"", "width = 65", "one of the widths in `axes.width`"),
        ("exponent = -0.5", "exponent = -0.5\nx = \"parameterization\"", "unknown `check[0].x`"),
        ("against = \"limit\"", "relative = true", "relative to what?"),
        ("against = \"limit\"", "statistic = \"p_value\"", "needs quantity = \"test_outputs\""),
        ("against = \"limit\"", "statistic = \"kl\"", "needs quantity = \"test_outputs\", without"),
        ("against = \"limit\"", "statistic = \"ks\"", "need `reference`: the law of which trials?"),
        (
            "against = \"limit\"",
            "against = \"limit\"\nreference = { width = 64 }",
            "`against` or `reference`, not both",
        ),
        ("against = \"limit\"", "reference = { width = 65 }", "one of the widths in `axes.width`"),
        ("against = \"limit\"", "reference = {}", "a table of at least one axis, or a width"),
        (
            "against = \"limit\"",
            "reference = { network.hidden_layers = [1, 3] }",
            "a single value of `network.hidden_layers`",
        ),
        ("tolerance = 0.05", "tolerance = 0.05\nat_most = -0.4", "give one or the other"),
        (
            "value = 1e-12",
            "value = 1e-12\nonly = { optimizer.steps = [20] }",
            "`optimizer.steps`, which is not an axis",
        ),
        ("value = 1e-12", "value = 1e-12\nonly = { network.hidden_layers = [2] }", "`2` is not a value of the axis"),
        (
            "tolerance = 0.05",
            "tolerance = 0.05\nonly = { width = [65] }",
            "`check[0].only.width[0]` is 65; it must be one of",
        ),
        ("tolerance = 0.05", "tolerance = 0.05\nonly = { seed = [1] }", "checks and figures take all seeds"),
        ("value = 1e-12", "value = 1e-12\nonly = { width = [64] }", "the check is made at one width, its key `width`"),
        ("kind = \"exponential\"", "kind = \"exponential\"\nonly = { width = [64] }", "at one width, its key `width`"),
        ("against = \"limit\"", "reference = { width = 64, seed = 3 }", "a reference has the seed of its trial"),
        (
            "dense_up_to = 100",
            "dense_up_to = 100\ntolerance = 1",
            "`study.tolerance` is 1; it must be a number > 0 and < 1",
        ),
        ("dense_up_to = 100", "dense_up_to = 100\nimages = \"stored\"", "it is now called `answers`"),
        ("dense_up_to = 100", "dense_up_to = 100\nanswers = \"regenerated\"", "now called \"recomputed\""),
        ("width = [64,", "images = [\"stored\"]\nwidth = [64,", "it is now called `answers`"),
        ("dense_up_to = 100", "dense_up_to = 100\nanswers = \"store\"", "did you mean `stored`?"),
        (
            "width = [64,",
            "tolerance = [1e-3, 0]\nwidth = [64,",
            "`axes.tolerance[1]` is 0; it must be a number > 0 and < 1",
        ),
        ("width = [64,", "answers = [\"kept\"]\nwidth = [64,", "unknown `axes.answers[0]`: \"kept\""),
        (
            "kind = \"curves\"",
            "kind = \"curves\"\nonly = { optimizer.steps = [20] }",
            "`figure[1].only` selects by `optimizer.steps`, which is not an axis; axes: width, network.hidden_layers",
        ),
        (
            "kind = \"curves\"",
            "kind = \"curves\"\nonly = { width = [65] }",
            "`figure[1].only.width[0]` is 65; it must be",
        ),
        (
            "kind = \"curves\"",
            "kind = \"curves\"\nonly = { network.hidden_layers = [2] }",
            "`2` is not a value of the axis",
        ),
        ("[\"train_loss\", \"predictor\"]", "[\"train_loss\"]", "metric `distance` needs `predictor`"),
        ("kind = \"mean_field\"", "kind = \"standard\"", "no infinite-width limit"),
    ];
    for (from, to, expected) in cases {
        assert!(STUDY.contains(from), "{from}");
        let path = study_file(folder.path(), &STUDY.replace(from, to));
        let study = Study::load(&path, false, &[]);
        let error = study.and_then(|study| plan(&study, &FakeSolver::default())).unwrap_err().to_string();
        assert!(error.contains(expected), "`{to}`: {error}");
    }
}

#[test]
fn an_axis_in_quotes_is_changed_by_either_form() {
    let folder = tempfile::tempdir().unwrap();
    let quoted = STUDY.replace("network.hidden_layers = [1, 3]", "\"network.hidden_layers\" = [1, 3]");
    for text in [STUDY, &quoted] {
        for key in ["axes.network.hidden_layers", "axes.\"network.hidden_layers\""] {
            let set = [(key.to_owned(), "[2, 4]".to_owned())];
            let study = Study::load(&study_file(folder.path(), text), false, &set).unwrap();
            let labels: Vec<_> = study.axes[0].values.iter().map(|value| value.label.as_str()).collect();
            assert_eq!(labels, ["2", "4"], "{key}");
        }
    }
}

#[test]
fn a_study_at_full_size_differs_in_its_numbers_only() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{STUDY}\n[full]\naxes.width = [64, \"inf\"]\nproblem.optimizer.steps = 30\n");
    let path = study_file(folder.path(), &text);
    let load = |full| Study::load(&path, full, &[]).unwrap();
    let (small, full) = (load(false), load(true));
    assert_eq!((small.widths.len(), full.widths.len()), (5, 2));
    assert!(small.resolved().contains("steps = 20") && full.resolved().contains("steps = 30"));
    assert!(!small.resolved().contains("full") && small.checks == full.checks);
    let error = Study::load(&study_file(folder.path(), STUDY), true, &[]).unwrap_err().to_string();
    assert!(error.contains("takes the values of its section `[full]`"), "{error}");
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn the_studies_and_problems_of_this_repository_are_sound() {
    let mut studies = 0;
    for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments")) {
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let document = Document::load(&path).unwrap();
        if document.get("study").is_none() {
            let has = |section: &str| document.get(section).is_some();
            match () {
                () if has("posterior") => drop(PosteriorQuestion::load(&path, &[]).unwrap()),
                // Random networks before training have widths and no parameterisation.
                () if !has("parameterization") => drop(PriorQuestion::load(&path, None, &[]).unwrap()),
                () if has("kernel") => drop(KernelQuestion::load(&path, &[]).unwrap()),
                () if has("predict") => drop(PredictQuestion::load(&path, &[]).unwrap()),
                () => drop(load_problem(&path, &[]).unwrap()),
            }
            continue;
        }
        if document.get("full").is_some() {
            Study::load(&path, true, &[]).unwrap();
        }
        let study = Study::load(&path, false, &[]).unwrap();
        let plans = plan(&study, &FakeSolver::default()).unwrap();
        let has_figures = document.get("figure").is_some();
        assert!(!plans.is_empty() && !study.checks.is_empty() && has_figures, "{}", path.display());
        studies += 1;
    }
    assert!(studies >= 6, "{studies} studies");
}
