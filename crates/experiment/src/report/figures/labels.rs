//! Names files, axes and lines of figures.

use widenet_engines::Reference;
use widenet_figures::words;

use crate::{
    measure::MeasuredTrial,
    study::{Comparison, Measured, Metric, Over, RecordedQuantity, Statistic},
};

/// Words for an axis: `width m`, or the key's last part.
pub(super) fn axis_label(key: &str) -> String {
    match key {
        "width" => "width m".into(),
        _ => words(key.rsplit('.').next().unwrap_or(key)),
    }
}

/// The value an axis (or the width) has in a trial, for a legend.
pub(super) fn value_label(trial: &MeasuredTrial<'_>, key: &str) -> String {
    match key {
        "width" => format!("m = {}", trial.trial.width_text()),
        _ => {
            let label = trial.trial.axes.iter().find(|(axis, _)| axis == key).map(|(_, label)| label.as_str());
            format!("{} = {}", axis_label(key), words(label.unwrap_or_default()))
        }
    }
}

pub(super) fn metric_label(metric: &Metric) -> String {
    let relative = if metric.relative { ", relative" } else { "" };
    match (&metric.of, metric.against) {
        (Measured::Records(recorded), _) => format!("{}{relative}", recorded_label(recorded, metric)),
        (Measured::Value { path, comparison: Comparison::Distance, .. }, Some(_)) => {
            format!("‖{} − limit‖{relative}", words(path.rsplit('.').next().unwrap_or(path)))
        }
        (Measured::Value { .. }, _) => words(&metric.name),
    }
}

fn recorded_label(recorded: &RecordedQuantity, metric: &Metric) -> String {
    let quantity = words(recorded.quantity.name());
    let size = match (metric.against, &metric.reference) {
        (Some(Reference::Limit), _) => format!("‖{quantity} − limit‖"),
        (Some(Reference::Lazy), _) => format!("‖{quantity} − lazy‖"),
        (None, Some(reference)) if !recorded.statistic.is_of_a_law() => {
            let width = reference.width.map(|width| format!("width {width}"));
            let labels = width.into_iter().chain(reference.axes.iter().map(|(_, label)| words(label)));
            format!("‖{quantity} − {}‖", labels.collect::<Vec<_>>().join(", "))
        }
        (None, _) => quantity,
    };
    let size = match recorded.entry {
        Some(entry) => format!("{size}, entry {entry}"),
        None => size,
    };
    let size = match recorded.statistic {
        Statistic::PValue => return "p-value of the mean output under the limit".into(),
        Statistic::Kl => return "KL from the reference network".into(),
        Statistic::Ks => format!("p-value of equal laws: {size}"),
        Statistic::MeanRatio => format!("mean in units of the reference: {size}"),
        Statistic::StdRatio => format!("standard deviation in units of the reference: {size}"),
        Statistic::Rms => format!("root mean square of {size}"),
        Statistic::Norm => size,
    };
    let over = match recorded.over {
        Over::Sup => "sup over t of ",
        Over::Final => "final ",
        Over::Initial => "initial ",
    };
    format!("{over}{size}")
}

/// File names of the plots of groups: with the values of their axes, for example `loss-hidden_layers-3`.
pub(super) fn stems(name: &str, groups: &[(String, Vec<&MeasuredTrial<'_>>)]) -> Vec<String> {
    if let [_] = groups {
        return vec![name.into()];
    }
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._".contains(c) { c } else { '-' };
    let mut stems: Vec<String> = Vec::new();
    for (group, _) in groups {
        let values: String = group.replace(" = ", "-").replace(", ", "-").chars().map(safe).collect();
        let stem = format!("{name}-{values}");
        // Values may differ in other characters only.
        let taken = stems.contains(&stem);
        stems.push(if taken { format!("{stem}-{}", stems.len() + 1) } else { stem });
    }
    stems
}
