//! From a study to its trials: every combination of axes, widths and seeds.

use std::path::PathBuf;

use widenet_core::{Width, document::Document};

use super::Study;
use crate::{EngineChoice, Precision, Result};

/// One run of a study.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Number, from 0, in the order of expansion: axes by key, then widths, then seeds fastest.
    pub index: usize,
    /// Readable name, safe in file names, for example `ntk-m1024-s3`.
    pub label: String,
    /// Key and label of every axis but width and seed.
    pub axes: Vec<(String, String)>,
    /// The resolved problem.
    pub problem: Document,
    /// Folder that its relative data paths are relative to.
    pub base: PathBuf,
    /// Width.
    pub width: Width,
    /// Seed.
    pub seed: u64,
    /// How its engine is chosen.
    pub engine: EngineChoice,
    /// Floating-point type of the dense engine.
    pub precision: Precision,
}

impl Trial {
    /// Name of its directory.
    pub fn directory_name(&self) -> String {
        format!("{:04}-{}", self.index, self.label)
    }

    /// What trials drawn or fitted together have in common: `key = label` of every axis but the seed and those in
    /// `without` (`width` is one), joined; `all` if nothing is left.
    pub(crate) fn group(&self, without: &[&str]) -> String {
        let width = [("width".to_owned(), self.width.to_string())];
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

/// Longest label, in characters.
const MAX_LABEL: usize = 60;

fn label(axes: &[(String, String)], width: Width, seed: u64) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._".contains(c) { c } else { '-' };
    let values: Vec<String> = axes.iter().map(|(_, label)| label.chars().map(safe).collect()).collect();
    let mut label: String = values.join("-").chars().take(MAX_LABEL).collect();
    if !label.is_empty() {
        label.push('-');
    }
    format!("{label}m{width}-s{seed}")
}

impl Study {
    /// All trials.
    ///
    /// # Errors
    /// [`crate::Error::Core`] if an axis leads through something that is not a table.
    pub fn expand(&self) -> Result<Vec<Trial>> {
        let mut combinations = vec![(self.problem.clone(), Vec::new())];
        for axis in &self.axes {
            let mut next = Vec::new();
            for (document, labels) in &combinations {
                for value in &axis.values {
                    let (mut document, mut labels) = (document.clone(), labels.clone());
                    document.set_node(&axis.key, value.node.clone())?;
                    labels.push((axis.key.clone(), value.label.clone()));
                    next.push((document, labels));
                }
            }
            combinations = next;
        }
        let mut trials = Vec::new();
        for (problem, axes) in &combinations {
            for &width in &self.widths {
                for &seed in &self.seeds {
                    trials.push(Trial {
                        index: trials.len(),
                        label: label(axes, width, seed),
                        axes: axes.clone(),
                        problem: problem.clone(),
                        base: self.base.clone(),
                        width,
                        seed,
                        engine: self.engine.at(width),
                        precision: self.precision,
                    });
                }
            }
        }
        Ok(trials)
    }
}
