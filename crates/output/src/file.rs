//! Writes answers in the format of a file's name; each file appears whole or not at all.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use widenet_core::{Matrix, data::write_npy};

use crate::{
    error::{Error, Result},
    temporary::{remove_leftovers_of, temporary_file},
    whole::{Durability, stream_whole},
};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One document, numbers with all their digits.
    Json,
    /// Comma-separated values.
    Csv,
    /// A table of Parquet with typed columns.
    Parquet,
    /// NumPy arrays of `<f8` in C order, one per file.
    Npy,
    /// A report in words, under any name.
    Text,
}

impl Format {
    fn extension(self) -> &'static str {
        match self {
            Format::Json => ".json",
            Format::Csv => ".csv",
            Format::Parquet => ".parquet",
            Format::Npy => ".npy",
            Format::Text => "",
        }
    }
}

/// A place for an answer that can be written to.
#[derive(Debug, Clone)]
pub struct OutputFile {
    path: PathBuf,
    format: Format,
}

impl OutputFile {
    /// Takes the one of `formats` that the file's name ends in, and finds out now, not after hours of work, whether the file can be written.
    ///
    /// # Errors
    /// Another extension; a folder, or a file in one that is not there or not writable.
    pub fn new(path: &Path, formats: &[Format]) -> Result<Self> {
        let extension = path.extension().map_or(String::new(), |extension| format!(".{}", extension.display()));
        let is_named = |format: &&Format| matches!(format, Format::Text) || format.extension() == extension;
        let Some(&format) = formats.iter().find(is_named) else {
            let extensions: Vec<_> = formats.iter().map(|format| format.extension()).collect();
            let known = match &extensions[..] {
                [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
                extensions => extensions.concat(),
            };
            return Err(Error::new("write", path, format!("its name must end in {known}")));
        };
        if path.is_dir() {
            return Err(Error::new("write", path, "it is a folder"));
        }
        temporary_file(path).map_err(|error| Error::new("write", path, error))?;
        remove_leftovers_of(path);
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
    pub fn write(&self, write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>) -> Result<()> {
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

fn stream(path: &Path, write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>) -> Result<()> {
    stream_whole(path, Durability::Synced, |file| {
        let mut out = BufWriter::with_capacity(1 << 16, file);
        write(&mut out)?;
        out.flush()
    })
}

fn write_csv(matrix: &Matrix, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    for row in matrix.row_iter() {
        writer.write_record(row.iter().map(f64::to_string))?;
    }
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_checked_before_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |path: &Path, formats| OutputFile::new(path, formats).unwrap_err().to_string();
        let all = &[Format::Json, Format::Csv, Format::Npy];
        let error = refused(&folder.path().join("x.txt"), all);
        assert!(error.ends_with("its name must end in .json, .csv or .npy"), "{error}");
        let error = refused(&folder.path().join("x.npy"), &[Format::Json, Format::Csv]);
        assert!(error.ends_with("its name must end in .json or .csv"), "{error}");
        let error = refused(folder.path(), &[Format::Text]);
        assert!(error.ends_with("it is a folder"), "{error}");
        let error = refused(&folder.path().join("missing/report.md"), &[Format::Text]);
        assert!(error.contains("missing/report.md"), "{error}");
        let file = OutputFile::new(&folder.path().join("x.csv"), all).unwrap();
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "the trial is gone");
        assert_eq!(file.format(), Format::Csv);
    }

    #[test]
    fn a_matrix_has_a_line_per_row() {
        let mut out = Vec::new();
        write_csv(&Matrix::from_row_slice(2, 2, &[1.0, -0.5, 1e-9, f64::INFINITY]), &mut out).unwrap();
        assert_eq!(out, b"1,-0.5\n0.000000001,inf\n");
    }
}
