//! Mutated inputs, each a function of a format and an index: a fault is found again by both.

use std::fmt;

use rand::{Rng, RngExt};
use widenet_core::seed::{Purpose, stream};

/// Values that are at home nowhere.
const VALUES: &[&str] = &[
    "0",
    "-0.0",
    "-1",
    "1",
    "2",
    "3",
    "7",
    "0.5",
    "1e-3",
    "-2.5",
    "1e3",
    "40",
    "1e308",
    "-1e308",
    "1.8e308",
    "1e999",
    "5e-324",
    "1e-310",
    "1e-200",
    "1e200",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "1e19",
    "inf",
    "-inf",
    "nan",
    "true",
    "false",
    "\"\"",
    "\"inf\"",
    "\"a\"",
    "[]",
    "{}",
    "[[]]",
    "[1]",
    "[[1]]",
    "[[1, 2], [3]]",
    "[0.1, 0.2, 0.3]",
    "{ a = 1 }",
    "{ count = 3 }",
    "[[1e200, 1e200], [1e200, 1e200]]",
    "1979-05-27",
    "null",
    "\"\\u001b[31mred\"",
    "\"\\u202etxt\"",
    "\"\\u0000\"",
    "\"../up\"",
    "0x7f",
    "'it is'",
    "\"é\u{301}\"",
    "=",
    "#",
    "[[",
    "]]",
    "\"\"\"",
    "\\",
    "\u{feff}",
    "1_000",
    "+5",
    ".5",
    "5.",
];

/// Bytes of a file, shown as text.
pub(super) struct Bytes(pub(super) Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// A source of mutations.
pub(super) struct Mutator(Box<dyn Rng>);

impl Mutator {
    pub(super) fn new(format: &str, index: u64) -> Mutator {
        let seed = format.bytes().fold(17u64, |seed, byte| seed.wrapping_mul(257).wrapping_add(byte.into()));
        Mutator(Box::new(stream(seed, Purpose::Inputs, index)))
    }

    /// A number below a bound.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0.random_range(0..bound.max(1))
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }

    /// True once in so many times.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// A value that is at home nowhere.
    pub(super) fn value(&mut self) -> String {
        if self.once_in(40) {
            let piece = self.pick(&["a", "[", "9", "{a=", "\"", "é", ".0", "\n"]);
            return piece.repeat(1 + self.below(3000));
        }
        self.pick(VALUES).to_string()
    }

    /// A text with one change or a few: words replaced, lines moved, bytes changed.
    pub(super) fn text(&mut self, text: &str, others: &[&str]) -> Vec<u8> {
        let mut changed = text.to_owned();
        let changes = if self.once_in(3) { 1 + self.below(3) } else { 1 };
        for _ in 0..changes {
            changed = match self.below(10) {
                0..6 => self.with_other_word(&changed, others),
                6..9 => self.with_other_lines(&changed, others),
                _ => return self.bytes(changed.as_bytes()),
            };
        }
        changed.into_bytes()
    }

    /// One word or sign is replaced by a value, by a word of another text, by nothing, or said twice.
    fn with_other_word(&mut self, text: &str, others: &[&str]) -> String {
        let words = words(text);
        let position = self.below(words.len());
        let Some(word) = words.get(position) else { return self.value() };
        let replacement = match self.below(8) {
            0..4 => self.value(),
            4 | 5 => {
                let other = words_of_letters(self.pick(others));
                if other.is_empty() { String::new() } else { self.pick(&other).to_owned() }
            }
            6 => String::new(),
            _ => format!("{word} {word}"),
        };
        let replaced = words.iter().enumerate().map(|(i, word)| if i == position { &replacement } else { *word });
        replaced.collect()
    }

    /// A line is removed, repeated, exchanged or taken from elsewhere.
    fn with_other_lines(&mut self, text: &str, others: &[&str]) -> String {
        let mut lines: Vec<&str> = text.lines().collect();
        let (one, two) = (self.below(lines.len()), self.below(lines.len()));
        if lines.is_empty() {
            return self.value();
        }
        match self.below(4) {
            0 => drop(lines.remove(one)),
            1 => lines.insert(one, lines[two]),
            2 => lines.swap(one, two),
            _ => {
                let other: Vec<&str> = self.pick(others).lines().collect();
                if !other.is_empty() {
                    lines.insert(one, self.pick(&other));
                }
            }
        }
        lines.join("\n")
    }

    /// Bytes with one to four changes: flipped, set, inserted, removed, repeated, cut short.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut changed = bytes.to_vec();
        let changes = if self.once_in(3) { 1 + self.below(4) } else { 1 };
        for _ in 0..changes {
            let (one, two) = (self.below(changed.len()), self.below(changed.len()));
            let (first, last) = (one.min(two), one.max(two).min(one.min(two) + 16));
            if changed.is_empty() {
                return changed;
            }
            match self.below(8) {
                0 | 1 => changed[one] ^= 1 << self.below(8),
                2 | 3 => changed[one] = self.pick(&[&0, &1, &0x7f, &0x80, &0xff, &b'\n', &b'9', &0x1b]).to_owned(),
                4 => changed.insert(one, self.below(256) as u8),
                5 => drop(changed.drain(first..last)),
                6 => {
                    let piece = changed[first..last].to_vec();
                    changed.splice(two..two, piece);
                }
                _ if self.once_in(4) => changed.truncate(one),
                _ => changed[first..last].fill(0xff),
            }
        }
        changed
    }
}

/// A text in pieces: words and numbers, texts in quotes, and all other characters one by one.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = if is_of_word(first) {
            rest.find(|c| !is_of_word(c)).unwrap_or(rest.len())
        } else if first == '"' {
            rest[1..].find(['"', '\n']).map_or(rest.len(), |end| end + 2)
        } else {
            first.len_utf8()
        };
        let (word, more) = rest.split_at(end);
        words.push(word);
        rest = more;
    }
    words
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.+-".contains(c)
}

fn words_of_letters(text: &str) -> Vec<&str> {
    words(text).into_iter().filter(|word| word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '"')).collect()
}
