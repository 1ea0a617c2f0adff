//! Opens arrays in archives of NumPy (`.npz`), by their keys: `"data.npz:x"`.
//!
//! Format: a zip archive with a file `KEY.npy` for each array, stored or deflated.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, FileReader, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipArchiveEntryWayfinder};
use widenet_document::excerpt;
use widenet_system::files;

use super::{files::BinaryFile, origin::check_memory};
use crate::error::{Error, Result};

/// What stands between an archive and a key.
const SEPARATOR: &str = ".npz:";

/// The archive and the key of a path such as `data.npz:x`.
pub(super) fn archive_and_key(path: &Path) -> Option<(PathBuf, &str)> {
    let (start, key) = path.to_str()?.split_once(SEPARATOR)?;
    Some((PathBuf::from(format!("{start}.npz")), key))
}

/// Opens the array of a key; `path` is what the problem calls it.
///
/// # Errors
/// An archive that cannot be read, a key that it does not have, and an array that does not fit into memory.
pub(super) fn open(path: &Path, archive: &Path, key: &str) -> Result<BinaryFile> {
    let name = path.display().to_string();
    let wrong = |message: String| Error::Data { what: name.clone(), message };
    let arrays = Arrays::open(archive)?;
    let array = arrays.arrays.iter().find(|array| array.key == key).ok_or_else(|| {
        wrong(format!("it has no array `{}`; its arrays are {}", excerpt(key), excerpt(&arrays.keys())))
    })?;
    let entry = arrays.archive.get_entry(array.place).map_err(|error| wrong(damaged(&error)))?;
    let size = array.place.uncompressed_size_hint();
    match array.method {
        CompressionMethod::STORE => {
            let start = entry.compressed_data_range().0;
            Ok(BinaryFile::open_any(archive)?.part(path.to_owned(), start, size))
        }
        CompressionMethod::DEFLATE => {
            // Held as a whole, and read in parts.
            check_memory(&name, "its numbers", size.saturating_mul(2), |_| "store the array with numpy.save".into())?;
            let mut bytes = Vec::new();
            let numbers = entry.verifying_reader(DeflateDecoder::new(entry.reader()));
            numbers.take(size.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| wrong(damaged(&error)))?;
            Ok(BinaryFile::held(path.to_owned(), bytes))
        }
        _ => {
            Err(wrong("it is compressed in a way that NumPy does not use; store it with numpy.savez_compressed".into()))
        }
    }
}

fn damaged(error: &dyn std::error::Error) -> String {
    format!("it is damaged: {error}")
}

/// Why an archive without a key is not enough, if the path is one.
///
/// # Errors
/// What it holds, and how to name it.
pub(super) fn refuse_without_key(path: &Path) -> Result<()> {
    if path.extension().is_none_or(|extension| extension != "npz") {
        return Ok(());
    }
    let keys = Arrays::open(path)?.keys();
    let (file, first) =
        (path.file_name().unwrap_or_default().to_string_lossy(), keys.split(',').next().unwrap_or("KEY"));
    Err(Error::Data {
        what: path.display().to_string(),
        message: format!(
            "it holds the arrays {}; name one by its key, as in \"{file}:{}\"",
            excerpt(&keys),
            excerpt(first)
        ),
    })
}

/// An open archive, and where its arrays are.
struct Arrays {
    archive: ZipArchive<FileReader>,
    arrays: Vec<Entry>,
}

struct Entry {
    key: String,
    place: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
}

impl Arrays {
    fn open(path: &Path) -> Result<Arrays> {
        let file =
            files::open(path).map_err(|error| Error::Unreadable { path: path.into(), reason: error.to_string() })?;
        let none = |error: rawzip::Error| Error::Data {
            what: path.display().to_string(),
            message: format!("it is no archive of NumPy arrays (.npz): {error}"),
        };
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let archive = ZipArchive::from_file(file, &mut buffer).map_err(none)?;
        let mut arrays = Vec::new();
        let mut entries = archive.entries(&mut buffer);
        while let Some(entry) = entries.next_entry().map_err(none)? {
            if arrays.len() == MOST_ARRAYS {
                return Err(Error::Data {
                    what: path.display().to_string(),
                    message: format!("it has over {MOST_ARRAYS} arrays"),
                });
            }
            let name = String::from_utf8_lossy(entry.file_path().as_ref()).into_owned();
            let key = name.strip_suffix(".npy").unwrap_or(&name).to_owned();
            arrays.push(Entry { key, place: entry.wayfinder(), method: entry.compression_method() });
        }
        Ok(Arrays { archive, arrays })
    }

    /// The keys of all arrays, with commas.
    fn keys(&self) -> String {
        self.arrays.iter().map(|array| array.key.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// Most arrays of an archive.
const MOST_ARRAYS: usize = 100_000;
