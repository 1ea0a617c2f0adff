//! Draws what small networks predict of wide ones as bands, under networks of these widths.
//!
//! ```text
//! f_∞ + b/m ± 2 s/√m        against training time
//! ```
//!
//! (docs/theory/nonlinear-mean-field.md §5.)

use std::path::{Path, PathBuf};

use widenet_core::{Trajectory, Width, problem::Quantity, trajectory::Record};
use widenet_engines::{Entry, Fluctuations, Moment};
use widenet_figures::{Axis, AxisScale, Mark, Plot, Series, palette, words};
use widenet_output::Result;

/// Numbers of a quantity that are drawn, each in a plot of its own: the first ones.
const MOST: usize = 4;
/// Standard deviations from the middle of a band to its edge.
const DEVIATIONS: f64 = 2.0;

/// Draws every recorded quantity as SVG and PNG into a folder that is there: at each of the widths what is predicted, over it the networks that
/// have this width, and the limit. Returns the SVG files.
///
/// # Errors
/// Those of writing the files.
pub fn draw_fluctuations(
    found: &Fluctuations,
    widths: &[u64],
    networks: &[Trajectory],
    directory: &Path,
) -> Result<Vec<PathBuf>> {
    let quantities = found.moments.first().map(|moment| &moment.quantities);
    let mut files = Vec::new();
    for (&quantity, (_, entries)) in quantities.into_iter().flatten() {
        for number in 0..entries.len().min(MOST) {
            let stem = match entries.len() {
                1 => quantity.name().to_owned(),
                _ => format!("{}-{}", quantity.name(), number + 1),
            };
            plot(found, (quantity, number), widths, networks).write(directory, &stem)?;
            files.push(directory.join(format!("{stem}.svg")));
        }
    }
    Ok(files)
}

/// One number of a quantity.
fn plot(found: &Fluctuations, (quantity, number): (Quantity, usize), widths: &[u64], networks: &[Trajectory]) -> Plot {
    let at_each = |f: &dyn Fn(f64, &Entry) -> (f64, f64, f64)| -> Vec<(f64, f64, f64)> {
        let entry = |moment: &Moment| Some(f(moment.time, moment.quantities.get(&quantity)?.1.get(number)?));
        found.moments.iter().filter_map(entry).collect()
    };
    let of_width = |(&width, colour)| {
        let band = at_each(&|time, entry| {
            let (mean, half) = (entry.mean_at(width), DEVIATIONS * entry.std_at(width));
            (time, mean - half, mean + half)
        });
        let mut marks = vec![Mark::Band(band)];
        let own: Vec<&Trajectory> = networks.iter().filter(|network| network.width == Width::Finite(width)).collect();
        let (done, lost): (Vec<_>, Vec<_>) = own.into_iter().partition(|network| network.status.is_success());
        marks.extend(done.iter().map(|network| line(network, quantity, number)));
        let mut legend = vec![format!("m = {width}")];
        if !lost.is_empty() {
            legend.push(format!("{} of {} diverged", lost.len(), lost.len() + done.len()));
        }
        Series { legend, colour, marks }
    };
    let limit = at_each(&|time, entry| (time, entry.limit, 0.0)).into_iter().map(|(time, limit, _)| (time, limit));
    let limit = Series {
        legend: vec!["m = ∞ (limit)".into()],
        colour: palette::BLACK,
        marks: vec![Mark::Line { points: limit.collect(), width: 1.5, dashed: true }],
    };
    let mut remarks =
        vec![format!("band: predicted mean ± {DEVIATIONS} standard deviations"), predicted_from(found, quantity)];
    if !networks.is_empty() {
        remarks.push("thin lines: networks of this width".into());
    }
    Plot {
        title: String::new(),
        x: Axis { label: "training time t".into(), scale: AxisScale::Linear },
        y: Axis { label: words(quantity.name()), scale: AxisScale::Linear },
        series: widths.iter().zip(palette::sequence(widths.len())).map(of_width).chain([limit]).collect(),
        remarks,
    }
}

/// Where both small widths disagree, what is predicted is made of the wider networks.
fn predicted_from(found: &Fluctuations, quantity: Quantity) -> String {
    let by_wider = found.agreements.iter().any(|agreement| agreement.quantity == quantity && !agreement.holds());
    let (networks, width) =
        if by_wider { (found.networks[1], 2 * found.small_width) } else { (found.networks[0], found.small_width) };
    format!("from {networks} networks of width {width}")
}

fn line(network: &Trajectory, quantity: Quantity, number: usize) -> Mark {
    let point = |record: &Record| Some((record.time, *record.values.get(&quantity)?.flatten().get(number)?));
    Mark::Line { points: network.records.iter().filter_map(point).collect(), width: 0.8, dashed: false }
}
