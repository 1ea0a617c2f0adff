//! Several commands take these arguments.

use std::{collections::BTreeSet, ffi::OsStr, path::PathBuf};

use clap::{
    Arg, Args, Command,
    builder::{PossibleValue, TypedValueParser},
};
use widenet_core::document::Word;
use widenet_engines::LimitOptions;
use widenet_experiment::manual::manual;
use widenet_model::Precision;

/// How an answer is given.
#[derive(Debug, Args)]
pub(crate) struct AnswerArguments {
    /// Write the answer to this file: .json, or .csv with a row per value or verdict.
    #[arg(long)]
    pub(crate) output: Option<PathBuf>,
    /// Print the answer as JSON instead of tables.
    #[arg(long, conflicts_with = "output")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) overrides: Overrides,
}

/// How exactly a limit by quadrature is evaluated.
#[derive(Debug, Args)]
pub(crate) struct LimitArguments {
    /// Mean-field limits of perceptrons (width inf): half-width of 95 % intervals, relative to the largest number of each recorded quantity
    /// [default: 1e-3].
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) accuracy: Option<f64>,
    /// Of the same limits: independent draws of the nodes, over which standard errors are taken [default: 8].
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) replicates: Option<usize>,
    /// Of the same limits, instead of --accuracy: nodes per layer, a power of two, whatever accuracy comes of them.
    #[arg(long)]
    pub(crate) nodes: Option<u64>,
}

impl LimitArguments {
    pub(crate) fn options(&self) -> LimitOptions {
        LimitOptions { accuracy: self.accuracy, replicates: self.replicates, nodes: self.nodes }
    }
}

pub(super) fn precision(word: &str) -> Result<Precision, String> {
    Precision::from_word(word).map_err(|_| "known precisions are f32 and f64".into())
}

/// Reads a word by a function, and tells completions which words there are.
#[derive(Clone)]
pub(crate) struct Known<T: 'static>(pub(crate) fn(&str) -> Result<T, String>, pub(crate) &'static [&'static str]);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Known<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        self.0.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.1.iter().map(|word| PossibleValue::new(*word))))
    }
}

/// Changes to the file.
#[derive(Debug, Args)]
pub(crate) struct Overrides {
    /// Change a key of the file, for example --set optimizer.learning_rate=0.05; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = KeyValue, hide_possible_values = true)]
    pub(crate) set: Vec<(String, String)>,
}

/// Which study, and where it is run.
#[derive(Debug, Args)]
pub(crate) struct StudyFile {
    /// Study file (.toml or .json), or a run directory, whose study is continued.
    pub(crate) study: PathBuf,
    /// At full size: with the values of the study's section full.
    #[arg(long)]
    pub(crate) full: bool,
    /// Folder for the run directory; jobs of a cluster must see it under the same path.
    #[arg(long, default_value = "out")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) overrides: Overrides,
}

/// Reads `KEY=VALUE`, and tells completions the keys of all files.
#[derive(Clone)]
struct KeyValue;

impl TypedValueParser for KeyValue {
    type Value = (String, String);

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<Self::Value, clap::Error> {
        key_value.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let keys = manual().into_iter().flat_map(|section| section.keys).map(|entry| entry.key);
        // Elements of lists have no dotted key, and a place for any key is none.
        let keys: BTreeSet<String> = keys.filter(|key| !key.contains("[]") && !key.contains("KEY")).collect();
        Some(Box::new(keys.into_iter().map(|key| PossibleValue::new(format!("{key}=")))))
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().into(), value.trim().into())),
        _ => Err("give KEY=VALUE, for example optimizer.learning_rate=0.05".into()),
    }
}
