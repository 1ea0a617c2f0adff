//! Draws how far outputs over seeds diverge from those of the reference network, against training time.
//!
//! ```toml
//! [[figure]]
//! name = "divergence"
//! kind = "divergence"       # KL of test outputs over seeds from those at the reference width (module `metric`, "kl"), against time
//! series = "parameterization.name"        # optional: lines of all values of an axis in one file per group of the other axes; without, all in one
//! x = "time"                # default; or "step"
//! x_scale = "log"           # default; or "linear"
//! ```

use widenet_core::{
    document::{
        Field,
        keys::{optional, or},
        section,
        shape::{Located, located, text},
    },
    problem::Quantity,
};
use widenet_figures::{Axis, AxisScale, Mark, Plot, Series, palette, words};

use super::kind::{Course, FigureKeys, Group, Kind, course, scale};
use crate::{
    measure::{Compared, noise_floor, reference_network},
    study::{Keys as StudyKeys, ReadResult},
};

/// A line per group of seeds but those of the reference width itself. Grey is what two samples of one law have.
struct Divergence {
    /// The key of an axis whose values share a plot; without, all do.
    series: Option<String>,
    /// What it is drawn against.
    x: Course,
    x_scale: AxisScale,
}

section! {
    /// Kullback–Leibler divergence of test outputs over seeds from those at the reference width, against time.
    pub(super) struct Keys {
        /// Lines of all values of this axis share a file per group of the other axes; without it all share one.
        series: Option<Located<String>> = optional(located(text())),
        /// Against training time, or the steps.
        x: Course = or(course(), "time"),
        /// Scale of time or steps.
        x_scale: AxisScale = or(scale(), "log"),
    }
}

impl FigureKeys for Keys {
    fn figure(&self, keys: &StudyKeys<'_>, _: &Field<'_>) -> ReadResult<Box<dyn Kind>> {
        let series = self.series.as_ref().map(|series| keys.axis(&series.field())).transpose()?;
        Ok(Box::new(Divergence { series, x: self.x, x_scale: self.x_scale }))
    }
}

impl Kind for Divergence {
    fn quantities(&self) -> Vec<Quantity> {
        vec![Quantity::TestOutputs]
    }

    fn shared_axes(&self) -> Option<Vec<&str>> {
        self.series.as_deref().map(|series| vec![series, "width"])
    }

    fn draw(&self, group: &Group<'_>) -> Result<Vec<(String, Plot)>, String> {
        let Group { title, trials, results, .. } = group;
        // The lines' names without what the title says.
        let others: Vec<&str> = match &self.series {
            Some(series) => {
                results.study.axes.iter().map(|axis| axis.key.as_str()).filter(|key| key != series).collect()
            }
            None => Vec::new(),
        };
        let mut lines = Vec::new();
        for (name, seeds) in results.groups_among(trials.iter().copied(), &others) {
            let Some((first, problem)) = seeds.first().and_then(|first| Some((first, first.problem?))) else {
                continue;
            };
            let reference = reference_network(problem)?;
            if first.trial.width == reference.width {
                continue;
            }
            let all = results.trials.iter().map(|measured| (measured.trial, measured.result));
            match Compared::of(first.trial, &reference, all)
                .and_then(|compared| compared.divergences(|record| self.x.of(record)))
            {
                Ok(points) => lines.push((words(&name), points)),
                // A group of which a trial diverged has no law.
                Err(reason) => lines.push((format!("{} ({reason})", words(&name)), Vec::new())),
            }
        }
        let seeds = results.study.seeds.len();
        let plot = Plot {
            title: title.clone(),
            x: Axis { label: self.x.label(), scale: self.x_scale },
            y: Axis {
                label: format!("KL of {} from the reference network", words(Quantity::TestOutputs.name())),
                scale: AxisScale::Log,
            },
            series: floor(seeds, &lines, self.x_scale).into_iter().chain(coloured(lines)).collect(),
            remarks: vec![format!("Gaussians over {seeds} seeds")],
        };
        Ok(vec![(String::new(), plot)])
    }
}

/// A line against time or steps, with what the legend calls it.
type Line = (String, Vec<(f64, f64)>);

/// What two samples of one law have on average, over the places of all lines.
fn floor(seeds: usize, lines: &[Line], x_scale: AxisScale) -> Option<Series> {
    let places = || lines.iter().flat_map(|(_, points)| points.iter().map(|(place, _)| *place));
    let (start, end) =
        (places().filter(|place| *place > 0.0).fold(f64::INFINITY, f64::min), places().fold(0.0, f64::max));
    let start = if x_scale == AxisScale::Linear { 0.0 } else { start };
    noise_floor(seeds).map(|floor| Series {
        legend: vec!["expected of equal laws".into()],
        colour: palette::GREY,
        marks: vec![Mark::Line { points: vec![(start, floor), (end, floor)], width: 1.5, dashed: false }],
    })
}

fn coloured(lines: Vec<Line>) -> impl Iterator<Item = Series> {
    let colours = palette::groups(lines.len());
    lines.into_iter().zip(colours).map(|((legend, points), colour)| Series {
        legend: vec![legend],
        colour,
        marks: vec![Mark::Line { points, width: 2.0, dashed: false }],
    })
}
