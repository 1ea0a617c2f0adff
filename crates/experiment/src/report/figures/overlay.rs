//! Draws single numbers of a few quantities over each other against training time, to show whether the curves coincide.
//!
//! ```toml
//! [[figure]]
//! name = "linearisation"
//! kind = "overlay"          # entries of quantities against time, one over the other; one file per group, of its first seed
//! quantities = ["test_outputs", "linearised_test_outputs"]
//! entries = [0, 1, 2]       # default [0]
//! x = "time"                # default; or "step"
//! x_scale = "linear"        # default; or "log"
//! ```

use widenet_core::{
    Width,
    document::{
        Field,
        keys::{optional, or, required},
        section,
        shape::{list, whole, word},
    },
    problem::Quantity,
    trajectory::{Record, Status, Value},
};

use widenet_figures::{Axis, AxisScale, Mark, Plot, Series, palette, words};

use super::kind::{Course, FigureKeys, Group, Kind, course, scale};
use crate::{
    measure::MeasuredTrial,
    study::{Keys as StudyKeys, ReadResult},
};

/// Entries of quantities of the first seed: the first quantity solid in a colour per entry, the others dashed in black, the limit given the
/// same start thin in grey where it is known.
struct Overlay {
    quantities: Vec<Quantity>,
    /// Positions in them, rows first to last.
    entries: Vec<usize>,
    /// What they are drawn against.
    x: Course,
    x_scale: AxisScale,
}

section! {
    /// Entries of quantities against time, one over the other; one file per group, of its first seed.
    pub(super) struct Keys {
        /// The quantities, the first solid.
        quantities: Vec<Quantity> = required(list(word())),
        /// Positions in them, rows first to last; [0] where nothing is given.
        entries: Option<Vec<usize>> = optional(list(whole(0..=1 << 32))),
        /// Against training time, or the steps.
        x: Course = or(course(), "time"),
        /// Scale of time or steps.
        x_scale: AxisScale = or(scale(), "linear"),
    }
}

impl FigureKeys for Keys {
    fn figure(&self, _: &StudyKeys<'_>, _: &Field<'_>) -> ReadResult<Box<dyn Kind>> {
        Ok(Box::new(Overlay {
            quantities: self.quantities.clone(),
            entries: self.entries.clone().unwrap_or_else(|| vec![0]),
            x: self.x,
            x_scale: self.x_scale,
        }))
    }
}

impl Kind for Overlay {
    fn quantities(&self) -> Vec<Quantity> {
        self.quantities.clone()
    }

    fn shared_axes(&self) -> Option<Vec<&str>> {
        Some(Vec::new())
    }

    fn draw(&self, group: &Group<'_>) -> Result<Vec<(String, Plot)>, String> {
        let trial = group.trials.first().filter(|trial| trial.trial.width != Some(Width::Infinite));
        let Some(trial) = trial else { return Ok(Vec::new()) };
        let plot = Plot {
            title: group.title.clone(),
            x: Axis { label: self.x.label(), scale: self.x_scale },
            y: Axis { label: words(self.quantities[0].name()), scale: AxisScale::Linear },
            series: self.series(trial),
            remarks: match trial.result.status() {
                Status::Done => Vec::new(),
                ended => vec![ended.ending()],
            },
        };
        Ok(vec![(String::new(), plot)])
    }
}

impl Overlay {
    fn series(&self, trial: &MeasuredTrial<'_>) -> Vec<Series> {
        let Overlay { quantities, entries, .. } = self;
        let colours = palette::groups(entries.len());
        let mut series = Vec::new();
        for (&entry, colour) in entries.iter().zip(colours) {
            let mut marks = Vec::new();
            for (position, &quantity) in quantities.iter().enumerate() {
                let width = if position == 0 { 3.0 } else { 1.5 };
                let colour = if position == 0 { colour } else { palette::BLACK };
                let points = self.curve(trial.records(), quantity, entry);
                let legend = match (position, entries.len()) {
                    (0, 1) => vec![words(quantity.name())],
                    (0, _) => vec![format!("{}, entry {entry}", words(quantity.name()))],
                    _ => vec![words(quantity.name())],
                };
                let mark = Mark::Line { points, width, dashed: position > 0 };
                marks.push(Series { legend, colour, marks: vec![mark] });
            }
            if let Some(limit) = &trial.limit_given_start {
                let points = self.curve(&limit.records, quantities[0], entry);
                let mark = Mark::Line { points, width: 1.0, dashed: false };
                marks.push(Series {
                    legend: vec!["limit given this start".into()],
                    colour: palette::GREY,
                    marks: vec![mark],
                });
            }
            series.extend(marks);
        }
        merged(series)
    }

    /// Entry `entry` (rows first to last) against time or steps.
    fn curve(&self, records: &[Record], quantity: Quantity, entry: usize) -> Vec<(f64, f64)> {
        let point = |record: &Record| {
            let value = *record.values.get(&quantity).map(Value::flatten)?.get(entry)?;
            value.is_finite().then_some((self.x.of(record), value))
        };
        records.iter().filter_map(point).collect()
    }
}

/// Series of the same legend become one, so that the legend names each once.
fn merged(series: Vec<Series>) -> Vec<Series> {
    let mut merged: Vec<Series> = Vec::new();
    for one in series {
        match merged.iter_mut().find(|known| known.legend == one.legend) {
            Some(known) => known.marks.extend(one.marks),
            None => merged.push(one),
        }
    }
    // Thin lines over the thick ones that they should hide.
    merged.sort_by_key(|series| matches!(series.marks[0], Mark::Line { width, .. } if width < 3.0));
    merged
}
