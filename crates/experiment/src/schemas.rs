//! The JSON Schemas of the files that the program reads.

use serde_json::Value as Json;
use widenet_core::{document::schema, problem::ProblemFile};

use crate::{
    report::figures,
    study::{TaskKind, study_schema},
    submit::site_schema,
};

/// Lists the kinds of files that have a schema: problems, questions, studies, and sites of clusters.
pub fn file_kinds() -> Vec<&'static str> {
    TaskKind::all().map(TaskKind::name).chain(["study", "site"]).collect()
}

/// Returns the JSON Schema (draft 7) of a kind of file; none of a kind that there is not. Keys of a study's problem or question may come
/// from its axes, so none is required there.
pub fn schema(kind: &str) -> Option<Json> {
    let table = match TaskKind::all().find(|known| known.name() == kind) {
        // A scaling is asked about a problem; its own table belongs to studies.
        Some(TaskKind::Question(kind)) if kind.name != "scaling" => (kind.schema)(),
        Some(_) => schema::table::<ProblemFile>(),
        None if kind == "study" => study_schema(figures::schemas()),
        None if kind == "site" => site_schema(),
        None => return None,
    };
    Some(schema::titled(table, &format!("widenet {kind}")))
}
