//! Section `[network]` of `widenet prior` and `widenet posterior` describes a random deep linear network, and its inputs.
//!
//! ```toml
//! [network]
//! widths = [64, 64, 16]        # hidden widths, [] for none; or width = 64 with hidden_layers = 64 or depth_ratio = 1.0
//! # alpha = 1.0                # or the proportional limit of depth-to-width ratio Σ 1/N (as width = "inf" with a depth_ratio), …
//! # bottlenecks = [4]          # … with these layers kept at their widths
//! outputs = 2                  # D, default 1
//! gain = 1.0                   # g = ∏ s_l², default 1; or weight_variances = [s_1², …, s_{L+1}²]
//! ```
//!
//! (docs/theory/proportional-limit.md §1.)

use std::sync::Arc;

use widenet_core::shapes::read_width;
use widenet_core::{
    Matrix, Result, Width,
    data::Dataset,
    document::{Document, Field, Reader},
};
use widenet_limits::proportional::{HiddenLayers, LayerGroup};

use crate::question::Load;

/// A random network, or the limit of such networks.
#[derive(Debug, Clone)]
pub(crate) struct RandomNetwork {
    /// Its hidden layers.
    pub(crate) layers: HiddenLayers,
    /// Hidden widths in the order of the file; none for a limit.
    pub(crate) widths: Option<Vec<u64>>,
    /// D.
    pub(crate) outputs: usize,
    /// `log g`.
    pub(crate) log_gain: f64,
}

/// Most hidden layers that are listed one by one.
const MAX_LISTED: u64 = 100_000_000;

impl RandomNetwork {
    /// Reads the section; `outputs` is what targets say of D.
    pub(crate) fn parse(field: &Field<'_>, outputs: Option<usize>) -> widenet_core::document::Result<Self> {
        let mut table = field.table()?;
        let (layers, widths) = hidden(&mut table)?;
        let outputs = match (table.optional("outputs", Field::count)?, outputs) {
            (Some(given), Some(found)) if given != found => {
                return Err(table.error(format!("`network.outputs` is {given}, and the targets have {found} columns")));
            }
            (given, found) => given.or(found).unwrap_or(1),
        };
        let log_gain = log_gain(&mut table, &layers)?;
        table.finish()?;
        Ok(Self { layers, widths, outputs, log_gain })
    }

    /// g, 0 or ∞ where a double cannot hold it.
    pub(crate) fn gain(&self) -> f64 {
        self.log_gain.exp()
    }
}

/// Exactly one of widths and α.
fn hidden(table: &mut Reader<'_>) -> widenet_core::document::Result<(HiddenLayers, Option<Vec<u64>>)> {
    let widths = table.optional("widths", |field| {
        field.elements()?.iter().map(width).collect::<widenet_core::document::Result<Vec<_>>>()
    })?;
    let equal = equal_layers(table)?;
    if widths.is_some() && equal.is_some() {
        return Err(table.error("give `network.widths`, or `network.width` with its depth, not both"));
    }
    let (widths, ratio) = match equal {
        Some(Equal::Layers(equal)) => (Some(equal), None),
        Some(Equal::Limit(ratio)) => (None, Some(ratio)),
        None => (widths, None),
    };
    let alpha = match (table.optional("alpha", Field::non_negative)?, ratio) {
        (Some(_), Some(_)) => return Err(table.error("give `network.alpha`, or width inf with `network.depth_ratio`")),
        (alpha, ratio) => alpha.or(ratio),
    };
    let bottlenecks = table.optional("bottlenecks", |field| {
        field.elements()?.iter().map(width).collect::<widenet_core::document::Result<Vec<_>>>()
    })?;
    let layers = |widths: &[u64], alpha| {
        let refuse = |error: widenet_core::Error| table.error::<widenet_core::document::Error>(error.to_string());
        HiddenLayers::new(&grouped(widths), alpha).map_err(refuse)
    };
    match (widths, alpha) {
        (Some(_), Some(alpha)) => Err(table.error(format!(
            "`network` has widths and `alpha` = {alpha}; give the widths of a network or α of the limit, not both \
             (`bottlenecks` are layers of a limit that keep their widths)"
        ))),
        (None, None) => Err(table.error("`network` needs `widths` (of a finite network) or `alpha` (of the limit)")),
        (Some(_), None) if bottlenecks.is_some() => {
            Err(table.error("`network.bottlenecks` belong to a limit; give `alpha`, or list them in `widths`"))
        }
        (Some(widths), None) => Ok((layers(&widths, 0.0)?, Some(widths))),
        (None, Some(alpha)) => Ok((layers(&bottlenecks.unwrap_or_default(), alpha)?, None)),
    }
}

/// Layers of one width.
enum Equal {
    Layers(Vec<u64>),
    /// Of infinite width, with this ratio of depth to width.
    Limit(f64),
}

/// `width` with `hidden_layers` or `depth_ratio`.
fn equal_layers(table: &mut Reader<'_>) -> widenet_core::document::Result<Option<Equal>> {
    let width = table.optional("width", read_width)?;
    let depth = table.optional("hidden_layers", |field| field.whole_in(0..=MAX_LISTED))?;
    let ratio = table.optional("depth_ratio", Field::non_negative)?;
    match (width, depth, ratio) {
        (None, None, None) => Ok(None),
        (Some(Width::Finite(width)), Some(depth), None) => Ok(Some(Equal::Layers(vec![width; depth as usize]))),
        (Some(Width::Finite(width)), None, Some(ratio)) => match (ratio * width as f64).round() {
            depth if depth <= MAX_LISTED as f64 => Ok(Some(Equal::Layers(vec![width; depth as usize]))),
            depth => Err(table.error(format!(
                "width {width} with depth_ratio {ratio} has {depth} hidden layers; at most {MAX_LISTED}"
            ))),
        },
        (Some(Width::Infinite), None, Some(ratio)) => Ok(Some(Equal::Limit(ratio))),
        // Infinitely wide networks of a fixed depth.
        (Some(Width::Infinite), Some(_), None) => Ok(Some(Equal::Limit(0.0))),
        _ => Err(table.error("`network.width` goes with one of `network.hidden_layers` and `network.depth_ratio`")),
    }
}

fn grouped(widths: &[u64]) -> Vec<LayerGroup> {
    widths.chunk_by(|a, b| a == b).map(|run| LayerGroup { width: run[0], count: run.len() as u64 }).collect()
}

fn width(field: &Field<'_>) -> widenet_core::document::Result<u64> {
    field.whole_in(1..=widenet_core::MAX_WIDTH)
}

fn log_gain(table: &mut Reader<'_>, layers: &HiddenLayers) -> widenet_core::document::Result<f64> {
    let gain = table.optional("gain", Field::positive)?;
    let variances = table.optional("weight_variances", |field| {
        field.list_of(layers.depth() as usize + 1, "one per layer of weights", Field::positive)
    })?;
    match (gain, variances) {
        (Some(_), Some(_)) => Err(table.error("give `network.gain` or `network.weight_variances`, not both")),
        (Some(gain), None) => Ok(gain.ln()),
        (None, Some(variances)) => Ok(variances.iter().map(|variance| variance.ln()).sum()),
        (None, None) => Ok(0.0),
    }
}

/// The data of a question, if it has a section `[data]`.
pub(crate) fn load_data(document: &Document, load: &mut Load<'_>) -> Result<Option<Arc<Dataset>>> {
    document.reader().get("data").map(|field| load(&field)).transpose()
}

/// `X Xᵀ / N0` of inputs in rows.
pub(crate) fn input_kernel(inputs: &Matrix) -> Matrix {
    inputs * inputs.transpose() / inputs.ncols() as f64
}

/// A probability strictly between 0 and 1.
pub(crate) fn level(field: &Field<'_>) -> widenet_core::document::Result<f64> {
    match field.number()? {
        level if level > 0.0 && level < 1.0 => Ok(level),
        _ => Err(field.must_be("a probability > 0 and < 1")),
    }
}

/// α beyond which a network is one direction up to rounding (docs/theory/proportional-limit.md §9).
const ONE_DIRECTION: f64 = 5.0;

/// What should be said about a network whatever is asked of it.
pub(crate) fn warnings(network: &RandomNetwork) -> Vec<String> {
    let mut warnings = Vec::new();
    let alpha = network.layers.alpha();
    if alpha > ONE_DIRECTION {
        warnings.push(format!(
            "alpha = {alpha:.3}: beyond {ONE_DIRECTION} all outputs are one direction up to rounding, and moments are carried by rare draws"
        ));
    }
    if !(network.gain().is_normal()) {
        warnings.push(format!("log gain = {:.6e}: the gain is beyond the range of doubles", network.log_gain));
    }
    warnings
}
