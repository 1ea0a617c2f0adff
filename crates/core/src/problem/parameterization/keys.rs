//! Each kind of parameterization has keys.

use std::cmp::Ordering;

use widenet_document::{
    Field, Result, Written,
    keys::{flat, optional, or, required},
    section,
    shape::{AtLeast, Located, at_least, boolean, choice, list, located, non_negative, number, positive},
};

use super::{adjusted::Adjustments, layers::relative_power, named::Parameterization};
use crate::{
    scaling::{GolikovExponents, LayerScaling, PowerOfWidth, sign},
    shapes::{PerLayer, of_layers, of_length, per_layer},
};

/// The keys of one kind of parameterization.
pub(in crate::problem) trait ParameterizationKeys {
    /// The parameterization of a network of `hidden_layers` layers; `section` is where errors about all keys point.
    ///
    /// # Errors
    /// [`widenet_document::Error::Document`] for lists of another length, and for a scaling that needs another depth.
    fn parameterization(&self, hidden_layers: usize, section: &Field<'_>) -> Result<Parameterization>;
}

impl<K: ParameterizationKeys + 'static> From<K> for Box<dyn ParameterizationKeys> {
    fn from(keys: K) -> Self {
        Box::new(keys)
    }
}

section! {
    /// Factors of every layer; each is one number for all layers, or a list with one per weight matrix, input first.
    struct Factors {
        /// Factors of the weights in the forward map.
        multipliers: PerLayer = or(per_layer(positive()), 1.0),
        /// Factors of the weights' learning rates; 0 freezes them.
        weight_rates: PerLayer = or(per_layer(non_negative()), 1.0),
        /// Factors of the biases' learning rates; 0 freezes them.
        bias_rates: PerLayer = or(per_layer(non_negative()), 1.0),
    }
}

impl Factors {
    /// With biases in place of those that the parameterization has.
    fn adjustments(&self, biases: Vec<Option<LayerScaling>>) -> Result<Adjustments> {
        let layers = biases.len();
        Ok(Adjustments {
            multipliers: of_layers(&self.multipliers, layers)?,
            weight_rates: of_layers(&self.weight_rates, layers)?,
            bias_rates: of_layers(&self.bias_rates, layers)?,
            biases,
        })
    }
}

section! {
    /// Mean-field, or maximal-update: features move at every width.
    pub(super) struct MeanField {
        /// Richness γ.
        richness: f64 = or(positive(), 1.0),
        /// Standard deviation of the input weights.
        sigma_in: f64 = or(positive(), 1.0),
        /// Standard deviation of the readout weights.
        sigma_out: f64 = or(positive(), 1.0),
        /// Standard deviation of the biases of the hidden layers, which are trained; without the key there are none.
        sigma_b: Option<f64> = optional(non_negative()),
        /// Whether the readout has biases, which start at 0 and are trained.
        readout_bias: bool = or(boolean(), false),
        /// Factors of every layer.
        factors: Factors = flat(),
    }
}

impl ParameterizationKeys for MeanField {
    fn parameterization(&self, hidden_layers: usize, _: &Field<'_>) -> Result<Parameterization> {
        let MeanField { richness, sigma_in, sigma_out, sigma_b, .. } = *self;
        let mut biases = vec![None; hidden_layers + 1];
        // Like the readout weight of one more neuron, of activation 1, whose outputs are a mean over neurons.
        biases[hidden_layers] = self.readout_bias.then(|| LayerScaling {
            multiplier: PowerOfWidth::new(1.0 / richness, 0.0),
            init_std: PowerOfWidth::new(0.0, 0.0),
            learning_rate: PowerOfWidth::new(richness * richness, 0.0),
        });
        let own = Parameterization::MeanField { richness, sigma_in, sigma_out, sigma_b };
        Ok(own.adjusted(self.factors.adjustments(biases)?))
    }
}

section! {
    /// Neural-tangent: all entries N(0, 1). Each key is one number for all layers, or a list with one per weight matrix, input first.
    pub(super) struct Ntk {
        /// σ_w of the weights.
        sigma_w: PerLayer = or(per_layer(positive()), 1.0),
        /// σ_b of the biases; a layer with 0 has none.
        sigma_b: PerLayer = or(per_layer(non_negative()), 0.0),
        /// Standard deviations of the entries b at the start; 0 for biases that start at 0 and are trained.
        bias_std: PerLayer = or(per_layer(non_negative()), 1.0),
        /// Factors of the weights' learning rate; 0 freezes them.
        weight_rates: PerLayer = or(per_layer(non_negative()), 1.0),
        /// Factors of the biases' learning rate; 0 freezes them.
        bias_rates: PerLayer = or(per_layer(non_negative()), 1.0),
    }
}

impl ParameterizationKeys for Ntk {
    fn parameterization(&self, hidden_layers: usize, _: &Field<'_>) -> Result<Parameterization> {
        let layers = hidden_layers + 1;
        let (sigma_b, bias_rates) = (of_layers(&self.sigma_b, layers)?, of_layers(&self.bias_rates, layers)?);
        let stds = of_layers(&self.bias_std, layers)?;
        let bias = |l: usize| {
            (sigma_b[l] > 0.0 && stds[l] != 1.0).then(|| LayerScaling {
                multiplier: PowerOfWidth::new(sigma_b[l], 0.0),
                init_std: PowerOfWidth::new(stds[l], 0.0),
                learning_rate: PowerOfWidth::new(bias_rates[l], 0.0),
            })
        };
        let biases = (0..layers).map(bias).collect();
        let own = Parameterization::Ntk {
            sigma_w: of_layers(&self.sigma_w, layers)?,
            sigma_b,
            weight_rates: of_layers(&self.weight_rates, layers)?,
            bias_rates,
        };
        Ok(own.adjusted(Adjustments { biases, ..Adjustments::none(layers) }))
    }
}

section! {
    /// Standard: weights of variance σ_w² over fan-in.
    pub(super) struct Standard {
        /// σ_w: one number, or one per weight matrix.
        sigma_w: PerLayer = or(per_layer(positive()), 1.0),
        /// σ_b of the biases, which are trained: one number, or one per weight matrix; without the key there are none.
        sigma_b: Option<PerLayer> = optional(per_layer(non_negative())),
        /// Exponent e of learning rates η m^e; −1 gives the kernel regime.
        learning_rate_exponent: f64 = or(number(), 0.0),
        /// Factors of every layer.
        factors: Factors = flat(),
    }
}

impl ParameterizationKeys for Standard {
    fn parameterization(&self, hidden_layers: usize, _: &Field<'_>) -> Result<Parameterization> {
        let layers = hidden_layers + 1;
        let own = Parameterization::Standard {
            sigma_w: of_layers(&self.sigma_w, layers)?,
            sigma_b: self.sigma_b.as_ref().map(|sigma_b| of_layers(sigma_b, layers)).transpose()?,
            learning_rate_exponent: self.learning_rate_exponent,
        };
        Ok(own.adjusted(self.factors.adjustments(vec![None; layers])?))
    }
}

/// The mean-field scaling with `initial_correction`.
const CORRECTED: &str = "ic_mf";

/// Names of exponents, and whether the initial function is corrected.
const NAMES: &[(&str, (GolikovExponents, bool))] = &names();

const fn names() -> [(&'static str, (GolikovExponents, bool)); GolikovExponents::NAMED.len() + 1] {
    let mut names = [(CORRECTED, (GolikovExponents::MF, true)); GolikovExponents::NAMED.len() + 1];
    let mut i = 0;
    while i < GolikovExponents::NAMED.len() {
        let (word, exponents) = GolikovExponents::NAMED[i];
        names[i] = (word, (exponents, false));
        i += 1;
    }
    names
}

section! {
    /// Golikov's exponents, given by a name or by `q_sigma`, `q_a` and `q_w`. With more than one hidden layer only scalings with kernels of
    /// order 1 ("mf", "ntk", "intermediate").
    pub(super) struct Golikov {
        /// Name of the exponents; "ic_mf" is "mf" with `initial_correction`.
        name: Option<(GolikovExponents, bool)> = optional(choice(NAMES)),
        /// q_σ, of the readout's standard deviation; required without `name`.
        q_sigma: Option<f64> = optional(number()),
        /// q̃_a, of the readout's learning rate; required without `name`.
        q_a: Option<f64> = optional(number()),
        /// q̃_w, of the input's learning rate; required without `name`.
        q_w: Option<f64> = optional(number()),
        /// Width d* at which every scaling is the standard network.
        reference_width: f64 = or(reference_width(), 128.0),
        /// σ_w of the reference network.
        sigma_w: f64 = or(positive(), 1.0),
        /// Whether the network's initial function is added to its outputs such that at the start they are those of the NTK scaling (`false`
        /// where it is not given).
        initial_correction: Option<bool> = optional(boolean()),
        /// Standard deviation of the biases of one hidden layer, which learn like input weights; without the key there are none.
        sigma_b: Option<Located<f64>> = optional(located(non_negative())),
        /// Factors of every layer.
        factors: Factors = flat(),
    }
    check = Golikov::check;
}

impl Golikov {
    fn check(&self, table: &Written<'_>) -> Result<()> {
        match self.name {
            Some((_, is_corrected)) => {
                for key in ["q_sigma", "q_a", "q_w"] {
                    table.refuse(key, "`name` says what the exponents are; give one of the two")?;
                }
                if is_corrected {
                    table.refuse("initial_correction", "the name \"ic_mf\" says that it is true")?;
                }
                Ok(())
            }
            None => {
                let exponents = [("q_sigma", self.q_sigma), ("q_a", self.q_a), ("q_w", self.q_w)];
                match exponents.into_iter().find(|(_, exponent)| exponent.is_none()) {
                    Some((key, _)) => Err(table.missing(key)),
                    None => Ok(()),
                }
            }
        }
    }

    /// q_σ, q̃_a and q̃_w, by their name or as they are given.
    fn exponents(&self) -> [f64; 3] {
        match self.name {
            Some((named, _)) => [named.q_sigma(), named.q_a(), named.q_w()],
            None => [self.q_sigma, self.q_a, self.q_w].map(|exponent| exponent.unwrap_or(f64::NAN)),
        }
    }
}

impl ParameterizationKeys for Golikov {
    fn parameterization(&self, hidden_layers: usize, section: &Field<'_>) -> Result<Parameterization> {
        let [q_sigma, q_a, q_w] = self.exponents();
        let on_line = GolikovExponents::new(q_sigma, q_a, q_w)
            .is_ok_and(|exponents| exponents.has_equal_rates() && sign(exponents.kernels()) == Ordering::Equal);
        if hidden_layers != 1 && !on_line {
            return Err(section.error(format!(
                "network.hidden_layers = {hidden_layers}: with more than one hidden layer the \"scaling\" parameterization needs q_a = q_w and 2 q_sigma + q_a \
                 = -1, as \"mf\", \"ntk\" and \"intermediate\" have; use \"abc\" instead"
            )));
        }
        if let Some(sigma_b) = self.sigma_b.as_ref().filter(|_| hidden_layers != 1) {
            return Err(sigma_b.error(format!(
                "network.hidden_layers = {hidden_layers}: biases of the \"scaling\" parameterization are those of one hidden layer; use \"abc\" instead"
            )));
        }
        let mut biases = vec![None; hidden_layers + 1];
        biases[0] = self.sigma_b.as_ref().map(|sigma_b| LayerScaling {
            multiplier: PowerOfWidth::new(1.0, 0.0),
            init_std: PowerOfWidth::new(sigma_b.value, 0.0),
            learning_rate: relative_power(self.reference_width, q_w),
        });
        let is_corrected = self.name.is_some_and(|(_, is_corrected)| is_corrected);
        let own = Parameterization::Scaling {
            q_sigma,
            q_a,
            q_w,
            reference_width: self.reference_width,
            sigma_w: self.sigma_w,
            initial_correction: is_corrected || self.initial_correction.unwrap_or(false),
        };
        Ok(own.adjusted(self.factors.adjustments(biases)?))
    }
}

fn reference_width() -> AtLeast {
    at_least(1.0)
}

section! {
    /// Exponents of Yang & Hu, one per weight matrix, input first, in units of the reference width.
    pub(super) struct Abc {
        /// `a_l`: multipliers n^(-a).
        a: Located<Vec<f64>> = required(located(list(number()))),
        /// `b_l`: initial standard deviations σ n^(-b).
        b: Located<Vec<f64>> = required(located(list(number()))),
        /// `c_l`: learning rates η n^(-c); one number, or one per weight matrix.
        c: PerLayer = required(per_layer(number())),
        /// σ_l at the reference width; one number, or one per weight matrix.
        sigma: PerLayer = or(per_layer(positive()), 1.0),
        /// Width d* at which n = 1.
        reference_width: f64 = or(reference_width(), 1.0),
        /// Standard deviations of the biases at the reference width: one number, or one per weight matrix; without the key there are none.
        sigma_b: Option<PerLayer> = optional(per_layer(non_negative())),
        /// Exponents of the biases' multipliers; where they are not given those of the input weights, and 0 of the readout.
        bias_a: Option<PerLayer> = optional(per_layer(number())),
        /// Exponents of the biases' initial standard deviations; where they are not given those of the input weights, and 0 of the readout.
        bias_b: Option<PerLayer> = optional(per_layer(number())),
        /// Exponents of the biases' learning rates; where they are not given those of the input weights, and 0 of the readout.
        bias_c: Option<PerLayer> = optional(per_layer(number())),
        /// Factors of every layer.
        factors: Factors = flat(),
    }
    check = Abc::check;
}

impl Abc {
    fn check(&self, table: &Written<'_>) -> Result<()> {
        if self.sigma_b.is_none() {
            for key in ["bias_a", "bias_b", "bias_c"] {
                table.refuse(key, "there are no biases without `sigma_b`")?;
            }
        }
        Ok(())
    }

    /// The biases of every layer. Where no exponents are given, those of hidden layers are input weights of an input 1, and those of the readout do
    /// not depend on the width.
    fn biases(&self, layers: usize, own: [f64; 3]) -> Result<Vec<Option<LayerScaling>>> {
        let Some(sigma_b) = &self.sigma_b else { return Ok(vec![None; layers]) };
        let stds = of_layers(sigma_b, layers)?;
        let exponents = |given: &Option<PerLayer>, of_input: f64| match given {
            Some(given) => of_layers(given, layers),
            None => Ok((0..layers).map(|l| if l + 1 == layers { 0.0 } else { of_input }).collect()),
        };
        let [a, b, c] = own;
        let (a, b) = (exponents(&self.bias_a, a)?, exponents(&self.bias_b, b)?);
        let c = exponents(&self.bias_c, c)?;
        let n = |q: f64| relative_power(self.reference_width, q);
        let bias = |l: usize| LayerScaling {
            multiplier: n(-a[l]),
            init_std: PowerOfWidth::new(stds[l], 0.0).times(n(-b[l])),
            learning_rate: n(-c[l]),
        };
        Ok((0..layers).map(|l| Some(bias(l))).collect())
    }
}

impl ParameterizationKeys for Abc {
    fn parameterization(&self, hidden_layers: usize, _: &Field<'_>) -> Result<Parameterization> {
        let layers = hidden_layers + 1;
        let meaning = "one per weight matrix (network.hidden_layers + 1, or those of network.layers and the readout)";
        let a = of_length(self.a.value.clone(), &self.a, layers, meaning)?;
        let b = of_length(self.b.value.clone(), &self.b, layers, meaning)?;
        let c = of_layers(&self.c, layers)?;
        let biases = self.biases(layers, [a[0], b[0], c[0]])?;
        let own = Parameterization::Abc {
            a,
            b,
            c,
            sigma: of_layers(&self.sigma, layers)?,
            reference_width: self.reference_width,
        };
        Ok(own.adjusted(self.factors.adjustments(biases)?))
    }
}
