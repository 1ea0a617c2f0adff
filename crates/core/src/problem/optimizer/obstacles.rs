//! Says what an optimizer is in theory, and what does not take it.

/// What an optimizer is in theory, and what does not take it and why. Each reason is what follows `optimizer.kind = "…"` in a message.
#[derive(Debug, Clone, Copy)]
pub struct Obstacles {
    /// The word in files.
    pub kind: &'static str,
    /// Whether weights move linearly in past gradients, which laws, limits and pending outer products rest on.
    pub is_linear: bool,
    /// Why no predictor of a deep linear network is trained by it; such a network is trained as a perceptron.
    pub predictor: Option<&'static str>,
    /// Why no kernel describes it at any width.
    pub kernel: Option<&'static str>,
    /// Why it does not train matrices that are known by their answers.
    pub explored_matrices: Option<&'static str>,
    /// Why it does not train perceptrons outside the kernel regime.
    pub perceptron: Option<&'static str>,
}

impl Obstacles {
    /// Those of a rule that everything takes.
    pub(super) const fn none(kind: &'static str) -> Obstacles {
        Obstacles { kind, is_linear: true, predictor: None, kernel: None, explored_matrices: None, perceptron: None }
    }
}
