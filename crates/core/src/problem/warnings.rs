//! Warns of problems that are valid and probably not meant.

use super::{activation::Activation, definition::Problem, labels::class_numbers, loss::Loss};
use crate::{matrix::Matrix, scaling::power_of_width};

/// Root mean square of the first pre-activations above which a saturating activation is flat.
const SATURATED: f64 = 2.5;

/// Root mean squares of inputs outside of which they are said to be far from unit size.
const UNIT_SIZE: (f64, f64) = (0.01, 10.0);

impl Problem {
    /// Warns the user about a valid problem.
    pub fn warnings(&self) -> Vec<String> {
        let remarks = self.data.provenance.remarks.iter().cloned().map(Some);
        let all = [
            self.loss.warning(&self.data),
            self.warn_of_class_numbers(),
            self.warn_of_rates(),
            self.warn_of_saturation(),
            self.warn_of_inputs(),
        ];
        remarks.chain(all).flatten().collect()
    }

    /// Class numbers that are regressed on.
    fn warn_of_class_numbers(&self) -> Option<String> {
        let Loss::Squared { .. } = self.loss else { return None };
        let (first, last) = class_numbers(&self.data.train.targets)?;
        Some(format!(
            "the targets are the whole numbers {first} to {last} in one column; if they are classes, this regression puts class {} between \
             its neighbors and has no accuracy: give data.classes for outputs of their own",
            first + 1.0
        ))
    }

    /// Adam or RMSProp with rates that were made for the size of gradients: they move every entry by its rate, so that the pre-activations of a
    /// layer move by `A κ fan_in` (docs/theory/scaling-limits.md §5.4).
    fn warn_of_rates(&self) -> Option<String> {
        if !self.optimizer.is_normalized() {
            return None;
        }
        let scaling = self.scaling();
        let moved = |l: usize| {
            let layer = scaling.layers[l];
            layer.multiplier.exponent + layer.learning_rate.exponent + if l == 0 { 0.0 } else { 1.0 }
        };
        let layers = (0..scaling.layers.len()).filter(|l| scaling.layers[*l].learning_rate.constant > 0.0);
        let (exponent, layer) = layers.map(|l| (moved(l), l)).max_by(|a, b| a.0.total_cmp(&b.0))?;
        (exponent > 1e-9).then(|| {
            format!(
                "optimizer.kind = \"{}\" moves every weight by its learning rate, whatever the gradient, and these rates are those of \
                 gradient descent: one step moves the outputs of the {} layer by {}; use parameterization.kind = \"mean_field\", whose \
                 rates follow the optimizer, or \"abc\" with a list `c` whose rates are {} there",
                self.optimizer.obstacles().kind,
                scaling.layer_name(layer),
                power_of_width(exponent),
                power_of_width(scaling.layers[layer].learning_rate.exponent - exponent)
            )
        })
    }

    /// A first layer in which every neuron is saturated.
    fn warn_of_saturation(&self) -> Option<String> {
        let activation = self.network.activation;
        // Patches of images have other sizes.
        if self.network.image.is_some()
            || !matches!(activation, Activation::Tanh | Activation::Erf | Activation::Sigmoid)
        {
            return None;
        }
        let layer = self.scaling().layers[0];
        let std = layer.multiplier.constant * layer.init_std.constant;
        let inputs = &self.data.train.inputs;
        let size = std * root_mean_square(inputs) * (inputs.ncols() as f64).sqrt();
        let exponent = layer.multiplier.exponent + layer.init_std.exponent;
        (exponent == 0.0 && size > SATURATED).then(|| {
            format!(
                "pre-activations of the first layer have rms {size:.1} at the start, where {} is flat and hardly learns; use smaller \
                 weights (sigma_in or sigma_w of the parameterization) by a factor of {:.2}, or data.normalize = \"unit\"",
                activation.name(),
                1.0 / size
            )
        })
    }

    /// Inputs far from unit size.
    fn warn_of_inputs(&self) -> Option<String> {
        let size = root_mean_square(&self.data.train.inputs);
        let (small, large) = UNIT_SIZE;
        (size > 0.0 && !(small..=large).contains(&size)).then(|| {
            format!(
                "the training inputs have rms {size:.3e}, far from unit size; data.standardize = \"feature\" or data.normalize = \"unit\" \
                 brings them there"
            )
        })
    }
}

/// Of all entries.
fn root_mean_square(matrix: &Matrix) -> f64 {
    matrix.norm() / (matrix.len() as f64).sqrt()
}
