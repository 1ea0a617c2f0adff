//! Section `[axes]` says what varies between trials.
//!
//! ```toml
//! [axes]
//! width = [64, 1e6, "inf"]                          # required for problems
//! seed = { count = 10 }                             # seeds 1 … 10; or a list; default [1]
//! network.hidden_layers = [1, 2, 3]                 # any key of the problem or question, with values …
//! parameterization = [{ kind = "mean_field" }, { kind = "ntk" }]      # … or whole tables
//! engine = ["conditioned", { kind = "dense", max_width = 4096 }]      # of problems: who solves finite widths, and optionally which
//! tolerance = [1e-2, 1e-4, 1e-6]                    # of problems, as is answers = ["stored", "recomputed"]: the keys of `[study]`
//! ```
//!
//! An engine's table may have a `tolerance` and `answers` of its own, for studies whose other engines have none.
//! A table is labelled by its `kind` if kinds differ, else by all its keys; an engine by its word. An engine with `min_width` or
//! `max_width` (both included) has trials at these widths only, so that engines may overlap where both are possible. Infinite widths are
//! the limit's under every engine, and are solved once: trials that differ only in what their engine does not use share one result.

use std::{collections::HashSet, hash::Hash};

use widenet_core::document::Word;
use widenet_core::shapes::read_width;
use widenet_core::{
    Width,
    document::{Field, Node, Value},
};
use widenet_engines::{EngineChoice, HiddenOptions};
use widenet_model::ResponseStorage;

use super::{
    read::ReadResult,
    task_kind::{NO_ENGINE, TaskKind},
};

/// A key of the problem or question with the values it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Dotted key.
    pub key: String,
    /// Values, in the order of the file.
    pub values: Vec<AxisValue>,
}

/// One value of an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct AxisValue {
    /// Short text for tables and legends; differs from the other values'.
    pub label: String,
    /// The value as a number, if it is one.
    pub number: Option<f64>,
    /// The value itself.
    pub node: Node,
}

/// A value of the axis `engine`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EngineRange {
    /// Who solves finite widths.
    pub choice: EngineChoice,
    /// Smallest width it has a trial at.
    pub min_width: Width,
    /// Largest width it has a trial at.
    pub max_width: Width,
    /// Its own options, which win over the study's.
    pub hidden: HiddenOptions,
}

/// The keys of axes that are no keys of the problem.
pub(crate) const ENGINE: &str = "engine";
pub(crate) const TOLERANCE: &str = "tolerance";
pub(crate) const ANSWERS: &str = "answers";
/// Keys of every study of problems.
pub(super) const WIDTH: &str = "width";
pub(super) const SEED: &str = "seed";

/// Most axes besides width and seed: of two values each they make more trials than anybody runs.
const MAX_AXES: usize = 64;

/// The parsed section.
pub(super) struct Axes {
    pub(super) widths: Vec<Width>,
    pub(super) seeds: Vec<u64>,
    pub(super) axes: Vec<Axis>,
    /// Those of the axis `engine`, in the order of its values.
    pub(super) engines: Vec<EngineRange>,
}

impl Default for Axes {
    fn default() -> Self {
        Axes { widths: Vec::new(), seeds: vec![1], axes: Vec::new(), engines: Vec::new() }
    }
}

pub(super) fn parse(field: &Field<'_>, kind: TaskKind) -> ReadResult<Axes> {
    let mut reader = field.table()?;
    let widths = |field: &Field<'_>| distinct(field, field.list(read_width)?);
    let widths = match kind {
        TaskKind::Problem => reader.required("width", widths)?,
        TaskKind::Question(question) if question.width_key.is_none() => {
            reader.refuse("width", &format!("a {} has no width", question.name))?;
            Vec::new()
        }
        TaskKind::Question(_) => reader.or("width", Vec::new(), widths)?,
    };
    let seeds = reader.or("seed", vec![1], seeds)?;
    reader.refuse("images", "it is now called `answers`, and its value \"regenerated\" is \"recomputed\"")?;
    if !kind.is_problem() {
        for key in [ENGINE, TOLERANCE, ANSWERS] {
            reader.refuse(key, NO_ENGINE)?;
        }
    }
    reader.optional(TOLERANCE, |field| field.list(tolerance))?;
    reader.optional(ANSWERS, |field| field.list(answers))?;
    let (mut axes, mut engines) = (Vec::new(), Vec::new());
    if let Some(field) = reader.get(ENGINE) {
        engines = field.list(engine)?;
        let labels: Vec<_> = engines.iter().map(|engine| engine.choice.name().to_owned()).collect();
        distinct(&field, labels.clone())?;
        let nodes = field.list(|field| Ok(field.node().clone()))?;
        let value = |(label, node)| AxisValue { label, number: None, node };
        axes.push(Axis { key: ENGINE.into(), values: labels.into_iter().zip(nodes).map(value).collect() });
    }
    let own = [ENGINE, WIDTH, SEED].map(|key| format!("axes.{key}"));
    for field in reader.fields().into_iter().filter(|field| !own.iter().any(|key| key == field.key())) {
        collect(&field, "axes.", &mut axes)?;
    }
    // Sorted, so that trials have the same numbers whether read from the file as given or as resolved.
    axes.sort_by(|a, b| a.key.cmp(&b.key));
    for (key, is_own) in [
        (TOLERANCE, engines.iter().any(|engine| engine.hidden.tolerance.is_some())),
        (ANSWERS, engines.iter().any(|engine| engine.hidden.answers.is_some())),
    ] {
        if is_own && axes.iter().any(|axis| axis.key == key) {
            return Err(field.error(format!("`{key}` is an axis and a key of an engine; give one or the other")));
        }
    }
    if axes.len() > MAX_AXES {
        return Err(field.error(format!("`axes` has {} keys; at most {MAX_AXES} are taken", axes.len())));
    }
    if let Some(pair) = axes.windows(2).find(|pair| pair[0].key == pair[1].key) {
        return Err(field.error(format!("the axis `{}` is given twice", pair[0].key)));
    }
    Ok(Axes { widths, seeds, axes, engines })
}

/// What counts as a new direction.
pub(super) fn tolerance(field: &Field<'_>) -> ReadResult<f64> {
    match field.number()? {
        tolerance if tolerance > 0.0 && tolerance < 1.0 => Ok(tolerance),
        _ => Err(field.must_be("a number > 0 and < 1")),
    }
}

/// How answers are kept; the old word is answered with the new one.
pub(super) fn answers(field: &Field<'_>) -> ReadResult<ResponseStorage> {
    match &field.node().value {
        Value::String(word) if word == "regenerated" => Err(field.error("`regenerated` is now called \"recomputed\"")),
        _ => field.choice(ResponseStorage::WORDS),
    }
}

/// A word, or `{ kind = "conditioned", min_width = 64, max_width = 4096, tolerance = 1e-4, answers = "stored" }`.
fn engine(field: &Field<'_>) -> ReadResult<EngineRange> {
    let hidden = HiddenOptions::default();
    let all = |choice| EngineRange { choice, min_width: Width::Finite(1), max_width: Width::Infinite, hidden };
    if !matches!(field.node().value, Value::Table(_)) {
        return field.choice(EngineChoice::WORDS).map(all);
    }
    let mut reader = field.table()?;
    let all = all(reader.required("kind", |field| field.choice(EngineChoice::WORDS))?);
    reader.refuse("images", "it is now called `answers`, and its value \"regenerated\" is \"recomputed\"")?;
    let range = EngineRange {
        min_width: reader.or("min_width", all.min_width, read_width)?,
        max_width: reader.or("max_width", all.max_width, read_width)?,
        hidden: HiddenOptions {
            tolerance: reader.optional(TOLERANCE, tolerance)?,
            answers: reader.optional(ANSWERS, answers)?,
        },
        ..all
    };
    reader.finish()?;
    if range.min_width > range.max_width {
        return Err(field.error(format!("`min_width` {} is above `max_width` {}", range.min_width, range.max_width)));
    }
    Ok(range)
}

fn distinct<T: Eq + Hash>(field: &Field<'_>, list: Vec<T>) -> ReadResult<Vec<T>> {
    let mut known = HashSet::new();
    if list.iter().all(|value| known.insert(value)) {
        Ok(list)
    } else {
        Err(field.must_be("a list of distinct values"))
    }
}

fn seeds(field: &Field<'_>) -> ReadResult<Vec<u64>> {
    if !matches!(field.node().value, Value::Table(_)) {
        return distinct(field, field.list(Field::whole)?);
    }
    let mut reader = field.table()?;
    let count = reader.required("count", |field| field.whole_in(1..=1_000_000))?;
    reader.finish()?;
    Ok((1..=count).collect())
}

/// Tables are walked down to the lists they hold: `network.hidden_layers = […]` is an axis of that key.
pub(super) fn collect(field: &Field<'_>, root: &str, axes: &mut Vec<Axis>) -> ReadResult<()> {
    let key = field.key().strip_prefix(root).unwrap_or_default();
    if matches!(field.node().value, Value::Table(_)) {
        return field.table()?.fields().iter().try_for_each(|field| collect(field, root, axes));
    }
    let nodes = field.list(|field| Ok(field.node().clone()))?;
    let labels = labels(&nodes);
    distinct(field, labels.clone())?;
    let value = |(label, node): (String, Node)| {
        let number = match node.value {
            Value::Integer(integer) => Some(integer as f64),
            Value::Float(float) => Some(float),
            _ => None,
        };
        AxisValue { label, number, node }
    };
    axes.push(Axis { key: key.into(), values: labels.into_iter().zip(nodes).map(value).collect() });
    Ok(())
}

fn text(node: &Node) -> String {
    match &node.value {
        Value::String(string) => string.clone(),
        Value::Table(entries) => {
            let pairs: Vec<_> = entries.iter().map(|entry| format!("{}={}", entry.key, text(&entry.node))).collect();
            pairs.join(" ")
        }
        _ => node.to_toml(),
    }
}

fn labels(nodes: &[Node]) -> Vec<String> {
    let kind = |node: &Node| match &node.value {
        Value::Table(entries) => entries.iter().find(|entry| entry.key == "kind").map(|entry| text(&entry.node)),
        _ => None,
    };
    let kinds: Vec<_> = nodes.iter().filter_map(kind).collect();
    let mut known = HashSet::new();
    let all_differ = kinds.iter().all(|kind| known.insert(kind));
    if kinds.len() == nodes.len() && all_differ { kinds } else { nodes.iter().map(text).collect() }
}
