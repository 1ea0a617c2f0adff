//! A trajectory: what was recorded along training, tidy, with its status.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{Matrix, Width, problem::Quantity};

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
}

impl Engine {
    /// The word used in files, tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Limit => "limit",
            Engine::Law => "law",
            Engine::Dense => "dense",
        }
    }
}

/// How a run ended. A diverged run is a result.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Status {
    /// All records were taken.
    Done,
    /// The predictor stopped being finite (or beyond 1e100); the records before it are kept.
    Diverged {
        /// Optimiser step (accepted integrator step for gradient flow) at which it was noticed.
        step: u64,
        /// Training time `learning_rate × step` (flow time for gradient flow).
        time: f64,
    },
    /// Stopped on request before the end; can be continued.
    Interrupted {
        /// The step that would have come next.
        step: u64,
    },
}

impl Status {
    /// `done`, `diverged` or `interrupted`.
    pub fn word(&self) -> &'static str {
        match self {
            Status::Done => "done",
            Status::Diverged { .. } => "diverged",
            Status::Interrupted { .. } => "interrupted",
        }
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
    /// All numbers in writing order (rows of matrices first to last).
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

fn nested(matrix: &Matrix) -> Vec<Vec<f64>> {
    matrix.row_iter().map(|row| row.iter().copied().collect()).collect()
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Scalar(x) => x.serialize(serializer),
            Value::List(list) => list.serialize(serializer),
            Value::Matrix(matrix) => nested(matrix).serialize(serializer),
            Value::Lists(lists) => lists.serialize(serializer),
            Value::Matrices(matrices) => matrices.iter().map(nested).collect::<Vec<_>>().serialize(serializer),
        }
    }
}

/// What was recorded at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Optimiser steps taken (accepted integrator steps for gradient flow).
    pub step: u64,
    /// `learning_rate × step`, or the flow time.
    pub time: f64,
    /// The quantities asked for.
    pub values: BTreeMap<Quantity, Value>,
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("step", &self.step)?;
        map.serialize_entry("time", &self.time)?;
        for (quantity, value) in &self.values {
            map.serialize_entry(quantity.name(), value)?;
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
    /// How it ended.
    #[serde(serialize_with = "status_word")]
    pub status: Status,
    /// Records in order of time.
    pub records: Vec<Record>,
}

fn status_word<S: Serializer>(status: &Status, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.word())
}
