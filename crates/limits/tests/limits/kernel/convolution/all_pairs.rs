//! A plain recursion on arrays of all pairs of positions, against the offsets of the library.

use serde_json::json;
use widenet_core::{
    Matrix,
    problem::{ImageShape, Layer, Window},
    scaling::{KernelLayer, KernelNetwork},
};
use widenet_limits::kernel::dual::Dual;

use super::{
    super::support::{both, wave},
    kernel_network, small,
};

/// Both kernels by the recursion on arrays of all pairs of positions, without classes, lanes and distances (docs/theory/convolutions.md §3.1,
/// Eq. recursion): for smooth activations.
struct AllPairs<'a> {
    weights: std::slice::Iter<'a, KernelLayer>,
    shape: [usize; 2],
}

/// K and Θ of a pair of images, and K of both images with themselves.
#[derive(Clone)]
struct Arrays {
    covariance: Matrix,
    tangent: Matrix,
    own: [Matrix; 2],
}

impl Arrays {
    fn map(&self, linear: impl Fn(&Matrix) -> Matrix) -> Arrays {
        let Arrays { covariance, tangent, own: [left, right] } = self;
        Arrays { covariance: linear(covariance), tangent: linear(tangent), own: [linear(left), linear(right)] }
    }
}

impl AllPairs<'_> {
    fn kernels(network: &KernelNetwork, x: &Matrix, other: &Matrix) -> (f64, f64) {
        let image = network.image.as_ref().expect("images");
        let ImageShape { rows, columns, channels } = image.shape;
        let pixels = |x: &Matrix| Matrix::from_fn(rows * columns, channels, |p, c| x[c * rows * columns + p]);
        let (x, other) = (pixels(x), pixels(other));
        let of = |a: &Matrix, b: &Matrix| a * b.transpose() / channels as f64;
        let start = Arrays {
            covariance: of(&x, &other),
            tangent: Matrix::zeros(rows * columns, rows * columns),
            own: [of(&x, &x), of(&other, &other)],
        };
        let mut network = AllPairs { weights: network.layers.iter(), shape: [rows, columns] };
        let mut end = image.layers.iter().fold(start, |arrays, layer| network.layer(layer, arrays));
        end = network.weights(end, None);
        (end.covariance[0], end.tangent[0])
    }

    fn layer(&mut self, layer: &Layer, arrays: Arrays) -> Arrays {
        match layer {
            Layer::Convolution { window, .. } => self.weights(arrays, Some(window)),
            Layer::Dense { .. } => self.weights(arrays, None),
            Layer::Activation(activation) => {
                let dual = Dual::of(*activation);
                let mut to = arrays.clone();
                for p in 0..to.covariance.nrows() {
                    for other in 0..to.covariance.ncols() {
                        let [left, right] = &arrays.own;
                        let found = dual.pair(left[(p, p)], right[(other, other)], arrays.covariance[(p, other)]);
                        to.covariance[(p, other)] = found.value;
                        to.tangent[(p, other)] *= found.derivative;
                        for side in 0..2 {
                            let own = &arrays.own[side];
                            to.own[side][(p, other)] =
                                dual.pair(own[(p, p)], own[(other, other)], own[(p, other)]).value;
                        }
                    }
                }
                to
            }
            Layer::Pool(window) => {
                let taps = window.taps(self.shape).expect("a window that fits");
                self.shape = taps.positions;
                let average =
                    Matrix::from_fn(taps.positions[0] * taps.positions[1], arrays.covariance.nrows(), |p, input| {
                        let seen = taps.of(p).iter().filter(|tap| **tap == Some(input as u32)).count();
                        seen as f64 / taps.count as f64
                    });
                arrays.map(|array| &average * array * average.transpose())
            }
            Layer::Residual { main, skip } => {
                let shape = self.shape;
                let main = main.iter().fold(arrays.clone(), |arrays, layer| self.layer(layer, arrays));
                let after = std::mem::replace(&mut self.shape, shape);
                let skip = skip.iter().fold(arrays, |arrays, layer| self.layer(layer, arrays));
                self.shape = after;
                let [(main_left, main_right), (left, right)] =
                    [&main, &skip].map(|branch| (&branch.own[0], &branch.own[1]));
                Arrays {
                    covariance: &main.covariance + &skip.covariance,
                    tangent: &main.tangent + &skip.tangent,
                    own: [main_left + left, main_right + right],
                }
            }
            Layer::Flatten => arrays.map(|array| Matrix::from_element(1, 1, array.trace() / array.nrows() as f64)),
            Layer::GlobalAverage => arrays.map(|array| Matrix::from_element(1, 1, array.sum() / array.len() as f64)),
        }
    }

    fn weights(&mut self, arrays: Arrays, window: Option<&Window>) -> Arrays {
        let layer = self.weights.next().expect("as many as matrices");
        let boxed = |array: &Matrix| {
            let Some(window) = window else { return array.clone() };
            let taps = window.taps(self.shape).expect("a window that fits");
            let outputs = taps.positions[0] * taps.positions[1];
            Matrix::from_fn(outputs, outputs, |p, other| {
                let pairs = taps.of(p).iter().zip(taps.of(other));
                let inside = pairs.filter_map(|(p, other)| Some(array[((*p)? as usize, (*other)? as usize)]));
                inside.sum::<f64>() / taps.count as f64
            })
        };
        let average = arrays.map(boxed);
        if let Some(window) = window {
            self.shape = window.positions(self.shape).expect("a window that fits");
        }
        let Arrays { covariance, tangent, own } = average;
        Arrays {
            tangent: (layer.weight_tangent * &covariance + layer.weight_variance * tangent)
                .add_scalar(layer.bias_tangent),
            covariance: (layer.weight_variance * covariance).add_scalar(layer.bias_variance),
            own: own.map(|own| (layer.weight_variance * own).add_scalar(layer.bias_variance)),
        }
    }
}

#[test]
fn offsets_one_by_one_are_all_pairs_at_once() {
    let residual =
        json!({ "residual": ["activation", { "conv": 3, "stride": 2 }], "skip": [{ "conv": 1, "stride": 2 }] });
    let identity = json!({ "residual": ["activation", { "conv": 3 }, "activation", { "conv": [1, 3] }] });
    let lists = [
        json!([{ "conv": 3 }, "activation", { "conv": [2, 3], "stride": [2, 1] }, "activation", "flatten"]),
        json!([{ "conv": 3 }, "activation", { "conv": [2, 3], "stride": [2, 1] }, "activation", "gap"]),
        json!([{ "conv": 3, "padding": "circular" }, "activation", { "conv": 2, "padding": "circular", "stride": [3, 1] }, "activation", "gap"]),
        json!([{ "conv": 3, "padding": "valid" }, "activation", { "conv": 3 }, "activation", { "pool": 2 }, "flatten"]),
        json!([{ "conv": 3 }, "activation", { "pool": 3, "stride": 2, "padding": "same" }, { "conv": 2 }, "activation", "gap"]),
        json!([{ "conv": 3 }, "activation", { "pool": [2, 1], "padding": "circular" }, { "conv": 3 }, { "pool": 2 }, "activation", "flatten", { "dense": 1 }, "activation"]),
        json!([{ "conv": 3 }, residual, identity, "activation", "gap"]),
        json!([{ "conv": 3, "padding": "circular" }, identity, { "conv": 2, "padding": "circular" }, "activation", { "pool": [3, 2] }, "flatten"]),
        json!([{ "conv": 2 }, { "repeat": 2, "layers": [identity] }, "activation", { "pool": 2, "stride": 1 }, { "conv": 3 }, "activation", "gap"]),
    ];
    for (activation, tolerance) in [("erf", 1e-13), ("sin", 1e-13), ("identity", 1e-13), ("relu", 1e-7)] {
        for list in &lists {
            let (network, inputs) =
                small(json!({ "image": [6, 5, 2], "activation": activation, "layers": list }), 0.3, 3);
            let (nngp, tangent) = both(&network, &inputs, None);
            for (i, j) in [(0, 0), (1, 0), (2, 1)] {
                let row = |i: usize| inputs.rows(i, 1).into_owned();
                let (covariance, theta) = AllPairs::kernels(&network, &row(i), &row(j));
                for (found, expected) in [(nngp[(i, j)], covariance), (tangent[(i, j)], theta)] {
                    assert!(
                        (found / expected - 1.0).abs() < tolerance,
                        "{activation} {list} ({i}, {j}): {found} {expected}"
                    );
                }
            }
        }
    }
}

/// Equal pixels and circular padding make every position the perceptron of a pixel; nearly equal images lose no digits by sums over taps.
#[test]
fn nearly_equal_patches_keep_their_digits() {
    let parameterization = json!({ "kind": "ntk", "sigma_w": 1.4, "sigma_b": 0.2 });
    let mut pixels = 0.8 * wave(2, 3, 0.9);
    let near = pixels.row(0).map(|x| x + 1e-8 * (7.0 * x).cos());
    pixels.set_row(1, &near);
    let perceptron = kernel_network(&json!({ "hidden_layers": 3, "activation": "relu" }), &parameterization, &pixels);
    let (nngp, tangent) = both(&perceptron, &pixels, None);
    let images = Matrix::from_fn(2, 48, |i, k| pixels[(i, k / 16)]);
    for head in ["flatten", "gap"] {
        let network = json!({ "image": [4, 4, 3], "hidden_layers": 3, "filter": 3, "padding": "circular", "head": head, "activation": "relu" });
        let network = kernel_network(&network, &parameterization, &images);
        let found = both(&network, &images, None);
        for (found, expected) in [(found.0[(0, 1)], nngp[(0, 1)]), (found.1[(0, 1)], tangent[(0, 1)])] {
            assert!((found / expected - 1.0).abs() < 1e-14, "{head}: {found} {expected}");
        }
        // Negative control: angles from covariances lose half of the digits.
        let plain = AllPairs::kernels(&network, &images.rows(0, 1).into_owned(), &images.rows(1, 1).into_owned());
        assert!((plain.1 / tangent[(0, 1)] - 1.0).abs() > 1e-10, "{head}: {}", plain.1);
    }
}
