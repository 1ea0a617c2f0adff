//! Some engines have options: a tolerance, and ways to keep answers. The others refuse them.
//!
//! A direction that is within a tolerance of those asked before is not asked again. Real matrices, and limits in closed form, keep no
//! directions.

use widenet_core::{Width, document::Word, trajectory::Engine};
use widenet_limits::Regime;
use widenet_model::{Hidden, HiddenMatrix, ResponseStorage, default_tolerance};

use crate::{
    law,
    solver::{EngineChoice, HiddenOptions, Request, SolveError},
};

/// Refuses options that the engine of a request does not have.
///
/// # Errors
/// [`SolveError::Refused`] with the option, its value, and the engines that have it.
pub(crate) fn check(request: &Request<'_>, choice: EngineChoice, engine: Engine) -> Result<(), SolveError> {
    let HiddenOptions { tolerance, answers } = request.hidden;
    let linear = request.problem.is_solved_as_predictor();
    if let Some(tolerance) = tolerance {
        if !(tolerance > 0.0 && tolerance < 1.0) {
            return Err(SolveError::Refused(format!("tolerance = {tolerance:?} must lie between 0 and 1")));
        }
        let has_tolerance = match engine {
            Engine::Conditioned | Engine::Regenerated => true,
            Engine::Law => linear,
            Engine::Limit => linear || matches!(Regime::of(request.problem), Ok(Regime::MeanField)),
            Engine::Dense => false,
        };
        if !has_tolerance {
            let others = others(request, &[Engine::Law, Engine::Conditioned, Engine::Regenerated]);
            return Err(refusal(
                request,
                (choice, engine),
                &format!("tolerance = {tolerance:?}"),
                "tolerance",
                &others,
            ));
        }
    }
    match answers {
        Some(answers) if engine != Engine::Conditioned => {
            let option = format!("answers = \"{}\"", word(answers));
            let others = others(request, &[Engine::Conditioned]);
            Err(refusal(request, (choice, engine), &option, "choice of answers", &others))
        }
        _ => Ok(()),
    }
}

/// Those of some engines that take the problem at finite widths.
fn others(request: &Request<'_>, engines: &[Engine]) -> Vec<&'static str> {
    let takes = |engine: &&Engine| match engine {
        // Of classifiers it has no tolerance.
        Engine::Law => request.problem.is_solved_as_predictor() && law::takes(request.problem),
        Engine::Conditioned => explores(request, HiddenMatrix::Conditioned(ResponseStorage::Stored)),
        Engine::Regenerated => explores(request, HiddenMatrix::Regenerated),
        Engine::Dense | Engine::Limit => false,
    };
    engines.iter().filter(takes).map(|engine| engine.name()).collect()
}

fn explores(request: &Request<'_>, matrix: HiddenMatrix) -> bool {
    Hidden { matrix, tolerance: default_tolerance(request.precision) }.check(request.problem).is_ok()
}

fn refusal(
    request: &Request<'_>,
    (choice, engine): (EngineChoice, Engine),
    option: &str,
    what: &str,
    others: &[&'static str],
) -> SolveError {
    let chosen = match (request.width, choice) {
        (Width::Finite(width), EngineChoice::Auto) => format!(", which auto takes at width {width},"),
        _ => String::new(),
    };
    let place = if request.width == Width::Infinite { "a finite width and " } else { "" };
    let otherwise = match others {
        [] => String::new(),
        [one] => format!(", or use {place}the {one} engine"),
        [first @ .., last] => format!(", or use {place}the {} or {last} engine", first.join(", ")),
    };
    SolveError::Unfit {
        reason: format!("{option}: the {} engine{chosen} has no {what}; leave it out{otherwise}", engine.name()),
        fitting: others.to_vec(),
    }
}

/// Returns the word of a way to keep answers.
pub fn word(answers: ResponseStorage) -> &'static str {
    answers.word()
}

/// What was asked for, to be appended to a reason.
pub(crate) fn words(options: HiddenOptions) -> String {
    let tolerance = options.tolerance.map_or_else(String::new, |tolerance| format!(", tolerance {tolerance:?}"));
    let answers = options.answers.map_or_else(String::new, |answers| format!(", answers {}", word(answers)));
    tolerance + &answers
}
