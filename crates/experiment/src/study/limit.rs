//! Keys that say how exactly limits by quadrature are known ([`LimitOptions`]): of `[study]`, or axes.
//!
//! ```toml
//! accuracy = 1e-4       # half-width of 95 % intervals, relative to the largest number of each recorded quantity; or
//! nodes = 1024          # nodes per layer, a power of two
//! replicates = 8        # independent draws of the nodes
//! ```
//!
//! They are those of trials of width ∞, and of limits that metrics are against.

use serde_json::json;
use widenet_core::document::{
    Field,
    keys::optional,
    section,
    shape::{Inside, Located, Simple, Whole, inside, list, located, whole},
};
use widenet_engines::LimitOptions;

use super::read::ReadResult;

/// The keys of options of limits by quadrature.
pub(crate) const ACCURACY: &str = "accuracy";
pub(crate) const REPLICATES: &str = "replicates";
pub(crate) const NODES: &str = "nodes";

/// Half-widths of intervals.
fn accuracy() -> Inside {
    inside(0.0, 1.0)
}

/// Standard errors are spreads over two replicates or more.
fn replicates() -> Whole<usize> {
    whole(2..=10_000)
}

/// Sobol points are even in powers of two only.
fn nodes() -> Simple<u64> {
    Simple::new(
        |field| match field.whole() {
            Ok(nodes) if nodes.is_power_of_two() && (1 << 4..=1 << 22).contains(&nodes) => Ok(nodes),
            _ => Err(field.must_be("a power of two from 16 to 4194304")),
        },
        || json!({ "type": "number", "multipleOf": 16, "minimum": 16, "maximum": 1 << 22 }),
    )
}

section! {
    /// How exactly limits by quadrature are known.
    pub(super) struct LimitSettings {
        /// Of mean-field limits of perceptrons: half-width of 95 % intervals, relative to the largest number of each recorded quantity; 1e-3
        /// where nothing is given.
        accuracy: Option<Located<f64>> = optional(located(accuracy())),
        /// Of the same limits: independent draws of the nodes; 8 where nothing is given.
        replicates: Option<Located<usize>> = optional(located(replicates())),
        /// Of the same limits, instead of `accuracy`: nodes per layer, a power of two.
        nodes: Option<Located<u64>> = optional(located(nodes())),
    }
}

section! {
    /// How exactly limits by quadrature are known, in several ways.
    pub(super) struct LimitAxes {
        /// Of mean-field limits of perceptrons: half-widths of 95 % intervals, relative to the largest number of each recorded quantity.
        accuracy: Option<Located<Vec<f64>>> = optional(located(list(accuracy()))),
        /// Of the same limits: numbers of independent draws of the nodes.
        replicates: Option<Located<Vec<usize>>> = optional(located(list(replicates()))),
        /// Of the same limits: numbers of nodes per layer, powers of two.
        nodes: Option<Located<Vec<u64>>> = optional(located(list(nodes()))),
    }
}

impl LimitSettings {
    /// The options; keys that are axes are refused here.
    pub(super) fn options(&self, has_axis: impl Fn(&str) -> bool) -> ReadResult<LimitOptions> {
        let fields = [
            (ACCURACY, self.accuracy.as_ref().map(Located::field)),
            (REPLICATES, self.replicates.as_ref().map(Located::field)),
            (NODES, self.nodes.as_ref().map(Located::field)),
        ];
        let given = fields.into_iter().filter_map(|(key, field)| Some((key, field?)));
        for (key, field) in given {
            let reason = if has_axis(key) {
                format!("`axes.{key}` has its values; give one or the other")
            } else if key == ACCURACY && (self.nodes.is_some() || has_axis(NODES)) {
                "`nodes` are given, and an accuracy is what comes of them; give one or the other".into()
            } else if key == NODES && has_axis(ACCURACY) {
                "`axes.accuracy` chooses the number of nodes; give one or the other".into()
            } else {
                continue;
            };
            return Err(field.error(format!("`{}` is not used here: {reason}", field.key())));
        }
        Ok(LimitOptions {
            accuracy: self.accuracy.as_ref().map(|accuracy| accuracy.value),
            replicates: self.replicates.as_ref().map(|replicates| replicates.value),
            nodes: self.nodes.as_ref().map(|nodes| nodes.value),
        })
    }
}

impl LimitAxes {
    /// The axes that are given.
    pub(super) fn fields(&self) -> ReadResult<Vec<Field<'_>>> {
        if let (Some(_), Some(nodes)) = (&self.accuracy, &self.nodes) {
            return Err(nodes.error("`accuracy` chooses the number of `nodes`; give one axis or the other"));
        }
        let fields: [Option<Field<'_>>; 3] = [
            self.accuracy.as_ref().map(Located::field),
            self.replicates.as_ref().map(Located::field),
            self.nodes.as_ref().map(Located::field),
        ];
        Ok(fields.into_iter().flatten().collect())
    }
}

/// The options of a trial: those of the study with the value that an axis has there; `None` of an axis that is none of them.
pub(crate) fn with_axis(limit: LimitOptions, key: &str, value: Option<f64>) -> Option<LimitOptions> {
    match key {
        ACCURACY => Some(LimitOptions { accuracy: value, ..limit }),
        REPLICATES => Some(LimitOptions { replicates: value.map(|value| value as usize), ..limit }),
        NODES => Some(LimitOptions { nodes: value.map(|value| value as u64), ..limit }),
        _ => None,
    }
}
