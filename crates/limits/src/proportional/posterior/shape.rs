//! Random shapes of the mixing matrix are functions of the random numbers that drive them.
//!
//! ```text
//! Q = e^u Q̂,    Q̂ = X Xᵀ,    X = T̂_1 ⋯ T̂_L X̂,    ‖T̂_l‖² = d_{l−1},    det X̂ = 1
//! u = Σ_l log(χ²_{d N_l}/(d N_l)) + N(−(d+1) α'/2, 2α'/d)
//! ```
//!
//! (docs/theory/proportional-limit.md §2.3, §5.2, Eq. 8.6.) The factor `T_l` of a layer has the norm of a `d_{l−1} × N_l` Gaussian matrix,
//! independent of its direction; that of the continuum, with d columns, has a determinant independent of its unimodular part.

use nalgebra::DVector;
use rand::{Rng, RngExt};
use rand_distr::{ChiSquared, Distribution, StandardNormal};
use widenet_core::Matrix;

use super::{
    super::{
        hyperbolic::HyperbolicSampler,
        layers::{HiddenLayers, LayerGroup},
        log_law::LogLaw,
        splitting::{Splitting, Triangle, default_steps},
    },
    error::{Result, invalid},
    scale::ScaleLaw,
};

/// Largest `α' (d + 1)` whose unimodular factors are floats.
const LARGEST_ALPHA: f64 = 800.0;
/// Most numbers that drive one shape.
const LARGEST_STATE: u64 = 1 << 24;

/// The law of shapes and scale.
#[derive(Debug, Clone)]
pub(super) struct ShapeLaw {
    size: usize,
    layers: Vec<Layer>,
    continuum: Option<Continuum>,
    pub(super) scale: ScaleLaw,
}

/// One hidden layer of exact width.
#[derive(Debug, Clone)]
struct Layer {
    rows: usize,
    /// Degrees of freedom of the diagonal.
    freedoms: Vec<f64>,
    /// Where its entries start.
    start: usize,
}

#[derive(Debug, Clone)]
struct Continuum {
    columns: usize,
    splitting: Splitting,
    /// Two columns in closed form.
    pair: Option<HyperbolicSampler>,
}

/// What drives a shape.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// Factors of the layers times √N, `rows × columns` each, column by column.
    factors: Vec<f64>,
    pub(super) normals: Vec<f64>,
    coins: Vec<bool>,
}

impl Layer {
    fn columns(&self) -> usize {
        self.freedoms.len()
    }

    fn entries(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.rows * self.columns()
    }

    /// A fresh factor, times √N.
    fn draw(&self, rng: &mut impl Rng, entries: &mut [f64]) {
        entries.fill(0.0);
        for (j, freedom) in self.freedoms.iter().enumerate() {
            for i in j..self.rows {
                entries[j * self.rows + i] =
                    if i == j { chi_square(*freedom, rng).sqrt() } else { StandardNormal.sample(rng) };
            }
        }
    }

    /// Renews a share of the randomness, reversibly: normals along an autoregression, `χ²_k ← Beta(ρk/2, (1 − ρ)k/2) χ²_k + χ²_{(1 − ρ)k}`.
    fn refresh(&self, share: f64, rng: &mut impl Rng, entries: &mut [f64]) {
        for (j, freedom) in self.freedoms.iter().enumerate() {
            for i in j..self.rows {
                let x = &mut entries[j * self.rows + i];
                if i > j {
                    let normal: f64 = StandardNormal.sample(rng);
                    *x = (1.0 - share).sqrt() * *x + share.sqrt() * normal;
                    continue;
                }
                let (kept, lost) = (chi_square((1.0 - share) * freedom, rng), chi_square(share * freedom, rng));
                let beta = if kept + lost > 0.0 { kept / (kept + lost) } else { 0.5 };
                *x = (beta * *x * *x + chi_square(share * freedom, rng)).sqrt();
            }
        }
    }
}

/// A χ² variable; 0 without degrees of freedom.
fn chi_square(freedom: f64, rng: &mut impl Rng) -> f64 {
    ChiSquared::new(freedom).map_or(0.0, |law| law.sample(rng))
}

impl ShapeLaw {
    /// For m × m matrices with m ≥ 2; `steps` of the splitting scheme for the continuum, or its default.
    pub(super) fn new(size: usize, layers: &HiddenLayers, steps: Option<u64>) -> Result<Self> {
        let (mut columns, mut start) = (size, 0usize);
        let (mut chain, mut wide) = (Vec::new(), Vec::new());
        let numbers = layers.depth().saturating_mul((size * size) as u64);
        if numbers > LARGEST_STATE {
            return Err(invalid(format!(
                "{} hidden layers with {size} × {size} factors are more than a posterior by Monte Carlo can hold; use the limit",
                layers.depth()
            )));
        }
        for group in layers.groups() {
            for _ in 0..group.count {
                let after = usize::try_from(group.width).map_or(columns, |width| width.min(columns));
                let freedoms = (0..after).map(|j| (group.width - j as u64) as f64).collect();
                // Same law as the scalar scale of layers of width d N.
                let freedom = group.width.checked_mul(columns as u64);
                let width = freedom.ok_or_else(|| invalid(format!("a width of {} is too large", group.width)))?;
                wide.push(LayerGroup { width, count: 1 });
                let entry = Layer { rows: columns, freedoms, start };
                start = entry.entries().end;
                columns = after;
                chain.push(entry);
            }
        }
        let (alpha, d) = (layers.continuum(), columns as f64);
        if alpha * (d + 1.0) > LARGEST_ALPHA {
            return Err(invalid(format!(
                "alpha = {alpha} with {columns} × {columns} mixing matrices: the posterior is computed up to alpha = {}",
                LARGEST_ALPHA / (d + 1.0)
            )));
        }
        let scale = if chain.is_empty() {
            ScaleLaw::Normal { mean: -0.5 * (d + 1.0) * alpha, variance: 2.0 * alpha / d }
        } else {
            let law = LogLaw::scale(&HiddenLayers::new(&wide, alpha / d)?);
            ScaleLaw::tabulated(law.shifted(alpha / d - 0.5 * (d + 1.0) * alpha)?)?
        };
        let continuum = (alpha > 0.0 && columns > 1)
            .then(|| -> Result<Continuum> {
                let splitting = Splitting::new(columns, alpha, steps.unwrap_or_else(|| default_steps(alpha)))?;
                let pair = (columns == 2).then(|| HyperbolicSampler::new(alpha)).transpose()?;
                Ok(Continuum { columns, splitting, pair })
            })
            .transpose()?;
        Ok(Self { size, layers: chain, continuum, scale })
    }

    /// Numbers that a state holds.
    pub(super) fn numbers(&self) -> u64 {
        let layers = self.layers.last().map_or(0, |layer| layer.entries().end);
        (layers + self.continuum.as_ref().map_or(0, |continuum| continuum.splitting.normals())) as u64
    }

    /// Number of exact layers.
    pub(super) fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Whether shapes are driven by normals as well.
    pub(super) fn has_continuum(&self) -> bool {
        self.continuum.is_some()
    }

    /// A state from the prior.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> State {
        let mut factors = vec![0.0; self.layers.last().map_or(0, |layer| layer.entries().end)];
        self.layers.iter().for_each(|layer| layer.draw(rng, &mut factors[layer.entries()]));
        let (mut normals, mut coins) = (Vec::new(), Vec::new());
        if let Some(Continuum { splitting, .. }) = &self.continuum {
            normals.extend((0..splitting.normals()).map(|_| Distribution::<f64>::sample(&StandardNormal, rng)));
            coins.extend((0..splitting.coins()).map(|_| rng.random::<bool>()));
        }
        State { factors, normals, coins }
    }

    /// The state with one fresh layer.
    pub(super) fn redraw(&self, state: &State, rng: &mut impl Rng) -> State {
        let mut fresh = state.clone();
        let layer = &self.layers[rng.random_range(0..self.layers.len())];
        layer.draw(rng, &mut fresh.factors[layer.entries()]);
        fresh
    }

    /// The state with a share of the randomness of all layers renewed.
    pub(super) fn refresh(&self, state: &State, share: f64, rng: &mut impl Rng) -> State {
        let mut fresh = state.clone();
        self.layers.iter().for_each(|layer| layer.refresh(share, rng, &mut fresh.factors[layer.entries()]));
        fresh
    }

    /// The factor X of a state.
    pub(super) fn factor(&self, state: &State) -> Matrix {
        let mut product = self.of_layers(&state.factors);
        if let Some(Continuum { columns, splitting, .. }) = &self.continuum {
            let mut triangle = Triangle::default();
            splitting.assemble(&state.normals, &state.coins, &mut triangle);
            product *= unimodular(*columns, &triangle);
        }
        product
    }

    /// A factor from the prior; that of a continuum with two columns without the error of the scheme.
    pub(super) fn draw_factor(&self, rng: &mut impl Rng) -> Matrix {
        match &self.continuum {
            Some(Continuum { pair: Some(sampler), .. }) => {
                let mut factors = vec![0.0; self.layers.last().map_or(0, |layer| layer.entries().end)];
                self.layers.iter().for_each(|layer| layer.draw(rng, &mut factors[layer.entries()]));
                let [[a, b], [c, d]] = sampler.sample_unimodular(rng);
                self.of_layers(&factors) * Matrix::from_row_slice(2, 2, &[a, b, c, d])
            }
            _ => self.factor(&self.draw(rng)),
        }
    }

    fn of_layers(&self, factors: &[f64]) -> Matrix {
        let mut product = Matrix::identity(self.size, self.size);
        for layer in &self.layers {
            let entries = &factors[layer.entries()];
            product *= nalgebra::DMatrixView::from_slice(entries, layer.rows, layer.columns());
            let square: f64 = entries.iter().map(|x| x * x).sum();
            if square > 0.0 {
                product *= (layer.rows as f64 / square).sqrt();
            }
        }
        product
    }
}

/// `Y diag(e^s)` scaled to determinant 1.
fn unimodular(size: usize, triangle: &Triangle) -> Matrix {
    let logs = DVector::from_column_slice(&triangle.logs);
    let mean = logs.mean();
    let mut entries = triangle.entries.iter();
    let mut factor = Matrix::zeros(size, size);
    for j in 0..size {
        let scale = (logs[j] - mean).exp();
        for (i, entry) in (j..size).zip(&mut entries) {
            factor[(i, j)] = entry * scale;
        }
    }
    factor
}
