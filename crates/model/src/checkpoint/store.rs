//! Takes a run to its checkpoint and back.

use burn::Tensor;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use widenet_core::{
    Problem,
    training::{Progress, Start},
    trajectory::Record,
};

use super::{
    file::{self, hex},
    plan::CheckpointPlan,
    saved::Saved,
};
use crate::{
    device::{DeviceChoice, Precision},
    error::ModelError,
};

/// Which run a checkpoint belongs to: everything its numbers depend on.
pub(crate) fn identity(problem: &Problem, width: u64, seed: u64, precision: Precision, device: DeviceChoice) -> Value {
    let mut hash = Sha256::new();
    problem.data.visit_bytes(|bytes| hash.update(bytes));
    let Problem { network, parameterization, data: _, loss, optimizer, record, ensemble, stop } = problem;
    // `Debug` prints every f64 so that it reads back exactly.
    hash.update(format!("{network:?} {parameterization:?} {loss:?} {optimizer:?} {record:?} {ensemble:?} {stop:?}"));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "problem_sha256": hex(&hash.finalize()),
        "width": width,
        "seed": seed,
        "precision": precision.name(),
        "device": device.name(),
    })
}

/// Writes a checkpoint of a network after a step. A network with a number that is not finite is about to be found diverged, and the
/// checkpoint of a step before is left as it is.
pub(crate) fn save<M: Saved>(
    plan: &CheckpointPlan,
    identity: &Value,
    progress: &Progress<'_>,
    matrices: &[&M],
) -> Result<(), ModelError> {
    if !matrices.iter().all(|matrix| matrix.is_finite()) {
        return Ok(());
    }
    let state = json!({
        "run": identity,
        "step": progress.step,
        "time": progress.time,
        "step_size": progress.step_size,
        "records": progress.records,
        "layers": matrices.iter().enumerate().map(|(i, matrix)| matrix.state(&matrices[..i])).collect::<Vec<_>>(),
    });
    let tensors = matrices.iter().enumerate().flat_map(|(i, matrix)| matrix.tensors(i, &matrices[..i]));
    let tensors: Vec<_> = tensors.collect();
    write(plan, &state, &tensors)
}

/// Writes a checkpoint of an ensemble.
pub(crate) fn save_ensemble(plan: &CheckpointPlan, identity: &Value, averages: &Value) -> Result<(), ModelError> {
    write(plan, &json!({ "run": identity, "ensemble": averages }), &[])
}

fn write(plan: &CheckpointPlan, state: &Value, tensors: &[(String, Tensor<2>)]) -> Result<(), ModelError> {
    file::write(&plan.path, &state.to_string(), tensors)
        .map_err(|reason| ModelError::Checkpoint { path: plan.path.clone(), reason })
}

/// Brings the matrices of a network at time 0 to where a checkpoint left them; `Ok(None)` if there is no checkpoint.
///
/// # Errors
/// Why the checkpoint is of no use; the network is then as it was.
pub(crate) fn load<M: Saved>(
    plan: &CheckpointPlan,
    identity: &Value,
    matrices: Vec<&mut M>,
) -> Result<Option<Start>, String> {
    let Some((mut checkpoint, state)) = open(plan, identity)? else { return Ok(None) };
    let start = start(&state).ok_or("its step, time or records cannot be read")?;
    let mut restored = Vec::with_capacity(matrices.len());
    for (index, matrix) in matrices.iter().enumerate() {
        let matrix = matrix.restored(index, &restored, &state["layers"][index], &mut checkpoint)?;
        restored.push(matrix);
    }
    for (matrix, restored) in matrices.into_iter().zip(restored) {
        matrix.become_restored(restored);
    }
    Ok(Some(start))
}

/// What was saved of an ensemble, as `read` finds it; `Ok(None)` if there is no checkpoint.
///
/// # Errors
/// Why the checkpoint is of no use.
pub(crate) fn load_ensemble<A>(
    plan: &CheckpointPlan,
    identity: &Value,
    read: impl FnOnce(&Value) -> Option<A>,
) -> Result<Option<A>, String> {
    let Some((_, state)) = open(plan, identity)? else { return Ok(None) };
    read(&state["ensemble"]).map(Some).ok_or_else(|| "its averages cannot be read".into())
}

/// A verified checkpoint of this run with its state; `Ok(None)` if there is none.
fn open(plan: &CheckpointPlan, identity: &Value) -> Result<Option<(file::Checkpoint, Value)>, String> {
    if !plan.path.exists() {
        return Ok(None);
    }
    let mut checkpoint = file::Checkpoint::open(&plan.path)?;
    let state: Value =
        serde_json::from_str(checkpoint.state()).map_err(|error| format!("its state is no JSON: {error}"))?;
    if state["run"] != *identity {
        return Err(format!("it belongs to another run: {} instead of {identity}", state["run"]));
    }
    checkpoint.verify()?;
    Ok(Some((checkpoint, state)))
}

fn start(state: &Value) -> Option<Start> {
    let records: Option<Vec<Record>> =
        state["records"].as_array()?.iter().map(|record| Record::from_json(record).ok()).collect();
    Some(Start {
        step: state["step"].as_u64()?,
        time: state["time"].as_f64()?,
        step_size: state["step_size"].as_f64(),
        records: records?,
    })
}
