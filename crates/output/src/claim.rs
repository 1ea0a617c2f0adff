//! One worker at a time in a folder that several machines share: who works there holds a claim.
//!
//! ```text
//! claim-1.json  claim-2.json  …
//! ```
//!
//! A claim is a file that is made by exclusive creation, which network file systems do at one place, and the claim with the highest number
//! counts. Nobody changes or removes that of another: who takes over makes the next number, and of several who try one succeeds. The holder
//! rewrites its claim in place every few seconds (a beat). Who has read the same beat [`PATIENCE`] times, each time an interval after the
//! last, takes the holder for dead; a holder that was only slow finds the next number at its next beat, and stops. Processes of the same host
//! are asked about directly, and no clocks are compared. Locks of the file system are not used: network file systems lose them.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{
        LazyLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use widenet_system::files;

use crate::{
    error::{Error, Result},
    owner::Owner,
    whole::remove_file,
};

/// Readings without a beat after which a holder counts as dead.
const PATIENCE: u32 = 6;

/// Bytes of a claim: it is rewritten in place, and all its states have one length.
const LENGTH: usize = 1024;

/// A job of a batch system, which runs once more after its node has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its name in the batch system, with the index of its task.
    pub id: String,
    /// How often it was started before.
    pub restart: u64,
}

/// What a claim says.
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

    fn is_same_run(&self, other: &Holder) -> bool {
        (&self.owner, self.run, self.since) == (&other.owner, other.run, other.since)
    }
}

fn own_boot() -> &'static str {
    static OWN: LazyLock<String> =
        LazyLock::new(|| fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned());
    &OWN
}

/// The claim that counts, as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    number: u64,
    /// What it says; nothing if it is only being written.
    pub holder: Option<Holder>,
}

impl Seen {
    /// Returns what is known of a claim that was not read.
    pub fn unknown() -> Seen {
        Seen { number: 0, holder: None }
    }
}

/// Who claims.
#[derive(Debug, Clone)]
pub struct Claimant {
    run: u64,
    job: Option<Job>,
    every: Duration,
}

/// How an attempt went.
#[derive(Debug)]
pub enum Claimed {
    /// The folder is ours.
    Held(Claim),
    /// Somebody else has it, perhaps dead.
    Busy(Seen),
}

/// What is known of a folder that somebody else has.
#[derive(Debug, PartialEq)]
pub enum Look {
    /// Nobody has it any more.
    Free,
    /// Its holder works.
    Alive,
    /// Too early to tell.
    Unsure,
    /// Its holder has not moved for so long that it may be taken over.
    Dead(Seen),
}

/// The runs of this process.
static RUNS: AtomicU64 = AtomicU64::new(0);

fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("claim-{number}.json"))
}

/// The claim of a number, if it is there.
fn read(folder: &Path, number: u64) -> Result<Option<Seen>> {
    let path = path_of(folder, number);
    match files::read_at_most(&path, 2 * LENGTH as u64) {
        Ok(bytes) => Ok(Some(Seen { number, holder: serde_json::from_slice(&bytes).ok() })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::new("read", &path, error)),
    }
}

/// The claim that counts.
fn last(folder: &Path) -> Result<Option<Seen>> {
    let mut last = None;
    for number in 1.. {
        match read(folder, number)? {
            None => break,
            seen => last = seen,
        }
    }
    Ok(last)
}

/// Returns what the claim of a folder says and when it was last written, if there is one that was not given up.
///
/// # Errors
/// [`Error`] of a claim that cannot be read.
pub fn holder_of(folder: &Path) -> Result<Option<(Holder, SystemTime)>> {
    let Some(Seen { number, holder: Some(holder) }) = last(folder)? else { return Ok(None) };
    let changed = fs::metadata(path_of(folder, number)).and_then(|found| found.modified());
    // It may be gone by now.
    Ok(changed.ok().filter(|_| !holder.released).map(|changed| (holder, changed)))
}

/// Removes all claims of a folder in which there is nothing left to do.
///
/// # Errors
/// [`Error`] of one that cannot be removed.
pub fn remove_claims(folder: &Path) -> Result<()> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let number = |name: &str| name.strip_prefix("claim-")?.strip_suffix(".json")?.parse::<u64>().ok();
    let mut numbers: Vec<u64> = entries.filter_map(|entry| number(entry.file_name().to_str()?)).collect();
    // The one that counts last.
    numbers.sort_unstable();
    numbers.into_iter().try_for_each(|number| remove_file(&path_of(folder, number)))
}

impl Claimant {
    /// Returns a claimant that belongs to a job or to none, and beats so often.
    pub fn new(job: Option<Job>, every: Duration) -> Claimant {
        Claimant { run: RUNS.fetch_add(1, Ordering::Relaxed), job, every }
    }

    /// Returns what its claims say when they are made.
    pub fn holder(&self) -> Holder {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (owner, boot, job) = (Owner::own().clone(), own_boot().to_owned(), self.job.clone());
        Holder { owner, boot, run: self.run, job, since, every: self.every.as_secs_f64(), beat: 0, released: false }
    }

    /// Returns the time between beats.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// Claims a folder that is there, unless somebody else has it.
    ///
    /// # Errors
    /// [`Error`] of a claim that cannot be read or made.
    pub fn claim(&self, folder: &Path) -> Result<Claimed> {
        match last(folder)? {
            None => self.create(folder, 1),
            Some(seen) if self.is_free(&seen) => self.create(folder, seen.number + 1),
            Some(seen) => Ok(Claimed::Busy(seen)),
        }
    }

    /// Claims a folder whose holder is dead ([`Look::Dead`]), unless it has moved or somebody else was faster.
    ///
    /// # Errors
    /// As for [`Claimant::claim`].
    pub fn take_over(&self, folder: &Path, dead: &Seen) -> Result<Claimed> {
        match last(folder)? {
            Some(seen) if seen == *dead => self.create(folder, dead.number + 1),
            _ => self.claim(folder),
        }
    }

    fn create(&self, folder: &Path, number: u64) -> Result<Claimed> {
        let path = path_of(folder, number);
        let failed = |error| Error::new("create", &path, error);
        let mut file = match File::options().write(true).create_new(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Ok(Claimed::Busy(read(folder, number)?.unwrap_or(Seen { number, holder: None })));
            }
            Err(error) => return Err(failed(error)),
        };
        let holder = self.holder();
        // Not synced: who loses it in a power cut has lost its holder too.
        if let Err(error) = file.write_all(&bytes(&holder)) {
            // An empty claim would keep others waiting.
            remove_file(&path)?;
            return Err(failed(error));
        }
        Ok(Claimed::Held(Claim {
            folder: folder.to_owned(),
            number,
            holder,
            beat: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        }))
    }

    /// Whether it is known without waiting that nobody works there: it was given up, its process has ended, or its job has been started again
    /// as this one.
    fn is_free(&self, seen: &Seen) -> bool {
        let Some(holder) = &seen.holder else { return false };
        let is_own_past = |own: &Job, its: &Job| own.id == its.id && its.restart < own.restart;
        let was_restarted = self.job.as_ref().zip(holder.job.as_ref()).is_some_and(|(own, its)| is_own_past(own, its));
        holder.released || holder.is_running().map_or(was_restarted, |is_running| !is_running)
    }
}

fn bytes(holder: &Holder) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(holder).unwrap_or_default();
    bytes.resize(bytes.len().max(LENGTH - 1), b' ');
    bytes.push(b'\n');
    bytes
}

/// A folder that is ours until this is dropped, which gives it up.
#[derive(Debug)]
pub struct Claim {
    folder: PathBuf,
    number: u64,
    holder: Holder,
    beat: AtomicU64,
    is_over: AtomicBool,
}

impl Claim {
    /// Says whether nobody has taken the folder over. What cannot be read now is taken to be as it was.
    pub fn is_held(&self) -> bool {
        let is_own = match read(&self.folder, self.number) {
            Ok(Some(Seen { holder: Some(found), .. })) => found.is_same_run(&self.holder),
            Ok(None) => false,
            Ok(Some(_)) | Err(_) => true,
        };
        is_own && !matches!(read(&self.folder, self.number + 1), Ok(Some(_)))
    }

    /// Shows that the holder works, unless somebody has taken the folder over: then it says false. A beat that cannot be written is missed.
    pub fn beat(&self) -> bool {
        let is_held = self.is_held();
        if is_held {
            let beat = self.beat.fetch_add(1, Ordering::Relaxed) + 1;
            let _ = self.rewrite(&Holder { beat, ..self.holder.clone() });
        }
        is_held
    }

    /// Ends it where the work is done for ever: nothing of it stays.
    ///
    /// # Errors
    /// [`Error`] of a claim that cannot be removed.
    pub fn finish(&self) -> Result<()> {
        self.is_over.store(true, Ordering::Relaxed);
        remove_claims(&self.folder)
    }

    /// In place, and never a new file.
    fn rewrite(&self, holder: &Holder) -> std::io::Result<()> {
        File::options().write(true).open(path_of(&self.folder, self.number))?.write_all(&bytes(holder))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.is_over.load(Ordering::Relaxed) && self.is_held() {
            let beat = self.beat.load(Ordering::Relaxed) + 1;
            // Who cannot say so is taken for dead.
            let _ = self.rewrite(&Holder { beat, released: true, ..self.holder.clone() });
        }
    }
}

/// A folder of somebody else that is looked at again and again, an interval apart.
#[derive(Debug)]
pub struct Watched {
    seen: Seen,
    unchanged: u32,
}

impl Watched {
    /// Begins with what was read when the folder was found busy.
    pub fn new(seen: Seen) -> Watched {
        Watched { seen, unchanged: 0 }
    }

    /// Looks once more.
    ///
    /// # Errors
    /// [`Error`] of a claim that cannot be read.
    pub fn look(&mut self, folder: &Path, claimant: &Claimant) -> Result<Look> {
        let Some(seen) = last(folder)? else { return Ok(Look::Free) };
        if claimant.is_free(&seen) {
            return Ok(Look::Free);
        }
        let is_running = seen.holder.as_ref().and_then(|holder| holder.is_running());
        if is_running == Some(true) || seen != self.seen {
            *self = Watched::new(seen);
            return Ok(Look::Alive);
        }
        self.unchanged += 1;
        Ok(if self.unchanged < PATIENCE { Look::Unsure } else { Look::Dead(seen) })
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn claimant() -> Claimant {
        Claimant::new(None, Duration::from_secs(1))
    }

    fn held(claimed: Result<Claimed>) -> Claim {
        match claimed.expect("readable") {
            Claimed::Held(claim) => claim,
            Claimed::Busy(seen) => panic!("{seen:?}"),
        }
    }

    fn busy(claimed: Result<Claimed>) -> Seen {
        match claimed.expect("readable") {
            Claimed::Busy(seen) => seen,
            Claimed::Held(claim) => panic!("{claim:?}"),
        }
    }

    /// A claim of a process that this host cannot see.
    fn of_another_host(folder: &Path, number: u64, job: Option<Job>) -> Holder {
        let owner = Owner { host: "another-1".into(), process: 7, start: 9 };
        let holder = Holder { owner, job, ..claimant().holder() };
        fs::write(path_of(folder, number), bytes(&holder)).expect("writable");
        holder
    }

    #[test]
    fn a_folder_has_one_holder_until_it_is_given_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = held(claimant().claim(folder.path()));
        let seen = busy(claimant().claim(folder.path()));
        assert_eq!(
            Watched::new(seen).look(folder.path(), &claimant()),
            Ok(Look::Alive),
            "it is a process of this host"
        );
        assert!(
            first.beat() && holder_of(folder.path()).expect("readable").is_some_and(|(holder, _)| holder.beat == 1)
        );
        drop(first);
        assert_eq!(holder_of(folder.path()), Ok(None));
        held(claimant().claim(folder.path())).finish().expect("removable");
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
    }

    #[test]
    fn of_many_who_claim_at_once_one_succeeds() {
        let folder = tempfile::tempdir().expect("a folder");
        for dead in [None, Some(1)] {
            let attempts: Vec<Claimed> = thread::scope(|scope| {
                let attempt = || {
                    scope.spawn(|| match dead {
                        None => claimant().claim(folder.path()),
                        Some(number) => {
                            let seen = read(folder.path(), number).expect("readable").expect("a claim");
                            claimant().take_over(folder.path(), &seen)
                        }
                    })
                };
                let attempts: Vec<_> = (0..8).map(|_| attempt()).collect();
                attempts.into_iter().map(|attempt| attempt.join().expect("it ends").expect("readable")).collect()
            });
            assert_eq!(
                attempts.iter().filter(|attempt| matches!(attempt, Claimed::Held(_))).count(),
                1,
                "{attempts:?}"
            );
            drop(attempts);
            remove_claims(folder.path()).expect("removable");
            of_another_host(folder.path(), 1, None);
        }
    }

    #[test]
    fn a_holder_of_another_host_is_dead_after_so_many_readings_without_a_beat() {
        let folder = tempfile::tempdir().expect("a folder");
        let holder = of_another_host(folder.path(), 1, None);
        let own = claimant();
        let mut watched = Watched::new(busy(own.claim(folder.path())));
        let looks: Vec<Look> = (0..PATIENCE).map(|_| watched.look(folder.path(), &own).expect("readable")).collect();
        let (last, others) = looks.split_last().expect("looks");
        assert!(others.iter().all(|look| *look == Look::Unsure), "{looks:?}");
        let Look::Dead(seen) = last else { panic!("{last:?}") };
        // A beat at the last moment keeps it.
        fs::write(path_of(folder.path(), 1), bytes(&Holder { beat: 1, ..holder })).expect("writable");
        assert_eq!(watched.look(folder.path(), &own), Ok(Look::Alive));
        let again = busy(own.take_over(folder.path(), seen));
        let claim = held(own.take_over(folder.path(), &again));
        assert_eq!(claim.number, 2);
    }

    #[test]
    fn who_was_taken_over_notices_and_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let slow = held(claimant().claim(folder.path()));
        let next = of_another_host(folder.path(), 2, None);
        assert!(!slow.is_held() && !slow.beat());
        drop(slow);
        let text = fs::read(path_of(folder.path(), 1)).expect("readable");
        assert!(text.windows(16).any(|part| part == b"\"released\":false"), "it says nothing more");
        assert_eq!(holder_of(folder.path()).map(|found| found.map(|(holder, _)| holder)), Ok(Some(next)));
    }

    #[test]
    fn a_job_that_was_started_again_goes_on_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let job = |id: &str, restart| Some(Job { id: id.into(), restart });
        of_another_host(folder.path(), 1, job("17_3", 1));
        for other in [job("17_4", 2), job("17_3", 1), job("17_3", 0), None] {
            busy(Claimant::new(other, Duration::ZERO).claim(folder.path()));
        }
        assert_eq!(held(Claimant::new(job("17_3", 2), Duration::ZERO).claim(folder.path())).number, 2);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_of_this_host_that_has_ended_holds_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let owner = Owner { process: u32::MAX, ..Owner::own().clone() };
        let ended = Holder { owner, ..claimant().holder() };
        let write = |holder: &Holder| fs::write(path_of(folder.path(), 1), bytes(holder)).expect("writable");
        write(&Holder { boot: "another host of the same name".into(), ..ended.clone() });
        busy(claimant().claim(folder.path()));
        write(&ended);
        held(claimant().claim(folder.path()));
    }

    #[test]
    fn a_claim_that_is_only_being_written_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(path_of(folder.path(), 1), "").expect("writable");
        assert_eq!(busy(claimant().claim(folder.path())).holder, None);
    }
}
