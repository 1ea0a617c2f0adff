//! Section `[optimizer]` says how the network is trained.
//!
//! A kind of optimizer is a file with its keys and with what does not take it, a variant of [`Rule`] where it is a rule of its own, and a
//! line in the list of `section.rs`. All but Adam and RMSProp are linear in past gradients, which is what deep linear networks
//! of any width and the kernel regime rest on.

mod adam;
mod descent;
mod flow;
mod keys;
mod momentum_flow;
mod obstacles;
mod rms_prop;
mod rule;
mod schedule;
mod section;
mod trained;

pub use obstacles::Obstacles;
pub use rule::Rule;
pub use schedule::{Annealing, LearningRates, Schedule};
pub(super) use section::{OptimizerSection, ParsedOptimizer};
pub use trained::Optimizer;
