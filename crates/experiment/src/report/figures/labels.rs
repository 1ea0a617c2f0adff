//! Names files, axes and lines of figures.

use widenet_engines::Reference;
use widenet_figures::words;

use crate::{
    measure::MeasuredTrial,
    study::{Against, Comparison, Label, Measured, Metric, Over, RecordedQuantity},
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
    match (&metric.of, metric.reference()) {
        (Measured::Records(recorded), _) => format!("{}{relative}", recorded_label(recorded, metric)),
        (Measured::Value { path, comparison: Comparison::Distance }, Some(_)) => {
            format!("‖{} − limit‖{relative}", words(path.rsplit('.').next().unwrap_or(path)))
        }
        (Measured::Value { .. }, _) => words(&metric.name),
    }
}

fn recorded_label(recorded: &RecordedQuantity, metric: &Metric) -> String {
    let what = match recorded.statistic.label {
        Label::Whole(words) => return words.into(),
        Label::Of(what) => what,
    };
    let quantity = words(recorded.quantity.name());
    let size = match &metric.against {
        Some(Against::Reference(Reference::Limit)) => format!("‖{quantity} − limit‖"),
        Some(Against::Reference(Reference::Lazy)) => format!("‖{quantity} − lazy‖"),
        Some(Against::Trials(trials)) if !recorded.statistic.is_of_all_seeds() => {
            let width = trials.width.map(|width| format!("width {width}"));
            let labels = width.into_iter().chain(trials.axes.iter().map(|(_, label)| words(label)));
            format!("‖{quantity} − {}‖", labels.collect::<Vec<_>>().join(", "))
        }
        _ => quantity,
    };
    let entry = recorded.entry.map_or_else(String::new, |entry| format!(", entry {entry}"));
    let over = match recorded.over {
        Over::Sup => "sup over t of ",
        Over::Final => "final ",
        Over::Initial => "initial ",
    };
    format!("{over}{what}{size}{entry}")
}

/// File names of the plots of groups: with the values of their axes, for example `loss-hidden_layers-3`.
pub(super) fn stems(name: &str, groups: &[&str]) -> Vec<String> {
    if groups.len() == 1 {
        return vec![name.into()];
    }
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._".contains(c) { c } else { '-' };
    let mut stems: Vec<String> = Vec::new();
    for group in groups {
        let values: String = group.replace(" = ", "-").replace(", ", "-").chars().map(safe).collect();
        let stem = format!("{name}-{values}");
        // Values may differ in other characters only.
        let taken = stems.contains(&stem);
        stems.push(if taken { format!("{stem}-{}", stems.len() + 1) } else { stem });
    }
    stems
}
