//! Errors quote the beginning of what others wrote: a mistaken path or key may hold a whole file, or what nobody should print.

use std::{borrow::Cow, path::Path};

/// Most characters of a value in an error.
const CHARACTERS: usize = 40;

/// Most characters of a dotted key in an error; those that mean something have fewer.
const KEY: usize = 120;

/// Bytes of the longest path that Linux opens.
const PATH: usize = 4096;

/// Returns a text of at most 40 characters as it is, and of any other the first 40 and an ellipsis.
pub fn excerpt(text: &str) -> Cow<'_, str> {
    shortened(text, CHARACTERS)
}

/// Returns a dotted key of at most 120 characters as it is, and of any other the first 120 and an ellipsis.
pub(crate) fn key_excerpt(key: &str) -> Cow<'_, str> {
    shortened(key, KEY)
}

fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Returns a path that can exist as it is, and an [`excerpt`] of any other.
pub fn path_excerpt(path: &Path) -> String {
    let text = path.display().to_string();
    if text.len() <= PATH { text } else { excerpt(&text).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_characters_are_quoted_and_no_more() {
        let forty = "é".repeat(40);
        assert_eq!(excerpt(&forty), forty);
        assert_eq!(excerpt(&format!("{forty}x")), format!("{forty}…"));
        assert_eq!(path_excerpt(Path::new(&"a/".repeat(2048))).len(), 4096);
        assert_eq!(path_excerpt(Path::new(&"a/".repeat(2049))).chars().count(), 41);
    }
}
