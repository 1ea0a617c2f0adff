//! Finds how the place of an optimum moves: does the best learning rate of narrow networks serve wide ones?
//!
//! ```text
//! ln p_m = vertex of the parabola through (ln p_i, ȳ_m(p_i)) at the smallest of the grid and its neighbors,     p_m = c m^a
//! ```
//!
//! (docs/theory/statistics.md §1, Eq. optimum, Eq. grid-error.) ȳ are means over seeds, of ln y where y is smallest at the optimum and always positive. The place
//! transfers where a = 0.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use widenet_core::seed::{Purpose, stream};

use crate::{
    argmin::{Extremum, means, position_of_smallest},
    fit::{BOOTSTRAP_SEED, MIN_SEEDS, Method, PowerLaw, RESAMPLES, expanded},
    line::{Line, Sample, line},
    reference::NORMAL_975,
    student::t_975,
    verdict::{Counts, Exponent, Finding, power_law},
};

/// Runs at one m.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// m, on which the place of the optimum may depend; > 0.
    pub m: f64,
    /// What runs have reached (y) at their places p > 0 on the axis of the optimum (x); y is infinite where a run diverged, which is worse than all others.
    pub samples: Vec<Sample>,
}

/// Where the mean over seeds is best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optimum {
    /// p_m, between points of the grid.
    pub place: f64,
    /// The value there.
    pub y: f64,
    /// Whether the best point of the grid is its first or last, so that a better one may be outside.
    pub is_at_end: bool,
}

impl Optimum {
    /// Returns p_m with three digits.
    pub fn place_text(&self) -> String {
        let rounded: f64 = format!("{:.2e}", self.place).parse().unwrap_or(self.place);
        format!("{rounded:?}")
    }
}

/// Optima in increasing order of m, and the power law through them.
#[derive(Debug, Clone, PartialEq)]
pub struct Transfer {
    /// With the m that they belong to.
    pub optima: Vec<(f64, Optimum)>,
    /// `p = c m^a`; `None` for fewer than two m.
    pub fit: Option<PowerLaw>,
}

/// The runs of one curve on their grid, by seed.
struct Grid {
    places: Vec<f64>,
    by_seed: BTreeMap<u64, Vec<(usize, f64)>>,
    is_logarithmic: bool,
}

impl Grid {
    fn of(samples: &[Sample], extremum: Extremum) -> Grid {
        let mut places: Vec<f64> = samples.iter().map(|sample| sample.x).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        let is_logarithmic = extremum == Extremum::Min && samples.iter().all(|sample| sample.y > 0.0);
        let mut by_seed: BTreeMap<u64, Vec<(usize, f64)>> = BTreeMap::new();
        for sample in samples {
            let position = places.partition_point(|place| place.total_cmp(&sample.x).is_lt());
            let cost = if is_logarithmic { sample.y.ln() } else { extremum.cost(sample.y) };
            by_seed.entry(sample.seed).or_default().push((position, cost));
        }
        Grid { places, by_seed, is_logarithmic }
    }

    /// The optimum of the mean over these seeds, which may be drawn several times, and may have no run here.
    fn optimum(&self, seeds: &[u64], extremum: Extremum) -> Optimum {
        let means = means(seeds.iter().filter_map(|seed| self.by_seed.get(seed)), self.places.len());
        let best = position_of_smallest(&means);
        let is_at_end = best == 0 || best + 1 == self.places.len();
        let (mut place, mut y) = (self.places[best], means[best]);
        if !is_at_end && means[best - 1].is_finite() && means[best + 1].is_finite() {
            let at = |position: usize| (self.places[position].ln(), means[position]);
            let (shift, lower) = vertex(at(best - 1), at(best), at(best + 1));
            (place, y) = (place * shift.exp(), y - lower);
        }
        Optimum { place, y: if self.is_logarithmic { y.exp() } else { extremum.cost(y) }, is_at_end }
    }

    /// How far apart ln p are around a place.
    fn spacing(&self, place: f64) -> f64 {
        let above = self.places.partition_point(|p| *p < place).max(1);
        self.places.get(above).map_or(0.0, |next| (next / self.places[above - 1]).ln())
    }
}

/// How far the vertex of a parabola is from the middle one of three points, the lowest of them, and how far below it: at most half the distance to a neighbor.
fn vertex(left: (f64, f64), middle: (f64, f64), right: (f64, f64)) -> (f64, f64) {
    let (below, above) = (middle.0 - left.0, right.0 - middle.0);
    let (falling, rising) = ((middle.1 - left.1) / below, (right.1 - middle.1) / above);
    let curvature = (rising - falling) / (below + above);
    if curvature <= 0.0 {
        return (0.0, 0.0);
    }
    let slope = (falling * above + rising * below) / (below + above);
    (-slope / (2.0 * curvature), slope * slope / (4.0 * curvature))
}

/// Finds the optimum of one curve (module formula), whose m is not asked; `None` without samples.
pub fn optimum(samples: &[Sample], extremum: Extremum) -> Option<Optimum> {
    let grid = Grid::of(samples, extremum);
    let seeds: Vec<u64> = grid.by_seed.keys().copied().collect();
    (!samples.is_empty()).then(|| grid.optimum(&seeds, extremum))
}

/// Finds the optimum at every m, and fits a power law through them (module formula). With three seeds or more the interval is a bootstrap, which draws a
/// seed with all its runs; that the optima are known to a grid is in it too. Curves without samples are left out.
pub fn transfer(curves: &[Curve], extremum: Extremum) -> Transfer {
    let mut grids: Vec<(f64, Grid)> = curves
        .iter()
        .filter(|curve| !curve.samples.is_empty())
        .map(|curve| (curve.m, Grid::of(&curve.samples, extremum)))
        .collect();
    grids.sort_by(|a, b| a.0.total_cmp(&b.0));
    let seeds: BTreeSet<u64> = grids.iter().flat_map(|(_, grid)| grid.by_seed.keys().copied()).collect();
    let seeds: Vec<u64> = seeds.into_iter().collect();
    let optima = |seeds: &[u64]| grids.iter().map(|(m, grid)| (*m, grid.optimum(seeds, extremum))).collect::<Vec<_>>();
    let found = optima(&seeds);
    let Some(fitted) = through(&found) else { return Transfer { optima: found, fit: None } };
    let (method, interval) = if seeds.len() >= MIN_SEEDS {
        let resample = |index| {
            let mut rng = stream(BOOTSTRAP_SEED, Purpose::Bootstrap, index);
            let draws: Vec<u64> = (0..seeds.len()).map(|_| seeds[rng.random_range(0..seeds.len())]).collect();
            through(&optima(&draws)).map(|line| line.slope)
        };
        (Method::Bootstrap, Some(expanded((0..RESAMPLES).filter_map(resample).collect(), seeds.len())))
    } else {
        let half_width = fitted.slope_error.map(|error| t_975((found.len() - 2) as f64) * error);
        (Method::Residuals, half_width.map(|half| (fitted.slope - half, fitted.slope + half)))
    };
    let grid = NORMAL_975 * grid_error(&grids, &found);
    let widened = |(low, high): (f64, f64)| {
        (fitted.slope - grid.hypot(fitted.slope - low), fitted.slope + grid.hypot(high - fitted.slope))
    };
    let fit = PowerLaw {
        exponent: fitted.slope,
        constant: fitted.intercept.exp(),
        r2: fitted.r2,
        interval: interval.map(widened),
        method,
        points: found.len(),
        seeds: seeds.len(),
        range: (found[0].0, found[found.len() - 1].0),
    };
    Transfer { optima: found, fit: Some(fit) }
}

/// The line through (ln m, ln p_m).
fn through(optima: &[(f64, Optimum)]) -> Option<Line> {
    line(&optima.iter().map(|(m, optimum)| (m.ln(), optimum.place.ln())).collect::<Vec<_>>())
}

/// The standard error of the slope if every ln p_m is uniform in a cell of the grid.
fn grid_error(grids: &[(f64, Grid)], optima: &[(f64, Optimum)]) -> f64 {
    let mean = grids.iter().map(|(m, _)| m.ln()).sum::<f64>() / grids.len() as f64;
    let spread: f64 = grids.iter().map(|(m, _)| (m.ln() - mean).powi(2)).sum();
    let shares = grids
        .iter()
        .zip(optima)
        .map(|((m, grid), (_, optimum))| ((m.ln() - mean) / spread * grid.spacing(optimum.place)).powi(2) / 12.0);
    shares.sum::<f64>().sqrt()
}

/// Judges how the place of the optimum depends on m. Inconclusive, without an exponent, if an optimum is at the end of its axis or all runs diverged at some m; and if a
/// value is missing.
pub fn judge(check: &str, group: String, found: &Transfer, exponent: Exponent, counts: Counts) -> Finding {
    let at = |is_among: fn(&Optimum) -> bool| -> Vec<String> {
        found.optima.iter().filter(|(_, best)| is_among(best)).map(|(m, _)| m.to_string()).collect()
    };
    let (diverged, at_end) = (at(|best| best.y.is_infinite()), at(|best| best.is_at_end && best.y.is_finite()));
    let is_complete = counts.usable >= counts.expected;
    let why = match (&diverged[..], &at_end[..]) {
        _ if !is_complete => None,
        ([], []) => None,
        ([], at_end) => {
            Some(format!("the optimum is at the end of its axis at {}, and may be beyond", at_end.join(", ")))
        }
        (diverged, _) => Some(format!("at every place some runs diverged at {}", diverged.join(", "))),
    };
    let judged = power_law(check, group, found.fit.filter(|_| why.is_none()), (exponent, f64::NEG_INFINITY), counts);
    let places = found.optima.iter().filter(|(_, best)| best.y.is_finite());
    let places: Vec<String> = places.map(|(m, best)| format!("{} at {m}", best.place_text())).collect();
    let mut reason = why.unwrap_or(judged.reason);
    if !places.is_empty() {
        reason.push_str(&format!("; optima: {}", places.join(", ")));
    }
    let predicted = format!("optimum ∝ x^a, a {}", judged.predicted);
    Finding { predicted, reason, ..judged }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;

    /// `exp((ln p − ln(2 m^drift))²)` at widths and learning rates by factors of 4 and 2, with noise of a standard deviation in its logarithm.
    fn valleys(drift: f64, seeds: u64, study: u64, noise: f64) -> Vec<Curve> {
        let mut rng = stream(study, Purpose::Noise, 0);
        let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let mut curve = |m: f64| {
            let places = (-14..=6).flat_map(|power| (0..seeds).map(move |seed| (f64::powi(2.0, power), seed)));
            let best: f64 = 2.0 * f64::powf(m / 64.0, drift);
            let logarithm = |x: f64| (x.ln() - best.ln()).powi(2);
            Curve {
                m,
                samples: places
                    .map(|(x, seed)| Sample { x, seed, y: (logarithm(x) + noise * normal()).exp(), error: 0.0 })
                    .collect(),
            }
        };
        [64.0, 256.0, 1024.0, 4096.0].map(&mut curve).into()
    }

    /// All samples of all curves.
    fn samples(curves: &mut [Curve]) -> impl Iterator<Item = &mut Sample> {
        curves.iter_mut().flat_map(|curve| &mut curve.samples)
    }

    /// A parabola is found where it is, whatever the grid.
    #[test]
    fn optima_are_between_points_of_the_grid() {
        // As low as a neighbor: half way to it.
        assert_eq!(vertex((-1.0, 1.0), (0.0, 1.0), (2.0, 5.0)).0, -0.5);
        assert_eq!(vertex((-1.0, 1.0), (0.0, 1.0), (2.0, 1.0)), (0.0, 0.0));
        let parabola = |u: f64| (u, 3.0 * (u - 0.7).powi(2) + 1.0);
        let (shift, lower) = vertex(parabola(-0.5), parabola(0.6), parabola(1.5));
        assert!((shift - 0.1).abs() < 1e-12 && (lower - 0.03).abs() < 1e-12, "{shift} {lower}");
        let found = transfer(&valleys(-1.0, 1, 0, 0.0), Extremum::Min);
        for (m, best) in &found.optima {
            assert!((best.place * m / 128.0 - 1.0).abs() < 1e-12 && (best.y - 1.0).abs() < 1e-12, "{best:?}");
        }
        let fit = found.fit.expect("four widths");
        assert!((fit.exponent + 1.0).abs() < 1e-12, "{fit:?}");
        // Four widths by factors of 4 and a grid by factors of 2: ln 2/√12/(ln 4 √5), times 1.96.
        let (low, high) = fit.interval.expect("two points more than a line needs");
        assert!(((high - low) / 2.0 - 1.96 * 0.5 / 60.0_f64.sqrt()).abs() < 1e-9, "{low} {high}");
    }

    #[test]
    fn largest_values_are_optima_too() {
        let mut curves = valleys(-0.5, 3, 0, 0.0);
        samples(&mut curves).for_each(|sample| sample.y = 1.0 - sample.y.ln());
        let found = transfer(&curves, Extremum::Max);
        assert!((found.fit.expect("four widths").exponent + 0.5).abs() < 1e-12);
        assert!(found.optima.iter().all(|(_, best)| (best.y - 1.0).abs() < 1e-12));
    }

    /// Losses of any sign have means of their own, others of their logarithms: a seed that is about to diverge counts as its logarithm does.
    #[test]
    fn positive_losses_are_averaged_as_logarithms() {
        let at = |shift: f64| {
            let places = [0.5, 1.0, 2.0, 4.0];
            let samples = places.iter().flat_map(|x| [1, 2].map(|seed| (*x, seed)));
            let y = |x: f64, seed: u64| if (x, seed) == (2.0, 1) { 1e6 } else { x.ln().powi(2).exp() };
            samples.map(|(x, seed)| Sample { x, seed, y: y(x, seed) - shift, error: 0.0 }).collect::<Vec<_>>()
        };
        let [positive, other] = [0.0, 2.0].map(|shift| optimum(&at(shift), Extremum::Min).expect("samples").place);
        // A logarithm of 14 is far above 0.5 at the other neighbor; a number of a million takes the optimum half way there.
        assert!(positive > 2f64.powf(-0.45) && positive < 1.0, "{positive}");
        assert!((other / 2f64.powf(-0.5) - 1.0).abs() < 1e-5, "{other}");
    }

    /// Everything above the optimum has diverged: the optimum is the last point of the grid that has not.
    #[test]
    fn diverged_runs_are_worse_than_all_others() {
        let mut curves = valleys(0.0, 3, 0, 0.0);
        let mut diverge = |is_among: fn(&Sample) -> bool| {
            samples(&mut curves).filter(|sample| is_among(sample)).for_each(|sample| sample.y = f64::INFINITY);
            transfer(&curves, Extremum::Min)
        };
        let found = diverge(|sample| sample.x > 2.0);
        assert!(found.optima.iter().all(|(_, best)| best.place == 2.0 && !best.is_at_end), "{found:?}");
        // One seed of three is enough.
        let found = diverge(|sample| sample.x == 2.0 && sample.seed == 1);
        assert!(found.optima.iter().all(|(_, best)| best.place == 1.0), "{found:?}");
    }

    /// Noise of 0.3 at each of eight seeds. Of 200 studies 95 % are 190, and 181 are three standard deviations less; exponents that are off by 0.25 are
    /// rejected by most.
    #[test]
    fn intervals_cover_the_exponent_and_reject_others() {
        for drift in [0.0, -1.0] {
            let (mut covering, mut rejecting) = (0, 0);
            for study in 0..200 {
                let fit = transfer(&valleys(drift, 8, study, 0.3), Extremum::Min).fit.expect("four widths");
                let (low, high) = fit.interval.expect("eight seeds");
                let contains = |exponent: f64| (low..=high).contains(&exponent);
                covering += u32::from(contains(drift));
                rejecting += u32::from(!contains(drift - 0.25) && !contains(drift + 0.25));
            }
            assert!(covering >= 181 && rejecting > 150, "{drift}: {covering} {rejecting}");
        }
    }

    #[test]
    fn verdicts_need_all_values_and_optima_inside() {
        let judged = |curves: &[Curve], exponent, missing: usize| {
            let near = Exponent::Near { exponent, tolerance: 0.15 };
            let counts = Counts::of(84, 84 + missing);
            judge("transfer", "all".into(), &transfer(curves, Extremum::Min), near, counts)
        };
        let (fixed, mut moving) = (valleys(0.0, 3, 0, 0.0), valleys(-1.0, 3, 0, 0.0));
        assert_eq!(judged(&fixed, 0.0, 0).verdict, Verdict::Confirmed);
        assert_eq!(judged(&fixed, 0.0, 1).verdict, Verdict::Inconclusive);
        assert_eq!(judged(&moving, -1.0, 0).verdict, Verdict::Confirmed);
        assert_eq!(judged(&moving, 0.0, 0).verdict, Verdict::Refuted);
        moving.iter_mut().for_each(|curve| curve.samples.retain(|sample| sample.x > 0.05));
        let found = judged(&moving, -1.0, 0);
        assert_eq!(found.verdict, Verdict::Inconclusive);
        assert!(found.reason.starts_with("the optimum is at the end of its axis at 4096"), "{}", found.reason);
        assert_eq!((found.found, found.interval), (None, None), "no number looks like evidence");
        moving[0].samples.iter_mut().for_each(|sample| sample.y = f64::INFINITY);
        let found = judged(&moving, -1.0, 0);
        assert!(found.reason.starts_with("at every place some runs diverged at 64; optima: "), "{}", found.reason);
        assert_eq!((found.verdict, found.found), (Verdict::Inconclusive, None));
    }
}
