//! Questions are what is asked of networks besides training them: kernels ([`KernelQuestion`]), what infinitely wide networks predict at
//! chosen moments of training ([`PredictQuestion`]), random deep linear networks before training ([`PriorQuestion`]) and given their data
//! ([`PosteriorQuestion`]), and where exponents lead ([`ScalingQuestion`]).
//!
//! All are a [`Question`], and [`KINDS`] lists them: what is in the list can be studied. Answers are written as JSON, CSV or NumPy arrays
//! ([`widenet_output::OutputFile`]).

mod answer;
mod error;
mod kernel;
mod kinds;
mod memory;
mod posterior;
mod predict;
mod prior;
mod question;
mod random_network;
mod scaling;

pub use answer::AnswerTree;
pub use error::{QuestionError, QuestionResult};
pub use kernel::{Blocks, KernelAnswer, KernelQuestion, Summary};
pub use kinds::KINDS;
pub use posterior::PosteriorQuestion;
pub use predict::{Answer, LearningRates, PredictAnswer, PredictQuestion};
pub use prior::PriorQuestion;
pub use question::{Answered, Kind, Load, Question, QuestionPlan, Run, Watch, load_from};
pub use scaling::{ScalingQuestion, scaling_map};
