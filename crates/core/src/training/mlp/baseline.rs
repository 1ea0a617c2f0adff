//! The baseline is the network at its start, as far as quantities compare with it.

use super::{
    correction::InitialCorrection,
    network::{Forward, Mlp},
};
use crate::{
    matrix::Matrix,
    problem::{Problem, Quantity},
    training::matrix::EntryMatrix,
};

/// The network at the start on the training inputs, as far as quantities compare with it.
pub(super) struct Baseline<W: EntryMatrix> {
    pub(super) tangent_kernel: Option<Matrix>,
    pub(super) nngp_kernel: Option<Matrix>,
    pub(super) outputs: Option<Matrix>,
    pub(super) pre_activations: Option<Vec<W::Block>>,
    /// Its weights.
    pub(super) network: Option<Mlp<W>>,
}

impl<W: EntryMatrix> Baseline<W> {
    /// Whether a quantity is compared with a pass at the start.
    pub(super) fn needs_pass(problem: &Problem) -> bool {
        let compared = [
            Quantity::TangentKernelChange,
            Quantity::NngpKernelChange,
            Quantity::ActivationChanges,
            Quantity::OutputChange,
        ];
        compared.iter().any(|quantity| problem.record.quantities.contains(quantity))
    }

    /// From the network at the start and, where it is needed, its pass of all training samples, whose outputs are corrected.
    pub(super) fn of(
        network: &mut Mlp<W>,
        forward: Option<&Forward<W::Block>>,
        correction: &InitialCorrection,
        problem: &Problem,
    ) -> Self {
        let wants = |quantity| problem.record.quantities.contains(&quantity);
        let pass_for = |quantity| forward.filter(|_| wants(quantity));
        Self {
            tangent_kernel: pass_for(Quantity::TangentKernelChange).map(|pass| network.tangent_kernel(pass, None)),
            nngp_kernel: pass_for(Quantity::NngpKernelChange).map(|pass| network.nngp_kernel(pass, None)),
            outputs: pass_for(Quantity::OutputChange).map(|pass| correction.on_train(pass.outputs.clone(), None)),
            pre_activations: pass_for(Quantity::ActivationChanges)
                .map(|pass| pass.all_pre_activations().cloned().collect()),
            network: wants(Quantity::Decomposition).then(|| network.clone()),
        }
    }
}
