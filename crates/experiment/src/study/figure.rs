//! `[[figure]]`: what is drawn, as SVG and PNG.
//!
//! ```toml
//! [[figure]]
//! name = "convergence"
//! kind = "scaling"          # metric against an axis, log-log, one series per group of the other axes
//! metric = "predictor_distance"     # or several: metrics = ["first_weights", "hidden_weights"]
//! x = "width"               # default
//!
//! [[figure]]
//! name = "loss"
//! kind = "curves"           # a scalar quantity against time, one file per group of the other axes
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
//! ```

use widenet_core::{
    document::{Field, Reader},
    problem::{Quantity, Shape},
};

use super::{ReadResult, axes::Keys, own_name};

/// Linear or logarithmic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AxisScale {
    /// Linear.
    Linear,
    /// Logarithmic; only positive values are drawn.
    Log,
}

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
    Scaling {
        /// Names of the metrics.
        metrics: Vec<String>,
        /// `width` or the key of an axis.
        x: String,
    },
    /// A scalar quantity against time.
    Curves {
        /// The quantity.
        quantity: Quantity,
        /// `width` or the key of an axis: one line per value.
        series: String,
        /// Scale of the time axis.
        x_scale: AxisScale,
        /// Scale of the quantity's axis.
        y_scale: AxisScale,
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
}

/// A quantity that is one number per record.
pub(super) fn scalar_quantity(field: &Field<'_>) -> ReadResult<Quantity> {
    let scalars = Quantity::all().filter(|quantity| quantity.shape() == Shape::Scalar);
    let words: Vec<_> = scalars.map(|quantity| (quantity.name(), quantity)).collect();
    field.choice(&words)
}

#[derive(Clone, Copy)]
enum Kind {
    Scaling,
    Curves,
    Bands,
    Overlay,
}

impl Figure {
    pub(super) fn parse<'a>(reader: &mut Reader<'a>, keys: &Keys<'_>) -> ReadResult<Figure> {
        let scales = [("linear", AxisScale::Linear), ("log", AxisScale::Log)];
        let kinds =
            [("scaling", Kind::Scaling), ("curves", Kind::Curves), ("bands", Kind::Bands), ("overlay", Kind::Overlay)];
        let kind = match reader.required("kind", |field| field.choice(&kinds))? {
            Kind::Scaling => FigureKind::Scaling {
                metrics: match reader.optional("metrics", |field| field.list(|field| keys.metric(field)))? {
                    Some(metrics) if !metrics.is_empty() => metrics,
                    _ => vec![reader.required("metric", |field| keys.metric(field))?],
                },
                x: reader.or("x", "width".into(), |field| keys.variable(field))?,
            },
            Kind::Curves => FigureKind::Curves {
                quantity: reader.required("quantity", scalar_quantity)?,
                series: reader.or("series", "width".into(), |field| keys.axis(field))?,
                x_scale: reader.or("x_scale", AxisScale::Linear, |field| field.choice(&scales))?,
                y_scale: reader.or("y_scale", AxisScale::Log, |field| field.choice(&scales))?,
                floor: reader.or("floor", f64::NEG_INFINITY, Field::positive)?,
            },
            Kind::Bands => FigureKind::Bands,
            Kind::Overlay => FigureKind::Overlay {
                quantities: reader.required("quantities", |field| {
                    let quantities = field.list(|field| field.choice(&Quantity::words()))?;
                    if quantities.is_empty() { Err(field.must_be("at least one quantity")) } else { Ok(quantities) }
                })?,
                entries: reader
                    .or("entries", vec![0], |field| field.list(|field| Ok(field.whole_in(0..=1 << 32)? as usize)))?,
                x_scale: reader.or("x_scale", AxisScale::Linear, |field| field.choice(&scales))?,
            },
        };
        Ok(Figure { name: own_name(reader)?, kind })
    }
}
