//! Says where on an axis trials diverged, for crosses and legends.

use widenet_figures::AxisScale;

use crate::measure::{MeasuredTrial, Results};

/// Trials at an x of which some diverged.
pub(super) struct Diverged {
    pub(super) x: f64,
    /// What the axis calls x.
    label: String,
    diverged: usize,
    trials: usize,
}

impl Diverged {
    fn is_whole(&self) -> bool {
        self.diverged == self.trials
    }
}

/// Where trials of a series diverged.
pub(super) struct Divergence {
    /// In increasing order of x. Only what has a place on the axis.
    pub(super) places: Vec<Diverged>,
    /// How many of the last places are all that the axis has from there on, and whole.
    tail: usize,
}

/// Finds where trials diverged.
pub(super) fn diverged_at(
    results: &Results<'_>,
    trials: &[&MeasuredTrial<'_>],
    (x, scale): (&str, AxisScale),
) -> Divergence {
    let mut places: Vec<Diverged> = Vec::new();
    for trial in trials {
        let at = results.number(trial.trial, x);
        if !at.is_finite() || (scale == AxisScale::Log && at <= 0.0) {
            continue;
        }
        let diverged = usize::from(trial.has_diverged());
        match places.iter_mut().find(|place| place.x == at) {
            Some(place) => (place.diverged, place.trials) = (place.diverged + diverged, place.trials + 1),
            None => {
                let label = trial.trial.label_of(x).unwrap_or_default();
                places.push(Diverged { x: at, label, diverged, trials: 1 });
            }
        }
    }
    places.sort_by(|a, b| a.x.total_cmp(&b.x));
    let tail = places.iter().rev().take_while(|place| place.is_whole()).count();
    places.retain(|place| place.diverged > 0);
    Divergence { places, tail }
}

/// Places that a legend names one by one.
const NAMED_PLACES: usize = 3;

impl Divergence {
    /// What a legend says of them: `1 of 2 diverged at 1000`, `all diverged from 4000 on`.
    pub(super) fn legend(&self) -> Vec<String> {
        let say = |place: &Diverged| format!("{} of {} diverged at {}", place.diverged, place.trials, place.label);
        let tail = if self.tail > 1 { self.tail } else { 0 };
        let (single, tail) = self.places.split_at(self.places.len() - tail);
        let mut lines: Vec<String> = single.iter().take(NAMED_PLACES).map(say).collect();
        if let Some(others) = single.get(NAMED_PLACES..).filter(|others| !others.is_empty()) {
            let count = |of: fn(&Diverged) -> usize| others.iter().map(of).sum::<usize>();
            let (diverged, trials) = (count(|place| place.diverged), count(|place| place.trials));
            lines.push(format!("{diverged} of {trials} diverged at {} more", others.len()));
        }
        lines.extend(tail.first().map(|first| format!("all diverged from {} on", first.label)));
        lines
    }
}
