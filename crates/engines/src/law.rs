//! The law engine takes deep linear networks with Gaussian entries, and networks of one hidden layer: classifiers by projections on the data, others
//! by the coordinates of their neurons on it.

use widenet_core::{
    Problem,
    problem::{DEEP_LINEAR, EntryLaw, Need, Quantity, Scope},
};
use widenet_limits::{
    classifiers::{self, Classifier},
    nonlinear,
};

use crate::solver::SolveError;

/// Whether the law engine takes a problem.
pub(crate) fn takes(problem: &Problem) -> bool {
    check(problem).is_ok()
}

/// Refuses what the law engine does not have.
///
/// # Errors
/// [`SolveError`] with what it does not have, and the engine that does.
pub(crate) fn check(problem: &Problem) -> Result<(), SolveError> {
    if problem.is_solved_as_predictor() { check_linear(problem) } else { check_one_hidden_layer(problem) }
}

fn check_linear(problem: &Problem) -> Result<(), SolveError> {
    let first = |is_lacking: &dyn Fn(&Quantity) -> bool| problem.record.quantities.iter().copied().find(is_lacking);
    let law = problem.network.entry_law;
    if let Some(quantity) = needs_entries(problem) {
        return Err(SolveError::Refused(format!(
            "{} needs the entries of the weights, which the law engine does not keep; use the dense engine",
            quantity.name()
        )));
    }
    if first(&|quantity| quantity.scope() == Scope::Explored).is_some() {
        return Err(SolveError::Refused(
            "explored_ranks, orthogonality_loss and truncation_error are quantities of the conditioned and regenerated engines; the law \
             engine has effective_dimensions"
                .into(),
        ));
    }
    if law != EntryLaw::Gaussian {
        return Err(SolveError::Refused(format!(
            "network.entry_law = \"{}\": the law engine is that of Gaussian entries; use the regenerated engine",
            law.name()
        )));
    }
    Ok(())
}

/// The first recorded quantity that needs the entries of the weights.
pub(crate) fn needs_entries(problem: &Problem) -> Option<Quantity> {
    problem.record.quantities.iter().copied().find(|quantity| quantity.needs(Need::Entries))
}

/// Whether a network of one hidden layer is solved by the coordinates of its neurons: what is no classifier, and what of classifiers is not recorded
/// in Gram space.
pub(crate) fn is_by_neurons(problem: &Problem) -> bool {
    let in_gram_space = Classifier::of(problem).is_ok() && classifiers::records_all(problem);
    !problem.is_solved_as_predictor() && !in_gram_space && nonlinear::check_law(problem).is_ok()
}

/// Whether the law costs less than stored matrices: that by neurons does if the data span fewer dimensions than inputs have.
pub(crate) fn is_cheaper(problem: &Problem) -> bool {
    let data = &problem.data;
    let inputs = data.train.inputs.nrows() + data.test.as_ref().map_or(0, |test| test.inputs.nrows());
    !is_by_neurons(problem) || inputs < data.input_dimension()
}

fn check_one_hidden_layer(problem: &Problem) -> Result<(), SolveError> {
    match (Classifier::of(problem), nonlinear::check_law(problem)) {
        (Ok(_), _) | (_, Ok(())) => Ok(()),
        (Err(_), Err(error)) => Err(SolveError::Unfit {
            reason: format!(
                "the law engine knows {DEEP_LINEAR}, and networks of one hidden layer; use the dense engine or auto: {error}"
            ),
            fitting: vec!["dense", "auto"],
        }),
    }
}
