//! Draws how far outputs over seeds diverge from those of the reference network, against training time.

use widenet_core::{Error, problem::Quantity};

use widenet_figures::{Axis, AxisScale, Mark, Plot, Series, palette, words};

use super::labels::stems;
use crate::{
    error::Result,
    measure::{Compared, MeasuredTrial, Results, noise_floor, reference_network},
};

/// One plot per group of the axes other than `series` and the width, or one of all; a line per value but of the reference width itself.
/// Grey is what two samples of one law have.
pub(super) fn divergence(
    results: &Results<'_>,
    name: &str,
    series: Option<&str>,
    x_scale: AxisScale,
) -> Result<Vec<(String, Plot)>> {
    let Some(series) = series else {
        return Ok(vec![(name.into(), plot(results, &results.groups(&[]), String::new(), x_scale)?)]);
    };
    let plots = results.groups(&[series, "width"]);
    let stems = stems(name, &plots);
    let one = |(stem, (title, trials)): (String, (String, Vec<&MeasuredTrial<'_>>))| {
        let within = |(name, members): (String, Vec<_>)| {
            let members: Vec<_> =
                members.into_iter().filter(|trial: &&MeasuredTrial<'_>| contains(&trials, trial)).collect();
            (!members.is_empty()).then_some((name, members))
        };
        // The lines' names without what the title says.
        let others: Vec<&str> =
            results.study.axes.iter().map(|axis| axis.key.as_str()).filter(|key| *key != series).collect();
        let lines: Vec<_> = results.groups(&others).into_iter().filter_map(within).collect();
        let title = if title == "all" { String::new() } else { words(&title) };
        Ok((stem, plot(results, &lines, title, x_scale)?))
    };
    stems.into_iter().zip(plots).map(one).collect()
}

fn contains(trials: &[&MeasuredTrial<'_>], trial: &MeasuredTrial<'_>) -> bool {
    trials.iter().any(|one| one.trial.index == trial.trial.index)
}

/// The lines of groups of trials that differ in their seeds only.
fn plot(
    results: &Results<'_>,
    groups: &[(String, Vec<&MeasuredTrial<'_>>)],
    title: String,
    x_scale: AxisScale,
) -> Result<Plot> {
    let wrong = |reason: String| Error::Invalid(format!("a figure of divergence: {reason}"));
    let mut lines = Vec::new();
    for (group, trials) in groups {
        let Some((first, problem)) = trials.first().and_then(|first| Some((first, first.problem?))) else { continue };
        let reference = reference_network(problem).map_err(wrong)?;
        if first.trial.width == reference.width {
            continue;
        }
        let all = results.trials.iter().map(|measured| (measured.trial, measured.result));
        match Compared::of(first.trial, &reference, all).and_then(|compared| compared.at_records()) {
            Ok(points) => lines.push((words(group), points)),
            // A group of which a trial diverged has no law.
            Err(reason) => lines.push((format!("{} ({reason})", words(group)), Vec::new())),
        }
    }
    let times = || lines.iter().flat_map(|(_, points)| points.iter().map(|(time, _)| *time));
    let (start, end) = (times().filter(|time| *time > 0.0).fold(f64::INFINITY, f64::min), times().fold(0.0, f64::max));
    let start = if x_scale == AxisScale::Linear { 0.0 } else { start };
    let mut series: Vec<Series> = noise_floor(results.study.seeds.len())
        .map(|floor| Series {
            legend: vec!["expected of equal laws".into()],
            colour: palette::GREY,
            marks: vec![Mark::Line { points: vec![(start, floor), (end, floor)], width: 1.5, dashed: false }],
        })
        .into_iter()
        .collect();
    let colours = palette::groups(lines.len());
    series.extend(lines.into_iter().zip(colours).map(|((legend, points), colour)| Series {
        legend: vec![legend],
        colour,
        marks: vec![Mark::Line { points, width: 2.0, dashed: false }],
    }));
    Ok(Plot {
        title,
        x: Axis { label: "training time t".into(), scale: x_scale },
        y: Axis {
            label: format!("KL of {} from the reference network", words(Quantity::TestOutputs.name())),
            scale: AxisScale::Log,
        },
        series,
        remarks: vec![format!("Gaussians over {} seeds", results.study.seeds.len())],
    })
}
