//! Sequential Monte Carlo goes from the prior to the posterior of shapes through powers of their likelihood.
//!
//! ```text
//! target_β ∝ p(Q̂) w(Q̂)^β,    w(Q̂) = ∫ p(u) p(Y | u, Q̂) du,    p(Y) ≈ ∏_k mean w^{β_{k+1} − β_k}
//! ```
//!
//! (docs/theory/proportional-limit.md §8.2, Eq. 8.8; Del Moral, Doucet, Jasra (2006); elliptical slice sampling: Murray, Adams, MacKay
//! (2010).) The next β leaves 60 % of the particles effective; all are then resampled and moved: the normals of the limit along ellipses,
//! exact layers by redrawing one of them and by renewing a share of the randomness of all. Independent runs show the error.

use std::f64::consts::TAU;

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use widenet_core::seed::{Purpose, stream};

use super::{
    super::layers::HiddenLayers,
    conditional::{Conditional, Shape},
    error::{Result, check, invalid},
    mixture::{Component, Integral, Watch, has_digits, log_sum},
    regression::Regression,
    scale::{Accuracy, ScalePosterior, integrate as integrate_scale},
    settings::{Diagnostics, Method, Settings},
    shape::{ShapeLaw, State},
};

/// Share of the particles that a temperature leaves effective.
const INCREMENTAL: f64 = 0.6;
/// Temperatures after which a run is given up.
const LARGEST_LADDER: u64 = 2000;
/// Standard error of the log evidence, and share of accepted moves, beyond which a result is unreliable.
const LARGEST_ERROR: f64 = 0.3;
const LEAST_ACCEPTANCE: f64 = 0.02;
/// Most numbers of all particles: 4 GiB of them.
const LARGEST: u64 = 1 << 29;

struct Particle {
    state: State,
    log: f64,
}

struct Run {
    log_evidence: f64,
    components: Vec<Component>,
    smallest: f64,
    acceptance: Vec<f64>,
}

struct Sampler<'a> {
    regression: &'a Regression,
    law: ShapeLaw,
    settings: &'a Settings,
}

pub(super) fn integrate(
    regression: &Regression,
    layers: &HiddenLayers,
    settings: &Settings,
    watch: Watch<'_>,
) -> Result<Integral> {
    let law = ShapeLaw::new(regression.mixing_size(), layers, settings.steps)?;
    if settings.particles.saturating_mul(law.numbers()) > LARGEST {
        return Err(invalid(format!(
            "particles = {} of {} numbers each exceed the memory of this method; use fewer, or the limit",
            settings.particles,
            law.numbers()
        )));
    }
    let sampler = Sampler { regression, law, settings };
    let count = settings.runs as f64;
    let runs = (0..settings.runs)
        .map(|run| sampler.run(run, &mut |share| watch((run as f64 + share) / count)))
        .collect::<Result<Vec<Run>>>()?;
    let total = log_sum(runs.iter().map(|run| run.log_evidence));
    let weights: Vec<f64> = runs.iter().map(|run| (run.log_evidence - total).exp()).collect();
    let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
    let error = ((squares - 1.0 / count) * count / (count - 1.0)).max(0.0).sqrt();
    let smallest = runs.iter().map(|run| run.smallest).fold(1.0, f64::min);
    let accepted = runs.iter().flat_map(|run| &run.acceptance).copied().fold(1.0, f64::min);
    let unreliable = if error > LARGEST_ERROR {
        Some(format!(
            "independent runs differ: the standard error of the log evidence is {error:.2}; use more particles"
        ))
    } else if accepted < LEAST_ACCEPTANCE {
        Some(format!("only a share {accepted:.3} of the moves is accepted; use more sweeps and particles"))
    } else {
        None
    };
    let diagnostics = Diagnostics {
        method: Method::Tempered,
        draws: settings.particles * settings.runs,
        effective_sample_size: Some(1.0 / squares),
        smallest_incremental: Some(smallest),
        temperatures: runs.iter().map(|run| run.acceptance.len() as u64).max().unwrap_or(0),
        acceptance: runs.first().map_or_else(Vec::new, |run| run.acceptance.clone()),
        log_evidence_error: error,
        unreliable,
    };
    let groups = weights.into_iter().zip(runs).map(|(weight, run)| (weight, run.components)).collect();
    Ok(Integral { log_evidence: total - count.ln(), groups, diagnostics })
}

impl Sampler<'_> {
    fn posterior(&self, state: &State) -> Result<(Shape, ScalePosterior)> {
        let shape = Shape::new(self.regression, self.law.factor(state));
        let modes = Conditional::new(self.regression, &shape).modes;
        let posterior = integrate_scale(&self.law.scale, &modes, Accuracy::GOOD)?;
        Ok((shape, posterior))
    }

    fn log(&self, state: &State) -> Result<f64> {
        Ok(self.posterior(state)?.1.log_evidence)
    }

    fn run(&self, run: u64, watch: Watch<'_>) -> Result<Run> {
        let (seed, count) = (self.settings.seed, self.settings.particles);
        let first = run * count;
        let start = |index: u64| {
            let state = self.law.draw(&mut stream(seed, Purpose::Particle(0), first + index));
            Ok(Particle { log: self.log(&state)?, state })
        };
        let mut particles = (0..count).into_par_iter().map(start).collect::<Result<Vec<Particle>>>()?;
        let (mut beta, mut log_evidence, mut smallest) = (0.0, 0.0, 1.0f64);
        let mut acceptance = Vec::new();
        let mut share = 0.5;
        for temperature in 1.. {
            let logs: Vec<f64> = particles.iter().map(|particle| particle.log).collect();
            has_digits(logs.iter().copied().fold(f64::NEG_INFINITY, f64::max))?;
            let (step, effective) = next_step(&logs, 1.0 - beta)?;
            smallest = smallest.min(effective);
            log_evidence += log_sum(logs.iter().map(|log| step * log)) - (count as f64).ln();
            beta += step;
            let last = beta >= 1.0 - 1e-14;
            let chosen = {
                let uniform: f64 = stream(seed, Purpose::Resampling(temperature), run).random();
                systematic(&logs, step, uniform)
            };
            let moved = |(slot, source): (usize, &usize)| {
                let particle = &particles[*source];
                let rng = &mut stream(seed, Purpose::Particle(temperature), first + slot as u64);
                self.moved(particle, beta, share, rng)
            };
            let next = chosen.par_iter().enumerate().map(moved).collect::<Result<Vec<_>>>()?;
            let (mut accepted, mut tried, mut kept, mut offered) = (0u64, 0u64, 0u64, 0u64);
            particles = Vec::with_capacity(next.len());
            for (particle, moves) in next {
                particles.push(particle);
                accepted += moves.slices.0 + moves.layers.0;
                tried += moves.slices.1 + moves.layers.1;
                kept += moves.layers.0;
                offered += moves.layers.1;
            }
            acceptance.push(accepted as f64 / tried.max(1) as f64);
            // Smaller steps where the likelihood refuses more.
            share = match kept as f64 / offered.max(1) as f64 {
                rate if rate < 0.2 => 0.5 * share,
                rate if rate > 0.4 => (1.5 * share).min(1.0),
                _ => share,
            };
            check(watch, beta)?;
            if last {
                break;
            }
            if u64::from(temperature) >= LARGEST_LADDER {
                return Err(invalid(format!(
                    "tempering has reached the power {beta:.1e} of the likelihood after {LARGEST_LADDER} temperatures: more particles are \
                     needed"
                )));
            }
        }
        let component = |particle: &Particle| {
            let (shape, posterior) = self.posterior(&particle.state)?;
            Ok(Component { shape, weight: 1.0 / count as f64, scales: posterior.nodes })
        };
        let components = particles.par_iter().map(component).collect::<Result<_>>()?;
        Ok(Run { log_evidence, components, smallest, acceptance })
    }

    fn moved(&self, particle: &Particle, beta: f64, share: f64, rng: &mut impl Rng) -> Result<(Particle, Moves)> {
        let (mut state, mut log) = (particle.state.clone(), particle.log);
        let mut moves = Moves::default();
        for _ in 0..self.settings.sweeps {
            if self.law.has_continuum() {
                moves.slices.0 += 1;
                moves.slices.1 += self.slice(&mut state, &mut log, beta, rng)?;
            }
            if self.law.depth() == 0 {
                continue;
            }
            for whole in [true, false] {
                let candidate = if whole { self.law.redraw(&state, rng) } else { self.law.refresh(&state, share, rng) };
                let next = self.log(&candidate)?;
                let accepted = rng.random::<f64>().ln() < beta * (next - log);
                if accepted {
                    (state, log) = (candidate, next);
                }
                if !whole {
                    moves.layers.0 += u64::from(accepted);
                    moves.layers.1 += 1;
                }
            }
        }
        Ok((Particle { state, log }, moves))
    }

    /// One update along a random ellipse; the number of points tried.
    fn slice(&self, state: &mut State, log: &mut f64, beta: f64, rng: &mut impl Rng) -> Result<u64> {
        let other: Vec<f64> = state.normals.iter().map(|_| StandardNormal.sample(rng)).collect();
        let floor = beta * *log + rng.random::<f64>().ln();
        let mut angle = TAU * rng.random::<f64>();
        let mut bracket = (angle - TAU, angle);
        let mut candidate = state.clone();
        for tried in 1..200 {
            let (sin, cos) = angle.sin_cos();
            let old = state.normals.iter().zip(&other);
            candidate.normals.iter_mut().zip(old).for_each(|(x, (old, new))| *x = cos * old + sin * new);
            let next = self.log(&candidate)?;
            if beta * next > floor {
                (*state, *log) = (candidate, next);
                return Ok(tried);
            }
            if angle < 0.0 {
                bracket.0 = angle
            } else {
                bracket.1 = angle
            }
            angle = bracket.0 + (bracket.1 - bracket.0) * rng.random::<f64>();
        }
        // The bracket has shrunk to the old point.
        Ok(200)
    }
}

/// Accepted and tried.
#[derive(Default)]
struct Moves {
    slices: (u64, u64),
    layers: (u64, u64),
}

/// `(Σ w)²/Σ w²` as a share, for weights `e^{step · log}`.
fn effective_share(logs: &[f64], step: f64) -> f64 {
    let first = log_sum(logs.iter().map(|log| step * log));
    let second = log_sum(logs.iter().map(|log| 2.0 * step * log));
    (2.0 * first - second).exp() / logs.len() as f64
}

/// The step of β, at most `left`, and the share it leaves effective.
fn next_step(logs: &[f64], left: f64) -> Result<(f64, f64)> {
    if logs.iter().all(|log| *log == f64::NEG_INFINITY) {
        return Err(invalid("no particle has a likelihood above 0: the targets need noise, tau2 > 0"));
    }
    let whole = effective_share(logs, left);
    if whole >= INCREMENTAL {
        return Ok((left, whole));
    }
    // In logarithms: the first step can be many orders of magnitude below 1.
    let (mut low, mut high) = (left.ln() - 60.0, left.ln());
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if effective_share(logs, middle.exp()) >= INCREMENTAL { low = middle } else { high = middle }
    }
    Ok((low.exp(), effective_share(logs, low.exp())))
}

/// Systematic resampling: sources of the slots, in ascending order.
fn systematic(logs: &[f64], step: f64, uniform: f64) -> Vec<usize> {
    let (total, count) = (log_sum(logs.iter().map(|log| step * log)), logs.len());
    let mut sources = Vec::with_capacity(count);
    let mut sum = 0.0;
    let mut heaviest = (f64::NEG_INFINITY, 0);
    for (i, log) in logs.iter().enumerate() {
        sum += (step * log - total).exp() * count as f64;
        if *log > heaviest.0 {
            heaviest = (*log, i);
        }
        while sources.len() < count && sources.len() as f64 + uniform < sum {
            sources.push(i);
        }
    }
    // Rounding of the sum.
    sources.resize(count, heaviest.1);
    sources
}
