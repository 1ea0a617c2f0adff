//! A file appears whole or not at all: it is written beside its place, synced, and renamed.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::Path,
};

use crate::{
    error::{Error, Result},
    hold::being_written,
    temporary::temporary_file,
};

/// Removes a file that another process may remove first.
///
/// # Errors
/// [`Error`] if it is there and cannot be removed.
pub fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::new("remove", path, error)),
        _ => Ok(()),
    }
}

/// What a power cut may take. A killed process loses nothing that it has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: the file is on the disk when it is there.
    Synced,
    /// A file that the system has not written yet, which it does within half a minute. Hashes tell a file that is not whole, and its
    /// trial runs again.
    Repeatable,
}

/// Seconds of work that are worth two syncs of milliseconds each: files of shorter trials may be lost to a power cut, and are made again.
const WORTH_A_SYNC: f64 = 1.0;

impl Durability {
    /// Returns what files are worth that took so many seconds to make.
    pub fn of(seconds: f64) -> Durability {
        if seconds < WORTH_A_SYNC { Durability::Repeatable } else { Durability::Synced }
    }

    /// Returns what results are worth of a run that took so many seconds since it was last started: what replaces a checkpoint is worth the
    /// work before it.
    pub fn of_run(seconds: f64, has_checkpoint: bool) -> Durability {
        if has_checkpoint { Durability::Synced } else { Durability::of(seconds) }
    }
}

/// Writes a file so that it appears whole: beside its place, synced, renamed, and the directory synced.
///
/// # Errors
/// [`Error`] if it cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    stream_whole(path, Durability::Synced, |file| file.write_all(bytes))
}

/// Does the same as [`write_whole`] unless the file has these bytes already: it may be in a folder that cannot be written to.
///
/// # Errors
/// [`Error`] if it cannot be written.
pub fn write_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    let has_length = |found: fs::Metadata| found.is_file() && found.len() == bytes.len() as u64;
    let is_same = fs::metadata(path).is_ok_and(has_length) && fs::read(path).is_ok_and(|found| found == bytes);
    if is_same { Ok(()) } else { write_whole(path, bytes) }
}

/// Does the same as [`write_whole`] for a file that is made piece by piece and is worth a durability.
///
/// # Errors
/// [`Error`] of the file.
pub fn stream_whole(
    path: &Path,
    durability: Durability,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<()> {
    let _whole = being_written();
    let written = temporary_file(path).and_then(|mut file| {
        write(file.as_file_mut())?;
        if durability == Durability::Synced {
            file.as_file().sync_all()?;
        }
        file.persist(path).map_err(|error| error.error)?;
        match path.parent() {
            // Only Unix can sync a directory; the parent of a bare file name is the current one.
            Some(parent) if cfg!(unix) && durability == Durability::Synced => {
                File::open(Path::new(".").join(parent))?.sync_all()
            }
            _ => Ok(()),
        }
    });
    written.map_err(|error| Error::new("write", path, error))
}

/// Makes a directory and its parents.
///
/// # Errors
/// [`Error`] if it cannot be made.
pub fn create_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| Error::new("create", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_replaces_a_checkpoint_is_synced_however_short_the_last_leg() {
        assert_eq!(Durability::of_run(0.1, false), Durability::Repeatable);
        assert_eq!(Durability::of_run(0.1, true), Durability::Synced);
        assert_eq!(Durability::of_run(1.5, false), Durability::Synced);
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_may_be_read_by_whom_any_new_file_may() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (plain, whole) = (folder.path().join("plain"), folder.path().join("whole"));
        fs::write(&plain, "x").unwrap();
        write_whole(&whole, b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&whole), mode(&plain));
    }

    #[test]
    fn a_file_that_cannot_be_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        let failed = stream_whole(&path, Durability::Repeatable, |_| Err(std::io::Error::other("the disk is full")));
        assert!(failed.unwrap_err().to_string().contains("the disk is full"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_the_same_is_not_written_again() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        let number = |bytes: &[u8]| {
            write_changed(&path, bytes).unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes);
            fs::metadata(&path).unwrap().ino()
        };
        let first = number(b"1");
        assert_eq!(number(b"1"), first);
        assert_ne!(number(b"2"), first);
    }
}
