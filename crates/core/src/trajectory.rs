//! A trajectory holds what was recorded along training, with its status.

mod number;
mod status;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value as Json;
use widenet_document::Word;

use crate::{
    error::{Error, Result},
    extremes::largest,
    matrix::Matrix,
    problem::{Quantity, Shape},
    width::Width,
};

pub use number::Number;
pub use status::{Status, Stopped};

/// The engine that made a trajectory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// The infinite-width limit in closed form.
    Limit,
    /// Any finite width, exactly in law, at a cost that does not depend on it.
    Law,
    /// Real m × m matrices on a device.
    Dense,
    /// Gaussian m × m matrices known by their answers, exactly in law, on a device.
    Conditioned,
    /// m × m matrices that their seed fixes, produced inside the product, on a device.
    Regenerated,
}

impl Word for Engine {
    const WORDS: &'static [(&'static str, Engine)] = &[
        ("limit", Engine::Limit),
        ("law", Engine::Law),
        ("dense", Engine::Dense),
        ("conditioned", Engine::Conditioned),
        ("regenerated", Engine::Regenerated),
    ];
}

impl Engine {
    /// Says whether its networks live on a device, whose threads a run uses all.
    pub fn is_on_device(self) -> bool {
        matches!(self, Engine::Dense | Engine::Conditioned | Engine::Regenerated)
    }

    /// Returns the word used in files, tables and on the command line.
    pub fn name(self) -> &'static str {
        self.word()
    }
}

/// One recorded value; the shape is given by its [`Quantity`].
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Scalar(f64),
    /// A list of numbers, for example one per layer.
    List(Vec<f64>),
    /// A matrix, written as nested rows.
    Matrix(Matrix),
    /// One list per layer (lengths may differ).
    Lists(Vec<Vec<f64>>),
    /// One matrix per layer.
    Matrices(Vec<Matrix>),
}

impl Value {
    /// Returns a value of the same shape with other numbers, in writing order.
    ///
    /// # Panics
    /// If there are fewer numbers.
    #[must_use]
    pub fn with_numbers(&self, numbers: &[f64]) -> Value {
        fn taken<'n>(numbers: &mut &'n [f64], count: usize) -> &'n [f64] {
            let (taken, rest) = numbers.split_at(count);
            *numbers = rest;
            taken
        }
        fn matrix(like: &Matrix, numbers: &mut &[f64]) -> Matrix {
            Matrix::from_row_slice(like.nrows(), like.ncols(), taken(numbers, like.len()))
        }
        let mut numbers = numbers;
        let numbers = &mut numbers;
        match self {
            Value::Scalar(_) => Value::Scalar(numbers[0]),
            Value::List(list) => Value::List(taken(numbers, list.len()).to_vec()),
            Value::Matrix(like) => Value::Matrix(matrix(like, numbers)),
            Value::Lists(lists) => Value::Lists(lists.iter().map(|list| taken(numbers, list.len()).to_vec()).collect()),
            Value::Matrices(matrices) => Value::Matrices(matrices.iter().map(|like| matrix(like, numbers)).collect()),
        }
    }

    /// Returns all numbers in writing order (rows of matrices first to last).
    pub fn flatten(&self) -> Vec<f64> {
        fn rows(matrix: &Matrix) -> impl Iterator<Item = f64> + '_ {
            (0..matrix.nrows()).flat_map(move |i| (0..matrix.ncols()).map(move |j| matrix[(i, j)]))
        }
        match self {
            Value::Scalar(x) => vec![*x],
            Value::List(list) => list.clone(),
            Value::Matrix(matrix) => rows(matrix).collect(),
            Value::Lists(lists) => lists.concat(),
            Value::Matrices(matrices) => matrices.iter().flat_map(rows).collect(),
        }
    }
}

fn numbers(list: &[f64]) -> Vec<Number> {
    list.iter().copied().map(Number).collect()
}

fn nested(matrix: &Matrix) -> Vec<Vec<Number>> {
    matrix.row_iter().map(|row| row.iter().copied().map(Number).collect()).collect()
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Value::Scalar(x) => Number(*x).serialize(serializer),
            Value::List(list) => numbers(list).serialize(serializer),
            Value::Matrix(matrix) => nested(matrix).serialize(serializer),
            Value::Lists(lists) => lists.iter().map(|list| numbers(list)).collect::<Vec<_>>().serialize(serializer),
            Value::Matrices(matrices) => matrices.iter().map(nested).collect::<Vec<_>>().serialize(serializer),
        }
    }
}

impl Value {
    /// Reads the value of a quantity back, bit for bit. `null` reads as NaN.
    fn from_json(quantity: Quantity, json: &Json) -> Option<Value> {
        fn number(json: &Json) -> Option<f64> {
            Number::of(json).map(|number| number.0)
        }
        fn list<T>(json: &Json, item: impl Fn(&Json) -> Option<T>) -> Option<Vec<T>> {
            json.as_array()?.iter().map(item).collect()
        }
        fn matrix(json: &Json) -> Option<Matrix> {
            let rows = list(json, |row| list(row, number))?;
            let columns = rows.first().map_or(0, Vec::len);
            rows.iter()
                .all(|row| row.len() == columns)
                .then(|| Matrix::from_row_iterator(rows.len(), columns, rows.concat()))
        }
        match quantity.shape() {
            Shape::Scalar => number(json).map(Value::Scalar),
            Shape::List => list(json, number).map(Value::List),
            Shape::Matrix => matrix(json).map(Value::Matrix),
            Shape::Lists => list(json, |item| list(item, number)).map(Value::Lists),
            Shape::Matrices => list(json, matrix).map(Value::Matrices),
        }
    }
}

/// What was recorded at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Optimiser steps taken (accepted integrator steps for gradient flow).
    pub step: u64,
    /// The sum of the learning rates of the steps before, or the flow time.
    pub time: f64,
    /// The quantities asked for.
    pub values: BTreeMap<Quantity, Value>,
    /// Standard errors of values that are estimates, entry by entry; of the others nothing. In files `…_error`.
    pub errors: BTreeMap<Quantity, Value>,
}

/// Follows the name of a quantity whose standard error it is.
pub const ERROR_SUFFIX: &str = "_error";

impl Record {
    /// Makes a record of values that are no estimates.
    pub fn new(step: u64, time: f64, values: BTreeMap<Quantity, Value>) -> Self {
        Self { step, time, values, errors: BTreeMap::new() }
    }

    /// Reads back what its serialisation wrote; every number is the same bit for bit.
    ///
    /// # Errors
    /// Names the key that is missing, unknown, or whose value has not the shape of its quantity.
    pub fn from_json(json: &Json) -> Result<Record> {
        let wrong = |key: &str, needs: &str| Error::Invalid(format!("record: `{key}` {needs}"));
        let object = json.as_object().ok_or_else(|| wrong("{}", "must be an object"))?;
        let step = object.get("step").and_then(Json::as_u64).ok_or_else(|| wrong("step", "must be a whole number"))?;
        let time = object.get("time").and_then(Number::of).ok_or_else(|| wrong("time", "must be a number"))?.0;
        let mut record = Record::new(step, time, BTreeMap::new());
        for (key, json) in object.iter().filter(|(key, _)| !["step", "time"].contains(&key.as_str())) {
            let of_error = || Quantity::from_word(key.strip_suffix(ERROR_SUFFIX)?).ok();
            let (quantity, numbers) = match (Quantity::from_word(key), of_error()) {
                (Ok(quantity), _) => (quantity, &mut record.values),
                (Err(_), Some(quantity)) => (quantity, &mut record.errors),
                (Err(reason), None) => return Err(wrong(key, &format!("is not a quantity: {reason}"))),
            };
            let value = Value::from_json(quantity, json)
                .ok_or_else(|| wrong(key, &format!("has not the shape of its quantity: {json}")))?;
            numbers.insert(quantity, value);
        }
        Ok(record)
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("step", &self.step)?;
        map.serialize_entry("time", &Number(self.time))?;
        for (quantity, value) in &self.values {
            map.serialize_entry(quantity.name(), value)?;
            if let Some(error) = self.errors.get(quantity) {
                map.serialize_entry(&format!("{}{ERROR_SUFFIX}", quantity.name()), error)?;
            }
        }
        map.end()
    }
}

/// The solution of a problem at one width for one seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trajectory {
    /// Width of the hidden layers.
    pub width: Width,
    /// Which engine made it.
    pub engine: Engine,
    /// Seed of the initial weights and batches.
    pub seed: u64,
    /// How it ended; in JSON the word as `status`, and where it diverged or stopped as `diverged_at` or `stopped_at`.
    #[serde(flatten)]
    pub status: Status,
    /// Records in order of time.
    pub records: Vec<Record>,
}

impl Trajectory {
    /// Reads back what the serialization wrote, every number bit for bit.
    ///
    /// # Errors
    /// Names what is missing, or not what it must be.
    pub fn from_json(json: &Json) -> Result<Trajectory> {
        let wrong = |key: &str| Error::Invalid(format!("trajectory: `{key}` is missing, or not what it must be"));
        let width = match &json["width"] {
            Json::String(word) => word.parse().ok(),
            number => number.as_f64().and_then(|number| Width::try_from(number).ok()),
        };
        let records = json["records"].as_array().ok_or_else(|| wrong("records"))?;
        Ok(Trajectory {
            width: width.ok_or_else(|| wrong("width"))?,
            engine: json["engine"]
                .as_str()
                .and_then(|word| Engine::from_word(word).ok())
                .ok_or_else(|| wrong("engine"))?,
            seed: json["seed"].as_u64().ok_or_else(|| wrong("seed"))?,
            status: Status::from_json(json).ok_or_else(|| wrong("status"))?,
            records: records.iter().map(Record::from_json).collect::<Result<_>>()?,
        })
    }

    /// Returns the largest Frobenius distance of a quantity that is a matrix to that of another trajectory over the times that both
    /// recorded; NaN where one is no number, `None` without common times, or where one lacks it or has it in another shape.
    pub fn distance(&self, quantity: Quantity, other: &Trajectory) -> Option<f64> {
        let matrix = |record: &Record| match record.values.get(&quantity) {
            Some(Value::Matrix(matrix)) => Some(matrix.clone()),
            _ => None,
        };
        let at = |time: f64| other.records.iter().find(|record| record.time == time);
        let pairs = self.records.iter().filter_map(|record| Some((record, at(record.time)?)));
        let distances = pairs.map(|(a, b)| {
            let (a, b) = (matrix(a)?, matrix(b)?);
            (a.shape() == b.shape()).then(|| (a - b).norm())
        });
        largest(distances.collect::<Option<Vec<f64>>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_bit_for_bit() {
        let values = BTreeMap::from([
            (Quantity::TrainLoss, Value::Scalar(0.1 + 0.2)),
            (Quantity::TestLoss, Value::Scalar(f64::NEG_INFINITY)),
            (Quantity::EffectiveDimensions, Value::List(vec![3.0, 5e-324])),
            (
                Quantity::Predictor,
                Value::Matrix(Matrix::from_row_slice(2, 3, &[1.0, -0.0, f64::INFINITY, 4.5, 1e300, 6.0])),
            ),
            (Quantity::FeatureGram, Value::Matrices(vec![Matrix::identity(2, 2), Matrix::zeros(1, 1)])),
            (Quantity::LearnedSingularValues, Value::Lists(vec![vec![], vec![2.0, 1.0]])),
        ]);
        let errors = BTreeMap::from([(Quantity::TrainLoss, Value::Scalar(1e-3))]);
        let record = Record { errors, ..Record::new(7, 1.0 / 3.0, values) };
        let text = serde_json::to_string(&record).unwrap();
        let back = Record::from_json(&serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(back, record);
        let Value::Matrix(predictor) = &back.values[&Quantity::Predictor] else { panic!("a matrix") };
        assert!(predictor[(0, 1)].is_sign_negative());
    }

    #[test]
    fn a_trajectory_reads_back_however_it_ended() {
        let stopped = Stopped { step: 3, time: 0.3, quantity: Quantity::TrainLoss, value: 0.09, goal: 0.1 };
        let endings = [
            (Width::Infinite, Status::Done),
            (Width::Finite(1 << 40), Status::Stopped(stopped)),
            (Width::Finite(7), Status::Diverged { step: 2, time: f64::INFINITY }),
            (Width::Finite(1), Status::Interrupted { step: 0 }),
        ];
        for (width, status) in endings {
            let values = BTreeMap::from([(Quantity::TrainLoss, Value::Scalar(0.1 + 0.2))]);
            let records = vec![Record::new(3, 1.0 / 3.0, values)];
            let trajectory = Trajectory { width, engine: Engine::Law, seed: 5, status, records };
            let text = serde_json::to_string(&trajectory).unwrap();
            assert_eq!(Trajectory::from_json(&serde_json::from_str(&text).unwrap()).unwrap(), trajectory, "{text}");
        }
        for (wrong, key) in [
            ("{}", "records"),
            (r#"{"records": [], "width": 0.5}"#, "width"),
            (r#"{"records": [], "width": "inf"}"#, "engine"),
        ] {
            let error = Trajectory::from_json(&serde_json::from_str(wrong).unwrap()).unwrap_err().to_string();
            assert!(error.contains(&format!("`{key}`")), "{error}");
        }
    }

    /// A time that overflows is `null` in JSON, and such a record could not be read back.
    #[test]
    fn a_time_is_written_like_any_other_number() {
        let record = Record::new(1, f64::INFINITY, BTreeMap::new());
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(text, r#"{"step":1,"time":"inf"}"#);
        assert_eq!(Record::from_json(&serde_json::from_str(&text).unwrap()).unwrap(), record);
        let status = serde_json::to_value(Status::Diverged { step: 2, time: f64::INFINITY }).unwrap();
        assert_eq!(status["diverged_at"], serde_json::json!({ "step": 2, "time": "inf" }));
        let read = |text: &str| serde_json::from_str::<Number>(text).map(|number| number.0).ok();
        assert_eq!(
            [read("\"-inf\""), read("0.1"), read("\"x\""), read("true")],
            [Some(f64::NEG_INFINITY), Some(0.1), None, None]
        );
    }

    /// The largest of NaN and 1 was 1.
    #[test]
    fn the_distance_to_what_is_no_number_is_none() {
        let trajectory = |outputs: [f64; 2]| Trajectory {
            width: Width::Finite(1),
            engine: Engine::Law,
            seed: 0,
            status: Status::Done,
            records: (0..2)
                .map(|i| {
                    let outputs = Value::Matrix(Matrix::from_element(1, 1, outputs[i as usize]));
                    Record::new(i, i as f64, BTreeMap::from([(Quantity::Outputs, outputs)]))
                })
                .collect(),
        };
        let start = trajectory([0.0, 0.0]);
        let distance = |outputs| trajectory(outputs).distance(Quantity::Outputs, &start).unwrap();
        assert!(distance([f64::NAN, 1.0]).is_nan() && distance([1.0, f64::NAN]).is_nan());
        assert_eq!(distance([1.0, 3.0]), 3.0);
    }

    #[test]
    fn nan_survives_and_a_wrong_shape_is_named() {
        let json = serde_json::json!({ "step": 0, "time": 0.0, "tangent_kernel_change": null });
        let record = Record::from_json(&json).unwrap();
        assert!(matches!(record.values[&Quantity::TangentKernelChange], Value::Scalar(x) if x.is_nan()));
        let json = serde_json::json!({ "step": 0, "time": 0.0, "predictor": [[1.0], [1.0, 2.0]] });
        assert!(Record::from_json(&json).unwrap_err().to_string().contains("predictor"));
    }
}
