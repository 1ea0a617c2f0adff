//! One worker at a time in a folder that several machines share: who works there holds a lease.
//!
//! ```text
//! lease-1.json  lease-2.json  …
//! ```
//!
//! A lease is a file that is made by exclusive creation, which network file systems do at one place, and the lease with the highest number
//! counts. Nobody changes or removes that of another: who takes over makes the next number, and of several who try one succeeds. The holder
//! rewrites its lease in place every few seconds (a beat). Who has read the same beat [`PATIENCE`] times, each time an interval after the
//! last, takes the holder for dead; a holder that was only slow finds the next number at its next beat, and stops. Processes of the same host
//! are asked about directly, and no clocks are compared. Locks of the file system are not used: network file systems lose them.

mod holder;

use std::{
    fs::File,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub use self::holder::{Holder, Job, Seen, holder_of, remove_leases};
use self::holder::{bytes, last, own_boot, path_of, read};
use crate::{
    error::{Error, Result},
    owner::Owner,
    whole::remove_file,
};

/// Readings without a beat after which a holder counts as dead.
const PATIENCE: u32 = 6;

/// Who leases.
#[derive(Debug, Clone)]
pub struct Lessee {
    run: u64,
    job: Option<Job>,
    every: Duration,
}

/// How an attempt went.
#[derive(Debug)]
pub enum Leased {
    /// The folder is ours.
    Held(Lease),
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

impl Lessee {
    /// Returns a lessee that belongs to a job or to none, and beats so often.
    pub fn new(job: Option<Job>, every: Duration) -> Lessee {
        Lessee { run: RUNS.fetch_add(1, Ordering::Relaxed), job, every }
    }

    /// Returns what its leases say when they are made.
    pub fn holder(&self) -> Holder {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (owner, boot, job) = (Owner::own().clone(), own_boot().to_owned(), self.job.clone());
        Holder { owner, boot, run: self.run, job, since, every: self.every.as_secs_f64(), beat: 0, released: false }
    }

    /// Returns the time between beats.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// Leases a folder that is there, unless somebody else has it.
    ///
    /// # Errors
    /// [`Error`] of a lease that cannot be read or made.
    pub fn lease(&self, folder: &Path) -> Result<Leased> {
        match last(folder)? {
            None => self.create(folder, 1),
            Some(seen) if self.is_free(&seen) => self.create(folder, seen.number + 1),
            Some(seen) => Ok(Leased::Busy(seen)),
        }
    }

    /// Leases a folder whose holder is dead ([`Look::Dead`]), unless it has moved or somebody else was faster.
    ///
    /// # Errors
    /// As for [`Lessee::lease`].
    pub fn take_over(&self, folder: &Path, dead: &Seen) -> Result<Leased> {
        match last(folder)? {
            Some(seen) if seen == *dead => self.create(folder, dead.number + 1),
            _ => self.lease(folder),
        }
    }

    fn create(&self, folder: &Path, number: u64) -> Result<Leased> {
        let path = path_of(folder, number);
        let failed = |error| Error::new("create", &path, error);
        let mut file = match File::options().write(true).create_new(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Ok(Leased::Busy(read(folder, number)?.unwrap_or(Seen { number, holder: None })));
            }
            Err(error) => return Err(failed(error)),
        };
        let holder = self.holder();
        // Not synced: who loses it in a power cut has lost its holder too.
        if let Err(error) = file.write_all(&bytes(&holder)) {
            // An empty lease would keep others waiting.
            remove_file(&path)?;
            return Err(failed(error));
        }
        Ok(Leased::Held(Lease {
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

/// A folder that is ours until this is dropped, which gives it up.
#[derive(Debug)]
pub struct Lease {
    folder: PathBuf,
    number: u64,
    holder: Holder,
    beat: AtomicU64,
    is_over: AtomicBool,
}

impl Lease {
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
    /// [`Error`] of a lease that cannot be removed.
    pub fn finish(&self) -> Result<()> {
        self.is_over.store(true, Ordering::Relaxed);
        remove_leases(&self.folder)
    }

    /// In place, and never a new file.
    fn rewrite(&self, holder: &Holder) -> std::io::Result<()> {
        File::options().write(true).open(path_of(&self.folder, self.number))?.write_all(&bytes(holder))
    }
}

impl Drop for Lease {
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
    /// [`Error`] of a lease that cannot be read.
    pub fn look(&mut self, folder: &Path, lessee: &Lessee) -> Result<Look> {
        let Some(seen) = last(folder)? else { return Ok(Look::Free) };
        if lessee.is_free(&seen) {
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
    use std::{fs, thread};

    use super::*;

    fn lessee() -> Lessee {
        Lessee::new(None, Duration::from_secs(1))
    }

    fn held(leased: Result<Leased>) -> Lease {
        match leased.expect("readable") {
            Leased::Held(lease) => lease,
            Leased::Busy(seen) => panic!("{seen:?}"),
        }
    }

    fn busy(leased: Result<Leased>) -> Seen {
        match leased.expect("readable") {
            Leased::Busy(seen) => seen,
            Leased::Held(lease) => panic!("{lease:?}"),
        }
    }

    /// A lease of a process that this host cannot see.
    fn of_another_host(folder: &Path, number: u64, job: Option<Job>) -> Holder {
        let owner = Owner { host: "another-1".into(), process: 7, start: 9 };
        let holder = Holder { owner, job, ..lessee().holder() };
        fs::write(path_of(folder, number), bytes(&holder)).expect("writable");
        holder
    }

    #[test]
    fn a_folder_has_one_holder_until_it_is_given_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = held(lessee().lease(folder.path()));
        let seen = busy(lessee().lease(folder.path()));
        assert_eq!(Watched::new(seen).look(folder.path(), &lessee()), Ok(Look::Alive), "it is a process of this host");
        assert!(
            first.beat() && holder_of(folder.path()).expect("readable").is_some_and(|(holder, _)| holder.beat == 1)
        );
        drop(first);
        assert_eq!(holder_of(folder.path()), Ok(None));
        held(lessee().lease(folder.path())).finish().expect("removable");
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
    }

    #[test]
    fn of_many_who_ask_at_once_one_succeeds() {
        let folder = tempfile::tempdir().expect("a folder");
        for dead in [None, Some(1)] {
            let attempts: Vec<Leased> = thread::scope(|scope| {
                let attempt = || {
                    scope.spawn(|| match dead {
                        None => lessee().lease(folder.path()),
                        Some(number) => {
                            let seen = read(folder.path(), number).expect("readable").expect("a lease");
                            lessee().take_over(folder.path(), &seen)
                        }
                    })
                };
                let attempts: Vec<_> = (0..8).map(|_| attempt()).collect();
                attempts.into_iter().map(|attempt| attempt.join().expect("it ends").expect("readable")).collect()
            });
            assert_eq!(attempts.iter().filter(|attempt| matches!(attempt, Leased::Held(_))).count(), 1, "{attempts:?}");
            drop(attempts);
            remove_leases(folder.path()).expect("removable");
            of_another_host(folder.path(), 1, None);
        }
    }

    #[test]
    fn a_holder_of_another_host_is_dead_after_so_many_readings_without_a_beat() {
        let folder = tempfile::tempdir().expect("a folder");
        let holder = of_another_host(folder.path(), 1, None);
        let own = lessee();
        let mut watched = Watched::new(busy(own.lease(folder.path())));
        let looks: Vec<Look> = (0..PATIENCE).map(|_| watched.look(folder.path(), &own).expect("readable")).collect();
        let (last, others) = looks.split_last().expect("looks");
        assert!(others.iter().all(|look| *look == Look::Unsure), "{looks:?}");
        let Look::Dead(seen) = last else { panic!("{last:?}") };
        // A beat at the last moment keeps it.
        fs::write(path_of(folder.path(), 1), bytes(&Holder { beat: 1, ..holder })).expect("writable");
        assert_eq!(watched.look(folder.path(), &own), Ok(Look::Alive));
        let again = busy(own.take_over(folder.path(), seen));
        let lease = held(own.take_over(folder.path(), &again));
        assert_eq!(lease.number, 2);
    }

    #[test]
    fn who_was_taken_over_notices_and_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let slow = held(lessee().lease(folder.path()));
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
            busy(Lessee::new(other, Duration::ZERO).lease(folder.path()));
        }
        assert_eq!(held(Lessee::new(job("17_3", 2), Duration::ZERO).lease(folder.path())).number, 2);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_of_this_host_that_has_ended_holds_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let owner = Owner { process: u32::MAX, ..Owner::own().clone() };
        let ended = Holder { owner, ..lessee().holder() };
        let write = |holder: &Holder| fs::write(path_of(folder.path(), 1), bytes(holder)).expect("writable");
        write(&Holder { boot: "another host of the same name".into(), ..ended.clone() });
        busy(lessee().lease(folder.path()));
        write(&ended);
        held(lessee().lease(folder.path()));
    }

    #[test]
    fn a_lease_that_is_only_being_written_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(path_of(folder.path(), 1), "").expect("writable");
        assert_eq!(busy(lessee().lease(folder.path())).holder, None);
    }
}
