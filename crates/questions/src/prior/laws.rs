//! Evaluates one-dimensional distributions of a prior: densities, tails, quantiles, distances to the limit.

use serde_json::{Value, json};
use widenet_core::shapes::{matrix as matrix_shape, read_matrix};
use widenet_core::{
    Matrix, Result,
    document::{
        self, Field, Value as Node, Written,
        keys::{flat, optional, or},
        section,
        shape::{Located, Shape, Simple, choice, list, located, number as any_number},
    },
};
use widenet_limits::proportional::{
    HiddenLayers, InputKernel, LogLaw, OutputLaw, log_joint_density, log_squared_norm_law, output_rate_constant,
    scale_rate_constant,
};

use super::quantity::{OneInput, Prior, Quantity};
use crate::{
    answer::{always_finite, from_log, matrix, number, numbers},
    error::{QuestionResult, invalid},
    question::Run,
    random_network::level,
};

/// Whose law.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Output,
    LogScale,
    LogSquaredNorm,
    LogQuadraticForm,
    Outputs,
}

const WORDS: &[(&str, Of)] = &[
    ("output", Of::Output),
    ("log_scale", Of::LogScale),
    ("log_squared_norm", Of::LogSquaredNorm),
    ("log_quadratic_form", Of::LogQuadraticForm),
];

const WORDS_OF_DENSITIES: &[(&str, Of)] = &[
    ("output", Of::Output),
    ("log_scale", Of::LogScale),
    ("log_squared_norm", Of::LogSquaredNorm),
    ("log_quadratic_form", Of::LogQuadraticForm),
    ("outputs", Of::Outputs),
];

/// Whose law, and at which input it is taken, if at one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Law {
    Output { input: usize },
    LogScale,
    LogSquaredNorm { input: usize },
    LogQuadraticForm,
    Outputs,
}

impl Of {
    fn law(self, input: &OneInput) -> Law {
        match self {
            Of::Output => Law::Output { input: input.position() },
            Of::LogScale => Law::LogScale,
            Of::LogSquaredNorm => Law::LogSquaredNorm { input: input.position() },
            Of::LogQuadraticForm => Law::LogQuadraticForm,
            Of::Outputs => Law::Outputs,
        }
    }

    /// Refuses an input of a law that has none, or has all.
    fn check(self, table: &Written<'_>) -> document::Result<()> {
        match self {
            Of::Output | Of::LogSquaredNorm => Ok(()),
            Of::LogScale | Of::LogQuadraticForm | Of::Outputs => {
                table.refuse("input", "only the laws of \"output\" and \"log_squared_norm\" are at one input")
            }
        }
    }
}

/// Where a density is taken.
#[derive(Debug, Clone)]
enum Points {
    Numbers(Vec<f64>),
    Rows(Matrix),
}

/// A list of numbers, or of rows.
fn points() -> Simple<Points> {
    fn read(field: &Field<'_>) -> document::Result<Points> {
        let elements = field.elements()?;
        match elements.first().map(|first| &first.node().value) {
            Some(Node::Array(_)) => read_matrix(field).map(Points::Rows),
            _ => field.numbers().map(Points::Numbers),
        }
    }
    Simple::new(read, || json!({ "anyOf": [list(any_number()).schema(), matrix_shape().schema()] }))
}

/// Where laws are evaluated if nothing else is said: standard deviations, or logarithms.
const DEFAULT_POINTS: &[f64] = &[-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0];
const DEFAULT_LEVELS: &[f64] = &[0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999];

section! {
    /// Densities of a law. `of` is `"output"` (one output at one input), `"log_scale"` (log q), `"log_squared_norm"` (of all outputs at one
    /// input), `"log_quadratic_form"` (log yᵀ K0⁻¹ y of one output at all inputs), or `"outputs"` (one output at all inputs).
    #[derive(Debug)]
    pub(super) struct Density {
        /// Whose.
        of: Of = or(choice(WORDS_OF_DENSITIES), "output"),
        /// Where: numbers, or of `"outputs"` rows with a number per input; −4 to 4 where nothing is given.
        at: Option<Located<Points>> = optional(located(points())),
        /// The input of the output.
        input: OneInput = flat(),
    }
    check = |density, table| {
        if density.of == Of::Outputs && density.at.is_none() {
            return Err(table.missing("at"));
        }
        density.of.check(table)
    };
}

section! {
    /// Both tails of a law, and their logarithms; `of` as of densities.
    #[derive(Debug)]
    pub(super) struct Cdf {
        /// Whose.
        of: Of = or(choice(WORDS), "output"),
        /// Where.
        at: Vec<f64> = or(list(any_number()), DEFAULT_POINTS),
        /// The input of the output.
        input: OneInput = flat(),
    }
    check = |cdf, table| cdf.of.check(table);
}

section! {
    /// Values with given probabilities below or above them; `of` as of densities.
    #[derive(Debug)]
    pub(super) struct Quantiles {
        /// Whose.
        of: Of = or(choice(WORDS), "output"),
        /// Probabilities below; 0.001 to 0.999 where no levels are given.
        levels: Option<Vec<f64>> = optional(list(level())),
        /// Probabilities above.
        upper_levels: Option<Vec<f64>> = optional(list(level())),
        /// Their logarithms.
        log_upper_levels: Option<Vec<f64>> = optional(list(log_level())),
        /// The input of the output.
        input: OneInput = flat(),
    }
    check = |quantiles, table| quantiles.of.check(table);
}

section! {
    /// Kolmogorov–Smirnov distances of the laws of network, limit and NNGP, with the predicted rate.
    #[derive(Debug)]
    pub(super) struct Distance {
        /// The input of the output.
        input: OneInput = flat(),
    }
}

/// The logarithm of a probability.
fn log_level() -> Simple<f64> {
    fn read(field: &Field<'_>) -> document::Result<f64> {
        match field.number()? {
            level if level < 0.0 => Ok(level),
            _ => Err(field.must_be("the logarithm of a probability, < 0")),
        }
    }
    Simple::new(read, || json!({ "type": "number", "exclusiveMaximum": 0 }))
}

impl Quantity for Density {
    fn check(&self, prior: &Prior) -> document::Result<()> {
        self.input.check(prior)?;
        let Some(at) = &self.at else { return Ok(()) };
        match (&at.value, self.of, prior.count()) {
            (Points::Rows(rows), Of::Outputs, inputs) if rows.ncols() != inputs => Err(at.error(format!(
                "rows of `{}` have {} numbers; there are {inputs} inputs",
                at.key(),
                rows.ncols()
            ))),
            (Points::Numbers(_), Of::Outputs, inputs) => {
                Err(at.must_be(&format!("a list of rows with {inputs} numbers, one per input")))
            }
            (Points::Rows(_), of, _) if of != Of::Outputs => Err(at.must_be("a list of numbers")),
            _ => Ok(()),
        }
    }

    fn answer(&self, prior: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        let default = || Points::Numbers(DEFAULT_POINTS.to_vec());
        let points = self.at.as_ref().map_or_else(default, |at| at.value.clone());
        density(prior, self.of.law(&self.input), &points)
    }
}

impl Quantity for Cdf {
    fn check(&self, prior: &Prior) -> document::Result<()> {
        self.input.check(prior)
    }

    fn answer(&self, prior: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        cdf(prior, self.of.law(&self.input), &self.at)
    }
}

impl Quantity for Quantiles {
    fn check(&self, prior: &Prior) -> document::Result<()> {
        self.input.check(prior)
    }

    fn answer(&self, prior: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        quantiles(prior, self.of.law(&self.input), &self.probabilities())
    }
}

impl Quantity for Distance {
    fn check(&self, prior: &Prior) -> document::Result<()> {
        self.input.check(prior)
    }

    fn answer(&self, prior: &Prior, _: &mut Run<'_>) -> QuestionResult<Value> {
        distance(prior, self.input.position())
    }
}

/// Probabilities of quantiles.
#[derive(Debug, Clone)]
struct Levels {
    lower: Vec<f64>,
    upper: Vec<f64>,
    log_upper: Vec<f64>,
}

impl Quantiles {
    fn probabilities(&self) -> Levels {
        let given = |levels: &Option<Vec<f64>>| levels.clone().unwrap_or_default();
        let mut levels = Levels {
            lower: given(&self.levels),
            upper: given(&self.upper_levels),
            log_upper: given(&self.log_upper_levels),
        };
        if levels.lower.is_empty() && levels.upper.is_empty() && levels.log_upper.is_empty() {
            levels.lower = DEFAULT_LEVELS.to_vec();
        }
        levels
    }
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
