//! Records as rows: one for every number.

use std::io;

use widenet_core::{
    problem::Quantity,
    trajectory::{Record, Value},
};

use crate::parquet::{Cell, ColumnType};

/// A number of a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecordedNumber {
    /// Steps taken.
    pub step: u64,
    /// Training time.
    pub time: f64,
    /// What it is a number of.
    pub quantity: Quantity,
    /// Among the numbers of the quantity from 0, matrices row by row.
    pub index: usize,
    /// The number.
    pub value: f64,
    /// Its standard error; 0 where it is exact.
    pub error: f64,
}

/// The columns of [`RecordedNumber::cells`].
pub const RECORD_COLUMNS: [(&str, ColumnType); 6] = [
    ("step", ColumnType::Whole),
    ("time", ColumnType::Number),
    ("quantity", ColumnType::Text),
    ("index", ColumnType::Whole),
    ("value", ColumnType::Number),
    ("error", ColumnType::Number),
];

impl RecordedNumber {
    /// Returns the values of [`RECORD_COLUMNS`].
    pub fn cells(&self) -> [Cell<'static>; 6] {
        [
            Cell::Whole(self.step),
            Cell::Number(self.time),
            Cell::Text(self.quantity.name()),
            Cell::Whole(self.index as u64),
            Cell::Number(self.value),
            Cell::Number(self.error),
        ]
    }
}

/// Goes through every number of records.
///
/// # Errors
/// Those of `see`.
pub fn each_number(records: &[Record], see: &mut dyn FnMut(RecordedNumber) -> io::Result<()>) -> io::Result<()> {
    for record in records {
        for (&quantity, values) in &record.values {
            let errors = record.errors.get(&quantity).map(Value::flatten).unwrap_or_default();
            for (index, value) in values.flatten().into_iter().enumerate() {
                let error = errors.get(index).copied().unwrap_or(0.0);
                see(RecordedNumber { step: record.step, time: record.time, quantity, index, value, error })?;
            }
        }
    }
    Ok(())
}
