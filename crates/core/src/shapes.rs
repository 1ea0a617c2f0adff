//! Values of problem files may be more than those of every document: widths, matrices, one number per layer.

use serde_json::json;
use widenet_document::{
    Field, Result, Value,
    shape::{At, Located, OneOr, OneOrList, Shape, Simple, located, one_or_list},
};

use crate::{matrix::Matrix, width::Width};

/// Returns a width: a whole number ≥ 1, TOML's `inf`, or a string such as `"inf"`.
pub fn width() -> Simple<Width> {
    Simple::new(
        read_width,
        || json!({ "anyOf": [{ "type": "number", "multipleOf": 1, "minimum": 1 }, { "type": "string" }] }),
    )
}

/// Reads a [`width`].
///
/// # Errors
/// [`widenet_document::Error::Document`] for what is none.
pub fn read_width(field: &Field<'_>) -> Result<Width> {
    let width = match &field.node().value {
        Value::Integer(integer) => integer.to_string().parse(),
        Value::Float(float) => Width::try_from(*float),
        Value::String(text) => text.parse(),
        _ => return Err(field.must_be("a width: a whole number ≥ 1 or inf")),
    };
    width.map_err(|reason| field.error(format!("`{}`: {reason}", field.key())))
}

/// Returns a matrix as a list of rows: equally long, non-empty lists of finite numbers.
pub fn matrix() -> Simple<Matrix> {
    Simple::new(read_matrix, || {
        json!({
            "type": "array",
            "minItems": 1,
            "items": { "type": "array", "minItems": 1, "items": { "type": "number" } },
        })
    })
}

/// Returns a [`matrix`], or an empty list, which is none.
pub fn matrix_or_none() -> Simple<Option<Matrix>> {
    fn read(field: &Field<'_>) -> Result<Option<Matrix>> {
        match field.elements().is_ok_and(|elements| elements.is_empty()) {
            true => Ok(None),
            false => read_matrix(field).map(Some),
        }
    }
    Simple::new(read, || {
        let mut schema = matrix().schema();
        schema["minItems"] = json!(0);
        schema
    })
}

/// Reads a [`matrix`].
///
/// # Errors
/// [`widenet_document::Error::Document`] for what is none.
pub fn read_matrix(field: &Field<'_>) -> Result<Matrix> {
    let row_key = |row: usize| format!("row {} of `{}`", row + 1, field.key());
    if let Value::Numbers(numbers) = &field.node().value {
        let (rows, columns) = numbers.shape();
        if let Some(position) = numbers.values().iter().position(|x| !x.is_finite()) {
            let (row, column, found) = (position / columns, position % columns + 1, numbers.values()[position]);
            return Err(field.error(format!(
                "column {column} of {} is {}; it must be a finite number",
                row_key(row),
                format!("{found}").to_lowercase()
            )));
        }
        return Ok(Matrix::from_row_slice(rows, columns, numbers.values()));
    }
    let mut values = Vec::new();
    let mut columns = None;
    let rows = field.elements()?;
    for (row, field) in rows.iter().enumerate() {
        let elements = field.elements()?;
        let expected = *columns.get_or_insert(elements.len());
        if elements.len() != expected || expected == 0 {
            let found = elements.len();
            let wanted = expected.max(1);
            return Err(field.error(format!("{} has {found} numbers; it must have {wanted}", row_key(row))));
        }
        for (column, element) in elements.iter().enumerate() {
            let number = element.number().map_err(|_| {
                let found = element.excerpt();
                let wanted = match element.node().value {
                    Value::Integer(_) => "a number that f64 holds; write it with a point or an exponent to round it",
                    _ => "a finite number",
                };
                element.error(format!("column {} of {} is {found}; it must be {wanted}", column + 1, row_key(row)))
            })?;
            values.push(number);
        }
    }
    let columns = columns.ok_or_else(|| field.must_be("a list of at least one row"))?;
    Ok(Matrix::from_row_iterator(rows.len(), columns, values))
}

/// One number for all layers, or a list with one per weight matrix.
pub(crate) type PerLayer = Located<OneOrList<f64>>;

/// One number for all layers, or a list with one per weight matrix.
pub(crate) fn per_layer<S: Shape<Value = f64>>(number: S) -> At<OneOr<S>> {
    located(one_or_list(number))
}

/// The number of each layer.
///
/// # Errors
/// [`widenet_document::Error::Document`] for a list that is too short or too long.
pub(crate) fn of_layers(numbers: &PerLayer, layers: usize) -> Result<Vec<f64>> {
    match &numbers.value {
        OneOrList::One(number) => Ok(vec![*number; layers]),
        OneOrList::List(list) => of_length(
            list.clone(),
            numbers,
            layers,
            "one per weight matrix (network.hidden_layers + 1, or those of network.layers and the readout)",
        ),
    }
}

/// A list, if it has the right length.
///
/// # Errors
/// [`widenet_document::Error::Document`] with both lengths; `meaning` says what the elements stand for.
pub(crate) fn of_length<T, V>(list: Vec<T>, written: &Located<V>, length: usize, meaning: &str) -> Result<Vec<T>> {
    match list.len() {
        found if found == length => Ok(list),
        found => {
            Err(written.error(format!("`{}` has {found} elements; it must have {length}, {meaning}", written.key())))
        }
    }
}
