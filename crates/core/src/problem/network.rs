//! The architecture.

/// Activation between layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Deep linear networks.
    Identity,
}

/// A fully connected network without biases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Number of hidden layers `L ≥ 1`; there are `L + 1` weight matrices.
    pub hidden_layers: usize,
    /// Activation.
    pub activation: Activation,
}
