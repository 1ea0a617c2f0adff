//! A file appears whole or not at all: it is written under another name, synced, and renamed.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::error::{Error, Result};

/// Returns a name next to `path` that no other process or thread uses, on this or another machine.
pub fn aside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    path.with_file_name(format!(".{name}.{}-{count}-{nanoseconds}.tmp", std::process::id()))
}

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

/// Writes a file so that it appears whole: aside, synced, renamed, and the directory synced.
///
/// # Errors
/// [`Error`] if it cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    stream_whole(path, |file| file.write_all(bytes))
}

/// Does the same as [`write_whole`] for a file that is made piece by piece.
///
/// # Errors
/// [`Error`] if it cannot be written.
pub fn stream_whole(path: &Path, write: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<()> {
    place(path, Durability::Synced, write)
}

/// Does the same as [`write_whole`] for a file that is made piece by piece and is worth a durability.
///
/// # Errors
/// [`Error`] of the file.
pub fn place(path: &Path, durability: Durability, write: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<()> {
    let aside = aside(path);
    let written = File::create(&aside).and_then(|mut file| {
        write(&mut file)?;
        if durability == Durability::Repeatable {
            return fs::rename(&aside, path);
        }
        file.sync_all()?;
        fs::rename(&aside, path)?;
        match path.parent() {
            // Only Unix can sync a directory; the parent of a bare file name is the current one.
            Some(parent) if cfg!(unix) => File::open(Path::new(".").join(parent))?.sync_all(),
            _ => Ok(()),
        }
    });
    written.map_err(|error| {
        let _ = fs::remove_file(&aside);
        Error::new("write", path, error)
    })
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
}
