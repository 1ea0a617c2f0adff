//! A trial is one run of a study.

use std::path::PathBuf;

use widenet_core::{Width, document::Document};
use widenet_engines::{EngineRule, HiddenOptions, LimitOptions};
use widenet_model::Precision;

use crate::study::{ReferenceTrials, TaskKind};

/// One run of a study.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Number, from 0, in the order of expansion: axes by key, then widths, then seeds fastest.
    pub index: usize,
    /// Readable name, safe in file names, for example `ntk-m1024-s3`.
    pub label: String,
    /// Key and label of every axis but width and seed.
    pub axes: Vec<(String, String)>,
    /// What it is.
    pub kind: TaskKind,
    /// The resolved problem or question; a question holds its width and seed.
    pub specification: Document,
    /// Folder that its relative data paths are relative to.
    pub base: PathBuf,
    /// Width; none where the study names none.
    pub width: Option<Width>,
    /// Seed.
    pub seed: u64,
    /// How its engine is chosen, if it is a problem.
    pub engine: EngineRule,
    /// Floating-point type of the engines on a device.
    pub precision: Precision,
    /// Options of its engine, as given.
    pub hidden: HiddenOptions,
    /// How exactly limits by quadrature are known: its own at width ∞, and those that it is compared with.
    pub limit: LimitOptions,
}

impl Trial {
    /// Returns the name of its directory.
    pub fn directory_name(&self) -> String {
        format!("{:04}-{}", self.index, self.label)
    }

    /// The width in tables.
    pub(crate) fn width_text(&self) -> String {
        self.width.map_or_else(String::new, |width| width.to_string())
    }

    /// The label that it has on an axis, or its width.
    pub(crate) fn label_of(&self, key: &str) -> Option<String> {
        match key {
            "width" => self.width.map(|width| width.to_string()),
            key => self.axes.iter().find(|(axis, _)| axis == key).map(|(_, label)| label.clone()),
        }
    }

    /// Says whether it has one of the labels that are given for each of some axes, or widths.
    pub(crate) fn is_among(&self, selection: &[(String, Vec<String>)]) -> bool {
        selection.iter().all(|(key, labels)| self.label_of(key).is_some_and(|label| labels.contains(&label)))
    }

    /// What trials drawn or fitted together have in common: `key = label` of every axis but the seed and those in
    /// `without` (`width` is one), joined; `all` if nothing is left.
    pub(crate) fn group(&self, without: &[&str]) -> String {
        let width = self.width.map(|width| ("width".to_owned(), width.to_string()));
        let parts: Vec<_> = self
            .axes
            .iter()
            .chain(&width)
            .filter(|(key, _)| !without.contains(&key.as_str()))
            .map(|(key, label)| format!("{} = {label}", key.rsplit('.').next().unwrap_or(key)))
            .collect();
        if parts.is_empty() { "all".into() } else { parts.join(", ") }
    }
}

impl ReferenceTrials {
    /// Whether a trial of any seed is one that `trial` is compared with.
    pub(crate) fn has(&self, other: &Trial, trial: &Trial) -> bool {
        let label = |(key, own): &(String, String)| {
            self.axes.iter().find(|(axis, _)| axis == key).map_or(own.clone(), |(_, label)| label.clone())
        };
        let axes = trial.axes.iter().zip(&other.axes).all(|(own, other)| label(own) == other.1);
        axes && other.width == self.width.or(trial.width)
    }
}
