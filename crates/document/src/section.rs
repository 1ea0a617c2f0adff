//! A section is a struct with one field per key, declared once by the macro [`section!`](crate::section!).

use serde_json::Value as Json;

use crate::{
    error::{Error, Result},
    node::{Entry, Value},
    reader::Reader,
};

/// A table of a file whose keys are declared. Made by the macro [`section!`](crate::section!).
pub trait Section: Sized {
    /// What the section is about.
    const ABOUT: &'static str;

    /// Reads the keys of the section out of a table, which may have others.
    ///
    /// # Errors
    /// [`crate::Error::Document`] at the first mistake.
    #[doc(hidden)]
    fn read(reader: &mut Reader<'_>) -> Result<Self>;

    /// What the keys are.
    fn declarations() -> Declarations;
}

/// Reads a table whose keys are all of the section.
pub(crate) fn read_table<S: Section>(mut reader: Reader<'_>) -> Result<S> {
    let section = S::read(&mut reader).map_err(|error| with_others(&reader, error, &S::declarations()))?;
    reader.finish()?;
    Ok(section)
}

/// The error of a missing key, with all others that are missing and all that are not known.
fn with_others(reader: &Reader<'_>, error: Error, declarations: &Declarations) -> Error {
    let Error::Document { origin, line, column, message } = error else { return error };
    if !reader.lacks() {
        return Error::Document { origin, line, column, message };
    }
    let kind = declarations.kinds.as_ref().and_then(|kinds| {
        let word = reader.entries().iter().find(|entry| entry.key == kinds.key).map(|entry| &entry.node.value);
        let word = match word {
            Some(Value::String(word)) => Some(word.as_str()),
            _ => kinds.default,
        };
        kinds.kinds.iter().find(|kind| Some(kind.word) == word)
    });
    let of_kind = kind.map(|kind| &kind.declarations);
    let keys = || declarations.keys.iter().chain(of_kind.iter().flat_map(|kind| &kind.keys));
    let is_there = |key: &str| reader.entries().iter().any(|entry| entry.key == key);
    let missing: Vec<String> = keys()
        .filter(|key| key.required && !is_there(key.key))
        .map(|key| format!("`{}`", reader.dotted(key.key)))
        .filter(|key| !message.contains(key.as_str()))
        .collect();
    let known: Vec<&str> =
        keys().map(|key| key.key).chain(declarations.kinds.as_ref().map(|kinds| kinds.key)).collect();
    let takes_others = declarations.others.is_some() || of_kind.is_some_and(|kind| kind.others.is_some());
    let is_unknown = |entry: &&Entry| !takes_others && !known.contains(&entry.key.as_str());
    let unknown: Vec<&Entry> = reader.entries().iter().filter(is_unknown).collect();
    let mut said = message;
    if !missing.is_empty() {
        let verb = if missing.len() == 1 { "is" } else { "are" };
        said.push_str(&format!("; {} {verb} missing too", missing.join(" and ")));
    }
    if !unknown.is_empty() {
        said.push_str(&format!("; {}", reader.of_unknown(&unknown, &known)));
    }
    Error::Document { origin, line, column, message: said }
}

/// What is declared of one key.
#[derive(Debug, Clone)]
pub struct Declaration {
    /// The key.
    pub key: &'static str,
    /// What it means.
    pub about: String,
    /// Whether it must be there.
    pub required: bool,
    /// The value that it has if it is not there.
    pub default: Option<Json>,
    /// JSON Schema of its value.
    pub schema: Json,
}

/// What is declared of the keys of a table.
#[derive(Debug, Clone, Default)]
pub struct Declarations {
    /// Keys that the table has whatever its kind.
    pub keys: Vec<Declaration>,
    /// The key that says of which kind the table is, and the keys of each kind.
    pub kinds: Option<Kinds>,
    /// JSON Schema of the values of all other keys, if there may be any.
    pub others: Option<Json>,
    /// Keys of all kinds that are refused here.
    pub refused: Vec<&'static str>,
    /// Lists of keys, of each of which the table has exactly one.
    pub one_of: Vec<Vec<&'static str>>,
}

/// The kinds that a table may be of.
#[derive(Debug, Clone)]
pub struct Kinds {
    /// The key that says which.
    pub key: &'static str,
    /// What the key means.
    pub about: String,
    /// The kind of a table without the key.
    pub default: Option<&'static str>,
    /// The word of each kind, what it is, and the keys that it has beside those of all kinds.
    pub kinds: Vec<DeclaredKind>,
}

/// One of the kinds that a table may be of.
#[derive(Debug, Clone)]
pub struct DeclaredKind {
    /// Its word.
    pub word: &'static str,
    /// What it is.
    pub about: String,
    /// Keys that it has beside those of all kinds.
    pub declarations: Declarations,
}

/// A kind of a table: its word, and the section of its keys, which becomes a `T`.
pub struct Kind<T> {
    /// The word in the file.
    pub word: &'static str,
    pub(crate) about: &'static str,
    pub(crate) read: fn(&mut Reader<'_>) -> Result<T>,
    pub(crate) declarations: fn() -> Declarations,
}

impl<T> Kind<T> {
    /// Returns the kind that a section describes.
    pub const fn of<S: Section + Into<T>>(word: &'static str) -> Kind<T> {
        Kind { word, about: S::ABOUT, read: read_into::<S, T>, declarations: S::declarations }
    }
}

fn read_into<S: Section + Into<T>, T>(reader: &mut Reader<'_>) -> Result<T> {
    S::read(reader).map(Into::into)
}

/// Declares a section of a file: a struct with one field per key, what may stand there ([`crate::keys`] of
/// [`crate::shape`]), and a doc comment that becomes the key's description in the schema. `refuse` gives keys that have a
/// meaning elsewhere with the reason; `check` is a function of the section and the table as it is [`Written`](crate::Written), called last.
#[macro_export]
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $(#[derive($($derive:path),* $(,)?)])?
        $visibility:vis struct $name:ident {
            $( $(#[doc = $key_about:literal])+ $key_visibility:vis $key:ident : $type:ty = $declaration:expr ),* $(,)?
        }
        $(refuse { $($refused:literal : $reason:expr),* $(,)? })?
        $(check = $check:expr;)?
    ) => {
        $(#[doc = $about])+
        $(#[derive($($derive),*)])?
        $visibility struct $name {
            $( $(#[doc = $key_about])+ $key_visibility $key: $type, )*
        }

        impl $crate::Section for $name {
            const ABOUT: &'static str = concat!($($about, "\n"),+);

            fn read(reader: &mut $crate::door::Reader<'_>) -> $crate::Result<Self> {
                $( $( reader.refuse($refused, $reason)?; )* )?
                let section = $name { $( $key: $crate::Key::read(&$declaration, stringify!($key), reader)?, )* };
                $(
                    let check: fn(&$name, &$crate::Written<'_>) -> $crate::Result<()> = $check;
                    check(&section, &$crate::Written::of(reader))?;
                )?
                Ok(section)
            }

            fn declarations() -> $crate::Declarations {
                #[allow(unused_mut, reason = "a section may have no keys")]
                let mut declarations = $crate::Declarations::default();
                $( declarations.refused.extend([$($refused),*]); )?
                $( $crate::keys::declare_as::<$type, _>(
                    &$declaration,
                    stringify!($key),
                    $crate::schema::one_line(concat!($($key_about, "\n"),+)),
                    &mut declarations,
                ); )*
                declarations
            }
        }
    };
}
