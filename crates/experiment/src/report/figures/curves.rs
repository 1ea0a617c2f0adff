//! Draws quantities against training time: numbers, or the root mean square of many.

use widenet_core::{
    Trajectory, Width,
    problem::{Quantity, Shape},
    trajectory::{Status, Value},
};

use widenet_figures::{Axis, AxisScale, Mark, Plot, Series, palette, words};
use widenet_statistics::fit::quantile;

use super::labels::{stems, value_label};
use crate::measure::{MeasuredTrial, Results};

/// A quantity against time: one plot per group, one line per value of `series`, the limit dashed in black on top.
pub(super) fn curves(
    results: &Results<'_>,
    name: &str,
    quantity: Quantity,
    series: &str,
    (x_scale, y_scale): (AxisScale, AxisScale),
    floor: f64,
) -> Vec<(String, Plot)> {
    let groups = results.groups(&[series]);
    let stems = stems(name, &groups);
    let plot = |(stem, (group, trials)): (String, (String, Vec<&MeasuredTrial<'_>>))| {
        let plot = Plot {
            title: if group == "all" { String::new() } else { words(&group) },
            x: Axis { label: "training time t".into(), scale: x_scale },
            y: Axis { label: y_label(quantity), scale: y_scale },
            series: lines(&trials, quantity, series, floor),
            remarks: match results.study.seeds.len() {
                1 => Vec::new(),
                _ => vec!["line: mean over seeds".into(), "band: 10–90 % of seeds".into()],
            },
        };
        (stem, plot)
    };
    stems.into_iter().zip(groups).map(plot).collect()
}

/// One series per value of the axis `key`, in order of appearance, the infinite width last. Diverged trials are left
/// out.
fn lines(trials: &[&MeasuredTrial<'_>], quantity: Quantity, key: &str, floor: f64) -> Vec<Series> {
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
        trials.iter().filter_map(|trial| Some((*trial, trial.limit_given_start.as_ref()?))).collect();
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
        trajectories.retain(|trajectory| trajectory.status == Status::Done);
        if trajectories.len() < count {
            legend.push(format!("without {} of {count}, diverged", count - trajectories.len()));
        }
        let (mean, band) = average(&trajectories, quantity, floor);
        let mut marks = Vec::new();
        if trajectories.len() > 1 {
            marks.push(Mark::Band(band));
        }
        // Dashed, so that what lies under the limit is seen.
        marks.push(Mark::Line { points: mean, width: if limit { 2.5 } else { 2.0 }, dashed: limit });
        Series { legend, colour, marks }
    };
    members.into_iter().zip(colours).map(line).collect()
}

fn y_label(quantity: Quantity) -> String {
    match quantity.shape() {
        Shape::Scalar => words(quantity.name()),
        _ => format!("root mean square of {}", words(quantity.name())),
    }
}

/// A number, or the root mean square of many.
fn size(value: &Value) -> f64 {
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

/// Mean, where it is above `floor`, and 10–90 % band over trajectories that have the same records.
fn average(trajectories: &[&Trajectory], quantity: Quantity, floor: f64) -> Curve {
    let records = trajectories.iter().map(|trajectory| trajectory.records.len()).min().unwrap_or(0);
    let (mut curve, mut band) = (Vec::new(), Vec::new());
    for index in 0..records {
        let size = |trajectory: &&Trajectory| {
            let size = size(trajectory.records[index].values.get(&quantity)?);
            size.is_finite().then_some(size)
        };
        let mut values: Vec<f64> = trajectories.iter().filter_map(size).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        if values.len() == trajectories.len() && mean > floor {
            values.sort_by(f64::total_cmp);
            let time = trajectories[0].records[index].time;
            curve.push((time, mean));
            band.push((time, quantile(&values, 0.1).max(floor), quantile(&values, 0.9)));
        }
    }
    (curve, band)
}
