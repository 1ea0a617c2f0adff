//! Makes of a study trials that can run.

mod expand;
mod prepare;
mod requirements;
mod shard;
mod task;
mod trial;

pub(crate) use prepare::{Prepared, prepare};
pub use shard::Shard;
pub(crate) use task::{PreparedTrial, ProblemTask, Task};
pub use trial::Trial;
