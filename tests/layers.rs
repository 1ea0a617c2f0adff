//! Biases, multipliers and learning rates of single layers, in every parameterization; and the hinge loss.

use serde_json::Value;

use crate::common::{json as answered, numbers, run, write};

const PROBLEM: &str = r#"
[network]
hidden_layers = 1
activation = "tanh"
[parameterization]
kind = "mean_field"
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]]
targets = [[1.0], [-1.0], [0.5]]
[optimizer]
kind = "momentum"
learning_rate = 0.2
momentum = 0.5
steps = 6
[record]
at = [0, 2, 6]
quantities = ["outputs", "train_loss"]
"#;

/// The outputs of all records.
fn outputs(trajectories: &Value) -> Vec<f64> {
    let records = trajectories[0]["records"].as_array().expect("records").iter();
    records.flat_map(|record| numbers(&record["outputs"])).collect()
}

fn difference(one: &[f64], other: &[f64]) -> f64 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).fold(0.0, |most: f64, (one, other)| most.max((one - other).abs()))
}

/// One network written in two ways, with the hidden layers that both have. The entries of the second column are worked out on paper: a multiplier α
/// of entries with standard deviation s and rate κ is one of entries with α s and rate α² κ.
fn pairs() -> [(&'static str, usize, String, String); 6] {
    // 1/√d of two inputs.
    let [root, rate] = [0.5_f64.sqrt(), 0.5];
    [
        (
            "mean_field as abc",
            1,
            "kind = \"mean_field\", sigma_b = 0.4, readout_bias = true, multipliers = [2, 0.5], weight_rates = [0.5, 1], bias_rates = [2, 0.3]".into(),
            "kind = \"abc\", a = [0, 1], b = [0, 0], c = [-1, -1], sigma_b = [0.4, 0], multipliers = [2, 0.5], weight_rates = [0.5, 1], \
             bias_rates = [2, 0.3]"
                .into(),
        ),
        (
            "mean_field of richness 2 without readout biases",
            2,
            "kind = \"mean_field\", richness = 2, sigma_b = 0, weight_rates = [1, 0.5, 1]".into(),
            "kind = \"abc\", a = [0, 0, 1], b = [0, 0.5, 0], c = [-1, 0, -1], multipliers = [1, 1, 0.5], weight_rates = [4, 2, 4], sigma_b = 0, \
             bias_rates = [4, 4, 0], bias_c = [-1, -1, 0]"
                .into(),
        ),
        (
            "multipliers as standard deviations and rates",
            1,
            "kind = \"abc\", a = [0, 1], b = [0, 0], c = -1, multipliers = [2, 1]".into(),
            "kind = \"abc\", a = [0, 1], b = [0, 0], c = -1, sigma = [2, 1], weight_rates = [4, 1]".into(),
        ),
        (
            "ntk as abc",
            1,
            "kind = \"ntk\", sigma_b = 0.6, bias_std = 0.5, weight_rates = [1, 0]".into(),
            format!(
                "kind = \"abc\", a = [0, 0], b = [0, 0.5], c = [0, 1], sigma = [{root:?}, 1], weight_rates = [{rate}, 0], sigma_b = 0.3, bias_rates = 0.36"
            ),
        ),
        (
            "standard as abc",
            1,
            "kind = \"standard\", sigma_b = 0.3, learning_rate_exponent = -1, weight_rates = [0.5, 1], bias_rates = 0.1, multipliers = [1, 2]".into(),
            format!(
                "kind = \"abc\", a = [0, 0], b = [0, 0.5], c = 1, sigma = [{root:?}, 2], weight_rates = [0.5, 4], sigma_b = 0.3, bias_rates = 0.1, \
                 bias_c = 1"
            ),
        ),
        (
            "scaling as abc",
            1,
            "kind = \"scaling\", name = \"ntk\", reference_width = 4, sigma_b = 0.3, bias_rates = 0.5, weight_rates = [0, 1]".into(),
            format!(
                "kind = \"abc\", a = [0, 0], b = [0, 0.5], c = [0, 1], sigma = [{root:?}, 0.5], reference_width = 4, weight_rates = [0, 1], \
                 sigma_b = [0.3, 0], bias_rates = [0.5, 0]"
            ),
        ),
    ]
}

#[test]
fn one_network_in_two_ways_is_one_trajectory() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    for (name, hidden_layers, one, other) in pairs() {
        let solve = |parameterization: &str, own: &[&str]| {
            let set = [
                format!("network.hidden_layers={hidden_layers}"),
                format!("parameterization={{ {parameterization} }}"),
            ];
            let asked =
                ["solve", &path, "--seed", "3", "--precision", "f64", "--json", "--set", &set[0], "--set", &set[1]];
            run(&[&asked[..], own].concat())
        };
        let mut engines = vec![("dense", 1e-12), ("conditioned", 1e-9)];
        if hidden_layers == 1 {
            engines.push(("law", 1e-12));
        }
        for (engine, tolerance) in engines {
            let at = ["--width", "16", "--engine", engine];
            let [one, other] = [&one, &other].map(|parameterization| {
                let said = solve(parameterization, &at);
                assert_eq!(said.code, 0, "{name}, {engine}: {}", said.err);
                outputs(&serde_json::from_str(&said.out).expect("JSON"))
            });
            assert!(difference(&one, &other) < tolerance, "{name}, {engine}: {one:?} {other:?}");
            // The control: another network.
            let plain = solve("kind = \"mean_field\", sigma_in = 0.7", &at);
            let plain = outputs(&serde_json::from_str(&plain.out).expect("JSON"));
            assert!(difference(&one, &plain) > 1e-3, "{name}, {engine}");
        }
        // The limit takes them too, or says what it does not take.
        let mut at = vec!["--width", "inf"];
        if one.contains("mean_field") || name.starts_with("multipliers") {
            // By quadrature on few nodes, which are the same.
            at.extend(["--accuracy", "0.3", "--replicates", "2"]);
        }
        let limits = [&one, &other].map(|parameterization| solve(parameterization, &at));
        assert_eq!(limits[0].code, limits[1].code, "{name}: {}{}", limits[0].err, limits[1].err);
        if name == "mean_field as abc" {
            let part = "the readout has biases, and the mean-field limit is computed of networks without";
            assert!(limits.iter().all(|limit| limit.code == 2 && limit.err.contains(part)), "{}", limits[0].err);
            continue;
        }
        let [one, other] = limits.map(|limit| {
            assert_eq!(limit.code, 0, "{name}: {}", limit.err);
            outputs(&serde_json::from_str(&limit.out).expect("JSON"))
        });
        assert!(difference(&one, &other) < 1e-9, "{name}: {one:?} {other:?}");
    }
}

#[test]
fn a_rate_of_0_freezes_a_layer_in_every_parameterization() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    for kind in [
        "kind = \"mean_field\"",
        "kind = \"ntk\"",
        "kind = \"standard\"",
        "kind = \"scaling\", name = \"mf\"",
        "kind = \"abc\", a = [0, 1], b = [0, 0], c = -1",
    ] {
        for activation in ["tanh", "identity"] {
            let set = format!("parameterization={{ {kind}, weight_rates = [0, 1] }}");
            let activation = format!("network.activation={activation}");
            let quantities = "record.quantities=[\"weight_change\", \"train_loss\"]";
            let asked = ["solve", &path, "--width", "16", "--engine", "dense", "--json", "--set", &set];
            let found = answered(&[&asked[..], &["--set", &activation, "--set", quantities]].concat());
            let changes = numbers(&found[0]["records"][2]["weight_change"]);
            assert!(changes[0] == 0.0 && changes[1] > 1e-4, "{kind}: {changes:?}");
        }
    }
    for (set, part) in [
        ("parameterization={ kind = \"mean_field\", multipliers = [1, 0] }", "multipliers"),
        ("parameterization={ kind = \"standard\", weight_rates = [1, 1, 1] }", "it must have 2, one per weight matrix"),
        (
            "parameterization={ kind = \"abc\", a = [0, 1], b = [0, 0], c = -1, bias_c = 1 }",
            "there are no biases without `sigma_b`",
        ),
        ("parameterization={ kind = \"ntk\", bias_std = -1 }", "bias_std"),
    ] {
        let said = run(&["solve", &path, "--width", "16", "--set", set]);
        assert!(said.code == 2 && said.err.contains(part), "{set}: {}", said.err);
    }
    let deep = [
        "--set",
        "network.hidden_layers=2",
        "--set",
        "parameterization={ kind = \"scaling\", name = \"mf\", sigma_b = 0.1 }",
    ];
    let said = run(&[&["solve", &path, "--width", "16"], &deep[..]].concat());
    assert!(said.code == 2 && said.err.contains("use \"abc\" instead"), "{}", said.err);
}

const HINGE: [&str; 6] = [
    "--set",
    "loss.kind=hinge",
    "--set",
    "data.targets=[[1], [-1], [1]]",
    "--set",
    "parameterization={ kind = \"ntk\", sigma_w = 1.5, sigma_b = 0.2 }",
];

/// `f ← f − η Θ ∂R/∂f` with the kernel that `widenet kernel` prints and the gradient written out.
#[test]
fn the_hinge_loss_is_trained_by_steps_in_the_kernel_regime() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let steps =
        ["--set", "optimizer={ kind = \"gd\", learning_rate = 0.7, steps = 12 }", "--set", "record.at=[0, 1, 5, 12]"];
    let kernel = answered(&[&["kernel", &path, "--kind", "ntk", "--json"], &HINGE[4..]].concat());
    let kernel: Vec<Vec<f64>> = (0..3).map(|i| numbers(&kernel["ntk"]["train"][i])).collect();
    let targets = [1.0, -1.0, 1.0];
    let mut f = [0.0; 3];
    let mut wanted = vec![f];
    for _ in 0..12 {
        let gradient: Vec<f64> =
            f.iter().zip(&targets).map(|(f, y)| if y * f < 1.0 { -y / 3.0 } else { 0.0 }).collect();
        for (f, row) in f.iter_mut().zip(&kernel) {
            *f -= 0.7 * row.iter().zip(&gradient).map(|(k, g)| k * g).sum::<f64>();
        }
        wanted.push(f);
    }
    // Some margins have passed the kink, and some are before it.
    assert!(
        wanted[5].iter().zip(&targets).any(|(f, y)| y * f > 1.0)
            && wanted[1].iter().zip(&targets).any(|(f, y)| y * f < 1.0)
    );
    let zero = ["--json", "--set", "predict.initial=zero"];
    let found = answered(&[&["predict", &path], &HINGE[..], &steps, &zero].concat());
    for (prediction, step) in found["predictions"].as_array().expect("predictions").iter().zip([0, 1, 5, 12]) {
        assert!(difference(&numbers(&prediction["train"]["mean"]), &wanted[step]) < 1e-12, "{prediction}");
    }
    // Wide networks are near their limit; dense, and conditioned.
    let centered = ["--set", "network.centered=true", "--json", "--seed", "2"];
    for engine in ["dense", "conditioned"] {
        let at = ["--width", "2048", "--engine", engine];
        let found = outputs(&answered(&[&["solve", &path], &HINGE[..], &steps, &centered, &at].concat()));
        let limit = [wanted[0], wanted[1], wanted[5], wanted[12]].concat();
        assert!(difference(&found, &limit) < 0.15, "{engine}: {found:?} {limit:?}");
    }
}

#[test]
fn the_hinge_loss_is_refused_where_it_has_no_meaning() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let flow = ["--set", "optimizer={ kind = \"flow\", times = 2 }", "--set", "record.at=[0, 1]"];
    let relative =
        ["--set", "optimizer={ kind = \"gd\", relative_learning_rate = 0.5, steps = 3 }", "--set", "record.at=[0, 3]"];
    let cases: [(&[&str], &str); 5] = [
        (&[&["solve", &path, "--width", "inf"], &HINGE[..], &flow].concat(), "the gradient of the hinge loss jumps"),
        (&[&["predict", &path], &HINGE[..], &flow].concat(), "the gradient of the hinge loss jumps"),
        (
            &[&["solve", &path, "--width", "16"], &HINGE[..], &relative].concat(),
            "no learning rate is the largest stable one",
        ),
        (
            &[&["predict", &path], &HINGE[..], &["--set", "predict.at=[\"inf\"]"]].concat(),
            "t = infinity has no answer with the hinge loss",
        ),
        (&["solve", &path, "--width", "16", "--set", "loss.kind=hinge"], "is 0.5; the hinge loss needs −1 or +1"),
    ];
    for (arguments, part) in cases {
        let said = run(arguments);
        assert!(said.code == 2 && said.err.contains(part), "{arguments:?}: {}", said.err);
    }
    let two = ["--set", "data.targets=[[1, 1], [-1, 1], [1, -1]]", "--set", "loss.kind=hinge"];
    let said = run(&[&["solve", &path, "--width", "16"], &two[..]].concat());
    assert!(said.code == 2 && said.err.contains("the hinge loss needs one output"), "{}", said.err);
}
