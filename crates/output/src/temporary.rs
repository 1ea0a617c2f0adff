//! Files and folders that are being written, and what killed processes left of them.
//!
//! ```text
//! .NAME.HOST-NAMESPACE.PID.START.RANDOM.tmp
//! ```
//!
//! The name tells who writes: the host and its process namespace, the process and when it started. What a dead process of this host left is
//! removed at the next start, however young it is; the files of living processes and of other hosts stay, however old. Clocks are not asked.

use std::{fs, path::Path};

use tempfile::{Builder, NamedTempFile, TempDir};

use crate::{
    error::{Error, Result},
    owner::Owner,
};

const SUFFIX: &str = ".tmp";
/// Longest part of the final name in that of a temporary file, in characters: file systems allow 255 bytes in all.
const MAX_NAME: usize = 40;

/// The owner that the name of a temporary file tells.
fn owner_of(name: &str) -> Option<Owner> {
    let mut parts = name.strip_prefix('.')?.strip_suffix(SUFFIX)?.rsplit('.').skip(1);
    let (start, process, host) = (parts.next()?, parts.next()?, parts.next()?);
    // Something is left: the final name.
    parts.next()?;
    Some(Owner { host: host.to_owned(), process: process.parse().ok()?, start: start.parse().ok()? })
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

fn short_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().chars().take(MAX_NAME).collect()).unwrap_or_default()
}

fn builder_prefix(path: &Path) -> String {
    let Owner { host, process, start } = Owner::own();
    format!(".{}.{host}.{process}.{start}.", short_name(path))
}

/// A new file beside `path`, with the permissions of any new file.
pub(crate) fn temporary_file(path: &Path) -> std::io::Result<NamedTempFile> {
    let prefix = builder_prefix(path);
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(SUFFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder_of(path)).map_err(reason)
}

/// The system's reason alone: the path of a temporary file, which `tempfile` appends, says nothing to a user.
fn reason(error: std::io::Error) -> std::io::Error {
    let said = error.to_string();
    match said.split_once(" at path ") {
        Some((reason, _)) => std::io::Error::new(error.kind(), reason),
        None => error,
    }
}

/// A new folder beside `path`, for encoders that want a path of their own to write to. It goes with all that is in it when the value does.
///
/// # Errors
/// [`Error`] if it cannot be made.
pub fn temporary_folder(path: &Path) -> Result<TempDir> {
    let made = Builder::new().prefix(&builder_prefix(path)).suffix(SUFFIX).tempdir_in(folder_of(path));
    made.map_err(|error| Error::new("write", path, reason(error)))
}

/// Removes what dead processes left in a folder. What cannot be removed stays: it harms nothing.
pub fn remove_leftovers(folder: &Path) {
    remove_where(folder, |_| true);
}

/// Removes what dead processes left of one file.
pub(crate) fn remove_leftovers_of(path: &Path) {
    let prefix = format!(".{}.", short_name(path));
    remove_where(folder_of(path), |name| name.starts_with(&prefix));
}

fn remove_where(folder: &Path, counts: impl Fn(&str) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_leftover = |name: &str| counts(name) && owner_of(name).is_some_and(|owner| owner.is_gone());
        if name.to_str().is_some_and(is_leftover) {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let _ = if is_folder { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::owner::start_of;

    /// The name that a process with these marks would choose.
    fn name(host: &str, process: u32, start: u64) -> String {
        format!(".table.csv.{host}.{process}.{start}.aB3xYz{SUFFIX}")
    }

    #[test]
    fn a_name_tells_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let file = temporary_file(&folder.path().join("a.b.csv")).unwrap();
        let found = file.path().file_name().unwrap().to_str().unwrap();
        assert!(found.starts_with(".a.b.csv.") && owner_of(found).as_ref() == Some(Owner::own()), "{found}");
        assert!(!Owner::own().is_gone());
        for other in [".tmp", ".x.tmp", "table.csv", ".table.csv.host.pid.1.abc.tmp", ".1.2.x.tmp"] {
            assert_eq!(owner_of(other), None, "{other}");
        }
    }

    #[test]
    fn errors_do_not_name_the_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = temporary_file(&folder.path().join("missing/x.json")).unwrap_err().to_string();
        assert!(error.contains("No such file") && !error.contains(SUFFIX), "{error}");
    }

    /// Of this host, a dead process' file goes at once; a living process' and another host's stay. A number that another process has now
    /// is told by its start.
    #[test]
    fn leftovers_go_by_owner() {
        let folder = tempfile::tempdir().unwrap();
        let own = Owner::own();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let start = start_of(child.id()).unwrap();
        let names = [
            (name(&own.host, child.id(), start), true),
            (name(&own.host, own.process, own.start), true),
            (name(&own.host, own.process, own.start + 1), false),
            (name(&own.host, u32::MAX, 5), false),
            (name("another-1", u32::MAX, 5), true),
            (".tmpAbCdEf".to_owned(), true),
        ];
        for (name, _) in &names {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let left = folder.path().join(name(&own.host, u32::MAX, 7));
        fs::create_dir(&left).unwrap();
        fs::write(left.join(".tmpXyZ"), "x").unwrap();
        remove_leftovers(folder.path());
        for (name, stays) in &names {
            assert_eq!(folder.path().join(name).exists(), *stays, "{name}");
        }
        assert!(!left.exists());
        child.kill().unwrap();
        // A process that was killed and not yet waited for writes no more.
        while start_of(child.id()).is_some() {
            std::thread::yield_now();
        }
        remove_leftovers_of(&folder.path().join("other.csv"));
        assert!(folder.path().join(&names[0].0).exists(), "that of another file");
        remove_leftovers_of(&folder.path().join("table.csv"));
        assert!(!folder.path().join(&names[0].0).exists());
        child.wait().unwrap();
    }
}
