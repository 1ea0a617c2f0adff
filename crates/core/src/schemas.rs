//! The JSON Schemas of the files that the program reads.

use serde_json::{Value as Json, json};
use widenet_document::{Word, schema};

use crate::problem::ProblemFile;

/// A kind of file that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A problem.
    Problem,
    /// A problem with a question about its kernels.
    Kernel,
    /// A problem with a question about predictions.
    Predict,
    /// A problem whose scaling is asked about.
    Scaling,
    /// A study.
    Study,
}

impl Word for FileKind {
    const WORDS: &'static [(&'static str, FileKind)] = &[
        ("problem", FileKind::Problem),
        ("kernel", FileKind::Kernel),
        ("predict", FileKind::Predict),
        ("scaling", FileKind::Scaling),
        ("study", FileKind::Study),
    ];
}

impl FileKind {
    /// Returns the JSON Schema (draft 7) of such a file. Questions do not need every section of a problem, and the missing keys of a study's
    /// problem come from its axes, so none is required there. Of a study only the problem is described, key by key.
    pub fn schema(self) -> Json {
        let title = format!("widenet {}", self.word());
        let problem = schema::of::<ProblemFile>(&title);
        match self {
            FileKind::Problem => problem,
            FileKind::Kernel | FileKind::Predict | FileKind::Scaling => schema::without_required(problem),
            FileKind::Study => {
                let part = schema::without_required(schema::table::<ProblemFile>());
                json!({
                    "$schema": problem["$schema"],
                    "title": title,
                    "description": "A study: a problem, and the axes along which it is varied.",
                    "type": "object",
                    "properties": { "study": { "type": "object" }, "problem": part, "axes": { "type": "object" } },
                    "required": ["study"],
                    "additionalProperties": true,
                })
            }
        }
    }
}
