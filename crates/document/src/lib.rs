//! Reads the files that people write: TOML or JSON becomes one tree that knows where everything stands, with typed sections.
//!
//! A [`Document`] is parsed, edited ([`Document::set`] for `--set key=value`, [`Document::set_node`] for the axes of a study),
//! read section by section, and written back by [`Node::to_toml`]. A [`Section`] is declared by the macro [`section!`]: a struct with one
//! field per key, each with the [`Shape`] of its value and a line of documentation. From that one declaration come the reading, the
//! errors at the place of a mistake, the nearest known word, and the JSON Schema of the file ([`schema`]).
//!
//! ```
//! use widenet_document::{Document, keys::{or, required}, section, shape::{positive, whole}};
//!
//! section! {
//!     /// Descent.
//!     #[derive(Debug)]
//!     pub struct Descent {
//!         /// Number of steps.
//!         pub steps: u64 = required(whole(1..=1000)),
//!         /// Step size.
//!         pub rate: f64 = or(positive(), 0.1),
//!     }
//! }
//!
//! let descent: Descent = Document::from_toml("run.toml", "steps = 1e2")?.read()?;
//! assert_eq!((descent.steps, descent.rate), (100, 0.1));
//! let error = Document::from_toml("run.toml", "stepz = 3")?.read::<Descent>().unwrap_err().to_string();
//! assert_eq!(error, "run.toml:1:1: unknown key `stepz`; did you mean `steps`?");
//! let schema = widenet_document::schema::of::<Descent>("run");
//! assert_eq!(schema["properties"]["steps"]["maximum"], 1000);
//! # Ok::<(), widenet_document::Error>(())
//! ```

mod document;
mod edit;
mod error;
mod excerpt;
mod field;
mod foreign;
mod json;
pub mod keys;
mod node;
mod reader;
pub mod schema;
mod section;
pub mod shape;
mod suggest;
mod toml;
mod word;
mod write;

pub use document::Document;
pub use error::{Error, Result};
pub use excerpt::{excerpt, path_excerpt};
pub use field::Field;
pub use foreign::{foreign_keys, foreign_words};
pub use keys::Key;
pub use node::{Entry, Node, Numbers, Place, Value};
pub use reader::Written;
pub use section::{Declaration, Declarations, Kind, Section};
pub use shape::Shape;
pub use suggest::{suggested_key, suggestion};
pub use word::Word;

/// What the code of [`section!`] reads by.
#[doc(hidden)]
pub mod door {
    pub use crate::reader::Reader;
}
