//! The manual of keys and quantities, made of what the parser declares: the same in the terminal and in `docs/guide`.

use serde_json::{Map, Value as Json};
use widenet_core::{
    document::Word,
    problem::{Quantity, Scope, Shape},
};

use crate::schemas::{file_kinds, schema};

/// A key of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyEntry {
    /// The dotted key; `[]` stands for the tables of a list.
    pub key: String,
    /// The kinds of the table that have it; empty for all of them.
    pub kinds: Vec<String>,
    /// What may stand there: type, words, range.
    pub value: String,
    /// Its unit, if it has one.
    pub unit: Option<String>,
    /// What it is where it is not given: a value, `required`, or nothing of the kind.
    pub default: String,
    /// What it means.
    pub about: String,
}

/// A section of a file with its keys.
#[derive(Debug, Clone, PartialEq)]
pub struct ManualSection {
    /// The kind of file: `problem`, a question, or `study`.
    pub file: &'static str,
    /// The section's name.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// Its keys.
    pub keys: Vec<KeyEntry>,
}

/// Returns every section of every kind of file, each once: sections of a question that are those of a problem are not repeated.
pub fn manual() -> Vec<ManualSection> {
    let mut sections: Vec<ManualSection> = Vec::new();
    for file in file_kinds() {
        let Some(schema) = schema(file) else { continue };
        let cases = [schema.get("then"), schema.get("else")].into_iter().flatten();
        for root in if schema.get("then").is_some() { cases.collect() } else { vec![&schema] } {
            for (name, value) in properties(root) {
                let mut keys = Vec::new();
                let path = if value["type"] == "array" { format!("{name}[]") } else { name.clone() };
                let is_required = required(root).contains(&name.as_str());
                walk(&path, value, &[], &mut keys);
                if keys.is_empty() {
                    keys.push(entry(&path, value, is_required, &[]));
                }
                let about = text(value, "description");
                let section = ManualSection { file, name: name.clone(), about, keys: joined(keys) };
                // A question's file has the sections of a problem; what belongs to another question is not read.
                let is_known = sections.iter().any(|known| known.name == section.name && known.keys == section.keys);
                let is_other = file != "study" && name != file && file_kinds().contains(&name.as_str());
                if !is_known && !is_other {
                    sections.push(section);
                }
            }
        }
    }
    sections
}

/// Returns the sections of a name, `study.check` as much as `check`, or the one key of a dotted name.
///
/// # Errors
/// The names that there are.
pub fn find(name: &str) -> Result<Vec<ManualSection>, String> {
    let all = manual();
    let is_section =
        |section: &&ManualSection| name == section.name || name == format!("{}.{}", section.file, section.name);
    let of_file: Vec<_> = all.iter().filter(is_section).cloned().collect();
    if !of_file.is_empty() {
        return Ok(of_file);
    }
    let with_key = all.iter().filter_map(|section| {
        let plain = |key: &str| key.replace("[]", "");
        let is_meant =
            |key: &&KeyEntry| plain(&key.key) == plain(name) || plain(&key.key).ends_with(&format!(".{}", plain(name)));
        let keys: Vec<_> = section.keys.iter().filter(is_meant).cloned().collect();
        (!keys.is_empty()).then(|| ManualSection { keys, ..section.clone() })
    });
    let found: Vec<_> = with_key.collect();
    if found.is_empty() {
        let mut names: Vec<&str> = Vec::new();
        all.iter().map(|section| section.name.as_str()).for_each(|name| {
            if !names.contains(&name) {
                names.push(name);
            }
        });
        return Err(format!("there is no section or key `{name}`; sections: {}", names.join(", ")));
    }
    Ok(found)
}

fn properties(table: &Json) -> impl Iterator<Item = (&String, &Json)> {
    table["properties"].as_object().into_iter().flat_map(Map::iter)
}

fn required(table: &Json) -> Vec<&str> {
    table["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect()
}

fn text(value: &Json, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// The keys of a table, of its kinds, and of the tables in it.
fn walk(path: &str, table: &Json, kinds: &[String], keys: &mut Vec<KeyEntry>) {
    let needed = required(table);
    for (key, value) in properties(table) {
        if !value.is_object() {
            continue;
        }
        let dotted = format!("{path}.{key}");
        keys.push(entry(&dotted, value, needed.contains(&key.as_str()), kinds));
        // The keys of a table with kinds of its own have those.
        walk(&dotted, value, if value["allOf"].is_array() { &[] } else { kinds }, keys);
    }
    if let others @ Json::Object(_) = &table["additionalProperties"] {
        let dotted = format!("{path}.KEY");
        keys.push(entry(&dotted, others, false, kinds));
        walk(&dotted, others, kinds, keys);
    }
    for case in table["allOf"].as_array().into_iter().flatten() {
        // The case without the key is that of the default.
        let Some((_, word)) = properties(&case["if"]).find_map(|(key, value)| Some((key, value["const"].as_str()?)))
        else {
            continue;
        };
        let kinds = [kinds, &[word.to_owned()]].concat();
        walk(path, &case["then"], &kinds, keys);
    }
    for other in table["anyOf"].as_array().into_iter().flatten() {
        walk(path, other, kinds, keys);
    }
    if let items @ Json::Object(_) = &table["items"] {
        let path = if path.ends_with("[]") { path.to_owned() } else { format!("{path}[]") };
        walk(&path, items, kinds, keys);
    }
}

fn entry(key: &str, value: &Json, is_required: bool, kinds: &[String]) -> KeyEntry {
    let default = match value.get("default") {
        Some(Json::Object(_)) | None if is_required => "required".to_owned(),
        Some(Json::Object(_)) | None => String::new(),
        Some(default) => default.to_string(),
    };
    KeyEntry {
        key: key.to_owned(),
        kinds: kinds.to_vec(),
        value: described(value),
        unit: value["x-unit"].as_str().map(str::to_owned),
        default,
        about: text(value, "description"),
    }
}

/// Keys of several kinds that say the same are one.
fn joined(keys: Vec<KeyEntry>) -> Vec<KeyEntry> {
    let mut joined: Vec<KeyEntry> = Vec::new();
    for key in keys {
        let same = |known: &&mut KeyEntry| {
            (&known.key, &known.value, &known.default, &known.about) == (&key.key, &key.value, &key.default, &key.about)
        };
        match joined.iter_mut().find(same) {
            Some(known) if known.kinds.is_empty() => {}
            Some(known) => {
                let new: Vec<String> = key.kinds.into_iter().filter(|kind| !known.kinds.contains(kind)).collect();
                known.kinds.extend(new);
            }
            None => joined.push(key),
        }
    }
    joined
}

/// What may stand at a key, in words.
fn described(value: &Json) -> String {
    if let Some(words) = value["enum"].as_array() {
        let words: Vec<String> = words.iter().map(Json::to_string).collect();
        return words.join(", ");
    }
    if let Some(choices) = value["anyOf"].as_array() {
        let mut said: Vec<String> = choices.iter().map(described).collect();
        said.dedup();
        return said.join(", or ");
    }
    match value["type"].as_str() {
        Some("number") => number(value),
        Some("string") => "text".into(),
        Some("boolean") => "true or false".into(),
        Some("array") => {
            let least = value["minItems"].as_u64().filter(|least| *least > 1);
            let least = least.map_or_else(String::new, |least| format!(", {least} or more"));
            format!("list of {}{least}", plural(&described(&value["items"])))
        }
        Some("object") => "table".into(),
        _ => "any value".into(),
    }
}

fn plural(what: &str) -> String {
    match what {
        "text" => "texts".into(),
        "table" => "tables".into(),
        "true or false" => "true and false".into(),
        what if what.starts_with("number") => what.replacen("number", "numbers", 1),
        what if what.starts_with("whole number") => what.replacen("whole number", "whole numbers", 1),
        what => format!("({what})"),
    }
}

fn number(value: &Json) -> String {
    let what = if value.get("multipleOf").is_some() { "whole number" } else { "number" };
    let bounds = [("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<")];
    let bounds: Vec<String> = bounds
        .iter()
        .filter_map(|(key, sign)| {
            let bound = value[*key].as_f64()?;
            // No limit that anybody meets.
            (bound.abs() < 1e12).then(|| format!("{sign} {bound}"))
        })
        .collect();
    if bounds.is_empty() { what.to_owned() } else { format!("{what} {}", bounds.join(" and ")) }
}

/// Returns the form of a quantity's values, in words.
pub fn shape_in_words(shape: Shape) -> &'static str {
    match shape {
        Shape::Scalar => "a number",
        Shape::List => "a list",
        Shape::Matrix => "a matrix",
        Shape::Lists => "a list per layer",
        Shape::Matrices => "a matrix per layer",
    }
}

/// Returns the networks that have a quantity, in words.
pub fn scope_in_words(scope: Scope) -> &'static str {
    match scope {
        Scope::Any => "all networks",
        Scope::DeepLinear => "deep linear networks",
        Scope::Linear => "networks with identity activations",
        Scope::Mlp => "multilayer perceptrons",
        Scope::Ensemble => "ensembles",
        Scope::Classifier => "classifiers of one hidden layer, and their limits",
        Scope::Explored => "networks of the conditioned and regenerated engines",
    }
}

/// Returns the page of all keys for `docs/guide`.
pub fn keys_page() -> String {
    let mut page = String::from(
        "# Keys\n\nEvery key of every file. This page is printed by `widenet keys --markdown`; `widenet keys SECTION` and `widenet keys \
         KEY` print parts of it in the terminal. A key of the list `kinds` belongs to tables of these kinds only; without one it belongs to \
         all. Without a default and without *required* a key may be left out, and its text says what that means.\n",
    );
    for section in manual() {
        page.push_str(&format!("\n## {} (file: {})\n\n{}\n\n", section.name, section.file, section.about));
        page.push_str("| key | kinds | value | default | meaning |\n|---|---|---|---|---|\n");
        for key in &section.keys {
            let unit = key.unit.as_ref().map_or_else(String::new, |unit| format!(" ({unit})"));
            let default = if key.default.is_empty() || key.default == "required" {
                key.default.clone()
            } else {
                format!("`{}`", key.default)
            };
            let cells = [
                &format!("`{}`", key.key),
                &key.kinds.join(", "),
                &format!("{}{unit}", key.value),
                &default,
                &key.about,
            ];
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            page.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    page
}

/// Returns the page of all quantities for `docs/guide`.
pub fn quantities_page() -> String {
    let mut page = String::from(
        "# Quantities\n\nEverything that `record.quantities` and the metrics of studies may name. This page is printed by `widenet quantities \
         --markdown`. `L` hidden layers, input dimension d, output dimension k, P training and T test samples, width m.\n\n| name | value | \
         of | definition |\n|---|---|---|---|\n",
    );
    for quantity in Quantity::all() {
        let about = quantity.about().replace('|', "\\|");
        let (shape, scope) = (shape_in_words(quantity.shape()), scope_in_words(quantity.scope()));
        page.push_str(&format!("| `{}` | {shape} | {scope} | {about} |\n", quantity.name()));
    }
    page
}

#[cfg(test)]
mod tests {
    use widenet_core::document::{foreign_keys, foreign_words};

    use super::*;

    /// What other programs' names are said to mean exists.
    #[test]
    fn hints_name_keys_and_words_that_exist() {
        let sections = manual();
        let keys: Vec<&str> =
            sections.iter().flat_map(|section| section.keys.iter().map(|key| key.key.as_str())).collect();
        for meant in foreign_keys() {
            let exists = keys.contains(&meant) || sections.iter().any(|section| section.name == meant);
            assert!(exists, "{meant}");
        }
        let text = file_kinds().into_iter().filter_map(schema).map(|schema| schema.to_string()).collect::<String>();
        for meant in foreign_words() {
            assert!(text.contains(&format!("\"{meant}\"")), "{meant}");
        }
    }

    #[test]
    fn keys_have_their_type_range_default_and_kinds() {
        let found = find("optimizer").expect("a section");
        let key = |name: &str| found[0].keys.iter().find(|key| key.key == name).expect("a key").clone();
        let rate = key("optimizer.learning_rate");
        assert!(rate.value.starts_with("number > 0") && rate.kinds.contains(&"gd".to_owned()), "{rate:?}");
        assert_eq!(key("optimizer.weight_decay").default, "0.0");
        assert_eq!(key("optimizer.steps").default, "required");
        assert_eq!(find("learning_rate").expect("a key")[0].name, "optimizer");
        let said = find("no such key").unwrap_err();
        assert!(said.contains("sections: ") && said.contains("network") && said.contains("optimizer"), "{said}");
    }
}
