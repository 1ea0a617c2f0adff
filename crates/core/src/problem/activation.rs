//! An activation has a value and a derivative at every point.

use widenet_document::{
    Field, Word,
    keys::{optional, required},
    section,
    shape::{Either, Located, Shape, located, mapped, number, table_or, word},
};

/// Activation between layers. As a value of `network.activation`: its word, or a table `{ kind = "leaky_relu",
/// negative_slope = 0.1 }` where it has a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// `u`: deep linear networks.
    Identity,
    /// `max(u, 0)`.
    Relu,
    /// `u` for u > 0, `negative_slope · u` otherwise (default slope 0.01).
    LeakyRelu {
        /// Any finite number.
        negative_slope: f64,
    },
    /// `|u|`.
    Abs,
    /// `erf(u)`.
    Erf,
    /// `sin(u)`.
    Sin,
    /// `u Φ(u)`, Φ the distribution function of N(0, 1).
    Gelu,
    /// `tanh(u)`.
    Tanh,
    /// `1/(1 + e^{-u})`.
    Sigmoid,
    /// `ln(1 + e^u)`.
    Softplus,
    /// `u/(1 + e^{-u})`.
    Silu,
    /// 1 for u > 0, 0 otherwise. Its derivative is 0 almost everywhere, so of a network with it only the readout is trained.
    Step,
    /// `max(u, 0)²`.
    SquaredRelu,
}

/// `1/√(2π)`.
const INVERSE_ROOT_TWO_PI: f64 = 0.398_942_280_401_432_7;

impl Word for Activation {
    /// The leaky ReLU has its default slope.
    const WORDS: &'static [(&'static str, Activation)] = &[
        ("identity", Activation::Identity),
        ("relu", Activation::Relu),
        ("leaky_relu", Activation::LeakyRelu { negative_slope: 0.01 }),
        ("abs", Activation::Abs),
        ("erf", Activation::Erf),
        ("sin", Activation::Sin),
        ("gelu", Activation::Gelu),
        ("tanh", Activation::Tanh),
        ("sigmoid", Activation::Sigmoid),
        ("softplus", Activation::Softplus),
        ("silu", Activation::Silu),
        ("step", Activation::Step),
        ("squared_relu", Activation::SquaredRelu),
    ];
}

section! {
    /// An activation with its parameter.
    struct WithParameter {
        /// Which one.
        kind: Activation = required(word()),
        /// Of `leaky_relu`: the slope for u < 0 (0.01 where it is not given).
        negative_slope: Option<Located<f64>> = optional(located(number())),
    }
}

/// A word, or a table with a parameter.
pub(super) fn activation() -> impl Shape<Value = Activation> {
    mapped(table_or::<WithParameter, _>(word()), |either, _: &Field<'_>| match either {
        Either::Other(activation) => Ok(activation),
        Either::Table(WithParameter { kind, negative_slope }) => match (kind, negative_slope) {
            (activation, None) => Ok(activation),
            (Activation::LeakyRelu { .. }, Some(slope)) => Ok(Activation::LeakyRelu { negative_slope: slope.value }),
            (activation, Some(slope)) => Err(slope.error(format!(
                "`{}` belongs to \"leaky_relu\"; \"{}\" has no parameter",
                slope.key(),
                activation.name()
            ))),
        },
    })
}

impl Activation {
    /// Returns the word in files.
    pub fn name(self) -> &'static str {
        self.word()
    }

    /// Returns the slopes for u < 0 and u > 0 of a piecewise linear activation.
    pub fn slopes(self) -> Option<(f64, f64)> {
        match self {
            Activation::Identity => Some((1.0, 1.0)),
            Activation::Relu => Some((0.0, 1.0)),
            Activation::LeakyRelu { negative_slope } => Some((negative_slope, 1.0)),
            Activation::Abs => Some((-1.0, 1.0)),
            Activation::Erf
            | Activation::Sin
            | Activation::Gelu
            | Activation::Tanh
            | Activation::Sigmoid
            | Activation::Softplus
            | Activation::Silu
            | Activation::Step
            | Activation::SquaredRelu => None,
        }
    }

    /// Whether all derivatives are continuous: no kink and no jump, also not of a derivative.
    pub fn is_smooth(self) -> bool {
        match self.slopes() {
            Some((below, above)) => below == above,
            None => !matches!(self, Activation::Step | Activation::SquaredRelu),
        }
    }

    /// Returns `φ(u)`.
    pub fn value(self, u: f64) -> f64 {
        match self {
            Activation::Identity => u,
            Activation::Relu if u < 0.0 => 0.0,
            Activation::LeakyRelu { negative_slope } if u < 0.0 => negative_slope * u,
            Activation::Relu | Activation::LeakyRelu { .. } => u,
            Activation::Abs => u.abs(),
            Activation::Erf => libm::erf(u),
            Activation::Sin => u.sin(),
            Activation::Gelu => u * normal_distribution(u),
            Activation::Tanh => u.tanh(),
            Activation::Sigmoid => sigmoid(u),
            Activation::Softplus => u.max(0.0) + (-u.abs()).exp().ln_1p(),
            Activation::Silu => u * sigmoid(u),
            Activation::Step if u > 0.0 => 1.0,
            Activation::Step if u <= 0.0 => 0.0,
            Activation::Step => f64::NAN,
            Activation::SquaredRelu if u < 0.0 => 0.0,
            Activation::SquaredRelu => u * u,
        }
    }

    /// Returns `φ'(u)`; at the kink of a piecewise linear activation the slope below it (0 for ReLU), and 0 at the jump of the step.
    pub fn derivative(self, u: f64) -> f64 {
        if let Some((below, above)) = self.slopes() {
            return if u > 0.0 { above } else { below };
        }
        match self {
            Activation::Erf => std::f64::consts::FRAC_2_SQRT_PI * (-u * u).exp(),
            Activation::Sin => u.cos(),
            Activation::Gelu => normal_distribution(u) + u * INVERSE_ROOT_TWO_PI * (-0.5 * u * u).exp(),
            // 1 − tanh² would cancel.
            Activation::Tanh => 4.0 * sigmoid(2.0 * u) * sigmoid(-2.0 * u),
            Activation::Sigmoid => sigmoid(u) * sigmoid(-u),
            Activation::Softplus => sigmoid(u),
            Activation::Silu => sigmoid(u) * (1.0 + u * sigmoid(-u)),
            Activation::Step => 0.0,
            Activation::SquaredRelu if u > 0.0 => 2.0 * u,
            Activation::SquaredRelu => 0.0,
            Activation::Identity | Activation::Relu | Activation::LeakyRelu { .. } | Activation::Abs => 1.0,
        }
    }
}

fn normal_distribution(u: f64) -> f64 {
    0.5 * libm::erfc(-u * std::f64::consts::FRAC_1_SQRT_2)
}

fn sigmoid(u: f64) -> f64 {
    if u >= 0.0 { 1.0 / (1.0 + (-u).exp()) } else { u.exp() / (1.0 + u.exp()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_those_of_the_values() {
        for (word, activation) in Activation::WORDS.iter().copied() {
            assert_eq!(activation.name(), word);
            for u in [-40.0, -3.1, -0.7, 0.2, 1.9, 25.0] {
                let h = 1e-5;
                let difference = (activation.value(u + h) - activation.value(u - h)) / (2.0 * h);
                let derivative = activation.derivative(u);
                assert!(
                    (difference - derivative).abs() < 1e-8 * derivative.abs().max(1.0),
                    "{word}'({u}): {derivative} against {difference}"
                );
            }
        }
        assert_eq!(Activation::Relu.derivative(0.0), 0.0);
    }

    #[test]
    fn far_out_values_have_their_limits_and_derivatives_their_digits() {
        assert_eq!(Activation::Relu.value(f64::NEG_INFINITY), 0.0);
        assert!(Activation::Step.value(f64::NAN).is_nan() && Activation::SquaredRelu.value(f64::NAN).is_nan());
        assert_eq!((Activation::Step.value(0.0), Activation::Step.value(5e-324)), (0.0, 1.0));
        assert!(Activation::Relu.value(f64::NAN).is_nan());
        // 4 e^{−2u} (1 − 2 e^{−2u} + …)
        let expected = 4.0 * (-30.0_f64).exp();
        assert!((Activation::Tanh.derivative(-15.0) / expected - 1.0).abs() < 1e-12);
    }
}
