//! Section `[ensemble]` asks for averages over many networks.

use widenet_document::{
    Result, Written,
    keys::{or, required},
    section,
    shape::{boolean, whole},
};

section! {
    /// A problem with the section `[ensemble]` is solved for `M` independent networks, and records hold averages over them: the mean
    /// of every quantity, and with [`super::Quantity::OutputStd`] and its relatives the spread of the outputs. At infinite width the
    /// averages are those of infinitely many networks.
    ///
    /// Of an antithetic pair the outputs at the start cancel and the tangent kernels agree, so its mean output follows kernel regression
    /// up to finite-width effects (docs/theory/ntk.md §E3). Deviations, covariances and kurtosis are taken over all M networks as if they
    /// were independent; of pairs, variances are then too large by a factor of up to M/(M − 1), and the kurtosis of Gaussian outputs
    /// averages about −6/M instead of 0.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Ensemble {
        /// Number of networks M.
        pub networks: u64 = required(whole(2..=1_000_000)),
        /// Whether networks 2j and 2j + 1 differ in the sign of the readout's initial weights and biases only.
        pub antithetic: bool = or(boolean(), false),
    }
    check = check;
}

fn check(ensemble: &Ensemble, table: &Written<'_>) -> Result<()> {
    match table.given("networks") {
        Some(networks) if ensemble.antithetic && ensemble.networks % 2 == 1 => {
            Err(networks.must_be("even for antithetic pairs"))
        }
        _ => Ok(()),
    }
}
