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

mod activation;
mod ensemble;
mod loss;
mod network;
mod optimizer;
mod parameterization;
mod quantity;
mod record;
mod scaling_table;

pub use activation::Activation;
pub use ensemble::Ensemble;
pub use loss::Loss;
pub use network::{EntryLaw, Network};
pub use optimizer::{Optimizer, Rule};
pub use parameterization::Parameterization;
pub use quantity::{Quantity, Scope, Shape};
pub use record::RecordPlan;
pub use scaling_table::ScalingTable;

use std::path::Path;

use crate::{
    Result,
    data::{DataSource, Dataset},
    document::Document,
    scaling::{KernelNetwork, Scaling},
};

/// What [`Problem::is_deep_linear`] asks for, in words.
pub const DEEP_LINEAR: &str = "deep linear networks under squared loss (identity activation, no biases, nothing frozen, no ensemble, no initial_correction, \
                               trained by gd, momentum, sgd or flow)";

/// Sections of a problem file that ask a question of their own (`widenet kernel`, `widenet predict`) and do not change the problem.
const QUESTIONS: [&str; 2] = ["kernel", "predict"];

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
    /// Many networks instead of one.
    pub ensemble: Option<Ensemble>,
}

/// The largest learning rate that is stable for the infinitely wide network of a problem at its start, in the problem's loss.
pub type StableRate<'a> = dyn Fn(&Problem) -> Result<f64> + 'a;

/// A place where no engine is at hand to find the largest stable learning rate.
fn no_stable_rate(_: &Problem) -> Result<f64> {
    Err(crate::Error::Invalid(
        "`optimizer.relative_learning_rate` needs the kernels of the infinitely wide network; give `learning_rate` here".into(),
    ))
}

impl Problem {
    /// Reads a problem file and its data. `overrides` are pairs of a dotted key and a value as text, applied in order
    /// as by [`Document::set`]; relative data paths are relative to the folder of the file. `stable_rate` is asked if the
    /// file has a `relative_learning_rate`.
    ///
    /// # Errors
    /// [`crate::Error::Document`] at the first mistake in the file or an override, [`crate::Error::Unreadable`] or
    /// [`crate::Error::Data`] for the data.
    pub fn load(path: &Path, overrides: &[(String, String)], stable_rate: &StableRate<'_>) -> Result<Problem> {
        let document = Document::load_with(path, overrides)?;
        let base = path.parent().unwrap_or(Path::new(""));
        Problem::with_loader(&document, |source| source.load(base), stable_rate)
    }

    /// Reads a problem without `relative_learning_rate`, and its data; relative data paths are relative to `base`.
    ///
    /// # Errors
    /// As for [`Problem::load`].
    pub fn from_document(document: &Document, base: &Path) -> Result<Problem> {
        Problem::with_loader(document, |source| source.load(base), &no_stable_rate)
    }

    /// Reads a problem whose data come from `load`, so that trials of a study can share what is loaded once.
    ///
    /// # Errors
    /// As for [`Problem::load`], and those of `load` and `stable_rate`.
    pub fn with_loader(
        document: &Document,
        load: impl FnOnce(&DataSource) -> Result<Dataset>,
        stable_rate: &StableRate<'_>,
    ) -> Result<Problem> {
        let mut root = document.reader();
        let network = root.required("network", Network::parse)?;
        let parameterization_section = root.required("parameterization", |field| Ok(field.clone()))?;
        let parameterization = Parameterization::parse(&parameterization_section, network.hidden_layers)?;
        let source = root.required("data", DataSource::parse)?;
        let loss_section = root.get("loss");
        let loss = Loss::parse(loss_section.as_ref())?;
        let optimizer_section = root.required("optimizer", |field| Ok(field.clone()))?;
        let record = root.get("record");
        let ensemble = root.optional("ensemble", Ensemble::parse)?;
        for section in QUESTIONS {
            root.get(section);
        }
        root.finish()?;

        // What remains depends on the data.
        let data = load(&source)?;
        parameterization.check_range(&parameterization_section, network.hidden_layers, data.input_dimension())?;
        loss.check_targets(loss_section.as_ref(), &data)?;
        let listed = Optimizer::listed_moments(&optimizer_section)?;
        let (optimizer, relative) = Optimizer::parse(&optimizer_section, data.train.inputs.nrows())?;
        let no_records = RecordPlan { at: Vec::new(), quantities: Vec::new() };
        let mut problem = Problem { network, parameterization, data, loss, optimizer, record: no_records, ensemble };
        problem.record = RecordPlan::parse(record.as_ref(), &problem, listed)?;
        if relative {
            let largest = stable_rate(&problem).map_err(|error| {
                optimizer_section.error(format!("`relative_learning_rate` has no meaning here: {error}"))
            })?;
            problem.optimizer.scale_learning_rate(largest);
        }
        Ok(problem)
    }

    /// Whether this is a deep linear network under squared loss: identity activation, no biases, nothing frozen, one
    /// network, no initial correction, a rule linear in past gradients, and no quantity that only perceptrons record. Its engines know it as a predictor; everything else is a
    /// multilayer perceptron.
    pub fn is_deep_linear(&self) -> bool {
        self.network.activation == Activation::Identity
            && matches!(self.loss, Loss::Squared { .. })
            && self.ensemble.is_none()
            && self.scaling().biases.iter().all(Option::is_none)
            && !self.parameterization.has_frozen_layers()
            && !self.parameterization.corrects_initial_function()
            && !matches!(self.optimizer.rule, Rule::MomentumFlow { .. } | Rule::RmsProp { .. })
            && !self.record.quantities.iter().any(|quantity| matches!(quantity.scope(), Scope::Mlp | Scope::Classifier))
    }

    /// Refuses training that the tangent kernel does not describe at any width.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] with the key and what would be right.
    pub fn check_kernel_training(&self) -> Result<()> {
        if self.parameterization.corrects_initial_function() {
            return Err(crate::Error::Invalid(
                "parameterization.initial_correction = true keeps the initial function beside features that move, and that limit is \
                 not the kernel regime; use false, or a finite width"
                    .into(),
            ));
        }
        match self.optimizer.rule {
            Rule::RmsProp { .. } => Err(crate::Error::Invalid(
                "optimizer.kind = \"rmsprop\" divides every gradient by its size, which no kernel describes; use \"gd\", \
                 \"momentum\" or \"sgd\", or a finite width"
                    .into(),
            )),
            Rule::Descent { .. } | Rule::Flow { .. } | Rule::MomentumFlow { .. } => Ok(()),
        }
    }

    /// The kernel regime of the infinitely wide network, as a perceptron.
    ///
    /// # Errors
    /// [`crate::Error::NoLimit`] for a scaling outside of it, and those of [`Problem::check_kernel_training`].
    pub fn kernel_regime(&self) -> Result<KernelNetwork> {
        self.check_kernel_training()?;
        self.scaling().kernel_network(self.network.activation, self.data.input_dimension())
    }

    /// What the loss of the training samples is divided by ([`Loss::denominator`]).
    pub fn loss_denominator(&self) -> f64 {
        let (samples, outputs) = self.data.train.targets.shape();
        self.loss.denominator(samples, outputs)
    }

    /// What should be said to the user about a valid problem.
    pub fn warnings(&self) -> Vec<String> {
        self.loss.warning(&self.data).into_iter().collect()
    }

    /// The parameterisation as per-layer data for this depth and input dimension.
    pub fn scaling(&self) -> Scaling {
        self.parameterization.scaling(self.network.hidden_layers, self.data.input_dimension())
    }
}
