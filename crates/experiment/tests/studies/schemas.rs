//! Schemas of studies and questions say what their readers do: both come from one declaration per key.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;
use widenet_core::document::{Document, schema};
use widenet_experiment::{
    Study,
    schemas::{file_kinds, schema as of},
};
use widenet_questions::{KernelQuestion, PosteriorQuestion, PredictQuestion, PriorQuestion};

use crate::{fake::STUDY, validator::validate};

fn schema_of(kind: &str) -> Json {
    of(kind).expect("a kind of file")
}

fn as_json(document: &Document) -> Json {
    schema::json(&document.root().value)
}

/// Files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn files_of_the_repository_are_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let is_toml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
    let mut found = Vec::new();
    for path in files(&root).into_iter().filter(is_toml) {
        let document = Document::load(&path).unwrap();
        let has = |section: &str| document.get(section).is_some();
        let kind = match has("study") {
            true => "study",
            false if has("posterior") => "posterior",
            false if !has("parameterization") => "prior",
            false if has("predict") => "predict",
            false if has("optimizer") => "problem",
            false => "kernel",
        };
        let valid = validate(&schema_of(kind), &as_json(&document));
        assert!(valid.is_ok(), "{} as {kind}: {valid:?}", path.display());
        found.push(kind);
    }
    let site = Document::load(&root.join("../examples/slurm-site.toml")).unwrap();
    let valid = validate(&schema_of("site"), &as_json(&site));
    assert!(valid.is_ok(), "{valid:?}");
    found.push("site");
    for kind in file_kinds().into_iter().filter(|kind| *kind != "scaling") {
        assert!(found.contains(&kind), "there is no {kind} file");
    }
}

/// Whether a question is read from a file.
fn is_read(kind: &str, path: &Path) -> Result<(), String> {
    let said = |error: widenet_core::Error| error.to_string();
    match kind {
        "kernel" => KernelQuestion::load(path, &[]).map(drop).map_err(said),
        "predict" => PredictQuestion::load(path, &[]).map(drop).map_err(said),
        "prior" => PriorQuestion::load(path, None, &[]).map(drop).map_err(said),
        "posterior" => PosteriorQuestion::load(path, &[]).map(drop).map_err(said),
        _ => Study::load(path, false, &[]).map(drop).map_err(|error| error.to_string()),
    }
}

const NETWORK: &str = "[network]\nhidden_layers = 2\nactivation = 'relu'\n[parameterization]\nkind = 'ntk'\n";
const INPUTS: &str = "[data]\nkind = 'inline'\ninputs = [[1.0, 0.5], [-0.5, 1.0]]\n";
const TARGETS: &str = "targets = [[1.0], [-1.0]]\ntest_inputs = [[0.5, 0.5]]\n";

/// Files that are right, with their kinds.
fn bases() -> Vec<(&'static str, String)> {
    let flow = "[optimizer]\nkind = 'flow'\ntimes = 1\n";
    let random = "[network]\nwidth = 16\nhidden_layers = 2\n";
    let quantities = "[moments]\nscale = [1, 2]\n[density]\nat = [0.5]\n[quantiles]\n[sample]\ndraws = 3\n";
    let of_question = "[study]\nname = 'x'\nclaim = 'x'\nexpected = 'x'\n[prior.network]\nwidths = [3]\n[prior.moments]\n\
                       [axes]\nseed = [1, 2]\n[[metric]]\nname = 'k'\nvalue = 'moments.kurtosis'\n\
                       [[check]]\nname = 'c'\nkind = 'below'\nmetric = 'k'\nvalue = -1\n\
                       [[figure]]\nname = 'f'\nkind = 'lines'\nx = 'moments.scale'\ny = ['moments.scale']\n";
    vec![
        ("kernel", format!("{NETWORK}{INPUTS}[kernel]\nkind = 'ntk'\nwidth = 64\n")),
        (
            "predict",
            format!("{NETWORK}{INPUTS}{TARGETS}{flow}[predict]\nat = [0.5, 'inf']\nridge = {{ relative = 0.1 }}\n"),
        ),
        ("prior", format!("{random}{INPUTS}{quantities}")),
        (
            "posterior",
            format!("{random}{INPUTS}{TARGETS}[posterior]\nnoise_variance = 0.1\nevidence = {{ alpha = [0.1] }}\n"),
        ),
        ("study", STUDY.to_owned()),
        ("study", of_question.to_owned()),
    ]
}

#[test]
fn right_files_are_valid_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.toml");
    for (kind, text) in bases() {
        fs::write(&path, &text).unwrap();
        assert_eq!(validate(&schema_of(kind), &as_json(&Document::load(&path).unwrap())), Ok(()), "{text}");
        assert_eq!(is_read(kind, &path), Ok(()), "{text}");
    }
}

/// Unknown keys, wrong types, words and numbers out of range: what one of the two refuses, the other does. In place of each base's key
/// (`kind.key = value`), or beside it.
#[test]
fn reader_and_schema_refuse_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.toml");
    let mistakes: [&[(&str, &str)]; 6] = [
        &[
            ("kernel.kind", "'nkt'"),
            ("kernel.widht", "3"),
            ("kernel.width", "0.5"),
            ("kernel.full", "1"),
            ("kernel.seed", "-1"),
            ("data.inputs", "[['x']]"),
            ("kernl", "{}"),
            ("network.hidden_layers", "0"),
        ],
        &[
            ("predict.at", "[-1]"),
            ("predict.at", "['end']"),
            ("predict.at", "[]"),
            ("predict.ridge", "-1"),
            ("predict.ridge", "{ relativ = 1 }"),
            ("predict.spread", "'all'"),
            ("predict.initial", "{ output = [[1]] }"),
            ("predict.kernels", "{ ntk = { test = [[1]] } }"),
            ("optimizer.kind", "'fow'"),
        ],
        &[
            ("network.width", "-3"),
            ("network.gain", "0"),
            ("moments.scal", "[1]"),
            ("moments.entries", "[[0, 0, 0]]"),
            ("moments.output", "[1001]"),
            ("density.of", "'outptu'"),
            ("density.at", "['x']"),
            ("quantiles.levels", "[1]"),
            ("quantiles.log_upper_levels", "[0]"),
            ("sample.by", "'law '"),
            ("sample.draws", "0"),
            ("agrement", "{}"),
        ],
        &[
            ("posterior.noise_variance", "-0.1"),
            ("posterior.draws", "1"),
            ("posterior.method", "'exact'"),
            ("posterior.quantiles", "[0]"),
            ("posterior.evidence", "{ alphas = [0.1] }"),
            ("posterior.slope", "1"),
            ("posterior.noise", "1"),
        ],
        &[
            ("study.name", "'Fake Study'"),
            ("study.name", "1"),
            ("study.clam", "'x'"),
            ("study.tolerance", "1"),
            ("study.precision", "'f16'"),
            ("axes.width", "[0]"),
            ("axes.seed", "{ count = 0 }"),
            ("axes.engine", "[{ kind = 'dens' }]"),
            ("metric", "[{ name = 'x', quantity = 'train_los' }]"),
            ("metric", "[{ name = 'x', quantity = 'train_loss', value = 'x' }]"),
            ("metric", "[{ quantity = 'train_loss' }]"),
            ("check", "[{ name = 'x', kind = 'below', metric = 'distance', value = 0 }]"),
            ("check", "[{ name = 'x', kind = 'lines' }]"),
            ("check", "[{ name = 'x', kind = 'power_law', metric = 'distance', min_r2 = 1 }]"),
            ("problem", "1"),
            ("metrics", "[]"),
        ],
        &[
            ("study.engine", "'dense'"),
            ("metric", "[{ name = 'x', quantity = 'train_loss' }]"),
            ("metric", "[{ name = 'x', value = 'moments.kurtosis', comparison = 'times' }]"),
            ("check", "[{ name = 'x', kind = 'exponential', quantity = 'train_loss' }]"),
            ("axes.tolerance", "[0.1]"),
            ("kernel", "{}"),
        ],
    ];
    for ((kind, text), mistakes) in bases().into_iter().zip(mistakes) {
        for (key, value) in mistakes {
            let mut document = Document::from_toml("base.toml", &text).unwrap();
            document.set(key, value, "--set").unwrap();
            fs::write(&path, document.root().to_toml()).unwrap();
            // `study.name` of the schema has no pattern: its letters are for the reader.
            let for_reader_alone = (*key, *value) == ("study.name", "'Fake Study'");
            let schema = validate(&schema_of(kind), &as_json(&document));
            assert!(schema.is_err() || for_reader_alone, "the schema of {kind} takes {key} = {value}");
            assert!(is_read(kind, &path).is_err(), "the reader of {kind} takes {key} = {value}");
        }
    }
}

/// Figures are read by who draws them, from the same declarations.
#[test]
fn figures_are_described() {
    let schema = schema_of("study");
    let valid = |figure: &str| {
        let mut document = Document::from_toml("study.toml", STUDY).unwrap();
        document.set("figure", figure, "--set").unwrap();
        validate(&schema, &as_json(&document))
    };
    assert_eq!(valid("[{ name = 'x', kind = 'curves', quantity = 'train_loss', x_scale = 'log' }]"), Ok(()));
    for wrong in [
        "[{ name = 'x', kind = 'curves' }]",
        "[{ name = 'x', kind = 'curves', quantity = 'train_loss', x_scale = 'logg' }]",
        "[{ name = 'x', kind = 'lines', x = 'a', y = ['b'] }]",
        "[{ kind = 'bands' }]",
        "[{ name = 'x', kind = 'overlay', quantities = [] }]",
    ] {
        assert!(valid(wrong).is_err(), "{wrong}");
    }
}
