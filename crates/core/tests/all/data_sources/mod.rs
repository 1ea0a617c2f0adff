//! Data of every kind, and an error for every way in which they can be wrong.

mod cifar;
mod csv;
mod idx;
mod inline;
mod inputs;
mod npy;
mod npz;
mod parquet;
mod people;
mod teacher;

use std::{fs, path::Path};

use tempfile::TempDir;
use widenet_core::{
    Matrix, Result,
    data::{DataSource, Dataset},
    document::Document,
};

/// Loads the section `[data]` given as text, with files in `folder`.
fn load(section: &str, folder: &Path) -> Result<Dataset> {
    let document = Document::from_toml("problem.toml", &format!("[data]\n{section}"))?;
    DataSource::parse(&document.field("data").unwrap())?.load(folder)
}

fn assert_refused(section: &str, folder: &Path, parts: &[&str]) {
    let error = load(section, folder).expect_err(section).to_string();
    assert!(parts.iter().all(|part| error.contains(part)), "{section}: {error}\ndoes not contain {parts:?}");
}

fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn matrix(columns: usize, values: &[f64]) -> Matrix {
    Matrix::from_row_slice(values.len() / columns, columns, values)
}
