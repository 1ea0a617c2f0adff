//! Makes of a study trials that can run.

mod data;
mod expand;
mod prepare;
mod requirements;
mod result;
mod shard;
mod task;
mod trial;

pub(crate) use prepare::{Prepared, prepare};
pub(crate) use result::{Answer, MOST_LISTED, TrialResult};
pub use shard::{Shard, Tasks};
pub(crate) use task::{Context, PreparedTrial, ProblemTask, Task};
pub use task::{Estimate, TrialPlan};
pub use trial::Trial;
