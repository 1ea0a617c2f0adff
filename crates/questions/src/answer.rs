//! An answer is one tree of named values, written as JSON or as tidy CSV rows `quantity,index,value`.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use serde::Serialize;
use serde_json::{Map, Value, json};
use widenet_core::{Matrix, trajectory::Number};
use widenet_output::{Format, OutputFile, Rows};

use crate::error::{QuestionResult, invalid};

/// Named values; nested names are joined by dots.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct AnswerTree(pub(crate) Map<String, Value>);

/// A number; infinities are words.
pub(crate) fn number(value: f64) -> Value {
    json!(Number(value))
}

/// A list of numbers.
pub(crate) fn numbers(values: impl IntoIterator<Item = f64>) -> Value {
    Value::Array(values.into_iter().map(number).collect())
}

/// A list of rows.
pub(crate) fn matrix(matrix: &Matrix) -> Value {
    json!(Rows(matrix))
}

impl AnswerTree {
    /// Of an answer with names and types of its own.
    pub(crate) fn of(answer: &impl Serialize) -> QuestionResult<Self> {
        match serde_json::to_value(answer) {
            Ok(Value::Object(map)) => Ok(AnswerTree(map)),
            Ok(other) => Err(invalid(format!("the answer has no names: {other}"))),
            Err(error) => Err(invalid(error.to_string())),
        }
    }

    /// Returns all of it as one value.
    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    /// Returns the top-level names with their values.
    pub fn sections(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Writes the answer as one line of JSON.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }

    /// Writes rows `quantity,index,value`; indices count from 0, those of nested lists are joined by spaces.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "quantity,index,value")?;
        self.sections().try_for_each(|(name, value)| write_rows(out, name, "", value))
    }

    /// Writes the answer in the format of the file's name, .json or .csv.
    ///
    /// # Errors
    /// Those of writing the file.
    pub fn write(&self, output: &OutputFile) -> QuestionResult<Vec<PathBuf>> {
        match output.format() {
            Format::Json => output.write(|out| self.write_json(out))?,
            _ => output.write(|out| self.write_csv(out))?,
        }
        Ok(vec![output.path().to_owned()])
    }
}

fn write_rows(out: &mut dyn Write, name: &str, index: &str, value: &Value) -> io::Result<()> {
    match value {
        Value::Object(map) => {
            map.iter().try_for_each(|(key, value)| write_rows(out, &format!("{name}.{key}"), index, value))
        }
        Value::Array(list) => list.iter().enumerate().try_for_each(|(i, value)| {
            let index = if index.is_empty() { i.to_string() } else { format!("{index} {i}") };
            write_rows(out, name, &index, value)
        }),
        Value::Null => writeln!(out, "{name},{index},"),
        // Sentences may hold commas and quotation marks.
        Value::String(text) => writeln!(out, "{name},{index},\"{}\"", text.replace('"', "\"\"")),
        Value::Number(_) | Value::Bool(_) => writeln!(out, "{name},{index},{value}"),
    }
}
