//! Binary files come as pairs of keys and are read at offsets; their length is known before anything is allocated.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use widenet_document::Written;
use widenet_system::files;

use crate::error::{Error, Result};

/// Refuses the file of test inputs without that of their targets, and the other way round.
pub(super) fn both_or_none(table: &Written<'_>, keys: [&str; 2]) -> widenet_document::Result<()> {
    let [first, second] = keys.map(|key| table.given(key).is_some());
    match (first, second) {
        (true, false) => Err(table.missing(keys[1])),
        (false, true) => Err(table.missing(keys[0])),
        _ => Ok(()),
    }
}

/// An open file of known length.
#[derive(Debug)]
pub(super) struct BinaryFile {
    path: PathBuf,
    file: File,
    length: u64,
}

impl BinaryFile {
    pub(super) fn open(path: &Path) -> Result<BinaryFile> {
        let unreadable = |error: std::io::Error| Error::Unreadable { path: path.into(), reason: error.to_string() };
        let file = files::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let opened = BinaryFile { path: path.into(), file, length };
        if opened.read(0, opened.length.min(2))? == [0x1f, 0x8b] {
            return Err(opened.error("it is compressed with gzip; decompress it first"));
        }
        Ok(opened)
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What errors call the file.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// An error about the content of the file.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        Error::Data { what: self.name(), message: message.into() }
    }

    /// Exactly `count` bytes from `offset`.
    pub(super) fn read(&self, offset: u64, count: u64) -> Result<Vec<u8>> {
        if offset.checked_add(count).is_none_or(|end| end > self.length) {
            return Err(self.error(format!(
                "it ends after {} bytes; {count} bytes from byte {offset} on are expected",
                self.length
            )));
        }
        let mut bytes = vec![0; count as usize];
        let mut reader = &self.file;
        reader
            .seek(SeekFrom::Start(offset))
            .and_then(|_| reader.read_exact(&mut bytes))
            .map_err(|error| Error::Unreadable { path: self.path.clone(), reason: error.to_string() })?;
        Ok(bytes)
    }
}
