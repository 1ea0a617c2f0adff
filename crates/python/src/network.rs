//! Networks whose weights are given, or those of a problem at its start.

use std::sync::{Mutex, PoisonError};

use numpy::{PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use widenet::{
    Error, Matrix,
    core::{data::Samples, problem::Loss},
    model::{GivenLayer, GivenNetwork, ModelError, initial_layers},
};

use crate::{
    errors::{EngineError, Exception},
    problem::Problem,
    solutions::{device, word},
    tree,
    work::{Running, run},
};

/// A layer `h = A x W + B b`: W (fan-in × fan-out), b (empty without biases), A, B.
type Layer<'py> = (PyReadonlyArray2<'py, f64>, Vec<f64>, f64, f64);

impl Exception for ModelError {
    fn exception(self) -> PyErr {
        match self {
            ModelError::Problem(error) => <Error as Exception>::exception(error),
            other => EngineError::new_err(other.to_string()),
        }
    }
}

fn matrix(array: &PyReadonlyArray2<'_, f64>) -> Matrix {
    let view = array.as_array();
    Matrix::from_row_iterator(view.nrows(), view.ncols(), view.iter().copied())
}

/// A perceptron of given weights, in f64 on the CPU.
#[pyclass(frozen, module = "widenet._widenet")]
pub(crate) struct Network(Mutex<GivenNetwork>);

impl Network {
    /// Asks a copy of it, so that what is abandoned holds nothing.
    fn with<T: Send + 'static>(
        &self,
        py: Python<'_>,
        running: &Running<'_>,
        ask: impl FnOnce(&mut GivenNetwork) -> Result<T, ModelError> + Send + 'static,
    ) -> PyResult<T> {
        let mut network = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        run(py, running, move |_| ask(&mut network))?.map_err(Exception::exception)
    }
}

#[pymethods]
impl Network {
    /// Of layers, input layer first, with the activation of a problem between them.
    #[new]
    fn new(like: &Bound<'_, Problem>, layers: Vec<Layer<'_>>) -> PyResult<Self> {
        let activation = like.get().trained()?.network.activation;
        let layer = |(weights, biases, multiplier, bias_multiplier): Layer<'_>| {
            let sigma_w = multiplier * (weights.shape()[0] as f64).sqrt();
            let sigma_b = if biases.is_empty() { 0.0 } else { bias_multiplier };
            GivenLayer { weights: matrix(&weights), biases, sigma_w, sigma_b }
        };
        let layers: Vec<GivenLayer> = layers.into_iter().map(layer).collect();
        GivenNetwork::new(activation, &layers).map(|network| Network(Mutex::new(network))).map_err(Exception::exception)
    }

    /// Outputs on inputs (P × d), P × k.
    fn outputs<'py>(
        &self,
        py: Python<'py>,
        inputs: PyReadonlyArray2<'py, f64>,
        running: Running<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let inputs = matrix(&inputs);
        tree::array(py, self.with(py, &running, move |network| network.outputs(&inputs))?)
    }

    /// A kernel between inputs by its name: `ntk` averaged over outputs, `full` between all of them, `nngp`.
    fn kernel<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        left: PyReadonlyArray2<'py, f64>,
        right: PyReadonlyArray2<'py, f64>,
        running: Running<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (left, right, kind) = (matrix(&left), matrix(&right), kind.to_owned());
        let kernel = self.with(py, &running, move |network| match kind.as_str() {
            "full" => network.tangent_kernel(&left, &right),
            "nngp" => network.nngp_kernel(&left, &right),
            _ => network.mean_tangent_kernel(&left, &right),
        })?;
        tree::array(py, kernel)
    }

    /// Gradient descent from the weights: steps, losses, outputs on training and on test inputs at these, and weights at the end.
    fn train<'py>(
        &self,
        py: Python<'py>,
        samples: (PyReadonlyArray2<'py, f64>, PyReadonlyArray2<'py, f64>, PyReadonlyArray2<'py, f64>),
        loss: &str,
        asked: (f64, Vec<u64>, bool),
        running: Running<'py>,
    ) -> PyResult<Trained<'py>> {
        let train = Samples { inputs: matrix(&samples.0), targets: matrix(&samples.1) };
        let test = matrix(&samples.2);
        let loss: Loss = word("loss", loss)?;
        let (learning_rate, at, is_linearised) = asked;
        let run = self.with(py, &running, move |network| match is_linearised {
            true => network.descend_linearised(&train, &test, loss, learning_rate, &at),
            false => network.descend(&train, &test, loss, learning_rate, &at),
        })?;
        let records = run.records.into_iter().map(|record| {
            Ok((record.step, record.loss, tree::array(py, record.train)?, tree::array(py, record.test)?))
        });
        let weights = run.final_weights.into_iter().map(|weights| tree::array(py, weights));
        Ok((records.collect::<PyResult<_>>()?, weights.collect::<PyResult<_>>()?))
    }
}

/// Records of (step, loss, training outputs, test outputs), and weights.
type Trained<'py> = (Vec<(u64, f64, Bound<'py, PyAny>, Bound<'py, PyAny>)>, Vec<Bound<'py, PyAny>>);

/// W, b or None, A, B of a layer.
type InitialLayer<'py> = (Bound<'py, PyAny>, Option<Bound<'py, PyAny>>, f64, f64);

/// The layers of a problem's network at its start.
#[pyfunction]
pub(crate) fn initial_weights<'py>(
    py: Python<'py>,
    problem: &Bound<'py, Problem>,
    network: (u64, u64),
    place: (String, String),
    running: Running<'py>,
) -> PyResult<Vec<InitialLayer<'py>>> {
    let untrained = problem.get().trained()?.untrained();
    let (device, precision) = (device(&place.0)?, word("precision", &place.1)?);
    let layers =
        run(py, &running, move |_| initial_layers(&untrained, network.0, network.1, &device.open()?, precision))?;
    let layers = layers.map_err(<ModelError as Exception>::exception)?;
    let layer = |layer: GivenLayer| {
        let GivenLayer { weights, biases, sigma_w, sigma_b } = layer;
        let multiplier = sigma_w / (weights.nrows() as f64).sqrt();
        let length = biases.len();
        let biases = (length > 0).then(|| tree::shaped(py, biases, vec![length])).transpose()?;
        Ok((tree::array(py, weights)?, biases, multiplier, sigma_b))
    };
    layers.into_iter().map(layer).collect()
}
