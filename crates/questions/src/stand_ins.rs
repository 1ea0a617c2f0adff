//! Inline data of a question may lack targets; stand-ins take their place.

use widenet_core::document::{Document, Node, Value};

/// Keys of inline data: inputs and their targets.
const INLINE_SETS: [(&str, &str); 2] = [("data.inputs", "data.targets"), ("data.test_inputs", "data.test_targets")];

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
