//! A checkpoint holds the vectors of a very wide matrix by name and its coefficients as JSON.

use burn::Tensor;
use serde_json::{Value, json};
use widenet_core::Matrix;
use widenet_kernels::{Basis, SplitVectors};

use super::{file::Checkpoint, saved::Saved};
use crate::{
    matrix::explored::{
        coefficients::Coefficients,
        hidden::{ExploredMatrix, Known, Probed},
        responses::{FreshParts, Responses},
        thin::ThinMatrix,
        wide::WideMatrix,
    },
    vectors::Layout,
};

impl Saved for WideMatrix {
    fn tensors(&self, index: usize, before: &[&Self]) -> Vec<(String, Tensor<2>)> {
        match self {
            WideMatrix::Thin(matrix) => {
                let velocity = matrix.velocity.iter().flat_map(|v| named(format!("{index}.velocity"), v));
                named(format!("{index}.vectors"), &matrix.vectors).into_iter().chain(velocity).collect()
            }
            WideMatrix::Explored(matrix) if shared(matrix, before).is_some() => Vec::new(),
            WideMatrix::Explored(matrix) => {
                let known = matrix.known();
                let side = |name: &str, probed: &Probed| {
                    let mut tensors = of_basis(&format!("{index}.{name}.basis"), &probed.basis);
                    if let FreshParts::Stored(vectors) = &probed.responses.fresh {
                        tensors.extend(of_basis(&format!("{index}.{name}.fresh"), vectors));
                    }
                    tensors
                };
                [side("direct", &known.direct), side("transpose", &known.transpose)].concat()
            }
        }
    }

    fn state(&self, before: &[&Self]) -> Value {
        match self {
            WideMatrix::Thin(matrix) => json!({
                "share": matrix.share,
                "velocity": matrix.velocity.is_some(),
            }),
            WideMatrix::Explored(matrix) => {
                let own = json!({
                    "share": matrix.share,
                    "weights": numbers(&matrix.learned.0.to_matrix()),
                    "velocity": numbers(&matrix.learned.1.to_matrix()),
                    "shared_with": shared(matrix, before),
                });
                let known = matrix.known();
                let side = |probed: &Probed| {
                    let counts = |basis: &Basis| basis.blocks().iter().map(SplitVectors::count).collect::<Vec<_>>();
                    let fresh = match &probed.responses.fresh {
                        FreshParts::Stored(vectors) => counts(vectors),
                        FreshParts::Recomputed(_) => Vec::new(),
                    };
                    json!({
                        "basis": counts(&probed.basis),
                        "fresh": fresh,
                        "coefficients": numbers(&probed.responses.coefficients.to_matrix()),
                    })
                };
                json!({
                    "own": own,
                    "truncation": known.truncation,
                    "direct": side(&known.direct),
                    "transpose": side(&known.transpose),
                })
            }
        }
    }

    fn is_finite(&self) -> bool {
        let finite = |(weight, velocity): (f64, f64)| weight.is_finite() && velocity.is_finite();
        match self {
            WideMatrix::Thin(matrix) => finite(matrix.share),
            WideMatrix::Explored(matrix) => {
                let learned = [&matrix.learned.0, &matrix.learned.1];
                finite(matrix.share) && learned.into_iter().all(Coefficients::is_finite)
            }
        }
    }

    fn restored(&self, index: usize, before: &[Self], state: &Value, source: &mut Checkpoint) -> Result<Self, String> {
        let unreadable = || format!("the coefficients of matrix {index} cannot be read");
        match self {
            WideMatrix::Thin(initial) => {
                let (length, count) = initial.stored_shape();
                let mut read = |name: &str| vectors(source, &format!("{index}.{name}"), count, length, &initial.layout);
                let stored = read("vectors")?;
                let velocity = state["velocity"].as_bool().ok_or_else(unreadable)?;
                let velocity = if velocity { Some(read("velocity")?) } else { None };
                let share = pair(&state["share"]).ok_or_else(unreadable)?;
                Ok(WideMatrix::Thin(ThinMatrix { vectors: stored, velocity, share, ..initial.clone() }))
            }
            WideMatrix::Explored(initial) => {
                let own = &state["own"];
                let read = |value| matrix(value).map(|matrix| Coefficients::from_matrix(&matrix));
                let learned = (read(&own["weights"]), read(&own["velocity"]));
                let (Some(share), (Some(weights), Some(velocity))) = (pair(&own["share"]), learned) else {
                    return Err(unreadable());
                };
                let restored = ExploredMatrix { share, learned: (weights, velocity), ..initial.clone() };
                if let Some(first) = own["shared_with"].as_u64() {
                    return match before.get(first as usize) {
                        Some(WideMatrix::Explored(first)) => Ok(WideMatrix::Explored(restored.sharing(first))),
                        _ => Err(unreadable()),
                    };
                }
                let known = initial.known().clone();
                let mut side = |name: &str, probed: &Probed, lengths: [usize; 2]| -> Result<Probed, String> {
                    let state = &state[name];
                    let name = format!("{index}.{name}");
                    let layout = &initial.layout;
                    let basis = basis(source, &format!("{name}.basis"), &state["basis"], lengths[0], layout)?;
                    let fresh = match &probed.responses.fresh {
                        FreshParts::Stored(_) => {
                            let name = format!("{name}.fresh");
                            FreshParts::Stored(self::basis(source, &name, &state["fresh"], lengths[1], layout)?)
                        }
                        recomputed => recomputed.clone(),
                    };
                    let coefficients = matrix(&state["coefficients"]).ok_or_else(unreadable)?;
                    let coefficients = Coefficients::from_matrix(&coefficients);
                    let responses = Responses { fresh, coefficients, ..probed.responses.clone() };
                    let fits = responses.count() == basis.rank()
                        && responses.stored().is_none_or(|count| count == basis.rank());
                    if fits { Ok(Probed::new(basis, responses)) } else { Err(unreadable()) }
                };
                let lengths = [initial.columns, initial.rows];
                let direct = side("direct", &known.direct, lengths)?;
                let transpose = side("transpose", &known.transpose, [lengths[1], lengths[0]])?;
                let truncation = state["truncation"].as_f64().ok_or_else(unreadable)?;
                let known = Known { direct, transpose, truncation, ..known };
                Ok(WideMatrix::Explored(restored.with_known(known)))
            }
        }
    }

    fn become_restored(&mut self, restored: Self) {
        match (self, restored) {
            (WideMatrix::Explored(matrix), WideMatrix::Explored(restored)) => matrix.become_restored(restored),
            (matrix, restored) => *matrix = restored,
        }
    }
}

/// The first of the matrices before that is made of the same W_0.
fn shared(matrix: &ExploredMatrix, before: &[&WideMatrix]) -> Option<usize> {
    before.iter().position(|other| matches!(other, WideMatrix::Explored(other) if other.shares_with(matrix)))
}

fn named(name: String, vectors: &SplitVectors) -> Vec<(String, Tensor<2>)> {
    vectors.pieces().iter().enumerate().map(|(i, piece)| (format!("{name}.{i}"), piece.clone())).collect()
}

fn of_basis(name: &str, basis: &Basis) -> Vec<(String, Tensor<2>)> {
    basis.blocks().iter().enumerate().flat_map(|(i, block)| named(format!("{name}.{i}"), block)).collect()
}

fn vectors(
    source: &mut Checkpoint,
    name: &str,
    count: usize,
    length: usize,
    layout: &Layout,
) -> Result<SplitVectors, String> {
    let piece = |(i, (_, rows)): (usize, (usize, usize))| {
        source.tensor(&format!("{name}.{i}"), [count, rows], &layout.placement)
    };
    layout.pieces(length).enumerate().map(piece).collect::<Result<_, _>>().map(SplitVectors::new)
}

fn basis(source: &mut Checkpoint, name: &str, counts: &Value, length: usize, layout: &Layout) -> Result<Basis, String> {
    let counts: Option<Vec<u64>> = counts.as_array().and_then(|list| list.iter().map(Value::as_u64).collect());
    let counts = counts.ok_or_else(|| format!("the vectors of {name} cannot be counted"))?;
    let block = |(i, count): (usize, &u64)| vectors(source, &format!("{name}.{i}"), *count as usize, length, layout);
    let blocks: Result<Vec<SplitVectors>, String> = counts.iter().enumerate().map(block).collect();
    Ok(Basis::from_blocks(length as u64, blocks?))
}

fn numbers(matrix: &Matrix) -> Value {
    json!({ "shape": [matrix.nrows(), matrix.ncols()], "columns": matrix.as_slice() })
}

fn matrix(value: &Value) -> Option<Matrix> {
    let side = |i: usize| value["shape"][i].as_u64().and_then(|side| usize::try_from(side).ok());
    let entries: Option<Vec<f64>> = value["columns"].as_array()?.iter().map(Value::as_f64).collect();
    let (rows, columns, entries) = (side(0)?, side(1)?, entries?);
    (rows.checked_mul(columns) == Some(entries.len())).then(|| Matrix::from_vec(rows, columns, entries))
}

fn pair(value: &Value) -> Option<(f64, f64)> {
    Some((value[0].as_f64()?, value[1].as_f64()?))
}
