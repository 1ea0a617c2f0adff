//! The linear model allows learning rates up to a bound.
//!
//! ```text
//! η_max = 2 (1 + μ)/(κ λ_max/denominator + λ),     η_crit = 2 denominator/(λ_min + λ_max)
//! ```
//!
//! with eigenvalues of the tangent kernel on the training inputs, the loss's largest curvature κ (1, 1/4, 1/2) and weight decay λ
//! (docs/theory/ntk.md §7, Eq. rates). Nesterov's momentum allows 1 + 2μ times less.

use widenet_core::{
    Error, Matrix, Problem, Result,
    problem::{Optimizer, Rule},
    scaling::Limit,
    training::{Control, stable_learning_rate},
};

use super::{error::core_error, factorization::check_symmetric, gram::kernels, matrices::Which};
use crate::linear_algebra::{eigenvalues, largest_eigenvalue};

/// Returns the largest learning rate that is stable for the infinitely wide network of a problem at its start, in the problem's loss.
///
/// # Errors
/// A scaling without infinite-width limit; an initial correction; RMSProp; kernels that overflow; a tangent kernel that is 0, for which
/// every rate is stable; the hinge loss, which has none.
pub fn largest_stable_rate(problem: &Problem) -> Result<f64> {
    let network = match problem.kernel_regime() {
        Ok(network) => network,
        Err(error) if !problem.is_solved_as_predictor() => return Err(error),
        // The mean-field class: the tangent kernel of the infinitely wide network at its start.
        Err(_) => {
            let kernel = match problem.scaling().limit()? {
                Limit::Network(network) => network.tangent_kernel(),
                Limit::Lazy { kernel, .. } => kernel,
            };
            return Ok(stable_learning_rate(problem, kernel) * momentum_factor(&problem.optimizer) / 2.0);
        }
    };
    let kernel = tangent_kernel(problem, &network)?;
    largest_rate_for(problem, &kernel, 0.0)
}

/// Returns `η_crit`, below which the convergence theorem of docs/theory/ntk.md §8 is proved (no momentum).
///
/// # Errors
/// As for [`largest_stable_rate`].
pub fn critical_rate(problem: &Problem) -> Result<f64> {
    let network = problem.kernel_regime()?;
    let values = eigenvalues(&tangent_kernel(problem, &network)?).unwrap_or_default();
    match (values.first(), values.last()) {
        (Some(smallest), Some(largest)) if *largest > 0.0 => {
            Ok(2.0 * problem.loss_denominator() / (smallest.max(0.0) + largest))
        }
        _ => Err(no_kernel()),
    }
}

/// [`largest_stable_rate`] for a training kernel with a ridge.
pub(super) fn largest_rate_for(problem: &Problem, kernel: &Matrix, ridge: f64) -> Result<f64> {
    let Some(of_outputs) = problem.loss.largest_curvature() else {
        return Err(Error::Invalid(
            "the gradient of the hinge loss jumps, so that no learning rate is the largest stable one; give `learning_rate`"
                .into(),
        ));
    };
    match largest_eigenvalue(kernel).map(|largest| largest + ridge) {
        Some(largest) if largest > 0.0 => {
            let curvature = of_outputs * largest / problem.loss_denominator();
            Ok(momentum_factor(&problem.optimizer) / (curvature + problem.optimizer.weight_decay))
        }
        _ => Err(no_kernel()),
    }
}

/// Largest stable `η × curvature`.
fn momentum_factor(optimizer: &Optimizer) -> f64 {
    let momentum = optimizer.momentum();
    let nesterov = matches!(optimizer.rule, Rule::Descent { nesterov: true, .. });
    2.0 * (1.0 + momentum) / if nesterov { 1.0 + 2.0 * momentum } else { 1.0 }
}

fn no_kernel() -> Error {
    Error::Invalid("the tangent kernel on the training inputs is 0 (are all layers frozen, or all inputs 0?)".into())
}

fn tangent_kernel(problem: &Problem, network: &widenet_core::scaling::KernelNetwork) -> Result<Matrix> {
    let inputs = &problem.data.train.inputs;
    let kernels = kernels(network, inputs, None, Which::Tangent, &mut |_| Control::Continue);
    let kernel = kernels.map_err(core_error)?.tangent.unwrap_or_default();
    check_symmetric(&kernel, "the tangent kernel").map_err(core_error)?;
    Ok(kernel)
}
