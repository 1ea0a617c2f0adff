//! Draws power laws: points in the middle of several values, bands around them, fitted lines and their exponents.

use widenet_statistics::fit::{PowerLaw, quantile};

use crate::{plot::Mark, ticks::AxisScale};

/// Says what lies in the middle on an axis of this scale: the geometric mean where it is logarithmic, else the mean.
pub fn mean(values: &[f64], scale: AxisScale) -> f64 {
    let count = values.len() as f64;
    match scale {
        AxisScale::Linear => values.iter().sum::<f64>() / count,
        AxisScale::Log => (values.iter().map(|value| value.ln()).sum::<f64>() / count).exp(),
    }
}

/// Draws a band from 10 to 90 % of the values at every x that has several, on an axis of this scale: between two values it goes along the axis, so
/// that it holds their middle.
pub fn band(samples: &[(f64, Vec<f64>)], scale: AxisScale) -> Option<Mark> {
    let band = |(x, values): &(f64, Vec<f64>)| {
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let [low, high] = match scale {
            AxisScale::Linear => [0.1, 0.9].map(|share| quantile(&sorted, share)),
            AxisScale::Log => {
                let logarithms: Vec<f64> = sorted.iter().map(|value| value.ln()).collect();
                [0.1, 0.9].map(|share| quantile(&logarithms, share).exp())
            }
        };
        (*x, low, high)
    };
    let is_spread = samples.iter().any(|(_, values)| values.len() > 1);
    is_spread.then(|| Mark::Band(samples.iter().map(band).collect()))
}

/// Returns a fitted power law, dashed: at those x that lie between the first and the last of the fit.
pub fn fitted(fit: &PowerLaw, x: impl Iterator<Item = f64>) -> Mark {
    let (first, last) = fit.range;
    let points = x.filter(|x| (first..=last).contains(x)).map(|x| (x, fit.constant * x.powf(fit.exponent))).collect();
    Mark::Line { points, width: 1.5, dashed: true }
}

/// Returns `−0.512 [−0.530, −0.490]`.
pub fn exponent_label(fit: &PowerLaw, interval: Option<(f64, f64)>) -> String {
    let interval = interval.map(|(low, high)| format!(" [{low:.3}, {high:.3}]")).unwrap_or_default();
    format!("{:.3}{interval}", fit.exponent).replace('-', "−")
}

#[cfg(test)]
mod tests {
    use widenet_statistics::fit::{Sample, power_law};

    use super::*;

    /// Two losses of 0.3 and 3000: their middle, 30, lies within the band on both axes.
    #[test]
    fn a_band_holds_the_middle_of_its_values() {
        let values = vec![0.3, 3000.0];
        for scale in [AxisScale::Linear, AxisScale::Log] {
            let Some(Mark::Band(band)) = band(&[(1.0, values.clone())], scale) else { panic!("a band") };
            let (_, low, high) = band[0];
            let middle = mean(&values, scale);
            assert!(low < middle && middle < high, "{low} {middle} {high}");
        }
        assert!(band(&[(1.0, vec![2.0])], AxisScale::Log).is_none());
    }

    /// A line over points that are not in the fit would claim what nobody fitted.
    #[test]
    fn a_fit_is_drawn_where_it_was_fitted() {
        let sample = |x: f64| Sample { x, seed: 1, y: 2.0 * x, error: 0.0 };
        let fit = power_law(&[64.0, 256.0, 1024.0].map(sample)).unwrap();
        let Mark::Line { points, .. } = fitted(&fit, [16.0, 64.0, 128.0, 256.0, 1024.0, 1e6].into_iter()) else {
            panic!("a line")
        };
        assert_eq!(points.iter().map(|point| point.0).collect::<Vec<_>>(), [64.0, 128.0, 256.0, 1024.0]);
    }
}
