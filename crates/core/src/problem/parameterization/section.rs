//! Section `[parameterization]` has a list of kinds, and conditions on their numbers.

use widenet_document::{Field, Kind, Result, keys::by_kind, section};

use super::{
    keys::{self, ParameterizationKeys},
    layers::Rates,
    named::Parameterization,
};
use crate::problem::{activation::Activation, network::Network};

/// The kinds of parameterizations.
const KINDS: &[Kind<Box<dyn ParameterizationKeys>>] = &[
    Kind::of::<keys::MeanField>("mean_field"),
    Kind::of::<keys::MeanField>("mup"),
    Kind::of::<keys::Ntk>("ntk"),
    Kind::of::<keys::Standard>("standard"),
    Kind::of::<keys::Golikov>("scaling"),
    Kind::of::<keys::Abc>("abc"),
];

section! {
    /// How weights and learning rates depend on the width: section `[parameterization]`.
    pub(in crate::problem) struct ParameterizationSection {
        /// Which parameterization.
        pub(in crate::problem) kind: Box<dyn ParameterizationKeys> = by_kind(KINDS),
    }
}

impl Parameterization {
    /// Refuses values that make a constant of the scaling over- or underflow `f64`: a rate of 0 would turn training off
    /// without a word.
    pub(in crate::problem) fn check_range(
        &self,
        section: &Field<'_>,
        network: &Network,
        input_dimension: usize,
    ) -> Result<()> {
        let scaling = self.scaling_of(Rates::OfGradient, &network.fan_ins(input_dimension));
        // Products over layers are those of deep linear networks; nonlinear ones never form them.
        let is_linear = network.activation == Activation::Identity;
        let of_network = [
            ("output scale".to_string(), scaling.output_scale().constant),
            ("initial tangent kernel".into(), scaling.at(1).tangent_kernel()),
        ];
        let of_network = of_network.into_iter().take(match (is_linear, self.has_frozen_layers()) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => 2,
        });
        let of_layers = scaling.layers.iter().zip(scaling.rates()).enumerate().flat_map(|(l, (layer, rate))| {
            let frozen = self.freezes(l);
            let powers = [
                ("multiplier", layer.multiplier),
                ("initial standard deviation", layer.init_std),
                ("learning rate", layer.learning_rate),
                ("normalized rate ρ", rate),
            ];
            let name = scaling.layer_name(l);
            let powers = powers.into_iter().take(match (frozen, is_linear) {
                (true, _) => 2,
                (false, false) => 3,
                (false, true) => 4,
            });
            powers.map(move |(what, power)| (format!("{what} of the {name} layer"), power.constant))
        });
        match of_layers.chain(of_network).find(|(_, constant)| !constant.is_normal()) {
            None => Ok(()),
            Some((what, constant)) => Err(section.error(format!(
                "`{}`: the {what} is {constant:e} at width 1; it must be from 2.3e-308 to 1.7e308",
                section.key()
            ))),
        }
    }
}
