//! A parameterization is data: per layer a multiplier, an initial standard deviation and a learning rate, each a power of
//! the width.
//!
//! Layer `l = 0 … L` (`L` hidden layers; 0 is the input layer, `L` the readout) holds weights `w_l` with
//!
//! ```text
//! W_l = A_l m^(-a_l) w_l,    w_l entries iid, mean 0, std s_l m^(-b_l),    learning rate η κ_l m^(-c_l) on w_l
//! ```
//!
//! (abc-parametrisation of Yang & Hu with a rate per layer; docs/theory/training.md §1, Eq. layer). Engines of deep linear networks run in
//! *normalised* coordinates `ŵ_l = w_l m^(b_l) / √m`, in which a hidden vector `h` is stored as `h/√m`, so that `⟨a,b⟩ = aᵀb/m` is the
//! plain inner product and every formula is the one of the infinite-width network. There,
//!
//! ```text
//! f(x) = C ŵ_L … ŵ_0 x,     C = Π A_l m^(1/2 - a_l - b_l),     Δŵ_l = -η ρ_l ∂R/∂(ŵ_L…ŵ_0),     ρ_l = κ_l m^(2 b_l - 1 - c_l) C
//! ```
//!
//! (docs/theory/training.md §2, Eq. normalised.) For the mean-field network `C = 1/γ` and `ρ_l = γ` at every width.

use std::cmp::Ordering;

use serde::Serialize;

use super::sign::{power_of_width, sign};
use crate::{
    error::{Error, Result},
    humanized,
    width::Width,
};

/// `constant · m^exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PowerOfWidth {
    /// Value at width 1.
    pub constant: f64,
    /// Exponent of the width.
    pub exponent: f64,
}

impl PowerOfWidth {
    /// Makes `constant · m^exponent`.
    pub const fn new(constant: f64, exponent: f64) -> Self {
        Self { constant, exponent }
    }

    /// Returns the value at a width; 0, the constant or ∞ in the limit.
    pub fn at(self, width: Width) -> f64 {
        self.constant * width.power(self.exponent)
    }

    /// Returns the product of two powers.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        Self::new(self.constant * other.constant, self.exponent + other.exponent)
    }
}

/// Scaling of one layer in the form above; exponents are those of `m` (so `-a_l`, `-b_l`, `-c_l`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LayerScaling {
    /// Factor in front of the weights in the forward map.
    pub multiplier: PowerOfWidth,
    /// Standard deviation of the initial entries.
    pub init_std: PowerOfWidth,
    /// Learning rate in units of `η`.
    pub learning_rate: PowerOfWidth,
}

impl LayerScaling {
    /// Of pre-activations `h = A w a` with `fan_in` inputs of order 1: the variance `A² s² n` at the start, and the tangent `A² κ n`, by
    /// which a step moves `h` per unit learning rate and backward signal.
    pub(super) fn variance_and_tangent(&self, fan_in: PowerOfWidth) -> (PowerOfWidth, PowerOfWidth) {
        let forward = self.multiplier.times(self.multiplier).times(fan_in);
        (forward.times(self.init_std).times(self.init_std), forward.times(self.learning_rate))
    }
}

/// Scalings of all layers, input first, readout last.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scaling {
    /// One entry per weight matrix: `hidden_layers + 1`.
    pub layers: Vec<LayerScaling>,
    /// Biases of the same layers, where there are any: `h = A_w w a + A_b b`.
    pub biases: Vec<Option<LayerScaling>>,
}

/// A deep linear network at one width, in normalised coordinates.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalized {
    /// `C` above.
    pub output_scale: f64,
    /// `s_l`: entries of `ŵ_l` have standard deviation `s_l/√m`.
    pub init_std: Vec<f64>,
    /// `ρ_l` above, in units of `η`.
    pub rates: Vec<f64>,
}

impl Normalized {
    /// Refuses values that have left the range of `f64`: extreme exponents would silently turn training off.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the first such value.
    pub fn check(&self) -> Result<()> {
        let values = std::iter::once(("output scale".to_string(), self.output_scale)).chain(
            self.rates.iter().enumerate().map(|(l, rate)| (format!("learning rate of weight matrix {l}"), *rate)),
        );
        match values.into_iter().find(|(_, value)| !value.is_normal()) {
            Some((name, value)) => Err(Error::Invalid(format!(
                "at this width the {name} is {} in normalised coordinates, outside the range of f64; the exponents of \
                 the parameterization are too large for it",
                humanized::exact(value)
            ))),
            None => Ok(()),
        }
    }

    /// Returns the tangent kernel of the wide network at initialization per unit of input covariance, in units of the learning rate:
    /// `Θ_0 = C Σ_l ρ_l Π_{j≠l} s_j²`, so that `β ← β − η Θ_0 D` at first (docs/theory/mean-field.md §4).
    pub fn tangent_kernel(&self) -> f64 {
        let variance: f64 = self.init_std.iter().map(|s| s * s).product();
        let layers = self.rates.iter().zip(&self.init_std);
        self.output_scale * layers.map(|(rate, s)| rate * variance / (s * s)).sum::<f64>()
    }
}

/// What a scaling becomes as m → ∞.
#[derive(Debug, Clone, PartialEq)]
pub enum Limit {
    /// The mean-field type: an infinitely wide network whose features move.
    Network(Normalized),
    /// The lazy type: the predictor itself moves linearly, `β ← β − η Θ D`, from a Gaussian start.
    Lazy {
        /// Limit of [`Normalized::tangent_kernel`].
        kernel: f64,
        /// Standard deviation of the iid entries of the initial predictor (0 if it vanishes).
        initial_std: f64,
    },
}

impl Scaling {
    /// Returns the name of layer `l` in tables: `input`, `hidden 1`, …, `readout`.
    pub fn layer_name(&self, layer: usize) -> String {
        match layer {
            0 => "input".into(),
            l if l + 1 == self.layers.len() => "readout".into(),
            l => format!("hidden {l}"),
        }
    }

    /// Returns `C` as a power of the width.
    pub fn output_scale(&self) -> PowerOfWidth {
        self.layers.iter().fold(PowerOfWidth::new(1.0, 0.0), |product, layer| {
            product.times(layer.multiplier).times(PowerOfWidth::new(1.0, layer.init_std.exponent + 0.5))
        })
    }

    /// Returns `ρ_l` as powers of the width, in units of `η`.
    pub fn rates(&self) -> Vec<PowerOfWidth> {
        let output_scale = self.output_scale();
        self.layers
            .iter()
            .map(|layer| {
                let metric = PowerOfWidth::new(1.0, -2.0 * layer.init_std.exponent - 1.0);
                output_scale.times(layer.learning_rate).times(metric)
            })
            .collect()
    }

    fn init_stds(&self) -> Vec<f64> {
        self.layers.iter().map(|layer| layer.init_std.constant).collect()
    }

    /// Returns the network at a finite width.
    pub fn at(&self, width: u64) -> Normalized {
        let width = Width::Finite(width);
        Normalized {
            output_scale: self.output_scale().at(width),
            init_std: self.init_stds(),
            rates: self.rates().iter().map(|rate| rate.at(width)).collect(),
        }
    }

    /// Returns the limit m → ∞.
    ///
    /// With `C ~ m^p` and `ρ_l ~ m^(r_l)`: initial predictors are of order `m^(p - 1/2)`, features of layer l move by
    /// `m^(r_l)` per step, the predictor by `m^(p + r_l)`.
    ///
    /// # Errors
    /// [`Error::NoLimit`] with the exponent that is too large.
    pub fn limit(&self) -> Result<Limit> {
        let snap = |p: f64, boundary: f64| if sign(p - boundary) == Ordering::Equal { boundary } else { p };
        let scale = self.output_scale();
        let p = snap(snap(scale.exponent, 0.0), 0.5);
        if p > 0.5 {
            return Err(Error::NoLimit(format!(
                "the initial predictor grows like {}; it must not grow",
                power_of_width(p - 0.5)
            )));
        }
        let mut rates = Vec::new();
        for (layer, rate) in self.rates().into_iter().enumerate() {
            let features = snap(rate.exponent, 0.0);
            let predictor = snap(rate.exponent + p, 0.0);
            let name = self.layer_name(layer);
            if predictor > 0.0 {
                return Err(Error::NoLimit(format!(
                    "one step moves the predictor by {} through the {name} layer; multiply that layer's learning rate by {} or less",
                    power_of_width(predictor),
                    power_of_width(-predictor)
                )));
            }
            if features > 0.0 {
                return Err(Error::NoLimit(format!(
                    "one step moves the features of the {name} layer by {}; they must not grow",
                    power_of_width(features)
                )));
            }
            rates.push(PowerOfWidth::new(rate.constant, if p > 0.0 { predictor } else { features }));
        }
        let normalized = Normalized {
            output_scale: if p > 0.0 {
                scale.constant
            } else {
                PowerOfWidth::new(scale.constant, p).at(Width::Infinite)
            },
            rates: rates.iter().map(|rate| rate.at(Width::Infinite)).collect(),
            init_std: self.init_stds(),
        };
        if p <= 0.0 {
            return Ok(Limit::Network(normalized));
        }
        let std: f64 = normalized.init_std.iter().product();
        Ok(Limit::Lazy {
            kernel: normalized.tangent_kernel(),
            initial_std: if p == 0.5 { scale.constant * std } else { 0.0 },
        })
    }
}
