//! Networks on images: the short form and the list of layers, and an error for every mistake.

use std::path::Path;

use widenet_core::{
    Problem, Result,
    document::Document,
    problem::{Activation, Layer, MAX_LAYERS, Padding, PixelOrder, Window},
    scaling::PowerOfWidth,
};

/// A problem with this section `[network]` and inputs of this dimension.
fn with_inputs(network: &str, dimension: usize, parameterization: &str) -> Result<Problem> {
    let inputs = vec!["0.5"; dimension].join(", ");
    let text = format!(
        "[network]\n{network}\n[parameterization]\n{parameterization}\n[data]\nkind = \"inline\"\ninputs = [[{inputs}]]\ntargets = [[1]]\n\
         [optimizer]\nkind = \"gd\"\nlearning_rate = 0.1\nsteps = 1\n"
    );
    Problem::from_document(&Document::from_toml("problem.toml", &text)?, Path::new(""))
}

/// A network of relus on images of 6 rows, 4 columns and 2 channels.
fn read(network: &str) -> Result<Problem> {
    with_inputs(&format!("image = [6, 4, 2]\nactivation = \"relu\"\n{network}"), 48, "kind = \"ntk\"")
}

fn list(layers: &str) -> Result<Problem> {
    read(&format!("layers = [{layers}]"))
}

fn layers_of(problem: &Problem) -> &[Layer] {
    &problem.network.image.as_ref().expect("a network on images").layers
}

#[track_caller]
fn refused<T>(result: Result<T>, parts: &[&str]) {
    let Err(error) = result else { panic!("accepted: {parts:?}") };
    let error = error.to_string();
    assert!(parts.iter().all(|part| error.contains(part)), "{error}\ndoes not contain {parts:?}");
}

const CONVOLUTION: Layer =
    Layer::Convolution { window: Window { size: [3, 3], stride: [1, 1], padding: Padding::Same }, channels: 1.0 };

#[test]
fn the_short_form_is_a_list_of_layers() {
    let short = read("hidden_layers = 2\nfilter = 3\nhead = \"gap\"").unwrap();
    let relu = || Layer::Activation(Activation::Relu);
    assert_eq!(layers_of(&short), [CONVOLUTION, relu(), CONVOLUTION, relu(), Layer::GlobalAverage]);
    let long = list("{ repeat = 2, layers = [{ conv = 3 }, \"activation\"] }, \"gap\"").unwrap();
    assert_eq!(short.network, long.network);
    assert_eq!((short.network.hidden_layers, short.scaling().layers.len()), (2, 3));
    assert_eq!(short.network.image.as_ref().map(|image| image.pixel_order), Some(PixelOrder::Planes));
    let other = read(
        "hidden_layers = 1\nfilter = [2, 3]\nstride = [2, 1]\npadding = \"circular\"\npixel_order = \"interleaved\"",
    )
    .unwrap();
    let window = Window { size: [2, 3], stride: [2, 1], padding: Padding::Circular };
    assert_eq!(layers_of(&other), [Layer::Convolution { window, channels: 1.0 }, relu(), Layer::Flatten]);
    assert!(
        !short.is_deep_linear() && with_inputs("hidden_layers = 2", 48, "kind = \"ntk\"").unwrap().is_deep_linear()
    );
}

#[test]
fn weight_matrices_are_numbered_and_have_fan_ins() {
    let problem = list(
        "{ conv = 3 }, \"activation\", { residual = [{ conv = [1, 3], channels = 2, stride = 2 }, { activation = \"tanh\" }, { conv = 1, channels = 0.5 }], \
         skip = [{ conv = 2, stride = 2, channels = 0.5 }] }, { pool = [3, 1] }, \"flatten\", { dense = 3 }, \"activation\"",
    )
    .unwrap();
    // 3 × 2 positions behind the residual, 1 × 2 behind the pool.
    let wanted = [(18.0, 0.0), (3.0, 1.0), (2.0, 1.0), (4.0, 1.0), (1.0, 1.0), (3.0, 1.0)];
    assert_eq!(problem.network.fan_ins(48), wanted.map(|(constant, exponent)| PowerOfWidth::new(constant, exponent)));
    assert_eq!(problem.network.hidden_layers, 5);
    // Lists of the parameterization have one number per weight matrix.
    let network = "image = [6, 4, 2]\nlayers = [{ conv = 3 }, { residual = [{ conv = 1 }] }, \"gap\"]";
    let sigmas = |list: &str| with_inputs(network, 48, &format!("kind = \"ntk\"\nsigma_w = [{list}]"));
    assert!(sigmas("1, 2, 3").is_ok());
    refused(sigmas("1, 2"), &["parameterization.sigma_w` has 2 elements", "3"]);
}

#[test]
fn weight_matrices_have_whole_shapes_at_a_width() {
    let problem = list(
        "{ conv = 3, channels = 0.5 }, \"activation\", { residual = [\"activation\", { conv = 1, channels = 2 }], skip = [{ conv = [2, 1], channels = 2 }] }, \
         \"flatten\", { dense = 0.25 }",
    )
    .unwrap();
    let shapes = |width: u64| problem.network.shapes(48, width, 3);
    assert_eq!(shapes(8).unwrap(), [[4, 18], [16, 4], [16, 8], [2, 384], [3, 2]]);
    // 0.5 · 7 and 0.25 · 7 are rounded, and so are fan-ins.
    assert_eq!(shapes(7).unwrap(), [[4, 18], [14, 4], [14, 8], [2, 336], [3, 2]]);
    let scaling = problem.architecture().scaling_at(7);
    let multiplier = scaling.layers[1].multiplier;
    assert!((multiplier.constant * 7.0_f64.powf(multiplier.exponent) - 0.5).abs() < 1e-15, "{multiplier:?}");
    refused(shapes(1), &["0.25 m channels", "width 1 are less than one"]);
    let perceptron = with_inputs("hidden_layers = 2", 4, "kind = \"ntk\"").unwrap();
    assert_eq!(perceptron.network.shapes(4, 7, 2).unwrap(), [[7, 4], [7, 7], [2, 7]]);
    assert_eq!(perceptron.architecture().scaling_at(7), perceptron.scaling());
    assert!(problem.network.has_residuals() && !perceptron.network.has_residuals());
    assert_eq!(problem.network.activations().len() + perceptron.network.activations().len(), 4);
}

#[test]
fn lists_without_an_image_are_fully_connected() {
    let read = |layers: &str| with_inputs(&format!("activation = \"relu\"\nlayers = [{layers}]"), 4, "kind = \"ntk\"");
    // Equal layers are the short form itself.
    let equal = read("{ repeat = 3, layers = [{ dense = 1 }, \"activation\"] }").unwrap();
    let short = with_inputs("activation = \"relu\"\nhidden_layers = 3", 4, "kind = \"ntk\"").unwrap();
    assert_eq!(equal.network, short.network);
    // Others are lists: behind each other, and with residuals.
    for layers in [
        "{ dense = 2 }, \"activation\", { dense = 1 }, \"activation\"",
        "{ dense = 1 }, \"activation\", { dense = 1 }, { activation = \"tanh\" }",
        "{ dense = 1 }, \"activation\", { dense = 1 }",
        "{ dense = 1 }, { residual = [\"activation\", { dense = 3 }, \"activation\", { dense = 1 }] }, \"activation\"",
    ] {
        let problem = read(layers).unwrap();
        let list = problem.network.image.as_ref().expect("a list");
        assert!(list.is_fully_connected() && list.shape.size() == 4, "{layers}");
        refused(
            problem.network.check_fully_connected("the law"),
            &["network.layers: the law", "dense engine at finite widths"],
        );
    }
    let uneven = read("{ dense = 2 }, \"activation\", { dense = 0.5 }, \"activation\"").unwrap();
    assert_eq!(uneven.network.shapes(4, 6, 3).unwrap(), [[12, 4], [3, 12], [3, 3]]);
    assert_eq!(uneven.network.hidden_layers, 2);
    for (layers, parts) in [
        ("{ conv = 3 }, \"activation\"", ["`network.layers[0]`", "`conv` acts on images"]),
        ("{ dense = 1 }, { pool = 2 }", ["`network.layers[1]`", "`pool` acts on images"]),
        ("{ dense = 1 }, \"flatten\"", ["`network.layers[1]`", "\"flatten\" ends images"]),
        ("\"activation\"", ["`network.layers`", "no layer with weights"]),
        ("{ residual = [{ dense = 1 }] }", ["1 m neurons", "the inputs"]),
    ] {
        refused(read(layers), &parts);
    }
    let text = "layers = [{ dense = 2 }]\n[record]\nquantities = [\"predictor\"]";
    refused(with_inputs(text, 4, "kind = \"ntk\""), &["`predictor`", "a list of layers (network.layers)"]);
}

#[test]
fn keys_that_do_not_go_together_are_refused() {
    refused(with_inputs("hidden_layers = 2\nfilter = 3", 4, "kind = \"ntk\""), &["`network.filter`", "network.image"]);
    refused(with_inputs("layers = [\"gap\"]", 4, "kind = \"ntk\""), &["`network.layers[0]`", "network.image"]);
    refused(with_inputs("activation = \"relu\"", 4, "kind = \"ntk\""), &["`hidden_layers`", "`layers`", "missing"]);
    refused(read("hidden_layers = 2"), &["`network.filter` is missing"]);
    refused(read("filter = 3"), &["`hidden_layers`", "missing"]);
    refused(list("\"gap\"]\nhidden_layers = 2\n#"), &["`hidden_layers`", "`layers`", "exclude each other"]);
    for key in ["filter = 3", "stride = 1", "padding = \"same\"", "head = \"gap\""] {
        let name = key.split(' ').next().unwrap();
        refused(
            list(&format!("{{ conv = 3 }}, \"gap\"]\n{key}\n#")),
            &[&format!("`network.{name}`"), "network.layers"],
        );
    }
    let scaling = "kind = \"scaling\"\nname = \"ntk\"";
    refused(
        with_inputs("image = [2, 2, 1]\nhidden_layers = 1\nfilter = 1", 4, scaling),
        &["\"scaling\"", "network.image", "\"ntk\""],
    );
    refused(
        read("hidden_layers = 1\nfilter = 1\nentry_law = \"rademacher\""),
        &["network.entry_law", "one hidden layer"],
    );
}

/// Windows far larger than the image are refused before anything is counted, on either side of the bound.
#[test]
fn windows_that_see_too_much_are_refused() {
    let filter = |size: u64| read(&format!("hidden_layers = 1\nfilter = {size}"));
    for size in [10_000, 1_000_000_000, 10_000_000_000] {
        assert!(filter(size).is_err(), "{size}");
    }
    refused(filter(10_000), &["network.filter", "see more than 16777216 inputs; give a smaller window"]);
    let window = |size: usize| Window { size: [size; 2], stride: [1; 2], padding: Padding::Same }.positions([4, 4]);
    assert!(window(1024).is_ok() && window(1025).is_err());
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    refused(
        with_inputs("image = [6, 4, 2]\nhidden_layers = 1\nfilter = 3", 47, "kind = \"ntk\""),
        &["`network.image` is [6, 4, 2]", "48", "47"],
    );
    refused(
        read("hidden_layers = 1\nfilter = 5\npadding = \"valid\""),
        &["`network.filter`", "5 columns", "4 columns"],
    );
    refused(read("hidden_layers = 1\nfilter = 3\nstride = 0"), &["network.stride", "0", "whole number ≥ 1"]);
    refused(read("hidden_layers = 1\nfilter = [3, 3, 3]"), &["network.filter", "3 elements", "2"]);
    refused(
        read("hidden_layers = 2\nfilter = 3\nstride = 3\npadding = \"circular\""),
        &["stride 3", "4 columns", "divide"],
    );
    refused(
        list("{ conv = 7, padding = \"valid\" }, \"gap\""),
        &["`network.layers[0]`", "7 rows", "6 rows", "\"same\""],
    );
    refused(list("{ conv = 3 }, { pool = 5 }, \"gap\""), &["`network.layers[1]`", "5 columns", "4 columns"]);
    refused(list("{ conv = 3, stride = [1, 0] }, \"gap\""), &["network.layers[0].stride", "0"]);
    refused(list("{ conv = 3, channels = 0 }, \"gap\""), &["network.layers[0].channels", "0", "> 0"]);
    refused(
        list("{ conv = 3 }, { residual = [{ conv = 3, stride = 2 }], skip = [{ conv = 1 }] }, \"gap\""),
        &["`network.layers[1]`", "3 × 2 positions of 1 m channels", "6 × 4 positions of 1 m channels", "equal shapes"],
    );
    refused(
        list("{ residual = [{ conv = 3 }] }, \"gap\""),
        &["6 × 4 positions of 1 m channels", "6 × 4 positions of 2 channels"],
    );
    assert!(list("{ conv = 6, padding = \"valid\", stride = 9 }, \"gap\"").is_err());
    assert!(list("{ conv = [6, 4], padding = \"valid\", stride = 9 }, \"gap\"").is_ok());
}

#[test]
fn lists_that_are_no_network_are_refused() {
    refused(list(""), &["network.layers", "at least one layer"]);
    refused(list("{ conv = 3 }, \"activation\""), &["`network.layers`", "\"flatten\" or \"gap\""]);
    for behind in ["{ conv = 3 }", "{ pool = 1 }"] {
        refused(list(&format!("\"gap\", {behind}")), &["`network.layers[1]`", "behind the head", "before"]);
    }
    for head in ["\"gap\"", "\"flatten\""] {
        refused(list(&format!("\"gap\", {head}")), &["`network.layers[1]`", head, "is a second head"]);
    }
    refused(list("{ dense = 1 }, \"gap\""), &["`network.layers[0]`", "`dense`", "behind"]);
    refused(
        list("{ conv = 3 }, { residual = [\"gap\"] }"),
        &["`network.layers[1].residual[0]`", "\"gap\"", "outside of residuals"],
    );
    refused(list("{ conv = 3 }, { residual = [] }, \"gap\""), &["network.layers[1].residual", "at least one layer"]);
    refused(list("{ convolution = 3 }, \"gap\""), &["network.layers[0]", "`conv`"]);
    refused(list("{ conv = 3, pool = 2 }, \"gap\""), &["network.layers[0]", "`conv` and `pool`"]);
    refused(list("{ conv = 3, strides = 2 }, \"gap\""), &["network.layers[0].strides", "stride"]);
    refused(list("\"relu\", \"gap\""), &["network.layers[0]", "\"relu\"", "activation"]);
    refused(list("{ activation = \"rleu\" }, \"gap\""), &["network.layers[0].activation", "relu"]);
    refused(list("7, \"gap\""), &["network.layers[0]", "7"]);
    refused(list("{ repeat = 0, layers = [\"activation\"] }, \"gap\""), &["network.layers[0].repeat", "0"]);
    refused(
        list("{ repeat = 2, layers = [{ repeat = 2, layers = [{ conv = 9, padding = \"valid\" }] }] }, \"gap\""),
        &["network.layers[0].layers[0].layers[0]"],
    );
    // Repetitions are counted layer by layer, with the head.
    let repeated =
        |times: usize| list(&format!("{{ conv = 1 }}, {{ repeat = {times}, layers = [\"activation\"] }}, \"gap\""));
    assert!(repeated(MAX_LAYERS - 2).is_ok());
    refused(repeated(MAX_LAYERS - 1), &["10000 layers"]);
    refused(repeated(usize::MAX >> 12), &["10000 layers"]);
}

#[test]
fn perceptrons_alone_are_taken_where_convolutions_are_not_known() {
    let perceptron = with_inputs("hidden_layers = 2", 4, "kind = \"ntk\"").unwrap();
    assert!(perceptron.network.check_fully_connected("training").is_ok());
    let convolution = read("hidden_layers = 2\nfilter = 3").unwrap();
    refused(
        convolution.network.check_fully_connected("the law"),
        &["network.image = [6, 4, 2]", "the law is not computed", "dense engine at finite widths", "widenet kernel"],
    );
    // Quantities of affine maps are those of fully connected networks.
    let text = "image = [2, 2, 1]\nhidden_layers = 1\nfilter = 3\n[record]\nquantities = [\"predictor\"]";
    refused(with_inputs(text, 4, "kind = \"ntk\""), &["`predictor`", "convolutional"]);
}
