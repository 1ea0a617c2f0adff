//! Says what a hidden unit does to its pre-activation.

use widenet_core::problem::Activation;

/// An activation: value and derivative. Particles take any; [`Activation`] is one.
pub trait Unit: Sync {
    /// `φ(z)`.
    fn value(&self, z: f64) -> f64;

    /// `φ'(z)`.
    fn derivative(&self, z: f64) -> f64;

    /// `φ` of every entry.
    fn values(&self, z: &[f64], values: &mut [f64]) {
        values.iter_mut().zip(z).for_each(|(value, z)| *value = self.value(*z));
    }

    /// `φ'` of every entry.
    fn derivatives(&self, z: &[f64], derivatives: &mut [f64]) {
        derivatives.iter_mut().zip(z).for_each(|(derivative, z)| *derivative = self.derivative(*z));
    }
}

impl Unit for Activation {
    fn value(&self, z: f64) -> f64 {
        Activation::value(*self, z)
    }

    fn derivative(&self, z: f64) -> f64 {
        Activation::derivative(*self, z)
    }

    // Piecewise linear activations without a branch per entry, so that the loop runs on lanes; `min` and `max` would lose NaN.
    fn values(&self, z: &[f64], values: &mut [f64]) {
        let pairs = values.iter_mut().zip(z);
        match self.slopes() {
            Some((below, above)) => pairs.for_each(|(value, z)| {
                *value = below * z.clamp(f64::NEG_INFINITY, 0.0) + above * z.clamp(0.0, f64::INFINITY)
            }),
            None => pairs.for_each(|(value, z)| *value = Activation::value(*self, *z)),
        }
    }

    fn derivatives(&self, z: &[f64], derivatives: &mut [f64]) {
        let pairs = derivatives.iter_mut().zip(z);
        match self.slopes() {
            Some((below, above)) => pairs.for_each(|(slope, z)| *slope = if *z > 0.0 { above } else { below }),
            None => pairs.for_each(|(slope, z)| *slope = Activation::derivative(*self, *z)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_what_is_no_number() {
        let mut values = [0.0; 3];
        Unit::values(&Activation::Relu, &[-2.0, f64::NAN, 3.0], &mut values);
        assert!(values[0] == 0.0 && values[1].is_nan() && values[2] == 3.0, "{values:?}");
    }
}
