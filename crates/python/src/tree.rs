//! Values of Python become those of documents and back, and answers become dictionaries and arrays.

use std::sync::Arc;

use numpy::{IntoPyArray, PyArrayDyn, PyArrayMethods, PyReadonlyArray2, npyffi::NPY_ORDER};
use pyo3::{
    prelude::*,
    types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple},
};
use serde_json::Value as Json;
use widenet::{
    Document, Matrix,
    core::document::{Entry, Node, Numbers, Place, Value},
};

use crate::errors::{Exception, IN_PYTHON, ProblemError};

/// A dictionary as a document.
pub(crate) fn document(table: &Bound<'_, PyDict>) -> PyResult<Document> {
    let node = node(table.as_any(), "")?;
    Document::from_node(node).map_err(Exception::exception)
}

/// A dictionary, list, array, string, boolean or number as a node; `path` is its dotted key.
pub(crate) fn node(value: &Bound<'_, PyAny>, path: &str) -> PyResult<Node> {
    let place = Place::new(IN_PYTHON, "");
    let wrong = |said: String| ProblemError::new_err(format!("`{path}` is {said}"));
    let read = if let Ok(boolean) = value.cast::<PyBool>() {
        Value::Boolean(boolean.is_true())
    } else if let Ok(text) = value.cast::<PyString>() {
        Value::String(text.to_string())
    } else if let Ok(table) = value.cast::<PyDict>() {
        let entry = |(key, item): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
            let key: String =
                key.extract().map_err(|_| wrong(format!("a dict with the key {key}; keys must be strings")))?;
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            Ok(Entry { key, place: place.clone(), node: node(&item, &path)? })
        };
        Value::Table(table.iter().map(entry).collect::<PyResult<_>>()?)
    } else if let Ok(array) = value.extract::<PyReadonlyArray2<'_, f64>>() {
        let view = array.as_array();
        let values = view.as_slice().map_or_else(|| view.iter().copied().collect(), <[f64]>::to_vec);
        let shape = format!("an array of {} × {} numbers", view.nrows(), view.ncols());
        let numbers = Numbers::new(view.ncols(), values);
        Value::Numbers(Arc::new(numbers.ok_or_else(|| wrong(format!("{shape}; it must have at least one")))?))
    } else if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let items = value.try_iter()?.enumerate();
        Value::Array(items.map(|(i, item)| node(&item?, &format!("{path}[{i}]"))).collect::<PyResult<_>>()?)
    } else if let Ok(integer) = value.cast::<PyInt>() {
        // Whole numbers beyond 64 bits are read as any other number.
        integer.extract().map(Value::Integer).or_else(|_| integer.extract().map(Value::Float))?
    } else if let Ok(number) = value.cast::<PyFloat>() {
        Value::Float(number.value())
    } else {
        let found = value.get_type().name()?;
        return Err(wrong(format!("a {found}; it must be a dict, list, array, string, bool or number")));
    };
    Ok(Node { value: read, place })
}

/// A node as what it was made of.
pub(crate) fn from_node<'py>(py: Python<'py>, node: &Node) -> PyResult<Bound<'py, PyAny>> {
    Ok(match &node.value {
        Value::Boolean(boolean) => boolean.into_pyobject(py)?.to_owned().into_any(),
        Value::Integer(integer) => integer.into_pyobject(py)?.into_any(),
        Value::Float(float) => float.into_pyobject(py)?.into_any(),
        Value::String(text) => text.into_pyobject(py)?.into_any(),
        Value::Array(nodes) => {
            let items = nodes.iter().map(|node| from_node(py, node)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, items)?.into_any()
        }
        Value::Numbers(numbers) => {
            let (rows, columns) = numbers.shape();
            shaped(py, numbers.values().to_vec(), vec![rows, columns])?
        }
        Value::Table(entries) => {
            let table = PyDict::new(py);
            for entry in entries {
                table.set_item(&entry.key, from_node(py, &entry.node)?)?;
            }
            table.into_any()
        }
    })
}

/// Numbers, the last index running fastest, as an array.
pub(crate) fn shaped(py: Python<'_>, numbers: Vec<f64>, shape: Vec<usize>) -> PyResult<Bound<'_, PyAny>> {
    let array: Bound<'_, PyArrayDyn<f64>> = numbers.into_pyarray(py).reshape(shape)?;
    Ok(array.into_any())
}

/// A matrix as an array, which holds its memory.
pub(crate) fn array(py: Python<'_>, matrix: Matrix) -> PyResult<Bound<'_, PyAny>> {
    let shape = [matrix.nrows(), matrix.ncols()];
    let numbers: Vec<f64> = matrix.data.into();
    Ok(numbers.into_pyarray(py).reshape_with_order(shape, NPY_ORDER::NPY_FORTRANORDER)?.into_any())
}

/// A value of an answer: tables become dictionaries, and lists of numbers, equally long if they are nested, arrays.
pub(crate) fn from_json<'py>(py: Python<'py>, json: &Json) -> PyResult<Bound<'py, PyAny>> {
    Ok(match json {
        Json::Null => py.None().into_bound(py),
        Json::Bool(boolean) => boolean.into_pyobject(py)?.to_owned().into_any(),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => integer.into_pyobject(py)?.into_any(),
            None => number.as_f64().into_pyobject(py)?.into_any(),
        },
        Json::String(text) => match number_word(text) {
            Some(number) => number.into_pyobject(py)?.into_any(),
            None => text.into_pyobject(py)?.into_any(),
        },
        Json::Array(items) => match numbers(items) {
            Some((shape, numbers)) => shaped(py, numbers, shape)?,
            None => {
                let items = items.iter().map(|item| from_json(py, item)).collect::<PyResult<Vec<_>>>()?;
                PyList::new(py, items)?.into_any()
            }
        },
        Json::Object(map) => {
            let table = PyDict::new(py);
            for (key, value) in map {
                table.set_item(key, from_json(py, value)?)?;
            }
            table.into_any()
        }
    })
}

/// Numbers that JSON does not have.
fn number_word(text: &str) -> Option<f64> {
    matches!(text, "inf" | "-inf" | "NaN").then(|| text.parse().ok()).flatten()
}

/// Shape and numbers of a list that holds nothing else.
fn numbers(items: &[Json]) -> Option<(Vec<usize>, Vec<f64>)> {
    let one = |item: &Json| match item {
        Json::Number(number) => Some((Vec::new(), vec![number.as_f64()?])),
        Json::String(text) => Some((Vec::new(), vec![number_word(text)?])),
        Json::Array(items) => numbers(items),
        _ => None,
    };
    let mut shape = None;
    let mut all = Vec::new();
    for item in items {
        let (inner, values) = one(item)?;
        if *shape.get_or_insert_with(|| inner.clone()) != inner {
            return None;
        }
        all.extend(values);
    }
    Some(([vec![items.len()], shape?].concat(), all))
}
