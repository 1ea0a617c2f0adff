//! Binary files: pairs of paths, and reading at offsets with the length known before anything is allocated.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use crate::{Error, Result, document::Reader};

/// A file of inputs and a file of targets, row for row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FilePair {
    pub(super) inputs: PathBuf,
    pub(super) targets: PathBuf,
}

impl FilePair {
    /// Reads the paths at the two keys.
    pub(super) fn parse(table: &mut Reader, [inputs, targets]: [&'static str; 2]) -> Result<FilePair> {
        Ok(FilePair {
            inputs: table.required(inputs, |field| field.string())?.into(),
            targets: table.required(targets, |field| field.string())?.into(),
        })
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
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(Error::Unreadable { path: path.into(), reason: "it is a folder".into() });
        }
        let opened = BinaryFile { path: path.into(), file, length: metadata.len() };
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
