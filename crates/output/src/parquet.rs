//! Writes tables with columns of one type each as Parquet, some rows at a time.
//!
//! Format: <https://parquet.apache.org/docs/file-format>. No value is null; pages are compressed with snappy.

use std::{
    io::{self, Write},
    sync::Arc,
};

use parquet::{
    basic::{Compression, LogicalType, Repetition, Type as Physical},
    data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::types::Type,
};

/// Rows that are held until they are written together.
const ROWS_AT_ONCE: usize = 1 << 18;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Text.
    Text,
    /// Whole numbers ≥ 0.
    Whole,
    /// Numbers, infinities and NaN among them.
    Number,
}

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'c> {
    /// Of a column of [`ColumnType::Text`].
    Text(&'c str),
    /// Of a column of [`ColumnType::Whole`].
    Whole(u64),
    /// Of a column of [`ColumnType::Number`].
    Number(f64),
}

/// Values of a column that wait to be written.
enum Waiting {
    Text(Vec<ByteArray>),
    Whole(Vec<i64>),
    Number(Vec<f64>),
}

impl Waiting {
    fn of(column: ColumnType) -> Waiting {
        match column {
            ColumnType::Text => Waiting::Text(Vec::new()),
            ColumnType::Whole => Waiting::Whole(Vec::new()),
            ColumnType::Number => Waiting::Number(Vec::new()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Waiting::Text(values) => values.len(),
            Waiting::Whole(values) => values.len(),
            Waiting::Number(values) => values.len(),
        }
    }

    fn write(&mut self, mut column: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        match self {
            Waiting::Text(values) => {
                column.typed::<ByteArrayType>().write_batch(values, None, None)?;
                values.clear();
            }
            Waiting::Whole(values) => {
                column.typed::<Int64Type>().write_batch(values, None, None)?;
                values.clear();
            }
            Waiting::Number(values) => {
                column.typed::<DoubleType>().write_batch(values, None, None)?;
                values.clear();
            }
        }
        column.close()
    }
}

/// A table that is being written.
pub struct ParquetTable<'o> {
    writer: SerializedFileWriter<&'o mut (dyn Write + Send)>,
    columns: Vec<Waiting>,
}

fn failed(error: ParquetError) -> io::Error {
    io::Error::other(error)
}

impl<'o> ParquetTable<'o> {
    /// Begins a table with these columns.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn new(out: &'o mut (dyn Write + Send), columns: &[(&str, ColumnType)]) -> io::Result<Self> {
        let field = |(name, column): &(&str, ColumnType)| {
            let (physical, logical) = match column {
                ColumnType::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
                ColumnType::Whole => (Physical::INT64, Some(LogicalType::integer(64, false))),
                ColumnType::Number => (Physical::DOUBLE, None),
            };
            let field = Type::primitive_type_builder(name, physical);
            field.with_repetition(Repetition::REQUIRED).with_logical_type(logical).build().map(Arc::new)
        };
        let fields = columns.iter().map(field).collect::<Result<_, _>>().map_err(failed)?;
        let schema = Type::group_type_builder("table").with_fields(fields).build().map_err(failed)?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        Ok(Self { writer, columns: columns.iter().map(|(_, column)| Waiting::of(*column)).collect() })
    }

    /// Adds a row with a value for each column.
    ///
    /// # Errors
    /// Those of the writer, and a value of another type than its column's.
    pub fn push(&mut self, row: &[Cell<'_>]) -> io::Result<()> {
        for (waiting, cell) in self.columns.iter_mut().zip(row) {
            match (waiting, *cell) {
                (Waiting::Text(values), Cell::Text(text)) => values.push(ByteArray::from(text)),
                (Waiting::Whole(values), Cell::Whole(whole)) => values.push(whole as i64),
                (Waiting::Number(values), Cell::Number(number)) => values.push(number),
                (_, cell) => return Err(io::Error::other(format!("{cell:?} is not of the type of its column"))),
            }
        }
        if self.columns.first().is_some_and(|column| column.len() >= ROWS_AT_ONCE) { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut group = self.writer.next_row_group().map_err(failed)?;
        for waiting in &mut self.columns {
            if let Some(column) = group.next_column().map_err(failed)? {
                waiting.write(column).map_err(failed)?;
            }
        }
        group.close().map_err(failed)?;
        Ok(())
    }

    /// Writes what waits, and the end of the file.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<()> {
        if self.columns.first().is_some_and(|column| column.len() > 0) {
            self.flush()?;
        }
        self.writer.close().map_err(failed)?;
        Ok(())
    }
}
