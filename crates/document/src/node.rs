//! The tree holds values with the place that they were read from.

use std::sync::Arc;

use crate::error::{Error, Result};

#[derive(Debug)]
struct Source {
    origin: String,
    text: String,
}

/// A place in a text: what errors point at.
#[derive(Debug, Clone)]
pub struct Place {
    source: Arc<Source>,
    offset: usize,
}

impl Place {
    /// Returns the start of a text called `origin` in errors.
    pub fn new(origin: &str, text: &str) -> Place {
        Place { source: Arc::new(Source { origin: origin.into(), text: text.into() }), offset: 0 }
    }

    /// Returns the same text at a byte offset.
    pub fn at(&self, offset: usize) -> Place {
        Place { source: self.source.clone(), offset }
    }

    /// Returns an error at this place.
    pub fn error<E: From<Error>>(&self, message: impl Into<String>) -> E {
        let text = &self.source.text;
        let before = &text[..text.floor_char_boundary(self.offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let error = Error::Document {
            origin: self.source.origin.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
        };
        error.into()
    }
}

/// Most keys of a table. All that have a meaning are words of this program, and a table is searched from its start.
const MAX_KEYS: usize = 10_000;

/// Refuses a table of more keys than are searched.
pub(crate) fn check_keys(keys: usize, place: &Place) -> Result<()> {
    if keys <= MAX_KEYS {
        return Ok(());
    }
    Err(place.error(format!("a table has at most {MAX_KEYS} keys; this one has {keys}")))
}

/// A value and its place. Nodes are equal when their values are, wherever they stand.
#[derive(Debug, Clone)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it was read.
    pub place: Place,
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.value == other.value
    }
}

impl Node {
    /// Entries of a table, none for any other value.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }
}

/// A value of TOML or JSON (without dates and `null`).
#[derive(Debug, Clone)]
pub enum Value {
    /// `true` or `false`.
    Boolean(bool),
    /// A number written without point and exponent.
    Integer(i64),
    /// Any other number; TOML can write infinities and NaN.
    Float(f64),
    /// A string.
    String(String),
    /// A list.
    Array(Vec<Node>),
    /// Equally long lists of numbers that a program gives instead of a text; written, they are such lists.
    Numbers(Arc<Numbers>),
    /// A table, in the order of the file; keys are distinct.
    Table(Vec<Entry>),
}

/// Rows of numbers, all of the same length.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    columns: usize,
    values: Vec<f64>,
}

impl Numbers {
    /// Takes numbers row by row; `None` if they fill no whole number of rows, or are none.
    pub fn new(columns: usize, values: Vec<f64>) -> Option<Numbers> {
        let fills = columns > 0 && !values.is_empty() && values.len().is_multiple_of(columns);
        fills.then_some(Numbers { columns, values })
    }

    /// Returns the number of rows and of columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.values.len() / self.columns, self.columns)
    }

    /// Returns all numbers, row by row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Returns the rows.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks(self.columns)
    }

    /// Says whether a list of lists holds these numbers.
    fn is_written_as(&self, nodes: &[Node]) -> bool {
        let is_row = |(row, node): (&[f64], &Node)| match &node.value {
            Value::Array(written) => {
                row.len() == written.len() && row.iter().zip(written).all(|(x, node)| node.value == Value::Float(*x))
            }
            _ => false,
        };
        nodes.len() == self.shape().0 && self.rows().zip(nodes).all(is_row)
    }
}

impl PartialEq for Value {
    /// Tables are equal whatever the order of their keys.
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Boolean(a), Value::Boolean(b)) => a == b,
            (Value::Integer(a), Value::Integer(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a == b,
            (Value::Numbers(a), Value::Numbers(b)) => a == b,
            (Value::Numbers(numbers), Value::Array(nodes)) | (Value::Array(nodes), Value::Numbers(numbers)) => {
                numbers.is_written_as(nodes)
            }
            (Value::Table(a), Value::Table(b)) => {
                let found_in = |key: &str| b.iter().find(|entry| entry.key == key).map(|entry| &entry.node);
                a.len() == b.len() && a.iter().all(|entry| found_in(&entry.key) == Some(&entry.node))
            }
            _ => false,
        }
    }
}

/// A key of a table with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// Its value.
    pub node: Node,
}

impl From<bool> for Value {
    fn from(boolean: bool) -> Value {
        Value::Boolean(boolean)
    }
}

impl From<i32> for Value {
    fn from(integer: i32) -> Value {
        Value::Integer(integer.into())
    }
}

impl From<f64> for Value {
    fn from(float: f64) -> Value {
        Value::Float(float)
    }
}

impl From<&[f64]> for Value {
    fn from(numbers: &[f64]) -> Value {
        let node = |number: &f64| Node { value: Value::Float(*number), place: Place::new("default", "") };
        Value::Array(numbers.iter().map(node).collect())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.into())
    }
}
