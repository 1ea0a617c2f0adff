//! Convolutional networks of finite width against direct loops over positions and taps, differences of their loss, and perceptrons.

use std::path::Path;

use widenet_core::{
    Matrix, Problem,
    document::Document,
    problem::{Activation, ImageShape, Layer, Padding, Quantity, Window},
    training::{
        Control, Start, Training, is_finite,
        mlp::{Mlp, MlpGroup, MlpTraining},
    },
    trajectory::{Record, Status, Value},
};
use widenet_model::{
    DenseMatrix, DeviceChoice, Member, Placement, Precision, mlp_group, mlp_of_entries, mlp_with_panels,
};

use crate::common::perceptrons::{entries, matrices};

const WIDTH: u64 = 6;
const SEED: u64 = 3;

fn placement(precision: Precision) -> Placement {
    DeviceChoice::Flex.open().unwrap().placement(precision).unwrap()
}

/// Five images of a shape, and two for tests, with two outputs; the sections `[network]` and `[parameterization]`, and the optimizer's.
fn problem(image: [usize; 3], network: &str, parameterization: &str, optimizer: &str) -> Problem {
    let network = format!("image = {image:?}\n{network}");
    on_inputs(image.iter().product(), &network, parameterization, optimizer)
}

/// The same with inputs of a dimension.
fn on_inputs(size: usize, network: &str, parameterization: &str, optimizer: &str) -> Problem {
    let number = |i: usize, frequency: f64| format!("{:?}", (i as f64 * frequency + 0.3).sin());
    let rows = |count: usize, columns: usize, frequency: f64| {
        let row = |row: usize| {
            let numbers: Vec<String> = (0..columns).map(|i| number(row * columns + i, frequency)).collect();
            format!("[{}]", numbers.join(", "))
        };
        (0..count).map(row).collect::<Vec<_>>().join(", ")
    };
    let text = format!(
        "[network]\n{network}\n[parameterization]\n{parameterization}\n[data]\nkind = \"inline\"\n\
         inputs = [{}]\ntargets = [{}]\ntest_inputs = [{}]\ntest_targets = [{}]\n[optimizer]\n{optimizer}\n\
         [record]\nquantities = [\"outputs\", \"test_outputs\"]\n",
        rows(5, size, 1.7),
        rows(5, 2, 0.9),
        rows(2, size, 1.3),
        rows(2, 2, 0.7)
    );
    let document = Document::from_toml("problem.toml", &text).unwrap();
    Problem::from_document(&document, Path::new("")).unwrap()
}

const DESCENT: &str = "kind = \"gd\"\nlearning_rate = 0.1\nsteps = 4";
const NTK: &str = "kind = \"ntk\"\nsigma_w = 1.3\nsigma_b = 0.2";

/// Networks with everything that a list may have: strides, paddings, filters that are not square or even, pools, residuals in each other,
/// widths of their own, and layers behind the head.
const NETWORKS: [(&str, [usize; 3]); 8] = [
    ("hidden_layers = 2\nactivation = \"tanh\"\nfilter = 3", [4, 3, 2]),
    (
        "hidden_layers = 2\nactivation = \"erf\"\nfilter = [2, 3]\nstride = [1, 2]\nhead = \"gap\"\npixel_order = \"interleaved\"",
        [5, 4, 2],
    ),
    ("hidden_layers = 1\nactivation = \"tanh\"\nfilter = 3\npadding = \"circular\"\nhead = \"gap\"", [4, 4, 1]),
    ("hidden_layers = 2\nactivation = \"tanh\"\nfilter = 2\npadding = \"valid\"\nhead = \"gap\"", [5, 4, 1]),
    (
        "activation = \"tanh\"\nlayers = [{ conv = 3, stride = 2 }, \"activation\", { conv = 3, stride = 2, padding = \"circular\", channels = 1.5 }, \
         { activation = \"erf\" }, \"flatten\"]",
        [8, 8, 1],
    ),
    (
        "activation = \"tanh\"\nlayers = [{ conv = 3 }, { residual = [\"activation\", { conv = 3 }, \"activation\", { conv = 3 }] }, \"activation\", \
         { pool = 3, stride = 2, padding = \"same\" }, { conv = 2, padding = \"valid\" }, \"activation\", \"flatten\", { dense = 2 }, \"activation\"]",
        [4, 5, 3],
    ),
    (
        "activation = \"erf\"\nlayers = [{ conv = 3 }, { residual = [\"activation\", { conv = 3, stride = 2, channels = 2 }, { residual = [{ conv = 1, \
         channels = 2 }], skip = [\"activation\", { conv = 3, channels = 2 }] }], skip = [{ conv = 1, stride = 2, channels = 2 }] }, \"activation\", \"gap\"]",
        [4, 4, 2],
    ),
    (
        "activation = \"tanh\"\nlayers = [{ residual = [{ conv = 3 }], skip = [{ conv = 1 }] }, { repeat = 2, layers = [\"activation\", { conv = 3 }] }, \
         { pool = 2 }, \"activation\", \"gap\", \"activation\", { dense = 0.5 }, \"activation\"]",
        [4, 6, 1],
    ),
];

/// Lists of fully connected layers: unequal widths and activations, and residuals.
const LISTS: [&str; 2] = [
    "activation = \"tanh\"\nlayers = [{ dense = 2 }, \"activation\", { dense = 0.5 }, { activation = \"erf\" }]",
    "activation = \"tanh\"\nlayers = [{ dense = 1 }, { repeat = 2, layers = [{ residual = [\"activation\", { dense = 2 }, \"activation\", { dense = 1 }] }] }, \
     \"activation\"]",
];

fn networks() -> impl Iterator<Item = Problem> {
    let lists = LISTS.into_iter().map(|network| on_inputs(5, network, NTK, DESCENT));
    NETWORKS.into_iter().map(|(network, image)| problem(image, network, NTK, DESCENT)).chain(lists)
}

fn network(problem: &Problem) -> Mlp<DenseMatrix> {
    mlp_with_panels(problem, WIDTH, SEED.into(), &placement(Precision::F64), 1 << 30).unwrap()
}

/// Numbers at positions: rows × columns × channels.
#[derive(Clone)]
struct Image {
    size: [usize; 2],
    channels: usize,
    numbers: Vec<f64>,
}

impl Image {
    fn zeros(size: [usize; 2], channels: usize) -> Self {
        Self { size, channels, numbers: vec![0.0; size[0] * size[1] * channels] }
    }

    fn index(&self, [row, column]: [usize; 2], channel: usize) -> usize {
        (row * self.size[1] + column) * self.channels + channel
    }
}

/// The network as a walk over its list, with the matrices that are left.
struct Direct<'a> {
    layers: std::slice::Iter<'a, widenet_core::training::mlp::MlpLayer<DenseMatrix>>,
    matrices: std::vec::IntoIter<Matrix>,
}

impl Direct<'_> {
    /// `A W a + B b` of one position's inputs; the matrices of a layer are taken once.
    fn weights(&mut self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let layer = self.layers.next().expect("a layer");
        let matrix = self.matrices.next().expect("weights");
        let bias = layer.biases.as_ref().map(|biases| (biases.multiplier, self.matrices.next().expect("biases")));
        let of_position = |inputs: &Vec<f64>| {
            let output = |row: usize| {
                let mut sum = 0.0;
                for (column, input) in inputs.iter().enumerate() {
                    sum += matrix[(row, column)] * input;
                }
                sum * layer.weights.multiplier + bias.as_ref().map_or(0.0, |(multiplier, b)| multiplier * b[(row, 0)])
            };
            (0..matrix.nrows()).map(output).collect()
        };
        inputs.iter().map(of_position).collect()
    }

    fn layer(&mut self, layer: &Layer, mut image: Image) -> Image {
        match layer {
            Layer::Activation(activation) => {
                image.numbers.iter_mut().for_each(|u| *u = activation.value(*u));
                image
            }
            Layer::Convolution { window, .. } => {
                let (size, seen) = seen(window, &image);
                let patches: Vec<Vec<f64>> = seen.into_iter().map(|pixels| pixels.concat()).collect();
                let outputs = self.weights(&patches);
                Image { size, channels: outputs[0].len(), numbers: outputs.concat() }
            }
            Layer::Pool(window) => {
                let (size, seen) = seen(window, &image);
                let mean = |pixels: &Vec<Vec<f64>>| {
                    let of_channel = |c: usize| pixels.iter().map(|pixel| pixel[c]).sum::<f64>() / pixels.len() as f64;
                    (0..image.channels).map(of_channel).collect::<Vec<f64>>()
                };
                Image { size, channels: image.channels, numbers: seen.iter().flat_map(mean).collect() }
            }
            Layer::GlobalAverage => {
                let positions = image.numbers.len() / image.channels;
                let mut mean = Image::zeros([1, 1], image.channels);
                for (i, number) in image.numbers.iter().enumerate() {
                    mean.numbers[i % image.channels] += number / positions as f64;
                }
                mean
            }
            Layer::Flatten => Image { size: [1, 1], channels: image.numbers.len(), ..image },
            Layer::Dense { .. } => self.dense(&image),
            Layer::Residual { main, skip } => {
                let mut branch =
                    |layers: &[Layer]| layers.iter().fold(image.clone(), |image, layer| self.layer(layer, image));
                let (mut sum, other) = (branch(main), branch(skip));
                sum.numbers.iter_mut().zip(other.numbers).for_each(|(sum, other)| *sum += other);
                sum
            }
        }
    }

    fn dense(&mut self, image: &Image) -> Image {
        let outputs = self.weights(std::slice::from_ref(&image.numbers)).concat();
        Image { size: [1, 1], channels: outputs.len(), numbers: outputs }
    }
}

/// The size of the outputs, and of each the pixels under the taps of its window.
fn seen(window: &Window, image: &Image) -> ([usize; 2], Vec<Vec<Vec<f64>>>) {
    let axis = |axis: usize| -> (usize, i64) {
        let (n, f, s) = (image.size[axis], window.size[axis], window.stride[axis]);
        match window.padding {
            Padding::Valid => ((n - f) / s + 1, 0),
            Padding::Same | Padding::Circular => {
                let outputs = n.div_ceil(s);
                (outputs, ((outputs - 1) * s + f).saturating_sub(n) as i64 / 2)
            }
        }
    };
    let [(rows, low_row), (columns, low_column)] = [axis(0), axis(1)];
    let mut found = Vec::new();
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        let mut pixels = Vec::new();
        for (y, x) in (0..window.size[0]).flat_map(|y| (0..window.size[1]).map(move |x| (y, x))) {
            let mut place =
                [(row * window.stride[0] + y) as i64 - low_row, (column * window.stride[1] + x) as i64 - low_column];
            if window.padding == Padding::Circular {
                place = [0, 1].map(|axis| place[axis].rem_euclid(image.size[axis] as i64));
            }
            let is_inside = (0..2).all(|axis| (0..image.size[axis] as i64).contains(&place[axis]));
            let pixel = |c: usize| {
                let inside = is_inside.then(|| image.numbers[image.index(place.map(|at| at as usize), c)]);
                inside.unwrap_or(0.0)
            };
            pixels.push((0..image.channels).map(pixel).collect());
        }
        found.push(pixels);
    }
    ([rows, columns], found)
}

/// Outputs on inputs (P × d) by loops.
fn direct(problem: &Problem, network: &mut Mlp<DenseMatrix>, inputs: &Matrix) -> Matrix {
    let image = problem.network.image.as_ref().unwrap();
    let ImageShape { rows, columns, channels } = image.shape;
    let matrices = entries(network);
    let of_sample = |sample: usize| {
        let mut pixels = Image::zeros([rows, columns], channels);
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            for channel in 0..channels {
                let at = match image.pixel_order {
                    widenet_core::problem::PixelOrder::Planes => (channel * rows + row) * columns + column,
                    widenet_core::problem::PixelOrder::Interleaved => (row * columns + column) * channels + channel,
                };
                let index = pixels.index([row, column], channel);
                pixels.numbers[index] = inputs[(sample, at)];
            }
        }
        let mut walk = Direct { layers: network.layers.iter(), matrices: matrices.clone().into_iter() };
        let last = image.layers.iter().fold(pixels, |image, layer| walk.layer(layer, image));
        walk.dense(&last).numbers
    };
    let outputs: Vec<Vec<f64>> = (0..inputs.nrows()).map(of_sample).collect();
    Matrix::from_row_slice(outputs.len(), outputs[0].len(), &outputs.concat())
}

#[test]
fn outputs_are_those_of_direct_loops() {
    for problem in networks() {
        let mut network = network(&problem);
        let inputs = &problem.data.train.inputs;
        let (found, expected) = (network.outputs(inputs), direct(&problem, &mut network, inputs));
        let error = (&found - &expected).amax();
        assert!(error < 1e-13 * expected.amax().max(1.0), "{error:e}: {:?}", problem.network);
    }
}

/// A step of descent moves every weight and bias by its rate times the difference of the loss along it; so backward passes, patches and
/// biases are right in every kind of layer.
#[test]
fn steps_follow_differences_of_the_loss() {
    for mut problem in networks() {
        problem.optimizer.set_steps(1).unwrap();
        problem.record.at = vec![1.0];
        let mut start = network(&problem);
        let before = entries(&mut start);
        let mut training = MlpTraining::new(&problem, start.clone(), SEED).unwrap();
        training.run(Start::default(), &mut |_, _| Control::Continue);
        let after = entries(&mut training.network);
        let has_biases: Vec<bool> = start.layers.iter().map(|layer| layer.biases.is_some()).collect();
        let loss = |matrices: &[Matrix]| {
            let mut left = matrices.iter().cloned();
            let given: Vec<(Matrix, Option<Matrix>)> =
                has_biases.iter().map(|has| (left.next().unwrap(), if *has { left.next() } else { None })).collect();
            let mut network = mlp_of_entries(&problem, WIDTH, &given, &placement(Precision::F64)).unwrap();
            let train = &problem.data.train;
            problem.loss.value(&network.outputs(&train.inputs), &train.targets)
        };
        for (index, (matrix, moved)) in before.iter().zip(&after).enumerate() {
            // The first, the last, and one between.
            for at in [0, matrix.len() / 2, matrix.len() - 1] {
                let shifted = |shift: f64| {
                    let mut matrices = before.clone();
                    matrices[index].as_mut_slice()[at] += shift;
                    loss(&matrices)
                };
                let slope = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                let step = moved.as_slice()[at] - matrix.as_slice()[at];
                let error = (step + 0.1 * slope).abs();
                assert!(
                    error < 1e-10,
                    "matrix {index}, entry {at}: {step:e} for {:e}: {:?}",
                    -0.1 * slope,
                    problem.network
                );
            }
        }
    }
}

/// Trained records of a network of images, or of none.
fn trained(problem: &Problem, precision: Precision) -> Vec<Record> {
    let network = mlp_with_panels(problem, WIDTH, SEED.into(), &placement(precision), 1 << 30).unwrap();
    let (records, status) =
        MlpTraining::new(problem, network, SEED).unwrap().run(Start::default(), &mut |_, _| Control::Continue);
    assert_eq!(status, Status::Done);
    records
}

/// Bit for bit, in all parameterizations and by all kinds of rules.
#[test]
fn one_position_and_one_tap_are_a_perceptron() {
    let parameterizations = [
        NTK,
        "kind = \"standard\"\nsigma_w = 1.2\nsigma_b = 0.1\nlearning_rate_exponent = -1",
        "kind = \"mean_field\"\nrichness = 0.7\nsigma_in = 1.1\nsigma_out = 0.9\nsigma_b = 0.2\nreadout_bias = true",
        "kind = \"abc\"\na = [0, 0.1, 0.5]\nb = [0, 0.5, 0.3]\nc = [0, 0.2, 0.1]\nsigma = 1.2",
    ];
    let optimizers = [
        DESCENT,
        "kind = \"momentum\"\nlearning_rate = 0.1\nsteps = 4\nmomentum = 0.9\nnesterov = true",
        "kind = \"sgd\"\nlearning_rate = 0.1\nsteps = 4\nbatch_size = 2",
        "kind = \"adam\"\nlearning_rate = 0.01\nsteps = 4",
        "kind = \"rmsprop\"\nlearning_rate = 0.01\nsteps = 4\nbatch_size = 3",
        "kind = \"flow\"\ntimes = [0.5]",
    ];
    for parameterization in parameterizations {
        for optimizer in optimizers {
            for head in ["flatten", "gap"] {
                let layers = format!("hidden_layers = 2\nactivation = \"tanh\"\nfilter = 1\nhead = \"{head}\"");
                let image = problem([1, 1, 5], &layers, parameterization, optimizer);
                let mut perceptron = image.clone();
                perceptron.network.image = None;
                for precision in [Precision::F64, Precision::F32] {
                    assert_eq!(
                        trained(&image, precision),
                        trained(&perceptron, precision),
                        "{parameterization} {optimizer}"
                    );
                }
            }
        }
    }
    // Kernels, too, and the linearised network.
    let mut image = problem([1, 1, 5], "hidden_layers = 2\nactivation = \"tanh\"\nfilter = 1", NTK, DESCENT);
    image.record.quantities = vec![
        Quantity::TangentKernel,
        Quantity::NngpKernel,
        Quantity::WeightChange,
        Quantity::ActivationNorms,
        Quantity::ActivationChanges,
        Quantity::LinearisedOutputs,
    ];
    let mut perceptron = image.clone();
    perceptron.network.image = None;
    assert_eq!(trained(&image, Precision::F64), trained(&perceptron, Precision::F64));
}

/// Layers without activations between them are a list; with the identity they are the perceptron, bit for bit.
#[test]
fn a_list_of_equal_layers_is_a_perceptron() {
    let list = "activation = \"identity\"\nlayers = [{ dense = 1 }, \"activation\", { dense = 1 }]";
    let short = "activation = \"identity\"\nhidden_layers = 2";
    let mean_field = "kind = \"mean_field\"\nsigma_b = 0.2";
    for parameterization in [NTK, mean_field] {
        let [list, short] = [list, short].map(|network| on_inputs(5, network, parameterization, DESCENT));
        assert!(list.network.image.is_some() && short.network.image.is_none());
        assert_eq!(trained(&list, Precision::F64), trained(&short, Precision::F64));
    }
}

/// Pre-activations of all layers and positions, averaged; the readout's are the outputs.
#[test]
fn sizes_are_averages_over_positions() {
    let mut problem =
        problem([4, 3, 2], "hidden_layers = 1\nactivation = \"identity\"\nfilter = 1\nhead = \"gap\"", NTK, DESCENT);
    problem.record.quantities = vec![Quantity::ActivationNorms, Quantity::Outputs];
    problem.record.at = vec![0.0, 4.0];
    let records = trained(&problem, Precision::F64);
    let matrices_now = entries(&mut network(&problem));
    let inputs = &problem.data.train.inputs;
    let mut squares = 0.0;
    for (sample, position) in (0..inputs.nrows()).flat_map(|sample| (0..12).map(move |position| (sample, position))) {
        let pixel = Matrix::from_fn(2, 1, |channel, _| inputs[(sample, channel * 12 + position)]);
        let h = &matrices_now[0] * pixel * (1.3 / 2.0_f64.sqrt()) + &matrices_now[1] * 0.2;
        squares += h.norm_squared();
    }
    let expected = (squares / (inputs.nrows() * 12 * WIDTH as usize) as f64).sqrt();
    let Value::List(norms) = &records[0].values[&Quantity::ActivationNorms] else { panic!("a list") };
    assert!((norms[0] - expected).abs() < 1e-13 && norms.len() == 2, "{norms:?} {expected}");
    let outputs = &matrices(&records, Quantity::Outputs)[0];
    assert!((norms[1] - outputs.norm() / (outputs.len() as f64).sqrt()).abs() < 1e-13);
}

/// Each network of a group goes its own way.
#[test]
fn groups_train_as_their_networks_alone() {
    for problem in networks() {
        let members = [Member { seed: 1, negated: false }, Member { seed: 2, negated: true }];
        let group = mlp_group(&problem, WIDTH, &members, &placement(Precision::F64)).unwrap();
        let together = MlpGroup::new(&problem, group, &[1, 2]).unwrap().run(&mut || Control::Continue);
        for (member, (records, _)) in members.into_iter().zip(together) {
            let network = mlp_with_panels(&problem, WIDTH, member, &placement(Precision::F64), 1 << 30).unwrap();
            let mut training = MlpTraining::new(&problem, network, member.seed).unwrap();
            let alone = training.run(Start::default(), &mut |_, _| Control::Continue).0;
            for quantity in [Quantity::Outputs, Quantity::TestOutputs] {
                for (one, other) in matrices(&records, quantity).iter().zip(matrices(&alone, quantity)) {
                    assert!(is_finite(one) && (one - &other).amax() < 1e-12, "{:?}", problem.network);
                }
            }
        }
    }
}

/// ρm channels are rounded, and scales are those of as many; less than one is refused.
#[test]
fn channels_are_whole() {
    let text = "activation = \"tanh\"\nlayers = [{ conv = 3, channels = 0.5 }, \"activation\", { conv = 3 }, \"activation\", \"gap\"]";
    let problem = problem([4, 4, 1], text, NTK, DESCENT);
    let at = |width: u64| mlp_with_panels(&problem, width, SEED.into(), &placement(Precision::F64), 1 << 30);
    let network = at(7).unwrap();
    let shapes: Vec<usize> = network.layers.iter().map(|layer| layer.weights.matrix.columns()).collect();
    assert_eq!(shapes, [9, 9 * 4, 7]);
    assert!((network.layers[1].weights.multiplier - 1.3 / 6.0).abs() < 1e-15);
    assert!(at(1).is_ok(), "0.5 is rounded up");
    let mut thin = problem.clone();
    let image = thin.network.image.as_mut().unwrap();
    let Layer::Convolution { channels, .. } = &mut image.layers[0] else { panic!("a convolution") };
    *channels = 0.1;
    let refused = mlp_with_panels(&thin, 4, SEED.into(), &placement(Precision::F64), 1 << 30).unwrap_err().to_string();
    assert!(refused.contains("0.1 m channels") && refused.contains("width 4"), "{refused}");
}

/// Many samples go through in pieces, with the numbers of one.
#[test]
fn pieces_of_samples_give_the_same_outputs() {
    let mut problem =
        problem([32, 32, 3], "hidden_layers = 2\nactivation = \"relu\"\nfilter = 3\nhead = \"gap\"", NTK, DESCENT);
    problem.network.activation = Activation::Relu;
    let mut network = mlp_with_panels(&problem, 64, SEED.into(), &placement(Precision::F32), 1 << 30).unwrap();
    let count = network.graph.samples_at_a_time();
    assert!(count > 1 && count < 60, "{count}");
    let inputs = Matrix::from_fn(count + 3, 3072, |i, j| ((i * 3072 + j) as f64 * 0.7).sin());
    let all = network.outputs(&inputs);
    let last = network.outputs(&inputs.rows(count, 3).into_owned());
    assert_eq!(all.rows(count, 3).into_owned(), last);
}
