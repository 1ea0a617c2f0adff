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
//! nodes = [256, 512, 1024]                          # of limits by quadrature, as are accuracy and replicates: module `limit`
//! ```
//!
//! An engine's table may have a `tolerance` and `answers` of its own, for studies whose other engines have none.
//! A table is labelled by its `kind` if kinds differ, else by all its keys; an engine by its word. An engine with `min_width` or
//! `max_width` (both included) has trials at these widths only, so that engines may overlap where both are possible. Infinite widths are
//! the limit's under every engine, and are solved once: trials that differ only in what their engine does not use share one result.

use std::{collections::HashSet, hash::Hash};

use serde_json::json;
use widenet_core::document::Word;
use widenet_core::shapes::width;
use widenet_core::{
    Width,
    document::{
        Field, Node, Value,
        keys::{flat, optional, others, required},
        section,
        shape::{Either, Inside, Located, Simple, anything, inside, list, located, natural, table_or, whole, word},
    },
};
use widenet_engines::{EngineChoice, HiddenOptions};
use widenet_model::ResponseStorage;
use widenet_questions::Kind;

use super::{
    limit::{ACCURACY, LimitAxes, NODES, REPLICATES},
    read::ReadResult,
    task_kind::NO_ENGINE,
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
/// The axis of widths.
pub(super) const WIDTH: &str = "width";

/// Axes that are no keys of the problem, or of the question.
pub(super) const OF_PROBLEMS: &[&str] = &[WIDTH, "seed", ENGINE, TOLERANCE, ANSWERS, ACCURACY, REPLICATES, NODES];
pub(super) const OF_QUESTIONS: &[&str] = &[WIDTH, "seed"];

/// What the key `images` is called now.
pub(super) const IMAGES: &str = "it is now called `answers`, and its value \"regenerated\" is \"recomputed\"";

/// Most axes besides width and seed: of two values each they make more trials than anybody runs.
const MAX_AXES: usize = 64;

/// The parsed section.
pub(super) struct Axes {
    pub(super) widths: Vec<Width>,
    pub(super) seeds: Vec<u64>,
    pub(super) axes: Vec<Axis>,
    /// Those of the axis `engine`, in the order of its values.
    pub(super) engines: Vec<EngineRange>,
    /// Those of the axis `answers`, in the order of its values.
    pub(super) answers: Vec<ResponseStorage>,
}

section! {
    /// What varies between trials of a problem.
    pub(super) struct ProblemAxes {
        /// Widths.
        width: Located<Vec<Width>> = required(located(list(width()))),
        /// Seeds: `{ count = 10 }` or a list; `[1]` where nothing is given.
        seed: Option<Either<SeedCount, Located<Vec<u64>>>> = optional(table_or(located(list(natural())))),
        /// Who solves finite widths, each a word or a table.
        engine: Option<Located<Vec<Located<Either<EngineSection, EngineChoice>>>>> =
            optional(located(list(located(table_or(word()))))),
        /// What counts as a new direction.
        tolerance: Option<Located<Vec<f64>>> = optional(located(list(tolerance()))),
        /// How answers are kept.
        answers: Option<Located<Vec<ResponseStorage>>> = optional(located(list(answers()))),
        /// How exactly limits by quadrature are known.
        limit: LimitAxes = flat(),
        /// Lists of values of the problem's keys.
        others: Vec<(String, Located<Node>)> = others(located(anything())),
    }
    refuse { "images": IMAGES }
}

section! {
    /// What varies between trials of a question.
    pub(super) struct QuestionAxes {
        /// Widths, if the question has one.
        width: Option<Located<Vec<Width>>> = optional(located(list(width()))),
        /// Seeds: `{ count = 10 }` or a list; `[1]` where nothing is given.
        seed: Option<Either<SeedCount, Located<Vec<u64>>>> = optional(table_or(located(list(natural())))),
        /// Lists of values of the question's keys.
        others: Vec<(String, Located<Node>)> = others(located(anything())),
    }
    refuse {
        "images": IMAGES,
        "engine": NO_ENGINE,
        "tolerance": NO_ENGINE,
        "answers": NO_ENGINE,
        "accuracy": NO_ENGINE,
        "replicates": NO_ENGINE,
        "nodes": NO_ENGINE,
    }
}

section! {
    /// Seeds 1 to a number.
    pub(super) struct SeedCount {
        /// How many.
        count: u64 = required(whole(1..=1_000_000)),
    }
}

section! {
    /// An engine with the widths that it has trials at, and its own options.
    pub(super) struct EngineSection {
        /// Which.
        kind: EngineChoice = required(word()),
        /// Smallest width.
        min_width: Option<Width> = optional(width()),
        /// Largest width.
        max_width: Option<Width> = optional(width()),
        /// What counts as a new direction.
        tolerance: Option<f64> = optional(tolerance()),
        /// How answers are kept.
        answers: Option<ResponseStorage> = optional(answers()),
    }
    refuse { "images": IMAGES }
}

impl ProblemAxes {
    /// The axes; `section` is where errors about them together stand.
    pub(super) fn axes(&self, section: &Field<'_>) -> ReadResult<Axes> {
        let mut axes = Vec::new();
        let mut engines = Vec::new();
        if let Some(given) = &self.engine {
            engines = given.value.iter().map(engine).collect::<ReadResult<Vec<_>>>()?;
            let labels: Vec<_> = engines.iter().map(|engine| engine.choice.name().to_owned()).collect();
            let nodes = nodes(&given.field())?;
            axes.push(axis(ENGINE.into(), &given.field(), labels, nodes)?);
        }
        let options = [self.tolerance.as_ref().map(Located::field), self.answers.as_ref().map(Located::field)];
        for field in options.into_iter().flatten() {
            collect(&field, "axes.", &mut axes)?;
        }
        self.limit.fields()?.iter().try_for_each(|field| collect(field, "axes.", &mut axes))?;
        let axes = sorted(axes, &self.others, section)?;
        for (key, is_own) in [
            (TOLERANCE, engines.iter().any(|engine| engine.hidden.tolerance.is_some())),
            (ANSWERS, engines.iter().any(|engine| engine.hidden.answers.is_some())),
        ] {
            if is_own && axes.iter().any(|axis| axis.key == key) {
                return Err(section.error(format!("`{key}` is an axis and a key of an engine; give one or the other")));
            }
        }
        Ok(Axes {
            widths: distinct(&self.width)?,
            seeds: seeds(self.seed.as_ref())?,
            axes,
            engines,
            answers: self.answers.as_ref().map(|answers| answers.value.clone()).unwrap_or_default(),
        })
    }
}

impl QuestionAxes {
    /// The axes of questions of a kind; `section` is where errors about them together stand.
    pub(super) fn axes(&self, kind: &Kind, section: &Field<'_>) -> ReadResult<Axes> {
        let widths = match &self.width {
            Some(width) if kind.width_key.is_none() => {
                let message = format!("`axes.width` is not used here: a {} has no width", kind.name);
                return Err(width.error(message));
            }
            Some(width) => distinct(width)?,
            None => Vec::new(),
        };
        Ok(Axes {
            widths,
            seeds: seeds(self.seed.as_ref())?,
            axes: sorted(Vec::new(), &self.others, section)?,
            engines: Vec::new(),
            answers: Vec::new(),
        })
    }
}

/// Axes and those of a problem's or question's keys, by key: trials have the same numbers whether read from the file as given or as
/// resolved.
fn sorted(mut axes: Vec<Axis>, others: &[(String, Located<Node>)], section: &Field<'_>) -> ReadResult<Vec<Axis>> {
    for (_, other) in others {
        collect(&other.field(), "axes.", &mut axes)?;
    }
    if axes.len() > MAX_AXES {
        return Err(section.error(format!("`axes` has {} keys; at most {MAX_AXES} are taken", axes.len())));
    }
    axes.sort_by(|a, b| a.key.cmp(&b.key));
    match axes.windows(2).find(|pair| pair[0].key == pair[1].key) {
        Some(pair) => Err(section.error(format!("the axis `{}` is given twice", pair[0].key))),
        None => Ok(axes),
    }
}

/// What counts as a new direction.
pub(super) fn tolerance() -> Inside {
    inside(0.0, 1.0)
}

/// How answers are kept; the old word is answered with the new one.
pub(super) fn answers() -> Simple<ResponseStorage> {
    Simple::new(
        |field| match &field.node().value {
            Value::String(word) if word == "regenerated" => {
                Err(field.error("`regenerated` is now called \"recomputed\""))
            }
            _ => field.choice(ResponseStorage::WORDS),
        },
        || json!({ "enum": ResponseStorage::all().map(Word::word).collect::<Vec<_>>() }),
    )
}

/// An engine of the axis.
fn engine(given: &Located<Either<EngineSection, EngineChoice>>) -> ReadResult<EngineRange> {
    let all = |choice| EngineRange {
        choice,
        min_width: Width::Finite(1),
        max_width: Width::Infinite,
        hidden: HiddenOptions::default(),
    };
    let section = match &given.value {
        Either::Other(choice) => return Ok(all(*choice)),
        Either::Table(section) => section,
    };
    let all = all(section.kind);
    let range = EngineRange {
        min_width: section.min_width.unwrap_or(all.min_width),
        max_width: section.max_width.unwrap_or(all.max_width),
        hidden: HiddenOptions { tolerance: section.tolerance, answers: section.answers },
        ..all
    };
    if range.min_width > range.max_width {
        return Err(given.error(format!("`min_width` {} is above `max_width` {}", range.min_width, range.max_width)));
    }
    Ok(range)
}

fn distinct<T: Eq + Hash + Clone>(list: &Located<Vec<T>>) -> ReadResult<Vec<T>> {
    check_distinct(&list.field(), &list.value)?;
    Ok(list.value.clone())
}

fn check_distinct<T: Eq + Hash>(field: &Field<'_>, list: &[T]) -> ReadResult<()> {
    let mut known = HashSet::new();
    if list.iter().all(|value| known.insert(value)) { Ok(()) } else { Err(field.must_be("a list of distinct values")) }
}

fn seeds(given: Option<&Either<SeedCount, Located<Vec<u64>>>>) -> ReadResult<Vec<u64>> {
    match given {
        None => Ok(vec![1]),
        Some(Either::Table(SeedCount { count })) => Ok((1..=*count).collect()),
        Some(Either::Other(list)) => distinct(list),
    }
}

fn nodes(field: &Field<'_>) -> ReadResult<Vec<Node>> {
    field.list(|field| Ok(field.node().clone()))
}

/// An axis of values with distinct labels.
fn axis(key: String, field: &Field<'_>, labels: Vec<String>, nodes: Vec<Node>) -> ReadResult<Axis> {
    check_distinct(field, &labels)?;
    let value = |(label, node): (String, Node)| {
        let number = match node.value {
            Value::Integer(integer) => Some(integer as f64),
            Value::Float(float) => Some(float),
            _ => None,
        };
        AxisValue { label, number, node }
    };
    Ok(Axis { key, values: labels.into_iter().zip(nodes).map(value).collect() })
}

/// Tables are walked down to the lists they hold: `network.hidden_layers = […]` is an axis of that key.
pub(super) fn collect(field: &Field<'_>, root: &str, axes: &mut Vec<Axis>) -> ReadResult<()> {
    let key = field.key().strip_prefix(root).unwrap_or_default();
    if matches!(field.node().value, Value::Table(_)) {
        return field.entries()?.iter().try_for_each(|field| collect(field, root, axes));
    }
    let nodes = nodes(field)?;
    axes.push(axis(key.into(), field, labels(&nodes), nodes)?);
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
