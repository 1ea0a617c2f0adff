//! One declaration says what the value of a key may be: how it is read, and its JSON Schema.

use std::{marker::PhantomData, ops::RangeInclusive, path::PathBuf};

use serde_json::{Value as Json, json};

use crate::{
    document::Document,
    error::{Error, Result},
    field::Field,
    node::{Node, Place, Value},
    schema,
    section::{Section, read_table},
    word::Word,
};

/// What a value may be.
pub trait Shape {
    /// What it is read as.
    type Value;

    /// Reads it.
    ///
    /// # Errors
    /// [`Error::Document`] with the key, the value found and what it must be.
    fn read(&self, field: &Field<'_>) -> Result<Self::Value>;

    /// Its JSON Schema.
    fn schema(&self) -> Json;
}

/// A value that is read by a function and has a schema.
#[derive(Clone)]
pub struct Simple<T> {
    read: fn(&Field<'_>) -> Result<T>,
    schema: fn() -> Json,
}

impl<T> Simple<T> {
    /// Returns a shape of a function that reads it and one that gives its schema.
    pub const fn new(read: fn(&Field<'_>) -> Result<T>, schema: fn() -> Json) -> Simple<T> {
        Simple { read, schema }
    }
}

impl<T> Shape for Simple<T> {
    type Value = T;

    fn read(&self, field: &Field<'_>) -> Result<T> {
        (self.read)(field)
    }

    fn schema(&self) -> Json {
        (self.schema)()
    }
}

/// Returns a finite number.
pub fn number() -> Simple<f64> {
    Simple::new(|field| field.number(), || json!({ "type": "number" }))
}

/// Returns a finite number > 0.
pub fn positive() -> Simple<f64> {
    Simple::new(|field| field.positive(), || json!({ "type": "number", "exclusiveMinimum": 0 }))
}

/// Returns a finite number ≥ 0.
pub fn non_negative() -> Simple<f64> {
    Simple::new(|field| field.non_negative(), || json!({ "type": "number", "minimum": 0 }))
}

/// Returns `true` or `false`.
pub fn boolean() -> Simple<bool> {
    Simple::new(|field| field.boolean(), || json!({ "type": "boolean" }))
}

/// Returns a string.
pub fn text() -> Simple<String> {
    Simple::new(|field| field.string(), || json!({ "type": "string" }))
}

/// Returns the path of a file.
pub fn path() -> Simple<PathBuf> {
    Simple::new(|field| field.string().map(PathBuf::from), || json!({ "type": "string", "minLength": 1 }))
}

/// Returns a whole number ≥ 1 of things held in memory.
pub fn count() -> Simple<usize> {
    Simple::new(|field| field.count(), || json!({ "type": "number", "multipleOf": 1, "minimum": 1 }))
}

/// Returns a table that is a document of its own.
pub fn document() -> Simple<Document> {
    Simple::new(|field| Document::from_node(field.node().clone()), || json!({ "type": "object" }))
}

/// Takes any value.
pub fn anything() -> Simple<Node> {
    Simple::new(|field| Ok(field.node().clone()), || json!({}))
}

/// Numbers `lower ≤ x < upper`.
#[derive(Clone)]
pub struct Between(f64, f64);

/// Returns a number with `lower ≤ number < upper`.
pub fn between(lower: f64, upper: f64) -> Between {
    Between(lower, upper)
}

impl Shape for Between {
    type Value = f64;

    fn read(&self, field: &Field<'_>) -> Result<f64> {
        field.number_in(self.0, self.1)
    }

    fn schema(&self) -> Json {
        json!({ "type": "number", "minimum": self.0, "exclusiveMaximum": self.1 })
    }
}

/// Numbers `lower < x < upper`.
#[derive(Clone)]
pub struct Inside(f64, f64);

/// Returns a number with `lower < number < upper`.
pub fn inside(lower: f64, upper: f64) -> Inside {
    Inside(lower, upper)
}

impl Shape for Inside {
    type Value = f64;

    fn read(&self, field: &Field<'_>) -> Result<f64> {
        match field.number()? {
            number if number > self.0 && number < self.1 => Ok(number),
            _ => Err(field.must_be(&format!("a number > {} and < {}", self.0, self.1))),
        }
    }

    fn schema(&self) -> Json {
        json!({ "type": "number", "exclusiveMinimum": self.0, "exclusiveMaximum": self.1 })
    }
}

/// Numbers from a bound on.
#[derive(Clone)]
pub struct AtLeast(f64);

/// Returns a finite number ≥ `lower`.
pub fn at_least(lower: f64) -> AtLeast {
    AtLeast(lower)
}

impl Shape for AtLeast {
    type Value = f64;

    fn read(&self, field: &Field<'_>) -> Result<f64> {
        let lower = self.0;
        let written = if lower.abs() < 1e-3 && lower != 0.0 { format!("{lower:e}") } else { lower.to_string() };
        match field.number()? {
            number if number >= lower => Ok(number),
            _ => Err(field.must_be(&format!("a number ≥ {written}"))),
        }
    }

    fn schema(&self) -> Json {
        json!({ "type": "number", "minimum": self.0 })
    }
}

/// Whole numbers within bounds, of type `T`.
#[derive(Clone)]
pub struct Whole<T>(RangeInclusive<u64>, PhantomData<T>);

/// Returns a whole number within bounds (both included).
pub fn whole<T: TryFrom<u64>>(bounds: RangeInclusive<u64>) -> Whole<T> {
    Whole(bounds, PhantomData)
}

/// Returns a whole number ≥ 0.
pub fn natural() -> Simple<u64> {
    Simple::new(|field| field.whole(), || json!({ "type": "number", "multipleOf": 1, "minimum": 0 }))
}

impl<T: TryFrom<u64>> Shape for Whole<T> {
    type Value = T;

    fn read(&self, field: &Field<'_>) -> Result<T> {
        let wanted = format!("a whole number from {} to {}", self.0.start(), self.0.end());
        field.whole_in(self.0.clone())?.try_into().map_err(|_| field.must_be(&wanted))
    }

    fn schema(&self) -> Json {
        json!({ "type": "number", "multipleOf": 1, "minimum": self.0.start(), "maximum": self.0.end() })
    }
}

/// The words of an enum.
pub struct Words<T>(PhantomData<T>);

/// Returns a word of an enum.
pub fn word<T: Word>() -> Words<T> {
    Words(PhantomData)
}

impl<T: Word> Shape for Words<T> {
    type Value = T;

    fn read(&self, field: &Field<'_>) -> Result<T> {
        field.choice(T::WORDS)
    }

    fn schema(&self) -> Json {
        json!({ "enum": T::WORDS.iter().map(|(word, _)| *word).collect::<Vec<_>>() })
    }
}

/// Words with meanings.
pub struct Choice<T: 'static>(&'static [(&'static str, T)]);

/// Returns one of some words that belong to this key alone.
pub fn choice<T: Clone>(words: &'static [(&'static str, T)]) -> Choice<T> {
    Choice(words)
}

impl<T: Clone> Shape for Choice<T> {
    type Value = T;

    fn read(&self, field: &Field<'_>) -> Result<T> {
        field.choice(self.0)
    }

    fn schema(&self) -> Json {
        json!({ "enum": self.0.iter().map(|(word, _)| *word).collect::<Vec<_>>() })
    }
}

/// Lists.
pub struct List<S> {
    element: S,
    least: usize,
}

/// Returns a list of at least one element.
pub fn list<S: Shape>(element: S) -> List<S> {
    List { element, least: 1 }
}

/// Returns a list that may be empty.
pub fn list_or_none<S: Shape>(element: S) -> List<S> {
    List { element, least: 0 }
}

impl<S: Shape> Shape for List<S> {
    type Value = Vec<S::Value>;

    fn read(&self, field: &Field<'_>) -> Result<Vec<S::Value>> {
        match self.least {
            0 => field.elements()?.iter().map(|element| self.element.read(element)).collect(),
            _ => field.list(|element| self.element.read(element)),
        }
    }

    fn schema(&self) -> Json {
        json!({ "type": "array", "items": self.element.schema(), "minItems": self.least })
    }
}

/// Lists of a length.
pub struct ListOf<S> {
    element: S,
    length: usize,
    meaning: &'static str,
}

/// Returns a list of exactly `length` elements; `meaning` says what they stand for.
pub fn list_of<S: Shape>(length: usize, meaning: &'static str, element: S) -> ListOf<S> {
    ListOf { element, length, meaning }
}

impl<S: Shape> Shape for ListOf<S> {
    type Value = Vec<S::Value>;

    fn read(&self, field: &Field<'_>) -> Result<Vec<S::Value>> {
        field.list_of(self.length, self.meaning, |element| self.element.read(element))
    }

    fn schema(&self) -> Json {
        json!({ "type": "array", "items": self.element.schema(), "minItems": self.length, "maxItems": self.length })
    }
}

/// One value, or a list with several.
#[derive(Debug, Clone, PartialEq)]
pub enum OneOrList<T> {
    /// One value.
    One(T),
    /// A list.
    List(Vec<T>),
}

/// Values and lists of them.
pub struct OneOr<S>(S);

/// Returns one value, or a list of at least one.
pub fn one_or_list<S: Shape>(element: S) -> OneOr<S> {
    OneOr(element)
}

impl<S: Shape> Shape for OneOr<S> {
    type Value = OneOrList<S::Value>;

    fn read(&self, field: &Field<'_>) -> Result<Self::Value> {
        match field.node().value {
            Value::Array(_) => field.list(|element| self.0.read(element)).map(OneOrList::List),
            _ => self.0.read(field).map(OneOrList::One),
        }
    }

    fn schema(&self) -> Json {
        let element = self.0.schema();
        json!({ "anyOf": [element, { "type": "array", "items": element, "minItems": 1 }] })
    }
}

/// Tables that are sections.
pub struct Table<S>(PhantomData<S>);

/// Returns a table with the keys of a section and no others.
pub fn table<S: Section>() -> Table<S> {
    Table(PhantomData)
}

impl<S: Section> Shape for Table<S> {
    type Value = S;

    fn read(&self, field: &Field<'_>) -> Result<S> {
        read_table(field.table()?)
    }

    fn schema(&self) -> Json {
        schema::table::<S>()
    }
}

/// One of two values.
#[derive(Debug, Clone, PartialEq)]
pub enum Either<A, B> {
    /// The first.
    Table(A),
    /// The second.
    Other(B),
}

/// Tables, and values that are none.
pub struct TableOr<S, O>(PhantomData<S>, O);

/// Returns a table with the keys of a section, or a value that is no table.
pub fn table_or<S: Section, O: Shape>(other: O) -> TableOr<S, O> {
    TableOr(PhantomData, other)
}

impl<S: Section, O: Shape> Shape for TableOr<S, O> {
    type Value = Either<S, O::Value>;

    fn read(&self, field: &Field<'_>) -> Result<Self::Value> {
        match field.node().value {
            Value::Table(_) => read_table(field.table()?).map(Either::Table),
            _ => self.1.read(field).map(Either::Other),
        }
    }

    fn schema(&self) -> Json {
        json!({ "anyOf": [schema::table::<S>(), self.1.schema()] })
    }
}

/// A value with what errors about it need, for what can only be checked later.
#[derive(Debug, Clone, PartialEq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    key: String,
    node: Node,
}

impl<T> Located<T> {
    /// Returns an error at the value.
    pub fn error<E: From<Error>>(&self, message: impl Into<String>) -> E {
        self.node.place.error(message)
    }

    /// Returns the error "`key` is …; it must be …".
    pub fn must_be<E: From<Error>>(&self, wanted: &str) -> E {
        self.field().must_be(wanted)
    }

    /// Returns the value as it stands in the file.
    pub fn field(&self) -> Field<'_> {
        Field::new(self.key.clone(), &self.node)
    }

    /// Returns the dotted key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Says where it stands.
    pub fn place(&self) -> &Place {
        &self.node.place
    }
}

/// Shapes whose values remember where they stand.
pub struct At<S>(S);

/// Returns a value that remembers where it stands.
pub fn located<S: Shape>(shape: S) -> At<S> {
    At(shape)
}

impl<S: Shape> Shape for At<S> {
    type Value = Located<S::Value>;

    fn read(&self, field: &Field<'_>) -> Result<Self::Value> {
        let value = self.0.read(field)?;
        Ok(Located { value, key: field.key().to_owned(), node: field.node().clone() })
    }

    fn schema(&self) -> Json {
        self.0.schema()
    }
}

/// Shapes with a unit.
pub struct InUnit<S>(S, &'static str);

/// Returns a number in a unit, which the schema says (`x-unit`).
pub fn in_unit<S: Shape>(shape: S, unit: &'static str) -> InUnit<S> {
    InUnit(shape, unit)
}

impl<S: Shape> Shape for InUnit<S> {
    type Value = S::Value;

    fn read(&self, field: &Field<'_>) -> Result<S::Value> {
        self.0.read(field)
    }

    fn schema(&self) -> Json {
        let mut schema = self.0.schema();
        schema["x-unit"] = json!(self.1);
        schema
    }
}

/// What the value of a shape becomes.
type Map<S, T> = fn(<S as Shape>::Value, &Field<'_>) -> Result<T>;

/// Shapes whose value becomes something else.
pub struct Mapped<S, F>(S, F);

/// Returns a value of a shape, made into something else, or refused, by a function.
pub fn mapped<S: Shape, T>(shape: S, map: Map<S, T>) -> Mapped<S, Map<S, T>> {
    Mapped(shape, map)
}

impl<S: Shape, T> Shape for Mapped<S, Map<S, T>> {
    type Value = T;

    fn read(&self, field: &Field<'_>) -> Result<T> {
        (self.1)(self.0.read(field)?, field)
    }

    fn schema(&self) -> Json {
        self.0.schema()
    }
}
