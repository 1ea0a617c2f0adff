//! Computes moments of a prior, the determinant and the eigenvalues of its mixing matrix.

use serde_json::{Value, json};
use widenet_core::document::{Field, Reader};
use widenet_limits::proportional::{
    EigenvalueRatio, LogLaw, OutputLaw, SecondMoments, factor_second_moments, log_determinant, log_scale_moment,
};

use super::quantity::{Prior, Quantity};
use crate::{
    answer::{always_finite, from_log, matrix, number, numbers},
    error::{QuestionResult, invalid},
    question::Run,
};

/// Which moments.
#[derive(Debug, Clone)]
struct Moments {
    scale: Vec<f64>,
    output: Vec<u32>,
    entries: Vec<[usize; 4]>,
    /// Size of the triangular factor.
    factor: Option<usize>,
    input: usize,
}

/// The determinant of a mixing matrix of this size.
#[derive(Debug)]
struct Determinant {
    size: usize,
}

/// Half the log-ratio of the eigenvalues, whose density is taken at some points.
#[derive(Debug)]
struct Eigenvalues {
    at: Vec<f64>,
}

impl Quantity for Moments {
    fn answer(&self, prior: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        moments(prior, self)
    }
}

impl Quantity for Determinant {
    fn answer(&self, prior: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        determinant(prior, self.size)
    }
}

impl Quantity for Eigenvalues {
    fn answer(&self, prior: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        eigenvalues(prior, &self.at)
    }
}

pub(super) fn parse(table: &mut Reader<'_>, prior: &Prior) -> widenet_core::document::Result<Box<dyn Quantity>> {
    let last = prior.count() as u64 - 1;
    let entry = |field: &Field<'_>| {
        let positions = field.list_of(4, "the inputs i, j, k, l from 0", |field| field.whole_in(0..=last))?;
        Ok([0, 1, 2, 3].map(|position| positions[position] as usize))
    };
    Ok(Box::new(Moments {
        scale: table.or("scale", Vec::new(), Field::numbers)?,
        output: table.or("output", Vec::new(), |field| field.list(|field| Ok(field.whole_in(0..=1000)? as u32)))?,
        entries: table.or("entries", Vec::new(), |field| field.list(entry))?,
        factor: table.optional("factor", |field| Ok(field.whole_in(1..=1000)? as usize))?,
        input: prior.input(table)?,
    }))
}

fn moments(prior: &Prior, asked: &Moments) -> QuestionResult<Value> {
    let layers = &prior.network.layers;
    let scale = LogLaw::scale(layers);
    let output = OutputLaw::new(layers, prior.variance(asked.input))?;
    let second = SecondMoments::new(layers);
    let mut answer = json!({
        "alpha": number(layers.alpha()),
        "beta": number(layers.beta()),
        "log_gain": number(prior.network.log_gain),
        "output_variance": number(prior.variance(asked.input)),
        "mean_log_scale": number(scale.mean()),
        "variance_log_scale": number(scale.variance()),
        "variance_log_square": number(scale.with_chi_square(1)?.variance()),
        "kurtosis": always_finite(output.kurtosis()),
        "correlation_of_squares": number(second.correlation_of_squares()),
    });
    if let Some(size) = asked.factor {
        answer["factor"] = matrix(&factor_second_moments(layers, size)?);
    }
    if !asked.scale.is_empty() {
        answer["scale_powers"] = numbers(asked.scale.iter().copied());
        answer["scale"] = asked.scale.iter().map(|s| from_log(log_scale_moment(layers, *s))).collect();
    }
    if !asked.output.is_empty() {
        answer["output_orders"] = json!(asked.output);
        answer["output"] = asked.output.iter().map(|order| always_finite(output.moment(*order))).collect();
    }
    if !asked.entries.is_empty() {
        let gain = prior.network.gain();
        let kernel = prior.kernel();
        let each = |moment: &dyn Fn([usize; 4]) -> f64| -> Value {
            asked.entries.iter().map(|entry| always_finite(moment(*entry))).collect()
        };
        answer["entries"] = json!(asked.entries);
        answer["kernel"] = each(&|entry| gain * gain * second.kernel(kernel, entry));
        answer["same_output"] = each(&|entry| gain * gain * second.same_output(kernel, entry));
        answer["covariance_of_squares"] =
            each(&|[i, _, k, _]| gain * gain * second.covariance_of_squares(kernel, i, k));
    }
    Ok(answer)
}

pub(super) fn parse_determinant(
    table: &mut Reader<'_>,
    prior: &Prior,
) -> widenet_core::document::Result<Box<dyn Quantity>> {
    let size = prior.network.outputs.min(prior.count());
    Ok(Box::new(Determinant { size: table.or("size", size, Field::count)? }))
}

fn determinant(prior: &Prior, size: usize) -> QuestionResult<Value> {
    let law = log_determinant(&prior.network.layers, size as u64)?;
    Ok(json!({ "size": size, "mean": number(law.mean), "variance": number(law.variance) }))
}

pub(super) fn parse_eigenvalues(
    table: &mut Reader<'_>,
    _: &Prior,
) -> widenet_core::document::Result<Box<dyn Quantity>> {
    Ok(Box::new(Eigenvalues { at: table.or("at", Vec::new(), Field::numbers)? }))
}

/// Half the log-ratio of the two eigenvalues of Q in the limit.
fn eigenvalues(prior: &Prior, at: &[f64]) -> QuestionResult<Value> {
    let layers = &prior.network.layers;
    if !layers.groups().is_empty() {
        return Err(invalid(
            "the law of the eigenvalues is that of the limit; give `network.alpha` without widths and bottlenecks"
                .into(),
        ));
    }
    let ratio = EigenvalueRatio::new(layers.alpha())?;
    // Where the integrand overflows, its closed form.
    let or = |integral: f64, log: f64| if integral.is_finite() { integral } else { log.exp() };
    Ok(json!({
        "at": numbers(at.iter().copied()),
        "density": numbers(at.iter().map(|rho| ratio.density(*rho))),
        "mean_cosh": always_finite(or(ratio.expectation(f64::cosh), layers.alpha())),
        "mean_second_legendre": always_finite(or(ratio.expectation(|rho| 1.5 * rho.cosh().powi(2) - 0.5), 3.0 * layers.alpha())),
        "mean_squared_correlation": number(ratio.mean_squared_correlation()),
        "mean_trace_of_square": always_finite(ratio.mean_trace_of_square()),
    }))
}
