//! Widths and matrices in files.

use widenet_core::{
    Width,
    shapes::{read_matrix, read_width},
};
use widenet_document::{Document, Field, Result};

fn read<T>(text: &str, read: impl FnOnce(&Field<'_>) -> Result<T>) -> Result<T> {
    read(&Document::from_toml("x.toml", text).unwrap().field("x").unwrap())
}

fn refusal<T: std::fmt::Debug>(text: &str, reader: impl FnOnce(&Field<'_>) -> Result<T>) -> String {
    let message = read(text, reader).unwrap_err().to_string();
    message.split_once(": ").unwrap().1.to_owned()
}

#[test]
fn widths_are_read() {
    let widths = read("x = [64, 1e6, inf, 'inf']", |field| field.elements()?.iter().map(read_width).collect());
    assert_eq!(widths, Ok(vec![Width::Finite(64), Width::Finite(1_000_000), Width::Infinite, Width::Infinite]));
    assert!(refusal("x = 0", read_width).contains("width 0"));
    assert!(refusal("x = 9007199254740993", read_width).contains("width 9007199254740993 is above 2^53"));
    assert!(refusal("x = '1e400'", read_width).contains("width 1e400 is above 2^53"));
}

#[test]
fn matrices_are_read() {
    let matrix = read("x = [[1, 2], [3, 4.5]]", read_matrix).unwrap();
    assert_eq!((matrix.shape(), matrix[(1, 0)], matrix[(0, 1)]), ((2, 2), 3.0, 2.0));
    assert_eq!(refusal("x = [[1, 2], [3]]", read_matrix), "row 2 of `x` has 1 numbers; it must have 2");
    assert!(refusal("x = [[1, 2], [3, nan]]", read_matrix).starts_with("column 2 of row 2 of `x` is nan"));
    assert!(refusal("x = []", read_matrix).contains("at least one row"));
    assert!(refusal("x = [[]]", read_matrix).contains("row 1 of `x` has 0 numbers"));
}
