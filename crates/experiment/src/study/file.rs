//! The sections of a study file; a study is made of them in the module above.

use serde_json::{Value as Json, json};
use widenet_core::document::{
    Document, Field, Node, Written,
    keys::{defaulted_at, flat, one_of, optional, or, required},
    schema, section,
    shape::{Located, Shape, anything, count, list_or_none, located, table, text, word},
};
use widenet_core::problem::ProblemFile;
use widenet_engines::EngineChoice;
use widenet_model::{Precision, ResponseStorage};
use widenet_questions::KINDS;

use super::{
    axes::{IMAGES, ProblemAxes, QuestionAxes, answers, tolerance},
    check::{ProblemCheck, QuestionCheck},
    limit::LimitSettings,
    metric::{ProblemMetric, QuestionMetric},
    read::{ReadResult, name},
    task_kind::NO_ENGINE,
};

section! {
    /// What every study says of itself.
    pub(super) struct Claim {
        /// Lower-case letters, digits, - and _.
        pub(super) name: String = required(name()),
        /// One sentence, with the page and heading that state it.
        pub(super) claim: String = required(text()),
        /// The expected outcome.
        pub(super) expected: String = required(text()),
    }
}

section! {
    /// A study of a problem: section `[study]`.
    pub(super) struct ProblemSettings {
        /// What it is about.
        pub(super) claim: Claim = flat(),
        /// Who solves finite widths; `"auto"` where neither this, `dense_up_to` nor an axis says.
        pub(super) engine: Option<Located<EngineChoice>> = optional(located(word())),
        /// Dense up to this width, above it law or, of perceptrons, conditioned.
        pub(super) dense_up_to: Option<Located<usize>> = optional(located(count())),
        /// Float type of the engines on a device.
        pub(super) precision: Precision = or(word(), "f32"),
        /// What counts as a new direction, of engines that have it.
        pub(super) tolerance: Option<Located<f64>> = optional(located(tolerance())),
        /// How answers are kept, of the conditioned engine.
        pub(super) answers: Option<Located<ResponseStorage>> = optional(located(answers())),
        /// How exactly limits by quadrature are known.
        pub(super) limit: LimitSettings = flat(),
    }
    refuse { "images": IMAGES }
    check = check_engine;
}

fn check_engine(settings: &ProblemSettings, _: &Written<'_>) -> ReadResult<()> {
    match &settings.dense_up_to {
        Some(dense) if settings.engine.is_some() => {
            Err(dense.error("`study.dense_up_to` and `study.engine` exclude each other; give one"))
        }
        _ => Ok(()),
    }
}

section! {
    /// A study of a question: section `[study]`.
    pub(super) struct QuestionSettings {
        /// What it is about.
        pub(super) claim: Claim = flat(),
        /// Float type of what is computed on a device, if the question does.
        pub(super) precision: Option<Located<Precision>> = optional(located(word())),
    }
    refuse {
        "images": IMAGES,
        "engine": NO_ENGINE,
        "dense_up_to": NO_ENGINE,
        "tolerance": NO_ENGINE,
        "answers": NO_ENGINE,
        "accuracy": NO_ENGINE,
        "replicates": NO_ENGINE,
        "nodes": NO_ENGINE,
    }
}

section! {
    /// A study of a problem along axes, with what is measured, checked and drawn.
    pub(super) struct ProblemStudy {
        /// What it says of itself.
        pub(super) study: ProblemSettings = required(table()),
        /// The sections of a problem file, or its name.
        pub(super) problem: Document = required(Specification(schema::table::<ProblemFile>)),
        /// What varies between trials.
        pub(super) axes: Located<ProblemAxes> = required(located(table())),
        /// What `--full` changes.
        full: Option<Node> = optional(anything()),
        /// One number per trial each.
        pub(super) metric: Option<Vec<Located<ProblemMetric>>> = optional(list_or_none(located(table()))),
        /// What must hold.
        pub(super) check: Option<Vec<Located<ProblemCheck>>> = optional(list_or_none(located(table()))),
        /// What is drawn; read by who draws.
        figure: Option<Node> = optional(anything()),
    }
}

section! {
    /// A study of a question along axes, with what is measured, checked and drawn.
    pub(super) struct QuestionStudy {
        /// What it says of itself.
        pub(super) study: QuestionSettings = required(table()),
        /// The sections of a question's file, or its name.
        pub(super) question: (&'static str, Document) = one_of(questions()),
        /// What varies between trials.
        pub(super) axes: Located<QuestionAxes> = defaulted_at(),
        /// What `--full` changes.
        full: Option<Node> = optional(anything()),
        /// One number per trial each.
        pub(super) metric: Option<Vec<Located<QuestionMetric>>> = optional(list_or_none(located(table()))),
        /// What must hold.
        pub(super) check: Option<Vec<Located<QuestionCheck>>> = optional(list_or_none(located(table()))),
        /// What is drawn; read by who draws.
        figure: Option<Node> = optional(anything()),
    }
}

/// A problem or question that is read trial by trial: some of its keys come from the axes.
pub(super) struct Specification(fn() -> Json);

fn questions() -> Vec<(&'static str, Specification)> {
    KINDS.iter().map(|kind| (kind.name, Specification(kind.schema))).collect()
}

impl Shape for Specification {
    type Value = Document;

    fn read(&self, field: &Field<'_>) -> ReadResult<Document> {
        Document::from_node(field.node().clone())
    }

    fn schema(&self) -> Json {
        json!({ "anyOf": [schema::without_required((self.0)()), { "type": "string", "minLength": 1 }] })
    }
}

/// The schema of study files; `figures` are those of the figures of problems and of questions.
pub(crate) fn study_schema([of_problems, of_questions]: [Json; 2]) -> Json {
    let with_figures = |mut schema: Json, figure: Json| {
        schema["properties"]["figure"] = json!({ "type": "array", "items": figure });
        schema
    };
    json!({
        "if": { "required": ["problem"] },
        "then": with_figures(schema::table::<ProblemStudy>(), of_problems),
        "else": with_figures(schema::table::<QuestionStudy>(), of_questions),
    })
}
