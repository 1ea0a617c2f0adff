//! Moments of a prior, the determinant and the eigenvalues of its mixing matrix.

use serde_json::{Value, json};
use widenet_core::{
    Result,
    document::{Field, Reader},
};
use widenet_limits::proportional::{
    EigenvalueRatio, LogLaw, OutputLaw, SecondMoments, factor_second_moments, log_determinant, scale_moment,
};

use super::{Inputs, PriorQuestion, Quantity, laws};
use crate::question::{
    QuestionResult,
    error::invalid,
    tree::{matrix, number, numbers},
};

/// Which moments.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    scale: Vec<f64>,
    output: Vec<u32>,
    entries: Vec<[usize; 4]>,
    /// Size of the triangular factor.
    factor: Option<usize>,
    input: usize,
}

pub(super) fn parse(table: &mut Reader<'_>, inputs: &Inputs<'_>) -> Result<Quantity> {
    let last = inputs.kernel.nrows() as u64 - 1;
    let entry = |field: &Field<'_>| {
        let positions = field.list_of(4, "the inputs i, j, k, l from 0", |field| field.whole_in(0..=last))?;
        Ok([0, 1, 2, 3].map(|position| positions[position] as usize))
    };
    Ok(Quantity::Moments(Moments {
        scale: table.or("scale", Vec::new(), Field::numbers)?,
        output: table.or("output", Vec::new(), |field| field.list(|field| Ok(field.whole_in(0..=1000)? as u32)))?,
        entries: table.or("entries", Vec::new(), |field| field.list(entry))?,
        factor: table.optional("factor", |field| Ok(field.whole_in(1..=1000)? as usize))?,
        input: laws::input(table, inputs)?,
    }))
}

pub(super) fn answer(question: &PriorQuestion, asked: &Moments) -> QuestionResult<Value> {
    let layers = &question.network.layers;
    let scale = LogLaw::scale(layers);
    let output = OutputLaw::new(layers, question.variance(asked.input))?;
    let second = SecondMoments::new(layers);
    let mut answer = json!({
        "alpha": number(layers.alpha()),
        "beta": number(layers.beta()),
        "log_gain": number(question.network.log_gain),
        "output_variance": number(question.variance(asked.input)),
        "mean_log_scale": number(scale.mean()),
        "variance_log_scale": number(scale.variance()),
        "variance_log_square": number(scale.with_chi_square(1)?.variance()),
        "kurtosis": number(output.kurtosis()),
        "correlation_of_squares": number(second.correlation_of_squares()),
    });
    if let Some(size) = asked.factor {
        answer["factor"] = matrix(&factor_second_moments(layers, size)?);
    }
    if !asked.scale.is_empty() {
        answer["scale_powers"] = numbers(asked.scale.iter().copied());
        answer["scale"] = numbers(asked.scale.iter().map(|s| scale_moment(layers, *s)));
    }
    if !asked.output.is_empty() {
        answer["output_orders"] = json!(asked.output);
        answer["output"] = numbers(asked.output.iter().map(|order| output.moment(*order)));
    }
    if !asked.entries.is_empty() {
        let gain = question.network.gain();
        let kernel = &question.kernel;
        let each = |moment: &dyn Fn([usize; 4]) -> f64| numbers(asked.entries.iter().map(|entry| moment(*entry)));
        answer["entries"] = json!(asked.entries);
        answer["kernel"] = each(&|entry| gain * gain * second.kernel(kernel, entry));
        answer["same_output"] = each(&|entry| gain * gain * second.same_output(kernel, entry));
        answer["covariance_of_squares"] =
            each(&|[i, _, k, _]| gain * gain * second.covariance_of_squares(kernel, i, k));
    }
    Ok(answer)
}

pub(super) fn parse_determinant(table: &mut Reader<'_>, inputs: &Inputs<'_>) -> Result<Quantity> {
    let size = inputs.network.outputs.min(inputs.kernel.nrows());
    Ok(Quantity::Determinant(table.or("size", size, Field::count)?))
}

pub(super) fn determinant(question: &PriorQuestion, size: usize) -> QuestionResult<Value> {
    let law = log_determinant(&question.network.layers, size as u64)?;
    Ok(json!({ "size": size, "mean": number(law.mean), "variance": number(law.variance) }))
}

/// Half the log-ratio of the two eigenvalues of Q in the limit.
pub(super) fn eigenvalues(question: &PriorQuestion, at: &[f64]) -> QuestionResult<Value> {
    let layers = &question.network.layers;
    if !layers.groups().is_empty() {
        return Err(invalid(
            "the law of the eigenvalues is that of the limit; give `network.alpha` without widths and bottlenecks"
                .into(),
        ));
    }
    let ratio = EigenvalueRatio::new(layers.alpha())?;
    Ok(json!({
        "at": numbers(at.iter().copied()),
        "density": numbers(at.iter().map(|rho| ratio.density(*rho))),
        "mean_cosh": number(ratio.expectation(f64::cosh)),
        "mean_second_legendre": number(ratio.expectation(|rho| 1.5 * rho.cosh().powi(2) - 0.5)),
        "mean_squared_correlation": number(ratio.mean_squared_correlation()),
        "mean_trace_of_square": number(ratio.mean_trace_of_square()),
    }))
}
