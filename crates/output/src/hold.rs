//! A process that is about to end waits until the files that it is writing are whole.

use std::{
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError},
    thread,
    time::Duration,
};

/// Shared by those who write a file, and held alone by who ends the process.
static FILES: RwLock<()> = RwLock::new(());

/// How often it is asked whether all files are whole.
const TICK: Duration = Duration::from_millis(5);

/// Says that a file is being written while it lives.
#[derive(Debug)]
pub struct BeingWritten(#[allow(dead_code, reason = "it is held")] RwLockReadGuard<'static, ()>);

/// Begins to write a file; waits for ever if files are held.
pub fn being_written() -> BeingWritten {
    BeingWritten(FILES.read().unwrap_or_else(PoisonError::into_inner))
}

/// Keeps files from being begun while it lives.
#[derive(Debug)]
pub struct HeldFiles(#[allow(dead_code, reason = "it is held")] RwLockWriteGuard<'static, ()>);

/// Waits until no file is being written, and keeps others from being begun; gives up when it is told to.
pub fn hold_files(gives_up: &dyn Fn() -> bool) -> Option<HeldFiles> {
    loop {
        match FILES.try_write() {
            Ok(guard) => return Some(HeldFiles(guard)),
            Err(TryLockError::Poisoned(poisoned)) => return Some(HeldFiles(poisoned.into_inner())),
            Err(TryLockError::WouldBlock) if gives_up() => return None,
            Err(TryLockError::WouldBlock) => thread::sleep(TICK),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// Who ends the process waits for a file that is being written, unless it is told not to.
    #[test]
    fn a_file_that_is_being_written_is_waited_for() {
        let is_whole = AtomicBool::new(false);
        let file = being_written();
        assert!(hold_files(&|| true).is_none());
        thread::scope(|scope| {
            let held = scope.spawn(|| {
                let held = hold_files(&|| false);
                (held.is_some(), is_whole.load(Ordering::SeqCst))
            });
            thread::sleep(Duration::from_millis(50));
            is_whole.store(true, Ordering::SeqCst);
            drop(file);
            assert_eq!(held.join().unwrap(), (true, true));
        });
    }
}
