//! Metrics, checks and figures need something of a problem; what is not there is refused before anything runs.

use widenet_core::{Problem, document::Document, problem::Quantity};
use widenet_engines::{start_quantities, starts_at_random};

use crate::{
    error::{Error, Result},
    study::{CheckKind, FigureKind, Metric, Statistic, Study},
};

/// The χ² test is about the mean of independent networks; that of antithetic pairs hardly spreads, and the test could not fail.
pub(super) fn refuse_antithetic_test(study: &Study, document: &Document, problem: &Problem) -> Result<()> {
    let recorded = study.metrics.iter().filter_map(Metric::recorded);
    let tested = recorded.into_iter().any(|recorded| recorded.statistic == Statistic::PValue);
    if tested && problem.ensemble.is_some_and(|ensemble| ensemble.antithetic) {
        let place = document.get("ensemble.antithetic").unwrap_or_else(|| document.root()).place.clone();
        let message =
            "`statistic = \"p_value\"` needs independent networks; set `problem.ensemble.antithetic` to false";
        return Err(Error::Core(place.error(message)));
    }
    Ok(())
}

pub(super) fn require_quantities(study: &Study, document: &Document, problem: &Problem) -> Result<()> {
    for (user, quantity) in study.needs(problem) {
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
            if metric.against.is_some() && (problem.is_deep_linear() || starts_at_random(problem)) {
                // A reference of random start starts where the trial did.
                needs.extend(start_quantities(problem).into_iter().map(|quantity| (user.clone(), quantity)));
            }
            if let Some(recorded) = metric.recorded() {
                if recorded.statistic == Statistic::PValue {
                    needs.push((user.clone(), Quantity::TestOutputCovariance));
                }
                needs.push((user, recorded.quantity));
            }
        }
        needs.extend(self.checks.iter().filter_map(|check| match check.kind {
            CheckKind::Exponential { quantity, .. } => Some((format!("check `{}`", check.name), quantity)),
            _ => None,
        }));
        needs.extend(self.figures.iter().flat_map(|figure| {
            let quantities = match &figure.kind {
                FigureKind::Scaling(_) | FigureKind::Lines(_) => Vec::new(),
                FigureKind::Curves { quantity, .. } => vec![*quantity],
                FigureKind::Divergence { .. } => vec![Quantity::TestOutputs],
                FigureKind::Bands => vec![Quantity::TestOutputs, Quantity::TestOutputStd],
                FigureKind::Overlay { quantities, .. } => quantities.clone(),
            };
            quantities.into_iter().map(|quantity| (format!("figure `{}`", figure.name), quantity)).collect::<Vec<_>>()
        }));
        needs
    }
}
