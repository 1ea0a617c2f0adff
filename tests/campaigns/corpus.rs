//! Files that are right, small and different from each other: what campaigns mutate.

/// Problems.
pub(super) const PROBLEMS: [&str; 4] = [
    r#"[network]
hidden_layers = 2
[parameterization]
kind = "mean_field"
richness = 0.5
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]]
targets = [[1.0], [-1.0], [0.5]]
test_inputs = [[0.2, 0.1]]
test_targets = [[0.3]]
standardize = "feature"
[optimizer]
kind = "momentum"
learning_rate = 0.1
momentum = 0.5
weight_decay = 0.01
steps = 4
[record]
at = [0, 1, 4]
quantities = ["train_loss", "test_loss", "predictor", "tangent_kernel_change"]
"#,
    r#"[network]
hidden_layers = 1
activation = { kind = "leaky_relu", negative_slope = 0.1 }
[parameterization]
kind = "scaling"
name = "mf"
reference_width = 8
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8], [0.1, 0.1]]
targets = [[1], [-1], [1], [-1]]
train_samples = 3
test_samples = 1
normalize = "unit"
[loss]
kind = "logistic"
[optimizer]
kind = "sgd"
batch_size = 2
learning_rate = 0.2
steps = 5
[record]
at = { every = 2 }
quantities = ["train_loss", "test_accuracy", "tangent_kernel"]
"#,
    r#"[network]
hidden_layers = 2
activation = "tanh"
[parameterization]
kind = "ntk"
sigma_w = [1.4, 1.4, 1.0]
sigma_b = 0.1
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]]
targets = [[1.0, 0.0], [-1.0, 2.0], [0.5, 0.1]]
test_segment = { from = 0, to = 2, points = 3 }
[optimizer]
kind = "flow"
times = [0, 0.5, 1.5]
[record]
quantities = ["train_loss", "outputs", "nngp_kernel"]
[ensemble]
networks = 8
"#,
    r#"{
  "network": { "hidden_layers": 3, "activation": "erf" },
  "parameterization": { "kind": "standard", "sigma_w": 1.2, "sigma_b": 0.1 },
  "data": { "kind": "inline", "inputs": [[1, 0.5], [-0.5, 1]], "targets": [[1], [-1]] },
  "optimizer": { "kind": "gd", "learning_rate": 0.01, "steps": 3 },
  "record": { "at": { "log_spaced": 3 }, "quantities": ["train_loss", "weight_change"] }
}
"#,
];

/// Studies: of a problem, and of a question.
pub(super) const STUDIES: [&str; 2] = [
    r#"[study]
name = "small"
claim = "finite networks converge"
expected = "rate -1/2"
engine = "law"
[problem.network]
hidden_layers = 2
[problem.parameterization]
kind = "mean_field"
[problem.data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]]
targets = [[1.0], [-1.0], [0.5]]
[problem.optimizer]
kind = "gd"
learning_rate = 0.1
steps = 4
[problem.record]
at = [0, 1, 4]
[axes]
width = [1000, 100000, "inf"]
seed = { count = 2 }
parameterization.richness = [0.5, 1.0]
[full]
axes.width = [1000, 1e6, "inf"]
[[metric]]
name = "distance"
quantity = "predictor"
against = "limit"
over = "sup"
[[check]]
name = "rate"
kind = "power_law"
metric = "distance"
x = "width"
exponent = -0.5
tolerance = 0.2
only = { parameterization.richness = [1.0] }
[[figure]]
name = "rate"
kind = "scaling"
metric = "distance"
"#,
    r#"[study]
name = "prior"
claim = "outputs are heavy-tailed"
expected = "kurtosis above 3"
[prior]
kernel = [[1.0, 0.3], [0.3, 0.8]]
[prior.network]
hidden_layers = 4
[prior.moments]
scale = [1, 2]
[axes]
width = [8, 16, "inf"]
[[metric]]
name = "kurtosis"
value = "moments.kurtosis"
[[check]]
name = "heavy"
kind = "above"
metric = "kurtosis"
value = 3.0
"#,
];

pub(super) const PRIORS: [&str; 2] = [
    r#"kernel = [[1.0, 0.3], [0.3, 0.8]]
[network]
width = 8
depth_ratio = 1.0
outputs = 2
[density]
at = [0.0, 0.5, 2.0]
[quantiles]
upper_levels = [0.1, 0.01]
[moments]
scale = [0.5, 2.0]
entries = [[0, 0, 1, 1]]
[distance]
"#,
    r#"{ "network": { "width": "inf", "hidden_layers": 3, "gain": 0.5 }, "density": { "at": [0.5, 1] } }
"#,
];

pub(super) const POSTERIORS: [&str; 2] = [
    r#"kernel = [[1, 0.2], [0.2, 1]]
[network]
width = "inf"
depth_ratio = 0.5
gain = 1.0
[posterior]
noise_variance = 0.1
targets = [[1], [-1]]
slope = true
evidence = { alpha = [0.0, 0.5] }
"#,
    r#"[network]
width = 16
depth_ratio = 0.25
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0]]
targets = [[1.0], [-1.0]]
test_inputs = [[0.2, 0.1]]
[posterior]
noise_variance = 0.5
"#,
];

/// Problems without an optimizer, for kernels.
pub(super) const KERNELS: [&str; 1] = [r#"[network]
hidden_layers = 2
activation = "relu"
[parameterization]
kind = "ntk"
sigma_w = 1.4
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]]
test_inputs = [[0.2, 0.1]]
[kernel]
kind = "both"
between = "all"
spectrum = true
"#];

pub(super) const PREDICTIONS: [&str; 1] = [r#"[network]
hidden_layers = 2
activation = "relu"
[parameterization]
kind = "ntk"
sigma_w = 1.4
sigma_b = 0.1
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]]
targets = [[1.0], [-1.0], [0.5]]
test_inputs = [[0.2, 0.1]]
[optimizer]
kind = "gd"
relative_learning_rate = 0.5
steps = 10
[predict]
at = [0, 10, "inf"]
"#];

pub(super) const SCALINGS: [&str; 2] = [
    "loss = \"squared\"\nq_sigma = -0.5\nq_a = 0\nq_w = 0.5\n",
    "loss = \"logistic\"\na = [0, 0.5]\nb = [0.5, 0]\nc = 0\n",
];

/// The problem of a data section.
pub(super) fn problem_of(section: &str) -> String {
    format!(
        "[network]\nhidden_layers = 1\n[parameterization]\nkind = \"mean_field\"\n[data]\n{section}\n[optimizer]\nkind = \"gd\"\n\
         learning_rate = 0.1\nsteps = 2\n"
    )
}

/// A section `[data]` with its files.
pub(super) struct DataFiles {
    pub(super) section: &'static str,
    pub(super) files: Vec<(&'static str, Vec<u8>)>,
}

/// Files of samples.
pub(super) fn data_files() -> Vec<DataFiles> {
    let csv = b"a, b ,\"c,d\",y\n1,2,3,10\n4,5.5,-6e-3,20\n7,8,9,30\n".to_vec();
    let bare = b"1,2\n3,4\n5,6\n".to_vec();
    let npy = |kind: &str, order: &str, shape: &str, bytes: Vec<u8>| {
        let header = format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes(), &bytes].concat()
    };
    let inputs = npy("<f8", "False", "(3, 2)", [1.0f64, 2.0, -3.0, 0.5, 0.1, 7.0].map(f64::to_le_bytes).concat());
    let targets = npy("<i4", "True", "(3,)", [1i32, -1, 1].map(i32::to_le_bytes).concat());
    let idx_images = [vec![0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 2], (0..16).collect()].concat();
    let idx_labels = vec![0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 1, 0];
    let cifar: Vec<u8> = (0..3u8).flat_map(|label| [vec![label % 2], vec![label * 40; 3072]].concat()).collect();
    let csv_keys = "kind = \"csv\"\ntrain = \"t.csv\"\ninputs = [\"a\", \"c,d\"]\ntargets = [\"y\"]";
    let bare_keys = "kind = \"csv\"\ntrain = \"b.csv\"\ninputs = 1\ntargets = [1]\nheader = false\ntrain_samples = 2\ntest_samples = 1";
    let of = |section, files| DataFiles { section, files };
    vec![
        of(csv_keys, vec![("t.csv", csv)]),
        of(bare_keys, vec![("b.csv", bare)]),
        of("kind = \"npy\"\ninputs = \"x.npy\"\ntargets = \"y.npy\"", vec![("x.npy", inputs), ("y.npy", targets)]),
        of(
            "kind = \"idx\"\nimages = \"i.idx\"\nlabels = \"l.idx\"",
            vec![("i.idx", idx_images), ("l.idx", idx_labels)],
        ),
        of("kind = \"cifar\"\ntrain = [\"c.bin\"]", vec![("c.bin", cifar)]),
        of(
            "kind = \"parquet\"\ntrain = \"t.parquet\"\ninputs = [\"x\", \"half\", \"flag\"]\ntargets = [\"species\"]\nclasses = \"all\"",
            vec![(
                "t.parquet",
                include_bytes!("../../crates/core/tests/all/data_sources/tables/snappy.parquet").to_vec(),
            )],
        ),
    ]
}
