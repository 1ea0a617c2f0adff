//! A rule says which choice of an engine the widths of a problem are given; what `auto` takes is decided in `engines.rs`.

use widenet_core::{Problem, Width, trajectory::Engine};
use widenet_model::{Hidden, HiddenMatrix, Precision, ResponseStorage, default_tolerance};

use crate::{
    law,
    solver::{EngineChoice, HiddenOptions},
};

/// How finite widths find their engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineRule {
    /// The same choice at every width.
    All(EngineChoice),
    /// Dense up to this width; above it law where that is cheaper, else conditioned, else whatever the problem allows.
    DenseUpTo(u64),
}

impl EngineRule {
    /// Returns the choice for a problem at a width; infinite widths have no choice to make.
    pub fn at(self, problem: &Problem, width: Width) -> EngineChoice {
        match (self, width) {
            (_, Width::Infinite) => EngineChoice::Auto,
            (EngineRule::All(choice), Width::Finite(_)) => choice,
            (EngineRule::DenseUpTo(limit), Width::Finite(m)) if m <= limit => EngineChoice::Dense,
            (EngineRule::DenseUpTo(_), Width::Finite(_)) if law::takes(problem) && law::is_cheaper(problem) => {
                EngineChoice::Law
            }
            (EngineRule::DenseUpTo(_), Width::Finite(_)) if is_conditioned(problem) => EngineChoice::Conditioned,
            (EngineRule::DenseUpTo(_), Width::Finite(_)) => EngineChoice::Auto,
        }
    }
}

/// Hidden matrices that can be known by their answers.
fn is_conditioned(problem: &Problem) -> bool {
    let matrix = HiddenMatrix::Conditioned(ResponseStorage::Stored);
    let hidden = Hidden { matrix, tolerance: default_tolerance(Precision::F32) };
    problem.network.hidden_layers > 1 && hidden.check(problem).is_ok()
}

impl HiddenOptions {
    /// Returns the options of one of several widths of a problem. Width ∞ beside finite ones keeps no answers and, unless the network is
    /// deep linear, is in closed form: what is asked of the others is no mistake there.
    #[must_use]
    pub fn at(self, width: Width, widths: &[Width], problem: &Problem) -> HiddenOptions {
        let is_beside_finite = widths.iter().any(|width| *width != Width::Infinite);
        match width {
            Width::Infinite if is_beside_finite => {
                HiddenOptions { tolerance: self.tolerance.filter(|_| problem.is_solved_as_predictor()), answers: None }
            }
            _ => self,
        }
    }
}

/// Returns a version that is part of what results of an engine depend on: it changes when the engine computes other numbers for the same
/// request.
pub const fn results_version(engine: Engine) -> u32 {
    match engine {
        // 2: accuracies of labels that are not ±1 have their own threshold.
        Engine::Limit | Engine::Law | Engine::Dense | Engine::Conditioned | Engine::Regenerated => 2,
    }
}

/// Returns the engines that a choice may lead to at a width, with the versions of their results.
pub fn results_key(choice: EngineChoice, width: Width) -> String {
    let engines: &[Engine] = match (width, choice) {
        (Width::Infinite, _) => &[Engine::Limit],
        (_, EngineChoice::Law) => &[Engine::Law],
        (_, EngineChoice::Dense) => &[Engine::Dense],
        (_, EngineChoice::Conditioned) => &[Engine::Conditioned],
        (_, EngineChoice::Regenerated) => &[Engine::Regenerated],
        (_, EngineChoice::Auto) => &[Engine::Law, Engine::Dense, Engine::Conditioned, Engine::Regenerated],
    };
    let versions = engines.iter().map(|engine| format!("{} {}", engine.name(), results_version(*engine)));
    versions.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use widenet_core::document::Document;

    use super::*;

    fn problem(activation: &str, more: &str) -> Problem {
        let text = format!(
            "[network]\nhidden_layers = 2\nactivation = \"{activation}\"\n[parameterization]\nkind = \"ntk\"\n\
             [data]\nkind = \"inline\"\ninputs = [[1, 0], [0, 1]]\ntargets = [[1], [-1]]\n\
             [optimizer]\nkind = \"gd\"\nlearning_rate = 0.1\nsteps = 2\n{more}\n"
        );
        Problem::from_document(&Document::from_toml("problem.toml", &text).unwrap(), Path::new("")).unwrap()
    }

    /// What a network is follows from the whole problem: identity activation alone has a law only under squared loss, in a single network.
    #[test]
    fn wide_networks_go_to_the_law_only_where_there_is_one() {
        let wide = Width::Finite(1 << 20);
        let choice = |more: &str| EngineRule::DenseUpTo(64).at(&problem("identity", more), wide);
        assert_eq!(choice(""), EngineChoice::Law);
        assert_eq!(choice("[loss]\nkind = \"logistic\""), EngineChoice::Conditioned);
        assert_eq!(choice("[ensemble]\nnetworks = 4"), EngineChoice::Auto);
        assert_eq!(EngineRule::DenseUpTo(64).at(&problem("identity", ""), Width::Finite(64)), EngineChoice::Dense);
        assert_eq!(EngineRule::DenseUpTo(64).at(&problem("tanh", ""), wide), EngineChoice::Conditioned);
        assert_eq!(EngineRule::DenseUpTo(64).at(&problem("tanh", ""), Width::Infinite), EngineChoice::Auto);
    }

    /// One hidden layer is solved in law where its data span fewer dimensions than inputs have: 2 inputs of dimension 3, and not of dimension 2.
    #[test]
    fn one_hidden_layer_goes_to_the_law_where_it_is_cheaper() {
        let with_inputs = |inputs: &str| {
            let text = format!(
                "[network]\nhidden_layers = 1\nactivation = \"tanh\"\n[parameterization]\nkind = \"ntk\"\n\
                 [data]\nkind = \"inline\"\ninputs = {inputs}\ntargets = [[1], [-1]]\n\
                 [optimizer]\nkind = \"gd\"\nlearning_rate = 0.1\nsteps = 2\n"
            );
            Problem::from_document(&Document::from_toml("problem.toml", &text).unwrap(), Path::new("")).unwrap()
        };
        let choice = |inputs: &str| EngineRule::DenseUpTo(64).at(&with_inputs(inputs), Width::Finite(1 << 20));
        assert_eq!(choice("[[1, 0, 0], [0, 1, 0]]"), EngineChoice::Law);
        assert_eq!(choice("[[1, 0], [0, 1]]"), EngineChoice::Auto);
    }

    /// A tolerance is no mistake at width ∞ beside finite widths, whatever the network.
    #[test]
    fn the_limit_in_closed_form_takes_no_tolerance() {
        let options = HiddenOptions { tolerance: Some(1e-4), answers: Some(ResponseStorage::Stored) };
        let widths = [Width::Finite(64), Width::Infinite];
        let at = |problem: &Problem, width| options.at(width, &widths, problem);
        let logistic = problem("identity", "[loss]\nkind = \"logistic\"");
        assert_eq!(at(&logistic, Width::Infinite), HiddenOptions::default());
        assert_eq!(at(&problem("identity", ""), Width::Infinite).tolerance, Some(1e-4));
        assert_eq!(at(&logistic, Width::Finite(64)), options);
    }

    #[test]
    fn results_are_keyed_by_the_engines_that_may_make_them() {
        assert_eq!(results_key(EngineChoice::Dense, Width::Finite(4)), "dense 2");
        assert_eq!(results_key(EngineChoice::Dense, Width::Infinite), "limit 2");
        assert!(results_key(EngineChoice::Auto, Width::Finite(4)).contains("conditioned 2"));
    }
}
