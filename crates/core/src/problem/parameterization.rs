//! The named parameterisations as constructors of per-layer data: section `[parameterization]`.

use std::cmp::Ordering;

use crate::{
    Result,
    document::{Field, Reader, Value},
    scaling::{GolikovExponents, LayerScaling, PowerOfWidth, Scaling, sign},
};

/// A width scaling, as written in the problem file.
///
/// # Section `[parameterization]`
///
/// | `kind` | keys and defaults |
/// |---|---|
/// | `"mean_field"` | `richness = 1`, `sigma_in = 1`, `sigma_out = 1`; `sigma_b`: biases of the hidden layers |
/// | `"ntk"` | `sigma_w = 1`, `sigma_b = 0` (no biases), `weight_rates = 1`, `bias_rates = 1` (0: frozen) |
/// | `"standard"` | `sigma_w = 1`; `sigma_b`: biases; `learning_rate_exponent = 0` |
/// | `"scaling"` | `q_sigma`, `q_a`, `q_w`, or instead of them a `name` ([`GolikovExponents::NAMED`], or `"ic_mf"`, which is `"mf"` with `initial_correction`); `reference_width = 128`, `sigma_w = 1`, `initial_correction = false`; with more than one hidden layer only scalings with kernels of order 1, 2 q_σ + q̃ = −1 ("mf", "ntk", "intermediate") |
/// | `"abc"` | `a`, `b` (one number per weight matrix, input first), `c` required; `sigma = 1`, `reference_width = 1` |
///
/// Learning rates multiply whatever the optimizer makes of the gradient; Golikov's table for RMSProp (docs/theory/scaling-limits.md §5.4)
/// is `"abc"` with a list `c`, or for one hidden layer `"scaling"` with q̃ − q_σ for `q_a`.
///
/// `sigma_w`, `sigma_b`, `weight_rates`, `bias_rates`, `sigma` and `c` are one number for all layers, or a list with one per weight
/// matrix (L + 1, input first). In the `"mean_field"` and `"standard"` parameterizations `sigma_b = 0` means biases that start at 0 and are
/// trained; without the key there are none.
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
}

/// Reads the keys of one kind; the number is `L`.
type ParseKind = fn(&mut Reader, usize) -> Result<Parameterization>;

impl Parameterization {
    pub(super) fn parse(section: &Field, hidden_layers: usize) -> Result<Parameterization> {
        const KINDS: [(&str, ParseKind); 5] = [
            ("mean_field", parse_mean_field),
            ("ntk", parse_ntk),
            ("standard", parse_standard),
            ("scaling", parse_scaling),
            ("abc", parse_abc),
        ];
        let mut table = section.table()?;
        let parse = table.required("kind", |field| field.choice(&KINDS))?;
        let parameterization = parse(&mut table, hidden_layers)?;
        table.finish()?;
        Ok(parameterization)
    }

    /// Refuses values that make a constant of the scaling over- or underflow `f64`: a rate of 0 would turn training off
    /// without a word.
    pub(super) fn check_range(&self, section: &Field, hidden_layers: usize, input_dimension: usize) -> Result<()> {
        let scaling = self.scaling(hidden_layers, input_dimension);
        let of_network = [
            ("output scale".to_string(), scaling.output_scale().constant),
            ("initial tangent kernel".into(), scaling.at(1).tangent_kernel()),
        ];
        let of_network = of_network.into_iter().take(if self.has_frozen_layers() { 1 } else { 2 });
        let of_layers = scaling.layers.iter().zip(scaling.rates()).enumerate().flat_map(|(l, (layer, rate))| {
            let frozen = self.freezes(l);
            let powers = [
                ("multiplier", layer.multiplier),
                ("initial standard deviation", layer.init_std),
                ("learning rate", layer.learning_rate),
                ("normalised rate ρ", rate),
            ];
            let name = scaling.layer_name(l);
            let powers = powers.into_iter().take(if frozen { 2 } else { 4 });
            powers.map(move |(what, power)| (format!("{what} of the {name} layer"), power.constant))
        });
        match of_layers.chain(of_network).find(|(_, constant)| !constant.is_normal()) {
            None => Ok(()),
            Some((what, constant)) => Err(section.error(format!(
                "`{}`: the {what} is {constant:e} at width 1; it must be from 2.3e-308 to 1.7e308",
                section.key()
            ))),
        }
    }

    /// Whether the file says that the weights of a layer do not learn.
    fn freezes(&self, layer: usize) -> bool {
        matches!(self, Parameterization::Ntk { weight_rates, .. } if weight_rates[layer] == 0.0)
    }

    /// Whether some weights or biases do not learn.
    pub fn has_frozen_layers(&self) -> bool {
        let Parameterization::Ntk { weight_rates, sigma_b, bias_rates, .. } = self else { return false };
        let frozen_bias = |(sigma, rate): (&f64, &f64)| *sigma > 0.0 && *rate == 0.0;
        weight_rates.contains(&0.0) || sigma_b.iter().zip(bias_rates).any(frozen_bias)
    }

    /// `d*`, at which exponents count from 1; none where they count from width 1.
    pub fn reference_width(&self) -> Option<f64> {
        match self {
            Parameterization::Scaling { reference_width, .. } | Parameterization::Abc { reference_width, .. } => {
                Some(*reference_width)
            }
            _ => None,
        }
    }

    /// Whether the network's function at its start is added to its outputs, at most widths.
    pub fn corrects_initial_function(&self) -> bool {
        matches!(self, Parameterization::Scaling { initial_correction: true, .. })
    }

    /// `√n − 1`, the share of its function at its start that is added to the outputs of a network of this width; none where
    /// nothing is added, as at the reference width.
    pub fn initial_correction(&self, width: u64) -> Option<f64> {
        match self {
            Parameterization::Scaling { reference_width, initial_correction: true, .. } => {
                Some((width as f64 / reference_width).sqrt() - 1.0).filter(|share| *share != 0.0)
            }
            _ => None,
        }
    }

    /// Per-layer data for `hidden_layers` layers and inputs in R^`input_dimension`.
    pub fn scaling(&self, hidden_layers: usize, input_dimension: usize) -> Scaling {
        let layers = hidden_layers + 1;
        let inverse_root_dimension = (input_dimension as f64).sqrt().recip();
        let one = PowerOfWidth::new(1.0, 0.0);
        let layer = |l: usize| -> LayerScaling {
            let (input, readout) = (l == 0, l + 1 == layers);
            match self {
                Parameterization::MeanField { richness, sigma_in, sigma_out, .. } => {
                    let gamma_squared = richness * richness;
                    LayerScaling {
                        multiplier: if readout { PowerOfWidth::new(1.0 / richness, -1.0) } else { one },
                        init_std: match (input, readout) {
                            (true, _) => PowerOfWidth::new(*sigma_in, 0.0),
                            (_, true) => PowerOfWidth::new(*sigma_out, 0.0),
                            _ => PowerOfWidth::new(1.0, -0.5),
                        },
                        learning_rate: PowerOfWidth::new(gamma_squared, if input || readout { 1.0 } else { 0.0 }),
                    }
                }
                Parameterization::Ntk { sigma_w, weight_rates, .. } => LayerScaling {
                    multiplier: standard_init(sigma_w[l], input, inverse_root_dimension),
                    init_std: one,
                    learning_rate: PowerOfWidth::new(weight_rates[l], 0.0),
                },
                Parameterization::Standard { sigma_w, learning_rate_exponent, .. } => LayerScaling {
                    multiplier: one,
                    init_std: standard_init(sigma_w[l], input, inverse_root_dimension),
                    learning_rate: PowerOfWidth::new(1.0, *learning_rate_exponent),
                },
                Parameterization::Scaling { q_sigma, q_a, q_w, reference_width, sigma_w, .. } => {
                    // Raw form of docs/theory/scaling-limits.md §1: output weights × n^(q_σ+1/2), rates × n^(q̃_w),
                    // n^(q̃_a+2q_σ); hidden layers as in docs/theory/scaling-limits.md §5.4.
                    let n = |q: f64| relative_power(*reference_width, q);
                    let mut init_std = standard_init(*sigma_w, input, inverse_root_dimension);
                    if !input {
                        let factor = n(q_sigma + 0.5);
                        init_std.constant *= factor.constant;
                        init_std.exponent += factor.exponent;
                    }
                    LayerScaling {
                        multiplier: one,
                        init_std,
                        learning_rate: match (input, readout) {
                            (true, _) => n(*q_w),
                            (_, true) => n(q_a + 2.0 * q_sigma),
                            (false, false) => n(q_w - 1.0),
                        },
                    }
                }
                Parameterization::Abc { a, b, c, sigma, reference_width } => {
                    let n = |q: f64| relative_power(*reference_width, q);
                    let PowerOfWidth { constant, exponent } = n(-b[l]);
                    LayerScaling {
                        multiplier: n(-a[l]),
                        init_std: PowerOfWidth::new(sigma[l] * constant, exponent),
                        learning_rate: n(-c[l]),
                    }
                }
            }
        };
        let bias = |l: usize| -> Option<LayerScaling> {
            let readout = l + 1 == layers;
            match self {
                Parameterization::MeanField { richness, sigma_b: Some(sigma_b), .. } if !readout => {
                    Some(LayerScaling {
                        multiplier: one,
                        init_std: PowerOfWidth::new(*sigma_b, 0.0),
                        learning_rate: PowerOfWidth::new(richness * richness, 1.0),
                    })
                }
                Parameterization::Ntk { sigma_b, bias_rates, .. } if sigma_b[l] > 0.0 => Some(LayerScaling {
                    multiplier: PowerOfWidth::new(sigma_b[l], 0.0),
                    init_std: one,
                    learning_rate: PowerOfWidth::new(bias_rates[l], 0.0),
                }),
                Parameterization::Standard { sigma_b: Some(sigma_b), learning_rate_exponent, .. } => {
                    Some(LayerScaling {
                        multiplier: one,
                        init_std: PowerOfWidth::new(sigma_b[l], 0.0),
                        learning_rate: PowerOfWidth::new(1.0, *learning_rate_exponent),
                    })
                }
                _ => None,
            }
        };
        Scaling { layers: (0..layers).map(layer).collect(), biases: (0..layers).map(bias).collect() }
    }

    /// The standard parameterisation of `hidden_layers` layers with one σ_w, constant learning rate and no biases.
    pub fn standard(hidden_layers: usize, sigma_w: f64) -> Self {
        Parameterization::Standard {
            sigma_w: vec![sigma_w; hidden_layers + 1],
            sigma_b: None,
            learning_rate_exponent: 0.0,
        }
    }

    /// The NTK parameterisation of `hidden_layers` layers with one σ_w, without biases.
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

/// `(m/d*)^q`.
fn relative_power(reference_width: f64, q: f64) -> PowerOfWidth {
    PowerOfWidth::new(reference_width.powf(-q), q)
}

fn standard_init(sigma_w: f64, input: bool, inverse_root_dimension: f64) -> PowerOfWidth {
    if input { PowerOfWidth::new(sigma_w * inverse_root_dimension, 0.0) } else { PowerOfWidth::new(sigma_w, -0.5) }
}

fn parse_mean_field(table: &mut Reader, _: usize) -> Result<Parameterization> {
    Ok(Parameterization::MeanField {
        richness: table.or("richness", 1.0, Field::positive)?,
        sigma_in: table.or("sigma_in", 1.0, Field::positive)?,
        sigma_out: table.or("sigma_out", 1.0, Field::positive)?,
        sigma_b: table.optional("sigma_b", Field::non_negative)?,
    })
}

/// One number for all layers, or a list with one per weight matrix.
fn per_layer<'a>(field: &Field<'a>, layers: usize, read: impl Fn(&Field<'a>) -> Result<f64>) -> Result<Vec<f64>> {
    match field.node().value {
        Value::Array(_) => field.list_of(layers, "one per weight matrix (network.hidden_layers + 1)", read),
        _ => Ok(vec![read(field)?; layers]),
    }
}

fn parse_ntk(table: &mut Reader, hidden_layers: usize) -> Result<Parameterization> {
    let layers = hidden_layers + 1;
    let positive = |field: &Field| per_layer(field, layers, |field| field.positive());
    let non_negative = |field: &Field| per_layer(field, layers, |field| field.non_negative());
    Ok(Parameterization::Ntk {
        sigma_w: table.or("sigma_w", vec![1.0; layers], positive)?,
        sigma_b: table.or("sigma_b", vec![0.0; layers], non_negative)?,
        weight_rates: table.or("weight_rates", vec![1.0; layers], non_negative)?,
        bias_rates: table.or("bias_rates", vec![1.0; layers], non_negative)?,
    })
}

fn parse_standard(table: &mut Reader, hidden_layers: usize) -> Result<Parameterization> {
    let layers = hidden_layers + 1;
    Ok(Parameterization::Standard {
        sigma_w: table.or("sigma_w", vec![1.0; layers], |field| per_layer(field, layers, |field| field.positive()))?,
        sigma_b: table.optional("sigma_b", |field| per_layer(field, layers, |field| field.non_negative()))?,
        learning_rate_exponent: table.or("learning_rate_exponent", 0.0, Field::number)?,
    })
}

/// The mean-field scaling with `initial_correction`.
const CORRECTED: &str = "ic_mf";

fn parse_scaling(table: &mut Reader, hidden_layers: usize) -> Result<Parameterization> {
    let plain = GolikovExponents::NAMED.map(|(word, exponents)| (word, (exponents, false)));
    let names: Vec<_> = plain.into_iter().chain([(CORRECTED, (GolikovExponents::MF, true))]).collect();
    let named = table.optional("name", |field| field.choice(&names))?;
    let (q_sigma, q_a, q_w) = match named {
        Some((named, _)) => {
            for key in ["q_sigma", "q_a", "q_w"] {
                table.refuse(key, "`name` says what the exponents are; give one of the two")?;
            }
            (named.q_sigma(), named.q_a(), named.q_w())
        }
        None => (
            table.required("q_sigma", Field::number)?,
            table.required("q_a", Field::number)?,
            table.required("q_w", Field::number)?,
        ),
    };
    let on_line = GolikovExponents::new(q_sigma, q_a, q_w)
        .is_ok_and(|exponents| exponents.has_equal_rates() && sign(exponents.kernels()) == Ordering::Equal);
    if hidden_layers != 1 && !on_line {
        return Err(table.error(format!(
            "network.hidden_layers = {hidden_layers}: with more than one hidden layer the \"scaling\" parameterization needs q_a = q_w and 2 q_sigma + q_a \
             = -1, as \"mf\", \"ntk\" and \"intermediate\" have; use \"abc\" instead"
        )));
    }
    Ok(Parameterization::Scaling {
        q_sigma,
        q_a,
        q_w,
        reference_width: table.or("reference_width", 128.0, parse_reference_width)?,
        sigma_w: table.or("sigma_w", 1.0, Field::positive)?,
        initial_correction: match named {
            Some((_, true)) => {
                table.refuse("initial_correction", "the name \"ic_mf\" says that it is true")?;
                true
            }
            _ => table.or("initial_correction", false, Field::boolean)?,
        },
    })
}

fn parse_reference_width(field: &Field) -> Result<f64> {
    match field.number()? {
        width if width >= 1.0 => Ok(width),
        _ => Err(field.must_be("a number ≥ 1")),
    }
}

fn parse_abc(table: &mut Reader, hidden_layers: usize) -> Result<Parameterization> {
    let layers = hidden_layers + 1;
    let meaning = "one per weight matrix (network.hidden_layers + 1)";
    Ok(Parameterization::Abc {
        a: table.required("a", |field| field.list_of(layers, meaning, Field::number))?,
        b: table.required("b", |field| field.list_of(layers, meaning, Field::number))?,
        c: table.required("c", |field| per_layer(field, layers, |field| field.number()))?,
        sigma: table.or("sigma", vec![1.0; layers], |field| per_layer(field, layers, |field| field.positive()))?,
        reference_width: table.or("reference_width", 1.0, parse_reference_width)?,
    })
}
