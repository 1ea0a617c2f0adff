//! Inline data of a question may lack targets; stand-ins take their place.

use widenet_core::document::{Document, Node, Value};

/// Keys of inline data: inputs and their targets.
const INLINE_SETS: [(&str, &str); 2] = [("data.inputs", "data.targets"), ("data.test_inputs", "data.test_targets")];

/// Puts the test inputs in the place of training inputs where inline data have none (`inputs = []`), so that they can be read; whether it
/// did. Without data the posterior is the prior.
pub(crate) fn fill_empty_data(document: &mut Document) -> widenet_core::Result<bool> {
    let is_empty = |document: &Document, key: &str| {
        document.get(key).is_none_or(|node| matches!(&node.value, Value::Array(rows) if rows.is_empty()))
    };
    let is_inline = document.get("data.kind").is_some_and(|kind| kind.value == Value::String("inline".into()));
    if !is_inline || document.get("data.inputs").is_none() || !is_empty(document, "data.inputs") {
        return Ok(false);
    }
    if !is_empty(document, "data.targets") {
        return Err(widenet_core::Error::Invalid(
            "`data.inputs` is empty, and `data.targets` is not: they must be as many".into(),
        ));
    }
    let Some(test) = document.get("data.test_inputs").cloned() else {
        return Err(widenet_core::Error::Invalid(
            "`data.inputs` is empty: a posterior without data needs `data.test_inputs`".into(),
        ));
    };
    let outputs = match document.get("network.outputs").map(|node| &node.value) {
        Some(Value::Integer(outputs)) => usize::try_from(*outputs).unwrap_or(1),
        _ => 1,
    };
    let rows = if let Value::Array(rows) = &test.value { rows.len() } else { 0 };
    let place = test.place.clone();
    let node = |value| Node { value, place: place.clone() };
    let row = node(Value::Array(vec![node(Value::Integer(1)); outputs]));
    document.set_node("data.targets", node(Value::Array(vec![row; rows])))?;
    document.set_node("data.inputs", test)?;
    Ok(true)
}

/// Puts stand-ins where inline data lack targets named in `optional`; returns their keys.
pub(crate) fn add_stand_ins(document: &mut Document, optional: &[&str]) -> widenet_core::Result<Vec<&'static str>> {
    let mut stand_ins = Vec::new();
    let is_inline = document.get("data.kind").is_some_and(|kind| kind.value == Value::String("inline".into()));
    for (inputs, targets) in INLINE_SETS {
        if !is_inline || !optional.contains(&targets) || document.get(targets).is_some() {
            continue;
        }
        let Some(Node { value: Value::Array(rows), place }) = document.get(inputs) else { continue };
        let columns = match document.get("data.targets").map(|node| &node.value) {
            Some(Value::Array(rows)) => rows.first().map_or(1, |row| match &row.value {
                Value::Array(numbers) => numbers.len(),
                _ => 1,
            }),
            _ => 1,
        };
        let node = |value| Node { value, place: place.clone() };
        // 1 is a legal target of every loss.
        let row = node(Value::Array(vec![node(Value::Integer(1)); columns]));
        let matrix = node(Value::Array(vec![row; rows.len()]));
        document.set_node(targets, matrix)?;
        stand_ins.push(targets);
    }
    Ok(stand_ins)
}
