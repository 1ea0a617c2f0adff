//! The study of a run directory is read from what is in it.

use std::path::{Path, PathBuf};

use widenet_core::document::Document;

use super::manifest::Manifest;
use crate::{
    error::{Error, Result},
    study::Study,
};

/// Reads the manifest and the study of a run directory.
///
/// # Errors
/// [`Error::Directory`] if it is none, and those of its files.
pub(crate) fn open(directory: &Path) -> Result<(Manifest, Study)> {
    let manifest = Manifest::read(directory)?;
    let document = Document::load(&directory.join("resolved.toml"))?;
    let path = directory.join(&manifest.source);
    let text =
        widenet_system::files::read_to_string(&path, u64::MAX).map_err(|error| Error::file("read", &path, error))?;
    let extension = manifest.source.rsplit('.').next().unwrap_or_default().to_owned();
    let study = Study::from_document(document, (text, extension), manifest.base.clone())?;
    Ok((manifest, study))
}

/// Returns the study of a run directory, exactly as it ran there, and the folder of run directories in which running it continues.
///
/// # Errors
/// [`Error::Directory`] if it is none or has another name than when it was made, and those of its files.
pub fn study_of(directory: &Path) -> Result<(Study, PathBuf)> {
    let (manifest, study) = open(directory)?;
    let name = format!("{}-{}", manifest.study, manifest.hash.get(..8).unwrap_or_default());
    let absolute = std::path::absolute(directory).map_err(|error| Error::file("find", directory, error))?;
    match absolute.parent().filter(|_| absolute.file_name().is_some_and(|found| *found == *name)) {
        Some(out) => Ok((study, out.to_owned())),
        None => Err(Error::directory(
            directory,
            format!("it was made as {name}; give it that name again to continue in it"),
        )),
    }
}
