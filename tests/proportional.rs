//! Sampled networks, samples of the exact law and exact distribution functions agree, through the built program.
//!
//! 4,000 draws: a distribution function that is off by 0.04 somewhere is refused at p < 1e-4 (√n · 0.04 = 2.5). At α = 1 the NNGP
//! is off by 0.108 and must be refused; the limit is off by 0.003 and cannot be. False alarms at p < 1e-3; seeds are fixed.

use crate::common::{json, numbers, run, write};
use serde_json::Value;

fn answer(spec: &str, command: &str) -> Value {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write(folder.path(), "spec.toml", spec);
    json(&[command, &path, "--json", "--device", "cpu", "--precision", "f64"][..if command == "prior" { 7 } else { 3 }])
}

fn agreement(network: &str, by: &str) -> Value {
    let spec = format!("[network]\n{network}\n[agreement]\ndraws = 4000\nseed = 5\nby = \"{by}\"");
    answer(&spec, "prior")["agreement"].clone()
}

fn p_value(agreement: &Value, law: &str) -> f64 {
    agreement[law]["p_value"].as_f64().expect("a p-value")
}

#[test]
fn draws_follow_the_exact_law_and_not_the_nngp() {
    for by in ["law", "network"] {
        for network in ["width = 12\nhidden_layers = 12", "widths = [3, 40, 2]"] {
            let found = agreement(network, by);
            assert!(p_value(&found, "law") > 1e-3, "{by}, {network}: {}", found["law"]["distance"]);
            assert!(p_value(&found, "nngp") < 1e-4, "{by}, {network}: {}", found["nngp"]["distance"]);
        }
    }
}

/// Draws of the limit follow its law. Four layers of width 1 follow their own and are refused by the limit of their α = 4: the laws are
/// 0.062 apart at one place, where 4,000 draws are off by 0.008 (one standard deviation), so that p < 1e-4 fails by chance at three.
#[test]
fn the_limit_is_a_law_of_its_own() {
    let limit = agreement("alpha = 1.0", "law");
    assert!(p_value(&limit, "law") > 1e-3, "{}", limit["law"]["distance"]);
    let narrow = agreement("widths = [1, 1, 1, 1]", "network");
    assert!(p_value(&narrow, "law") > 1e-3, "{}", narrow["law"]["distance"]);
    assert!(p_value(&narrow, "limit") < 1e-4, "{}", narrow["limit"]["distance"]);
}

/// Second moments of feature kernels of real networks are (4.1); those of independent outputs are not.
#[test]
fn kernels_of_networks_have_the_exact_second_moments() {
    let spec = r#"
kernel = [[1.0, 0.3], [0.3, 0.8]]
[network]
widths = [9, 6, 7]
outputs = 2
[moments]
entries = [[0, 0, 0, 0], [0, 0, 1, 1], [0, 1, 0, 1]]
[sample]
of = "kernel"
by = "network"
draws = 40000
"#;
    let answer = answer(spec, "prior");
    let draws = answer["sample"]["values"].as_array().expect("draws");
    for (position, [i, j, k, l]) in [[0, 0, 0, 0], [0, 0, 1, 1], [0, 1, 0, 1]].into_iter().enumerate() {
        let product = |draw: &Value| draw[i][j].as_f64().expect("an entry") * draw[k][l].as_f64().expect("an entry");
        let count = draws.len() as f64;
        let mean = draws.iter().map(product).sum::<f64>() / count;
        let variance = draws.iter().map(|draw| (product(draw) - mean).powi(2)).sum::<f64>() / count;
        let error = (variance / count).sqrt();
        let expected = answer["moments"]["kernel"][position].as_f64().expect("a moment");
        assert!((mean - expected).abs() < 4.5 * error, "entry {position}: {mean} ± {error} against {expected}");
        // Wide networks would have the kernel itself: K0_ij K0_kl.
        let kernel = [[1.0, 0.3], [0.3, 0.8]];
        assert!((mean - kernel[i][j] * kernel[k][l]).abs() > 8.0 * error, "entry {position}: no power");
    }
}

/// Correlations and eigenvalues of networks with all their weights are those of the law; those of the limit, 0.4/8 = 0.05 away in
/// squared correlation, are refused at eight standard errors.
#[test]
fn the_geometry_of_networks_is_that_of_the_law() {
    let geometry = |network: &str, by: &str, draws: u64| {
        let kernel = "kernel = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]";
        let spec = format!("{kernel}\n[network]\n{network}\n[geometry]\ndraws = {draws}\nseed = 3\nby = \"{by}\"");
        answer(&spec, "prior")["geometry"].clone()
    };
    let network = "width = 8\ndepth_ratio = 1.0";
    let (networks, law) = (geometry(network, "network", 10_000), geometry(network, "law", 100_000));
    let limit = geometry("width = \"inf\"\ndepth_ratio = 1.0", "law", 100_000);
    let deviations = |one: &Value, other: &Value, name: &str, i: Option<usize>| {
        let number = |answer: &Value, name: &str| match i {
            Some(i) => answer[name][i].as_f64(),
            None => answer[name].as_f64(),
        };
        let of = |answer: &Value, name: &str| number(answer, name).expect("a number");
        let error = format!("{name}_error");
        (of(one, name) - of(other, name)).abs() / of(one, &error).hypot(of(other, &error))
    };
    for (name, i) in [
        ("mean_squared_correlation", None),
        ("effective_rank", None),
        ("eigenvalue_shares", Some(0)),
        ("eigenvalue_shares", Some(2)),
    ] {
        let found = deviations(&networks, &law, name, i);
        assert!(found < 4.5, "{name}: {found} standard errors from the law");
    }
    let found = deviations(&networks, &limit, "mean_squared_correlation", None);
    assert!(found > 8.0, "{found} standard errors from the limit: no power");
    assert!(networks.get("log_eigenvalues").is_none(), "those that networks compute are rounding");
    assert!(law.get("log_eigenvalue_slopes").is_none() && limit.get("log_eigenvalue_slopes").is_some());
}

/// At zero noise the mean does not know the depth, and the variance is that of the NNGP times E[q | y]; with noise the mean moves.
#[test]
fn depth_acts_through_uncertainty() {
    let posterior = |alpha: f64, noise: f64| {
        let data = "kind = \"inline\"\ninputs = [[1.0, 0.5, 0.1], [-0.5, 1.0, 0.3]]\ntargets = [[2.0], [-1.5]]\n\
                    test_inputs = [[0.2, 0.2, 1.0]]";
        let spec = format!("[network]\nalpha = {alpha}\n[data]\n{data}\n[posterior]\nnoise_variance = {noise}");
        answer(&spec, "posterior")
    };
    let number = |answer: &Value, key: &str| answer[key][0][0].as_f64().expect("a number");
    let (nngp, deep) = (posterior(0.0, 0.0), posterior(0.8, 0.0));
    assert!((number(&nngp, "mean") - number(&deep, "mean")).abs() < 1e-9);
    let scale = deep["E_q"].as_f64().expect("a number");
    assert!((number(&deep, "variance") / number(&nngp, "variance") / scale - 1.0).abs() < 1e-8);
    let (nngp, deep) = (posterior(0.0, 0.5), posterior(0.8, 0.5));
    assert!((number(&nngp, "mean") - number(&deep, "mean")).abs() > 1e-3);
}

/// Importance sampling that the data defeat is said to be unreliable, in the answer and beside it.
#[test]
fn what_sampling_cannot_support_is_said() {
    let spec = r#"
[network]
widths = [9, 9, 9, 9]
[data]
kind = "inline"
inputs = [[1.0, 0.2, -0.5, 0.3], [0.3, -1.1, 0.8, 0.1], [-0.7, 0.4, 1.2, 0.2], [0.9, 0.9, 0.1, 0.8]]
targets = [[9.0, 8.9, 0.1], [-9.0, -9.1, 0.2], [9.0, 9.2, 0.0], [9.0, 8.8, -0.1]]
[posterior]
noise_variance = 1e-4
method = "importance"
draws = 300
"#;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write(folder.path(), "spec.toml", spec);
    let said = run(&["posterior", &path, "--json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let answer: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(answer["diagnostics"]["reliable"], false, "{}", answer["diagnostics"]);
    assert!(said.err.contains("UNRELIABLE"), "{}", said.err);
}

/// 24 × 48: P(f > 2e-5) was 0 and the density 7.8e155, so that draws of the exact law refuted it and distances were ½.
#[test]
fn lower_tails_of_deep_networks() {
    let spec = "[network]\nwidth = 24\nhidden_layers = 48\n[density]\nat = [2e-5]\n[cdf]\nat = [2e-5]\n[distance]\n\
                [quantiles]\nof = \"log_squared_norm\"\nlevels = [1e-4]";
    let found = answer(spec, "prior");
    let near = |value: &Value, expected: f64| {
        let value = value.as_f64().expect("a number");
        assert!((value / expected - 1.0).abs() < 1e-4, "{value} against {expected}");
    };
    near(&found["density"]["density"][0], 1.8665041);
    near(&found["cdf"]["upper"][0], 0.49996267);
    near(&found["quantiles"]["values"][0], -21.05511);
    assert!((found["distance"]["output_to_limit"].as_f64().expect("a number") - 0.002585).abs() < 1e-5);
    // Large moments are finite and named, infinite ones infinite.
    let moments = answer("[network]\nwidths = [1, 3]\n[moments]\nscale = [1.0, 400.0, -0.5]", "prior");
    assert_eq!(moments["moments"]["scale"], serde_json::json!([1.0, "overflow", "inf"]));
    assert_eq!(answer("[network]\nalpha = 400.0\n[moments]", "prior")["moments"]["kurtosis"], "overflow");
}

/// `inputs = []`, and a kernel of test inputs alone: the posterior is the prior, its log evidence 0.
#[test]
fn without_data_a_posterior_is_the_prior() {
    let network = "[network]\nalpha = 2.0\n";
    let prior = answer(&format!("kernel = [[0.9]]\n{network}[cdf]\nat = [-0.7, 0.4]"), "prior");
    let expected = numbers(&prior["cdf"]["lower"]);
    let asked = "[posterior]\nnoise_variance = 0.3\ncdf = [-0.7, 0.4]\n";
    let data = "[data]\nkind = \"inline\"\ninputs = []\ntargets = []\ntest_inputs = [[0.3, 1.307669683062202]]";
    for spec in [format!("{network}{asked}{data}"), format!("kernel = [[0.9]]\n{network}{asked}targets = []")] {
        let found = answer(&spec, "posterior");
        assert_eq!(found["log_evidence"], 0.0);
        for (values, expected) in found["cdf"]["values"].as_array().expect("points").iter().zip(&expected) {
            let value = values[0][0].as_f64().expect("a number");
            assert!((value - expected).abs() < 1e-9, "{value} against {expected}");
        }
    }
}

/// Every prediction of these was NaN and reliable.
#[test]
fn posteriors_of_deep_limits_with_bottlenecks_are_numbers() {
    for alpha in [40, 50] {
        let spec = format!(
            "[network]\nalpha = {alpha}.0\nbottlenecks = [2, 3]\noutputs = 3\n[data]\nkind = \"inline\"\ninputs = [[1.0, 0.0]]\n\
             targets = [[1.0, 0.5, 0.2]]\ntest_inputs = [[0.0, 1.0]]\n[posterior]\nnoise_variance = 1.0\nmethod = \"importance\"\n\
             draws = 1000"
        );
        let found = answer(&spec, "posterior");
        assert!(
            numbers(&found["mean"][0]).iter().chain(&numbers(&found["variance"][0])).all(|number| number.is_finite())
        );
    }
}
