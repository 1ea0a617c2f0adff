//! Threads are started as far as the system grants them.

use std::{
    io,
    thread::{Builder, Scope, ScopedJoinHandle},
};

/// Starts `count` threads in a scope, or as many as the system grants if that is at least one. `work` makes what each of them runs.
///
/// # Errors
/// The system grants none; the message names the limits that may be at fault.
pub fn start_threads<'scope, T: Send + 'scope, F: FnOnce() -> T + Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    count: usize,
    mut work: impl FnMut() -> F,
) -> io::Result<Vec<ScopedJoinHandle<'scope, T>>> {
    let mut started = Vec::new();
    for _ in 0..count {
        match Builder::new().spawn_scoped(scope, work()) {
            Ok(thread) => started.push(thread),
            Err(error) if started.is_empty() => return Err(no_thread(&error)),
            Err(_) => break,
        }
    }
    Ok(started)
}

/// Returns the error of a thread that the system does not grant.
pub fn no_thread(error: &io::Error) -> io::Error {
    let limits = "the number of processes and threads is limited (`ulimit -u`, pids.max of a container), or memory is (`ulimit -v`)";
    io::Error::new(error.kind(), format!("the system grants no thread: {error}; {limits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_threads_run_as_are_asked_for() {
        let found: Vec<usize> = std::thread::scope(|scope| {
            let mut next = 0..;
            let threads = start_threads(scope, 3, || {
                let number = next.next();
                move || number
            });
            threads.unwrap().into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(found, [0, 1, 2]);
    }

    #[test]
    fn the_limits_are_named() {
        let error = no_thread(&io::Error::from(io::ErrorKind::WouldBlock)).to_string();
        assert!(error.contains("ulimit -u") && error.contains("pids.max"), "{error}");
    }
}
