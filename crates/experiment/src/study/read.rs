//! Reads tables of a study file.

use std::collections::HashSet;

use widenet_core::document::Word;
use widenet_core::{
    document::{Document, Field, Node, Reader, Value},
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
pub(super) fn name(field: &Field<'_>) -> ReadResult<String> {
    let name = field.string()?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    match !name.is_empty() && name.len() <= 60 && name.chars().all(allowed) {
        true => Ok(name),
        false => Err(field.must_be("a name of at most 60 lower-case letters, digits, - and _")),
    }
}

/// The tables of `[[key]]`, each with a `name` of its own.
pub(crate) fn list<'a, T>(
    root: &mut Reader<'a>,
    key: &'a str,
    mut parse: impl FnMut(&mut Reader<'a>) -> ReadResult<T>,
) -> ReadResult<Vec<T>> {
    let Some(field) = root.get(key) else { return Ok(Vec::new()) };
    let mut names = HashSet::new();
    let mut parsed = Vec::new();
    for element in field.elements()? {
        let mut reader = element.table()?;
        let name = reader.required("name", name)?;
        if !names.insert(name.clone()) {
            return Err(element.error(format!("two `{key}` tables are named \"{name}\"; names must differ")));
        }
        parsed.push(parse(&mut reader)?);
        reader.finish()?;
    }
    Ok(parsed)
}

/// A name met in a table that [`list`] reads.
pub(crate) fn own_name(reader: &mut Reader<'_>) -> ReadResult<String> {
    reader.required("name", Field::string)
}

/// A quantity that is one number per record.
pub(super) fn scalar_quantity(field: &Field<'_>) -> ReadResult<Quantity> {
    let scalars = Quantity::all().filter(|quantity| quantity.shape() == Shape::Scalar);
    let words: Vec<_> = scalars.map(|quantity| (quantity.name(), quantity)).collect();
    field.choice(&words)
}
