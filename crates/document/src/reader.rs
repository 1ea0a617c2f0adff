//! A reader takes a table key by key; keys that nobody asked for are errors.

use std::{cell::Cell, collections::HashSet};

use crate::{
    error::{Error, Result},
    excerpt::key_excerpt,
    field::Field,
    foreign,
    node::{Entry, Place, Value},
    suggest::{nearest, suggestion},
};

/// Most unknown keys that one error tells.
const MOST_TOLD: usize = 6;

/// A table being read. It remembers the keys it was asked for: `finish` refuses all others. Only sections read by it.
#[derive(Debug)]
pub struct Reader<'a> {
    path: String,
    place: &'a Place,
    entries: &'a [Entry],
    known: Vec<&'a str>,
    /// A key that was found to be missing.
    lacking: Cell<bool>,
}

impl<'a> Field<'a> {
    /// Returns a table, to be read key by key.
    ///
    /// # Errors
    /// [`Error::Document`] for any other value.
    pub(crate) fn table(&self) -> Result<Reader<'a>> {
        match &self.node().value {
            Value::Table(entries) => Ok(Reader::new(self.key().to_owned(), &self.node().place, entries)),
            _ => Err(self.must_be("a table")),
        }
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(path: String, place: &'a Place, entries: &'a [Entry]) -> Reader<'a> {
        Reader { path, place, entries, known: Vec::new(), lacking: Cell::new(false) }
    }

    pub(crate) fn dotted(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    fn field(&self, entry: &'a Entry) -> Field<'a> {
        Field::new(self.dotted(&entry.key), &entry.node)
    }

    /// Returns the value of `key`, if it is there.
    pub(crate) fn get(&mut self, key: &'a str) -> Option<Field<'a>> {
        self.known.push(key);
        self.entries.iter().find(|entry| entry.key == key).map(|entry| self.field(entry))
    }

    /// Returns the value of `key`, read by `read`.
    ///
    /// # Errors
    /// [`Error::Document`] if the key is missing, and what `read` says.
    pub(crate) fn required<T>(&mut self, key: &'a str, read: impl FnOnce(&Field<'a>) -> Result<T>) -> Result<T> {
        if let Some(field) = self.get(key) {
            return read(&field);
        }
        Err(self.missing(key))
    }

    /// Returns the error of a key that is not there, or of one that was probably meant to be it.
    pub(crate) fn missing<E: From<Error>>(&self, key: &str) -> E {
        let known: HashSet<&str> = self.known.iter().copied().collect();
        let unasked = self.entries.iter().filter(|entry| !known.contains(entry.key.as_str()));
        let misspelt = nearest(key, unasked.clone().map(|entry| entry.key.as_str()), key.len() / 4);
        match unasked.clone().find(|entry| Some(entry.key.as_str()) == misspelt) {
            Some(entry) => entry
                .place
                .error(format!("unknown key `{}`; did you mean `{key}`?", key_excerpt(&self.dotted(&entry.key)))),
            None => {
                self.lacking.set(true);
                self.place.error(format!("`{}` is missing", self.dotted(key)))
            }
        }
    }

    /// Returns the value of `key` if it is there, read by `read`.
    ///
    /// # Errors
    /// What `read` says.
    pub(crate) fn optional<T>(
        &mut self,
        key: &'a str,
        read: impl FnOnce(&Field<'a>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.get(key).map(|field| read(&field)).transpose()
    }

    /// Refuses a key that has a meaning elsewhere, with the reason.
    ///
    /// # Errors
    /// [`Error::Document`] if the key is there.
    pub fn refuse(&self, key: &str, reason: &str) -> Result<()> {
        match self.entries.iter().find(|entry| entry.key == key) {
            Some(entry) => Err(entry.place.error(format!("`{}` is not used here: {reason}", self.dotted(key)))),
            None => Ok(()),
        }
    }

    /// The values of keys that nobody asked for yet, in the order of the file. They count as asked for.
    pub(crate) fn rest(&mut self) -> Vec<(String, Field<'a>)> {
        let known: HashSet<&str> = self.known.iter().copied().collect();
        let rest: Vec<_> = self.entries.iter().filter(|entry| !known.contains(entry.key.as_str())).collect();
        self.known.extend(rest.iter().map(|entry| entry.key.as_str()));
        rest.into_iter().map(|entry| (entry.key.clone(), self.field(entry))).collect()
    }

    /// Returns the value of a key that has been read.
    pub(crate) fn given(&self, key: &str) -> Option<Field<'a>> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| self.field(entry))
    }

    /// Returns an error at the table, for what is wrong with its keys together.
    pub(crate) fn error<E: From<Error>>(&self, message: impl Into<String>) -> E {
        self.place.error(message)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`Error::Document`] at the first key that was not asked for, with the nearest known one.
    pub(crate) fn finish(self) -> Result<()> {
        let known: HashSet<&str> = self.known.iter().copied().collect();
        let unknown: Vec<_> = self.entries.iter().filter(|entry| !known.contains(entry.key.as_str())).collect();
        match unknown.first() {
            Some(entry) => Err(entry.place.error(self.of_unknown(&unknown, &self.known))),
            None => Ok(()),
        }
    }

    /// What is wrong with keys that are not known, all of them in one sentence.
    pub(crate) fn of_unknown(&self, unknown: &[&Entry], known: &[&str]) -> String {
        let of_key = |entry: &&Entry| {
            let dotted = self.dotted(&entry.key);
            let likely = nearest(&entry.key, known.iter().copied(), entry.key.chars().count() / 3);
            let hint = match foreign::key(&dotted, &entry.key).filter(|_| likely.is_none()) {
                Some(meant) => format!("{meant} is meant"),
                None => suggestion(&entry.key, known),
            };
            format!("unknown key `{}`; {hint}", key_excerpt(&dotted))
        };
        let listed: Vec<String> = unknown.iter().take(MOST_TOLD).map(of_key).collect();
        let more = unknown.len() - listed.len();
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        format!("{}{more}", listed.join("; "))
    }

    /// Whether a key was found to be missing.
    pub(crate) fn lacks(&self) -> bool {
        self.lacking.get()
    }

    pub(crate) fn entries(&self) -> &'a [Entry] {
        self.entries
    }
}

/// A table as it stands in the file: what the `check` of a section sees of it, for what is wrong with its keys together.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a>(&'a Reader<'a>);

impl<'a> Written<'a> {
    /// Shows the table that a reader reads.
    #[doc(hidden)]
    pub fn of(reader: &'a Reader<'a>) -> Written<'a> {
        Written(reader)
    }

    /// Returns the value of a key, if it is there.
    pub fn given(&self, key: &str) -> Option<Field<'a>> {
        self.0.given(key)
    }

    /// Refuses a key that has a meaning elsewhere, with the reason.
    ///
    /// # Errors
    /// [`Error::Document`] if the key is there.
    pub fn refuse(&self, key: &str, reason: &str) -> Result<()> {
        self.0.refuse(key, reason)
    }

    /// Returns the error of a key that is not there, or of one that was probably meant to be it.
    pub fn missing<E: From<Error>>(&self, key: &str) -> E {
        self.0.missing(key)
    }

    /// Returns an error at the table, for what is wrong with its keys together.
    pub fn error<E: From<Error>>(&self, message: impl Into<String>) -> E {
        self.0.error(message)
    }
}
