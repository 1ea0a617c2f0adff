//! The trials of a study are solutions of a problem, or answers of a question.

use widenet_core::document::Document;
use widenet_questions::{KINDS, Kind};

/// What the trials of a study are.
#[derive(Debug, Clone, Copy)]
pub enum TaskKind {
    /// Trained networks: their results are trajectories.
    Problem,
    /// Questions of a kind: their results are answers.
    Question(&'static Kind),
}

impl PartialEq for TaskKind {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for TaskKind {}

/// Why a question takes none of the keys about engines.
pub(super) const NO_ENGINE: &str = "a question has no engine; see its `by` and `method`";

impl TaskKind {
    /// Returns all kinds of tasks.
    pub fn all() -> impl Iterator<Item = TaskKind> {
        std::iter::once(TaskKind::Problem).chain(KINDS.into_iter().map(TaskKind::Question))
    }

    /// Returns the word in study files, tables and plans.
    pub fn name(self) -> &'static str {
        match self {
            TaskKind::Problem => "problem",
            TaskKind::Question(kind) => kind.name,
        }
    }

    /// Says whether trials are trajectories.
    pub fn is_problem(self) -> bool {
        matches!(self, TaskKind::Problem)
    }

    /// The key of its file that a width sets, if it has one: a problem is solved at a width, which is not in its file.
    pub(crate) fn width_key(self) -> Option<&'static str> {
        match self {
            TaskKind::Problem => None,
            TaskKind::Question(kind) => kind.width_key,
        }
    }

    /// Sections of its file that draw random numbers by a key `seed`.
    pub(crate) fn seeded(self, document: &Document) -> Vec<&'static str> {
        match self {
            TaskKind::Problem => Vec::new(),
            TaskKind::Question(kind) => (kind.seeded)(document),
        }
    }
}
