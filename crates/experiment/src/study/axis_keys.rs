//! An axis has a key of the study's problem or question, of whatever kinds its tables are: the keys of its JSON Schema.

use serde_json::{Map, Value as Json};
use widenet_core::document::{excerpt, suggested_key};

use super::{axes::Axis, read::ReadResult};

/// Refuses the first axis whose key no file of this schema has. `others` are names of axes that are no keys of it.
pub(super) fn check_axes(axes: &[Axis], schema: &Json, others: &[&str]) -> ReadResult<()> {
    let mut keys = Keys::default();
    keys.collect("", schema);
    let is_known = |key: &str| {
        let below = |table: &String| key.strip_prefix(table.as_str()).is_some_and(|rest| rest.starts_with('.'));
        others.contains(&key) || keys.known.iter().any(|known| known == key) || keys.open.iter().any(below)
    };
    let Some(axis) = axes.iter().find(|axis| !is_known(&axis.key)) else { return Ok(()) };
    let known: Vec<&str> = keys.known.iter().map(String::as_str).chain(others.iter().copied()).collect();
    let message = format!("unknown axis `{}`; {}", excerpt(&axis.key), suggested_key(&axis.key, &known));
    // An axis has values.
    axis.values.first().map_or(Ok(()), |value| Err(value.node.place.error(message)))
}

/// Dotted keys of a schema, and the tables that take any key.
#[derive(Default)]
struct Keys {
    known: Vec<String>,
    open: Vec<String>,
}

impl Keys {
    fn collect(&mut self, path: &str, schema: &Json) {
        for (key, value) in schema["properties"].as_object().into_iter().flat_map(Map::iter) {
            // What is refused is no key.
            if *value == Json::Bool(false) {
                continue;
            }
            let dotted = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if !self.known.contains(&dotted) {
                self.known.push(dotted.clone());
            }
            self.collect(&dotted, value);
        }
        if schema["additionalProperties"].is_object() {
            self.open.push(path.to_owned());
        }
        for word in ["allOf", "anyOf", "oneOf"] {
            for case in schema[word].as_array().into_iter().flatten() {
                self.collect(path, case.get("then").unwrap_or(case));
            }
        }
    }
}
