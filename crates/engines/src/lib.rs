//! All engines stand behind one trait: a problem and a width go in, a trajectory comes out.
//!
//! [`Solver`] is the door and [`Engines`] are all engines behind it; which one takes a request, and why, is its [`Plan`]. [`References`]
//! are what trajectories are compared with; [`fluctuations`] are what small networks say of how wide ones deviate from their limit.

mod closed_form;
mod device;
mod engines;
mod fluctuations;
mod law;
mod limit_options;
mod mean_field;
mod memory;
mod options;
mod problem;
mod reference;
mod rule;
mod solver;

pub use engines::Engines;
pub use fluctuations::{
    Agreement, Entry, Estimate, FluctuationOptions, Fluctuations, Interval, Moment, SufficientWidth, fluctuations,
    wide_networks,
};
pub use limit_options::LimitOptions;
pub use options::word;
pub use problem::{is_integrated, load_problem, rate_warning, stable_rate, trajectory_warnings};
pub use reference::{ComparedProblem, References, limit_depends_on_seed, start_quantities, starts_at_random};
pub use rule::{EngineRule, results_key, results_version};
pub use solver::{
    Alternative, EngineChoice, HiddenOptions, InitialFunction, Plan, Reference, ReferenceRequest, Request, Solution,
    SolveError, Solver, Watch,
};
