//! What the kinds of cases share: fields, problem files, runs of the program.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::common;

/// Where cases come from and where their problem files go.
pub(crate) struct Place {
    /// The directory with the reference files.
    pub(crate) directory: PathBuf,
    /// A temporary folder.
    pub(crate) folder: PathBuf,
}

/// Fields that describe a case and are not checked.
const DESCRIPTIONS: [&str; 5] = ["name", "kind", "note", "source", "optional"];

/// Refuses fields that no check knows.
pub(crate) fn only(case: &Value, known: &[&str]) -> Result<(), String> {
    let fields = case.as_object().ok_or("a case must be an object")?;
    match fields.keys().map(String::as_str).find(|key| !known.contains(key) && !DESCRIPTIONS.contains(key)) {
        Some(unknown) => Err(format!("unknown kind of case: field `{unknown}`")),
        None => Ok(()),
    }
}

/// A number that must be there.
pub(crate) fn number(value: &Value, key: &str) -> Result<f64, String> {
    value[key].as_f64().ok_or_else(|| format!("`{key}` is missing or not a number"))
}

/// A list that must be there.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    value[key].as_array().ok_or_else(|| format!("`{key}` is missing or not a list"))
}

/// A problem file that says which network the case's `net` is, in NTK parameterisation.
pub(crate) fn network(net: &Value) -> Result<Value, String> {
    only(net, &["hidden_layers", "activation", "layers"])?;
    let layers = list(net, "layers")?;
    if net["hidden_layers"].as_u64() != Some(layers.len() as u64 - 1) {
        return Err(format!("{} layers for {} hidden ones", layers.len(), net["hidden_layers"]));
    }
    for layer in layers {
        only(layer, &["sigma_w", "sigma_b", "c_W", "c_b"])?;
    }
    let of_layers = |key: &str, default: f64| -> Vec<f64> {
        layers.iter().map(|layer| layer[key].as_f64().unwrap_or(default)).collect()
    };
    let mut activation = net["activation"].clone();
    if let Some(fields) = activation.as_object_mut() {
        let name = fields.remove("name").ok_or("an activation without name")?;
        fields.insert("kind".into(), name);
    }
    Ok(json!({
        "network": { "hidden_layers": net["hidden_layers"], "activation": activation },
        "parameterization": {
            "kind": "ntk",
            "sigma_w": of_layers("sigma_w", f64::NAN),
            "sigma_b": of_layers("sigma_b", 0.0),
            "weight_rates": of_layers("c_W", 1.0),
            "bias_rates": of_layers("c_b", 1.0),
        },
    }))
}

/// The loss of the case, by the names of the reference file: its squared loss is the mean over outputs.
pub(crate) fn loss(name: &Value) -> Result<Value, String> {
    match name.as_str() {
        Some("mse") => Ok(json!({ "kind": "squared", "over_outputs": "mean" })),
        Some("cross_entropy") => Ok(json!({ "kind": "cross_entropy" })),
        _ => Err(format!("unknown loss {name}")),
    }
}

/// Runs a command on a problem file and returns its JSON.
pub(crate) fn ask(place: &Place, command: &str, problem: &Value, options: &[&str]) -> Result<Value, String> {
    let path = common::write(&place.folder, "problem.json", &problem.to_string());
    let said = common::run(&[&[command, &path, "--json"], options].concat());
    if said.code != 0 {
        return Err(format!("widenet {command}: exit code {}: {}", said.code, said.err.trim()));
    }
    serde_json::from_str(&said.out).map_err(|error| format!("widenet {command}: {error}"))
}

/// Moments in steps, as numbers or the word `inf`, of the entries of a table; times are `unit` per step.
pub(crate) fn moments(entries: &[Value], unit: f64) -> Result<Vec<Value>, String> {
    let moment = |entry: &Value| {
        let t = if entry["step"].is_null() { &entry["t"] } else { &entry["step"] };
        match t.as_f64() {
            Some(t) => Ok(json!(t * unit)),
            None if t == "inf" => Ok(t.clone()),
            None => Err(format!("`t` is {t}; it must be a number or \"inf\"")),
        }
    };
    entries.iter().map(moment).collect()
}

/// Entries of a table with what the program says of each; as many of both.
pub(crate) fn paired<'a, T>(entries: &'a [Value], found: &'a [T]) -> Result<Vec<(&'a Value, &'a T)>, String> {
    match entries.len() == found.len() {
        true => Ok(entries.iter().zip(found).collect()),
        false => Err(format!("{} answers for {} entries", found.len(), entries.len())),
    }
}

/// A horizon that holds all moments.
pub(crate) fn horizon(moments: &[Value]) -> f64 {
    moments.iter().filter_map(Value::as_f64).fold(1.0, f64::max).ceil()
}
