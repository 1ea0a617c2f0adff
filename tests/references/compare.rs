//! Arrays against arrays: `|value − reference| ≤ rtol · max |reference array|`.

use serde_json::Value;

/// The numbers of nested lists of equal shape, in order, with that shape.
pub(crate) fn flat(value: &Value) -> Result<(Vec<usize>, Vec<f64>), String> {
    let Value::Array(elements) = value else {
        let number = value.as_f64().ok_or_else(|| format!("{value} is not a number"))?;
        return Ok((Vec::new(), vec![number]));
    };
    let mut shape = vec![elements.len()];
    let mut numbers = Vec::new();
    for (i, element) in elements.iter().enumerate() {
        let (inner, more) = flat(element)?;
        if i == 0 {
            shape.extend(&inner);
        }
        if shape[1..] != inner[..] {
            return Err(format!("element {i} has shape {inner:?}, the first {:?}", &shape[1..]));
        }
        numbers.extend(more);
    }
    Ok((shape, numbers))
}

/// How far a value may be from its reference, as a share of the largest number of the reference array.
#[derive(Clone, Copy)]
pub(crate) struct Tolerance {
    /// Of every entry.
    pub(crate) entries: f64,
    /// Of the diagonal of a square array, where it is another.
    pub(crate) diagonal: f64,
    /// As a share of `√(reference_ii reference_jj)` instead.
    pub(crate) entrywise: bool,
}

impl Tolerance {
    pub(crate) fn of(rtol: f64) -> Self {
        Self { entries: rtol, diagonal: rtol, entrywise: false }
    }
}

/// Compares arrays of the same shape; returns how many numbers were compared.
pub(crate) fn close(what: &str, found: &Value, reference: &Value, tolerance: Tolerance) -> Result<usize, String> {
    let (found_shape, found) = flat(found).map_err(|error| format!("{what}: {error}"))?;
    let (shape, reference) = flat(reference).map_err(|error| format!("{what}, reference: {error}"))?;
    if found_shape != shape {
        return Err(format!("{what}: shape {found_shape:?}, reference {shape:?}"));
    }
    let largest = reference.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    let side = shape.last().copied().unwrap_or(1);
    for (index, (value, wanted)) in found.iter().zip(&reference).enumerate() {
        let (row, column) = (index / side, index % side);
        let rtol = if row == column { tolerance.diagonal } else { tolerance.entries };
        let scale = match tolerance.entrywise {
            true => (reference[row * side + row] * reference[column * side + column]).sqrt(),
            false => largest,
        };
        let error = (value - wanted).abs();
        // Also false for NaN.
        if error <= rtol * scale {
            continue;
        }
        return Err(format!(
            "{what}, entry {index}: {value} against {wanted}: error {error:e} > {rtol:e} of {scale:e}"
        ));
    }
    Ok(reference.len())
}

/// Compares two arrays with one tolerance.
pub(crate) fn near(what: &str, found: &Value, reference: &Value, rtol: f64) -> Result<usize, String> {
    close(what, found, reference, Tolerance::of(rtol))
}

/// Rows and columns exchanged.
pub(crate) fn transposed(value: &Value) -> Result<Value, String> {
    let rows = value.as_array().ok_or("not a matrix")?;
    let columns = rows.first().and_then(Value::as_array).map_or(0, Vec::len);
    let column = |j: usize| Value::Array(rows.iter().map(|row| row[j].clone()).collect());
    Ok(Value::Array((0..columns).map(column).collect()))
}
