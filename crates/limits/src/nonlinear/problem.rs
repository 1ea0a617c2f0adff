//! Says whether a problem has the mean-field limit of perceptrons.

use widenet_core::{
    Error, Problem, Result,
    problem::{Quantity, Scope},
    scaling::{EffectiveExponents, LayerScaling, NamedScaling},
};

/// Says whether weights scale with the width as in the mean-field limit: like µP, with w = 0, 1/2, 1 and e = −1, 0, 1 of the input layer, hidden
/// layers and readout, whatever the optimizer.
pub fn has_mean_field_scaling(problem: &Problem) -> bool {
    let scaling = problem.parameterization.scaling(problem.network.hidden_layers, problem.data.input_dimension());
    let is_maximal_update = EffectiveExponents::of(&scaling).and_then(|exponents| {
        Ok(exponents.is_same(&NamedScaling::MaximalUpdate.effective(problem.network.hidden_layers)?))
    });
    is_maximal_update.unwrap_or(false)
}

/// Refuses problems without this limit (docs/theory/nonlinear-mean-field.md §5, §8).
///
/// # Errors
/// [`Error::LimitNotComputed`] for another scaling; [`Error::Invalid`] for an optimizer that is not linear in past gradients or is momentum flow, an
/// initial correction, and quantities that have no limit, such as deviations between the networks of an ensemble. The text says what would be right.
pub fn check(problem: &Problem) -> Result<()> {
    if !has_mean_field_scaling(problem) {
        return Err(Error::LimitNotComputed(
            "the mean-field limit is that of the \"mean_field\" parameterization and of exponents with the same effect (µP)"
                .into(),
        ));
    }
    let matters = |biases: &LayerScaling| biases.init_std.constant > 0.0 || biases.learning_rate.constant > 0.0;
    if problem.scaling().biases.last().is_some_and(|biases| biases.as_ref().is_some_and(matters)) {
        return Err(Error::LimitNotComputed(
            "the readout has biases, and the mean-field limit is computed of networks without; leave out `readout_bias`, or use a finite width"
                .into(),
        ));
    }
    let invalid = |text: String| Err(Error::Invalid(text));
    let obstacles = problem.optimizer.obstacles();
    if let Some(reason) = obstacles.kernel.or(obstacles.explored_matrices) {
        return invalid(format!("optimizer.kind = \"{}\"{reason}", obstacles.kind));
    }
    if obstacles.perceptron.is_some() {
        return invalid(format!(
            "optimizer.kind = \"{}\": the mean-field limit of perceptrons is trained by steps or by \"flow\"; use \"flow\", \"gd\", \"momentum\" or \
             \"sgd\"",
            obstacles.kind
        ));
    }
    if problem.parameterization.corrects_initial_function() {
        return invalid(
            "parameterization.initial_correction = true keeps a random function at the start, and the mean-field limit starts from 0; use \
             false, or a finite width"
                .into(),
        );
    }
    if let Some(quantity) = problem.record.quantities.iter().find(|quantity| quantity.scope() == Scope::Ensemble) {
        return invalid(format!(
            "record.quantities: `{}` is of the differences between the networks of an ensemble, which all have the same mean-field limit; record \
             means (outputs, losses, accuracies, kernels), or use a finite width",
            quantity.name()
        ));
    }
    let without_limit = |quantity: &&Quantity| {
        let vanishes_or_diverges = matches!(
            quantity,
            Quantity::WeightChange
                | Quantity::ParameterDistance
                | Quantity::NngpKernel
                | Quantity::Decomposition
                | Quantity::Sharpness
        );
        vanishes_or_diverges || matches!(quantity.scope(), Scope::DeepLinear | Scope::Linear | Scope::Classifier)
    };
    if let Some(quantity) = problem.record.quantities.iter().find(without_limit) {
        return invalid(format!(
            "record.quantities: `{}` is not recorded of the mean-field limit of perceptrons, where it diverges, vanishes or is not defined; \
             outputs, losses, tangent_kernel, feature_kernels, gradient_kernels, activation_norms and activation_changes are",
            quantity.name()
        ));
    }
    Ok(())
}
