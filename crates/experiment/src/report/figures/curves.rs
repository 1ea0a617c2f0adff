//! Draws quantities against training time: numbers, or the root mean square of many.
//!
//! ```toml
//! [[figure]]
//! name = "loss"
//! kind = "curves"           # a quantity against time, of lists and matrices the root mean square; one file per group of the other axes
//! quantity = "train_loss"
//! series = "width"          # default: one line per width; or an axis
//! x = "time"                # default: learning rate × step (with a schedule their sum), or the time of a flow; or "step"
//! x_scale = "linear"        # default; or "log" (time 0 is left out)
//! y_scale = "log"           # default; or "linear"
//! floor = 1e-18             # optional: means not above it are left out (rounding)
//! ```

use widenet_core::{
    Trajectory, Width,
    document::{
        Field,
        keys::{optional, or, required},
        section,
        shape::{Located, located, positive, text, word},
    },
    problem::{Quantity, Shape},
    trajectory::{Status, Stopped, Value},
};

use widenet_figures::{Axis, AxisScale, Mark, Plot, Series, palette, words};
use widenet_statistics::fit::quantile;

use super::{
    kind::{Course, FigureKeys, Group, Kind, course, scale},
    labels::value_label,
};
use crate::{
    measure::MeasuredTrial,
    study::{Keys as StudyKeys, ReadResult},
};

/// A quantity against time: one line per value of an axis, the limit dashed in black on top.
struct Curves {
    quantity: Quantity,
    /// `width` or the key of an axis.
    series: String,
    /// What it is drawn against.
    x: Course,
    /// Scales of the axes of time and quantity.
    scales: (AxisScale, AxisScale),
    /// Means not above this value are left out; −∞ to keep all.
    floor: f64,
}

section! {
    /// A quantity against time, of lists and matrices the root mean square; one file per group of the other axes.
    pub(super) struct Keys {
        /// The quantity.
        quantity: Quantity = required(word()),
        /// One line per value of this axis, or of `width`.
        series: Located<String> = or(located(text()), "width"),
        /// Against training time, which is the sum of the learning rates or the time of a flow, or against the steps.
        x: Course = or(course(), "time"),
        /// Scale of time or steps; 0 has no place on a logarithmic axis.
        x_scale: AxisScale = or(scale(), "linear"),
        /// Scale of the quantity.
        y_scale: AxisScale = or(scale(), "log"),
        /// Means not above it are left out (rounding).
        floor: Option<f64> = optional(positive()),
    }
}

impl FigureKeys for Keys {
    fn figure(&self, keys: &StudyKeys<'_>, _: &Field<'_>) -> ReadResult<Box<dyn Kind>> {
        Ok(Box::new(Curves {
            quantity: self.quantity,
            series: keys.axis(&self.series.field())?,
            x: self.x,
            scales: (self.x_scale, self.y_scale),
            floor: self.floor.unwrap_or(f64::NEG_INFINITY),
        }))
    }
}

impl Kind for Curves {
    fn quantities(&self) -> Vec<Quantity> {
        vec![self.quantity]
    }

    fn shared_axes(&self) -> Option<Vec<&str>> {
        Some(vec![&self.series])
    }

    fn draw(&self, group: &Group<'_>) -> Result<Vec<(String, Plot)>, String> {
        let plot = Plot {
            title: group.title.clone(),
            x: Axis { label: self.x.label(), scale: self.scales.0 },
            y: Axis { label: y_label(self.quantity), scale: self.scales.1 },
            series: self.lines(group),
            remarks: match group.results.study.seeds.len() {
                1 if group.trials.iter().any(|trial| has_errors(trial, self.quantity)) => {
                    vec!["band: ± 2 standard errors".into()]
                }
                1 => Vec::new(),
                _ => vec!["line: mean over seeds".into(), "band: 10–90 % of seeds".into()],
            },
        };
        Ok(vec![(String::new(), plot)])
    }
}

impl Curves {
    /// One series per value of the axis, in order of appearance, the infinite width last. Diverged trials are in no mean; a cross on
    /// the upper edge marks when each diverged.
    fn lines(&self, group: &Group<'_>) -> Vec<Series> {
        let (trials, key) = (&group.trials, self.series.as_str());
        let mut members: Vec<(String, Vec<&MeasuredTrial<'_>>)> = Vec::new();
        for trial in trials {
            let label = value_label(trial, key);
            match members.iter_mut().find(|(known, _)| *known == label) {
                Some((_, list)) => list.push(trial),
                None => members.push((label, vec![trial])),
            }
        }
        let is_limit = |list: &[&MeasuredTrial<'_>]| key == "width" && list[0].trial.width == Some(Width::Infinite);
        members.sort_by_key(|(_, list)| is_limit(list));
        let limits = members.iter().filter(|(_, list)| is_limit(list)).count();
        let colours = palette::sequence(members.len() - limits).into_iter().chain(std::iter::repeat(palette::BLACK));
        let given_start: Vec<_> =
            group.all.iter().filter_map(|trial| Some((*trial, trial.limit_given_start.as_ref()?))).collect();
        let line = |((label, list), colour): ((String, Vec<&MeasuredTrial<'_>>), _)| {
            let limit = is_limit(&list);
            let (mut legend, mut trajectories) =
                (vec![label], list.iter().filter_map(|trial| trial.trajectory()).collect());
            if limit {
                legend = vec!["m = ∞ (limit)".into()];
                // Limits with random starts of their own would be other networks' limits.
                if let Some((trial, _)) = given_start.first() {
                    legend.push(format!("given the starts at m = {}", trial.trial.width_text()));
                    trajectories = given_start.iter().map(|(_, limit)| *limit).collect::<Vec<_>>();
                }
            }
            let count = trajectories.len();
            let (trajectories, diverged): (Vec<_>, Vec<_>) =
                trajectories.into_iter().partition(|trajectory| trajectory.status.is_success());
            if !diverged.is_empty() {
                legend.push(format!("{} of {count} diverged (×)", diverged.len()));
            }
            legend.extend(self.stopped_legend(&trajectories));
            let (mean, band) = self.average(&trajectories);
            let mut marks = Vec::new();
            if trajectories.len() > 1 || band.iter().any(|(_, low, high)| high > low) {
                marks.push(Mark::Band(band));
            }
            // Dashed, so that what lies under the limit is seen.
            marks.push(Mark::Line { points: mean, width: if limit { 2.5 } else { 2.0 }, dashed: limit });
            marks.push(Mark::Lost(diverged.iter().filter_map(|trajectory| self.divergence(trajectory)).collect()));
            Series { legend, colour, marks }
        };
        members.into_iter().zip(colours).map(line).collect()
    }

    /// Says where the mean ends that some trajectories left by stopping.
    fn stopped_legend(&self, trajectories: &[&Trajectory]) -> Option<String> {
        let places = trajectories.iter().filter_map(|trajectory| match trajectory.status {
            Status::Stopped(Stopped { step, time, .. }) => Some(self.x.at(step, time)),
            Status::Done | Status::Diverged { .. } | Status::Interrupted { .. } => None,
        });
        let places: Vec<f64> = places.collect();
        let first = places.iter().copied().reduce(f64::min)?;
        let (first, what) = ((first * 1e4).round() / 1e4, self.x.symbol());
        Some(match trajectories.len() {
            1 => format!("stopped at {what} {first}"),
            count => format!("{} of {count} stopped, the first at {what} {first}", places.len()),
        })
    }

    /// Where a trajectory diverged.
    fn divergence(&self, trajectory: &Trajectory) -> Option<f64> {
        match trajectory.status {
            Status::Diverged { step, time } => Some(self.x.at(step, time)),
            _ => None,
        }
    }

    /// Mean, where it is above the floor, and 10–90 % band over trajectories, up to where the first stopped; of one trajectory ± 2 standard errors, where
    /// its values are estimates.
    fn average(&self, trajectories: &[&Trajectory]) -> Curve {
        let Curves { quantity, floor, x, .. } = *self;
        let records = trajectories.iter().map(|trajectory| trajectory.records.len()).min().unwrap_or(0);
        let (mut curve, mut band) = (Vec::new(), Vec::new());
        for index in 0..records {
            let size = |trajectory: &&Trajectory| {
                let size = size_of(trajectory.records[index].values.get(&quantity)?);
                size.is_finite().then_some(size)
            };
            let mut values: Vec<f64> = trajectories.iter().filter_map(size).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            if values.len() == trajectories.len() && mean > floor {
                values.sort_by(f64::total_cmp);
                let place = x.of(&trajectories[0].records[index]);
                curve.push((place, mean));
                let error = trajectories[0].records[index]
                    .errors
                    .get(&quantity)
                    .filter(|_| values.len() == 1)
                    .map_or(0.0, size_of);
                band.push((
                    place,
                    (quantile(&values, 0.1) - BAND * error).max(floor),
                    quantile(&values, 0.9) + BAND * error,
                ));
            }
        }
        (curve, band)
    }
}

/// Whether a quantity is an estimate.
fn has_errors(trial: &MeasuredTrial<'_>, quantity: Quantity) -> bool {
    trial.records().iter().any(|record| record.errors.contains_key(&quantity))
}

fn y_label(quantity: Quantity) -> String {
    match quantity.shape() {
        Shape::Scalar => words(quantity.name()),
        _ => format!("root mean square of {}", words(quantity.name())),
    }
}

/// A number, or the root mean square of many.
fn size_of(value: &Value) -> f64 {
    match value {
        Value::Scalar(value) => *value,
        many => {
            let entries = many.flatten();
            (entries.iter().map(|entry| entry * entry).sum::<f64>() / entries.len() as f64).sqrt()
        }
    }
}

/// Points of a mean curve, and of a band (time, low, high).
type Curve = (Vec<(f64, f64)>, Vec<(f64, f64, f64)>);

/// Standard errors to either side of an estimate.
const BAND: f64 = 2.0;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use widenet_core::trajectory::{Engine, Record};

    use super::*;

    fn trajectory(loss: f64, error: Option<f64>) -> Trajectory {
        let scalar = |number| BTreeMap::from([(Quantity::TrainLoss, Value::Scalar(number))]);
        let errors = error.map_or_else(BTreeMap::new, scalar);
        let records = vec![Record { errors, ..Record::new(1, 0.5, scalar(loss)) }];
        Trajectory { width: Width::Infinite, engine: Engine::Limit, seed: 0, status: Status::Done, records }
    }

    #[test]
    fn one_estimate_has_a_band_of_two_standard_errors() {
        let curves = |x| Curves {
            quantity: Quantity::TrainLoss,
            series: "width".into(),
            x,
            scales: (AxisScale::Linear, AxisScale::Log),
            floor: 0.0,
        };
        let band = |trajectories: &[&Trajectory]| curves(Course::Time).average(trajectories).1;
        assert_eq!(band(&[&trajectory(1.0, Some(0.25))]), [(0.5, 0.5, 1.5)]);
        assert_eq!(band(&[&trajectory(1.0, None)]), [(0.5, 1.0, 1.0)]);
        let both = [trajectory(1.0, Some(0.25)), trajectory(1.0, Some(0.25))];
        assert_eq!(band(&[&both[0], &both[1]]), [(0.5, 1.0, 1.0)], "of several the band is that of seeds");
        let against_steps = curves(Course::Step).average(&[&trajectory(1.0, None)]).0;
        assert_eq!(against_steps, [(1.0, 1.0)], "the record of step 1 is that of time 0.5");
    }
}
