//! Says what each named parameterization is made of.

use super::adjusted::Adjustments;

/// A width scaling, as written in the problem file.
///
/// Learning rates multiply whatever the optimizer makes of the gradient; Golikov's table for RMSProp (docs/theory/scaling-limits.md §5.4)
/// is `"abc"` with a list `c`, or for one hidden layer `"scaling"` with q̃ − q_σ for `q_a`.
///
/// `sigma_w`, `sigma_b`, `multipliers`, `weight_rates`, `bias_rates`, `bias_std`, `sigma` and `c` are one number for all layers, or a list with one per weight
/// matrix (L + 1, input first). In all parameterizations but `"ntk"`, `sigma_b = 0` means biases that start at 0 and are
/// trained; without the key there are none. In `"ntk"` these are `bias_std = 0` with the factor `sigma_b`.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameterization {
    /// Mean-field / maximal-update (docs/theory/mean-field.md §1): `f = Vᵀh/(γm)`, rates `ηγ²m`, `ηγ²`, `ηγ²m`.
    MeanField {
        /// Richness γ > 0.
        richness: f64,
        /// Standard deviation of the input weights, > 0.
        sigma_in: f64,
        /// Standard deviation of the readout weights, > 0.
        sigma_out: f64,
        /// Standard deviation ≥ 0 of the biases of the hidden layers, which learn like input weights; `None` without biases.
        sigma_b: Option<f64>,
    },
    /// Neural-tangent: `h = σ_w/√fan_in W x + σ_b b`, all entries N(0,1), rates `c_W η` and `c_b η` (docs/theory/ntk.md §1). One
    /// number per layer each.
    Ntk {
        /// σ_w > 0.
        sigma_w: Vec<f64>,
        /// σ_b ≥ 0; a layer with 0 has no biases.
        sigma_b: Vec<f64>,
        /// c_W ≥ 0; 0 freezes the weights.
        weight_rates: Vec<f64>,
        /// c_b ≥ 0; 0 freezes the biases.
        bias_rates: Vec<f64>,
    },
    /// Standard: weights N(0, σ_w²/fan_in), biases N(0, σ_b²), rate `η m^e` everywhere.
    Standard {
        /// σ_w > 0, one per layer.
        sigma_w: Vec<f64>,
        /// σ_b ≥ 0, one per layer; `None` without biases.
        sigma_b: Option<Vec<f64>>,
        /// e; −1 gives the kernel regime.
        learning_rate_exponent: f64,
    },
    /// Golikov's exponents with n = m/d* (docs/theory/scaling-limits.md §1; of deeper networks, those of gradient descent in
    /// docs/theory/scaling-limits.md §5.4).
    Scaling {
        /// q_σ.
        q_sigma: f64,
        /// q̃_a (readout).
        q_a: f64,
        /// q̃_w (input).
        q_w: f64,
        /// Reference width d* ≥ 1, at which every scaling is the standard network.
        reference_width: f64,
        /// σ_w > 0 of the reference network.
        sigma_w: f64,
        /// Whether the function of finite networks is `f(x) + (√n − 1) f_0(x)`, with their own, frozen function f_0 at the start: in the
        /// mean-field scaling IC-MF (docs/theory/scaling-limits.md §4.4), whose outputs at the start are those of the NTK scaling. The loss
        /// and recorded outputs are those of this function; kernels, activations and the decomposition are those of f.
        initial_correction: bool,
    },
    /// Exponents of Yang & Hu, with a `c` per layer: `W_l = n^(-a_l) w_l`, `w_l ~ N(0, σ_l² n^(-2 b_l))`, rate `η n^(-c_l)`, n = m/d*.
    Abc {
        /// `a_l`, input first (L + 1 numbers).
        a: Vec<f64>,
        /// `b_l`.
        b: Vec<f64>,
        /// `c_l`.
        c: Vec<f64>,
        /// Standard deviations at the reference width (L + 1 numbers).
        sigma: Vec<f64>,
        /// Reference width d* ≥ 1.
        reference_width: f64,
    },
    /// Another parameterization with adjusted layers.
    Adjusted {
        /// The parameterization.
        of: Box<Parameterization>,
        /// What is changed.
        adjustments: Adjustments,
    },
}

impl Parameterization {
    /// The same with adjusted layers.
    #[must_use]
    pub fn adjusted(self, adjustments: Adjustments) -> Self {
        match adjustments.are_none() {
            true => self,
            false => Parameterization::Adjusted { of: Box::new(self), adjustments },
        }
    }

    /// Whether the file says that the weights of a layer do not learn.
    pub(super) fn freezes(&self, layer: usize) -> bool {
        match self {
            Parameterization::Ntk { weight_rates, .. } => weight_rates[layer] == 0.0,
            Parameterization::Adjusted { of, adjustments } => {
                adjustments.weight_rates[layer] == 0.0 || of.freezes(layer)
            }
            _ => false,
        }
    }

    /// Says whether some weights or biases do not learn.
    pub fn has_frozen_layers(&self) -> bool {
        match self {
            Parameterization::Ntk { weight_rates, sigma_b, bias_rates, .. } => {
                let frozen_bias = |(sigma, rate): (&f64, &f64)| *sigma > 0.0 && *rate == 0.0;
                weight_rates.contains(&0.0) || sigma_b.iter().zip(bias_rates).any(frozen_bias)
            }
            Parameterization::Adjusted { adjustments, .. } => {
                // Which layers have biases, and what learns, does not depend on the input dimension.
                let scaling = self.scaling(adjustments.weight_rates.len() - 1, 1);
                let mut layers = scaling.layers.iter().chain(scaling.biases.iter().flatten());
                layers.any(|layer| layer.learning_rate.constant == 0.0)
            }
            _ => false,
        }
    }

    /// Says whether this is a scaling by Golikov's exponents.
    pub(in crate::problem) fn is_golikov(&self) -> bool {
        match self {
            Parameterization::Scaling { .. } => true,
            Parameterization::Adjusted { of, .. } => of.is_golikov(),
            _ => false,
        }
    }

    /// Returns `d*`, at which exponents count from 1; none where they count from width 1.
    pub fn reference_width(&self) -> Option<f64> {
        match self {
            Parameterization::Scaling { reference_width, .. } | Parameterization::Abc { reference_width, .. } => {
                Some(*reference_width)
            }
            Parameterization::Adjusted { of, .. } => of.reference_width(),
            _ => None,
        }
    }

    /// Says whether the network's function at its start is added to its outputs, at most widths.
    pub fn corrects_initial_function(&self) -> bool {
        match self {
            Parameterization::Scaling { initial_correction, .. } => *initial_correction,
            Parameterization::Adjusted { of, .. } => of.corrects_initial_function(),
            _ => false,
        }
    }

    /// Returns `√n − 1`, the share of its function at its start that is added to the outputs of a network of this width; none where
    /// nothing is added, as at the reference width.
    pub fn initial_correction(&self, width: u64) -> Option<f64> {
        match self {
            Parameterization::Scaling { reference_width, initial_correction: true, .. } => {
                Some((width as f64 / reference_width).sqrt() - 1.0).filter(|share| *share != 0.0)
            }
            Parameterization::Adjusted { of, .. } => of.initial_correction(width),
            _ => None,
        }
    }

    /// Makes the standard parameterisation of `hidden_layers` layers with one σ_w, constant learning rate and no biases.
    pub fn standard(hidden_layers: usize, sigma_w: f64) -> Self {
        Parameterization::Standard {
            sigma_w: vec![sigma_w; hidden_layers + 1],
            sigma_b: None,
            learning_rate_exponent: 0.0,
        }
    }

    /// Makes the NTK parameterisation of `hidden_layers` layers with one σ_w, without biases.
    pub fn ntk(hidden_layers: usize, sigma_w: f64) -> Self {
        let layers = hidden_layers + 1;
        Parameterization::Ntk {
            sigma_w: vec![sigma_w; layers],
            sigma_b: vec![0.0; layers],
            weight_rates: vec![1.0; layers],
            bias_rates: vec![1.0; layers],
        }
    }
}
