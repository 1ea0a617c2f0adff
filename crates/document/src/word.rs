//! Some enums are words, in files and on the command line.

use std::mem::discriminant;

use crate::suggest::suggestion;

/// An enum whose values have words: the one list of them.
///
/// ```
/// use widenet_document::Word;
///
/// #[derive(Debug, Clone, Copy, PartialEq)]
/// enum Precision { F32, F64 }
///
/// impl Word for Precision {
///     const WORDS: &'static [(&'static str, Precision)] = &[("f32", Precision::F32), ("f64", Precision::F64)];
/// }
///
/// assert_eq!(Precision::F64.word(), "f64");
/// assert_eq!(Precision::from_word("f23").unwrap_err(), "\"f23\" is unknown; did you mean `f32`?");
/// ```
pub trait Word: Copy + 'static {
    /// Every word with its value; of a variant with fields, one value stands for all.
    const WORDS: &'static [(&'static str, Self)];

    /// The word of a value's variant.
    fn word(self) -> &'static str {
        let variant = discriminant(&self);
        Self::WORDS.iter().find(|(_, value)| discriminant(value) == variant).map_or("", |(word, _)| word)
    }

    /// All values, in the order of the list.
    fn all() -> impl Iterator<Item = Self> {
        Self::WORDS.iter().map(|(_, value)| *value)
    }

    /// The value of a word.
    ///
    /// # Errors
    /// Says which known word is nearest, or lists them all.
    fn from_word(word: &str) -> Result<Self, String> {
        if let Some((_, value)) = Self::WORDS.iter().find(|(known, _)| *known == word) {
            return Ok(*value);
        }
        let words: Vec<_> = Self::WORDS.iter().map(|(word, _)| *word).collect();
        Err(format!("\"{word}\" is unknown; {}", suggestion(word, &words)))
    }
}
