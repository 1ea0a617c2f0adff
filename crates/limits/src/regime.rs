//! Says which theory has a problem's infinite-width limit.

use widenet_core::{
    Error, Problem, Result, Width,
    problem::{Quantity, Scope},
};

use crate::{
    classifiers::{Classifier, ClassifierLimit},
    nonlinear,
};

/// The theory of a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Regime {
    /// Deep linear networks, mean-field or lazy: module [`crate::mean_field`].
    DeepLinear,
    /// Perceptrons in the kernel regime: module [`crate::kernel`].
    Kernel,
    /// Classifiers of one hidden layer in any stable scaling: module [`crate::classifiers`].
    Classifier(ClassifierLimit),
    /// Other perceptrons in mean-field scaling, by quadrature with an error bar: module [`crate::nonlinear`].
    MeanField,
}

/// Says whether a quantity is recorded that only [`crate::classifiers`] knows.
pub fn records_as_classifier(problem: &Problem) -> bool {
    problem.record.quantities.iter().any(|quantity: &Quantity| quantity.scope() == Scope::Classifier)
}

impl Regime {
    /// Finds the theory of a problem: the kernel regime where it is one, as it has closed forms.
    ///
    /// # Errors
    /// [`widenet_core::Error::NoLimit`] with the exponent that is too large, and what would be right.
    pub fn of(problem: &Problem) -> Result<Regime> {
        if problem.is_solved_as_predictor() {
            return problem.scaling().limit().map(|_| Regime::DeepLinear);
        }
        match (problem.kernel_regime(), Classifier::of(problem)) {
            (Ok(_), _) if !records_as_classifier(problem) => Ok(Regime::Kernel),
            (_, Ok(classifier)) => classifier.limit().map(Regime::Classifier),
            // What keeps a problem in this scaling from its limit says more than why it has no other.
            _ if !records_as_classifier(problem) && nonlinear::has_mean_field_scaling(problem) => {
                nonlinear::check(problem).map(|()| Regime::MeanField)
            }
            (Err(Error::NoLimit(kernel)), Err(classifier)) if problem.network.hidden_layers == 1 => {
                Err(Error::NoLimit(format!("{kernel}; and it is no classifier: {classifier}")))
            }
            (Err(error), Err(_)) if !records_as_classifier(problem) => Err(error),
            (_, Err(error)) => Err(error),
        }
    }

    /// Says whether the limit starts from a random function: a network is then compared with the limit of its own start.
    pub fn starts_at_random(&self, problem: &Problem) -> bool {
        if problem.network.centered {
            return false;
        }
        match self {
            Regime::DeepLinear => {
                let limit = problem.scaling().limit();
                matches!(limit, Ok(widenet_core::scaling::Limit::Lazy { initial_std, .. }) if initial_std > 0.0)
            }
            Regime::Kernel => problem.ensemble.is_none(),
            Regime::MeanField => false,
            Regime::Classifier(limit) => limit.model.needs_start(),
        }
    }

    /// Says what outputs of a network at its start are divided by to be a start of the limit.
    pub fn start_scale(&self, width: Width) -> f64 {
        match self {
            Regime::DeepLinear | Regime::Kernel | Regime::MeanField => 1.0,
            Regime::Classifier(limit) => limit.start_scale(width),
        }
    }
}
