//! Finds what a problem's limit is made of: exponents, class and constants of a network with one hidden layer.
//!
//! ```text
//! f(x) = σ Σ_r â_r φ(ŵ_r·x),   σ ~ n^q_σ,   η̂_a ~ n^q̃_a,   η̂_w ~ n^q̃_w,      A = q_σ + 1/2,   B_l = 2 q_σ + q̃_l + 1,   s_l = q_σ + q̃_l
//! ```
//!
//! (docs/theory/scaling-limits.md §1–§3, Eq. network, Eq. exponents, Eq. counting.) Every parameterisation of one hidden layer is of this
//! form: σ is the effective standard deviation of the readout, and `η̂` the learning rates of the hats. n counts in units of a reference
//! width d*; parameterisations that have none use d* = 1.

use std::cmp::Ordering;

use widenet_core::{
    Error, Problem, Result, Width,
    problem::{Activation, Loss, Rule},
    scaling::{PowerOfWidth, power_of_width, sign},
};

use super::models::{Constants, Model};
use crate::scaling::LimitClass;

/// A network with one hidden layer, one output, no biases and logistic loss, trained by steps, as a set of hats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Classifier {
    /// φ.
    pub activation: Activation,
    /// `σ_w`: input weights have covariance `σ_w² I`.
    pub input_std: f64,
    /// σ as a power of the width m.
    pub output_std: PowerOfWidth,
    /// `η̂_a`, η included.
    pub readout_rate: PowerOfWidth,
    /// `η̂_w`, η included.
    pub input_rate: PowerOfWidth,
    /// d*.
    pub reference_width: f64,
    /// Whether the function at the start is taken away.
    pub is_centered: bool,
    /// IC: the function at the start is added to outputs ([`widenet_core::problem::Parameterization::initial_correction`]).
    pub is_corrected: bool,
}

/// The infinite-width limit of a classifier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassifierLimit {
    /// Which model.
    pub model: Model,
    /// Its constants.
    pub constants: Constants,
    /// A: initial logits are `n^A` times the model's.
    pub logits: f64,
    /// B: logits and kernels are `n^B` times the model's.
    pub kernels: f64,
    /// d*.
    pub reference_width: f64,
}

impl Classifier {
    /// Makes the classifier of a problem.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what keeps the problem from being one.
    pub fn of(problem: &Problem) -> Result<Self> {
        let refuse = |what: String| {
            let needs = "networks in Gram space and their limits are classifiers of one hidden layer and one output, \
                         without biases, with logistic loss, trained by gradient descent or minibatches";
            Err(Error::Invalid(format!("{what}; {needs}")))
        };
        problem.network.check_fully_connected("a network in Gram space")?;
        if problem.network.hidden_layers != 1 {
            return refuse(format!("network.hidden_layers = {}", problem.network.hidden_layers));
        }
        if problem.loss != Loss::Logistic {
            return refuse("the loss is not logistic".into());
        }
        let scaling = problem.scaling();
        if let Some(layer) = scaling.biases.iter().position(Option::is_some) {
            return refuse(format!("the {} layer has biases", scaling.layer_name(layer)));
        }
        let Rule::Descent { learning_rate, momentum, .. } = problem.optimizer.rule else {
            return refuse("the optimizer is another".into());
        };
        if momentum != 0.0 || problem.optimizer.weight_decay != 0.0 {
            return refuse("the optimizer has momentum or weight decay".into());
        }
        if problem.ensemble.is_some() {
            return refuse("the problem has an ensemble; a study over seeds has one network each".into());
        }
        let effective_std = |layer: usize| scaling.layers[layer].multiplier.times(scaling.layers[layer].init_std);
        let effective_rate = |layer: usize| {
            let layer = scaling.layers[layer];
            layer.multiplier.times(layer.multiplier).times(layer.learning_rate)
        };
        let (input_std, output_std) = (effective_std(0), effective_std(1));
        if sign(input_std.exponent) != Ordering::Equal {
            return refuse(format!(
                "the input weights are of order {} at the start, and must be of order 1",
                power_of_width(input_std.exponent)
            ));
        }
        let hats = |raw: PowerOfWidth, std: PowerOfWidth| {
            PowerOfWidth::new(learning_rate * raw.constant / std.constant.powi(2), raw.exponent - 2.0 * std.exponent)
        };
        // ŵ is the weight itself.
        let input_rate = hats(effective_rate(0), PowerOfWidth::new(1.0, 0.0));
        Ok(Self {
            activation: problem.network.activation,
            input_std: input_std.constant,
            output_std,
            readout_rate: hats(effective_rate(1), output_std),
            input_rate,
            reference_width: problem.parameterization.reference_width().unwrap_or(1.0),
            is_corrected: problem.parameterization.corrects_initial_function(),
            is_centered: problem.network.centered,
        })
    }

    /// Returns `(q_σ, q̃_a, q̃_w)`.
    pub fn exponents(&self) -> (f64, f64, f64) {
        (self.output_std.exponent, self.readout_rate.exponent, self.input_rate.exponent)
    }

    /// Returns its limit.
    ///
    /// # Errors
    /// [`Error::NoLimit`] for scalings that are not stable, with the exponent and what would be; [`Error::LimitNotComputed`] for an initial
    /// correction in another scaling than the mean-field one.
    pub fn limit(&self) -> Result<ClassifierLimit> {
        let (q_sigma, q_a, q_w) = self.exponents();
        let learns = |rate: PowerOfWidth| rate.constant > 0.0;
        let of_layers = [(self.readout_rate, q_a), (self.input_rate, q_w)];
        let of_learning = of_layers.iter().filter(|(rate, _)| learns(*rate)).map(|(_, q)| *q);
        let Some(fastest) = of_learning.reduce(f64::max) else {
            return Err(Error::NoLimit("trivial: all learning rates are 0, and no layer learns".into()));
        };
        let s = q_sigma + fastest;
        if sign(s) == Ordering::Greater {
            return Err(Error::NoLimit(format!(
                "unstable: one step moves weights by {} of their size and kernels with them; q_σ + q̃ must be at most 0",
                power_of_width(s)
            )));
        }
        if sign(s + 0.5) == Ordering::Less {
            return Err(Error::NoLimit(format!(
                "trivial: one step moves the outputs by {} of their size at the start, and wide networks stay what they are in any fixed number \
                 of steps; q_σ + q̃ must be at least -1/2",
                power_of_width(s + 0.5)
            )));
        }
        let (logits, kernels) = (q_sigma + 0.5, 2.0 * q_sigma + fastest + 1.0);
        let Some(class) = LimitClass::of_exponents(logits, s) else {
            return Err(Error::NoLimit(format!("the exponents A = {logits} and B = {kernels} belong to no class")));
        };
        // A layer whose rate has the smaller exponent is frozen in the limit (docs/theory/scaling-limits.md §3.4).
        let at = |power: PowerOfWidth| power.constant * self.reference_width.powf(power.exponent);
        let rate = |(rate, q): (PowerOfWidth, f64)| if sign(q - fastest) == Ordering::Less { 0.0 } else { at(rate) };
        let std = at(self.output_std);
        let constants = Constants {
            output_scale: std * self.reference_width,
            readout_rate: rate(of_layers[0]) * std,
            input_rate: rate(of_layers[1]) * std,
            input_std: self.input_std,
            reference_width: self.reference_width,
        };
        constants.check()?;
        let model = match (self.is_corrected, class) {
            (false, _) => Model::Class(class),
            (true, LimitClass::Mf) => Model::CorrectedMeanField,
            (true, _) => {
                return Err(Error::LimitNotComputed(format!(
                    "parameterization.initial_correction = true belongs to the mean-field scaling (IC-MF), and this one is {}",
                    class.name()
                )));
            }
        };
        Ok(ClassifierLimit { model, constants, logits, kernels, reference_width: self.reference_width })
    }
}

impl ClassifierLimit {
    /// Makes the limit of a problem, if it is a classifier with one.
    ///
    /// # Errors
    /// As [`Classifier::of`] and [`Classifier::limit`].
    pub fn of(problem: &Problem) -> Result<Self> {
        Classifier::of(problem)?.limit()
    }

    /// `n^exponent` at a width; 1 at width ∞, where everything is in the units of the limit.
    fn power(&self, width: Width, exponent: f64) -> f64 {
        match width {
            Width::Infinite => 1.0,
            Width::Finite(_) => (width.as_f64() / self.reference_width).powf(exponent),
        }
    }

    /// Returns `n^A`, by which initial outputs are larger than the model's; 1 where they are corrected.
    pub fn start_scale(&self, width: Width) -> f64 {
        match self.model {
            Model::Class(_) => self.power(width, self.logits),
            Model::CorrectedMeanField => 1.0,
        }
    }

    /// Returns `n^B`, by which outputs after a step are larger than the model's.
    pub fn output_scale(&self, width: Width) -> f64 {
        self.power(width, self.kernels)
    }
}
