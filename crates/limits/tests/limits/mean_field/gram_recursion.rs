//! The limit against the two-time Gram recursion of docs/theory/mean-field.md §3: another algorithm for the same numbers.
//!
//! Vectors of hidden space l are combinations of generators (columns of U_0 in space 1 and of V_0 in space L, images
//! ι(A) of everything a matrix was applied to, κ(G) of everything its transpose was applied to) whose Gram matrix is kept. For
//! matrix l, with the richness γ absorbed in the step,
//!
//! ```text
//! W_t a = ι a + κ* a − ηγ Σ_s G_s (A_sᵀ a),      Wᵀ_t g = κ g + ι* g − ηγ Σ_s A_s (G_sᵀ g)
//! ```

use widenet_core::{
    Matrix, Problem, Width,
    problem::Parameterization,
    training::{Control, risk},
};
use widenet_limits::mean_field::{Options, solve};

use crate::common;

/// What a generator is, so that ι* and κ* can find it.
#[derive(Clone, Copy, PartialEq)]
enum Generator {
    Input,
    Readout,
    /// ι of column `.1` of `A_s`, `.0` = s.
    Iota(usize, usize),
    /// κ of column `.1` of `G_s`.
    Kappa(usize, usize),
}

#[derive(Default)]
struct Space {
    generators: Vec<Generator>,
    gram: Vec<Vec<f64>>,
}

/// Coefficients on the generators of a space (shorter = zeros behind).
type Vector = Vec<f64>;

impl Space {
    fn inner(&self, a: &Vector, b: &Vector) -> f64 {
        a.iter().enumerate().map(|(i, x)| b.iter().enumerate().map(|(j, y)| x * y * self.gram[i][j]).sum::<f64>()).sum()
    }

    /// Adds a generator with its inner products with those there; returns it as a vector.
    fn add(&mut self, generator: Generator, inner: impl Fn(Generator) -> f64, square: f64) -> Vector {
        let products: Vec<f64> = self.generators.iter().map(|&other| inner(other)).collect();
        for (row, product) in self.gram.iter_mut().zip(&products) {
            row.push(*product);
        }
        self.gram.push(products.into_iter().chain([square]).collect());
        self.generators.push(generator);
        let mut vector = vec![0.0; self.generators.len()];
        vector[self.generators.len() - 1] = 1.0;
        vector
    }
}

fn axpy(sum: &mut Vector, scale: f64, vector: &Vector) {
    if sum.len() < vector.len() {
        sum.resize(vector.len(), 0.0);
    }
    for (x, y) in sum.iter_mut().zip(vector) {
        *x += scale * y;
    }
}

/// History of one hidden matrix: the columns of `A_s` (space l) and `G_s` (space l + 1) of every step.
#[derive(Default)]
struct History {
    forward: Vec<Vec<Vector>>,
    backward: Vec<Vec<Vector>>,
}

/// β_0, β_1, … of gradient descent on the limit network.
fn gram_recursion(problem: &Problem, richness: f64, eta: f64, sigmas: (f64, f64), steps: usize) -> Vec<Matrix> {
    let hidden = problem.network.hidden_layers;
    let (d, k) = (problem.data.input_dimension(), problem.data.output_dimension());
    let rate = eta * richness;
    let mut spaces: Vec<Space> = (0..hidden).map(|_| Space::default()).collect();
    let orthogonal = |_| 0.0;
    let mut u: Vec<Vector> = (0..d).map(|_| spaces[0].add(Generator::Input, orthogonal, sigmas.0 * sigmas.0)).collect();
    let mut v: Vec<Vector> =
        (0..k).map(|_| spaces[hidden - 1].add(Generator::Readout, orthogonal, sigmas.1 * sigmas.1)).collect();
    let mut histories: Vec<History> = (0..hidden - 1).map(|_| History::default()).collect();
    let mut predictors = Vec::new();
    for t in 0..=steps {
        // Backward: G^L = V, G^l = Wᵀ G^{l+1}.
        let mut g = v.clone();
        let mut backward = vec![g.clone()];
        for l in (0..hidden - 1).rev() {
            histories[l].backward.push(g.clone());
            let (lower, upper) = spaces.split_at_mut(l + 1);
            let (space, image_of) = (&mut lower[l], &upper[0]);
            let mut image = Vec::new();
            for (c, column) in g.iter().enumerate() {
                let kappa = space.add(
                    Generator::Kappa(t, c),
                    |other| match other {
                        Generator::Kappa(s, j) => image_of.inner(&histories[l].backward[s][j], column),
                        _ => 0.0,
                    },
                    image_of.inner(column, column),
                );
                let mut sum = kappa;
                for (coefficient, generator) in column.iter().zip(&image_of.generators) {
                    if let Generator::Iota(s, j) = generator {
                        axpy(&mut sum, *coefficient, &histories[l].forward[*s][*j]);
                    }
                }
                for s in 0..t {
                    for j in 0..k {
                        let overlap = image_of.inner(&histories[l].backward[s][j], column);
                        axpy(&mut sum, -rate * overlap, &histories[l].forward[s][j]);
                    }
                }
                image.push(sum);
            }
            g = image;
            backward.push(g.clone());
        }
        backward.reverse();
        let beta = Matrix::from_fn(k, d, |i, j| spaces[0].inner(&g[i], &u[j]) / richness);
        predictors.push(beta.clone());
        let residual = risk::FullBatch::new(&problem.data.train, problem.loss).residual(&beta);
        // Forward: A^1 = U Dᵀ, A^{l+1} = W A^l.
        let mut a: Vec<Vector> = (0..k)
            .map(|i| {
                let mut sum = Vec::new();
                (0..d).for_each(|j| axpy(&mut sum, residual[(i, j)], &u[j]));
                sum
            })
            .collect();
        for l in 0..hidden - 1 {
            histories[l].forward.push(a.clone());
            let (lower, upper) = spaces.split_at_mut(l + 1);
            let (image_of, space) = (&lower[l], &mut upper[0]);
            let mut image = Vec::new();
            for (c, column) in a.iter().enumerate() {
                let mut sum = space.add(
                    Generator::Iota(t, c),
                    |other| match other {
                        Generator::Iota(s, j) => image_of.inner(&histories[l].forward[s][j], column),
                        _ => 0.0,
                    },
                    image_of.inner(column, column),
                );
                for (coefficient, generator) in column.iter().zip(&image_of.generators) {
                    if let Generator::Kappa(s, j) = generator {
                        axpy(&mut sum, *coefficient, &histories[l].backward[*s][*j]);
                    }
                }
                for s in 0..t {
                    for j in 0..k {
                        let overlap = image_of.inner(&histories[l].forward[s][j], column);
                        axpy(&mut sum, -rate * overlap, &histories[l].backward[s][j]);
                    }
                }
                image.push(sum);
            }
            a = image;
        }
        for (i, gradient) in backward[0].iter().enumerate() {
            (0..d).for_each(|j| axpy(&mut u[j], -rate * residual[(i, j)], gradient));
        }
        for (column, forward) in v.iter_mut().zip(&a) {
            axpy(column, -rate, forward);
        }
    }
    predictors
}

#[test]
fn limit_equals_the_gram_recursion() {
    for (hidden_layers, k, richness, eta) in [(1, 1, 1.0, 0.1), (2, 2, 0.5, 0.1), (3, 1, 2.0, 0.05), (4, 2, 1.0, 0.04)]
    {
        let sigmas = (0.8, 1.3);
        let steps = 20;
        let mut problem = common::problem(hidden_layers, 3, k, 12);
        problem.parameterization =
            Parameterization::MeanField { richness, sigma_in: sigmas.0, sigma_out: sigmas.1, sigma_b: None };
        problem.optimizer = common::descent(eta, steps as u64);
        problem.record.at = (0..=steps).map(|step| step as f64).collect();
        let expected = gram_recursion(&problem, richness, eta, sigmas, steps);
        let solved =
            solve(&problem, Width::Infinite, 0, &Options::default(), &mut |_| Control::Continue).expect("solves");
        for (step, (record, expected)) in solved.records.iter().zip(&expected).enumerate() {
            let error = (common::plain::predictor(record) - expected).amax();
            assert!(error < 1e-12, "L = {hidden_layers}, step {step}: {error:e}");
        }
        let moved = expected[steps].norm();
        assert!(moved > 0.1, "the comparison must see training: ‖β‖ = {moved}");
    }
}
