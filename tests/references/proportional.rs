//! Random deep linear networks of proportional depth: `widenet prior` and `widenet posterior`.
//!
//! A case has `inputs`, `expected` and a `tolerance` `|found − expected| ≤ abs + rel |expected|`. Its inputs are one setting; or
//! several, as a list `cases` or as `finite` and `limit`, with what is expected of each; or networks with `N=L`.

use serde_json::{Map, Value, json};

use super::{
    case::{Place, ask, list, number},
    compare::flat,
};

/// Sentences of a case.
const DESCRIPTIONS: [&str; 5] = ["id", "quantity", "method", "note", "source"];

/// Fields of the inputs that say which network, which inputs, and where laws are asked.
const INPUTS: [&str; 38] = [
    "widths",
    "alpha",
    "bottlenecks",
    "gain",
    "g",
    "weight_variances",
    "v",
    "K0",
    "X",
    "N0",
    "X_test",
    "y",
    "Y",
    "D",
    "P",
    "tau2",
    "x",
    "p",
    "s",
    "m",
    "u",
    "k",
    "level",
    "levels",
    "ijkl",
    "rho",
    "h",
    "g_first_half",
    "g_off",
    "g_second_half",
    "chi2_diagonals",
    "normals_column_by_column_below_diagonal",
    "N=L",
    "input",
    "outputs",
    "method",
    "draws",
    "seed",
];

/// Checks one case; returns how many numbers were compared.
pub(crate) fn check(case: &Value, place: &Place) -> Result<usize, String> {
    let fields = case.as_object().ok_or("a case must be an object")?;
    for field in fields.keys() {
        if !DESCRIPTIONS.contains(&field.as_str()) && !["inputs", "expected", "tolerance"].contains(&field.as_str()) {
            return Err(format!("unknown kind of case: field `{field}`"));
        }
    }
    let tolerance = (number(&case["tolerance"], "rel")?, number(&case["tolerance"], "abs")?);
    let mut compared = 0;
    for setting in settings(&case["inputs"], &case["expected"])? {
        if let Some(unknown) = setting.inputs.keys().find(|key| !INPUTS.contains(&key.as_str())) {
            return Err(format!("unknown kind of case: input `{unknown}`"));
        }
        for (field, expected) in &setting.expected {
            let found = setting.found(field, expected, place)?;
            compared += close(field, &found, expected, tolerance)?;
        }
    }
    Ok(compared)
}

/// One network with what is expected of it.
struct Setting {
    inputs: Map<String, Value>,
    expected: Map<String, Value>,
}

fn object(value: &Value, what: &str) -> Result<Map<String, Value>, String> {
    value.as_object().cloned().ok_or_else(|| format!("`{what}` is missing or not an object"))
}

/// The settings of a case.
fn settings(inputs: &Value, expected: &Value) -> Result<Vec<Setting>, String> {
    let mut common = object(inputs, "inputs")?;
    let expected = object(expected, "expected")?;
    if let Some(cases) = common.remove("cases") {
        let cases = cases.as_array().ok_or("`cases` is not a list")?;
        let answers: Vec<Map<String, Value>> = match expected.get("cases") {
            Some(Value::Array(answers)) => {
                answers.iter().map(|answer| object(answer, "cases")).collect::<Result<_, _>>()?
            }
            _ => (0..cases.len())
                .map(|i| expected.iter().map(|(key, values)| (key.clone(), values[i].clone())).collect())
                .collect(),
        };
        if answers.len() != cases.len() {
            return Err(format!("{} answers for {} cases", answers.len(), cases.len()));
        }
        let merged = |(case, expected): (&Value, Map<String, Value>)| {
            let mut inputs = common.clone();
            inputs.extend(object(case, "cases")?);
            Ok(Setting { inputs, expected })
        };
        return cases.iter().zip(answers).map(merged).collect();
    }
    if let Some(Value::Array(sizes)) = common.remove("N=L") {
        let mut settings = Vec::new();
        for (i, size) in sizes.iter().enumerate() {
            let size = size.as_u64().ok_or("`N=L` must be whole numbers")?;
            let mut inputs = common.clone();
            inputs.remove("alpha");
            inputs.insert("widths".into(), json!(vec![size; size as usize]));
            let own = |(key, value): (&String, &Value)| Some((key.clone(), value.get(i)?.clone()));
            settings.push(Setting { inputs, expected: expected.iter().filter_map(own).collect() });
        }
        let constants = expected.into_iter().filter(|(_, value)| !value.is_array()).collect();
        settings.push(Setting { inputs: common, expected: constants });
        return Ok(settings);
    }
    let parts: Vec<(String, Value)> =
        ["finite", "limit"].iter().filter_map(|part| Some(((*part).to_owned(), common.remove(*part)?))).collect();
    if parts.is_empty() {
        return Ok(vec![Setting { inputs: common, expected }]);
    }
    parts
        .into_iter()
        .map(|(part, own)| {
            let mut inputs = common.clone();
            inputs.extend(object(&own, &part)?);
            let expected = expected.get(&part).ok_or_else(|| format!("nothing is expected of `{part}`"))?;
            Ok(Setting { inputs, expected: object(expected, &part)? })
        })
        .collect()
}

impl Setting {
    fn given(&self, key: &str) -> Option<&Value> {
        self.inputs.get(key)
    }

    fn needed(&self, key: &str) -> Result<Value, String> {
        self.given(key).cloned().ok_or_else(|| format!("input `{key}` is missing"))
    }

    /// The part of a question that says which network.
    fn network(&self) -> Result<Value, String> {
        let mut network = json!({});
        for (field, key) in [
            ("widths", "widths"),
            ("alpha", "alpha"),
            ("bottlenecks", "bottlenecks"),
            ("gain", "gain"),
            ("g", "gain"),
            ("weight_variances", "weight_variances"),
            ("D", "outputs"),
            ("outputs", "outputs"),
        ] {
            if let Some(value) = self.given(field) {
                network[key] = value.clone();
            }
        }
        // Both are a limit with bottlenecks.
        if !network["widths"].is_null() && !network["alpha"].is_null() {
            let widths = network.as_object_mut().and_then(|network| network.remove("widths"));
            network["bottlenecks"] = widths.unwrap_or_default();
        }
        if network["widths"].is_null() && network["alpha"].is_null() {
            network["alpha"] = json!(0.0);
        }
        Ok(network)
    }

    /// The answer of `widenet prior` to one section.
    fn prior(&self, section: &str, asked: Value, place: &Place) -> Result<Value, String> {
        let mut question = json!({ "network": self.network()?, section: asked });
        if let Some(kernel) = self.given("K0") {
            question["kernel"] = if kernel.is_number() { json!([[kernel]]) } else { kernel.clone() };
        } else if let Some(inputs) = self.given("X").filter(|inputs| inputs.is_array() && self.given("h").is_none()) {
            question["data"] = json!({ "kind": "inline", "inputs": inputs });
        } else if let Some(variance) = self.given("v") {
            question["kernel"] = json!([[variance]]);
        }
        if let Some(input) = self.given("input") {
            question[section]["input"] = input.clone();
        }
        let answer = ask(place, "prior", &question, &[])?;
        Ok(answer[section].clone())
    }

    /// The answer of `widenet posterior`.
    fn posterior(&self, asked: Value, place: &Place) -> Result<Value, String> {
        let targets = self.given("Y").or_else(|| self.given("y")).ok_or("input `y` or `Y` is missing")?;
        self.posterior_for(targets, asked, place)
    }

    fn posterior_for(&self, targets: &Value, asked: Value, place: &Place) -> Result<Value, String> {
        let columns = |rows: &Value| match rows[0].is_array() {
            true => rows.clone(),
            false => rows.as_array().map_or(Value::Null, |list| list.iter().map(|y| json!([y])).collect()),
        };
        let mut data = json!({ "kind": "inline", "inputs": self.needed("X")?, "targets": columns(targets) });
        if let Some(test) = self.given("X_test") {
            data["test_inputs"] = test.clone();
        }
        let mut section = asked;
        section["noise_variance"] = self.given("tau2").cloned().unwrap_or(json!(0.0));
        for key in ["method", "draws", "seed"] {
            if let Some(value) = self.given(key) {
                section[key] = value.clone();
            }
        }
        let question = json!({ "network": self.network()?, "data": data, "posterior": section });
        ask(place, "posterior", &question, &[])
    }

    /// What the program says of a field that is expected.
    fn found(&self, field: &str, expected: &Value, place: &Place) -> Result<Value, String> {
        type Found = Result<Value, String>;
        let at = |key: &str| -> Found {
            let value = self.needed(key)?;
            Ok(if value.is_array() { value } else { json!([value]) })
        };
        let prior =
            |section: &str, asked: Value, name: &str| -> Found { Ok(self.prior(section, asked, place)?[name].clone()) };
        let moments = |name: &str| prior("moments", json!({}), name);
        let distance = |name: &str| prior("distance", json!({}), name);
        let eigenvalues = |name: &str, asked: Value| prior("eigenvalues", asked, name);
        let is_posterior = self.given("X").is_some() && (self.given("y").is_some() || self.given("Y").is_some());
        let found = match field {
            "Eq^s" | "E_q^s" => {
                let powers = match expected.as_object() {
                    Some(map) => {
                        map.keys()
                            .map(|s| s.parse().map_err(|_| format!("power `{s}`")))
                            .collect::<Result<Vec<f64>, _>>()?
                    }
                    None => at("s")?.as_array().into_iter().flatten().filter_map(Value::as_f64).collect(),
                };
                let values = prior("moments", json!({ "scale": powers }), "scale")?;
                match expected.as_object() {
                    Some(map) => keyed(map, &values),
                    None => values,
                }
            }
            "kurtosis" => moments("kurtosis")?,
            "E_log_q" if !is_posterior => moments("mean_log_scale")?,
            "Var_log_f2" | "var_log_f2" => moments("variance_log_square")?,
            "E_P2_cosh_rho" => eigenvalues("mean_second_legendre", json!({}))?,
            "E_X2" => prior("moments", json!({ "factor": self.needed("m")? }), "factor")?,
            "pdf_at_zero" => prior("density", json!({ "at": [0.0] }), "density")?[0].clone(),
            "median_q" => json!(
                prior("quantiles", json!({ "of": "log_scale", "levels": [0.5] }), "values")?[0].as_f64().map(f64::exp)
            ),
            "Var_log_q" | "var_log_q" => moments("variance_log_scale")?,
            "pdf" if self.given("rho").is_none() => prior("density", json!({ "at": at("x")? }), "density")?,
            "log_pdf" => prior("density", json!({ "at": at("x")? }), "log_density")?,
            "pdf_log_q" | "density_log_q" => prior("density", json!({ "of": "log_scale", "at": at("u")? }), "density")?,
            "upper_tail" => prior("cdf", json!({ "at": at("x")? }), "upper")?,
            "log_upper_tail" => prior("cdf", json!({ "at": at("x")? }), "log_upper")?,
            "cdf" | "lower_tail" => prior("cdf", json!({ "at": at("x")? }), "lower")?,
            "upper_quantile" => prior("quantiles", json!({ "upper_levels": at("p")? }), "upper_values")?,
            "quantile" => prior("quantiles", json!({ "levels": at("p")? }), "values")?,
            "log_density" => {
                let asked = json!({ "of": "outputs", "at": [self.needed("y")?] });
                prior("density", asked, "log_density")?[0].clone()
            }
            "EKK" => prior("moments", json!({ "entries": self.needed("ijkl")? }), "kernel")?,
            "E_f0^2_f1^2_same_output" => {
                prior("moments", json!({ "entries": [[0, 0, 1, 1]] }), "same_output")?[0].clone()
            }
            "corr_of_squares_two_outputs_same_input" => moments("correlation_of_squares")?,
            "mean" | "var" if self.given("m").is_some() => {
                let name = if field == "mean" { "mean" } else { "variance" };
                prior("determinant", json!({ "size": self.needed("m")? }), name)?
            }
            "KS_f_finite_vs_limit" => distance("output_to_limit")?,
            "KS_logq_finite_vs_limit" => distance("log_scale_to_limit")?,
            "KS_f_limit_vs_NNGP" => distance("limit_output_to_nngp")?,
            "KS_f_finite_vs_NNGP" => distance("output_to_nngp")?,
            "C_f" => distance("output_constant")?,
            "C_q" => distance("log_scale_constant")?,
            "density" | "pdf" => eigenvalues("density", json!({ "at": at("rho")? }))?,
            "E_corr_squared" => eigenvalues("mean_squared_correlation", json!({}))?,
            "E_cosh_rho" => eigenvalues("mean_cosh", json!({}))?,
            "E_tr_Q2" => eigenvalues("mean_trace_of_square", json!({}))?,
            "T" | "K_L" | "rank" => {
                let asked = json!({
                    "chi_squares": self.needed("chi2_diagonals")?,
                    "normals": self.needed("normals_column_by_column_below_diagonal")?,
                });
                let name = if field == "T" {
                    "factors"
                } else if field == "K_L" {
                    "kernel"
                } else {
                    "rank"
                };
                prior("factors", asked, name)?
            }
            "forward" | "reverse" => {
                let asked = json!({
                    "start": self.needed("X")?,
                    "step": self.needed("h")?,
                    "first_half": self.needed("g_first_half")?,
                    "off_diagonal": self.needed("g_off")?,
                    "second_half": self.needed("g_second_half")?,
                });
                prior("splitting_step", asked, field)?
            }
            "log_evidence" | "E_Q" | "E_q" | "E_log_q" => self.posterior(json!({}), place)?[field].clone(),
            "mean" | "var" => {
                let answer = self.posterior(json!({}), place)?;
                let name = if field == "mean" { "mean" } else { "variance" };
                // One output is a list of test points.
                if expected[0].is_array() { answer[name].clone() } else { columns_of(&answer[name]) }
            }
            "quantiles" => {
                let levels = object(expected, "quantiles")?;
                let at: Vec<f64> = levels
                    .keys()
                    .map(|level| level.parse().map_err(|_| format!("level `{level}`")))
                    .collect::<Result<_, _>>()?;
                let answer = self.posterior(json!({ "quantiles": at }), place)?;
                let values: Value =
                    answer["quantiles"]["values"].as_array().ok_or("no quantiles")?.iter().map(columns_of).collect();
                keyed(&levels, &values)
            }
            "cdf_at_zero" => columns_of(&self.posterior(json!({ "cdf": [0.0] }), place)?["cdf"]["values"][0]),
            "D1" => self.posterior_for(&self.needed("y")?, json!({ "slope": true }), place)?["slope"].clone(),
            "D2" => self.posterior_for(&self.needed("Y")?, json!({ "slope": true }), place)?["slope"].clone(),
            unknown => return Err(format!("unknown kind of case: nothing computes `{unknown}`")),
        };
        Ok(if found.is_array() && expected.is_number() { found[0].clone() } else { found })
    }
}

/// Values in the order of the keys, under their keys.
fn keyed(keys: &Map<String, Value>, values: &Value) -> Value {
    keys.keys().enumerate().map(|(i, key)| (key.clone(), values[i].clone())).collect::<Map<_, _>>().into()
}

/// The first column of a list of rows.
fn columns_of(rows: &Value) -> Value {
    rows.as_array().into_iter().flatten().map(|row| if row.is_array() { row[0].clone() } else { row.clone() }).collect()
}

/// Compares numbers, lists or named numbers.
fn close(what: &str, found: &Value, expected: &Value, (rel, abs): (f64, f64)) -> Result<usize, String> {
    if let Value::Object(named) = expected {
        return named.iter().try_fold(0, |compared, (key, expected)| {
            Ok(compared + close(&format!("{what} {key}"), &found[key], expected, (rel, abs))?)
        });
    }
    if what == "T" {
        // Factors of different shapes.
        let pairs =
            list(&json!({ "T": expected }), "T")?.iter().enumerate().map(|(i, t)| (i, t.clone())).collect::<Vec<_>>();
        return pairs.iter().try_fold(0, |compared, (i, expected)| {
            Ok(compared + close(&format!("factor {i}"), &found[i], expected, (rel, abs))?)
        });
    }
    let (found_shape, found) = flat(found).map_err(|error| format!("{what}: {error}"))?;
    let (shape, expected) = flat(expected).map_err(|error| format!("{what}, expected: {error}"))?;
    if found_shape != shape {
        return Err(format!("{what}: shape {found_shape:?}, expected {shape:?}"));
    }
    for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let (error, allowed) = ((found - expected).abs(), abs + rel * expected.abs());
        // Also false for NaN.
        if error <= allowed {
            continue;
        }
        return Err(format!("{what}, entry {index}: {found} against {expected}: error {error:e} > {allowed:e}"));
    }
    Ok(expected.len())
}
