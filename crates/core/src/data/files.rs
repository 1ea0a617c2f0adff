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

/// What a file is that begins with these bytes, if it is one that people take for data, and what to do.
pub(super) fn foreign(start: &[u8]) -> Option<&'static str> {
    const KNOWN: &[(&[u8], &str)] = &[
        (&[0x1f, 0x8b], "it is compressed with gzip; decompress it first"),
        (
            b"PK\x03\x04",
            "it is an archive, such as a .npz of NumPy; store each array with numpy.save(\"name.npy\", array)",
        ),
        (b"\x80\x02", PICKLE),
        (b"\x80\x03", PICKLE),
        (b"\x80\x04", PICKLE),
        (b"\x80\x05", PICKLE),
        (b"\x89PNG", "it is a PNG image; store images as arrays of .npy or IDX files"),
        (&[0xff, 0xd8, 0xff], "it is a JPEG image; store images as arrays of .npy or IDX files"),
        (b"\x89HDF", "it is an HDF5 file; store its arrays with numpy.save"),
        (b"MATLAB 5", "it is a MATLAB file; store its arrays with numpy.save after scipy.io.loadmat"),
        (b"PAR1", "it is a Parquet table; store it as CSV"),
    ];
    KNOWN.iter().find(|(bytes, _)| start.starts_with(bytes)).map(|(_, what)| *what)
}

const PICKLE: &str = "it is a Python pickle, which may run any program when it is read; load it in Python and store arrays with numpy.save";

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
        if let Some(what) = foreign(&opened.read(0, opened.length.min(8))?) {
            return Err(opened.error(what));
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
