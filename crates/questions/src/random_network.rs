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

use widenet_core::shapes::width;
use widenet_core::{
    MAX_WIDTH, Matrix, Width,
    document::{
        Field, Result,
        keys::optional,
        section,
        shape::{Inside, Located, count, inside, list, list_or_none, located, non_negative, positive, whole},
    },
};
use widenet_limits::proportional::{HiddenLayers, LayerGroup};

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

section! {
    /// A random deep linear network, or the limit of such networks: section `[network]` of priors and posteriors.
    #[derive(Debug, Clone, PartialEq)]
    pub(crate) struct NetworkSection {
        /// Hidden widths, an empty list for none.
        widths: Option<Vec<u64>> = optional(list_or_none(whole(1..=MAX_WIDTH))),
        /// The width of all hidden layers, with `hidden_layers` or `depth_ratio`; inf is a limit.
        width: Option<Width> = optional(width()),
        /// Number of hidden layers of that width.
        hidden_layers: Option<u64> = optional(whole(0..=MAX_LISTED)),
        /// Their number over their width.
        depth_ratio: Option<f64> = optional(non_negative()),
        /// α of the proportional limit, the sum of 1/N over its layers.
        alpha: Option<f64> = optional(non_negative()),
        /// Widths of layers of the limit that keep them.
        bottlenecks: Option<Vec<u64>> = optional(list_or_none(whole(1..=MAX_WIDTH))),
        /// D, the number of outputs; 1 where neither it nor targets say.
        outputs: Option<usize> = optional(count()),
        /// g, the product of the variances of all layers of weights, times their widths; 1 where nothing is given.
        gain: Option<f64> = optional(positive()),
        /// The factors of g, one per layer of weights.
        weight_variances: Option<Located<Vec<f64>>> = optional(located(list(positive()))),
    }
}

impl RandomNetwork {
    /// Makes what the section says; `outputs` is what targets say of D.
    pub(crate) fn new(section: &Located<NetworkSection>, outputs: Option<usize>) -> Result<Self> {
        let (layers, widths) = hidden(section)?;
        let outputs = match (section.value.outputs, outputs) {
            (Some(given), Some(found)) if given != found => {
                return Err(
                    section.error(format!("`network.outputs` is {given}, and the targets have {found} columns"))
                );
            }
            (given, found) => given.or(found).unwrap_or(1),
        };
        let log_gain = log_gain(section, &layers)?;
        Ok(Self { layers, widths, outputs, log_gain })
    }

    /// g, 0 or ∞ where a double cannot hold it.
    pub(crate) fn gain(&self) -> f64 {
        self.log_gain.exp()
    }
}

/// Exactly one of widths and α.
fn hidden(section: &Located<NetworkSection>) -> Result<(HiddenLayers, Option<Vec<u64>>)> {
    let NetworkSection { widths, alpha, bottlenecks, .. } = &section.value;
    let equal = equal_layers(section)?;
    if widths.is_some() && equal.is_some() {
        return Err(section.error("give `network.widths`, or `network.width` with its depth, not both"));
    }
    let (widths, ratio) = match equal {
        Some(Equal::Layers(equal)) => (Some(equal), None),
        Some(Equal::Limit(ratio)) => (None, Some(ratio)),
        None => (widths.clone(), None),
    };
    let alpha = match (*alpha, ratio) {
        (Some(_), Some(_)) => {
            return Err(section.error("give `network.alpha`, or width inf with `network.depth_ratio`"));
        }
        (alpha, ratio) => alpha.or(ratio),
    };
    let layers = |widths: &[u64], alpha| {
        let refuse = |error: widenet_core::Error| section.error::<widenet_core::document::Error>(error.to_string());
        HiddenLayers::new(&grouped(widths), alpha).map_err(refuse)
    };
    match (widths, alpha) {
        (Some(_), Some(alpha)) => Err(section.error(format!(
            "`network` has widths and `alpha` = {alpha}; give the widths of a network or α of the limit, not both \
             (`bottlenecks` are layers of a limit that keep their widths)"
        ))),
        (None, None) => Err(section.error("`network` needs `widths` (of a finite network) or `alpha` (of the limit)")),
        (Some(_), None) if bottlenecks.is_some() => {
            Err(section.error("`network.bottlenecks` belong to a limit; give `alpha`, or list them in `widths`"))
        }
        (Some(widths), None) => Ok((layers(&widths, 0.0)?, Some(widths))),
        (None, Some(alpha)) => Ok((layers(bottlenecks.as_deref().unwrap_or_default(), alpha)?, None)),
    }
}

/// Layers of one width.
enum Equal {
    Layers(Vec<u64>),
    /// Of infinite width, with this ratio of depth to width.
    Limit(f64),
}

/// `width` with `hidden_layers` or `depth_ratio`.
fn equal_layers(section: &Located<NetworkSection>) -> Result<Option<Equal>> {
    let NetworkSection { width, hidden_layers, depth_ratio, .. } = section.value;
    match (width, hidden_layers, depth_ratio) {
        (None, None, None) => Ok(None),
        (Some(Width::Finite(width)), Some(depth), None) => Ok(Some(Equal::Layers(vec![width; depth as usize]))),
        (Some(Width::Finite(width)), None, Some(ratio)) => match (ratio * width as f64).round() {
            depth if depth <= MAX_LISTED as f64 => Ok(Some(Equal::Layers(vec![width; depth as usize]))),
            depth => Err(section.error(format!(
                "width {width} with depth_ratio {ratio} has {depth} hidden layers; at most {MAX_LISTED}"
            ))),
        },
        (Some(Width::Infinite), None, Some(ratio)) => Ok(Some(Equal::Limit(ratio))),
        // Infinitely wide networks of a fixed depth.
        (Some(Width::Infinite), Some(_), None) => Ok(Some(Equal::Limit(0.0))),
        _ => Err(section.error("`network.width` goes with one of `network.hidden_layers` and `network.depth_ratio`")),
    }
}

fn grouped(widths: &[u64]) -> Vec<LayerGroup> {
    widths.chunk_by(|a, b| a == b).map(|run| LayerGroup { width: run[0], count: run.len() as u64 }).collect()
}

fn log_gain(section: &Located<NetworkSection>, layers: &HiddenLayers) -> Result<f64> {
    match (section.value.gain, &section.value.weight_variances) {
        (Some(_), Some(_)) => Err(section.error("give `network.gain` or `network.weight_variances`, not both")),
        (Some(gain), None) => Ok(gain.ln()),
        (None, Some(variances)) => {
            let count = layers.depth() as usize + 1;
            let variances = variances.field().list_of(count, "one per layer of weights", Field::positive)?;
            Ok(variances.iter().map(|variance| variance.ln()).sum())
        }
        (None, None) => Ok(0.0),
    }
}

/// `X Xᵀ / N0` of inputs in rows.
pub(crate) fn input_kernel(inputs: &Matrix) -> Matrix {
    inputs * inputs.transpose() / inputs.ncols() as f64
}

/// A probability strictly between 0 and 1.
pub(crate) fn level() -> Inside {
    inside(0.0, 1.0)
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
