//! A reader takes a table key by key; keys that nobody asked for are errors.

use crate::{
    error::{Error, Result},
    excerpt::key_excerpt,
    field::Field,
    node::{Entry, Place, Value},
    suggest::{nearest, suggestion},
};

/// A table being read. It remembers the keys it was asked for: [`Reader::finish`] refuses all others.
///
/// ```
/// use widenet_document::{Document, Field};
///
/// let document = Document::from_toml("run.toml", "steps = 1e3\nrate = 0.1")?;
/// let mut table = document.reader();
/// assert_eq!(table.required("steps", Field::whole)?, 1000);
/// assert_eq!(table.or("momentum", 0.0, Field::number)?, 0.0);
/// let error = table.finish().unwrap_err().to_string();
/// assert_eq!(error, "run.toml:2:1: unknown key `rate`; known: steps, momentum");
/// # Ok::<(), widenet_document::Error>(())
/// ```
#[derive(Debug)]
pub struct Reader<'a> {
    path: String,
    place: &'a Place,
    entries: &'a [Entry],
    known: Vec<&'a str>,
}

impl<'a> Field<'a> {
    /// Returns a table, to be read key by key.
    ///
    /// # Errors
    /// [`Error::Document`] for any other value.
    pub fn table(&self) -> Result<Reader<'a>> {
        match &self.node().value {
            Value::Table(entries) => Ok(Reader::new(self.key().to_owned(), &self.node().place, entries)),
            _ => Err(self.must_be("a table")),
        }
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(path: String, place: &'a Place, entries: &'a [Entry]) -> Reader<'a> {
        Reader { path, place, entries, known: Vec::new() }
    }

    pub(crate) fn dotted(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    fn field(&self, entry: &'a Entry) -> Field<'a> {
        Field::new(self.dotted(&entry.key), &entry.node)
    }

    /// Returns the value of `key`, if it is there.
    pub fn get(&mut self, key: &'a str) -> Option<Field<'a>> {
        self.known.push(key);
        self.entries.iter().find(|entry| entry.key == key).map(|entry| self.field(entry))
    }

    /// Returns the value of `key`, read by `read`.
    ///
    /// # Errors
    /// [`Error::Document`] if the key is missing, and what `read` says.
    pub fn required<T>(&mut self, key: &'a str, read: impl FnOnce(&Field<'a>) -> Result<T>) -> Result<T> {
        if let Some(field) = self.get(key) {
            return read(&field);
        }
        Err(self.missing(key))
    }

    /// Returns the error of a key that is not there, or of one that was probably meant to be it.
    pub fn missing<E: From<Error>>(&self, key: &str) -> E {
        let unasked = self.entries.iter().filter(|entry| !self.known.contains(&entry.key.as_str()));
        let misspelt = nearest(key, unasked.clone().map(|entry| entry.key.as_str()), key.len() / 4);
        match unasked.clone().find(|entry| Some(entry.key.as_str()) == misspelt) {
            Some(entry) => entry
                .place
                .error(format!("unknown key `{}`; did you mean `{key}`?", key_excerpt(&self.dotted(&entry.key)))),
            None => self.place.error(format!("`{}` is missing", self.dotted(key))),
        }
    }

    /// Returns the value of `key` if it is there, read by `read`.
    ///
    /// # Errors
    /// What `read` says.
    pub fn optional<T>(&mut self, key: &'a str, read: impl FnOnce(&Field<'a>) -> Result<T>) -> Result<Option<T>> {
        self.get(key).map(|field| read(&field)).transpose()
    }

    /// Returns the value of `key` read by `read`, or the default.
    ///
    /// # Errors
    /// What `read` says.
    pub fn or<T>(&mut self, key: &'a str, default: T, read: impl FnOnce(&Field<'a>) -> Result<T>) -> Result<T> {
        Ok(self.optional(key, read)?.unwrap_or(default))
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

    /// Returns all values in the order of the file, for tables with free keys. They count as asked for.
    pub fn fields(&mut self) -> Vec<Field<'a>> {
        self.known.extend(self.entries.iter().map(|entry| entry.key.as_str()));
        self.entries.iter().map(|entry| self.field(entry)).collect()
    }

    /// The values of keys that nobody asked for yet, in the order of the file. They count as asked for.
    pub(crate) fn rest(&mut self) -> Vec<(String, Field<'a>)> {
        let rest: Vec<_> = self.entries.iter().filter(|entry| !self.known.contains(&entry.key.as_str())).collect();
        self.known.extend(rest.iter().map(|entry| entry.key.as_str()));
        rest.into_iter().map(|entry| (entry.key.clone(), self.field(entry))).collect()
    }

    /// Returns the value of a key that has been read.
    pub fn given(&self, key: &str) -> Option<Field<'a>> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| self.field(entry))
    }

    /// Returns the place of the table and its dotted key.
    pub fn place(&self) -> (&'a Place, &str) {
        (self.place, &self.path)
    }

    /// Returns an error at the table, for what is wrong with its keys together.
    pub fn error<E: From<Error>>(&self, message: impl Into<String>) -> E {
        self.place.error(message)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`Error::Document`] at the first key that was not asked for, with the nearest known one.
    pub fn finish(self) -> Result<()> {
        match self.entries.iter().find(|entry| !self.known.contains(&entry.key.as_str())) {
            Some(entry) => Err(entry.place.error(format!(
                "unknown key `{}`; {}",
                key_excerpt(&self.dotted(&entry.key)),
                suggestion(&entry.key, &self.known)
            ))),
            None => Ok(()),
        }
    }
}
