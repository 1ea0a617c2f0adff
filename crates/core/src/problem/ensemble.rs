//! Many networks at once: section `[ensemble]`.

use crate::{Result, document::Field};

/// A problem with this section is solved for `M` independent networks, and records hold averages over them: the mean of every
/// quantity, and with [`super::Quantity::OutputStd`] and its relatives the spread of the outputs. At infinite width the
/// averages are those of infinitely many networks.
///
/// # Section `[ensemble]`
///
/// | key | default | meaning |
/// |---|---|---|
/// | `networks` | required | M, a whole number from 2 to 10^6 |
/// | `antithetic` | `false` | networks come in pairs that differ in the sign of the readout's initial weights and biases |
///
/// Of an antithetic pair the outputs at the start cancel and the tangent kernels agree, so its mean output follows kernel regression
/// up to finite-width effects (docs/theory/ntk.md §E3). Deviations, covariances and kurtosis are taken over all M networks as if they
/// were independent; of pairs, variances are then too large by a factor of up to M/(M − 1), and the kurtosis of Gaussian outputs
/// averages about −6/M instead of 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ensemble {
    /// M ≥ 2.
    pub networks: u64,
    /// Whether networks 2j and 2j + 1 differ in the sign of the readout only.
    pub antithetic: bool,
}

impl Ensemble {
    pub(super) fn parse(section: &Field) -> Result<Ensemble> {
        let mut table = section.table()?;
        let antithetic = table.or("antithetic", false, Field::boolean)?;
        let networks = table.required("networks", |field| match field.whole_in(2..=1_000_000)? {
            networks if antithetic && networks % 2 == 1 => Err(field.must_be("even for antithetic pairs")),
            networks => Ok(networks),
        })?;
        table.finish()?;
        Ok(Ensemble { networks, antithetic })
    }
}
