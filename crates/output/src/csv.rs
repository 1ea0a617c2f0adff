//! Writes tables as CSV.

use std::path::Path;

use crate::error::{Error, Result};

/// Writes a header and rows as CSV text; cells with commas, quotation marks or line ends are quoted.
///
/// # Errors
/// [`Error`] if a row has another number of cells than the header.
pub fn csv_bytes(header: &[String], rows: impl IntoIterator<Item = Vec<String>>) -> Result<Vec<u8>> {
    let failed = |error: String| Error::new("write", Path::new("table"), error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header).map_err(|error| failed(error.to_string()))?;
    for row in rows {
        writer.write_record(&row).map_err(|error| failed(error.to_string()))?;
    }
    writer.into_inner().map_err(|error| failed(error.to_string()))
}

/// Returns the cell of a number with all its digits; empty if there is none.
pub fn cell(number: Option<f64>) -> String {
    number.map(|number| format!("{number:?}")).unwrap_or_default()
}
