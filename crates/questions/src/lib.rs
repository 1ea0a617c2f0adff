//! A question about one problem has an answer that is no trajectory: its kernels ([`KernelQuestion`]) and what infinitely wide
//! networks predict at chosen moments of training ([`PredictQuestion`]).
//!
//! These are problem files with a section of their own, `[kernel]` or `[predict]`. Two others are about random deep linear networks,
//! before training ([`PriorQuestion`]) and given their data ([`PosteriorQuestion`]), and have files of their own; one is about exponents
//! alone ([`ScalingQuestion`]). Answers are written as JSON, CSV or
//! NumPy arrays ([`widenet_output::OutputFile`]).

mod answer;
mod error;
mod kernel;
mod memory;
mod posterior;
mod predict;
mod prior;
mod random_network;
mod scaling;
mod stand_ins;

pub use answer::AnswerTree;
pub use error::{QuestionError, QuestionResult};
pub use kernel::{Blocks, KernelAnswer, KernelQuestion, Summary};
pub use posterior::PosteriorQuestion;
pub use predict::{Answer, LearningRates, PredictAnswer, PredictQuestion};
pub use prior::PriorQuestion;
pub use scaling::{ScalingQuestion, scaling_map};
