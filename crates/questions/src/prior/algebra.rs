//! The deterministic parts of the samplers take given random numbers, so that what they assemble can be checked number by number.

use serde_json::{Value, json};
use widenet_core::shapes::read_matrix;
use widenet_core::{
    Error, Matrix,
    document::{Field, Reader},
};
use widenet_limits::proportional::{InputKernel, SplittingNormals, bartlett_factor, splitting_step as step};

use super::quantity::{Prior, Quantity};
use crate::{answer::matrix, error::QuestionResult, question::Run};

/// Random numbers of the Bartlett factors, one list per hidden layer in the order of the widths.
#[derive(Debug, Clone)]
struct Factors {
    /// χ² variables of the diagonals.
    chi_squares: Vec<Vec<f64>>,
    /// Normals below the diagonals, column by column.
    normals: Vec<Vec<f64>>,
}

impl Quantity for Factors {
    fn answer(&self, prior: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        factors(prior, self)
    }
}

fn numbers_or_none(field: &Field<'_>) -> widenet_core::document::Result<Vec<f64>> {
    field.elements()?.iter().map(Field::number).collect()
}

pub(super) fn parse_factors(
    table: &mut Reader<'_>,
    prior: &Prior,
) -> widenet_core::document::Result<Box<dyn Quantity>> {
    let Some(widths) = &prior.network.widths else {
        return Err(table.error("`factors` are those of a finite network; give `network.widths` instead of `alpha`"));
    };
    let per_layer = |field: &Field<'_>| field.list_of(widths.len(), "one list per hidden layer", numbers_or_none);
    Ok(Box::new(Factors {
        chi_squares: table.required("chi_squares", per_layer)?,
        normals: table.required("normals", per_layer)?,
    }))
}

fn factors(prior: &Prior, given: &Factors) -> QuestionResult<Value> {
    let kernel = InputKernel::new(prior.kernel())?;
    let mut product = kernel.root().clone();
    let mut rows = kernel.rank();
    let mut factors = Vec::new();
    let widths = prior.network.widths.as_deref().unwrap_or_default();
    for (layer, width) in widths.iter().enumerate() {
        let factor = bartlett_factor(rows, *width, &given.chi_squares[layer], &given.normals[layer])?;
        product *= &factor;
        rows = factor.ncols();
        factors.push(matrix(&factor));
    }
    let rank = rows;
    Ok(json!({ "factors": factors, "kernel": matrix(&(&product * product.transpose())), "rank": rank }))
}

/// One step of the splitting scheme.
#[derive(Debug, Clone)]
struct SplittingStep {
    start: Matrix,
    step: f64,
    normals: SplittingNormals,
}

impl Quantity for SplittingStep {
    fn answer(&self, _: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        splitting_step(self)
    }
}

pub(super) fn parse_splitting_step(
    table: &mut Reader<'_>,
    _: &Prior,
) -> widenet_core::document::Result<Box<dyn Quantity>> {
    let start = table.required("start", |field| {
        let start = read_matrix(field)?;
        if start.is_square() { Ok(start) } else { Err(field.must_be("a square matrix")) }
    })?;
    let size = start.nrows();
    let per_column = |field: &Field<'_>| field.list_of(size, "one per column of `start`", Field::number);
    let pairs = size * (size - 1) / 2;
    let off_diagonal = |field: &Field<'_>| match numbers_or_none(field)? {
        normals if normals.len() == pairs => Ok(normals),
        normals => Err(field.error(format!(
            "`{}` has {} numbers; {size} columns have {pairs} pairs, in the order (1,0), (2,0), …, (2,1), …",
            field.key(),
            normals.len()
        ))),
    };
    let normals = SplittingNormals {
        first_half: table.required("first_half", per_column)?,
        off_diagonal: table.required("off_diagonal", off_diagonal)?,
        second_half: table.required("second_half", per_column)?,
    };
    Ok(Box::new(SplittingStep { start, step: table.required("step", Field::positive)?, normals }))
}

fn splitting_step(given: &SplittingStep) -> QuestionResult<Value> {
    let after = |reverse: bool| Ok::<_, Error>(matrix(&step(&given.start, given.step, &given.normals, reverse)?));
    Ok(json!({ "forward": after(false)?, "reverse": after(true)? }))
}
