//! Gradient flow `dW/dt = −ρ ∂R/∂W − λ W` by the Cash–Karp embedded Runge–Kutta pair of orders 5(4).
//!
//! ```text
//! k_s = f(W + h Σ_j a_sj k_j),     W ← W + h Σ_s b_s k_s,     error = |h Σ_s (b_s − b*_s) k_s|
//! ```
//!
//! Every derivative is a multiple of the weights plus gradients met so far, so a stage is a [`Point`]: coefficients of both.
//! (J. R. Cash, A. H. Karp, ACM TOMS 16, 1990.)

pub(super) const STAGES: usize = 6;
pub(super) const A: [[f64; 5]; STAGES] = [
    [0.0; 5],
    [1.0 / 5.0, 0.0, 0.0, 0.0, 0.0],
    [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0],
    [3.0 / 10.0, -9.0 / 10.0, 6.0 / 5.0, 0.0, 0.0],
    [-11.0 / 54.0, 5.0 / 2.0, -70.0 / 27.0, 35.0 / 27.0, 0.0],
    [1631.0 / 55296.0, 175.0 / 512.0, 575.0 / 13824.0, 44275.0 / 110592.0, 253.0 / 4096.0],
];
pub(super) const ORDER_5: [f64; STAGES] = [37.0 / 378.0, 0.0, 250.0 / 621.0, 125.0 / 594.0, 0.0, 512.0 / 1771.0];
pub(super) const ORDER_4: [f64; STAGES] =
    [2825.0 / 27648.0, 0.0, 18575.0 / 48384.0, 13525.0 / 55296.0, 277.0 / 14336.0, 1.0 / 4.0];

/// A point `weights · W + Σ_j products[j] · ∇_j` near a network's own weights, for gradients met before.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Coefficient of the network's own weights.
    pub weights: f64,
    /// Coefficients of the gradients, without the rates of layers.
    pub products: Vec<f64>,
}

impl Point {
    /// The network itself.
    pub const OWN: Point = Point { weights: 1.0, products: Vec::new() };

    /// `W + h Σ_j c_j k_j`.
    pub(super) fn combined(step: f64, coefficients: &[f64], derivatives: &[Point]) -> Point {
        let mut point = Point { weights: 1.0, products: vec![0.0; derivatives.len()] };
        for (coefficient, derivative) in coefficients.iter().zip(derivatives) {
            point.weights += step * coefficient * derivative.weights;
            for (sum, product) in point.products.iter_mut().zip(&derivative.products) {
                *sum += step * coefficient * product;
            }
        }
        point
    }

    /// The derivative at this point, whose gradient is that of a stage: `−λ (point) − ∇_stage`.
    pub(super) fn derivative(&self, weight_decay: f64, stage: usize) -> Point {
        let mut products = vec![0.0; STAGES];
        for (product, coefficient) in products.iter_mut().zip(&self.products) {
            *product = -weight_decay * coefficient;
        }
        products[stage] -= 1.0;
        Point { weights: -weight_decay * self.weights, products }
    }
}

/// How far to integrate, and how exactly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    pub(super) horizon: f64,
    /// Largest local error of a step.
    pub(super) tolerance: f64,
}

/// Chooses steps by their errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) time: f64,
    /// The step that is tried next, if no record comes first.
    pub(super) proposal: f64,
}

impl Clock {
    /// The step to try on the way to `next`; none that time cannot resolve, where the derivative is not finite.
    pub(super) fn step(&self, next: f64) -> Option<f64> {
        let step = self.proposal.min(next - self.time);
        let is_lost = step <= (16.0 * f64::EPSILON * self.time).max(f64::MIN_POSITIVE) && step < next - self.time;
        (!is_lost).then_some(step)
    }

    /// Moves on by a step if its error, in units of what is allowed, is at most 1; else proposes a smaller one. Says whether it moved.
    pub(super) fn accepts(&mut self, step: f64, next: f64, error: f64) -> bool {
        let factor = if error.is_finite() { (0.9 * error.powf(-0.2)).clamp(0.2, 5.0) } else { 0.1 };
        if error <= 1.0 {
            let reached = step >= next - self.time;
            self.time = if reached { next } else { self.time + step };
            // A step cut short by a record says nothing about the step the error would have allowed.
            self.proposal = if reached { self.proposal.max(step * factor) } else { step * factor };
            return true;
        }
        self.proposal = step * factor.min(0.9);
        false
    }
}
