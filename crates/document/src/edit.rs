//! A document is changed by dotted path (`optimizer.learning_rate`). A path may have quotes, as keys in TOML may
//! (`axes."optimizer.learning_rate"`): both mean the same, whether the document has the key in quotes or as tables.

use crate::{
    document::Document,
    error::Result,
    excerpt::{excerpt, key_excerpt},
    node::{Entry, Node, Place, Value},
    toml,
};

/// Most parts of a dotted key: a table in a table in a table is walked by calls of calls.
const MAX_PARTS: usize = 100;

impl Document {
    /// Returns the node at a dotted path.
    pub fn get(&self, path: &str) -> Option<&Node> {
        let (mut node, mut rest) = (&self.root, Some(path));
        while let Some(path) = rest {
            let (key, left) = first_key(node, path);
            node = node.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)?;
            rest = left;
        }
        Some(node)
    }

    /// Takes the node at a dotted path out of the document.
    pub fn remove(&mut self, path: &str) -> Option<Node> {
        let (parents, last) = match path.rsplit_once('.') {
            Some((parents, last)) => (Some(parents), last),
            None => (None, path),
        };
        let mut node = &mut self.root;
        for key in parents.into_iter().flat_map(|parents| parents.split('.')) {
            let Value::Table(entries) = &mut node.value else { return None };
            node = entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node)?;
        }
        let Value::Table(entries) = &mut node.value else { return None };
        let position = entries.iter().position(|entry| entry.key == last)?;
        Some(entries.remove(position).node)
    }

    /// Puts a node at a dotted path; it replaces what is there, and missing tables are made.
    ///
    /// # Errors
    /// [`crate::Error::Document`] if the path is malformed or leads through something that is not a table.
    pub fn set_node(&mut self, path: &str, node: Node) -> Result<()> {
        let path = path.replace(['"', '\''], "");
        let parts = path.split('.').count();
        if parts > MAX_PARTS {
            return Err(node.place.error(format!("a dotted key has at most {MAX_PARTS} parts; this one has {parts}")));
        }
        put(&mut self.root, "", &path, node)
    }

    /// Sets a value from text, as in `--set path=text`: a TOML value, or a bare word taken as a string. `origin` is
    /// what errors about the value call it.
    ///
    /// # Errors
    /// [`crate::Error::Document`] if the text is not a value, and those of [`Document::set_node`].
    pub fn set(&mut self, path: &str, text: &str, origin: &str) -> Result<()> {
        self.set_node(path, parse_value(text, origin)?)
    }
}

/// Puts `new` at `path` below the table `node`, which itself stands at `walked`.
fn put(node: &mut Node, walked: &str, path: &str, new: Node) -> Result<()> {
    let place = new.place.clone();
    let (key, rest) = first_key(node, path);
    let here = if walked.is_empty() { key.into() } else { format!("{walked}.{key}") };
    if key.is_empty() {
        let here = key_excerpt(&here);
        return Err(place.error(format!("`{here}` is not a dotted key such as optimizer.learning_rate")));
    }
    let Value::Table(entries) = &mut node.value else {
        let (here, walked) = (key_excerpt(&here), key_excerpt(walked));
        return Err(place.error(format!("`{here}` cannot be set: `{walked}` is {}, not a table", node.excerpt())));
    };
    let position = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        let table = Node { value: Value::Table(Vec::new()), place: place.clone() };
        entries.push(Entry { key: key.into(), place, node: table });
        entries.len() - 1
    });
    let target = &mut entries[position].node;
    match rest {
        Some(rest) => put(target, &here, rest, new),
        None => {
            *target = new;
            Ok(())
        }
    }
}

/// The key that a path begins with in a table, and what is left of the path: a key with dots if the table has it, else what stands before the
/// first dot.
fn first_key<'p>(table: &Node, path: &'p str) -> (&'p str, Option<&'p str>) {
    let begins = |key: &str| path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let with_dots = table.entries().iter().map(|entry| &entry.key).filter(|key| key.contains('.') && begins(key));
    let end = with_dots.map(String::len).max().or(path.find('.')).unwrap_or(path.len());
    (&path[..end], path.get(end + 1..))
}

fn parse_value(text: &str, origin: &str) -> Result<Node> {
    let place = Place::new(origin, text);
    if is_bare_word(text) {
        return Ok(Node { value: Value::String(text.into()), place });
    }
    // Parsed on its own and in one line, so that neither a comment nor a second key can hide in it.
    match text.trim().parse() {
        Ok(value) if !text.contains(['\n', '\r']) => toml::value(&value, &place),
        _ => Err(place.error(format!(
            "`{}` is not a value; give a number, true, false, a word, \"text\", [ … ] or {{ … }}",
            excerpt(text)
        ))),
    }
}

/// Words, paths and keys of archives that need no quotes; TOML's own words are values.
fn is_bare_word(text: &str) -> bool {
    let starts_like_word = text.starts_with(|c: char| c.is_alphabetic() || "_./".contains(c));
    starts_like_word
        && !["true", "false", "inf", "nan"].contains(&text)
        && text.chars().all(|c| c.is_alphanumeric() || "_-./:".contains(c))
}
