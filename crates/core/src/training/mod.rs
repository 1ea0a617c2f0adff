//! The training loop is written once: it does not know the width, nor what is trained.
//!
//! A network in training is a [`Training`]: [`LinearTraining`] of deep linear networks of any [`LinearLayer`] (with entries on a device,
//! finite in law, infinite), [`mlp::MlpTraining`] of multilayer perceptrons of any [`EntryMatrix`]. Both descend by one loop; gradient flow
//! strings the same passes together by Runge–Kutta.

mod batches;
mod block;
mod descent;
mod linear;
mod matrix;
pub mod mlp;
mod progress;
mod record;
pub mod risk;
mod rule;
mod run;
mod runge_kutta;
mod selection;
mod stop;

pub use batches::Batches;
pub use block::{Block, NeuronBlock, gradient_gram};
pub use linear::{LinearNetwork, LinearTraining};
pub use matrix::{
    EntryMatrix, Exploration, Explored, LinearLayer, Movement, Neurons, NormalizedUpdate, OuterProduct, Update,
    WeightMatrix,
};
pub use progress::{Control, Progress, Start, is_finite};
pub use risk::stable_learning_rate;
pub use rule::{NormalizedRule, Step, StepRule, UpdateRule};
pub use run::Training;
pub use selection::Selection;
