//! The duals of homogeneous activations are the arc-cosine kernels: powers of the variances times a function of the angle.
//!
//! ```text
//! E[φφ] = (q1 q2)^{n/2} J(θ),     u with slopes a, b: n = 1,     step: n = 0,     squared ReLU: n = 2
//! ```
//!
//! (docs/theory/ntk.md §2.1, Eq. arc-cosine.) All are written in terms of `e = 1 − cos θ`, where nothing cancels however close the inputs are.

use std::f64::consts::{FRAC_PI_2, PI};

use super::{
    arc::{LANES, Lanes, angle_and_deficit},
    expectations::Expectations,
};

/// A homogeneous activation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ArcCosine {
    /// `a min(u, 0) + b max(u, 0)`.
    PiecewiseLinear {
        /// `A = (a − b)²/(2π)`.
        bend: f64,
        /// `B = (a² + b²)/2`.
        slope: f64,
    },
    /// 1 for u > 0. The derivative is the one almost everywhere, 0.
    Step,
    /// `max(u, 0)²`.
    SquaredRelu,
}

/// `1/(2π)`: what one kink of unit size contributes per angle.
const BEND: f64 = 0.5 / PI;

/// What one layer needs of an angle, per lane.
pub(in crate::kernel) struct Angular {
    /// `J(θ)`.
    pub(in crate::kernel) value: Lanes,
    /// `J(0) − J(θ)`, without cancellation.
    pub(in crate::kernel) missing: Lanes,
    /// `E[φ'φ']`, divided by `√(q1 q2)` for the squared ReLU.
    pub(in crate::kernel) derivative: Lanes,
}

impl ArcCosine {
    /// `J(0)`: `E[φ²] = J(0) qⁿ`.
    pub(in crate::kernel) fn at_zero(self) -> f64 {
        match self {
            ArcCosine::PiecewiseLinear { slope, .. } => slope,
            ArcCosine::Step => 0.5,
            ArcCosine::SquaredRelu => 1.5,
        }
    }

    /// `q^{n/2}` from `√q`.
    #[inline(always)]
    pub(in crate::kernel) fn amplitude(self, root: f64) -> f64 {
        match self {
            ArcCosine::PiecewiseLinear { .. } => root,
            ArcCosine::Step if root > 0.0 => 1.0,
            ArcCosine::Step => 0.0,
            ArcCosine::SquaredRelu => root * root,
        }
    }

    /// What `E[φ'φ']` has beside the function of the angle, from `√(q1 q2)`.
    #[inline(always)]
    pub(in crate::kernel) fn derivative_amplitude(self, root_of_product: f64) -> f64 {
        match self {
            ArcCosine::PiecewiseLinear { .. } | ArcCosine::Step => 1.0,
            ArcCosine::SquaredRelu => root_of_product,
        }
    }

    /// The functions of the angle, from `e = 1 − cos θ`.
    #[inline(always)]
    pub(in crate::kernel) fn angular(self, e: &Lanes) -> Angular {
        let mut functions = Angular { value: [0.0; LANES], missing: [0.0; LANES], derivative: [0.0; LANES] };
        match self {
            ArcCosine::PiecewiseLinear { bend, slope } => {
                let (angle, deficit) = if bend == 0.0 { ([0.0; LANES], [0.0; LANES]) } else { angle_and_deficit(e) };
                for l in 0..LANES {
                    functions.value[l] = slope * (1.0 - e[l]) + bend * deficit[l];
                    functions.missing[l] = slope * e[l] - bend * deficit[l];
                    functions.derivative[l] = slope - bend * angle[l];
                }
            }
            ArcCosine::Step => {
                let (angle, _) = angle_and_deficit(e);
                functions.value = angle.map(|angle| BEND * (PI - angle));
                functions.missing = angle.map(|angle| BEND * angle);
            }
            ArcCosine::SquaredRelu => {
                let (angle, deficit) = angle_and_deficit(e);
                for l in 0..LANES {
                    let (square, cosine) = (e[l] * (2.0 - e[l]), 1.0 - e[l]);
                    // (2π + θ) sin² θ − 3 cos θ (sin θ − θ cos θ): of the order of θ² at 0, as its terms are.
                    functions.missing[l] = BEND * ((2.0 * PI + angle[l]) * square - 3.0 * cosine * deficit[l]);
                    functions.value[l] = 1.5 - functions.missing[l];
                    functions.derivative[l] = 2.0 * cosine + 4.0 * BEND * deficit[l];
                }
            }
        }
        functions
    }

    /// The expectations at `u = v` with variance q.
    pub(super) fn diagonal(self, q: f64) -> Expectations {
        let value = self.at_zero();
        match self {
            ArcCosine::PiecewiseLinear { slope, .. } => Expectations { value: slope * q, derivative: slope },
            ArcCosine::Step => Expectations { value: value * self.amplitude(q), derivative: 0.0 },
            ArcCosine::SquaredRelu => Expectations { value: value * q * q, derivative: 2.0 * q },
        }
    }

    /// The expectations from variances and covariance.
    pub(super) fn pair(self, q1: f64, q2: f64, c: f64) -> Expectations {
        if let ArcCosine::PiecewiseLinear { bend, slope } = self {
            let sine = (q1 * q2 - c * c).max(0.0).sqrt();
            let angle = if q1 * q2 == 0.0 { FRAC_PI_2 } else { sine.atan2(c) };
            let derivative = slope - bend * angle;
            return Expectations { value: bend * sine + derivative * c, derivative };
        }
        let root = q1.sqrt() * q2.sqrt();
        let (cosine, square_of_sine) = match root {
            0.0 => (0.0, 1.0),
            root => ((c / root).clamp(-1.0, 1.0), (1.0 - c / q1 * (c / q2)).max(0.0)),
        };
        let e = if cosine > 0.0 { square_of_sine / (1.0 + cosine) } else { 1.0 - cosine };
        let functions = self.angular(&[e; LANES]);
        Expectations {
            value: self.amplitude(q1.sqrt()) * self.amplitude(q2.sqrt()) * functions.value[0],
            derivative: self.derivative_amplitude(root) * functions.derivative[0],
        }
    }
}
