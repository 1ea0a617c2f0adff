//! Reads TOML into the tree.

use std::ops::Range;

use toml_edit::{Item, Table, Value as TomlValue};

use crate::{
    error::Result,
    node::{Entry, Node, Place, Value, check_keys},
};

pub(crate) fn parse(origin: &str, text: &str) -> Result<Node> {
    let start = Place::new(origin, text);
    let document = toml_edit::Document::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        start.at(offset).error(error.message().replace('\n', "; "))
    })?;
    Ok(Node { value: table(document.as_table(), &start)?, place: start })
}

/// A place in the text of `near`; a table that has no place of its own (a dotted key) stands at `near`.
fn place(span: Option<Range<usize>>, near: &Place) -> Place {
    span.map_or_else(|| near.clone(), |span| near.at(span.start))
}

fn table(table: &Table, near: &Place) -> Result<Value> {
    check_keys(table.len(), near)?;
    let entries = table.iter().map(|(key, item)| {
        let key_place = place(table.key(key).and_then(|key| key.span()), near);
        entry(key, key_place, |near| self::item(item, near))
    });
    Ok(Value::Table(entries.collect::<Result<_>>()?))
}

fn entry(key: &str, place: Place, read: impl FnOnce(&Place) -> Result<Node>) -> Result<Entry> {
    let node = read(&place)?;
    Ok(Entry { key: key.into(), place, node })
}

fn item(item: &Item, near: &Place) -> Result<Node> {
    let place = place(item.span(), near);
    let value = match item {
        Item::Value(value) => return self::value(value, near),
        Item::Table(table) => self::table(table, &place)?,
        Item::ArrayOfTables(tables) => {
            let nodes = tables.iter().map(|table| {
                let place = self::place(table.span(), &place);
                Ok(Node { value: self::table(table, &place)?, place })
            });
            Value::Array(nodes.collect::<Result<_>>()?)
        }
        Item::None => Value::Table(Vec::new()),
    };
    Ok(Node { value, place })
}

/// A single value; without a place of its own it stands at `near`.
pub(crate) fn value(value: &TomlValue, near: &Place) -> Result<Node> {
    let place = place(value.span(), near);
    let value = match value {
        TomlValue::String(string) => Value::String(string.value().clone()),
        TomlValue::Integer(integer) => Value::Integer(*integer.value()),
        TomlValue::Float(float) => Value::Float(*float.value()),
        TomlValue::Boolean(boolean) => Value::Boolean(*boolean.value()),
        TomlValue::Datetime(date) => {
            return Err(place.error(format!("the date {} has no meaning here", date.value())));
        }
        TomlValue::Array(array) => {
            Value::Array(array.iter().map(|element| self::value(element, &place)).collect::<Result<_>>()?)
        }
        TomlValue::InlineTable(table) => {
            check_keys(table.len(), &place)?;
            let entries = table.iter().map(|(key, element)| {
                let key_place = self::place(table.key(key).and_then(|key| key.span()), &place);
                entry(key, key_place, |near| self::value(element, near))
            });
            Value::Table(entries.collect::<Result<_>>()?)
        }
    };
    Ok(Node { value, place })
}
