//! A key must be in its table, may be there, has a default, or says of which kind the table is.

use serde_json::Value as Json;

use crate::{
    error::Result,
    field::Field,
    node::{Node, Place, Value},
    reader::Reader,
    schema,
    section::{Declaration, Declarations, DeclaredKind, Kind, Kinds, Section},
    shape::{At, Shape, Table, located, table},
};

/// The declaration of one field of a section.
pub trait Key {
    /// What the field holds.
    type Value;

    /// Reads it out of a table.
    ///
    /// # Errors
    /// [`crate::Error::Document`] at the first mistake.
    #[doc(hidden)]
    fn read(&self, name: &'static str, reader: &mut Reader<'_>) -> Result<Self::Value>;

    /// Adds what is declared; `about` is the field's doc comment.
    fn declare(&self, name: &'static str, about: String, declarations: &mut Declarations);
}

/// Declares a key whose field has a type; the macro [`section!`](crate::section!) calls it.
pub fn declare_as<T, K: Key<Value = T>>(key: &K, name: &'static str, about: String, declarations: &mut Declarations) {
    key.declare(name, about, declarations);
}

fn declare(key: &'static str, about: String, required: bool, default: Option<Json>, shape: &impl Shape) -> Declaration {
    Declaration { key, about, required, default, schema: shape.schema() }
}

/// A key that must be there.
pub struct Required<S>(pub(crate) S);

impl<S: Shape> Key for Required<S> {
    type Value = S::Value;

    fn read(&self, name: &'static str, reader: &mut Reader<'_>) -> Result<S::Value> {
        reader.required(name, |field| self.0.read(field))
    }

    fn declare(&self, name: &'static str, about: String, declarations: &mut Declarations) {
        declarations.keys.push(declare(name, about, true, None, &self.0));
    }
}

/// A key that may be there.
pub struct Optional<S>(pub(crate) S);

impl<S: Shape> Key for Optional<S> {
    type Value = Option<S::Value>;

    fn read(&self, name: &'static str, reader: &mut Reader<'_>) -> Result<Option<S::Value>> {
        reader.optional(name, |field| self.0.read(field))
    }

    fn declare(&self, name: &'static str, about: String, declarations: &mut Declarations) {
        declarations.keys.push(declare(name, about, false, None, &self.0));
    }
}

/// A key with a default, which is read as if it stood in the file.
pub struct Or<S>(pub(crate) S, pub(crate) Value);

impl<S: Shape> Key for Or<S> {
    type Value = S::Value;

    fn read(&self, name: &'static str, reader: &mut Reader<'_>) -> Result<S::Value> {
        match reader.optional(name, |field| self.0.read(field))? {
            Some(value) => Ok(value),
            None => {
                let node = Node { value: self.1.clone(), place: Place::new("default", "") };
                self.0.read(&Field::new(reader.dotted(name), &node))
            }
        }
    }

    fn declare(&self, name: &'static str, about: String, declarations: &mut Declarations) {
        declarations.keys.push(declare(name, about, false, Some(schema::json(&self.1)), &self.0));
    }
}

/// The keys of another section in the same table.
pub struct Flat<S>(pub(crate) std::marker::PhantomData<S>);

impl<S: Section> Key for Flat<S> {
    type Value = S;

    fn read(&self, _: &'static str, reader: &mut Reader<'_>) -> Result<S> {
        S::read(reader)
    }

    fn declare(&self, _: &'static str, _: String, declarations: &mut Declarations) {
        let Declarations { keys, kinds, others, refused, one_of } = S::declarations();
        declarations.one_of.extend(one_of);
        declarations.keys.extend(keys);
        declarations.refused.extend(refused);
        declarations.kinds = declarations.kinds.take().or(kinds);
        declarations.others = declarations.others.take().or(others);
    }
}

/// The key that says of which kind the table is, and with it the keys of that kind.
pub struct ByKind<T: 'static>(pub(crate) &'static [Kind<T>], pub(crate) Option<&'static str>);

impl<T> Key for ByKind<T> {
    type Value = T;

    fn read(&self, name: &'static str, reader: &mut Reader<'_>) -> Result<T> {
        let words: Vec<_> = self.0.iter().map(|kind| (kind.word, kind.read)).collect();
        let choose = |field: &Field<'_>| field.choice(&words);
        let default = self.1.and_then(|default| self.0.iter().find(|kind| kind.word == default));
        let read = match default {
            Some(kind) => reader.optional(name, choose)?.unwrap_or(kind.read),
            None => reader.required(name, choose)?,
        };
        read(reader)
    }

    fn declare(&self, key: &'static str, about: String, declarations: &mut Declarations) {
        let declared = |kind: &Kind<T>| DeclaredKind {
            word: kind.word,
            about: schema::one_line(kind.about),
            declarations: (kind.declarations)(),
        };
        let kinds = self.0.iter().map(declared).collect();
        declarations.kinds = Some(Kinds { key, about, default: self.1, kinds });
    }
}

/// Keys that are kinds: the tables below those that are there.
pub struct NamedKinds<T: 'static>(pub(crate) &'static [Kind<T>]);

impl<T> Key for NamedKinds<T> {
    type Value = Vec<(&'static str, T)>;

    fn read(&self, _: &'static str, reader: &mut Reader<'_>) -> Result<Self::Value> {
        let mut found = Vec::new();
        for kind in self.0 {
            if let Some(field) = reader.get(kind.word) {
                let mut table = field.table()?;
                found.push((kind.word, (kind.read)(&mut table)?));
                table.finish()?;
            }
        }
        Ok(found)
    }

    fn declare(&self, _: &'static str, _: String, declarations: &mut Declarations) {
        let declared = |kind: &Kind<T>| Declaration {
            key: kind.word,
            about: schema::one_line(kind.about),
            required: false,
            default: None,
            schema: schema::object(&(kind.declarations)()),
        };
        declarations.keys.extend(self.0.iter().map(declared));
    }
}

/// Several keys, of which exactly one is there.
pub struct OneOf<S>(pub(crate) Vec<(&'static str, S)>);

impl<S: Shape> Key for OneOf<S> {
    type Value = (&'static str, S::Value);

    fn read(&self, _: &'static str, reader: &mut Reader<'_>) -> Result<Self::Value> {
        let mut found = Vec::new();
        for (key, shape) in &self.0 {
            found.extend(reader.get(key).map(|field| (*key, shape, field)));
        }
        match &found[..] {
            [(key, shape, field)] => Ok((key, shape.read(field)?)),
            [(first, ..), (second, _, field), ..] => {
                Err(field.error(format!("`{first}` and `{second}` exclude each other; give one")))
            }
            [] => {
                let keys: Vec<_> = self.0.iter().map(|(key, _)| format!("`{key}`")).collect();
                Err(reader.error(format!("one of {} is missing", keys.join(", "))))
            }
        }
    }

    fn declare(&self, _: &'static str, about: String, declarations: &mut Declarations) {
        declarations.one_of.push(self.0.iter().map(|(key, _)| *key).collect());
        declarations.keys.extend(self.0.iter().map(|(key, shape)| declare(key, about.clone(), false, None, shape)));
    }
}

/// All keys of the table that no other field of the section has, with their values.
pub struct Others<S>(pub(crate) S);

impl<S: Shape> Key for Others<S> {
    type Value = Vec<(String, S::Value)>;

    fn read(&self, _: &'static str, reader: &mut Reader<'_>) -> Result<Self::Value> {
        let read = |(key, field): (String, Field<'_>)| Ok((key, self.0.read(&field)?));
        reader.rest().into_iter().map(read).collect()
    }

    fn declare(&self, _: &'static str, _: String, declarations: &mut Declarations) {
        declarations.others = Some(self.0.schema());
    }
}

/// Returns a key that must be there.
pub fn required<S: Shape>(shape: S) -> Required<S> {
    Required(shape)
}

/// Returns a key that may be there.
pub fn optional<S: Shape>(shape: S) -> Optional<S> {
    Optional(shape)
}

/// Returns a key with a default.
pub fn or<S: Shape>(shape: S, default: impl Into<Value>) -> Or<S> {
    Or(shape, default.into())
}

/// Returns a table all of whose keys have defaults, so that it may be missing.
pub fn defaulted<S: Section>() -> Or<Table<S>> {
    Or(table(), Value::Table(Vec::new()))
}

/// Returns the same, which remembers where it stands.
pub fn defaulted_at<S: Section>() -> Or<At<Table<S>>> {
    Or(located(table()), Value::Table(Vec::new()))
}

/// Returns the keys of another section in the same table.
pub fn flat<S: Section>() -> Flat<S> {
    Flat(std::marker::PhantomData)
}

/// Returns the key that says of which kind the table is.
pub fn by_kind<T>(kinds: &'static [Kind<T>]) -> ByKind<T> {
    ByKind(kinds, None)
}

/// Returns the same with the kind of a table without the key.
pub fn by_kind_or<T>(kinds: &'static [Kind<T>], default: &'static str) -> ByKind<T> {
    ByKind(kinds, Some(default))
}

/// Returns keys whose names are kinds, each a table with the keys of its kind.
pub fn named_kinds<T>(kinds: &'static [Kind<T>]) -> NamedKinds<T> {
    NamedKinds(kinds)
}

/// Returns several keys, of which exactly one is there; which one is part of the value.
pub fn one_of<S: Shape>(keys: Vec<(&'static str, S)>) -> OneOf<S> {
    OneOf(keys)
}

/// Returns all keys that no field before this one has.
pub fn others<S: Shape>(shape: S) -> Others<S> {
    Others(shape)
}
