//! Says which theory has a problem's infinite-width limit.

use widenet_core::{
    Error, Problem, Result, Width,
    problem::{Quantity, Scope},
    scaling::EffectiveExponents,
};

use crate::{
    classifiers::{Classifier, ClassifierLimit},
    nonlinear,
    theory::Theory,
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
    /// Why there is none: [`Error::NoLimit`] for scalings that are unstable or trivial, with the exponent and what would be right;
    /// [`Error::LimitNotComputed`] for stable ones that no theory here has; [`Error::Invalid`] for an optimizer that is not linear in past
    /// gradients, and for quantities without a limit.
    pub fn of(problem: &Problem) -> Result<Regime> {
        if problem.is_solved_as_predictor() {
            return problem.scaling().limit().map(|_| Regime::DeepLinear);
        }
        if problem.network.image.is_some() {
            return match problem.kernel_regime() {
                _ if records_as_classifier(problem) => {
                    problem.network.check_fully_connected("the limit of classifiers")
                }
                other => other.map(|_| ()),
            }
            .map(|()| Regime::Kernel);
        }
        match (problem.kernel_regime(), Classifier::of(problem)) {
            (Ok(_), _) if !records_as_classifier(problem) => Ok(Regime::Kernel),
            (_, Ok(classifier)) => classifier.limit().map(Regime::Classifier),
            // What keeps a problem in this scaling from its limit says more than why it has no other.
            _ if !records_as_classifier(problem) && nonlinear::has_mean_field_scaling(problem) => {
                nonlinear::check(problem).map(|()| Regime::MeanField)
            }
            (Err(kernel), Err(classifier)) if !records_as_classifier(problem) => {
                Err(obstacle(problem, kernel, &classifier))
            }
            (_, Err(error)) => Err(error),
        }
    }

    /// Returns the theory's row of the table.
    pub fn theory(&self) -> &'static Theory {
        match self {
            Regime::DeepLinear => &Theory::DEEP_LINEAR,
            Regime::Kernel => &Theory::KERNEL,
            Regime::Classifier(_) => &Theory::CLASSIFIERS,
            Regime::MeanField => &Theory::MEAN_FIELD,
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

/// Why a problem has no limit that is computed: what its exponents say, and what keeps it from the kernel regime and from the classifiers.
fn obstacle(problem: &Problem, kernel: Error, classifier: &Error) -> Error {
    let (Error::NoLimit(why) | Error::OutsideKernelRegime(why)) = kernel else { return kernel };
    let why =
        if problem.network.hidden_layers == 1 { format!("{why}; and it is no classifier: {classifier}") } else { why };
    let exponents = EffectiveExponents::of(&problem.scaling());
    match exponents.and_then(|exponents| Theory::of_scaling(&exponents, problem.loss)) {
        Err(Error::NoLimit(verdict)) => Error::NoLimit(format!("{verdict}; {why}")),
        _ => Error::LimitNotComputed(why),
    }
}
