//! Divergence of the outputs' law over seeds from that of the reference network, against training time.

use widenet_core::{Error, problem::Quantity};

use super::{
    palette,
    plot::{Axis, Mark, Plot, Series},
    words,
};
use crate::{
    Result,
    divergence::{Compared, noise_floor, reference_width},
    measure::Results,
    study::AxisScale,
};

/// One line per group of axes and width but the reference width itself; grey is what two samples of one law have.
pub(super) fn divergence(results: &Results<'_>, x_scale: AxisScale) -> Result<Plot> {
    let wrong = |reason: String| Error::Invalid(format!("a figure of divergence: {reason}"));
    let mut lines = Vec::new();
    for (group, trials) in results.groups(&[]) {
        let Some((first, problem)) = trials.first().and_then(|first| Some((first, first.problem?))) else { continue };
        let width = reference_width(problem).map_err(wrong)?;
        if first.trial.width.is_some_and(|own| own.as_f64() == width) {
            continue;
        }
        let all = results.trials.iter().map(|measured| (measured.trial, &measured.result));
        match Compared::of(first.trial, problem, all).and_then(|compared| compared.at_records()) {
            Ok(points) => lines.push((words(&group), points)),
            // A group of which a trial diverged has no law.
            Err(reason) => lines.push((format!("{} ({reason})", words(&group)), Vec::new())),
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
        title: String::new(),
        x: Axis { label: "training time t".into(), scale: x_scale },
        y: Axis {
            label: format!("KL of {} from the reference network", words(Quantity::TestOutputs.name())),
            scale: AxisScale::Log,
        },
        series,
        remarks: vec![format!("Gaussians over {} seeds", results.study.seeds.len())],
    })
}
