//! Prints a scaling as a table for people.

use std::fmt;

use super::{definition::Problem, normalized::NormalizedLists};
use crate::{
    scaling::{KernelLayer, LayerScaling, Limit, PowerOfWidth, Scaling},
    width::Width,
};

/// Displays a scaling: per layer the multiplier, the initial standard deviation and the learning rate (in units of the
/// optimiser's `η`) as powers of the width `m`, and the class of the infinite-width limit.
/// With a finite width, the values there are printed too.
#[derive(Debug, Clone, Copy)]
pub struct ScalingTable<'a> {
    scaling: &'a Scaling,
    width: Option<Width>,
    /// The problem, if it is a perceptron.
    perceptron: Option<&'a Problem>,
}

impl<'a> ScalingTable<'a> {
    /// Makes the table of a scaling, with its values at `width` if given.
    pub fn new(scaling: &'a Scaling, width: Option<Width>) -> Self {
        Self { scaling, width, perceptron: None }
    }

    /// Makes the table of a problem's scaling; of a perceptron, with the kernel regime instead of the limit of deep linear networks.
    pub fn of_problem(problem: &'a Problem, scaling: &'a Scaling, width: Option<Width>) -> Self {
        Self { scaling, width, perceptron: (!problem.is_solved_as_predictor()).then_some(problem) }
    }

    /// The kernels of the infinitely wide network, layer by layer.
    fn kernel_regime(f: &mut fmt::Formatter<'_>, problem: &Problem) -> fmt::Result {
        let network = match problem.kernel_regime() {
            Ok(network) => network,
            Err(error) => return writeln!(f, "no limit in the kernel regime: {error}"),
        };
        writeln!(
            f,
            "limit: kernel regime; per layer variances of weights and biases, and their parts of the tangent kernel:"
        )?;
        let list = |value: fn(&KernelLayer) -> f64| {
            shorten(&network.layers.iter().map(|layer| number(value(layer))).collect::<Vec<_>>())
        };
        writeln!(f, "  σ_w²      {}", list(|layer| layer.weight_variance))?;
        writeln!(f, "  σ_b²      {}", list(|layer| layer.bias_variance))?;
        writeln!(f, "  c_W σ_w²  {}", list(|layer| layer.weight_tangent))?;
        writeln!(f, "  c_b σ_b²  {}", list(|layer| layer.bias_tangent))
    }

    /// One cell: the power, and its value at the width.
    fn cell(&self, power: PowerOfWidth) -> String {
        match self.width {
            Some(width @ Width::Finite(_)) => format!("{} = {}", self::power(power), number(power.at(width))),
            _ => self::power(power),
        }
    }
}

impl fmt::Display for ScalingTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![["layer", "multiplier", "init std", "learning rate"].map(String::from)];
        for (name, layer) in rows_of(self.scaling) {
            rows.push([name, self.cell(layer.multiplier), self.cell(layer.init_std), self.cell(layer.learning_rate)]);
        }
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2)];
        for [layer, multiplier, init_std, learning_rate] in &rows {
            writeln!(
                f,
                "{layer:<0$}  {multiplier:<1$}  {init_std:<2$}  {learning_rate}",
                widths[0], widths[1], widths[2]
            )?;
        }
        if let Some(lists) = self.perceptron.and_then(NormalizedLists::of) {
            writeln!(f, "{lists}")?;
        }
        if let Some(problem) = self.perceptron {
            return Self::kernel_regime(f, problem);
        }
        match self.scaling.limit() {
            Ok(Limit::Network(limit)) => {
                let rates: Vec<_> = limit.rates.iter().map(|rate| number(*rate)).collect();
                write!(f, "limit: mean-field type, output scale {}, ", number(limit.output_scale))?;
                writeln!(f, "features move at rates {}", shorten(&rates))
            }
            Ok(Limit::Lazy { kernel, initial_std }) => {
                write!(f, "limit: lazy type, constant kernel {} per unit of input covariance, ", number(kernel))?;
                writeln!(f, "initial predictor of standard deviation {}", number(initial_std))
            }
            Err(error) => writeln!(f, "{error}"),
        }
    }
}

/// Layers with their names; neighbouring hidden layers of equal scaling share a row.
fn rows_of(scaling: &Scaling) -> Vec<(String, LayerScaling)> {
    let last = scaling.layers.len().saturating_sub(1);
    let mut rows = Vec::new();
    let mut first = 0;
    for layer in 0..scaling.layers.len() {
        let same_as_next = first > 0 && layer + 1 < last && scaling.layers[layer + 1] == scaling.layers[layer];
        if same_as_next {
            continue;
        }
        let name = if first == layer { scaling.layer_name(layer) } else { format!("hidden {first}-{layer}") };
        rows.push((name, scaling.layers[layer]));
        first = layer + 1;
    }
    rows.extend(
        scaling
            .biases
            .iter()
            .enumerate()
            .filter_map(|(layer, bias)| Some((format!("{} biases", scaling.layer_name(layer)), (*bias)?))),
    );
    rows
}

/// `1, 1, 1, 2` as `1 (3 times), 2`.
fn shorten(words: &[String]) -> String {
    let runs = words.chunk_by(|a, b| a == b);
    let run =
        |run: &[String]| if run.len() == 1 { run[0].clone() } else { format!("{} ({} times)", run[0], run.len()) };
    runs.map(run).collect::<Vec<_>>().join(", ")
}

/// `constant m^exponent`, leaving out what is 1.
fn power(power: PowerOfWidth) -> String {
    let constant = number(power.constant);
    let exponent = match fraction(power.exponent).as_str() {
        "0" => return constant,
        "1" => "m".to_string(),
        exponent => format!("m^{exponent}"),
    };
    if constant == "1" { exponent } else { format!("{constant} {exponent}") }
}

/// Six significant digits, without trailing zeros.
fn number(x: f64) -> String {
    let rounded: f64 = format!("{x:.5e}").parse().unwrap_or(x);
    let plain = rounded == 0.0 || (1e-4..1e6).contains(&rounded.abs());
    if plain { rounded.to_string() } else { format!("{rounded:e}") }
}

/// Small fractions as such (`-1/2`), other numbers in decimals.
fn fraction(x: f64) -> String {
    let small = (1..=8).find(|denominator| {
        let numerator = x * f64::from(*denominator);
        (numerator - numerator.round()).abs() < 1e-9
    });
    match small {
        Some(1) => format!("{}", x.round() as i64),
        Some(denominator) => format!("{}/{denominator}", (x * f64::from(denominator)).round() as i64),
        None => number(x),
    }
}
