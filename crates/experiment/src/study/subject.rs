//! Says what the trials of a study are, and how their finite widths find an engine.

use widenet_core::{
    Width,
    document::{Document, Value},
};
use widenet_engines::EngineChoice;

/// How finite widths find their engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineRule {
    /// The same choice at every width.
    All(EngineChoice),
    /// Dense up to this width; above it law or, where there are hidden matrices between activations, conditioned.
    DenseUpTo(u64),
}

impl EngineRule {
    /// The choice at a width, for deep linear networks and those of one hidden layer; infinite widths have no choice to make.
    pub fn at(self, width: Width) -> EngineChoice {
        match (self, width) {
            (_, Width::Infinite) => EngineChoice::Auto,
            (EngineRule::All(choice), Width::Finite(_)) => choice,
            (EngineRule::DenseUpTo(limit), Width::Finite(m)) if m <= limit => EngineChoice::Dense,
            (EngineRule::DenseUpTo(_), Width::Finite(_)) => EngineChoice::Law,
        }
    }

    /// The choice at a width for a problem that is not validated yet.
    pub(crate) fn of(self, problem: &Document, width: Width) -> EngineChoice {
        let one_layer = problem.get("network.hidden_layers").map(|node| &node.value) == Some(&Value::Integer(1));
        match (self, self.at(width)) {
            (EngineRule::DenseUpTo(_), EngineChoice::Law) if !is_linear(problem) && !one_layer => {
                EngineChoice::Conditioned
            }
            (_, choice) => choice,
        }
    }
}

/// Whether a problem that is not validated yet has no activations.
pub(crate) fn is_linear(problem: &Document) -> bool {
    let activation = problem.get("network.activation").map(|node| &node.value);
    activation.is_none_or(|word| *word == Value::String("identity".into()))
}

/// What the trials of a study are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Trained networks: their results are trajectories.
    Problem,
    /// Questions about random networks: their results are answers.
    Prior,
    /// Questions about random networks given data: their results are answers.
    Posterior,
}

impl Subject {
    pub(crate) const ALL: [Subject; 3] = [Subject::Problem, Subject::Prior, Subject::Posterior];

    /// The word in study files, tables and plans.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Problem => "problem",
            Subject::Prior => "prior",
            Subject::Posterior => "posterior",
        }
    }

    /// Sections of a question that draw random numbers.
    pub(crate) fn seeded(self) -> &'static [&'static str] {
        match self {
            Subject::Problem => &[],
            Subject::Prior => &["geometry", "sample", "agreement"],
            Subject::Posterior => &["posterior"],
        }
    }
}

/// Why a question takes none of the keys about engines.
pub(super) const NO_ENGINE: &str = "a question has no engine; see its `by` and `method`";
