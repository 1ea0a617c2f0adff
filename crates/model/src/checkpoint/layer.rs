//! One matrix in a checkpoint: its tensors by name and its coefficients as JSON.

use burn::Tensor;
use serde_json::{Value, json};

use super::file::Checkpoint;
use crate::dense::{
    DenseMatrix,
    pending::{Component, Pending, Term},
};

/// Every tensor of a matrix with its name.
pub(super) fn tensors(layer: usize, matrix: &DenseMatrix) -> Vec<(String, &Tensor<2>)> {
    let panels = matrix.panels.iter().enumerate().map(|(i, panel)| (format!("{layer}.panel.{i}"), panel));
    let velocity = matrix.velocity.iter().flat_map(|(panels, _)| panels).enumerate();
    let velocity = velocity.map(|(i, panel)| (format!("{layer}.velocity.{i}"), panel));
    let moments = matrix.second_moment.iter().flatten().enumerate();
    let moments = moments.map(|(i, panel)| (format!("{layer}.second_moment.{i}"), panel));
    let pending = matrix
        .pending
        .iter()
        .flat_map(|pending| [(format!("{layer}.left"), &pending.left), (format!("{layer}.right"), &pending.right)]);
    panels.chain(velocity).chain(moments).chain(pending).collect()
}

/// Every number of a matrix.
pub(super) fn state(matrix: &DenseMatrix) -> Value {
    let pair = |component: Component| json!([component.weight, component.velocity]);
    let terms = matrix.pending.iter().flat_map(|pending| &pending.terms);
    json!({
        "stored": pair(matrix.stored),
        "remaining": pair(matrix.remaining),
        "velocity": matrix.velocity.as_ref().map(|(_, component)| pair(*component)),
        "second_moment": matrix.second_moment.is_some(),
        "terms": terms.map(|term| json!([pair(term.component), term.size])).collect::<Vec<_>>(),
        "fresh": matrix.fresh,
        "flushes": matrix.flushes,
    })
}

/// The matrix that `initial` had become.
pub(super) fn restore(
    layer: usize,
    initial: &DenseMatrix,
    state: &Value,
    checkpoint: &mut Checkpoint,
) -> Result<DenseMatrix, String> {
    let numbers = Numbers::read(state).ok_or_else(|| format!("the coefficients of matrix {layer} cannot be read"))?;
    let mut panels = |kind: &str| -> Result<Vec<Tensor<2>>, String> {
        let tensor = |(i, panel): (usize, &Tensor<2>)| {
            checkpoint.tensor(&format!("{layer}.{kind}.{i}"), panel.dims(), &initial.placement)
        };
        initial.panels.iter().enumerate().map(tensor).collect()
    };
    let stored_panels = panels("panel")?;
    let velocity = match numbers.velocity {
        Some(component) => Some((panels("velocity")?, component)),
        None => None,
    };
    let second_moment = if numbers.second_moment { Some(panels("second_moment")?) } else { None };
    let terms = numbers.terms;
    let mut vectors = |side: &str, length: usize| {
        checkpoint.tensor(&format!("{layer}.{side}"), [terms.len(), length], &initial.placement)
    };
    let pending = if terms.is_empty() {
        None
    } else {
        let left = vectors("left", initial.rows)?;
        let right = vectors("right", initial.columns)?;
        Some(Pending { left, right, terms })
    };
    Ok(DenseMatrix {
        initial: initial.initial.clone(),
        rows: initial.rows,
        columns: initial.columns,
        placement: initial.placement.clone(),
        panels: stored_panels,
        stored: numbers.stored,
        velocity,
        second_moment,
        pending,
        remaining: numbers.remaining,
        fresh: numbers.fresh,
        flushes: numbers.flushes,
        flush_at: initial.flush_at,
    })
}

/// What [`state`] writes.
struct Numbers {
    stored: Component,
    remaining: Component,
    velocity: Option<Component>,
    second_moment: bool,
    terms: Vec<Term>,
    fresh: usize,
    flushes: u64,
}

impl Numbers {
    fn read(state: &Value) -> Option<Numbers> {
        let pair = |value: &Value| Some(Component { weight: value[0].as_f64()?, velocity: value[1].as_f64()? });
        let term = |value: &Value| Some(Term { component: pair(&value[0])?, size: value[1].as_f64()? });
        let velocity = &state["velocity"];
        Some(Numbers {
            stored: pair(&state["stored"])?,
            remaining: pair(&state["remaining"])?,
            velocity: if velocity.is_null() { None } else { Some(pair(velocity)?) },
            second_moment: state["second_moment"].as_bool()?,
            terms: state["terms"].as_array()?.iter().map(term).collect::<Option<_>>()?,
            fresh: usize::try_from(state["fresh"].as_u64()?).ok()?,
            flushes: state["flushes"].as_u64()?,
        })
    }
}
