//! Writes answers as JSON, CSV and NumPy arrays; each file appears whole or not at all.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use widenet_core::{Matrix, data::write_npy};

use crate::{
    error::{Error, Result},
    whole::{aside, remove_file, stream_whole},
};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One document, numbers with all their digits.
    Json,
    /// Comma-separated values.
    Csv,
    /// NumPy arrays of `<f8` in C order, one per file.
    Npy,
}

/// Finds out whether a file can be written: now, not after hours of work.
///
/// # Errors
/// A folder, or a file in one that is not there or not writable.
pub fn check_writable(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Err(Error::new("write", path, "it is a folder"));
    }
    let probe = aside(path);
    File::create(&probe).map_err(|error| Error::new("write", path, error))?;
    remove_file(&probe)
}

/// A place for an answer that can be written to.
#[derive(Debug, Clone)]
pub struct OutputFile {
    path: PathBuf,
    format: Format,
}

impl OutputFile {
    /// Chooses the format by the extension of the file's name.
    ///
    /// # Errors
    /// Another extension than `.json`, `.csv` or `.npy`; a folder that is not there or not writable.
    pub fn new(path: &Path) -> Result<Self> {
        let format = match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => Format::Json,
            Some("csv") => Format::Csv,
            Some("npy") => Format::Npy,
            _ => return Err(Error::new("write", path, "its name must end in .json, .csv or .npy")),
        };
        check_writable(path)?;
        Ok(Self { path: path.to_owned(), format })
    }

    /// Says how the answer is written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns the file itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file in pieces.
    ///
    /// # Errors
    /// [`Error`] if it cannot be written.
    pub fn write(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        stream(&self.path, write)
    }

    /// Writes arrays in the file's format, CSV or NumPy. A single one has the file's own name, several have it with their names:
    /// `kernel.npy` becomes `kernel-ntk-train.npy`. Returns the files.
    ///
    /// # Errors
    /// [`Error`] if one cannot be written.
    pub fn write_arrays(&self, arrays: &[(String, &Matrix)]) -> Result<Vec<PathBuf>> {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let extension = self.path.extension().unwrap_or_default().to_string_lossy();
        let write = |(name, matrix): &(String, &Matrix)| {
            let path = match arrays.len() {
                1 => self.path.clone(),
                _ => self.path.with_file_name(format!("{stem}-{name}.{extension}")),
            };
            stream(
                &path,
                |out| if self.format == Format::Npy { write_npy(matrix, out) } else { write_csv(matrix, out) },
            )?;
            Ok(path)
        };
        arrays.iter().map(write).collect()
    }
}

fn stream(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    stream_whole(path, |file| {
        let mut out = BufWriter::with_capacity(1 << 16, file);
        write(&mut out)?;
        out.flush()
    })
}

fn write_csv(matrix: &Matrix, out: &mut dyn Write) -> io::Result<()> {
    for row in matrix.row_iter() {
        for (column, value) in row.iter().enumerate() {
            write!(out, "{}{value}", if column == 0 { "" } else { "," })?;
        }
        writeln!(out)?;
    }
    Ok(())
}
