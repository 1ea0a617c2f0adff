//! The obvious network: dense matrices on the host, for widths small enough to see every finite-width effect.

use rand::distr::Distribution;
use rand_distr::StandardNormal;
use widenet_core::{
    Matrix, Problem,
    problem::Quantity,
    scaling::Normalized,
    seed::{Purpose, stream},
    training::{
        Block, Control, Explored, LinearLayer, LinearNetwork, LinearTraining, Neurons, OuterProduct, Start, Training,
        UpdateRule, WeightMatrix,
    },
    trajectory::{Record, Value},
};

/// Columns of plain vectors.
#[derive(Debug, Clone)]
pub(crate) struct Columns(pub(crate) Matrix);

impl Block for Columns {
    fn gram(&self, other: &Self) -> Matrix {
        self.0.tr_mul(&other.0)
    }

    fn times(&self, coefficients: &Matrix) -> Self {
        Self(&self.0 * coefficients)
    }

    fn add_scaled(&mut self, scale: f64, other: &Self) {
        self.0 += &other.0 * scale;
    }

    fn scale(&mut self, factor: f64) {
        self.0 *= factor;
    }

    fn to_matrix(&self) -> Matrix {
        self.0.clone()
    }
}

/// A dense matrix with its velocity.
#[derive(Debug, Clone)]
pub(crate) struct PlainMatrix {
    pub(crate) weights: Matrix,
    velocity: Matrix,
}

impl PlainMatrix {
    pub(crate) fn new(weights: Matrix) -> Self {
        Self { velocity: Matrix::zeros(weights.nrows(), weights.ncols()), weights }
    }
}

impl WeightMatrix for PlainMatrix {
    type Block = Columns;

    fn input_block(&self, coordinates: &Matrix) -> Columns {
        Columns(coordinates.clone())
    }

    fn output_block(&self, coordinates: &Matrix) -> Columns {
        Columns(coordinates.clone())
    }

    fn apply(&mut self, x: &Columns) -> Columns {
        Columns(&self.weights * &x.0)
    }

    fn apply_transpose(&mut self, g: &Columns) -> Columns {
        Columns(self.weights.tr_mul(&g.0))
    }

    fn update(&mut self, rule: UpdateRule, terms: &[OuterProduct<'_, Columns>]) {
        let mut gradient = &self.weights * rule.decay;
        for term in terms {
            gradient += &term.left.0 * term.right.0.transpose() * term.scale;
        }
        self.velocity = &self.velocity * rule.momentum + &gradient;
        let step = if rule.nesterov { gradient + &self.velocity * rule.momentum } else { self.velocity.clone() };
        self.weights -= step * rule.scale;
    }

    fn output_dimension(&self) -> u64 {
        self.weights.nrows() as u64
    }
}

impl Explored for PlainMatrix {}

impl LinearLayer for PlainMatrix {
    fn learned_singular_values(&mut self) -> Vec<f64> {
        Vec::new()
    }

    fn neurons(&self, block: &Columns) -> Neurons {
        Neurons::Entries(block.0.clone())
    }
}

/// Initial weights of all layers in normalised coordinates: iid N(0, s²/m).
pub(crate) fn initial_weights(problem: &Problem, width: usize, normalized: &Normalized, seed: u64) -> Vec<Matrix> {
    let hidden = problem.network.hidden_layers;
    let dimension = |layer: usize| match layer {
        0 => problem.data.input_dimension(),
        l if l == hidden + 1 => problem.data.output_dimension(),
        _ => width,
    };
    (0..=hidden)
        .map(|layer| {
            let mut rng = stream(seed, Purpose::Weights(layer as u32), 0);
            let std = normalized.init_std[layer] / (width as f64).sqrt();
            Matrix::from_fn(dimension(layer + 1), dimension(layer), |_, _| {
                let normal: f64 = StandardNormal.sample(&mut rng);
                std * normal
            })
        })
        .collect()
}

/// Builds a network from its layers.
pub(crate) fn network<W: WeightMatrix>(problem: &Problem, normalized: &Normalized, layers: Vec<W>) -> LinearNetwork<W> {
    LinearNetwork {
        layers,
        output_scale: normalized.output_scale,
        rates: normalized.rates.clone(),
        input_dimension: problem.data.input_dimension(),
        output_dimension: problem.data.output_dimension(),
    }
}

/// Trains to the end; a diverged run returns what it recorded before.
pub(crate) fn records<W: LinearLayer>(problem: &Problem, network: LinearNetwork<W>, seed: u64) -> Vec<Record> {
    let mut training = LinearTraining::new(problem, network, seed).unwrap();
    training.run(Start::default(), &mut |_, _| Control::Continue).0
}

/// The obvious network of a width, trained.
pub(crate) fn plain_records(problem: &Problem, width: usize, seed: u64) -> Vec<Record> {
    let normalized = problem.scaling().at(width as u64);
    let layers = initial_weights(problem, width, &normalized, seed).into_iter().map(PlainMatrix::new).collect();
    records(problem, network(problem, &normalized, layers), seed)
}

/// The predictor of a record.
pub(crate) fn predictor(record: &Record) -> &Matrix {
    match &record.values[&Quantity::Predictor] {
        Value::Matrix(predictor) => predictor,
        other => panic!("predictor recorded as {other:?}"),
    }
}

/// Largest distance between the predictors of two runs.
pub(crate) fn sup_distance(left: &[Record], right: &[Record]) -> f64 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(a, b)| (predictor(a) - predictor(b)).norm()).fold(0.0, f64::max)
}
