//! Widths and matrices in files.

use widenet_core::{
    Width,
    shapes::{read_matrix, read_width},
};
use widenet_document::{Document, Field, Node, Numbers, Place, Result, Value};

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

#[test]
fn arrays_of_programs_are_matrices() {
    let of = |values: &[f64]| {
        let numbers = Numbers::new(2, values.to_vec()).expect("two columns");
        Node { value: Value::Numbers(numbers.into()), place: Place::new("array", "") }
    };
    let node = of(&[1.0, 2.0, 3.0, 4.5]);
    let written = read("x = [[1, 2], [3, 4.5]]", read_matrix);
    assert_eq!(read_matrix(&Field::new("x".into(), &node)), written);
    let node = of(&[1.0, 2.0, f64::NAN, 4.5]);
    let said = read_matrix(&Field::new("x".into(), &node)).unwrap_err().to_string();
    assert!(said.ends_with("column 1 of row 2 of `x` is nan; it must be a finite number"), "{said}");
    let said = Field::new("x".into(), &node).number().unwrap_err().to_string();
    assert!(said.ends_with("`x` is an array of 2 × 2 numbers; it must be a finite number"), "{said}");
}
