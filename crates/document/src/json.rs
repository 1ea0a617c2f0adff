//! Reads strict JSON into the tree.

use std::collections::HashSet;

use jsonc_parser::{CollectOptions, ParseOptions, ast, common::Ranged, parse_to_ast};

use crate::{
    error::Result,
    excerpt::{excerpt, key_excerpt},
    node::{Entry, Node, Place, Value, check_keys},
};

const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

pub(crate) fn parse(origin: &str, text: &str) -> Result<Node> {
    let start = Place::new(origin, text);
    let parsed = parse_to_ast(text, &CollectOptions::default(), &STRICT)
        .map_err(|error| start.at(error.range().start).error(error.kind().to_string()))?;
    match parsed.value {
        Some(root @ ast::Value::Object(_)) => node(&root, &start),
        Some(_) => Err(start.error("the file must hold one JSON object `{…}`")),
        None => Err(start.error("the file is empty; it must hold one JSON object `{…}`")),
    }
}

fn node(value: &ast::Value, start: &Place) -> Result<Node> {
    let place = start.at(value.range().start);
    let value = match value {
        ast::Value::StringLit(string) => Value::String(string.value.to_string()),
        ast::Value::NumberLit(number) => self::number(number.value, &place)?,
        ast::Value::BooleanLit(boolean) => Value::Boolean(boolean.value),
        ast::Value::NullKeyword(_) => return Err(place.error("null has no meaning here; leave the key out")),
        ast::Value::Array(array) => {
            Value::Array(array.elements.iter().map(|element| node(element, start)).collect::<Result<_>>()?)
        }
        ast::Value::Object(object) => Value::Table(entries(object, start)?),
    };
    Ok(Node { value, place })
}

fn number(text: &str, place: &Place) -> Result<Value> {
    if let Ok(integer) = text.parse() {
        return Ok(Value::Integer(integer));
    }
    // TOML has no such numbers, and f64 would round them.
    if text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) {
        let message = "has more than 64 bits; write it with a point or an exponent to round it";
        return Err(place.error(format!("`{}` {message}", excerpt(text))));
    }
    match text.parse() {
        Ok(float) if f64::is_finite(float) => Ok(Value::Float(float)),
        _ => Err(place.error(format!("`{}` is not a number within f64", excerpt(text)))),
    }
}

fn entries(object: &ast::Object, start: &Place) -> Result<Vec<Entry>> {
    check_keys(object.properties.len(), &start.at(object.range.start))?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut known = HashSet::new();
    for property in &object.properties {
        let key = property.name.as_str();
        let place = start.at(property.range.start);
        if !known.insert(key) {
            return Err(place.error(format!("duplicate key `{}`", key_excerpt(key))));
        }
        entries.push(Entry { key: key.into(), place, node: node(&property.value, start)? });
    }
    Ok(entries)
}
