//! Files that are read are plain files: a pipe may never begin, and a device may never end.

use std::{
    fs::{self, File, FileType},
    io::{self, Read},
    path::Path,
};

use crate::memory;

/// Opens a plain file for reading.
///
/// # Errors
/// Those of the system; anything that is not a plain file, by its kind.
pub fn open(path: &Path) -> io::Result<File> {
    // Before it is opened: opening a pipe waits for who writes to it.
    refuse(fs::metadata(path)?.file_type())?;
    let file = File::open(path)?;
    refuse(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a plain file that fits into memory.
///
/// # Errors
/// As for [`open`]; a larger file, with its size.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_at_most(path, memory::available().unwrap_or(u64::MAX))
}

/// Reads a plain file that is no larger than a number of bytes.
///
/// # Errors
/// As for [`open`]; a larger file, with its size.
pub fn read_at_most(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut file = open(path)?;
    let length = file.metadata()?.len();
    if length > most {
        return Err(io::Error::other(format!("it has {length} bytes, and at most {most} are read")));
    }
    let mut bytes = Vec::new();
    // Files of the system say that they are empty, and are not.
    let read = file.by_ref().take(most).read_to_end(&mut bytes)?;
    match (read as u64 == most).then(|| file.read(&mut [0])) {
        None | Some(Ok(0)) => Ok(bytes),
        Some(Ok(_)) => Err(io::Error::other(format!("it has more than {most} bytes, the most that are read"))),
        Some(Err(error)) => Err(error),
    }
}

/// Reads a plain file of text, as [`read_at_most`] does.
///
/// # Errors
/// As for [`read_at_most`]; text that is not UTF-8.
pub fn read_to_string(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read_at_most(path, most)?)
        .map_err(|error| io::Error::other(format!("it is not UTF-8 text: {error}")))
}

fn refuse(kind: FileType) -> io::Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    Err(io::Error::other(format!("it is {}, not a plain file", name(kind))))
}

#[cfg(unix)]
fn name(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match kind {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a pipe (FIFO)",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "something else",
    }
}

#[cfg(not(unix))]
fn name(kind: FileType) -> &'static str {
    if kind.is_dir() { "a folder" } else { "something else" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_most() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("five");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_to_string(&path, 5).unwrap(), "12345");
        let error = read_at_most(&path, 4).unwrap_err().to_string();
        assert!(error.contains("it has 5 bytes, and at most 4 are read"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_a_plain_file_is_refused_by_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        let socket = folder.path().join("socket");
        let _bound = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, kind) in [
            (folder.path(), "a folder"),
            (&fifo, "a pipe (FIFO)"),
            (&socket, "a socket"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            for error in [open(path).unwrap_err(), read(path).unwrap_err()] {
                assert_eq!(error.to_string(), format!("it is {kind}, not a plain file"));
            }
        }
    }

    /// A file of the system says that it has 0 bytes.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_is_longer_than_it_says_is_noticed() {
        let path = Path::new("/proc/self/status");
        assert_eq!(fs::metadata(path).unwrap().len(), 0);
        assert!(read(path).unwrap().len() > 100);
        let error = read_at_most(path, 10).unwrap_err().to_string();
        assert!(error.contains("more than 10 bytes"), "{error}");
    }
}
