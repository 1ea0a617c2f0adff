//! Composes activations of a backend's own operations; they are as accurate as those.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use burn::backend::{Backend, Scalar, TensorMetadata, tensor::FloatTensor};
use widenet_core::problem::Activation;

/// `φ(u)`.
pub(super) fn value<B: Backend>(u: FloatTensor<B>, activation: Activation) -> FloatTensor<B> {
    match activation {
        Activation::Identity => u,
        Activation::Relu => B::float_clamp_min(u, 0.0.into()),
        Activation::LeakyRelu { negative_slope } => {
            let below = scaled::<B>(B::float_clamp_max(u.clone(), 0.0.into()), negative_slope);
            B::float_add(B::float_clamp_min(u, 0.0.into()), below)
        }
        Activation::Abs => B::float_abs(u),
        Activation::Erf => B::float_erf(u),
        Activation::Sin => B::float_sin(u),
        Activation::Gelu => B::float_mul(u.clone(), normal_distribution::<B>(u)),
        Activation::Tanh => B::float_tanh(u),
        Activation::Sigmoid => sigmoid::<B>(u),
        Activation::Softplus => {
            let rest = B::float_log1p(B::float_exp(B::float_neg(B::float_abs(u.clone()))));
            B::float_add(B::float_clamp_min(u, 0.0.into()), rest)
        }
        Activation::Silu => B::float_mul(u.clone(), sigmoid::<B>(u)),
        Activation::Step => B::float_clamp_min(B::float_sign(u), 0.0.into()),
        Activation::SquaredRelu => {
            let positive = B::float_clamp_min(u, 0.0.into());
            B::float_mul(positive.clone(), positive)
        }
    }
}

/// `G φ'(H)` with H repeated along G.
pub(super) fn times_derivative<B: Backend>(
    g: FloatTensor<B>,
    h: FloatTensor<B>,
    activation: Activation,
) -> FloatTensor<B> {
    let repeats = g.shape()[0] / h.shape()[0];
    let derivative = derivative::<B>(h, activation);
    B::float_mul(g, if repeats == 1 { derivative } else { B::float_repeat_dim(derivative, 0, repeats) })
}

/// `φ'(u)`.
fn derivative<B: Backend>(u: FloatTensor<B>, activation: Activation) -> FloatTensor<B> {
    if let Some((below, above)) = activation.slopes() {
        let is_above = B::float_clamp_min(B::float_sign(u), 0.0.into());
        return plus::<B>(scaled::<B>(is_above, above - below), below);
    }
    match activation {
        Activation::Identity | Activation::Relu | Activation::LeakyRelu { .. } | Activation::Abs => u,
        Activation::Erf => scaled::<B>(gaussian::<B>(u, 1.0), FRAC_2_SQRT_PI),
        Activation::Sin => B::float_cos(u),
        Activation::Gelu => {
            let density = scaled::<B>(gaussian::<B>(u.clone(), 0.5), 0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI);
            B::float_add(normal_distribution::<B>(u.clone()), B::float_mul(u, density))
        }
        // 4 σ(2u) σ(−2u): 1 − tanh² would cancel.
        Activation::Tanh => scaled::<B>(sigmoid_derivative::<B>(scaled::<B>(u, 2.0)), 4.0),
        Activation::Sigmoid => sigmoid_derivative::<B>(u),
        Activation::Softplus => sigmoid::<B>(u),
        Activation::Silu => {
            let slope = plus::<B>(B::float_mul(u.clone(), sigmoid::<B>(B::float_neg(u.clone()))), 1.0);
            B::float_mul(sigmoid::<B>(u), slope)
        }
        Activation::Step => scaled::<B>(u, 0.0),
        Activation::SquaredRelu => scaled::<B>(B::float_clamp_min(u, 0.0.into()), 2.0),
    }
}

fn scaled<B: Backend>(u: FloatTensor<B>, factor: f64) -> FloatTensor<B> {
    B::float_mul_scalar(u, Scalar::from(factor))
}

fn plus<B: Backend>(u: FloatTensor<B>, constant: f64) -> FloatTensor<B> {
    B::float_add_scalar(u, Scalar::from(constant))
}

/// `1/(1 + e^{−u})`. Not burn's activation of that name, which backends may compute in `f32`.
fn sigmoid<B: Backend>(u: FloatTensor<B>) -> FloatTensor<B> {
    B::float_recip(plus::<B>(B::float_exp(B::float_neg(u)), 1.0))
}

/// `σ(u) σ(−u)`.
fn sigmoid_derivative<B: Backend>(u: FloatTensor<B>) -> FloatTensor<B> {
    B::float_mul(sigmoid::<B>(u.clone()), sigmoid::<B>(B::float_neg(u)))
}

/// `e^{−rate u²}`.
fn gaussian<B: Backend>(u: FloatTensor<B>, rate: f64) -> FloatTensor<B> {
    B::float_exp(scaled::<B>(B::float_mul(u.clone(), u), -rate))
}

/// Φ(u).
fn normal_distribution<B: Backend>(u: FloatTensor<B>) -> FloatTensor<B> {
    scaled::<B>(plus::<B>(B::float_erf(scaled::<B>(u, FRAC_1_SQRT_2)), 1.0), 0.5)
}
