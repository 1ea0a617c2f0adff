//! Kernels of convolutional networks: values in `tests/reference/convolution.json` and the cases `conv_kernel` of `ntk.json`, each within its
//! own tolerance.

use serde_json::Value;
use widenet_core::{Matrix, document::Word, problem::Activation, scaling::KernelLayer, training::Control};
use widenet_limits::kernel::{
    Which,
    convolution::{ConvolutionalNetwork, ImageShape, Layer, Padding, Window, convolution_kernels},
};

fn cases(file: &str, kind: &str) -> Vec<Value> {
    let path = format!("{}/../../tests/reference/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the reference file");
    let file: Value = serde_json::from_str(&text).expect("valid JSON");
    let cases: Vec<Value> =
        file["cases"].as_array().expect("cases").iter().filter(|case| case["kind"] == kind).cloned().collect();
    assert!(!cases.is_empty(), "no cases of kind {kind}");
    cases
}

/// A list, or one number for both axes.
fn pair(value: &Value, otherwise: usize) -> [usize; 2] {
    match value.as_array() {
        Some(list) => {
            let number = |i: usize| list[i.min(list.len() - 1)].as_u64().expect("a whole number") as usize;
            [number(0), number(1)]
        }
        None => [value.as_u64().map_or(otherwise, |number| number as usize); 2],
    }
}

fn window(size: &Value, options: &Value, stride: usize, padding: &str) -> Window {
    let padding = match options["padding"].as_str().unwrap_or(padding).to_lowercase().as_str() {
        "same" => Padding::Same,
        "circular" => Padding::Circular,
        "valid" => Padding::Valid,
        other => panic!("padding {other}"),
    };
    Window { size: pair(size, 1), stride: pair(&options["stride"], stride), padding }
}

/// Reads layers; `weights` counts the weight matrices and gives the next one.
fn layers(list: &Value, activation: Activation, weights: &mut dyn FnMut(&str) -> KernelLayer) -> Vec<Layer> {
    let mut read = Vec::new();
    for layer in list.as_array().into_iter().flatten() {
        match layer.as_str() {
            Some("activation") => read.push(Layer::Activation(activation)),
            Some("flatten") => read.push(Layer::Flatten),
            Some("gap") => read.push(Layer::GlobalAverage),
            _ if !layer["conv"].is_null() => {
                read.push(Layer::Convolution { window: window(&layer["conv"], layer, 1, "same"), weights: weights("conv") });
            }
            _ if !layer["pool"].is_null() => {
                let size = pair(&layer["pool"], 1);
                read.push(Layer::Pool(window(&layer["pool"], layer, size[0], "valid")));
            }
            _ if !layer["dense"].is_null() => read.push(Layer::Dense(weights("dense"))),
            _ if !layer["residual"].is_null() => {
                let main = layers(&layer["residual"], activation, weights);
                let skip = layers(&layer["skip"], activation, weights);
                read.push(Layer::Residual { main, skip });
            }
            _ => {
                for _ in 0..layer["repeat"].as_u64().expect("a known layer") {
                    read.extend(layers(&layer["layers"], activation, weights));
                }
            }
        }
    }
    read
}

/// NTK parameterization, all layers trained.
fn ntk(sigma_w: f64, sigma_b: f64) -> KernelLayer {
    let (weight, bias) = (sigma_w * sigma_w, sigma_b * sigma_b);
    KernelLayer { weight_variance: weight, bias_variance: bias, weight_tangent: weight, bias_tangent: bias }
}

/// Images, one in each row, position after position.
fn images(value: &Value) -> (Matrix, [usize; 3]) {
    let list = |value: &Value| value.as_array().expect("an array").clone();
    let images = list(value);
    let first = list(&images[0]);
    let shape = [first.len(), list(&first[0]).len(), list(&list(&first[0])[0]).len()];
    let size = shape.iter().product();
    let mut numbers = Vec::new();
    for image in &images {
        for pixel in list(image).iter().flat_map(list) {
            numbers.extend(list(&pixel).iter().map(|x| x.as_f64().expect("a number")));
        }
    }
    (Matrix::from_row_slice(images.len(), size, &numbers), shape)
}

fn matrix(value: &Value) -> Matrix {
    let rows = value.as_array().expect("rows");
    let columns = rows[0].as_array().expect("a row").len();
    Matrix::from_fn(rows.len(), columns, |i, j| value[i][j].as_f64().expect("a number"))
}

fn check(case: &Value, network: &ConvolutionalNetwork) {
    let name = case["name"].as_str().expect("a name");
    let ((x1, _), (x2, _)) = (images(&case["x1"]), images(&case["x2"]));
    let tolerance = case["rtol"].as_f64().expect("a tolerance");
    let on_diagonal = case["rtol_ntk_diagonal"].as_f64().unwrap_or(tolerance);
    for (side, other) in [("11", None), ("12", Some(&x2))] {
        let kernels = convolution_kernels(network, &x1, other, Which::Both, &mut |_| Control::Continue);
        let kernels = kernels.expect("finite kernels");
        for (kernel, key) in [(kernels.nngp, "nngp"), (kernels.tangent, "ntk")] {
            let (kernel, reference) = (kernel.expect("asked for"), matrix(&case[format!("{key}_{side}")]));
            assert_eq!(kernel.shape(), reference.shape());
            for i in 0..kernel.nrows() {
                for j in 0..kernel.ncols() {
                    let is_diagonal = i == j && key == "ntk" && side == "11";
                    let allowed = if is_diagonal { on_diagonal } else { tolerance } * reference.amax();
                    let (value, expected) = (kernel[(i, j)], reference[(i, j)]);
                    assert!((value - expected).abs() <= allowed, "{name} {key}_{side} ({i}, {j}): {value} {expected}");
                }
            }
        }
    }
}

#[test]
fn convolution_kernels_of_layer_lists() {
    for case in cases("convolution.json", "convolution_kernel") {
        let (section, parameterization) = (&case["network"], &case["parameterization"]);
        let activation = Activation::from_word(section["activation"].as_str().expect("a word")).expect("an activation");
        let number = |key: &str| parameterization[key].as_f64().expect("a number");
        let (sigma_w, sigma_b) = (number("sigma_w"), number("sigma_b"));
        let is_standard = parameterization["kind"] == "standard";
        let ([rows, columns, channels], mut matrices) = (images(&case["x1"]).1, 0);
        // Standard, all rates ∝ 1/m: a matrix learns by its inputs per m, the first and the biases not at all (page §2).
        let fan_in = [0.0, 9.0, 2.0 * (rows * columns) as f64, 0.5];
        let mut weights = |_: &str| {
            matrices += 1;
            let layer = ntk(sigma_w, sigma_b);
            if is_standard {
                KernelLayer { weight_tangent: fan_in[matrices - 1], bias_tangent: 0.0, ..layer }
            } else {
                layer
            }
        };
        let layers = layers(&section["layers"], activation, &mut weights);
        let readout = weights("readout");
        check(&case, &ConvolutionalNetwork { image: ImageShape { rows, columns, channels }, layers, readout });
    }
}

#[test]
fn convolution_kernels_of_repeated_layers() {
    for case in cases("ntk.json", "conv_kernel") {
        let section = &case["conv"];
        let activation = section["activation"]["name"].as_str().expect("a word");
        let activation = Activation::from_word(activation).expect("an activation");
        let sigmas = |of: &Value| ntk(of["sigma_w"].as_f64().expect("σ_w"), of["sigma_b"].as_f64().expect("σ_b"));
        let [rows, columns, channels] = images(&case["x1"]).1;
        let mut layers = Vec::new();
        for l in 0..section["layers"].as_u64().expect("a number") as usize {
            // One square filter and one stride per layer.
            let of_layer = |key: &str| section[key][l].as_u64().expect("a whole number") as usize;
            let padding = if section["padding"] == "circular" { Padding::Circular } else { Padding::Same };
            let window = Window { size: [of_layer("filter"); 2], stride: [of_layer("stride"); 2], padding };
            layers.push(Layer::Convolution { window, weights: sigmas(section) });
            layers.push(Layer::Activation(activation));
        }
        layers.push(if section["head"] == "gap" { Layer::GlobalAverage } else { Layer::Flatten });
        let image = ImageShape { rows, columns, channels };
        check(&case, &ConvolutionalNetwork { image, layers, readout: sigmas(&section["readout"]) });
    }
}

#[test]
fn convolution_windows_see_the_inputs_of_the_reference() {
    for case in cases("convolution.json", "convolution_geometry") {
        for item in case["items"].as_array().expect("items") {
            let number = |key: &str| item[key].as_u64().expect("a whole number") as usize;
            let mut window = window(&item["filter"], item, 1, "same");
            (window.size[1], window.stride[1]) = (1, 1);
            let taps = window.taps([number("size"), 1]).expect("a window that fits");
            assert_eq!(taps.positions, [number("out"), 1], "{item}");
            for i in 0..number("out") {
                let seen: Vec<i64> = taps.of(i).iter().map(|tap| tap.map_or(-1, i64::from)).collect();
                assert_eq!(Value::from(seen), item["taps"][i], "output {i} of {item}");
            }
        }
    }
}
