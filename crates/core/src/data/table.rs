//! A table of measurements, of separated text or Parquet, is read as it is: titles, and cells as text.

use std::path::Path;

use super::{
    csv::{guessed, lines, titles_of},
    files::BinaryFile,
    origin::check_memory,
    parquet_table::{Cell, ParquetTable, is_parquet},
};
use crate::error::{Error, Result};

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What errors call it.
    pub name: String,
    /// Titles of the columns.
    pub titles: Vec<String>,
    /// Cells by rows, one for each title; empty where there is nothing.
    pub rows: Vec<Vec<String>>,
}

/// Reads a table: of Parquet, without columns that hold neither numbers nor text, or of text, whose columns are separated as its first line is.
///
/// # Errors
/// [`Error::Unreadable`], and [`Error::Data`] if it is no such table, has no titles, or does not fit into memory.
pub fn read_table(path: &Path) -> Result<Table> {
    if is_parquet(path)? { parquet(path) } else { separated(path) }
}

fn separated(path: &Path) -> Result<Table> {
    let name = path.display().to_string();
    let file = BinaryFile::open(path)?;
    let mut reader = lines(&file, guessed(&file)?, true)?;
    let titles = titles_of(&mut reader, &name)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| Error::Data { what: name.clone(), message: error.to_string() })?;
        rows.push(record.iter().map(String::from).collect());
        grown(&name, rows.len(), titles.len())?;
    }
    Ok(Table { name, titles, rows })
}

fn parquet(path: &Path) -> Result<Table> {
    let table = ParquetTable::open(path)?;
    // Dates and lists may stand beside what is asked for.
    let columns: Vec<usize> = (0..table.titles.len()).filter(|column| table.can_be_read(*column)).collect();
    let mut rows = Vec::new();
    table.visit(&columns, &mut |row| {
        let text = |cell: &Option<&Cell>| match cell {
            None => String::new(),
            Some(Cell::Whole(number)) => number.to_string(),
            Some(Cell::Number(number)) => number.to_string(),
            Some(Cell::Text(text)) => text.clone(),
        };
        rows.push(row.cells.iter().map(text).collect());
        grown(&table.name(), rows.len(), columns.len()).map(|()| true)
    })?;
    let titles = columns.iter().map(|column| table.titles[*column].clone()).collect();
    Ok(Table { name: table.name(), titles, rows })
}

/// A short text with its place takes about so many bytes.
const BYTES_PER_CELL: u64 = 40;

/// Refuses a table that has grown too large for memory, looking whenever its rows have doubled.
fn grown(name: &str, rows: usize, columns: usize) -> Result<()> {
    if !rows.is_power_of_two() {
        return Ok(());
    }
    let bytes = (rows as u64).saturating_mul(2 * BYTES_PER_CELL).saturating_mul(columns as u64);
    check_memory(name, &format!("more than {rows} rows of {columns} cells"), bytes, |_| {
        "leave out rows or columns".into()
    })
}
