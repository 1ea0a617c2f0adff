//! A side holds the inputs of one side of a kernel matrix, layer by layer on the diagonal; a recursion runs between two of them.

use widenet_core::{Matrix, scaling::KernelNetwork};

use crate::kernel::{
    dual::{Dual, arc::LANES, hermite::Coefficients},
    error::{Result, invalid},
};

/// Largest relative error of the duals of an activation without closed form: tanh reaches it at a variance of about 30, silu of 200.
const SERIES_ERROR: f64 = 1e-4;

/// What the recursion needs of the inputs of one side, per layer.
#[derive(Debug)]
pub(in crate::kernel) struct LayerOfSide {
    /// `q^l = K^l(x, x)`, padded with zeros so that any lanes may be read.
    pub(super) variances: Vec<f64>,
    /// `√q`, padded.
    pub(super) roots: Vec<f64>,
    /// `1/√q`, 0 where q = 0, padded.
    pub(super) inverse_roots: Vec<f64>,
    /// Hermite coefficients of the activation behind this layer, where it has no closed form.
    pub(super) series: Option<Coefficients>,
}

/// The inputs of one side of a kernel matrix.
#[derive(Debug)]
pub(in crate::kernel) struct Side<'a> {
    /// N × d.
    pub(in crate::kernel) inputs: &'a Matrix,
    /// Layers 1 … L + 1; series are those of layers 1 … L.
    pub(super) layers: Vec<LayerOfSide>,
    /// `Θ(x, x)`.
    pub(in crate::kernel) tangent: Vec<f64>,
}

impl<'a> Side<'a> {
    /// Goes through the layers on the diagonal. `name` is that of the argument, for errors.
    pub(in crate::kernel) fn new(network: &KernelNetwork, inputs: &'a Matrix, name: &str) -> Result<Self> {
        if let Some(position) = inputs.iter().position(|x| !x.is_finite()) {
            let (row, column) = (position % inputs.nrows() + 1, position / inputs.nrows() + 1);
            return Err(invalid(format!(
                "{name}: row {row}, column {column} is {}; all inputs must be finite",
                inputs[position]
            )));
        }
        let dual = Dual::of(network.activation);
        let dimension = inputs.ncols() as f64;
        let mut means = vec![0.0; inputs.nrows()];
        for column in inputs.column_iter() {
            means.iter_mut().zip(column.iter()).for_each(|(mean, x)| *mean += x * x / dimension);
        }
        let mut values = means;
        let mut tangent = vec![0.0; values.len()];
        let mut derivatives = vec![0.0; values.len()];
        let mut layers = Vec::with_capacity(network.layers.len());
        for (l, layer) in network.layers.iter().enumerate() {
            let mut variances = Vec::with_capacity(values.len() + 2 * LANES);
            for (i, value) in values.iter().enumerate() {
                let variance = layer.weight_variance * value + layer.bias_variance;
                tangent[i] = layer.weight_tangent * value
                    + layer.bias_tangent
                    + layer.weight_variance * derivatives[i] * tangent[i];
                if !variance.is_finite() || !tangent[i].is_finite() {
                    let (kernel, entry) =
                        if variance.is_finite() { ("tangent", tangent[i]) } else { ("NNGP", variance) };
                    return Err(invalid(format!(
                        "the {kernel} kernel overflows: its diagonal entry of {name} row {} is {entry} at weight matrix {} of {}; \
                         depth · ln σ_w² or the inputs are too large",
                        i + 1,
                        l + 1,
                        network.layers.len()
                    )));
                }
                variances.push(variance);
            }
            // The readout has no activation behind it.
            if l + 1 < network.layers.len() {
                check_series(dual, &variances, name, (l + 1, network.layers.len()))?;
            }
            for (i, variance) in variances.iter().enumerate() {
                let expectations = dual.diagonal(*variance);
                (values[i], derivatives[i]) = (expectations.value, expectations.derivative);
            }
            layers.push(LayerOfSide::new(variances));
        }
        Ok(Self { inputs, layers, tangent })
    }

    /// Number of inputs.
    pub(in crate::kernel) fn len(&self) -> usize {
        self.inputs.nrows()
    }

    /// `K(x, x)` of every input.
    pub(in crate::kernel) fn nngp(&self) -> &[f64] {
        self.layers.last().map_or(&[], |layer| &layer.variances[..self.len()])
    }
}

impl LayerOfSide {
    fn new(mut variances: Vec<f64>) -> Self {
        variances.resize((variances.len() / LANES + 2) * LANES, 0.0);
        let roots: Vec<f64> = variances.iter().map(|q| q.sqrt()).collect();
        let inverse_roots = roots.iter().map(|root| if *root > 0.0 { 1.0 / root } else { 0.0 }).collect();
        Self { variances, roots, inverse_roots, series: None }
    }
}

/// Refuses variances so large that the activation's series says little about it. The layer is counted from 1, of how many.
pub(in crate::kernel) fn check_series(
    dual: Dual,
    variances: &[f64],
    name: &str,
    (layer, layers): (usize, usize),
) -> Result<()> {
    let Some((row, largest)) = variances.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)) else { return Ok(()) };
    let Dual::Series(activation) = dual else { return Ok(()) };
    let (error, size) = (dual.error(*largest), dual.diagonal(*largest));
    let relative = (error.value / size.value).max(error.derivative / size.derivative);
    if relative <= SERIES_ERROR {
        return Ok(());
    }
    Err(invalid(format!(
        "{} has no closed form, and at the variance {largest:.3e} of {name} row {} behind weight matrix {layer} of {layers} its series is \
         off by {relative:.1e} of itself, more than {SERIES_ERROR:e}; give smaller inputs or weights, or a similar activation with closed \
         form, such as erf for tanh",
        activation.name(),
        row + 1
    )))
}

/// Gives both sides the Hermite coefficients they need, with one number of terms.
pub(in crate::kernel) fn prepare_series(
    network: &KernelNetwork,
    left: &mut Side<'_>,
    mut right: Option<&mut Side<'_>>,
) {
    let Dual::Series(activation) = Dual::of(network.activation) else { return };
    for l in 0..network.layers.len() - 1 {
        let variances = |side: &Side<'_>| side.layers[l].variances[..side.len()].to_vec();
        let (q1, q2) = (variances(left), right.as_deref().map(variances));
        let largest = q1.iter().chain(q2.iter().flatten()).copied().fold(0.0, f64::max);
        left.layers[l].series = Some(Coefficients::new(activation, &q1, largest));
        if let (Some(right), Some(q2)) = (right.as_deref_mut(), q2) {
            right.layers[l].series = Some(Coefficients::new(activation, &q2, largest));
        }
    }
}

/// The recursion between two sides.
#[derive(Debug)]
pub(in crate::kernel) struct Recursion<'a> {
    pub(super) network: &'a KernelNetwork,
    pub(super) dual: Dual,
    pub(super) left: &'a Side<'a>,
    pub(super) right: &'a Side<'a>,
}

impl<'a> Recursion<'a> {
    pub(in crate::kernel) fn new(network: &'a KernelNetwork, left: &'a Side<'a>, right: &'a Side<'a>) -> Self {
        Self { network, dual: Dual::of(network.activation), left, right }
    }
}
