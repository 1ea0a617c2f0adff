//! Metrics, checks and figures need something of a problem; what is not there is refused before anything runs.

use widenet_core::{Problem, document::Document, problem::Quantity};
use widenet_engines::{start_quantities, starts_at_random};

use crate::{
    error::{Error, Result},
    study::{CheckKind, Metric, Study},
};

/// The χ² test is about the mean of independent networks; that of antithetic pairs hardly spreads, and the test could not fail.
pub(super) fn refuse_antithetic_test(study: &Study, document: &Document, problem: &Problem) -> Result<()> {
    let recorded = study.metrics.iter().filter_map(Metric::recorded);
    let tested = recorded.into_iter().any(|recorded| recorded.statistic.needs_independent_networks);
    if tested && problem.ensemble.is_some_and(|ensemble| ensemble.antithetic) {
        let place = document.get("ensemble.antithetic").unwrap_or_else(|| document.root()).place.clone();
        let message =
            "`statistic = \"p_value\"` needs independent networks; set `problem.ensemble.antithetic` to false";
        return Err(Error::Core(place.error(message)));
    }
    Ok(())
}

/// Refuses a problem that does not record what the study and its figures need.
pub(super) fn require_quantities(
    study: &Study,
    figures: &[(String, Quantity)],
    document: &Document,
    problem: &Problem,
) -> Result<()> {
    for (user, quantity) in study.needs(problem).into_iter().chain(figures.iter().cloned()) {
        if !problem.record.quantities.contains(&quantity) {
            let place = document.get("record.quantities").unwrap_or_else(|| document.root()).place.clone();
            let name = quantity.name();
            let message = format!("{user} needs `{name}`; add \"{name}\" to `problem.record.quantities`");
            return Err(Error::Core(place.error(message)));
        }
    }
    Ok(())
}

impl Study {
    /// Quantities that must be recorded, with what needs them.
    fn needs(&self, problem: &Problem) -> Vec<(String, Quantity)> {
        let mut needs = Vec::new();
        for metric in &self.metrics {
            let user = format!("metric `{}`", metric.name);
            if metric.reference().is_some() && (problem.is_solved_as_predictor() || starts_at_random(problem)) {
                // A reference of random start starts where the trial did.
                needs.extend(start_quantities(problem).into_iter().map(|quantity| (user.clone(), quantity)));
            }
            if let Some(recorded) = metric.recorded() {
                needs.extend(recorded.statistic.quantities.iter().map(|quantity| (user.clone(), *quantity)));
                needs.push((user, recorded.quantity));
            }
        }
        needs.extend(self.checks.iter().filter_map(|check| match check.kind {
            CheckKind::Exponential { quantity, .. } => Some((format!("check `{}`", check.name), quantity)),
            _ => None,
        }));
        needs
    }
}
