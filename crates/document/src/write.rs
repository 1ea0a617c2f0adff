//! Writes the tree as TOML text: equal trees give equal text, and reading the text gives the tree back.

use crate::{
    excerpt::excerpt,
    node::{Entry, Node, Value},
};

impl Node {
    /// Writes a table as TOML text: keys sorted, nested tables as `[a.b]`, floats in the shortest form that reads back the
    /// same. Any other value gives its inline form.
    pub fn to_toml(&self) -> String {
        let Value::Table(entries) = &self.value else {
            return self.inline();
        };
        let mut text = String::new();
        write_table(&mut text, "", entries);
        text
    }

    /// Returns the value on one line, shortened, for errors.
    pub fn excerpt(&self) -> String {
        match &self.value {
            Value::Numbers(numbers) => format!("an array of {} × {} numbers", numbers.shape().0, numbers.shape().1),
            value => excerpt(&value.inline()).into_owned(),
        }
    }

    fn inline(&self) -> String {
        self.value.inline()
    }
}

impl Value {
    fn inline(&self) -> String {
        match self {
            Value::Boolean(boolean) => boolean.to_string(),
            Value::Integer(integer) => integer.to_string(),
            Value::Float(float) if float.is_nan() => "nan".into(),
            Value::Float(float) => format!("{float:?}"),
            Value::String(string) => toml_edit::Value::from(string.as_str()).to_string(),
            Value::Array(nodes) => format!("[{}]", nodes.iter().map(Node::inline).collect::<Vec<_>>().join(", ")),
            Value::Numbers(numbers) => {
                let row = |row: &[f64]| {
                    let numbers: Vec<_> = row.iter().map(|number| Value::Float(*number).inline()).collect();
                    format!("[{}]", numbers.join(", "))
                };
                format!("[{}]", numbers.rows().map(row).collect::<Vec<_>>().join(", "))
            }
            Value::Table(entries) if entries.is_empty() => "{}".into(),
            Value::Table(entries) => {
                let pairs = sorted(entries).into_iter().map(assignment).collect::<Vec<_>>();
                format!("{{ {} }}", pairs.join(", "))
            }
        }
    }
}

fn sorted(entries: &[Entry]) -> Vec<&Entry> {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    sorted
}

fn key(key: &str) -> String {
    toml_edit::Key::new(key).to_string()
}

fn assignment(entry: &Entry) -> String {
    format!("{} = {}", key(&entry.key), entry.node.inline())
}

fn write_table(text: &mut String, path: &str, entries: &[Entry]) {
    let (tables, values): (Vec<_>, Vec<_>) =
        sorted(entries).into_iter().partition(|entry| matches!(entry.node.value, Value::Table(_)));
    // A table that only holds tables needs no header of its own.
    if !path.is_empty() && (!values.is_empty() || tables.is_empty()) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("[{path}]\n"));
    }
    for entry in values {
        text.push_str(&assignment(entry));
        text.push('\n');
    }
    for entry in tables {
        let name = key(&entry.key);
        let path = if path.is_empty() { name } else { format!("{path}.{name}") };
        write_table(text, &path, entry.node.entries());
    }
}
