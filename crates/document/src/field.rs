//! A field reads one value: it says what the value must be, or returns an error at its place.

use std::ops::RangeInclusive;

use crate::{
    error::{Error, Result},
    excerpt::excerpt,
    node::{Node, Value},
    suggest::suggestion,
};

/// Whole numbers written as floats are exact up to here.
const MAX_WHOLE_FLOAT: f64 = (1u64 << 53) as f64;

/// A value with its dotted key, for example `optimizer.steps`.
///
/// The reading methods return [`Error::Document`] with the key, the value found and what it must be.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    key: String,
    node: &'a Node,
}

impl<'a> Field<'a> {
    /// Returns a value under the dotted key that errors call it.
    pub fn new(key: String, node: &'a Node) -> Field<'a> {
        Field { key, node }
    }

    /// Returns the dotted key; elements of lists are `key[0]`, `key[1]`, ….
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the value itself.
    pub fn node(&self) -> &'a Node {
        self.node
    }

    /// Returns the value on one line, shortened.
    pub fn excerpt(&self) -> String {
        self.node.excerpt()
    }

    /// Returns an error at this value.
    pub fn error<E: From<Error>>(&self, message: impl Into<String>) -> E {
        self.node.place.error(message)
    }

    /// Returns the error "`key` is …; it must be …".
    pub fn must_be<E: From<Error>>(&self, wanted: &str) -> E {
        self.error(format!("`{}` is {}; it must be {wanted}", self.key, self.node.excerpt()))
    }

    /// Returns a string.
    pub fn string(&self) -> Result<String> {
        match &self.node.value {
            Value::String(string) => Ok(string.clone()),
            _ => Err(self.must_be("a string")),
        }
    }

    /// Returns `true` or `false`.
    pub fn boolean(&self) -> Result<bool> {
        match self.node.value {
            Value::Boolean(boolean) => Ok(boolean),
            _ => Err(self.must_be("true or false")),
        }
    }

    fn as_whole(&self) -> Option<u64> {
        match self.node.value {
            Value::Integer(integer) => integer.try_into().ok(),
            Value::Float(float) if float.fract() == 0.0 && (0.0..=MAX_WHOLE_FLOAT).contains(&float) => {
                Some(float as u64)
            }
            _ => None,
        }
    }

    /// Returns a whole number ≥ 0; `1e3` is one.
    pub fn whole(&self) -> Result<u64> {
        self.as_whole().ok_or_else(|| self.must_be("a whole number ≥ 0"))
    }

    /// Returns a whole number within bounds (both included).
    pub fn whole_in(&self, bounds: RangeInclusive<u64>) -> Result<u64> {
        let wanted = || format!("a whole number from {} to {}", bounds.start(), bounds.end());
        self.as_whole().filter(|whole| bounds.contains(whole)).ok_or_else(|| self.must_be(&wanted()))
    }

    /// Returns a whole number ≥ 1 of things held in memory.
    pub fn count(&self) -> Result<usize> {
        let count = self.as_whole().filter(|whole| *whole >= 1).and_then(|whole| whole.try_into().ok());
        count.ok_or_else(|| self.must_be("a whole number ≥ 1"))
    }

    fn number_where(&self, accept: impl Fn(f64) -> bool, wanted: &str) -> Result<f64> {
        let number = match self.node.value {
            // Whoever writes a whole number means that one.
            Value::Integer(integer) if integer as f64 as i128 != i128::from(integer) => {
                let wanted = format!("{wanted} that f64 holds; write it with a point or an exponent to round it");
                return Err(self.must_be(&wanted));
            }
            Value::Integer(integer) => Some(integer as f64),
            Value::Float(float) => Some(float),
            _ => None,
        };
        number.filter(|number| number.is_finite() && accept(*number)).ok_or_else(|| self.must_be(wanted))
    }

    /// Returns a finite number.
    pub fn number(&self) -> Result<f64> {
        self.number_where(|_| true, "a finite number")
    }

    /// Returns a finite number > 0.
    pub fn positive(&self) -> Result<f64> {
        self.number_where(|number| number > 0.0, "a finite number > 0")
    }

    /// Returns a finite number ≥ 0.
    pub fn non_negative(&self) -> Result<f64> {
        self.number_where(|number| number >= 0.0, "a finite number ≥ 0")
    }

    /// Returns a finite number with `lower ≤ number < upper`.
    pub fn number_in(&self, lower: f64, upper: f64) -> Result<f64> {
        self.number_where(|number| (lower..upper).contains(&number), &format!("a number ≥ {lower} and < {upper}"))
    }

    /// Returns the meaning of a word; unknown words are refused with the nearest known one or the list.
    pub fn choice<T: Clone>(&self, known: &[(&str, T)]) -> Result<T> {
        let Value::String(word) = &self.node.value else {
            let words: Vec<_> = known.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            return Err(self.must_be(&words.join(" or ")));
        };
        if let Some((_, meaning)) = known.iter().find(|(known, _)| known == word) {
            return Ok(meaning.clone());
        }
        let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
        Err(self.error(format!("unknown `{}`: \"{}\"; {}", self.key, excerpt(word), suggestion(word, &words))))
    }

    /// Returns the elements of a list, which may be empty.
    pub fn elements(&self) -> Result<Vec<Field<'a>>> {
        let Value::Array(nodes) = &self.node.value else {
            return Err(self.must_be("a list [ … ]"));
        };
        Ok(nodes.iter().enumerate().map(|(i, node)| Field::new(format!("{}[{i}]", self.key), node)).collect())
    }

    /// Returns the values of a table with free keys, in the order of the file.
    pub fn entries(&self) -> Result<Vec<Field<'a>>> {
        let Value::Table(entries) = &self.node.value else { return Err(self.must_be("a table")) };
        Ok(entries.iter().map(|entry| Field::new(format!("{}.{}", self.key, entry.key), &entry.node)).collect())
    }

    /// Returns a list of at least one element, each read by `read`.
    pub fn list<T>(&self, read: impl Fn(&Field<'a>) -> Result<T>) -> Result<Vec<T>> {
        let elements = self.elements()?;
        if elements.is_empty() {
            return Err(self.must_be("a list of at least one element"));
        }
        elements.iter().map(read).collect()
    }

    /// Returns a list of exactly `length` elements, each read by `read`; `meaning` says what they stand for.
    pub fn list_of<T>(&self, length: usize, meaning: &str, read: impl Fn(&Field<'a>) -> Result<T>) -> Result<Vec<T>> {
        let list = self.list(read)?;
        match list.len() {
            found if found == length => Ok(list),
            found => Err(self.error(format!("`{}` has {found} elements; it must have {length}, {meaning}", self.key))),
        }
    }

    /// Returns a list of at least one finite number.
    pub fn numbers(&self) -> Result<Vec<f64>> {
        self.list(Field::number)
    }
}
