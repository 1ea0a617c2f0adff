//! A schedule says which share of its peak the learning rate has at every step: table `optimizer.schedule`.
//!
//! ```text
//! η_t = s_t η,    s_t = (t + 1)/w for t < w,    s_t = a(t − w) from then on,    0 < s_t ≤ 1
//! constant: a = 1       cosine: a(i) = e + (1 − e) (1 + cos(π i/N))/2       linear: a(i) = e + (1 − e) (1 − i/N)
//! step: a(i) = f^⌊i/p⌋         inverse_time: a(i) = 1/(1 + i/τ)                N = T − w
//! ```
//!
//! (docs/theory/training.md §5, Eq. schedule.) Step t = 0, 1, … of T is taken with `s_t`.

use widenet_document::{
    Kind, Result,
    keys::{by_kind_or, or, required},
    section,
    shape::{InUnit, Located, Whole, between, in_unit, inside, positive, whole},
};

/// Steps of a schedule are followed one by one also where constant rates have a closed form.
const MAX_SCHEDULED_STEPS: u64 = 1_000_000_000;

/// Smaller shares of the peak are a mistake; beside it, an entry of `f32` still has room below.
const MIN_SCALE: f64 = 1e-30;

/// Which share of its peak the learning rate has at every step (module formula).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// w: the learning rate grows linearly over this many steps.
    pub warmup: u64,
    /// a: what it does after them.
    pub annealing: Annealing,
}

/// What the learning rate does after its warm-up, as shares of its peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Annealing {
    /// It stays.
    Constant,
    /// It falls to a share of its peak along half a period of the cosine.
    Cosine {
        /// e, in [0, 1).
        end_factor: f64,
    },
    /// It falls to a share of its peak by the same amount every step.
    Linear {
        /// e, in [0, 1).
        end_factor: f64,
    },
    /// It is multiplied by a factor every so many steps.
    Step {
        /// p ≥ 1.
        every: u64,
        /// f, in (0, 1).
        factor: f64,
    },
    /// It falls like 1/(1 + i/τ).
    InverseTime {
        /// τ > 0, in steps.
        tau: f64,
    },
}

impl Schedule {
    /// The peak at every step.
    pub const CONSTANT: Schedule = Schedule { warmup: 0, annealing: Annealing::Constant };

    /// Says whether every step has the peak.
    pub fn is_constant(&self) -> bool {
        *self == Schedule::CONSTANT
    }
}

/// The learning rates of a training by steps, `η_t = s_t η`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningRates {
    /// η.
    pub peak: f64,
    /// Says what `s_t` is.
    pub schedule: Schedule,
    /// T.
    pub steps: u64,
}

impl LearningRates {
    /// Returns `s_t` of step t, exactly 1 where the rate is at its peak. From step T on the annealing stays at its end, or goes on if it has none.
    pub fn scale(&self, step: u64) -> f64 {
        let Schedule { warmup, annealing } = self.schedule;
        if step < warmup {
            return (step + 1) as f64 / warmup as f64;
        }
        let (i, length) = (step - warmup, self.steps.saturating_sub(warmup));
        let left = length.saturating_sub(i);
        match annealing {
            Annealing::Constant => 1.0,
            Annealing::Cosine { end_factor } | Annealing::Linear { end_factor } if left == 0 => end_factor,
            // As a square, which stays positive where the sum of 1 and the cosine would cancel.
            Annealing::Cosine { end_factor } => {
                let angle = std::f64::consts::FRAC_PI_2 * (left as f64 / length as f64);
                end_factor + (1.0 - end_factor) * angle.sin().powi(2)
            }
            Annealing::Linear { end_factor } => end_factor + (1.0 - end_factor) * (left as f64 / length as f64),
            Annealing::Step { every, factor } => factor.powf((i / every) as f64),
            Annealing::InverseTime { tau } => tau / (tau + i as f64),
        }
    }

    /// Returns `η_t` of step t.
    pub fn rate(&self, step: u64) -> f64 {
        self.peak * self.scale(step)
    }

    /// Returns the training time `Σ_{s<t} η_s` before step t, a whole number up to rounding.
    pub fn time(&self, step: f64) -> f64 {
        self.peak * if self.schedule.is_constant() { step } else { self.elapsed(step.round() as u64) }
    }

    /// `Σ_{s<t} s_s`.
    fn elapsed(&self, step: u64) -> f64 {
        let Schedule { warmup, annealing } = self.schedule;
        let warm = step.min(warmup) as f64;
        let warming = if warmup == 0 { 0.0 } else { warm * (warm + 1.0) / (2.0 * warmup as f64) };
        let (count, length) = (step.saturating_sub(warmup), self.steps.saturating_sub(warmup));
        // Those before the end of the schedule, and those after it.
        let (n, after) = (count.min(length) as f64, count.saturating_sub(length) as f64);
        let length = length as f64;
        let annealed = match annealing {
            Annealing::Constant => count as f64,
            Annealing::Cosine { end_factor } => {
                let half = std::f64::consts::FRAC_PI_2 / length;
                // Σ_{i<n} cos(2 i half), by Dirichlet's kernel.
                let cosines = if n == 0.0 { 0.0 } else { (n * half).sin() / half.sin() * ((n - 1.0) * half).cos() };
                n * end_factor + (1.0 - end_factor) * 0.5 * (n + cosines) + after * end_factor
            }
            Annealing::Linear { end_factor } => {
                let fallen = if n == 0.0 { 0.0 } else { n * (n - 1.0) / (2.0 * length) };
                n * end_factor + (1.0 - end_factor) * (n - fallen) + after * end_factor
            }
            Annealing::Step { every, factor } => {
                let blocks = (count / every) as f64;
                let whole = -(blocks * factor.ln()).exp_m1() / (1.0 - factor);
                every as f64 * whole + (count % every) as f64 * factor.powf(blocks)
            }
            Annealing::InverseTime { tau } => inverse_time_sum(tau, count),
        };
        warming + annealed
    }
}

/// `Σ_{i<n} 1/(1 + i/τ)`: the first terms one by one, the others by the formula of Euler and Maclaurin.
fn inverse_time_sum(tau: f64, n: u64) -> f64 {
    const DIRECT: u64 = 24;
    let term = |i: u64| tau / (tau + i as f64);
    let direct: f64 = (0..n.min(DIRECT)).map(term).sum();
    if n <= DIRECT {
        return direct;
    }
    let (first, last) = (tau + DIRECT as f64, tau + n as f64);
    // Differences of 1/x, and of its derivatives of orders 1, 3 and 5 with the coefficients 1/12, −1/720 and 1/30240.
    let ends = |x: f64| {
        let square = (x * x).recip();
        0.5 / x + square * (1.0 / 12.0 - square * (1.0 / 120.0 - square / 252.0))
    };
    direct + tau * (((n - DIRECT) as f64 / first).ln_1p() + ends(first) - ends(last))
}

section! {
    /// The learning rate stays at its peak.
    struct ConstantKeys {}
}

section! {
    /// It falls along half a period of the cosine until the last step.
    struct CosineKeys {
        /// The end of the cosine, as a share of the peak.
        end_factor: f64 = or(between(0.0, 1.0), 0.0),
    }
}

section! {
    /// It falls by the same amount every step until the last.
    struct LinearKeys {
        /// The end, as a share of the peak.
        end_factor: f64 = or(between(0.0, 1.0), 0.0),
    }
}

section! {
    /// It is multiplied by a factor every so many steps.
    struct StepKeys {
        /// Steps from one change to the next.
        every: u64 = required(count_of_steps(1)),
        /// Factor of a change.
        factor: f64 = or(inside(0.0, 1.0), 0.1),
    }
}

section! {
    /// It falls like 1/(1 + t/τ), t counted from the end of the warm-up.
    struct InverseTimeKeys {
        /// τ: after so many steps the learning rate is half its peak.
        tau: f64 = required(in_unit(positive(), "steps")),
    }
}

fn count_of_steps(least: u64) -> InUnit<Whole<u64>> {
    in_unit(whole(least..=MAX_SCHEDULED_STEPS), "steps")
}

impl From<ConstantKeys> for Annealing {
    fn from(_: ConstantKeys) -> Self {
        Annealing::Constant
    }
}

impl From<CosineKeys> for Annealing {
    fn from(CosineKeys { end_factor }: CosineKeys) -> Self {
        Annealing::Cosine { end_factor }
    }
}

impl From<LinearKeys> for Annealing {
    fn from(LinearKeys { end_factor }: LinearKeys) -> Self {
        Annealing::Linear { end_factor }
    }
}

impl From<StepKeys> for Annealing {
    fn from(StepKeys { every, factor }: StepKeys) -> Self {
        Annealing::Step { every, factor }
    }
}

impl From<InverseTimeKeys> for Annealing {
    fn from(InverseTimeKeys { tau }: InverseTimeKeys) -> Self {
        Annealing::InverseTime { tau }
    }
}

/// The kinds of schedules.
const KINDS: &[Kind<Annealing>] = &[
    Kind::of::<ConstantKeys>("constant"),
    Kind::of::<CosineKeys>("cosine"),
    Kind::of::<LinearKeys>("linear"),
    Kind::of::<StepKeys>("step"),
    Kind::of::<InverseTimeKeys>("inverse_time"),
];

section! {
    /// How the learning rate changes over the steps: table `optimizer.schedule`.
    pub(super) struct ScheduleSection {
        /// What the learning rate does after its warm-up; `learning_rate` is its peak.
        kind: Annealing = by_kind_or(KINDS, "constant"),
        /// w: over the first w steps the learning rate grows linearly to its peak, step 1 being taken with 1/w of it.
        warmup: u64 = or(count_of_steps(0), 0),
    }
}

/// The schedule that a table describes, if it fits the number of steps.
pub(super) fn of_steps(section: &Located<ScheduleSection>, steps: u64) -> Result<Schedule> {
    let ScheduleSection { kind, warmup } = section.value;
    let schedule = Schedule { warmup, annealing: kind };
    if schedule.is_constant() {
        return Ok(schedule);
    }
    if steps > MAX_SCHEDULED_STEPS {
        return Err(section.error(format!(
            "`optimizer.steps` is {steps}; a schedule is followed step by step, for at most {MAX_SCHEDULED_STEPS}"
        )));
    }
    if warmup > steps {
        return Err(section.error(format!(
            "`optimizer.schedule.warmup` is {warmup}; it must be at most {steps}, the number of steps"
        )));
    }
    let smallest = LearningRates { peak: 1.0, schedule, steps }.scale(steps - 1);
    if smallest < MIN_SCALE {
        let larger = match schedule.annealing {
            Annealing::InverseTime { .. } => "`tau`",
            Annealing::Step { .. } => "`every` or `factor`",
            Annealing::Cosine { .. } | Annealing::Linear { .. } | Annealing::Constant => "`end_factor`",
        };
        return Err(section.error(format!(
            "`optimizer.schedule` ends at {smallest:e} of the peak learning rate; it must stay above {MIN_SCALE:e}: give a larger {larger}"
        )));
    }
    Ok(schedule)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: u64 = 1000;

    const ANNEALINGS: [Annealing; 8] = [
        Annealing::Constant,
        Annealing::Cosine { end_factor: 0.0 },
        Annealing::Cosine { end_factor: 0.3 },
        Annealing::Linear { end_factor: 0.0 },
        Annealing::Linear { end_factor: 0.3 },
        Annealing::Step { every: 70, factor: 0.4 },
        Annealing::InverseTime { tau: 0.03 },
        Annealing::InverseTime { tau: 130.0 },
    ];

    fn all() -> impl Iterator<Item = LearningRates> {
        let rates = |warmup| {
            ANNEALINGS.map(|annealing| LearningRates {
                peak: 1.0,
                schedule: Schedule { warmup, annealing },
                steps: STEPS,
            })
        };
        [0, 1, 37, STEPS].into_iter().flat_map(rates)
    }

    /// By the formulas of the module as they are written.
    #[test]
    fn scales_are_those_of_the_formulas() {
        for rates in all() {
            let Schedule { warmup, annealing } = rates.schedule;
            for step in [0, 1, 36, 37, 38, 500, STEPS - 1] {
                let i = step as f64 - warmup as f64;
                let share = i / (STEPS as f64 - warmup as f64);
                let expected = match annealing {
                    _ if step < warmup => (step + 1) as f64 / warmup as f64,
                    Annealing::Constant => 1.0,
                    Annealing::Cosine { end_factor: e } => {
                        e + (1.0 - e) * (1.0 + (std::f64::consts::PI * share).cos()) / 2.0
                    }
                    Annealing::Linear { end_factor: e } => e + (1.0 - e) * (1.0 - share),
                    Annealing::Step { every, factor } => factor.powi((i as u64 / every) as i32),
                    Annealing::InverseTime { tau } => 1.0 / (1.0 + i / tau),
                };
                let found = rates.scale(step);
                assert!((found - expected).abs() < 1e-14, "{rates:?} at {step}: {found} {expected}");
            }
            for step in 0..STEPS {
                let scale = rates.scale(step);
                assert!(scale > 0.0 && scale <= 1.0, "{rates:?} at {step}: {scale}");
            }
        }
    }

    /// Closed forms against sums, also beyond the end and across the switch of [`inverse_time_sum`].
    #[test]
    fn time_is_the_sum_of_rates() {
        for rates in all() {
            let mut sum = 0.0;
            for step in 0..STEPS + 50 {
                let found = rates.time(step as f64);
                assert!((found - sum).abs() <= 1e-12 * sum, "{rates:?} at {step}: {found} {sum}");
                sum += rates.scale(step);
            }
        }
    }

    /// A moment that rounding has moved is still the step it means: 49 · (1/49) is below 1.
    #[test]
    fn time_is_that_of_the_nearest_step() {
        let schedule = Schedule { warmup: 4, annealing: Annealing::Constant };
        let rates = LearningRates { peak: 1.0, schedule, steps: 49 };
        let below = (1..50).map(f64::from).map(|n| n * (1.0 / n)).find(|product| *product < 1.0);
        assert_eq!(rates.time(below.expect("rounding")), 0.25);
    }

    /// Where τ is so large that the rate hardly falls, also beyond the whole numbers of `f64`.
    #[test]
    fn slow_inverse_time_takes_the_time_of_constant_rates() {
        for tau in [1e12, 1e17, 1e300] {
            let schedule = Schedule { warmup: 0, annealing: Annealing::InverseTime { tau } };
            let rates = LearningRates { peak: 1.0, schedule, steps: STEPS };
            for step in [1.0, 23.0, 24.0, 25.0, 26.0, 1000.0] {
                let found = rates.time(step);
                assert!((found - step).abs() < 1e-6, "τ = {tau:e}, step {step}: {found}");
            }
        }
    }

    /// Without a schedule numbers are what they were, bit for bit.
    #[test]
    fn constant_rates_are_exact() {
        let rates = LearningRates { peak: 0.3, schedule: Schedule::CONSTANT, steps: 7 };
        assert_eq!((rates.scale(3), rates.rate(3), rates.time(5.0)), (1.0, 0.3, 0.3 * 5.0));
    }

    /// A cosine of many steps ends above 0.
    #[test]
    fn long_cosines_stay_positive() {
        let schedule = Schedule { warmup: 0, annealing: Annealing::Cosine { end_factor: 0.0 } };
        let rates = LearningRates { peak: 1.0, schedule, steps: MAX_SCHEDULED_STEPS };
        let last = rates.scale(MAX_SCHEDULED_STEPS - 1);
        let expected = (std::f64::consts::FRAC_PI_2 / MAX_SCHEDULED_STEPS as f64).powi(2);
        assert!((last / expected - 1.0).abs() < 1e-12, "{last:e} {expected:e}");
    }
}
