//! The guide has an entry for everything, and no entry without its thing: engines, metrics, checks, figures, columns.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;
use widenet_core::{Width, document::Word};
use widenet_engines::{EngineChoice, Engines, HiddenOptions, LimitOptions, Request, Solver, load_problem};
use widenet_model::{DeviceChoice, Precision, ResponseStorage};

use super::{quoted, read};
use crate::common::{json, root, run};

/// The cells of the tables below a heading of a page, without the rows of titles.
fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let page = read(page);
    let (_, below) = page.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading {heading}"));
    let section = below.split("\n## ").next().unwrap_or(below);
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    let lines = section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    // The first row of a table is its titles.
    let titles = |line: &&str| section.contains(&format!("{line}\n|---"));
    lines.filter(|line| !titles(line)).map(cells).collect()
}

/// The first word in backticks of a cell.
fn word(cell: &str) -> String {
    quoted(cell).next().unwrap_or_else(|| panic!("no word in backticks: {cell}")).to_owned()
}

/// Words at a key of the tables of a kind in studies of problems and of questions, with which of the two have them.
fn words(schema: &Value, table: &str, key: &str) -> BTreeSet<(String, &'static str)> {
    let cases = [("then", "problems"), ("else", "questions")];
    let of_case = |(case, of): (&str, &'static str)| {
        let words = &schema[case]["properties"][table]["items"]["properties"][key]["enum"];
        let words: Vec<String> =
            words.as_array().into_iter().flatten().map(|w| w.as_str().expect("a word").into()).collect();
        words.into_iter().map(move |word| (word, of))
    };
    cases.into_iter().flat_map(of_case).collect()
}

fn names(words: BTreeSet<(String, &'static str)>) -> BTreeSet<String> {
    words.into_iter().map(|(word, _)| word).collect()
}

const STUDIES: &str = "docs/guide/studies.md";

#[test]
fn the_guide_has_every_metric() {
    let schema = json(&["schema", "study"]);
    let keys = ["statistic", "over", "against", "comparison"];
    let known: BTreeSet<(String, String)> = keys
        .iter()
        .flat_map(|key| names(words(&schema, "metric", key)).into_iter().map(|word| ((*key).to_owned(), word)))
        .collect();
    let told: BTreeSet<(String, String)> =
        rows(STUDIES, "## Metrics").iter().map(|row| (word(&row[0]), word(&row[1]))).collect();
    assert!(known.len() >= 15, "{known:?}");
    assert_eq!(known, told);
}

#[test]
fn the_guide_has_every_check_and_figure() {
    let schema = json(&["schema", "study"]);
    let told: BTreeSet<String> = rows(STUDIES, "## Checks").iter().map(|row| word(&row[0])).collect();
    assert_eq!(names(words(&schema, "check", "kind")), told);
    let told: BTreeSet<(String, String)> = rows(STUDIES, "## Figures")
        .iter()
        .flat_map(|row| row[1].split(", ").map(|of| (word(&row[0]), of.to_owned())).collect::<Vec<_>>())
        .collect();
    let known = words(&schema, "figure", "kind").into_iter().map(|(word, of)| (word, of.to_owned())).collect();
    assert_eq!(told, known);
}

/// Every cell is what a plan says.
#[test]
fn the_table_of_engines_is_what_they_take() {
    let engines = Engines::new(DeviceChoice::Flex).expect("the processor");
    let words = ["auto", "law", "dense", "conditioned", "regenerated"];
    let choices = words.map(|word| EngineChoice::from_word(word).expect("an engine"));
    let table = rows("docs/guide/engines.md", "## What each engine refuses");
    assert!(table.len() > 20, "{table:?}");
    let (mut taken, mut refused) = (0, 0);
    for row in &table {
        let mut overrides = vec![("record.quantities".to_owned(), "[\"train_loss\"]".to_owned())];
        let mut hidden = HiddenOptions::default();
        for change in quoted(&row[1]) {
            match change.split_once('=') {
                Some((key, value)) => overrides.push((key.into(), value.into())),
                None => match change.split_once(' ').expect("an option with its value") {
                    ("--tolerance", value) => hidden.tolerance = Some(value.parse().expect("a number")),
                    ("--answers", value) => hidden.answers = Some(ResponseStorage::from_word(value).expect("a word")),
                    other => panic!("{other:?}"),
                },
            }
        }
        let problem = load_problem(&root().join("experiments/problem.toml"), &overrides);
        let problem = problem.unwrap_or_else(|error| panic!("{row:?}: {error}"));
        for (choice, told) in choices.into_iter().zip(&row[2..]) {
            let width = if choice == EngineChoice::Auto { Width::Infinite } else { Width::Finite(64) };
            let request = Request {
                problem: &problem,
                width,
                seed: 0,
                precision: Precision::F32,
                hidden,
                limit: LimitOptions::default(),
            };
            let plan = engines.plan(&request, choice);
            let found = if plan.is_ok() { "yes" } else { "no" };
            assert_eq!(told, found, "{} of {row:?}: {plan:?}", choice.name());
            *(if plan.is_ok() { &mut taken } else { &mut refused }) += 1;
        }
    }
    assert!(taken > 50 && refused > 20, "{taken} and {refused} cells");
}

const STUDY: &str = r#"
[study]
name = "columns"
claim = "it has columns"
expected = "columns"
[problem.network]
hidden_layers = 1
activation = "tanh"
[problem.parameterization]
kind = "mean_field"
[problem.data]
kind = "inline"
inputs = [[1.0], [-0.5]]
targets = [[1.0], [-1.0]]
[problem.optimizer]
kind = "gd"
learning_rate = 0.1
steps = 2
[problem.record]
quantities = ["train_loss"]
[axes]
width = [4, 8, 16, "inf"]
optimizer.learning_rate = [0.1, 0.2]
[[metric]]
name = "end"
quantity = "train_loss"
over = "final"
[[check]]
name = "rate"
kind = "power_law"
metric = "end"
exponent = 0
tolerance = 1
"#;

/// The columns of a CSV file.
fn columns(path: &Path) -> Vec<String> {
    widenet_core::data::read_table(path).unwrap_or_else(|error| panic!("{error}")).titles
}

/// Every file has the columns of its rows in the page, in any order, and no other. Columns named after something are entries in italics.
#[test]
fn the_guide_has_every_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let ok = |arguments: &[&str]| {
        let said = run(arguments);
        assert!(said.code <= 1, "{arguments:?}: {}", said.err);
    };
    fs::write(path("study.toml"), STUDY).expect("writable");
    ok(&["study", &path("study.toml"), "--out", &path("out")]);
    let run_directory = fs::read_dir(path("out")).expect("readable").next().expect("a run").expect("an entry").path();
    let problem = "experiments/problem.toml";
    let short = ["--set", "optimizer.steps=2", "--set", "record.at=[0, 2]", "--set", "data.train_samples=5"];
    ok(&[&["solve", problem, "--width", "8", "--output", &path("solve.csv")], &short[..]].concat());
    let small = ["data.train_samples=5", "data.test_samples=2", "predict.initial=sample", "predict.seeds=2"]
        .map(|change| format!("--set={change}"));
    let small = small.each_ref().map(String::as_str);
    ok(&[&["predict", "experiments/kernel-regime/predict.toml", "--output", &path("predict.csv")], &small[..]]
        .concat());
    ok(&[
        &["coord-check", problem, "--width", "8,16,32", "--seeds", "1", "--steps", "1", "--output", &path("check.csv")],
        &short[4..],
    ]
    .concat());
    let fluctuations =
        ["fluctuations", problem, "--width", "512", "--networks", "50", "--output", &path("fluctuations.csv")];
    ok(&[&fluctuations, &short[..]].concat());
    ok(&["prior", "experiments/proportional/prior.toml", "density", "--output", &path("prior.csv")]);
    ok(&["posterior", "experiments/proportional/digits-posterior.toml", "--output", &path("posterior.csv")]);
    let named = |column: &str| -> String {
        match column {
            "train_loss" | "end" | "optimizer.learning_rate" => {
                format!(
                    "*{}*",
                    [("train_loss", "quantity"), ("end", "metric")]
                        .into_iter()
                        .find(|(name, _)| *name == column)
                        .map_or("axis", |(_, kind)| kind)
                )
            }
            "train_loss_error" => "*quantity*`_error`".into(),
            "mean_at_512" => "`mean_at_`*width*".into(),
            "std_at_512" => "`std_at_`*width*".into(),
            column => format!("`{column}`"),
        }
    };
    let files = [
        ("table.csv", run_directory.join("table.csv")),
        ("metrics.csv", run_directory.join("metrics.csv")),
        ("fits.csv", run_directory.join("fits.csv")),
        ("results.parquet", run_directory.join("results.parquet")),
        ("plan.csv", run_directory.join("plan.csv")),
        ("solve --output", path("solve.csv").into()),
        ("predict --output", path("predict.csv").into()),
        ("coord-check --output", path("check.csv").into()),
        ("fluctuations --output", path("fluctuations.csv").into()),
        ("prior --output", path("prior.csv").into()),
        ("posterior --output", path("posterior.csv").into()),
    ];
    let table = rows("docs/guide/results.md", "## Columns");
    let mut told: BTreeSet<(String, String)> = BTreeSet::new();
    for row in &table {
        told.extend(quoted(&row[0]).map(|file| (file.to_owned(), row[1].clone())));
    }
    let found: BTreeSet<(String, String)> = files
        .iter()
        .flat_map(|(file, path)| columns(path).into_iter().map(|column| ((*file).to_owned(), named(&column))))
        .collect();
    assert_eq!(found, told);
}
