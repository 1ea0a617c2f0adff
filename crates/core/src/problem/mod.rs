//! A problem: network, parameterisation, data, loss, optimiser and what to record.
//!
//! The structs here are validated: they can only be had through [`Problem::load`] and friends, which read TOML or JSON.
//! Each section of the file is described at its struct:
//!
//! ```
//! use std::path::Path;
//! use widenet_core::{Problem, document::Document};
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

mod loss;
mod network;
mod optimizer;
mod parameterization;
mod record;
mod scaling_table;

pub use loss::Loss;
pub use network::{Activation, Network};
pub use optimizer::{Optimizer, Rule};
pub use parameterization::Parameterization;
pub use record::{Quantity, RecordPlan};
pub use scaling_table::ScalingTable;

use std::path::Path;

use crate::{
    Result,
    data::{DataSource, Dataset},
    document::Document,
    scaling::Scaling,
};

/// A validated problem with its data.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Depth and activation.
    pub network: Network,
    /// Width scaling.
    pub parameterization: Parameterization,
    /// Training and test samples.
    pub data: Dataset,
    /// Loss.
    pub loss: Loss,
    /// Optimiser with its learning rate.
    pub optimizer: Optimizer,
    /// When and what to record.
    pub record: RecordPlan,
}

impl Problem {
    /// Reads a problem file and its data. `overrides` are pairs of a dotted key and a value as text, applied in order
    /// as by [`Document::set`]; relative data paths are relative to the folder of the file.
    ///
    /// # Errors
    /// [`crate::Error::Document`] at the first mistake in the file or an override, [`crate::Error::Unreadable`] or
    /// [`crate::Error::Data`] for the data.
    pub fn load(path: &Path, overrides: &[(String, String)]) -> Result<Problem> {
        let mut document = Document::load(path)?;
        for (key, value) in overrides {
            document.set(key, value, &format!("--set {key}={value}"))?;
        }
        Problem::from_document(&document, path.parent().unwrap_or(Path::new("")))
    }

    /// Reads a problem and its data; relative data paths are relative to `base`.
    ///
    /// # Errors
    /// As for [`Problem::load`].
    pub fn from_document(document: &Document, base: &Path) -> Result<Problem> {
        Problem::with_loader(document, |source| source.load(base))
    }

    /// Reads a problem whose data come from `load`, so that trials of a study can share what is loaded once.
    ///
    /// # Errors
    /// As for [`Problem::load`], and those of `load`.
    pub fn with_loader(document: &Document, load: impl FnOnce(&DataSource) -> Result<Dataset>) -> Result<Problem> {
        let mut root = document.reader();
        let network = root.required("network", Network::parse)?;
        let parameterization_section = root.required("parameterization", |field| Ok(field.clone()))?;
        let parameterization = Parameterization::parse(&parameterization_section, network.hidden_layers)?;
        let source = root.required("data", DataSource::parse)?;
        let loss = Loss::parse(root.get("loss").as_ref())?;
        let optimizer = root.required("optimizer", |field| Ok(field.clone()))?;
        let record = root.get("record");
        root.finish()?;

        // What remains depends on the data.
        let data = load(&source)?;
        parameterization.check_range(&parameterization_section, network.hidden_layers, data.input_dimension())?;
        let listed = Optimizer::listed_moments(&optimizer)?;
        let optimizer = Optimizer::parse(&optimizer, data.train.inputs.nrows())?;
        let record = RecordPlan::parse(record.as_ref(), &optimizer, listed, &data)?;
        Ok(Problem { network, parameterization, data, loss, optimizer, record })
    }

    /// The parameterisation as per-layer data for this depth and input dimension.
    pub fn scaling(&self) -> Scaling {
        self.parameterization.scaling(self.network.hidden_layers, self.data.input_dimension())
    }
}
