//! Computes the kernels of one network of finite width at its start.

use widenet_core::{
    Error, Matrix,
    problem::Untrained,
    training::mlp::{Forward, Mlp},
};

use crate::{
    device::{OpenDevice, Precision},
    error::ModelError,
    matrix::dense::matrix::DenseMatrix,
    network::dense::untrained_mlp,
    vectors::DeviceBlock,
};

/// Which kernels are wanted besides those between training inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KernelsWanted {
    /// Those with the test inputs; needs test samples.
    pub test: bool,
    /// The tangent kernels between all outputs, beside their means over outputs.
    pub full: bool,
}

/// The kernels of one network between two sets of P and Q inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelBlock {
    /// NNGP kernel, P × Q: of the last hidden layer's activations.
    pub nngp: Matrix,
    /// Tangent kernel averaged over outputs, P × Q, per unit learning rate.
    pub mean_tangent: Matrix,
    /// Tangent kernel, P k × Q k with samples outermost, where it is wanted.
    pub tangent: Option<Matrix>,
}

/// The kernels of one network at its start.
#[derive(Debug, Clone, PartialEq)]
pub struct EmpiricalKernels {
    /// Between training inputs.
    pub train_train: KernelBlock,
    /// Between test inputs (rows) and training inputs, where wanted.
    pub test_train: Option<KernelBlock>,
    /// Between test inputs, where wanted.
    pub test_test: Option<KernelBlock>,
}

/// Returns the kernels of one network at its start. A run of a problem with this architecture, width and seed starts from it; an ensemble's
/// seed is that of the network that the same problem without an ensemble starts from.
///
/// # Errors
/// [`ModelError`]: a width that does not fit, a float type that the device lacks, test kernels without test samples.
pub fn empirical_kernels(
    untrained: &Untrained,
    width: u64,
    seed: u64,
    device: &OpenDevice,
    precision: Precision,
    wanted: KernelsWanted,
) -> Result<EmpiricalKernels, ModelError> {
    let mut network = untrained_mlp(untrained, width, seed, device, precision)?;
    let train = network.forward(&untrained.inputs);
    let train_train = block(&mut network, &train, None, wanted);
    if !wanted.test {
        return Ok(EmpiricalKernels { train_train, test_train: None, test_test: None });
    }
    let Some(test_inputs) = &untrained.test_inputs else {
        return Err(Error::Invalid("kernels with test inputs are wanted, and `data` has no test samples".into()).into());
    };
    let test = network.forward(test_inputs);
    let test_train = Some(block(&mut network, &test, Some(&train), wanted));
    let test_test = Some(block(&mut network, &test, None, wanted));
    Ok(EmpiricalKernels { train_train, test_train, test_test })
}

fn block(
    network: &mut Mlp<DenseMatrix>,
    left: &Forward<DeviceBlock>,
    right: Option<&Forward<DeviceBlock>>,
    wanted: KernelsWanted,
) -> KernelBlock {
    KernelBlock {
        nngp: network.nngp_kernel(left, right),
        mean_tangent: network.mean_tangent_kernel(left, right),
        tangent: wanted.full.then(|| network.tangent_kernel(left, right)),
    }
}
