//! Section `[record]` says when to record.

use widenet_document::{
    Field, Result,
    keys::optional,
    section,
    shape::{Either, Located, list, located, number, positive, table_or, whole, word},
};

use super::{
    optimizer::Optimizer,
    quantity::{Need, Quantity},
};

/// Most moments a plan may have.
const MAX_MOMENTS: f64 = 1e6;

/// Log-spaced times of a flow start at this part of the horizon.
const FIRST_TIME: f64 = 1e-3;

/// Moments of a plan that lists none.
const DEFAULT_MOMENTS: u64 = 30;

section! {
    /// Equally spaced moments: one of two.
    struct Spacing {
        /// Number of moments before the horizon, equally spaced in the logarithm.
        log_spaced: Option<u64> = optional(whole(1..=10_000)),
        /// Distance between moments.
        every: Option<Located<f64>> = optional(located(positive())),
    }
}

section! {
    /// When and what to record: section `[record]`.
    pub(super) struct RecordSection {
        /// A list of moments, `{ log_spaced = 30 }` (where nothing is given) or `{ every = 10 }`; those that a flow lists. The end of training is
        /// recorded in any case.
        at: Option<Located<Either<Spacing, Vec<Located<f64>>>>> =
            optional(located(table_or(list(located(number()))))),
        /// Names of quantities; where nothing is given the losses, and of deep linear networks the predictor.
        pub(super) quantities: Option<Located<Vec<Located<Quantity>>>> = optional(located(list(located(word())))),
    }
}

/// When and what to record. Moments are sorted, distinct and within the horizon, which is the last of them.
///
/// Moments are steps (descent, RMSProp, Adam; momentum flow, with fractions) or times (flow). `at = [0, 1, 10]` lists them, and the horizon is one
/// more; `{ log_spaced = n }` is 0, the horizon and `n` moments before it, equally spaced in the logarithm (from step 1, or from a thousandth
/// of the time; steps are rounded and given once); `{ every = s }` is 0, `s`, `2s`, … and the horizon. Default moments include 0.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordPlan {
    /// Steps (descent, RMSProp: whole numbers) or times (flow).
    pub at: Vec<f64>,
    /// Quantities, sorted.
    pub quantities: Vec<Quantity>,
}

impl RecordSection {
    /// The moments that the section asks for, if it does.
    pub(super) fn moments(&self, optimizer: &Optimizer) -> Result<Option<Vec<f64>>> {
        let Some(at) = &self.at else { return Ok(None) };
        let spacing = match &at.value {
            Either::Other(list) => {
                return list
                    .iter()
                    .map(|moment| listed_moment(&moment.field(), optimizer))
                    .collect::<Result<_>>()
                    .map(Some);
            }
            Either::Table(spacing) => spacing,
        };
        match (spacing.log_spaced, &spacing.every) {
            (Some(count), None) => Ok(Some(log_spaced(optimizer, count))),
            (None, Some(every)) => {
                let spacing = checked_spacing(&every.field(), optimizer)?;
                let horizon = optimizer.horizon();
                let count = (horizon / spacing).floor() as u64;
                // A multiple that misses the horizon by rounding is the horizon.
                let before_horizon = |moment: &f64| *moment < horizon * (1.0 - 1e-12);
                let multiples = (0..=count).map(|i| i as f64 * spacing).filter(before_horizon);
                Ok(Some(multiples.chain([horizon]).collect()))
            }
            _ => Err(at.must_be("a list of moments, { log_spaced = 30 } or { every = 10 }")),
        }
    }
}

/// The moments of a plan that says none; `listed` are those of the optimizer's section.
pub(super) fn default_moments(optimizer: &Optimizer, listed: Option<Vec<f64>>) -> Vec<f64> {
    match listed {
        Some(times) => [vec![0.0], times].concat(),
        None => log_spaced(optimizer, DEFAULT_MOMENTS),
    }
}

fn listed_moment(field: &Field<'_>, optimizer: &Optimizer) -> Result<f64> {
    let moment = if optimizer.has_steps() { field.whole()? as f64 } else { field.non_negative()? };
    let horizon = optimizer.horizon();
    if moment > horizon {
        return Err(field.must_be(&format!("at most {horizon}, the {} of the optimizer", optimizer.unit())));
    }
    Ok(moment)
}

fn checked_spacing(field: &Field<'_>, optimizer: &Optimizer) -> Result<f64> {
    let spacing = if optimizer.has_steps() { field.count()? as f64 } else { field.positive()? };
    let horizon = optimizer.horizon();
    if horizon / spacing > MAX_MOMENTS {
        return Err(
            field.must_be(&format!("at least {}, or there are over {MAX_MOMENTS} moments", horizon / MAX_MOMENTS))
        );
    }
    Ok(spacing)
}

fn log_spaced(optimizer: &Optimizer, count: u64) -> Vec<f64> {
    let horizon = optimizer.horizon();
    let spaced = |first: f64| {
        let ratio = (horizon / first).ln() / count as f64;
        (0..count).map(move |i| first * (ratio * i as f64).exp())
    };
    let mut at: Vec<f64> = if optimizer.has_steps() {
        spaced(1.0).map(f64::round).collect()
    } else {
        spaced(FIRST_TIME * horizon).collect()
    };
    at.extend([0.0, horizon]);
    at
}

impl RecordPlan {
    /// Says whether something is needed to record one of its quantities.
    pub fn needs(&self, need: Need) -> bool {
        self.quantities.iter().any(|quantity| quantity.needs(need))
    }
}
