//! Fits exponents with confidence intervals.
//!
//! ```text
//! y(x) = c x^a:   (a, ln c) = least squares through the points (ln x_i, mean over seeds of ln y_i)
//! ```
//!
//! (docs/theory/statistics.md §1, Eq. power-law, Eq. tails.) `y` is averaged geometrically. With three seeds or more the 95 % interval
//! of `a` is a bootstrap over seeds: a seed is drawn with all its widths, which is right whether or not widths share random numbers. It is
//! the expanded percentile interval (T. Hesterberg, *What Teachers Should Know About the Bootstrap*, The American Statistician 69,
//! 2015), whose tails `Φ(−t_{0.975, n−1} √(n/(n−1)))` correct for few seeds. With fewer seeds it is Student's interval
//! from the residuals of the line.
//!
//! Measurements against a reference that is not exact have weights and wider intervals ([`crate::reference`]).

use std::collections::BTreeMap;

use rand::RngExt;
use statrs::distribution::{ContinuousCDF, Normal};
use widenet_core::seed::{Purpose, stream};

use crate::{reference::Weights, student::t_975};

pub use crate::line::{Line, Sample, line};

/// Resamples of the bootstrap.
pub(crate) const RESAMPLES: u64 = 2000;
/// Seed of the bootstrap: intervals are reproducible.
pub(crate) const BOOTSTRAP_SEED: u64 = 0;
/// Fewest seeds that a bootstrap makes sense with.
pub(crate) const MIN_SEEDS: usize = 3;

/// How an interval was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Bootstrap over seeds.
    Bootstrap,
    /// Residuals of the line.
    Residuals,
}

impl Method {
    /// Returns the word in tables.
    pub fn name(self) -> &'static str {
        match self {
            Method::Bootstrap => "bootstrap over seeds",
            Method::Residuals => "residuals of the line",
        }
    }
}

/// A fitted power law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerLaw {
    /// `a`.
    pub exponent: f64,
    /// `c`.
    pub constant: f64,
    /// R² on log-log axes.
    pub r2: f64,
    /// 95 % confidence interval of `a`; `None` for two points without enough seeds.
    pub interval: Option<(f64, f64)>,
    /// How the interval was made.
    pub method: Method,
    /// Number of distinct x.
    pub points: usize,
    /// Number of distinct seeds.
    pub seeds: usize,
    /// Smallest and largest x.
    pub range: (f64, f64),
}

/// Fits a power law (module formula); `None` for fewer than two distinct x. Samples must be positive.
pub fn power_law(samples: &[Sample]) -> Option<PowerLaw> {
    // ln y by seed and ln x.
    let mut by_seed: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
    for sample in samples {
        by_seed.entry(sample.seed).or_default().push((sample.x.ln(), sample.y.ln()));
    }
    let seeds: Vec<_> = by_seed.into_values().collect();
    let points = means(seeds.iter());
    let weights = Weights::of(samples);
    let line = weights.line(&points)?;
    let (method, interval) = if seeds.len() >= MIN_SEEDS {
        (Method::Bootstrap, Some(bootstrap(&seeds, &weights)))
    } else {
        let half_width = line.slope_error.map(|error| t_975((points.len() - 2) as f64) * error);
        (Method::Residuals, half_width.map(|half| (line.slope - half, line.slope + half)))
    };
    Some(PowerLaw {
        exponent: line.slope,
        constant: line.intercept.exp(),
        r2: line.r2,
        interval: interval.map(|interval| weights.widened(line.slope, interval)),
        method,
        points: points.len(),
        seeds: seeds.len(),
        range: samples.iter().fold((f64::INFINITY, 0.0), |(low, high), &Sample { x, .. }| (low.min(x), high.max(x))),
    })
}

/// Mean of ln y at every ln x.
fn means<'a>(seeds: impl Iterator<Item = &'a Vec<(f64, f64)>>) -> Vec<(f64, f64)> {
    let mut sums: BTreeMap<u64, (f64, f64, f64)> = BTreeMap::new();
    for &(x, y) in seeds.flatten() {
        let sum = sums.entry(x.to_bits()).or_insert((x, 0.0, 0.0));
        sum.1 += y;
        sum.2 += 1.0;
    }
    let mut points: Vec<_> = sums.into_values().map(|(x, sum, count)| (x, sum / count)).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

fn bootstrap(seeds: &[Vec<(f64, f64)>], weights: &Weights) -> (f64, f64) {
    let n = seeds.len();
    let resample = |index| {
        let mut rng = stream(BOOTSTRAP_SEED, Purpose::Bootstrap, index);
        let draws: Vec<_> = (0..n).map(|_| &seeds[rng.random_range(0..n)]).collect();
        weights.line(&means(draws.into_iter())).map(|line| line.slope)
    };
    expanded((0..RESAMPLES).filter_map(resample).collect(), n)
}

/// The expanded percentile interval of slopes that resamples of so many seeds have (module formula).
pub(crate) fn expanded(mut slopes: Vec<f64>, seeds: usize) -> (f64, f64) {
    slopes.sort_by(f64::total_cmp);
    let n = seeds as f64;
    let level = Normal::standard().sf(t_975(n - 1.0) * (n / (n - 1.0)).sqrt());
    (quantile(&slopes, level), quantile(&slopes, 1.0 - level))
}

/// Returns a quantile of sorted values by linear interpolation; NaN if there are none.
pub fn quantile(sorted: &[f64], level: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = level.clamp(0.0, 1.0) * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
pub(crate) mod tests {
    use rand::{Rng, RngExt};

    use super::*;

    /// A standard normal number as a sum of uniform ones (Irwin–Hall), enough for a coverage test.
    pub(crate) fn normal(rng: &mut impl Rng) -> f64 {
        (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
    }

    /// Samples 3 x^exponent with normal noise of 20 %, which is that of a seed at all x if it is shared.
    pub(crate) fn synthetic(exponent: f64, seeds: u64, study: u64, shared: bool) -> Vec<Sample> {
        let mut rng = stream(study, Purpose::Noise, 0);
        let mut samples = Vec::new();
        for seed in 0..seeds {
            let common = normal(&mut rng);
            for x in [1e2, 1e3, 1e4, 1e5] {
                let noise = if shared { common } else { normal(&mut rng) };
                samples.push(Sample { x, seed, y: 3.0 * f64::powf(x, exponent) * (0.2 * noise).exp(), error: 0.0 });
            }
        }
        samples
    }

    fn exact(x: f64, y: f64) -> Sample {
        Sample { x, seed: 1, y, error: 0.0 }
    }

    #[test]
    fn an_exact_power_law_is_found_exactly() {
        let samples: Vec<_> = [2.0, 8.0, 32.0].map(|x| exact(x, 5.0 * f64::powf(x, -0.5))).into();
        let fit = power_law(&samples).unwrap();
        assert!((fit.exponent + 0.5).abs() < 1e-14 && (fit.constant - 5.0).abs() < 1e-13);
        let (low, high) = fit.interval.unwrap();
        assert!(fit.method == Method::Residuals && high - low < 1e-12 && (fit.r2 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_line_has_the_slope_and_error_worked_out_by_hand() {
        // x = 0, 1, 2; y = 0, 2, 1: slope 1/2, intercept 1/2, residuals −1/2, 1, −1/2; error² = 1.5/1/2, R² = 1/4.
        let line = line(&[(0.0, 0.0), (1.0, 2.0), (2.0, 1.0)]).unwrap();
        assert!((line.slope - 0.5).abs() < 1e-15 && (line.intercept - 0.5).abs() < 1e-15);
        assert!((line.slope_error.unwrap() - 0.75f64.sqrt()).abs() < 1e-15 && (line.r2 - 0.25).abs() < 1e-15);
    }

    #[test]
    fn one_x_gives_no_line() {
        assert!(line(&[(1.0, 1.0), (1.0, 2.0)]).is_none() && power_law(&[]).is_none());
    }

    /// Over 200 studies the number of covering intervals is binomial with mean 190 and standard deviation 3.1; three of
    /// them, and some room for the correction at 5 seeds, give 178 … 199. With independent noise of 20 % at four widths
    /// over three decades the standard error of the exponent is 0.2/√26.5 = 0.039 over √seeds: exponents 0.1 away are
    /// rejected almost always.
    #[test]
    fn intervals_cover_the_truth_and_reject_the_neighbours() {
        for (seeds, shared, power) in [(5, false, 180), (10, false, 198), (10, true, 200)] {
            let (mut covering, mut rejecting) = (0, 0);
            for study in 0..200 {
                let fit = power_law(&synthetic(-0.5, seeds, study, shared)).unwrap();
                let (low, high) = fit.interval.unwrap();
                // Shared noise drops out of the slope: the interval has no width but rounding.
                let contains = |exponent: f64| low - 1e-12 <= exponent && exponent <= high + 1e-12;
                covering += u32::from(contains(-0.5));
                rejecting += u32::from(!contains(-0.4) && !contains(-0.6));
            }
            assert!(covering >= 178, "{covering} of 200 cover with {seeds} seeds, shared noise {shared}");
            assert!(rejecting >= power, "{rejecting} of 200 reject with {seeds} seeds, shared noise {shared}");
            if !shared {
                assert!(covering <= 199, "{covering} of 200 cover: the intervals are too wide");
            }
        }
    }

    #[test]
    fn a_fit_tells_where_it_was_fitted() {
        let samples: Vec<_> = [8.0, 2.0, 32.0].map(|x| exact(x, x)).into();
        assert_eq!(power_law(&samples).unwrap().range, (2.0, 32.0));
    }
}
