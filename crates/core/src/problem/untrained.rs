//! A network before training has an architecture, a parameterization and inputs.

use widenet_document::{
    Result,
    keys::required,
    section,
    shape::{Located, located, table},
};

use super::{
    network::{ImageNetwork, ImageShape, Network, network},
    parameterization::{Parameterization, ParameterizationSection, Rates},
};
use crate::{
    data::PartialData,
    error,
    matrix::Matrix,
    scaling::{KernelLayer, KernelNetwork, Scaling},
};

section! {
    /// What a network is: its layers, and how its weights and learning rates depend on the width.
    pub struct NetworkSections {
        /// The architecture.
        pub(super) network: Located<Network> = required(located(network())),
        /// How weights and learning rates depend on the width.
        pub(super) parameterization: Located<ParameterizationSection> = required(located(table())),
    }
}

/// What a network is, whatever its width, samples and training.
#[derive(Debug, Clone, Copy)]
pub struct Architecture<'a> {
    /// Layers.
    pub network: &'a Network,
    /// Width scaling.
    pub parameterization: &'a Parameterization,
    /// d.
    pub input_dimension: usize,
    /// k.
    pub output_dimension: usize,
    /// What learning rates multiply.
    pub rates: Rates,
}

impl Architecture<'_> {
    /// Returns the parameterization as data per layer for this depth and input dimension.
    pub fn scaling(&self) -> Scaling {
        self.parameterization.scaling_of(self.rates, &self.network.fan_ins(self.input_dimension))
    }

    /// Returns the same for one width, at which numbers of channels are whole.
    pub fn scaling_at(&self, width: u64) -> Scaling {
        self.parameterization.scaling_of(self.rates, &self.network.fan_ins_at(self.input_dimension, width))
    }

    /// Returns rows and columns of all weight matrices at a width, the readout last.
    ///
    /// # Errors
    /// [`error::Error::Invalid`] for a layer of less than one channel.
    pub fn shapes(&self, width: u64) -> error::Result<Vec<[usize; 2]>> {
        self.network.shapes(self.input_dimension, width, self.output_dimension)
    }

    /// Returns the infinitely wide network at its start, with its variances and tangents.
    ///
    /// # Errors
    /// [`crate::Error::NoLimit`] for a scaling without kernels at width ∞.
    pub fn kernel_network(&self) -> error::Result<KernelNetwork> {
        let layers = self.scaling().kernel_layers(&self.network.fan_ins(self.input_dimension));
        if let Err(error::Error::OutsideKernelRegime(_)) = layers {
            // What else has a limit is fully connected.
            self.network.check_fully_connected("this limit")?;
        }
        self.kernel_network_of(layers?)
    }

    /// Returns the same of which only the readout is trained, which no learning rate takes part in: its tangent kernel is the NNGP kernel.
    ///
    /// # Errors
    /// [`crate::Error::NoLimit`] for a scaling without an NNGP kernel at width ∞.
    pub fn readout_network(&self) -> error::Result<KernelNetwork> {
        let layers = self.scaling().variances(&self.network.fan_ins(self.input_dimension))?;
        self.kernel_network_of(layers).map(|network| network.readout_only())
    }

    fn kernel_network_of(&self, layers: Vec<KernelLayer>) -> error::Result<KernelNetwork> {
        Ok(KernelNetwork { activation: self.network.activation, layers, image: self.network.image.clone() })
    }
}

/// A network at its start with the inputs that it is asked about. It has no targets, no loss and no optimizer.
#[derive(Debug, Clone)]
pub struct Untrained {
    /// Depth and activation.
    pub network: Network,
    /// Width scaling.
    pub parameterization: Parameterization,
    /// Training inputs, P × d with P ≥ 1.
    pub inputs: Matrix,
    /// Test inputs, T × d.
    pub test_inputs: Option<Matrix>,
    /// k.
    pub outputs: usize,
}

impl Untrained {
    /// Returns the network without its inputs.
    pub fn architecture(&self) -> Architecture<'_> {
        Architecture {
            network: &self.network,
            parameterization: &self.parameterization,
            input_dimension: self.inputs.ncols(),
            output_dimension: self.outputs,
            rates: Rates::OfGradient,
        }
    }
}

impl NetworkSections {
    /// The parameterization for this depth; [`NetworkSections::check_inputs`] says whether it is one for the inputs.
    pub(super) fn parameterization(&self) -> Result<Parameterization> {
        let section = &self.parameterization;
        let parameterization =
            section.value.kind.parameterization(self.network.value.hidden_layers, &section.field())?;
        if let Some(list) = self.network.value.list_in_words().filter(|_| parameterization.is_golikov()) {
            return Err(section.error(format!(
                "`parameterization.kind` is \"scaling\", whose theory is of fully connected networks of equal layers, and this one is {list}; use \"ntk\", \
                 \"standard\", \"mean_field\" or \"abc\""
            )));
        }
        if self.network.value.centered && parameterization.corrects_initial_function() {
            return Err(section.error(
                "`parameterization.initial_correction` adds the function at the start and `network.centered` takes it away; give one of the two",
            ));
        }
        Ok(parameterization)
    }

    /// The network for inputs of a dimension.
    pub(super) fn network_of(&self, input_dimension: usize) -> Network {
        let network = self.network.value.clone();
        Network { image: network.image.map(|list| list.with_inputs(input_dimension)), ..network }
    }

    /// Refuses images of another size than the inputs, and a parameterization whose constants are beyond doubles for inputs of a dimension.
    pub(super) fn check_inputs(&self, parameterization: &Parameterization, input_dimension: usize) -> Result<()> {
        let network = &self.network_of(input_dimension);
        if let Some(ImageNetwork { shape, .. }) =
            network.image.as_ref().filter(|image| image.shape.size() != input_dimension)
        {
            let ImageShape { rows, columns, channels } = *shape;
            return Err(self.network.error(format!(
                "`network.image` is [{rows}, {columns}, {channels}], which are {} numbers, and the inputs of `data` have {input_dimension}; it must have \
                 their size: rows, columns and channels",
                shape.size()
            )));
        }
        parameterization.check_range(&self.parameterization.field(), network, input_dimension)
    }

    /// Returns the network at its start with inputs; where no targets say how many outputs it has, it has one.
    ///
    /// # Errors
    /// [`widenet_document::Error::Document`] for values that do not fit the depth or the inputs.
    pub fn untrained(&self, data: &PartialData) -> Result<Untrained> {
        let parameterization = self.parameterization()?;
        self.check_inputs(&parameterization, data.train.inputs.ncols())?;
        Ok(Untrained {
            network: self.network_of(data.train.inputs.ncols()),
            parameterization,
            inputs: data.train.inputs.clone(),
            test_inputs: data.test_inputs().cloned(),
            outputs: data.output_dimension().unwrap_or(1),
        })
    }
}
