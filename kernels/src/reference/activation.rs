//! Plain twins of activations.

use widenet_core::problem::Activation;

/// Returns `φ(H)`, entry by entry.
pub fn activate(h: &[f64], activation: Activation) -> Vec<f64> {
    h.iter().map(|u| activation.value(*u)).collect()
}

/// Returns `G φ'(H)`, entry by entry, with H repeated along G.
pub fn times_derivative(g: &[f64], h: &[f64], activation: Activation) -> Vec<f64> {
    g.iter().zip(h.iter().cycle()).map(|(g, u)| g * activation.derivative(*u)).collect()
}
