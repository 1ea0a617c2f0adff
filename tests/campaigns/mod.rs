//! Campaigns: inputs that nobody would write, and disturbances that nobody wants, many times over. What must hold is in `docs/reliability.md`.
//!
//! By default they take about a minute together. `WIDENET_CAMPAIGN=k` makes them k times as long. Thread counts are in
//! `tests/thread_counts.rs`.

#![expect(clippy::print_stdout, reason = "a campaign tells its figures")]

mod corpus;
mod corruption;
mod crowd;
mod data;
mod documents;
mod kills;
mod mutation;
mod programs;
mod saved;

use std::{
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use mutation::Mutator;
use tempfile::TempDir;

/// Nothing takes longer than this to be read or refused.
const PATIENCE: Duration = Duration::from_secs(10);

/// A folder in memory, where there is one: writing through to a disk is not what is tested.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| TempDir::new()).expect("a temporary folder")
}

/// So many times the default amount.
fn amount(default: u64) -> u64 {
    let factor: f64 = std::env::var("WIDENET_CAMPAIGN").map_or(1.0, |text| text.parse().expect("a factor"));
    ((default as f64 * factor) as u64).max(1)
}

/// Why something is refused.
struct Refusal {
    message: String,
    /// What the message must hold one of: names of files, keys.
    places: Vec<String>,
}

impl Refusal {
    fn new(message: impl ToString, places: &[&str]) -> Refusal {
        Refusal { message: message.to_string(), places: places.iter().map(|place| place.to_string()).collect() }
    }

    /// What is wrong with the message itself.
    fn fault(&self) -> Option<String> {
        let message = &self.message;
        // A place is a file or an override with what is wrong in it, or a key by its name.
        let has_place = message.contains('`') || self.places.iter().any(|place| message.contains(place.as_str()));
        let is_short = message.chars().count() < 2000;
        (message.trim().len() < 10 || !has_place || !is_short).then(|| format!("refused by: {message:?}"))
    }
}

/// Mutates and reads many inputs: no panic, no input that takes longer than [`PATIENCE`], and refusals with a text and a place. `read` asserts
/// what must hold of what it accepts. Some inputs must be accepted and some refused, or the campaign shows nothing.
fn campaign<I: Debug + 'static>(
    format: &'static str,
    count: u64,
    mutate: impl Fn(&mut Mutator) -> I + Clone + Send + 'static,
    mut read: impl FnMut(&I) -> Result<(), Refusal> + Send + 'static,
) {
    let (sender, receiver) = channel();
    let input = mutate.clone();
    thread::spawn(move || {
        for index in 0..count {
            let input = mutate(&mut Mutator::new(format, index));
            let found = match catch_unwind(AssertUnwindSafe(|| read(&input))) {
                Ok(Ok(())) => Ok(true),
                Ok(Err(refusal)) => refusal.fault().map_or(Ok(false), Err),
                Err(panic) => Err(format!("panic: {:?}", panic.downcast_ref::<String>())),
            };
            if sender.send(found).is_err() {
                return;
            }
        }
    });
    let (mut accepted, mut faults) = (0, Vec::new());
    for index in 0..count {
        match receiver.recv_timeout(PATIENCE) {
            Ok(Ok(is_accepted)) => accepted += u64::from(is_accepted),
            Ok(Err(fault)) => faults.push((index, fault)),
            Err(RecvTimeoutError::Timeout) => {
                faults.push((index, format!("nothing after {PATIENCE:?}")));
                break;
            }
            Err(RecvTimeoutError::Disconnected) => panic!("{format}: the campaign itself failed"),
        }
    }
    println!("{format}: {count} inputs, {accepted} accepted, {} faults", faults.len());
    for (index, fault) in faults.iter().take(5) {
        println!("{format}, input {index}: {fault}\n{:?}", input(&mut Mutator::new(format, *index)));
    }
    assert!(faults.is_empty(), "{format}: {} of {count} inputs", faults.len());
    assert!(accepted > 0 && accepted < count, "{format}: {accepted} of {count} inputs were accepted");
}
