//! Finds where on a grid a curve is smallest or largest, and how well that is known.
//!
//! ```text
//! x* = argmin_i ȳ(x_i),     interval: from the grid point below the lowest to that above the highest x* of 95 % of all resamples of seeds
//! ```
//!
//! (docs/theory/statistics.md §1, Eq. argmin.) The minimum of a curve that falls and then rises lies between the neighbors of its smallest grid point,
//! so the interval is never narrower than that.

use std::collections::BTreeMap;

use rand::RngExt;
use widenet_core::seed::{Purpose, stream};

use crate::{
    fit::{BOOTSTRAP_SEED, MIN_SEEDS, RESAMPLES, Sample},
    verdict::{Finding, Verdict},
};

/// Which end of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extremum {
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

impl Extremum {
    fn word(self) -> &'static str {
        match self {
            Extremum::Min => "argmin",
            Extremum::Max => "argmax",
        }
    }

    /// A value whose smallest is best, and back again. Infinite values are the worst at either end.
    pub(crate) fn cost(self, y: f64) -> f64 {
        match self {
            _ if y.is_infinite() => f64::INFINITY,
            Extremum::Min => y,
            Extremum::Max => -y,
        }
    }
}

/// Where a curve is smallest or largest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Argmin {
    /// The grid point.
    pub x: f64,
    /// 95 % interval; with fewer than three seeds only the neighbors of the grid point.
    pub interval: (f64, f64),
    /// Whether the interval ends where the grid ends, so that the minimum may be outside.
    pub is_at_end: bool,
    /// Number of distinct x.
    pub points: usize,
    /// Number of distinct seeds.
    pub seeds: usize,
}

/// Finds the smallest or largest mean over seeds (module formula); `None` without samples. A y that is infinite is neither, wherever another is not.
pub fn argmin(samples: &[Sample], extremum: Extremum) -> Option<Argmin> {
    let mut grid: Vec<f64> = samples.iter().map(|sample| sample.x).collect();
    grid.sort_by(f64::total_cmp);
    grid.dedup();
    let last = grid.len().checked_sub(1)?;
    let mut by_seed: BTreeMap<u64, Vec<(usize, f64)>> = BTreeMap::new();
    for sample in samples {
        let position = grid.partition_point(|x| x.total_cmp(&sample.x).is_lt());
        by_seed.entry(sample.seed).or_default().push((position, extremum.cost(sample.y)));
    }
    let seeds: Vec<_> = by_seed.into_values().collect();
    let found = position_of_smallest(&means(seeds.iter(), grid.len()));
    let mut found_again = vec![found];
    if seeds.len() >= MIN_SEEDS {
        found_again = (0..RESAMPLES).map(|index| resampled(&seeds, grid.len(), index)).collect();
        found_again.sort_unstable();
    }
    // Of an even number of resamples, 2.5 % on either side.
    let tail = found_again.len() / 40;
    let (low, high) = (found_again[tail].min(found), found_again[found_again.len() - 1 - tail].max(found));
    Some(Argmin {
        x: grid[found],
        interval: (grid[low.saturating_sub(1)], grid[(high + 1).min(last)]),
        is_at_end: low == 0 || high == last,
        points: grid.len(),
        seeds: seeds.len(),
    })
}

/// The mean at every point of a grid, of runs by seed; infinite where a resample has none.
pub(crate) fn means<'a>(seeds: impl Iterator<Item = &'a Vec<(usize, f64)>>, points: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); points];
    for &(position, y) in seeds.flatten() {
        let (sum, count) = sums[position];
        sums[position] = (sum + y, count + 1.0);
    }
    sums.into_iter().map(|(sum, count)| if count > 0.0 { sum / count } else { f64::INFINITY }).collect()
}

/// The first where several are smallest.
pub(crate) fn position_of_smallest(means: &[f64]) -> usize {
    (0..means.len()).min_by(|i, j| means[*i].total_cmp(&means[*j])).unwrap_or_default()
}

fn resampled(seeds: &[Vec<(usize, f64)>], points: usize, index: u64) -> usize {
    let mut rng = stream(BOOTSTRAP_SEED, Purpose::Bootstrap, index);
    let draws: Vec<_> = (0..seeds.len()).map(|_| &seeds[rng.random_range(0..seeds.len())]).collect();
    position_of_smallest(&means(draws.into_iter(), points))
}

/// Judges where a metric is smallest or largest: within these bounds. `usable` of `expected` values are there.
pub fn judge(
    check: &str,
    group: String,
    (extremum, found): (Extremum, Option<Argmin>),
    (at_least, at_most): (f64, f64),
    (usable, expected): (usize, usize),
) -> Finding {
    let (verdict, reason) = match found {
        _ if usable < expected => {
            (Verdict::Inconclusive, format!("{} of {expected} values are missing", expected - usable))
        }
        None => (Verdict::Inconclusive, "there are no values".into()),
        Some(found) => {
            let counts = format!("points: {}, seeds: {}", found.points, found.seeds);
            let (low, high) = found.interval;
            if found.is_at_end {
                (
                    Verdict::Inconclusive,
                    format!("the interval ends where the axis ends, so that it may be beyond; {counts}"),
                )
            } else if low >= at_least && high <= at_most {
                (Verdict::Confirmed, counts)
            } else if high < at_least || low > at_most {
                (Verdict::Refuted, format!("the whole interval is beyond the bounds; {counts}"))
            } else {
                (Verdict::Inconclusive, format!("a bound is within the interval; {counts}"))
            }
        }
    };
    let word = extremum.word();
    let predicted = match (at_least.is_finite(), at_most.is_finite()) {
        (true, true) => format!("{word} from {at_least:?} to {at_most:?}"),
        (true, false) => format!("{word} ≥ {at_least:?}"),
        (false, _) => format!("{word} ≤ {at_most:?}"),
    };
    let (x, interval) = (found.map(|found| found.x), found.map(|found| found.interval));
    Finding { check: check.into(), group, predicted, found: x, interval, fit: None, verdict, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(ln x − ln 3)²` on a grid of powers of 2 with noise of a standard deviation.
    fn valley(seeds: u64, study: u64, noise: f64) -> Vec<Sample> {
        let mut rng = stream(study, Purpose::Noise, 0);
        let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let points = (0..seeds).flat_map(|seed| (-3..=6).map(move |power| (seed, f64::powi(2.0, power))));
        points
            .map(|(seed, x)| Sample { x, seed, y: (x.ln() - 3.0_f64.ln()).powi(2) + noise * normal(), error: 0.0 })
            .collect()
    }

    #[test]
    fn the_smallest_point_of_a_grid_has_its_neighbors_as_interval() {
        // |ln 4 − ln 3| < |ln 2 − ln 3|.
        let found = argmin(&valley(1, 0, 0.0), Extremum::Min).expect("samples");
        assert_eq!(found, Argmin { x: 4.0, interval: (2.0, 8.0), is_at_end: false, points: 10, seeds: 1 });
        assert_eq!(argmin(&valley(5, 0, 0.0), Extremum::Min).expect("samples").interval, (2.0, 8.0));
        // A run that has diverged is worse than any other.
        let mut samples = valley(3, 0, 0.0);
        samples.iter_mut().filter(|sample| sample.x == 4.0).take(1).for_each(|sample| sample.y = f64::INFINITY);
        assert_eq!(argmin(&samples, Extremum::Min).expect("samples").x, 2.0);
        samples.iter_mut().for_each(|sample| sample.y = -sample.y);
        assert_eq!(argmin(&samples, Extremum::Max).expect("samples").x, 2.0);
        assert!(argmin(&[], Extremum::Min).is_none());
    }

    /// With noise of 0.3 at each point neighbors of the minimum, 0.4 above it and less, are found in many studies, so that neither x* nor its neighbors
    /// are enough; 3 = argmin of the curve is in the intervals of at least 95 % of studies, less three standard deviations of 200 draws. The control,
    /// a third of its place, is rejected by most.
    #[test]
    fn intervals_cover_the_minimum_and_reject_others() {
        let (mut covering, mut rejecting) = (0, 0);
        for study in 0..200 {
            let found = argmin(&valley(8, study, 0.3), Extremum::Min).expect("samples");
            covering += usize::from((found.interval.0..=found.interval.1).contains(&3.0));
            rejecting += usize::from(!(found.interval.0..=found.interval.1).contains(&0.9));
        }
        assert!(covering >= 181 && rejecting > 150, "{covering} {rejecting}");
    }

    #[test]
    fn verdicts_take_the_whole_interval_and_no_end_of_an_axis() {
        let verdict = |samples: &[Sample], bounds, missing| {
            let counts = (samples.len(), samples.len() + missing);
            judge("best", "all".into(), (Extremum::Min, argmin(samples, Extremum::Min)), bounds, counts).verdict
        };
        let samples = valley(3, 0, 0.0);
        assert_eq!(verdict(&samples, (2.0, 8.0), 0), Verdict::Confirmed);
        assert_eq!(verdict(&samples, (2.0, 8.0), 1), Verdict::Inconclusive);
        assert_eq!(verdict(&samples, (3.0, f64::INFINITY), 0), Verdict::Inconclusive);
        assert_eq!(verdict(&samples, (f64::NEG_INFINITY, 1.0), 0), Verdict::Refuted);
        let falling: Vec<Sample> = samples.into_iter().filter(|sample| sample.x <= 4.0).collect();
        assert_eq!(verdict(&falling, (1.0, 8.0), 0), Verdict::Inconclusive);
    }
}
