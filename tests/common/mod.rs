//! Running the built program.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `widenet …`, from the root of the repository.
pub(crate) fn widenet(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_widenet"));
    // What machines remember of earlier runs is not for tests.
    command.args(arguments).current_dir(root()).env("XDG_STATE_HOME", "").env("HOME", "");
    command
}

/// What a run of the program said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs to the end.
pub(crate) fn run(arguments: &[&str]) -> Said {
    said(widenet(arguments).output().expect("the program starts"))
}

/// What an output says.
pub(crate) fn said(output: Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program prints UTF-8");
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs a command that must succeed and returns its JSON.
pub(crate) fn json(arguments: &[&str]) -> serde_json::Value {
    let said = run(arguments);
    assert_eq!(said.code, 0, "{arguments:?}: {}", said.err);
    serde_json::from_str(&said.out).expect("the program prints JSON")
}

/// A small problem on inline data.
pub(crate) const PROBLEM: &str = r#"
[network]
hidden_layers = 2
[parameterization]
kind = "mean_field"
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]]
targets = [[1.0], [-1.0], [0.5]]
[optimizer]
kind = "gd"
learning_rate = 0.1
steps = 10
[record]
at = [0, 1, 5, 10]
"#;

/// All numbers of an answer, in writing order.
pub(crate) fn numbers(value: &serde_json::Value) -> Vec<f64> {
    match value {
        serde_json::Value::Array(values) => values.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))],
    }
}

/// Writes a file into a folder and returns its path as text.
pub(crate) fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("the folder is writable");
    path.to_str().expect("the path is UTF-8").to_string()
}
