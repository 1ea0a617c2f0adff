//! The neurons of a layer are nodes with weights, whose Gaussian coordinates are handed out as they are asked for.
//!
//! ```text
//! ω ← ω − Ω ⟨Ω, ω⟩,    ω ← ω ⟨ω, ω⟩^(-1/2),    Ω ← [Ω, ω]
//! ```
//!
//! (docs/theory/nonlinear-mean-field.md §3, moment matching.) Drawn nodes get exact second moments this way, which makes linear networks exact. A
//! grid has them up to its rule.

use std::{cell::RefCell, rc::Rc};

use rand::distr::Distribution;
use rand_distr::StandardNormal;
use widenet_core::{
    Matrix,
    seed::{Purpose, stream},
};

use super::{
    columns::{independent_column, normal_column},
    products::{Columns, Measure, product},
};
use crate::linear_algebra::{eigendecomposition, scale_columns};

/// Where the coordinates of nodes come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Source {
    /// Scrambled columns, keyed by a seed and the layer.
    Drawn {
        /// Of a replicate.
        seed: u64,
        layer: u32,
    },
    /// Independent normals: the neurons of a finite network, or its outputs.
    Independent {
        /// Of the network.
        seed: u64,
        layer: u32,
    },
    /// The axes of a tensor grid of equally spaced points, `points` along each.
    Grid { points: usize },
}

/// How nodes stand for neurons. Everything but the standard is worse, or wrong, and there to be compared with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheme {
    /// Whether second moments are made exact.
    pub matched: bool,
    /// Whether nodes are independent instead of evenly spread: a network of as many neurons.
    pub independent: bool,
    /// Whether new responses leave out what those of the transpose say about them.
    pub forgetful: bool,
}

impl Scheme {
    /// Evenly spread nodes with exact second moments.
    pub const STANDARD: Scheme = Scheme { matched: true, independent: false, forgetful: false };
}

impl Default for Scheme {
    fn default() -> Self {
        Self::STANDARD
    }
}

/// A layer of neurons, shared by the matrices that end and begin there.
#[derive(Debug)]
pub(super) struct Space {
    nodes: usize,
    measure: Measure,
    source: Source,
    scheme: Scheme,
    /// Ω: the coordinates handed out so far.
    known: Columns,
    /// Whether more coordinates were asked for than nodes can tell apart.
    exhausted: bool,
}

/// A space that several matrices ask for coordinates.
pub(super) type SharedSpace = Rc<RefCell<Space>>;

/// Half-width of the grid of n points along an axis.
fn half_width(points: usize) -> f64 {
    4.6 + 0.06 * points as f64
}

/// Point i of an axis.
fn axis_point(i: usize, points: usize) -> f64 {
    let c = half_width(points);
    -c + 2.0 * c * i as f64 / (points - 1) as f64
}

impl Space {
    /// m = `nodes` nodes that are drawn.
    pub(super) fn drawn(nodes: usize, seed: u64, layer: u32, scheme: Scheme) -> SharedSpace {
        Self::shared(nodes, Measure::Mean, Source::Drawn { seed, layer }, scheme)
    }

    /// The points of a tensor grid with `axes` axes, weighted by the Gaussian density.
    pub(super) fn grid(points: usize, axes: usize) -> SharedSpace {
        let mut axis: Vec<f64> = (0..points).map(|i| (-0.5 * axis_point(i, points).powi(2)).exp()).collect();
        let total: f64 = axis.iter().sum();
        axis.iter_mut().for_each(|weight| *weight /= total);
        let nodes = points.pow(axes as u32);
        let weight = |node: usize| (0..axes).map(|a| axis[node / points.pow(a as u32) % points]).product();
        let weights: Rc<[f64]> = (0..nodes).map(weight).collect();
        let scheme = Scheme { matched: false, ..Scheme::STANDARD };
        Self::shared(nodes, Measure::Weights(weights), Source::Grid { points }, scheme)
    }

    /// m = `count` neurons of layer `layer` of a finite network.
    pub(super) fn neurons(count: usize, seed: u64, layer: u32) -> SharedSpace {
        Self::independent(count, Measure::Mean, Source::Independent { seed, layer })
    }

    /// The k = `count` outputs of a finite network, which come after layer `layer`.
    pub(super) fn outputs(count: usize, seed: u64, layer: u32) -> SharedSpace {
        Self::independent(count, Measure::Sum, Source::Independent { seed, layer })
    }

    fn independent(count: usize, measure: Measure, source: Source) -> SharedSpace {
        Self::shared(count, measure, source, Scheme { matched: false, ..Scheme::STANDARD })
    }

    fn shared(nodes: usize, measure: Measure, source: Source, scheme: Scheme) -> SharedSpace {
        let known = Columns::none(nodes);
        Rc::new(RefCell::new(Self { nodes, measure, source, scheme, known, exhausted: false }))
    }

    pub(super) fn nodes(&self) -> usize {
        self.nodes
    }

    pub(super) fn measure(&self) -> &Measure {
        &self.measure
    }

    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Ω.
    pub(super) fn known(&self) -> &Columns {
        &self.known
    }

    /// Whether its numbers mean nothing, as there were too few nodes.
    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// Coordinates that nobody has had, as the last columns of Ω; the most important first. Returns their position in Ω.
    pub(super) fn draw(&mut self, count: usize) -> usize {
        let first = self.known.count();
        let raw: Vec<f64> = (first..first + count).flat_map(|coordinate| self.raw(coordinate)).collect();
        let mut omega = Matrix::from_vec(self.nodes, count, raw);
        // Half of the nodes: beyond, what is left of a column has little to do with a Gaussian.
        if self.scheme.matched && 2 * (first + count) > self.nodes {
            self.exhausted = true;
        } else if self.scheme.matched {
            let inside = self.measure.gram_of(&self.known, &omega);
            self.known.add_product(&mut omega, &inside, -1.0);
            match orthonormal(&omega, &self.measure) {
                Some(matched) => omega = matched,
                None => self.exhausted = true,
            }
        }
        self.known.append(&omega);
        first
    }

    fn raw(&self, coordinate: usize) -> Vec<f64> {
        match self.source {
            Source::Drawn { seed, layer } => {
                let mut rng = stream(seed, Purpose::Nodes(layer), coordinate as u64);
                if self.scheme.independent {
                    independent_column(self.nodes, &mut rng)
                } else {
                    normal_column(coordinate, self.nodes, &mut rng)
                }
            }
            Source::Independent { seed, layer } => {
                let mut rng = stream(seed, Purpose::Responses(layer), coordinate as u64);
                (0..self.nodes).map(|_| StandardNormal.sample(&mut rng)).collect()
            }
            Source::Grid { points } => {
                let stride = points.pow(coordinate as u32);
                (0..self.nodes).map(|node| axis_point(node / stride % points, points)).collect()
            }
        }
    }
}

/// `X ⟨X, X⟩^(-1/2)`, the orthonormal columns that are closest to X; `None` where they are dependent.
pub(super) fn orthonormal(x: &Matrix, measure: &Measure) -> Option<Matrix> {
    let (values, vectors) = eigendecomposition(&measure.gram(x, x))?;
    let roots: Option<Vec<f64>> = values.iter().map(|value| (*value > 0.0).then(|| 1.0 / value.sqrt())).collect();
    let mut scaled = vectors.clone();
    scale_columns(&mut scaled, &roots?);
    Some(product(x, &(scaled * vectors.transpose())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Second moments are those of a Gaussian to rounding if they are matched, as long as half of the nodes are free, when columns lose half of their
    /// square length to those before; those of 512 scrambled nodes are not.
    #[test]
    fn second_moments_are_exact_where_they_are_matched() {
        for (matched, nodes) in [(true, 512), (true, 78), (false, 512)] {
            let space = Space::drawn(nodes, 5, 1, Scheme { matched, ..Scheme::STANDARD });
            let mut space = space.borrow_mut();
            for count in [2, 7, 30] {
                space.draw(count);
            }
            assert!(!space.is_exhausted());
            let all = space.known().last(0);
            let gram = space.measure().gram_of(space.known(), &all);
            let error = (gram - Matrix::identity(39, 39)).amax();
            assert!(if matched { error < 1e-13 } else { error > 1e-3 }, "{error}");
        }
    }

    /// A grid of 40 points per axis integrates polynomials and an exponential.
    #[test]
    fn a_grid_has_gaussian_moments() {
        let space = Space::grid(40, 2);
        let mut space = space.borrow_mut();
        space.draw(2);
        let axes = space.known().last(0);
        let ones = Matrix::from_element(1600, 1, 1.0);
        let mean = |f: &dyn Fn(f64, f64) -> f64| {
            let values = Matrix::from_fn(1600, 1, |i, _| f(axes[(i, 0)], axes[(i, 1)]));
            space.measure().gram(&values, &ones)[(0, 0)]
        };
        assert!((mean(&|x, y| x * x * y * y) - 1.0).abs() < 1e-8);
        assert!(mean(&|x, y| x * y).abs() < 1e-12);
        assert!((mean(&|x, y| (x - 0.5 * y).exp()) - 0.625_f64.exp()).abs() < 1e-7);
    }

    #[test]
    fn more_coordinates_than_half_of_the_nodes_are_noticed() {
        let space = Space::drawn(64, 1, 1, Scheme::STANDARD);
        let mut space = space.borrow_mut();
        space.draw(32);
        assert!(!space.is_exhausted());
        space.draw(1);
        assert!(space.is_exhausted());
    }
}
