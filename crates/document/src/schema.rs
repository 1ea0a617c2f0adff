//! Makes the JSON Schema (draft 7) of a section from its declarations; editors check a file by it while one writes.
//!
//! A table with kinds is an `if … then` per kind, of which the editors' messages are exact; whole numbers are numbers that
//! are multiples of 1, because TOML may write them as `1e3`.

use serde_json::{Map, Value as Json, json};

use crate::{
    node::{Node, Value},
    section::{Declaration, Declarations, Kinds, Section},
};

/// Returns the schema of a file that is one section.
pub fn of<S: Section>(title: &str) -> Json {
    titled(table::<S>(), title)
}

/// Returns the schema of a file that is a table.
pub fn titled(mut table: Json, title: &str) -> Json {
    table["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    table["title"] = json!(title);
    table
}

/// Returns the schema of a table that is a section.
pub fn table<S: Section>() -> Json {
    let mut schema = object(&S::declarations());
    schema["description"] = json!(one_line(S::ABOUT));
    schema
}

/// Returns the same schema where no key is required: of a file whose missing keys come from elsewhere, as those of a study's problem
/// come from its axes.
pub fn without_required(schema: Json) -> Json {
    match schema {
        Json::Object(entries) => {
            let only_requires = |choice: &Json| {
                choice.as_object().is_some_and(|choice| choice.len() == 1 && choice.contains_key("required"))
            };
            let requires = |key: &str, value: &Json| match key {
                "required" => value.is_array(),
                // One of several keys.
                "oneOf" => value.as_array().is_some_and(|choices| choices.iter().all(only_requires)),
                _ => false,
            };
            let kept = entries.into_iter().filter(|(key, value)| !requires(key, value));
            let inside = |(key, value): (String, Json)| {
                // The condition of a kind asks whether its key is there.
                let value = if key == "if" { value } else { without_required(value) };
                (key, value)
            };
            Json::Object(kept.map(inside).collect())
        }
        Json::Array(elements) => Json::Array(elements.into_iter().map(without_required).collect()),
        other => other,
    }
}

/// Returns a value of a document in JSON; numbers that JSON does not have become their words.
pub fn json(value: &Value) -> Json {
    match value {
        Value::Boolean(boolean) => json!(boolean),
        Value::Integer(integer) => json!(integer),
        Value::Float(float) if float.is_finite() => json!(float),
        Value::Float(float) => json!(float.to_string()),
        Value::String(text) => json!(text),
        Value::Array(nodes) => nodes.iter().map(json_of_node).collect(),
        Value::Numbers(numbers) => {
            let number = |number: &f64| json(&Value::Float(*number));
            numbers.rows().map(|row| row.iter().map(number).collect::<Json>()).collect()
        }
        Value::Table(entries) => {
            Json::Object(entries.iter().map(|entry| (entry.key.clone(), json_of_node(&entry.node))).collect())
        }
    }
}

fn json_of_node(node: &Node) -> Json {
    json(&node.value)
}

/// Returns the first paragraph of a doc comment as one line of text.
pub fn one_line(comment: &str) -> String {
    let lines: Vec<_> = comment.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    lines.join(" ").replace("[`", "`").replace("`]", "`")
}

pub(crate) fn object(declarations: &Declarations) -> Json {
    let mut schema = match &declarations.kinds {
        None => keys(&declarations.keys, &declarations.others, &declarations.refused),
        Some(kinds) => by_kind(declarations, kinds),
    };
    if let [keys] = &declarations.one_of[..] {
        schema["oneOf"] = keys.iter().map(|key| json!({ "required": [key] })).collect();
    }
    schema
}

fn keys(keys: &[Declaration], others: &Option<Json>, refused: &[&str]) -> Json {
    let mut properties: Map<_, _> = keys.iter().map(|key| (key.key.to_owned(), property(key))).collect();
    if others.is_some() {
        // What is refused is none of the others.
        properties.extend(refused.iter().map(|key| ((*key).to_owned(), json!(false))));
    }
    let required: Vec<_> = keys.iter().filter(|key| key.required).map(|key| key.key).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": others.clone().unwrap_or(json!(false)),
    })
}

fn property(declaration: &Declaration) -> Json {
    let mut schema = declaration.schema.clone();
    schema["description"] = json!(declaration.about);
    if let Some(default) = &declaration.default {
        schema["default"] = default.clone();
    }
    schema
}

fn by_kind(declarations: &Declarations, kinds: &Kinds) -> Json {
    let mut of_key = json!({
        "type": "string",
        "enum": kinds.kinds.iter().map(|kind| kind.word).collect::<Vec<_>>(),
        "description": kinds.about,
    });
    let mut cases = Vec::new();
    for kind in &kinds.kinds {
        let is_refused = |key: &&Declaration| kind.declarations.refused.contains(&key.key);
        let common = declarations.keys.iter().filter(|key| !is_refused(key));
        let all: Vec<_> = common.chain(&kind.declarations.keys).cloned().collect();
        let others = kind.declarations.others.clone().or(declarations.others.clone());
        let mut then = keys(&all, &others, &kind.declarations.refused);
        then["properties"][kinds.key] = json!(true);
        then["description"] = json!(kind.about);
        let this = json!({ "properties": { kinds.key: { "const": kind.word } }, "required": [kinds.key] });
        cases.push(json!({ "if": this, "then": then }));
        if kinds.default == Some(kind.word) {
            cases.push(json!({ "if": { "not": { "required": [kinds.key] } }, "then": then }));
        }
    }
    let mut schema = json!({ "type": "object", "allOf": cases });
    match kinds.default {
        Some(default) => of_key["default"] = json!(default),
        None => schema["required"] = json!([kinds.key]),
    }
    schema["properties"] = json!({ kinds.key: of_key });
    schema
}
