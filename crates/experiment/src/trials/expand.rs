//! Expands a study into its trials: every combination of axes, widths and seeds.

use widenet_core::{
    Width,
    document::{Document, Node, Value},
    humanized,
};
use widenet_engines::{EngineRule, HiddenOptions, LimitOptions};
use widenet_system::memory;

use super::trial::Trial;
use crate::{
    error::Result,
    study::{ANSWERS, ENGINE, EngineRange, Study, TOLERANCE, with_axis},
};

/// Bytes of a trial besides its specification.
const BYTES_PER_TRIAL: u64 = 2048;
/// Bytes that a letter of its specification takes, as text and as trees.
const BYTES_PER_LETTER: u64 = 32;

/// Longest label, in characters.
const MAX_LABEL: usize = 60;

fn label(axes: &[(String, String)], width: Option<Width>, seed: u64) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._".contains(c) { c } else { '-' };
    let values: Vec<String> = axes.iter().map(|(_, label)| label.chars().map(safe).collect()).collect();
    let mut label: String = values.join("-").chars().take(MAX_LABEL).collect();
    if !label.is_empty() {
        label.push('-');
    }
    let width = width.map_or_else(String::new, |width| format!("m{width}-"));
    format!("{label}{width}s{seed}")
}

/// One value of every axis.
#[derive(Clone)]
struct Combination<'s> {
    document: Document,
    labels: Vec<(String, String)>,
    engine: Option<&'s EngineRange>,
    hidden: HiddenOptions,
    limit: LimitOptions,
}

impl Study {
    /// Refuses more trials than fit into memory.
    fn check_count(&self) -> Result<()> {
        let own = self.axes.iter().map(|axis| (axis.key.as_str(), axis.values.len()));
        let all = own.chain([("width", self.widths.len()), ("seed", self.seeds.len())]);
        let counts: Vec<_> = all.filter(|(_, count)| *count > 1).collect();
        let trials = counts.iter().fold(1u64, |product, (_, count)| product.saturating_mul(*count as u64));
        let bytes = BYTES_PER_TRIAL + BYTES_PER_LETTER * self.specification.root().to_toml().len() as u64;
        let needed = trials.saturating_mul(bytes);
        let Some(available) = memory::available().filter(|available| needed > *available) else { return Ok(()) };
        let place = &self.document.get("axes").unwrap_or_else(|| self.document.root()).place;
        let counts: Vec<_> = counts.iter().map(|(key, count)| format!("{count} of axes.{key}")).collect();
        let (needs, has) = (humanized::bytes(needed), humanized::bytes(available));
        Err(place.error(format!(
            "{} make {trials} trials or more, which need {needs}, and {has} are available; at most {} trials fit",
            counts.join(" × "),
            available / bytes
        )))
    }

    /// Returns all trials.
    ///
    /// # Errors
    /// [`crate::Error::Core`] if an axis leads through something that is not a table, or if there are more trials than fit into memory.
    pub fn expand(&self) -> Result<Vec<Trial>> {
        self.check_count()?;
        let (document, hidden, limit) = (self.specification.clone(), self.hidden, self.limit);
        let mut combinations = vec![Combination { document, labels: Vec::new(), engine: None, hidden, limit }];
        for axis in &self.axes {
            let mut next = Vec::new();
            for combination in &combinations {
                for (position, value) in axis.values.iter().enumerate() {
                    let mut combination = combination.clone();
                    match axis.key.as_str() {
                        ENGINE => combination.engine = self.engines.get(position),
                        TOLERANCE => combination.hidden.tolerance = value.number,
                        ANSWERS => combination.hidden.answers = self.answers.get(position).copied(),
                        key => match with_axis(combination.limit, key, value.number).filter(|_| self.kind.is_problem())
                        {
                            Some(limit) => combination.limit = limit,
                            None => combination.document.set_node(key, value.node.clone())?,
                        },
                    }
                    combination.labels.push((axis.key.clone(), value.label.clone()));
                    next.push(combination);
                }
            }
            combinations = next;
        }
        let mut trials = Vec::new();
        for Combination { document, labels: axes, engine, hidden, limit } in &combinations {
            for width in self.trial_widths() {
                let at = width.unwrap_or(Width::Infinite);
                if engine.is_some_and(|engine| !(engine.min_width..=engine.max_width).contains(&at)) {
                    continue;
                }
                // The infinite width is no engine's own.
                let own = engine.filter(|_| at != Width::Infinite).map(|engine| engine.hidden).unwrap_or_default();
                let options = HiddenOptions {
                    tolerance: own.tolerance.or(hidden.tolerance),
                    answers: own.answers.or(hidden.answers),
                };
                let rule = engine.map_or(self.engine, |engine| EngineRule::All(engine.choice));
                for &seed in &self.seeds {
                    trials.push(Trial {
                        index: trials.len(),
                        label: label(axes, width, seed),
                        axes: axes.clone(),
                        kind: self.kind,
                        specification: self.specification_at(document.clone(), width, seed)?,
                        base: self.base.clone(),
                        width,
                        seed,
                        engine: rule,
                        precision: self.precision,
                        hidden: options,
                        limit: *limit,
                    });
                }
            }
        }
        Ok(trials)
    }

    /// A problem is solved at a width with a seed; a question holds them.
    fn specification_at(&self, mut document: Document, width: Option<Width>, seed: u64) -> Result<Document> {
        // Mistakes are told where the axis is given.
        let node = |axis: &str, value: Value| {
            let place = self.document.get(axis).unwrap_or_else(|| self.document.root()).place.clone();
            Node { value, place }
        };
        if let (Some(width), Some(key)) = (width, self.kind.width_key()) {
            document.set_node(key, node("axes.width", Value::String(width.to_string())))?;
        }
        if self.document.get("axes.seed").is_some() {
            for section in self.kind.seeded(&document) {
                let seed = i64::try_from(seed).map_or_else(|_| Value::Float(seed as f64), Value::Integer);
                document.set_node(&format!("{section}.seed"), node("axes.seed", seed))?;
            }
        }
        Ok(document)
    }
}
