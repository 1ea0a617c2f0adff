//! A document is a parsed file.

use std::path::Path;

use widenet_system::{files, memory};

use crate::{
    error::{Error, Result},
    excerpt::{excerpt, key_excerpt},
    field::Field,
    json,
    node::{Node, Value},
    reader::Reader,
    section::{Section, read_table},
    toml,
};

/// Bytes of the largest file that is read.
const LARGEST: u64 = 1 << 28;
/// Bytes of memory that a byte of a file takes while it is read, at most: a number such as `1,` becomes a node with its place.
const BYTES_PER_BYTE: u64 = 64;

/// A parsed file; the root is always a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub(crate) root: Node,
}

impl Document {
    /// Reads a `.toml` or `.json` file.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if the file cannot be read or is of another kind, [`Error::Document`] if its syntax is
    /// wrong.
    pub fn load(path: &Path) -> Result<Document> {
        let unreadable = |reason: String| Error::Unreadable { path: path.to_owned(), reason };
        let parse = match path.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => Document::from_toml,
            Some("json") => Document::from_json,
            _ => return Err(unreadable("its name must end in .toml or .json".into())),
        };
        let fits = memory::available().map_or(LARGEST, |bytes| LARGEST.min(bytes / BYTES_PER_BYTE));
        let text = files::read_to_string(path, fits).map_err(|error| unreadable(error.to_string()))?;
        parse(&path.display().to_string(), &text)
    }

    /// Reads a file and applies `overrides`, pairs of a dotted key and a value as text, in order as by [`Document::set`].
    ///
    /// # Errors
    /// As for [`Document::load`] and [`Document::set`].
    pub fn load_with(path: &Path, overrides: &[(String, String)]) -> Result<Document> {
        let mut document = Document::load(path)?;
        for (key, value) in overrides {
            document.set(key, value, &format!("--set {}={}", key_excerpt(key), excerpt(value)))?;
        }
        Ok(document)
    }

    /// Parses TOML; `origin` is what errors call the text.
    ///
    /// # Errors
    /// [`Error::Document`] at a syntax error or duplicate key.
    pub fn from_toml(origin: &str, text: &str) -> Result<Document> {
        toml::parse(origin, text).map(|root| Document { root })
    }

    /// Parses JSON (strict: no comments, no trailing commas); `origin` is what errors call the text.
    ///
    /// # Errors
    /// [`Error::Document`] at a syntax error, a duplicate key, `null`, or a root that is not an object.
    pub fn from_json(origin: &str, text: &str) -> Result<Document> {
        json::parse(origin, text).map(|root| Document { root })
    }

    /// Returns the part of another document as a document of its own.
    ///
    /// # Errors
    /// [`Error::Document`] if the node is not a table.
    pub fn from_node(root: Node) -> Result<Document> {
        match root.value {
            Value::Table(_) => Ok(Document { root }),
            _ => Err(root.place.error(format!("{} is not a table", root.excerpt()))),
        }
    }

    /// Returns the whole tree.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Returns the value of a key of the root table as errors call it.
    pub fn field(&self, key: &str) -> Option<Field<'_>> {
        self.get(key).map(|node| Field::new(key.to_owned(), node))
    }

    /// Reads the root table as a section.
    ///
    /// # Errors
    /// [`Error::Document`] at the first mistake.
    pub fn read<S: Section>(&self) -> Result<S> {
        read_table(Reader::new(String::new(), &self.root.place, self.root.entries()))
    }
}
