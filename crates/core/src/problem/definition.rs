//! Defines a problem, and what follows from its network and training alone.

use super::{
    activation::Activation,
    ensemble::Ensemble,
    labels::Labels,
    loss::Loss,
    network::Network,
    optimizer::Optimizer,
    parameterization::{Parameterization, Rates},
    quantity::{Quantity, Scope},
    record::RecordPlan,
    stop::Stop,
    untrained::{Architecture, Untrained},
};
use crate::{
    data::Dataset,
    error::{Error, Result},
    scaling::{KernelNetwork, Scaling},
};

/// What [`Problem::is_deep_linear`] asks for, in words.
pub const DEEP_LINEAR: &str = "deep linear networks under squared loss (identity activation, no biases, nothing frozen, no ensemble, no initial_correction, \
                               trained by gd, momentum, sgd or flow)";

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
    /// Where training ends before its horizon.
    pub stop: Option<Stop>,
}

impl Problem {
    /// Says whether this is a deep linear network under squared loss ([`DEEP_LINEAR`]): a property of network and training, whatever is
    /// recorded. Everything else is a multilayer perceptron.
    pub fn is_deep_linear(&self) -> bool {
        self.network.activation == Activation::Identity
            && self.network.image.is_none()
            && matches!(self.loss, Loss::Squared { .. })
            && self.ensemble.is_none()
            && self.scaling().biases.iter().all(Option::is_none)
            && !self.parameterization.has_frozen_layers()
            && !self.parameterization.corrects_initial_function()
            && self.optimizer.obstacles().predictor.is_none()
    }

    /// Says whether engines know its network as a predictor β: a deep linear network of which nothing is recorded that only
    /// perceptrons have. Otherwise it is trained as a perceptron, deep linear or not.
    pub fn is_solved_as_predictor(&self) -> bool {
        let is_of_perceptrons = |quantity: &Quantity| matches!(quantity.scope(), Scope::Mlp | Scope::Classifier);
        self.is_deep_linear() && !self.record.quantities.iter().any(is_of_perceptrons)
    }

    /// Refuses training that the tangent kernel does not describe at any width.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the key and what would be right.
    pub fn check_kernel_training(&self) -> Result<()> {
        if self.parameterization.corrects_initial_function() {
            return Err(Error::Invalid(
                "parameterization.initial_correction = true keeps the initial function beside features that move, and that limit is \
                 not the kernel regime; use false, or a finite width"
                    .into(),
            ));
        }
        if self.loss == Loss::Hinge && !self.optimizer.has_steps() {
            return Err(Error::Invalid(format!(
                "optimizer.kind = \"{}\": the gradient of the hinge loss jumps, and a flow along it is not solved; use \"gd\", \"momentum\" or \"sgd\"",
                self.optimizer.obstacles().kind
            )));
        }
        let obstacles = self.optimizer.obstacles();
        match obstacles.kernel {
            Some(reason) => Err(Error::Invalid(format!("optimizer.kind = \"{}\"{reason}", obstacles.kind))),
            None => Ok(()),
        }
    }

    /// Returns the kernel regime of the infinitely wide network, as a perceptron.
    ///
    /// # Errors
    /// [`crate::Error::NoLimit`] for a scaling outside of it, and those of [`Problem::check_kernel_training`].
    pub fn kernel_regime(&self) -> Result<KernelNetwork> {
        self.check_kernel_training()?;
        self.architecture().kernel_network()
    }

    /// Says what the loss of the training samples is divided by ([`Loss::denominator`]).
    pub fn loss_denominator(&self) -> f64 {
        let (samples, outputs) = self.data.train.targets.shape();
        self.loss.denominator(samples, outputs)
    }

    /// Says what classes the training targets name.
    ///
    /// # Errors
    /// Why they are no labels: a regression has no accuracy.
    pub fn labels(&self) -> std::result::Result<Labels, String> {
        Labels::of(&self.data.train.targets)
    }

    /// Returns the network without its samples and training.
    pub fn architecture(&self) -> Architecture<'_> {
        Architecture {
            network: &self.network,
            parameterization: &self.parameterization,
            input_dimension: self.data.input_dimension(),
            output_dimension: self.data.output_dimension(),
            rates: if self.optimizer.is_normalized() { Rates::OfNormalized } else { Rates::OfGradient },
        }
    }

    /// Returns the network at its start with the problem's inputs.
    pub fn untrained(&self) -> Untrained {
        Untrained {
            network: self.network.clone(),
            parameterization: self.parameterization.clone(),
            inputs: self.data.train.inputs.clone(),
            test_inputs: self.data.test.as_ref().map(|test| test.inputs.clone()),
            outputs: self.data.output_dimension(),
        }
    }

    /// Returns the parameterisation as per-layer data for this depth and input dimension.
    pub fn scaling(&self) -> Scaling {
        self.architecture().scaling()
    }
}
