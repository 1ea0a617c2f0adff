//! Reads tables of a study file.

use std::collections::HashSet;

use serde_json::json;
use widenet_core::document::Word;
use widenet_core::{
    document::{
        Document, Field, Node, Value,
        shape::{Located, Simple},
    },
    problem::{Quantity, Shape},
};

use crate::error::Result;

/// Result of reading a document.
pub(crate) type ReadResult<T> = widenet_core::document::Result<T>;

/// Puts every value below a table at the same place of the document, and a table with a `kind` as a whole.
pub(super) fn replace(document: &mut Document, path: &str, node: &Node) -> Result<()> {
    let entries = match &node.value {
        Value::Table(entries) if entries.iter().all(|entry| entry.key != "kind") => entries,
        _ => return Ok(document.set_node(path, node.clone())?),
    };
    entries.iter().try_for_each(|entry| {
        let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
        replace(document, &path, &entry.node)
    })
}

/// A name that is safe in file names.
pub(crate) fn name() -> Simple<String> {
    fn read(field: &Field<'_>) -> ReadResult<String> {
        let name = field.string()?;
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        match !name.is_empty() && name.len() <= 60 && name.chars().all(allowed) {
            true => Ok(name),
            false => Err(field.must_be("a name of at most 60 lower-case letters, digits, - and _")),
        }
    }
    Simple::new(read, || json!({ "type": "string", "minLength": 1, "maxLength": 60 }))
}

/// The tables of `[[key]]`, each with a name of its own.
pub(crate) fn named<'t, S>(
    key: &str,
    tables: &'t Option<Vec<Located<S>>>,
    name: fn(&S) -> &str,
) -> ReadResult<&'t [Located<S>]> {
    let tables = tables.as_deref().unwrap_or_default();
    let mut names = HashSet::new();
    for table in tables {
        let own = name(&table.value);
        if !names.insert(own) {
            return Err(table.error(format!("two `{key}` tables are named \"{own}\"; names must differ")));
        }
    }
    Ok(tables)
}

/// A quantity that is one number per record.
pub(super) fn scalar_quantity() -> Simple<Quantity> {
    fn words() -> Vec<(&'static str, Quantity)> {
        let scalars = Quantity::all().filter(|quantity| quantity.shape() == Shape::Scalar);
        scalars.map(|quantity| (quantity.name(), quantity)).collect()
    }
    Simple::new(
        |field| field.choice(&words()),
        || json!({ "enum": words().iter().map(|(word, _)| *word).collect::<Vec<_>>() }),
    )
}
