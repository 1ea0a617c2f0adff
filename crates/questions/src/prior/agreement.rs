//! Compares draws of one output, or of its network's scale, with its exact distribution, its limit and the NNGP.
//!
//! ```text
//! D = sup |F_n − F|
//! ```
//!
//! with the p-values of docs/theory/statistics.md §2, Eq. kolmogorov-smirnov. The laws are continuous.

use serde_json::{Value, json};
use widenet_core::extremes::largest;
use widenet_core::{
    Result,
    document::{
        self,
        keys::{flat, or},
        section,
        shape::count,
    },
};
use widenet_limits::proportional::{HiddenLayers, OutputLaw};
use widenet_statistics::kolmogorov_smirnov::p_value;

use super::{
    quantity::{OneInput, Prior, Quantity},
    sampling,
};
use crate::{
    answer::{number, numbers},
    error::{QuestionResult, invalid},
    question::Run,
};

section! {
    /// Draws of one output against its exact law, the limit and the NNGP: Kolmogorov–Smirnov p-values, quantiles, a histogram, the kurtosis.
    #[derive(Debug, Clone)]
    pub(super) struct Agreement {
        /// How many outputs are drawn.
        draws: usize = or(count(), 10_000),
        /// How they are made.
        drawing: sampling::Drawing = flat(),
        /// The input of the output.
        input: OneInput = flat(),
    }
}

/// Quantiles that are compared, and bins of the histogram.
const POINTS: usize = 61;

impl Quantity for Agreement {
    fn check(&self, prior: &Prior) -> document::Result<()> {
        self.drawing.check(prior)?;
        self.input.check(prior)
    }

    fn answer(&self, prior: &Prior, run: &mut Run<'_>) -> QuestionResult<Value> {
        answer(prior, self.input.position(), &self.drawing.of_outputs(self.draws), run)
    }

    fn samples_networks(&self) -> bool {
        self.drawing.is_by_network()
    }
}

fn answer(prior: &Prior, input: usize, sample: &sampling::Sample, run: &mut Run<'_>) -> QuestionResult<Value> {
    let variance = prior.variance(input);
    if variance == 0.0 {
        return Err(invalid(format!("input {input} is 0, and so are its outputs")));
    }
    let (inputs, outputs) = (prior.count(), prior.network.outputs);
    let all = sampling::draw(prior, sample, run)?;
    // One output per draw: those of the same network are not independent.
    let first = input * outputs;
    let mut draws: Vec<f64> = all.chunks_exact(inputs * outputs).map(|draw| draw[first]).collect();
    draws.sort_by(f64::total_cmp);
    let layers = &prior.network.layers;
    let mut answer = json!({ "draws": draws.len() });
    let laws =
        [("law", layers.clone()), ("limit", HiddenLayers::limit(layers.alpha())?), ("nngp", HiddenLayers::nngp())];
    let levels: Vec<f64> = (0..POINTS).map(|i| (i as f64 + 0.5) / POINTS as f64).collect();
    let edge = 4.0 * variance.sqrt();
    let width = 2.0 * edge / POINTS as f64;
    let centres: Vec<f64> = (0..POINTS).map(|i| -edge + (i as f64 + 0.5) * width).collect();
    for (name, layers) in laws {
        let law = OutputLaw::new(&layers, variance)?;
        let probabilities = draws.iter().map(|x| law.cdf(*x)).collect::<Result<Vec<_>>>()?;
        let distance = largest_distance(&probabilities);
        answer[name] = json!({
            "distance": number(distance),
            "p_value": number(p_value(distance, draws.len() as f64)),
            "quantiles": numbers(levels.iter().map(|level| law.quantile(*level)).collect::<Result<Vec<_>>>()?),
            "density": numbers(centres.iter().map(|x| law.density(*x)).collect::<Result<Vec<_>>>()?),
        });
    }
    let at = |level: f64| draws[((level * draws.len() as f64) as usize).min(draws.len() - 1)];
    let below = |x: f64| draws.partition_point(|draw| *draw < x) as f64;
    let share = |x: &f64| (below(x + width / 2.0) - below(x - width / 2.0)) / (draws.len() as f64 * width);
    answer["sample"] = json!({
        "kurtosis": number(kurtosis(&draws)?),
        "quantiles": numbers(levels.iter().map(|level| at(*level))),
        "density": numbers(centres.iter().map(share)),
    });
    answer["levels"] = numbers(levels.iter().copied());
    answer["at"] = numbers(centres.iter().copied());
    Ok(answer)
}

/// `E f⁴/(E f²)²` of draws, which are brought near 1 by a power of two: their fourth powers may not be doubles.
fn kurtosis(draws: &[f64]) -> QuestionResult<f64> {
    let largest = draws.iter().fold(0.0f64, |largest, draw| largest.max(draw.abs()));
    if largest == 0.0 {
        return Err(invalid(format!(
            "all {} draws of the output are 0: they are below the smallest double, and have no kurtosis",
            draws.len()
        )));
    }
    let unit = largest.log2().floor();
    // In two steps: the inverse of a subnormal number is no double.
    let near_one = |draw: &f64| draw * (-0.5 * unit).floor().exp2() * (-unit - (-0.5 * unit).floor()).exp2();
    let moment = |power: i32| draws.iter().map(|draw| near_one(draw).powi(power)).sum::<f64>() / draws.len() as f64;
    Ok(moment(4) / moment(2).powi(2))
}

/// `sup |F_n − F|` of the values of F at sorted draws.
fn largest_distance(probabilities: &[f64]) -> f64 {
    let n = probabilities.len() as f64;
    let at = |(i, law): (usize, &f64)| {
        let (below, above) = (law - i as f64 / n, (i + 1) as f64 / n - law);
        if below >= above { below } else { above }
    };
    largest(probabilities.iter().enumerate().map(at)).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest of NaN and the distances of the other draws was that of the others.
    #[test]
    fn probabilities_that_are_no_numbers_have_no_distance() {
        assert!(largest_distance(&[0.5, f64::NAN]).is_nan() && largest_distance(&[f64::NAN, 0.5]).is_nan());
        assert_eq!(largest_distance(&[0.25, 0.75]), 0.25);
    }

    #[test]
    fn the_distance_is_the_largest_on_either_side_of_a_step() {
        assert!((largest_distance(&[0.5]) - 0.5).abs() < 1e-15);
        assert!((largest_distance(&[0.1, 0.2]) - 0.8).abs() < 1e-15);
    }

    #[test]
    fn the_kurtosis_has_no_unit() {
        // (1 + 1 + 81)/3 over (11/3)².
        for unit in [1.0, 1e-300, 1e-320, 1e300] {
            let found = kurtosis(&[unit, -unit, 3.0 * unit]).expect("a number");
            assert!(
                (found / (83.0 * 3.0 / 121.0) - 1.0).abs() < 1e-3 * (unit / 1e-318).recip().min(1.0) + 1e-14,
                "{found}"
            );
        }
        assert!((kurtosis(&[2.0; 9]).expect("a constant") - 1.0).abs() < 1e-15);
        assert!(kurtosis(&[0.0; 9]).expect_err("zeros").to_string().contains("all 9 draws"));
    }
}
