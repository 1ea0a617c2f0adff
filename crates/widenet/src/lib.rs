//! Wide neural networks at every width: the library behind the program and the Python package. A problem has a solution at every width, and
//! ∞ is a width.
//!
//! ```
//! use widenet::{Document, DeviceChoice, Engines, Problem, Quantity, SolveOptions, Solving, Width, stable_rate};
//!
//! let text = r#"
//!     [network]
//!     hidden_layers = 2
//!     [parameterization]
//!     kind = "mean_field"
//!     [data]
//!     kind = "inline"
//!     inputs = [[1, 0], [0, 2]]
//!     targets = [[1], [-1]]
//!     [optimizer]
//!     kind = "gd"
//!     learning_rate = 0.1
//!     steps = 20
//! "#;
//! let document = Document::from_toml("problem.toml", text)?;
//! let problem = Problem::with_loader(&document, |data| data.load(".".as_ref()), &stable_rate)?;
//!
//! let engines = Engines::new(DeviceChoice::Auto)?;
//! let widths = [Width::Finite(64), Width::Finite(1_000_000_000_000), Width::Infinite];
//! let solving = Solving::new(&engines, &problem, &SolveOptions::new(&widths))?;
//! let mut solved = Vec::new();
//! for planned in solving.planned() {
//!     let solution = solving.solve(planned, 1, None, &|_| widenet::Control::Continue)?;
//!     solved.push(solution.trajectory.into());
//! }
//! let distances = solving.distances(Quantity::Predictor, &solved, &|_| widenet::Control::Continue).values;
//! assert!(distances[1] < distances[0] && distances[2] == Some(0.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Solving`] is a problem at some widths. What else there is: questions about networks besides training ([`questions`]), studies
//! ([`experiment`]), and the engines themselves ([`engines`]). Nothing here prints, reads the environment or takes signals.

mod solving;

pub use solving::{Distances, Planned, SolveOptions, Solving, compared_quantity};

pub use widenet_core::{
    Error, Matrix, Problem, Trajectory, Width,
    data::Dataset,
    document::Document,
    problem::Quantity,
    training::{Control, Progress},
};
pub use widenet_engines::{EngineChoice, EngineRule, Engines, SolveError, load_problem, stable_rate};
pub use widenet_model::{DeviceChoice, Precision};

pub use widenet_core as core;
pub use widenet_engines as engines;
pub use widenet_experiment as experiment;
pub use widenet_limits as limits;
pub use widenet_model as model;
pub use widenet_output as output;
pub use widenet_questions as questions;
pub use widenet_statistics as statistics;
