//! Computes moments of a prior, the determinant and the eigenvalues of its mixing matrix.

use serde_json::{Value, json};
use widenet_core::document::{
    Result,
    keys::{flat, optional},
    section,
    shape::{Located, count, list, list_of, located, natural, number as any_number, whole},
};
use widenet_limits::proportional::{
    EigenvalueRatio, LogLaw, OutputLaw, SecondMoments, factor_second_moments, log_determinant, log_scale_moment,
};

use super::quantity::{OneInput, Prior, Quantity, check_position};
use crate::{
    answer::{always_finite, from_log, matrix, number, numbers},
    error::{QuestionResult, invalid},
    question::Run,
};

section! {
    /// Moments of outputs, kernels and scales; always mean and variance of log q.
    #[derive(Debug, Clone)]
    pub(super) struct Moments {
        /// Powers s of `E qˢ`.
        scale: Option<Vec<f64>> = optional(list(any_number())),
        /// Orders k of `E f^k`.
        output: Option<Vec<u32>> = optional(list(whole(0..=1000))),
        /// Positions i, j, k, l from 0: `kernel` is `E[K_ij K_kl]`, `same_output` `E[f(i) f(j) f(k) f(l)]` of one output, and
        /// `covariance_of_squares` `Cov(f_d(i)², f_e(k)²)` of two outputs, whatever j and l are.
        entries: Option<Vec<Vec<Located<u64>>>> =
            optional(list(list_of(4, "the inputs i, j, k, l from 0", located(natural())))),
        /// Size of the triangular factor X of whose entries `E X_ij²` is asked.
        factor: Option<usize> = optional(whole(1..=1000)),
        /// The input of the output's moments.
        input: OneInput = flat(),
    }
}

section! {
    /// Mean and variance of the log-determinant of the mixing matrix Q.
    #[derive(Debug)]
    pub(super) struct Determinant {
        /// Size of Q; the smaller of the numbers of outputs and inputs where nothing is given.
        size: Option<usize> = optional(count()),
    }
}

section! {
    /// Of the limit with two outputs or inputs, half the log-ratio ρ of the eigenvalues of Q.
    #[derive(Debug)]
    pub(super) struct Eigenvalues {
        /// Where its density is taken.
        at: Option<Vec<f64>> = optional(list(any_number())),
    }
}

impl Quantity for Moments {
    fn check(&self, prior: &Prior) -> Result<()> {
        self.entries.iter().flatten().flatten().try_for_each(|position| check_position(position, prior))?;
        self.input.check(prior)
    }

    fn answer(&self, prior: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        moments(prior, self)
    }
}

impl Quantity for Determinant {
    fn answer(&self, prior: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        determinant(prior, self.size.unwrap_or(prior.network.outputs.min(prior.count())))
    }
}

impl Quantity for Eigenvalues {
    fn answer(&self, prior: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        eigenvalues(prior, self.at.as_deref().unwrap_or_default())
    }
}

fn moments(prior: &Prior, asked: &Moments) -> QuestionResult<Value> {
    let layers = &prior.network.layers;
    let scale = LogLaw::scale(layers);
    let output = OutputLaw::new(layers, prior.variance(asked.input.position()))?;
    let second = SecondMoments::new(layers);
    let mut answer = json!({
        "alpha": number(layers.alpha()),
        "beta": number(layers.beta()),
        "log_gain": number(prior.network.log_gain),
        "output_variance": number(prior.variance(asked.input.position())),
        "mean_log_scale": number(scale.mean()),
        "variance_log_scale": number(scale.variance()),
        "variance_log_square": number(scale.with_chi_square(1)?.variance()),
        "kurtosis": always_finite(output.kurtosis()),
        "correlation_of_squares": number(second.correlation_of_squares()),
    });
    if let Some(size) = asked.factor {
        answer["factor"] = matrix(&factor_second_moments(layers, size)?);
    }
    if let Some(powers) = &asked.scale {
        answer["scale_powers"] = numbers(powers.iter().copied());
        answer["scale"] = powers.iter().map(|s| from_log(log_scale_moment(layers, *s))).collect();
    }
    if let Some(orders) = &asked.output {
        answer["output_orders"] = json!(orders);
        answer["output"] = orders.iter().map(|order| always_finite(output.moment(*order))).collect();
    }
    if let Some(entries) = &asked.entries {
        let at = |entry: &Vec<Located<u64>>| [0, 1, 2, 3].map(|index| entry[index].value as usize);
        let entries: Vec<[usize; 4]> = entries.iter().map(at).collect();
        let gain = prior.network.gain();
        let kernel = prior.kernel();
        let each = |moment: &dyn Fn([usize; 4]) -> f64| -> Value {
            entries.iter().map(|entry| always_finite(moment(*entry))).collect()
        };
        answer["entries"] = json!(entries);
        answer["kernel"] = each(&|entry| gain * gain * second.kernel(kernel, entry));
        answer["same_output"] = each(&|entry| gain * gain * second.same_output(kernel, entry));
        answer["covariance_of_squares"] =
            each(&|[i, _, k, _]| gain * gain * second.covariance_of_squares(kernel, i, k));
    }
    Ok(answer)
}

fn determinant(prior: &Prior, size: usize) -> QuestionResult<Value> {
    let law = log_determinant(&prior.network.layers, size as u64)?;
    Ok(json!({ "size": size, "mean": number(law.mean), "variance": number(law.variance) }))
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
