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

/// What a number is called whose true value is finite and above the largest double.
const OVERFLOW: &str = "overflow";

/// A number whose true value is finite.
pub(crate) fn always_finite(value: f64) -> Value {
    if value == f64::INFINITY {
        json!(OVERFLOW)
    } else if value == f64::NEG_INFINITY {
        json!(format!("-{OVERFLOW}"))
    } else {
        number(value)
    }
}

/// `e^log`: infinite only if its logarithm is.
pub(crate) fn from_log(log: f64) -> Value {
    if log.is_finite() { always_finite(log.exp()) } else { number(log.exp()) }
}

impl AnswerTree {
    /// The answer through which all numbers of priors and posteriors leave: none is NaN, and an infinite one is named in
    /// `may_be_infinite`, by the dotted names that lead to it, because its true value may be infinite.
    ///
    /// # Errors
    /// The first number that is not what it should be, by its name.
    pub(crate) fn checked(values: Map<String, Value>, may_be_infinite: &[&str]) -> QuestionResult<Self> {
        for (name, value) in &values {
            check(name, value, may_be_infinite)?;
        }
        Ok(Self(values))
    }

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
        let mut rows = csv::Writer::from_writer(out);
        rows.write_record(["quantity", "index", "value"])?;
        self.sections().try_for_each(|(name, value)| write_rows(&mut rows, name, "", value))?;
        rows.flush()
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

fn check(name: &str, value: &Value, may_be_infinite: &[&str]) -> QuestionResult<()> {
    match value {
        Value::Object(map) => {
            map.iter().try_for_each(|(key, value)| check(&format!("{name}.{key}"), value, may_be_infinite))
        }
        Value::Array(list) => list.iter().try_for_each(|value| check(name, value, may_be_infinite)),
        Value::String(word) => match word.as_str() {
            "NaN" => Err(invalid(format!(
                "`{name}` came out as NaN: the numbers of this question are beyond what double precision can hold"
            ))),
            "inf" | "-inf" if !may_be_infinite.contains(&name) => Err(invalid(format!(
                "`{name}` came out as {word}, though it is finite: it is beyond the range of doubles"
            ))),
            _ => Ok(()),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn write_rows(rows: &mut csv::Writer<&mut dyn Write>, name: &str, index: &str, value: &Value) -> io::Result<()> {
    let text = match value {
        Value::Object(map) => {
            let mut entries = map.iter();
            return entries.try_for_each(|(key, value)| write_rows(rows, &format!("{name}.{key}"), index, value));
        }
        Value::Array(list) => {
            return list.iter().enumerate().try_for_each(|(i, value)| {
                let index = if index.is_empty() { i.to_string() } else { format!("{index} {i}") };
                write_rows(rows, name, &index, value)
            });
        }
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
    };
    Ok(rows.write_record([name, index, &text])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(value: Value) -> QuestionResult<AnswerTree> {
        AnswerTree::checked(Map::from_iter([("density".to_owned(), value)]), &["density.at"])
    }

    #[test]
    fn no_number_leaves_that_is_none() {
        let answer = json!({ "at": numbers([f64::INFINITY, 1.0]), "values": numbers([0.5, 2.0]), "said": "NaN is told as a word" });
        assert!(checked(answer).is_ok());
        for (value, part) in [
            (json!({ "at": numbers([1.0, f64::NAN]) }), "`density.at` came out as NaN"),
            (json!({ "values": [numbers([f64::NEG_INFINITY])] }), "`density.values` came out as -inf"),
            (number(f64::INFINITY), "`density` came out as inf"),
        ] {
            let error = checked(value).expect_err("refused").to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn sentences_with_commas_and_quotes_are_one_cell() {
        let answer = AnswerTree(Map::from_iter([
            ("a".to_owned(), json!([[1.0, 0.5]])),
            ("b".to_owned(), json!({ "said": "\"no\", he said", "none": null, "holds": true })),
        ]));
        let mut csv = Vec::new();
        answer.write_csv(&mut csv).expect("a table");
        let text = String::from_utf8(csv).expect("text");
        let said = "b.said,,\"\"\"no\"\", he said\"";
        assert_eq!(text, format!("quantity,index,value\na,0 0,1.0\na,0 1,0.5\nb.holds,,true\nb.none,,\n{said}\n"));
    }

    #[test]
    fn what_is_finite_and_large_is_no_infinity() {
        assert_eq!(
            [from_log(0.0), from_log(1e3), from_log(f64::INFINITY)],
            [json!(1.0), json!("overflow"), json!("inf")]
        );
        assert_eq!([always_finite(2.0), always_finite(f64::INFINITY)], [json!(2.0), json!("overflow")]);
    }
}
