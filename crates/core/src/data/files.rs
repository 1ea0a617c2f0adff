//! Binary files come as pairs of keys and are read at offsets; their length is known before anything is allocated.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use widenet_document::Written;
use widenet_system::{files, memory};

use crate::{
    error::{Error, Result},
    humanized,
};

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
        (
            b"PK\x03\x04",
            "it is an archive; arrays of a .npz of NumPy are named by their keys with data.kind = \"npy\", as in \"data.npz:x\", and \
             others must be unpacked",
        ),
        (b"\x89PNG", "it is a PNG image; store images as arrays of .npy or IDX files"),
        (&[0xff, 0xd8, 0xff], "it is a JPEG image; store images as arrays of .npy or IDX files"),
        (b"\x89HDF", "it is an HDF5 file; store its arrays with numpy.save"),
        (b"MATLAB 5", "it is a MATLAB file; store its arrays with numpy.save after scipy.io.loadmat"),
        (b"PAR1", "it is a Parquet table; read it with data.kind = \"parquet\""),
    ];
    let is_tar = start.get(TAR_MARK).is_some_and(|mark| mark == b"ustar");
    if is_pickle(start) {
        return Some(PICKLE);
    }
    let known = KNOWN.iter().find(|(bytes, _)| start.starts_with(bytes)).map(|(_, what)| *what);
    known.or(is_tar.then_some("it is an archive of tar; unpack it first (tar xf)"))
}

/// Whether bytes begin a Python pickle of a protocol that has a header.
pub(super) fn is_pickle(start: &[u8]) -> bool {
    matches!(start, [0x80, 2..=5, ..])
}

/// Where an archive of tar says what it is.
const TAR_MARK: Range<usize> = 257..262;

/// How files of gzip begin.
const GZIP: &[u8] = &[0x1f, 0x8b];

const PICKLE: &str = "it is a Python pickle, which may run any program when it is read; load it in Python and store arrays with numpy.save";

/// An open file of known length. What was compressed is held as a whole.
pub(super) struct BinaryFile {
    path: PathBuf,
    content: Content,
    length: u64,
}

enum Content {
    /// Bytes of a file from `start` on.
    Stored { file: File, start: u64 },
    /// Bytes that were compressed.
    Held(Vec<u8>),
}

impl BinaryFile {
    /// Opens a file, compressed with gzip or not.
    ///
    /// # Errors
    /// A file that cannot be read or decompressed, and one that is no data, by what it is.
    pub(super) fn open(path: &Path) -> Result<BinaryFile> {
        BinaryFile::open_unless(path, |_| None)
    }

    /// The same; `refused` says first of the first bytes why a file is not what is wanted.
    pub(super) fn open_unless(path: &Path, refused: impl Fn(&[u8]) -> Option<&'static str>) -> Result<BinaryFile> {
        let mut opened = BinaryFile::open_any(path)?;
        if opened.start()?.starts_with(GZIP) {
            opened = opened.decompressed()?;
        }
        let start = opened.start()?;
        match refused(&start).or_else(|| foreign(&start)) {
            Some(what) => Err(opened.error(what)),
            None => Ok(opened),
        }
    }

    /// Opens a file whatever it is.
    pub(super) fn open_any(path: &Path) -> Result<BinaryFile> {
        let unreadable = |error: io::Error| Error::Unreadable { path: path.into(), reason: error.to_string() };
        let file = files::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        Ok(BinaryFile { path: path.into(), content: Content::Stored { file, start: 0 }, length })
    }

    /// Some bytes of this file under another name.
    pub(super) fn part(self, path: PathBuf, start: u64, length: u64) -> BinaryFile {
        BinaryFile {
            path,
            length,
            content: match self.content {
                Content::Stored { file, .. } => Content::Stored { file, start },
                held @ Content::Held(_) => held,
            },
        }
    }

    /// Bytes that were compressed in a file.
    pub(super) fn held(path: PathBuf, bytes: Vec<u8>) -> BinaryFile {
        BinaryFile { path, length: bytes.len() as u64, content: Content::Held(bytes) }
    }

    fn start(&self) -> Result<Vec<u8>> {
        self.read(0, self.length.min(TAR_MARK.end as u64))
    }

    /// What gzip has compressed. A small file may hold any number of bytes: those that fit into memory are taken.
    fn decompressed(self) -> Result<BinaryFile> {
        let most = memory::available().unwrap_or(u64::MAX) / 2;
        let mut bytes = Vec::new();
        let read = MultiGzDecoder::new(self.reader()?).take(most.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| self.error(format!("it is compressed with gzip and damaged: {error}")))?;
        if bytes.len() as u64 > most {
            return Err(self.error(format!(
                "it is compressed with gzip and holds over {}, more than there is memory for; decompress it first",
                humanized::bytes(most)
            )));
        }
        Ok(BinaryFile::held(self.path, bytes))
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

    fn unreadable(&self, error: &io::Error) -> Error {
        Error::Unreadable { path: self.path.clone(), reason: error.to_string() }
    }

    /// Reads it from its beginning.
    pub(super) fn reader(&self) -> Result<Box<dyn Read + '_>> {
        Ok(match &self.content {
            Content::Held(bytes) => Box::new(bytes.as_slice()),
            Content::Stored { file, start } => {
                let mut reader = file;
                reader.seek(SeekFrom::Start(*start)).map_err(|error| self.unreadable(&error))?;
                Box::new(BufReader::new(reader.take(self.length)))
            }
        })
    }

    /// Exactly `count` bytes from `offset`.
    pub(super) fn read(&self, offset: u64, count: u64) -> Result<Vec<u8>> {
        if offset.checked_add(count).is_none_or(|end| end > self.length) {
            return Err(self.error(format!(
                "it ends after {} bytes; {count} bytes from byte {offset} on are expected",
                self.length
            )));
        }
        match &self.content {
            Content::Held(bytes) => Ok(bytes[offset as usize..(offset + count) as usize].to_vec()),
            Content::Stored { file, start } => {
                let mut bytes = vec![0; count as usize];
                let mut reader = file;
                reader
                    .seek(SeekFrom::Start(start.saturating_add(offset)))
                    .and_then(|_| reader.read_exact(&mut bytes))
                    .map_err(|error| self.unreadable(&error))?;
                Ok(bytes)
            }
        }
    }
}
