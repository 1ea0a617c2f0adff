//! A problem has a network, a parameterization, data, a loss, an optimizer, and what to record.
//!
//! The structs here are validated: they can only be had through [`Problem::load`] and friends, which read TOML or JSON.
//! Each section of the file is described at its struct:
//!
//! ```
//! use std::path::Path;
//! use widenet_core::Problem;
//! use widenet_document::Document;
//!
//! let text = r#"
//! [network]
//! hidden_layers = 2
//!
//! [parameterization]
//! kind = "mean_field"
//!
//! [data]
//! kind = "inline"
//! inputs = [[1, 0], [0, 2]]
//! targets = [[1], [-1]]
//!
//! [optimizer]
//! kind = "gd"
//! learning_rate = 0.1
//! steps = 100
//!
//! [record]
//! at = [0, 10, 100]
//! "#;
//! let problem = Problem::from_document(&Document::from_toml("problem.toml", text)?, Path::new("."))?;
//! assert_eq!((problem.network.hidden_layers, problem.data.input_dimension()), (2, 2));
//! # Ok::<(), widenet_core::Error>(())
//! ```

pub(crate) mod activation;
mod definition;
mod ensemble;
mod file;
mod labels;
mod loss;
pub(crate) mod network;
mod normalized;
mod optimizer;
mod parameterization;
mod quantity;
mod record;
mod record_size;
mod recordable;
mod scaling_table;
mod stop;
mod untrained;
mod warnings;

pub use activation::Activation;
pub use definition::{DEEP_LINEAR, Problem};
pub use ensemble::Ensemble;
pub use file::{ProblemFile, ProblemSections, StableRate, refuse_study};
pub use labels::Labels;
pub use loss::Loss;
pub use network::{
    EntryLaw, ImageNetwork, ImageShape, Layer, MAX_LAYERS, MatrixShape, Network, Padding, PixelOrder, Taps, Window,
};
pub use normalized::NormalizedLists;
pub use optimizer::{Annealing, LearningRates, Obstacles, Optimizer, Rule, Schedule};
pub use parameterization::{Adjustments, Parameterization, Rates};
pub use quantity::{Need, Quantity, Scope, Shape};
pub use record::RecordPlan;
pub use scaling_table::ScalingTable;
pub use stop::Stop;
pub use untrained::{Architecture, NetworkSections, Untrained};
