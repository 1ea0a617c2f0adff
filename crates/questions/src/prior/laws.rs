//! Evaluates one-dimensional distributions of a prior: densities, tails, quantiles, distances to the limit.

use serde_json::{Value, json};
use widenet_core::shapes::read_matrix;
use widenet_core::{
    Matrix, Result,
    document::{Field, Reader},
};
use widenet_limits::proportional::{
    HiddenLayers, InputKernel, LogLaw, OutputLaw, log_joint_density, log_squared_norm_law, output_rate_constant,
    scale_rate_constant,
};

use super::quantity::{Prior, Quantity};
use crate::{
    answer::{always_finite, from_log, matrix, number, numbers},
    error::{QuestionResult, invalid},
    question::Run,
    random_network::level,
};

/// Whose law.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Law {
    Output { input: usize },
    LogScale,
    LogSquaredNorm { input: usize },
    LogQuadraticForm,
    Outputs,
}

/// Where a density is taken.
#[derive(Debug, Clone)]
enum Points {
    Numbers(Vec<f64>),
    Rows(Matrix),
}

/// Probabilities of quantiles.
#[derive(Debug, Clone)]
struct Levels {
    lower: Vec<f64>,
    upper: Vec<f64>,
    log_upper: Vec<f64>,
}

/// Densities of a law at some points.
#[derive(Debug)]
struct Density {
    law: Law,
    points: Points,
}

/// Both tails of a law at some points.
#[derive(Debug)]
struct Cdf {
    law: Law,
    at: Vec<f64>,
}

/// Values with given probabilities below or above them.
#[derive(Debug)]
struct Quantiles {
    law: Law,
    levels: Levels,
}

/// Distances between the laws of network, limit and NNGP, of outputs at an input.
#[derive(Debug)]
struct Distance {
    input: usize,
}

impl Quantity for Density {
    fn answer(&self, prior: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        density(prior, self.law, &self.points)
    }
}

impl Quantity for Cdf {
    fn answer(&self, prior: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        cdf(prior, self.law, &self.at)
    }
}

impl Quantity for Quantiles {
    fn answer(&self, prior: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        quantiles(prior, self.law, &self.levels)
    }
}

impl Quantity for Distance {
    fn answer(&self, prior: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        distance(prior, self.input)
    }
}

#[derive(Clone, Copy)]
enum Word {
    Output,
    LogScale,
    LogSquaredNorm,
    LogQuadraticForm,
    Outputs,
}

const WORDS: [(&str, Word); 5] = [
    ("output", Word::Output),
    ("log_scale", Word::LogScale),
    ("log_squared_norm", Word::LogSquaredNorm),
    ("log_quadratic_form", Word::LogQuadraticForm),
    ("outputs", Word::Outputs),
];

fn law(table: &mut Reader<'_>, prior: &Prior, joint: bool) -> widenet_core::document::Result<Law> {
    let words = if joint { &WORDS[..] } else { &WORDS[..4] };
    let word = table.or("of", Word::Output, |field| field.choice(words))?;
    Ok(match word {
        Word::Output => Law::Output { input: prior.input(table)? },
        Word::LogScale => Law::LogScale,
        Word::LogSquaredNorm => Law::LogSquaredNorm { input: prior.input(table)? },
        Word::LogQuadraticForm => Law::LogQuadraticForm,
        Word::Outputs => Law::Outputs,
    })
}

/// Where laws are evaluated if nothing else is said: standard deviations, or logarithms.
const DEFAULT_POINTS: [f64; 9] = [-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0];
const DEFAULT_LEVELS: [f64; 7] = [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999];

pub(super) fn parse_density(
    table: &mut Reader<'_>,
    prior: &Prior,
) -> widenet_core::document::Result<Box<dyn Quantity>> {
    let law = law(table, prior, true)?;
    let points =
        match law {
            Law::Outputs => Points::Rows(table.required("at", |field| {
                let rows = read_matrix(field)?;
                match (rows.ncols(), prior.count()) {
                    (found, wanted) if found == wanted => Ok(rows),
                    (found, wanted) => Err(field
                        .error(format!("rows of `{}` have {found} numbers; there are {wanted} inputs", field.key()))),
                }
            })?),
            _ => Points::Numbers(table.or("at", DEFAULT_POINTS.to_vec(), Field::numbers)?),
        };
    Ok(Box::new(Density { law, points }))
}

pub(super) fn parse_cdf(table: &mut Reader<'_>, prior: &Prior) -> widenet_core::document::Result<Box<dyn Quantity>> {
    let law = law(table, prior, false)?;
    Ok(Box::new(Cdf { law, at: table.or("at", DEFAULT_POINTS.to_vec(), Field::numbers)? }))
}

pub(super) fn parse_quantiles(
    table: &mut Reader<'_>,
    prior: &Prior,
) -> widenet_core::document::Result<Box<dyn Quantity>> {
    let law = law(table, prior, false)?;
    let negative = |field: &Field<'_>| match field.number()? {
        level if level < 0.0 => Ok(level),
        _ => Err(field.must_be("the logarithm of a probability, < 0")),
    };
    let mut levels = Levels {
        lower: table.or("levels", Vec::new(), |field| field.list(level))?,
        upper: table.or("upper_levels", Vec::new(), |field| field.list(level))?,
        log_upper: table.or("log_upper_levels", Vec::new(), |field| field.list(negative))?,
    };
    if levels.lower.is_empty() && levels.upper.is_empty() && levels.log_upper.is_empty() {
        levels.lower = DEFAULT_LEVELS.to_vec();
    }
    Ok(Box::new(Quantiles { law, levels }))
}

pub(super) fn parse_distance(
    table: &mut Reader<'_>,
    prior: &Prior,
) -> widenet_core::document::Result<Box<dyn Quantity>> {
    Ok(Box::new(Distance { input: prior.input(table)? }))
}

/// Tails and quantiles of either kind of law.
enum Scalar {
    Output(OutputLaw),
    Log(LogLaw),
}

impl Scalar {
    fn new(prior: &Prior, law: Law) -> QuestionResult<Self> {
        let layers = &prior.network.layers;
        Ok(match law {
            Law::Output { input } => Scalar::Output(OutputLaw::new(layers, prior.variance(input))?),
            Law::LogScale => Scalar::Log(LogLaw::scale(layers)),
            Law::LogSquaredNorm { input } if prior.kernel()[(input, input)] == 0.0 => {
                return Err(invalid(format!(
                    "input {input} is 0, and so are its outputs: their squared norm has no logarithm"
                )));
            }
            Law::LogSquaredNorm { input } => {
                Scalar::Log(log_squared_norm_law(layers, prior.variance(input), prior.network.outputs as u64)?)
            }
            Law::LogQuadraticForm | Law::Outputs => Scalar::Log(
                LogLaw::scale(layers).with_chi_square(prior.count() as u64)?.shifted(prior.network.log_gain)?,
            ),
        })
    }

    fn log_density(&self, x: f64) -> QuestionResult<f64> {
        match self {
            Scalar::Output(law) => Ok(law.log_density(x)?),
            Scalar::Log(law) if law.is_point() => {
                Err(invalid("the scale of the NNGP (α = 0) is 1: it has no density".into()))
            }
            Scalar::Log(law) => Ok(law.log_density(x)?),
        }
    }

    fn log_tails(&self, x: f64) -> Result<(f64, f64)> {
        Ok(match self {
            Scalar::Output(law) => (law.log_upper_tail(-x)?, law.log_upper_tail(x)?),
            Scalar::Log(law) => (law.log_lower_tail(x)?, law.log_upper_tail(x)?),
        })
    }

    fn quantile(&self, level: f64) -> Result<f64> {
        match self {
            Scalar::Output(law) => law.quantile(level),
            Scalar::Log(law) => law.quantile(level),
        }
    }

    fn upper_quantile(&self, level: f64) -> Result<f64> {
        match self {
            Scalar::Output(law) => law.upper_quantile(level),
            Scalar::Log(law) => law.quantile_of_log_upper_tail(level.ln()),
        }
    }

    fn log_upper_quantile(&self, log_level: f64) -> Result<f64> {
        match self {
            Scalar::Output(law) => law.upper_quantile_of_log(log_level),
            Scalar::Log(law) => law.quantile_of_log_upper_tail(log_level),
        }
    }
}

fn density(prior: &Prior, law: Law, points: &Points) -> QuestionResult<Value> {
    let (at, logs) = match points {
        Points::Numbers(at) => {
            let law = Scalar::new(prior, law)?;
            let logs: QuestionResult<Vec<f64>> = at.iter().map(|x| law.log_density(*x)).collect();
            (numbers(at.iter().copied()), logs?)
        }
        Points::Rows(rows) => (matrix(rows), joint_densities(prior, rows)?),
    };
    Ok(
        json!({ "at": at, "density": logs.iter().map(|log| from_log(*log)).collect::<Value>(), "log_density": numbers(logs) }),
    )
}

/// Log densities of one output at all inputs.
fn joint_densities(prior: &Prior, rows: &Matrix) -> QuestionResult<Vec<f64>> {
    let kernel = InputKernel::new(prior.kernel())?;
    let inputs = prior.count();
    if kernel.rank() < inputs {
        return Err(invalid(format!(
            "the kernel of the {inputs} inputs has rank {}: their outputs have no joint density; leave out dependent inputs",
            kernel.rank()
        )));
    }
    if prior.network.outputs != 1 {
        let message = format!("a joint density is that of one output; `network.outputs` is {}", prior.network.outputs);
        return Err(invalid(message));
    }
    let log_det = kernel.log_pseudo_determinant() + inputs as f64 * prior.network.log_gain;
    let density = |row: usize| {
        let values: Vec<f64> = rows.row(row).iter().copied().collect();
        let quadratic = kernel.quadratic_form(&values)? / prior.network.gain();
        Ok(log_joint_density(&prior.network.layers, inputs as u64, quadratic, log_det)?)
    };
    (0..rows.nrows()).map(density).collect()
}

fn cdf(prior: &Prior, law: Law, at: &[f64]) -> QuestionResult<Value> {
    let law = Scalar::new(prior, law)?;
    let tails = at.iter().map(|x| law.log_tails(*x)).collect::<Result<Vec<_>>>()?;
    let lower = || tails.iter().map(|tails| tails.0);
    let upper = || tails.iter().map(|tails| tails.1);
    Ok(json!({
        "at": numbers(at.iter().copied()),
        "lower": numbers(lower().map(f64::exp)),
        "upper": numbers(upper().map(f64::exp)),
        "log_lower": numbers(lower()),
        "log_upper": numbers(upper()),
    }))
}

fn quantiles(prior: &Prior, law: Law, levels: &Levels) -> QuestionResult<Value> {
    let law = Scalar::new(prior, law)?;
    let mut answer = json!({});
    for (name, levels, values) in [
        ("levels", &levels.lower, levels.lower.iter().map(|level| law.quantile(*level)).collect::<Result<Vec<_>>>()?),
        (
            "upper_levels",
            &levels.upper,
            levels.upper.iter().map(|level| law.upper_quantile(*level)).collect::<Result<_>>()?,
        ),
        (
            "log_upper_levels",
            &levels.log_upper,
            levels.log_upper.iter().map(|log| law.log_upper_quantile(*log)).collect::<Result<_>>()?,
        ),
    ] {
        if !levels.is_empty() {
            answer[name] = numbers(levels.iter().copied());
            answer[name.replace("levels", "values")] = values.into_iter().map(always_finite).collect();
        }
    }
    Ok(answer)
}

/// Distances between the laws of network, limit and NNGP.
fn distance(prior: &Prior, input: usize) -> QuestionResult<Value> {
    let layers = &prior.network.layers;
    let (alpha, beta) = (layers.alpha(), layers.beta());
    if prior.variance(input) == 0.0 {
        return Err(invalid(format!("input {input} is 0: all laws agree")));
    }
    let limit = HiddenLayers::limit(alpha)?;
    let nngp = HiddenLayers::nngp();
    let output = |layers: &HiddenLayers| OutputLaw::new(layers, 1.0);
    let (own, limit_output, nngp) = (output(layers)?, output(&limit)?, output(&nngp)?);
    let mut answer = json!({
        "alpha": number(alpha),
        "beta": number(beta),
        "output_to_limit": number(own.kolmogorov_smirnov(&limit_output)?),
        "output_to_nngp": number(own.kolmogorov_smirnov(&nngp)?),
        "limit_output_to_nngp": number(limit_output.kolmogorov_smirnov(&nngp)?),
    });
    if alpha > 0.0 {
        let (scale_constant, output_constant) = (scale_rate_constant(alpha)?, output_rate_constant(alpha)?);
        let scale = LogLaw::scale(layers);
        answer["log_scale_to_limit"] = number(scale.kolmogorov_smirnov(&LogLaw::scale(&limit))?);
        answer["log_scale_to_matched_normal"] = number(scale.kolmogorov_smirnov(&LogLaw::matched_normal(layers)?)?);
        answer["log_scale_constant"] = number(scale_constant);
        answer["output_constant"] = number(output_constant);
        answer["predicted_log_scale_to_limit"] = number(beta / alpha * scale_constant);
        answer["predicted_output_to_limit"] = number(beta / alpha * output_constant);
    }
    Ok(answer)
}
