//! Files of every kind that people write, and overrides of their keys, mutated and read.

use std::{fs, path::Path};

use widenet_core::{Problem, document::Document};
use widenet_engines::load_problem;
use widenet_experiment::Study;
use widenet_questions::{KernelQuestion, PosteriorQuestion, PredictQuestion, PriorQuestion, ScalingQuestion};

use super::{
    Refusal, amount, campaign,
    corpus::{KERNELS, POSTERIORS, PREDICTIONS, PRIORS, PROBLEMS, SCALINGS, STUDIES},
    folder,
    mutation::{Bytes, Mutator},
};

/// Inputs of each kind of file by default.
const INPUTS: u64 = 2000;

fn all_texts() -> Vec<&'static str> {
    let kinds: [&[&str]; 7] = [&PROBLEMS, &STUDIES, &PRIORS, &POSTERIORS, &KERNELS, &PREDICTIONS, &SCALINGS];
    kinds.concat()
}

/// A file of a kind, mutated, with its name.
fn mutated(texts: &'static [&'static str]) -> impl Fn(&mut Mutator) -> (String, Bytes) + Clone + Send + 'static {
    let all = all_texts();
    move |mutator| {
        let text = mutator.pick(texts);
        let name = if text.starts_with('{') { "file.json" } else { "file.toml" };
        (name.to_string(), Bytes(mutator.text(text, &all)))
    }
}

/// Reads mutated files of a kind.
fn read_files<E: ToString>(
    format: &'static str,
    texts: &'static [&'static str],
    read: impl Fn(&Path) -> Result<(), E> + Send + 'static,
) {
    let folder = folder();
    campaign(format, amount(INPUTS), mutated(texts), move |(name, bytes)| {
        let path = folder.path().join(name);
        fs::write(&path, &bytes.0).expect("the folder is writable");
        read(&path).map_err(|error| Refusal::new(error.to_string(), &[name, "data.", "training inputs"]))
    });
}

/// What is read of data is finite.
fn assert_finite(problem: &Problem) {
    let samples = [Some(&problem.data.train), problem.data.test.as_ref()];
    for matrix in samples.into_iter().flatten().flat_map(|samples| [&samples.inputs, &samples.targets]) {
        assert!(matrix.iter().all(|number| number.is_finite()), "data that are not finite were accepted");
    }
}

#[test]
fn problems() {
    read_files("problem", &PROBLEMS, |path| load_problem(path, &[]).map(|problem| assert_finite(&problem)));
}

#[test]
fn studies() {
    read_files("study", &STUDIES, |path| Study::load(path, true, &[]).map(drop));
}

#[test]
fn priors() {
    read_files("prior", &PRIORS, |path| PriorQuestion::load(path, None, &[]).map(drop));
}

#[test]
fn posteriors() {
    read_files("posterior", &POSTERIORS, |path| PosteriorQuestion::load(path, &[]).map(drop));
}

#[test]
fn kernels() {
    read_files("kernel", &KERNELS, |path| KernelQuestion::load(path, &[]).map(drop));
}

#[test]
fn predictions() {
    read_files("predict", &PREDICTIONS, |path| PredictQuestion::load(path, &[]).map(drop));
}

#[test]
fn scalings() {
    read_files("scaling", &SCALINGS, |path| ScalingQuestion::parse(&Document::load(path)?).map(drop));
}

/// `--set KEY=VALUE`, several at once.
#[test]
fn overrides() {
    let folder = folder();
    let path = folder.path().join("file.toml");
    fs::write(&path, PROBLEMS[0]).expect("the folder is writable");
    let all = all_texts();
    let mutate = move |mutator: &mut Mutator| -> Vec<(String, String)> {
        let sets = [
            "optimizer.steps=3",
            "network.hidden_layers=1",
            "record.at=[0, 1]",
            "data.inputs=[[1, 2], [3, 4], [5, 6]]",
        ];
        let count = 1 + mutator.below(3);
        let mut text = || {
            let set = mutator.pick(&sets);
            String::from_utf8_lossy(&mutator.text(set, &all)).into_owned()
        };
        let texts: Vec<String> = (0..count).map(|_| text()).collect();
        texts.iter().filter_map(|text| text.split_once('=').map(|(key, value)| (key.into(), value.into()))).collect()
    };
    campaign("set", amount(INPUTS), mutate, move |sets| {
        let problem = load_problem(&path, sets);
        problem
            .map(|problem| assert_finite(&problem))
            .map_err(|error| Refusal::new(error, &["--set", "file.toml", "data."]))
    });
}
