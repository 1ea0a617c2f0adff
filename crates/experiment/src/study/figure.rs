//! `[[figure]]`: what is drawn, as SVG and PNG.
//!
//! ```toml
//! [[figure]]
//! name = "convergence"
//! kind = "scaling"          # metric against an axis, log-log, one series per group of the other axes
//! metric = "predictor_distance"
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
    /// A metric against an axis.
    Scaling {
        /// Name of the metric.
        metric: String,
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
}

impl Figure {
    pub(super) fn parse<'a>(reader: &mut Reader<'a>, keys: &Keys<'_>) -> ReadResult<Figure> {
        let scales = [("linear", AxisScale::Linear), ("log", AxisScale::Log)];
        let kinds = [("scaling", Kind::Scaling), ("curves", Kind::Curves)];
        let kind = match reader.required("kind", |field| field.choice(&kinds))? {
            Kind::Scaling => FigureKind::Scaling {
                metric: reader.required("metric", |field| keys.metric(field))?,
                x: reader.or("x", "width".into(), |field| keys.variable(field))?,
            },
            Kind::Curves => FigureKind::Curves {
                quantity: reader.required("quantity", scalar_quantity)?,
                series: reader.or("series", "width".into(), |field| keys.axis(field))?,
                x_scale: reader.or("x_scale", AxisScale::Linear, |field| field.choice(&scales))?,
                y_scale: reader.or("y_scale", AxisScale::Log, |field| field.choice(&scales))?,
                floor: reader.or("floor", f64::NEG_INFINITY, Field::positive)?,
            },
        };
        Ok(Figure { name: own_name(reader)?, kind })
    }
}
