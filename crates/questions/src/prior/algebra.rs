//! The deterministic parts of the samplers take given random numbers, so that what they assemble can be checked number by number.

use serde_json::{Value, json};
use widenet_core::shapes::matrix as matrix_shape;
use widenet_core::{
    Error, Matrix,
    document::{
        Field, Result, Written,
        keys::required,
        section,
        shape::{Located, list_or_none, located, number, positive},
    },
};
use widenet_limits::proportional::{InputKernel, SplittingNormals, bartlett_factor, splitting_step as step};

use super::quantity::{Prior, Quantity};
use crate::{answer::matrix, error::QuestionResult, question::Run};

section! {
    /// The kernel of the last hidden layer, assembled from given random numbers: of the Bartlett factors, one list per hidden layer in the
    /// order of the widths.
    #[derive(Debug, Clone)]
    pub(super) struct Factors {
        /// χ² variables of the diagonals.
        chi_squares: Located<Vec<Vec<f64>>> = required(located(list_or_none(list_or_none(number())))),
        /// Normals below the diagonals, column by column.
        normals: Located<Vec<Vec<f64>>> = required(located(list_or_none(list_or_none(number())))),
    }
}

impl Quantity for Factors {
    fn check(&self, prior: &Prior) -> Result<()> {
        let Some(widths) = &prior.network.widths else {
            return Err(self
                .chi_squares
                .error("`factors` are those of a finite network; give `network.widths` instead of `alpha`"));
        };
        for lists in [&self.chi_squares, &self.normals] {
            lists.field().list_of(widths.len(), "one list per hidden layer", |_| Ok(()))?;
        }
        Ok(())
    }

    fn answer(&self, prior: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        factors(prior, self)
    }
}

fn factors(prior: &Prior, given: &Factors) -> QuestionResult<Value> {
    let kernel = InputKernel::new(prior.kernel())?;
    let mut product = kernel.root().clone();
    let mut rows = kernel.rank();
    let mut factors = Vec::new();
    let widths = prior.network.widths.as_deref().unwrap_or_default();
    for (layer, width) in widths.iter().enumerate() {
        let factor = bartlett_factor(rows, *width, &given.chi_squares.value[layer], &given.normals.value[layer])?;
        product *= &factor;
        rows = factor.ncols();
        factors.push(matrix(&factor));
    }
    let rank = rows;
    Ok(json!({ "factors": factors, "kernel": matrix(&(&product * product.transpose())), "rank": rank }))
}

section! {
    /// One step of the limit's sampler from given normals.
    #[derive(Debug, Clone)]
    pub(super) struct SplittingStep {
        /// The matrix before the step, square.
        start: Matrix = required(matrix_shape()),
        /// The size of the step in α.
        step: f64 = required(positive()),
        /// Normals of the first half of the diagonal, one per column.
        first_half: Vec<f64> = required(list_or_none(number())),
        /// Normals of the pairs (1,0), (2,0), …, (2,1), ….
        off_diagonal: Vec<f64> = required(list_or_none(number())),
        /// Normals of the second half of the diagonal, one per column.
        second_half: Vec<f64> = required(list_or_none(number())),
    }
    check = check_sizes;
}

fn check_sizes(given: &SplittingStep, table: &Written<'_>) -> Result<()> {
    let field = |key: &str| table.given(key).ok_or_else(|| table.missing(key));
    if !given.start.is_square() {
        return Err(field("start")?.must_be("a square matrix"));
    }
    let size = given.start.nrows();
    for key in ["first_half", "second_half"] {
        field(key)?.list_of(size, "one per column of `start`", Field::number)?;
    }
    let (pairs, found) = (size * (size - 1) / 2, given.off_diagonal.len());
    if found == pairs {
        return Ok(());
    }
    let off_diagonal = field("off_diagonal")?;
    Err(off_diagonal.error(format!(
        "`{}` has {found} numbers; {size} columns have {pairs} pairs, in the order (1,0), (2,0), …, (2,1), …",
        off_diagonal.key()
    )))
}

impl Quantity for SplittingStep {
    fn answer(&self, _: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        let normals = SplittingNormals {
            first_half: self.first_half.clone(),
            off_diagonal: self.off_diagonal.clone(),
            second_half: self.second_half.clone(),
        };
        let after = |reverse: bool| Ok::<_, Error>(matrix(&step(&self.start, self.step, &normals, reverse)?));
        Ok(json!({ "forward": after(false)?, "reverse": after(true)? }))
    }
}
