//! What the file of a lease says, and which lease of a folder counts.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::SystemTime,
};

use serde::{Deserialize, Serialize};
use widenet_system::files;

use crate::{
    error::{Error, Result},
    owner::Owner,
    whole::remove_file,
};

/// Bytes of a lease: it is rewritten in place, and all its states have one length.
const LENGTH: usize = 1024;

/// A job of a batch system, which runs once more after its node has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its name in the batch system, with the index of its task.
    pub id: String,
    /// How often it was started before.
    pub restart: u64,
}

/// What a lease says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Holder {
    /// The process that works.
    pub owner: Owner,
    /// Which start of the host's system it lives in: hosts may have one name, and a host starts again.
    pub boot: String,
    /// Which of its runs, of several in one process.
    pub run: u64,
    /// The job that it belongs to.
    pub job: Option<Job>,
    /// When it began, in seconds since 1970 of its own clock.
    pub since: u64,
    /// Seconds between beats.
    pub every: f64,
    /// Beats so far.
    pub beat: u64,
    /// The work has been given up; anybody may go on.
    pub released: bool,
}

impl Holder {
    /// Says whether its process runs, if that can be known here.
    pub fn is_running(&self) -> Option<bool> {
        if self.boot == own_boot() { self.owner.is_running() } else { None }
    }

    /// Whether both are of one run of one process.
    pub(super) fn is_same_run(&self, other: &Holder) -> bool {
        (&self.owner, self.run, self.since) == (&other.owner, other.run, other.since)
    }
}

/// Which start of the system this is.
pub(super) fn own_boot() -> &'static str {
    static OWN: LazyLock<String> =
        LazyLock::new(|| fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned());
    &OWN
}

/// The lease that counts, as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub(super) number: u64,
    /// What it says; nothing if it is only being written.
    pub holder: Option<Holder>,
}

impl Seen {
    /// Returns what is known of a lease that was not read.
    pub fn unknown() -> Seen {
        Seen { number: 0, holder: None }
    }
}

/// The file of a lease.
pub(super) fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("lease-{number}.json"))
}

/// The lease of a number, if it is there.
pub(super) fn read(folder: &Path, number: u64) -> Result<Option<Seen>> {
    let path = path_of(folder, number);
    match files::read_at_most(&path, 2 * LENGTH as u64) {
        Ok(bytes) => Ok(Some(Seen { number, holder: serde_json::from_slice(&bytes).ok() })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::new("read", &path, error)),
    }
}

/// The lease that counts.
pub(super) fn last(folder: &Path) -> Result<Option<Seen>> {
    let mut last = None;
    for number in 1.. {
        match read(folder, number)? {
            None => break,
            seen => last = seen,
        }
    }
    Ok(last)
}

/// Returns what the lease of a folder says and when it was last written, if there is one that was not given up.
///
/// # Errors
/// [`Error`] of a lease that cannot be read.
pub fn holder_of(folder: &Path) -> Result<Option<(Holder, SystemTime)>> {
    let Some(Seen { number, holder: Some(holder) }) = last(folder)? else { return Ok(None) };
    let changed = fs::metadata(path_of(folder, number)).and_then(|found| found.modified());
    // It may be gone by now.
    Ok(changed.ok().filter(|_| !holder.released).map(|changed| (holder, changed)))
}

/// Removes all leases of a folder in which there is nothing left to do.
///
/// # Errors
/// [`Error`] of one that cannot be removed.
pub fn remove_leases(folder: &Path) -> Result<()> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let number = |name: &str| name.strip_prefix("lease-")?.strip_suffix(".json")?.parse::<u64>().ok();
    let mut numbers: Vec<u64> = entries.filter_map(|entry| number(entry.file_name().to_str()?)).collect();
    // The one that counts last.
    numbers.sort_unstable();
    numbers.into_iter().try_for_each(|number| remove_file(&path_of(folder, number)))
}

/// The bytes of a lease.
pub(super) fn bytes(holder: &Holder) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(holder).unwrap_or_default();
    bytes.resize(bytes.len().max(LENGTH - 1), b' ');
    bytes.push(b'\n');
    bytes
}
