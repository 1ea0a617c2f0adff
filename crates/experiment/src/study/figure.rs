//! A `[[figure]]` says what is drawn, as SVG and PNG.
//!
//! ```toml
//! [[figure]]
//! name = "convergence"
//! kind = "scaling"          # metric against an axis, one series per group of the other axes
//! metric = "predictor_distance"     # or several: metrics = ["first_weights", "hidden_weights"]
//! x = "width"               # default where there are widths
//! x_scale = "log"           # default; or "linear", as y_scale; only positive values have a place on a logarithmic axis
//! y_label = "distance"      # default: of the metric
//!
//! [[figure]]
//! name = "loss"
//! kind = "curves"           # a quantity against time, of lists and matrices the root mean square; one file per group of the other axes
//! quantity = "train_loss"
//! series = "width"          # default: one line per width; or an axis
//! x_scale = "linear"        # default; or "log" (time 0 is left out)
//! y_scale = "log"           # default; or "linear"
//! floor = 1e-18             # optional: means not above it are left out (rounding)
//!
//! [[figure]]
//! name = "outputs"
//! kind = "bands"            # mean ± 2 standard deviations of an ensemble over the test inputs, one file per record
//!
//! [[figure]]
//! name = "linearisation"
//! kind = "overlay"          # entries of quantities against time, one over the other; one file per group, of its first seed
//! quantities = ["test_outputs", "linearised_test_outputs"]
//! entries = [0, 1, 2]       # default [0]
//! x_scale = "linear"        # default; or "log"
//!
//! [[figure]]
//! name = "divergence"
//! kind = "divergence"       # KL of test outputs over seeds from those at the reference width (module `metric`, "kl"), against time
//! series = "parameterization.name"        # optional: lines of all values of an axis in one file per group of the other axes; without, all in one
//! x_scale = "log"           # default; or "linear"
//!
//! [[figure]]
//! name = "quantiles"
//! kind = "lines"            # of questions: lists of the answers against another; one file per group, of its first seed
//! x = "agreement.law.quantiles"           # path of the abscissas
//! y = ["agreement.limit.quantiles"]       # paths of lists as long, drawn as lines …
//! points = ["agreement.sample.quantiles"] # … or as markers; at least one in all
//! labels = ["limit", "networks"]          # default: the paths; of y, then of points
//! series = "network.depth_ratio"          # optional: lines of all values of an axis (or "width") in one file
//! x_scale = "linear"        # default; or "log", as y_scale
//! x_label = "exact law"     # default: the path; as y_label
//! diagonal = true           # default false: draws y = x
//! ```
//!
//! A problem has scaling, curves, bands, overlays and divergences, a question scaling and lines.

use widenet_core::{
    document::{Field, Reader},
    problem::Quantity,
};
use widenet_figures::AxisScale;

use super::{
    keys::Keys,
    read::{ReadResult, own_name},
    subject::Subject,
};

/// A named figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Name, the stem of its files.
    pub name: String,
    /// What it shows.
    pub kind: FigureKind,
}

/// What a figure shows.
#[derive(Debug, Clone, PartialEq)]
pub enum FigureKind {
    /// Metrics against an axis.
    Scaling(Scaling),
    /// A quantity against time, of lists and matrices the root mean square of the entries.
    Curves {
        /// The quantity.
        quantity: Quantity,
        /// `width` or the key of an axis: one line per value.
        series: String,
        /// Scales of the axes of time and quantity.
        scales: (AxisScale, AxisScale),
        /// Means not above this value are left out; -∞ to keep all.
        floor: f64,
    },
    /// Mean ± 2 standard deviations of the outputs on the test inputs.
    Bands,
    /// Entries of quantities against time, one over the other.
    Overlay {
        /// The quantities.
        quantities: Vec<Quantity>,
        /// Positions in them, rows first to last.
        entries: Vec<usize>,
        /// Scale of the time axis.
        x_scale: AxisScale,
    },
    /// Divergence of the outputs' law over seeds from that of the reference network, against time.
    Divergence {
        /// The key of an axis whose values share a plot; without, all do.
        series: Option<String>,
        /// Scale of the time axis.
        x_scale: AxisScale,
    },
    /// Lists of answers against another.
    Lines(Lines),
}

/// Metrics against an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    /// Names of the metrics.
    pub metrics: Vec<String>,
    /// `width` or the key of an axis.
    pub x: String,
    /// Scales of both axes.
    pub scales: (AxisScale, AxisScale),
    /// What stands at the axis of the metrics, if it is not their own label.
    pub y_label: Option<String>,
}

/// Ordinates of a figure of lists.
#[derive(Debug, Clone, PartialEq)]
pub struct Ordinates {
    /// Path of the list.
    pub path: String,
    /// What the legend calls it.
    pub label: String,
    /// Drawn as markers instead of a line.
    pub markers: bool,
}

/// Lists of answers against another.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    /// Path of the abscissas.
    pub x: String,
    /// What is drawn against them.
    pub y: Vec<Ordinates>,
    /// `width` or the key of an axis whose values share a plot.
    pub series: Option<String>,
    /// Scales of both axes.
    pub scales: (AxisScale, AxisScale),
    /// What stands at the axes.
    pub axis_labels: (String, String),
    /// Draws y = x.
    pub diagonal: bool,
}

const SCALES: [(&str, AxisScale); 2] = [("linear", AxisScale::Linear), ("log", AxisScale::Log)];

/// `x_scale` and `y_scale`.
fn scales(reader: &mut Reader<'_>, default: (AxisScale, AxisScale)) -> ReadResult<(AxisScale, AxisScale)> {
    let mut scale = |key, default| reader.or(key, default, |field| field.choice(&SCALES));
    Ok((scale("x_scale", default.0)?, scale("y_scale", default.1)?))
}

impl Lines {
    fn parse(reader: &mut Reader<'_>, keys: &Keys<'_>) -> ReadResult<Lines> {
        let x = reader.required("x", |field| keys.path(field))?;
        let paths = |field: &Field<'_>| field.list(|field| keys.path(field));
        let lines = reader.or("y", Vec::new(), paths)?;
        let points = reader.or("points", Vec::new(), paths)?;
        let paths: Vec<_> =
            lines.into_iter().map(|path| (path, false)).chain(points.into_iter().map(|path| (path, true))).collect();
        if paths.is_empty() {
            return Err(reader.error("`y` or `points` is missing: paths of what is drawn against `x`"));
        }
        let label = |path: &str| path.replace(['.', '_'], " ");
        let axis_labels =
            (reader.or("x_label", label(&x), Field::string)?, reader.or("y_label", label(&paths[0].0), Field::string)?);
        let meaning = "one per path of `y` and `points`";
        let labels = reader.optional("labels", |field| field.list_of(paths.len(), meaning, Field::string))?;
        let labels = labels.unwrap_or_else(|| paths.iter().map(|(path, _)| label(path)).collect());
        Ok(Lines {
            x,
            y: paths
                .into_iter()
                .zip(labels)
                .map(|((path, markers), label)| Ordinates { path, label, markers })
                .collect(),
            series: reader.optional("series", |field| keys.axis(field))?,
            scales: scales(reader, (AxisScale::Linear, AxisScale::Linear))?,
            axis_labels,
            diagonal: reader.or("diagonal", false, Field::boolean)?,
        })
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Scaling,
    Curves,
    Bands,
    Overlay,
    Divergence,
    Lines,
}

impl Figure {
    pub(super) fn parse<'a>(reader: &mut Reader<'a>, keys: &Keys<'_>) -> ReadResult<Figure> {
        let kinds: &[(&str, Kind)] = match keys.subject {
            Subject::Problem => &[
                ("scaling", Kind::Scaling),
                ("curves", Kind::Curves),
                ("bands", Kind::Bands),
                ("overlay", Kind::Overlay),
                ("divergence", Kind::Divergence),
            ],
            Subject::Prior | Subject::Posterior => &[("scaling", Kind::Scaling), ("lines", Kind::Lines)],
        };
        let kind = match reader.required("kind", |field| field.choice(kinds))? {
            Kind::Scaling => FigureKind::Scaling(Scaling {
                metrics: match reader.optional("metrics", |field| field.list(|field| keys.metric(field)))? {
                    Some(metrics) if !metrics.is_empty() => metrics,
                    _ => vec![reader.required("metric", |field| keys.metric(field))?],
                },
                x: keys.x(reader)?,
                scales: scales(reader, (AxisScale::Log, AxisScale::Log))?,
                y_label: reader.optional("y_label", Field::string)?,
            }),
            Kind::Curves => FigureKind::Curves {
                quantity: reader.required("quantity", |field| field.choice(&Quantity::words()))?,
                series: reader.or("series", "width".into(), |field| keys.axis(field))?,
                scales: scales(reader, (AxisScale::Linear, AxisScale::Log))?,
                floor: reader.or("floor", f64::NEG_INFINITY, Field::positive)?,
            },
            Kind::Bands => FigureKind::Bands,
            Kind::Divergence => FigureKind::Divergence {
                series: reader.optional("series", |field| keys.axis(field))?,
                x_scale: reader.or("x_scale", AxisScale::Log, |field| field.choice(&SCALES))?,
            },
            Kind::Lines => FigureKind::Lines(Lines::parse(reader, keys)?),
            Kind::Overlay => FigureKind::Overlay {
                quantities: reader.required("quantities", |field| {
                    let quantities = field.list(|field| field.choice(&Quantity::words()))?;
                    if quantities.is_empty() { Err(field.must_be("at least one quantity")) } else { Ok(quantities) }
                })?,
                entries: reader
                    .or("entries", vec![0], |field| field.list(|field| Ok(field.whole_in(0..=1 << 32)? as usize)))?,
                x_scale: reader.or("x_scale", AxisScale::Linear, |field| field.choice(&SCALES))?,
            },
        };
        Ok(Figure { name: own_name(reader)?, kind })
    }
}
