//! The variance of every node is needed at each position of each image, before any covariance.
//!
//! ```text
//! q_p = K_pp(x, x)
//! ```
//!
//! (docs/theory/convolutions.md §3.2.) Inside a stage variances come from variances; behind a pool they need covariances of an image with itself.

use super::{
    images::{Images, StageVariances},
    plan::Plan,
    run::{Context, along},
    stages::{End, Stage, Step},
};
use crate::kernel::{
    dual::{Dual, hermite::Coefficients},
    error::{Result, invalid},
    recursion::check_series,
};

/// Computes the variances of all stages.
///
/// # Errors
/// Variances that overflow, or that are too large for the series of an activation.
pub(super) fn variances(stages: &[Stage], images: &Images) -> Result<Vec<StageVariances>> {
    let mut all: Vec<StageVariances> = Vec::with_capacity(stages.len());
    for (s, stage) in stages.iter().enumerate() {
        let input = match (s.checked_sub(1).map(|before| (&stages[before], &all[before])), stage.has_activation()) {
            (None, _) => Some(mean_squares(images)),
            (Some((before, variances)), _) if matches!(before.end, End::Flatten) && !variances.nodes.is_empty() => {
                Some(means(&variances.nodes[before.output], before.positions(before.output)))
            }
            (Some(_), true) => {
                let plan = Plan::diagonal(&stages[..s], stage.positions(0))?;
                Some(of_average(&plan, images, &all))
            }
            (Some(_), false) => None,
        };
        let variances = input.map(|input| of_stage(stage, input, images.count)).transpose()?;
        all.push(variances.unwrap_or_default());
    }
    Ok(all)
}

fn mean_squares(images: &Images) -> Vec<f64> {
    let channels = images.shape.channels;
    images.pixels.chunks(channels).map(|pixel| pixel.iter().map(|x| x * x).sum::<f64>() / channels as f64).collect()
}

fn means(values: &[f64], positions: usize) -> Vec<f64> {
    values.chunks(positions).map(|image| image.iter().sum::<f64>() / positions as f64).collect()
}

/// Variances behind an average: covariances of images with themselves, averaged.
fn of_average(plan: &Plan<'_>, images: &Images, before: &[StageVariances]) -> Vec<f64> {
    let context = Context { images, variances: before };
    let pairs: Vec<[usize; 2]> = (0..images.count).map(|i| [i, i]).collect();
    let mut variances = Vec::with_capacity(images.count * plan.targets.len());
    for block in along(&context, plan, &pairs) {
        for lane in 0..block.pairs {
            variances.extend(block.values.covariance.iter().map(|lanes| lanes[lane].max(0.0)));
        }
    }
    variances
}

fn of_stage(stage: &Stage, input: Vec<f64>, images: usize) -> Result<StageVariances> {
    let mut nodes = vec![Vec::new(); stage.nodes.len()];
    let mut series = vec![None; stage.nodes.len()];
    nodes[0] = input;
    for (number, step) in stage.steps.iter().enumerate() {
        let (to, values) = match step {
            Step::Weights { from, to, taps, layer } => {
                let affine = |mean: f64| layer.weight_variance * mean + layer.bias_variance;
                let Some(taps) = taps else {
                    nodes[*to] = nodes[*from].iter().map(|q| affine(*q)).collect();
                    continue;
                };
                let mut values = Vec::with_capacity(images * stage.positions(*to));
                for image in nodes[*from].chunks(stage.positions(*from)) {
                    values.extend((0..stage.positions(*to)).map(|p| {
                        let seen = taps.of(p).iter().flatten().map(|p| image[*p as usize]);
                        affine(seen.sum::<f64>() / taps.count as f64)
                    }));
                }
                (*to, values)
            }
            Step::Activation { from, to, dual } => {
                let before = &nodes[*from];
                if let Dual::Series(activation) = dual {
                    let largest_of = |image: &[f64]| image.iter().copied().fold(0.0, f64::max);
                    let largest: Vec<f64> = before.chunks(stage.positions(*from)).map(largest_of).collect();
                    check_series(*dual, &largest, "the images,", (number + 1, stage.steps.len()))?;
                    series[*from] = Some(Coefficients::new(*activation, before, largest_of(&largest)));
                }
                (*to, before.iter().map(|q| dual.diagonal(*q).value).collect())
            }
            Step::Sum { branches, to } => {
                let [first, second] = branches.map(|branch| &nodes[branch]);
                (*to, first.iter().zip(second).map(|(first, second)| first + second).collect())
            }
        };
        if let Some(entry) = values.iter().position(|q: &f64| !q.is_finite()) {
            return Err(invalid(format!(
                "the NNGP kernel overflows at image {}: a variance is {}; depth · ln σ_w² or the inputs are too large",
                entry / stage.positions(to) + 1,
                values[entry]
            )));
        }
        nodes[to] = values;
    }
    Ok(StageVariances { nodes, series })
}
