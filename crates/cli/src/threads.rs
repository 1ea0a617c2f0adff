//! The threads of computations are started before anything is computed, as many as the system grants.

use std::{
    env,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{Builder, available_parallelism},
};

use rayon::{ThreadBuilder, ThreadPoolBuilder};
use widenet_system::threads::no_thread;

use crate::{batch, exit::Failure, say::note};

/// Most threads of computations where there are not more cores: further ones would only wait for each other.
const MOST: usize = 256;

/// Starts as many threads as there are cores, or as a batch system gives to its job, or as `RAYON_NUM_THREADS` asks for. Where the system grants fewer, half of them are left to what else
/// needs threads.
///
/// # Errors
/// The system grants none.
pub(crate) fn start() -> Result<(), Failure> {
    let cores = available_parallelism().map_or(1, usize::from);
    let said = env::var("RAYON_NUM_THREADS").ok().and_then(|number| number.trim().parse().ok());
    let said = said.filter(|number| *number > 0);
    let asked = said.or_else(batch::cpus).unwrap_or(cores);
    let wanted = asked.min(MOST.max(cores));
    if wanted < asked {
        let by = said.map_or("processors of the job", |_| "RAYON_NUM_THREADS");
        note(&format!("{by} = {asked}: {wanted} threads are started"));
    }
    let (give, take) = mpsc::channel::<ThreadBuilder>();
    let take = Arc::new(Mutex::new(take));
    // Each takes what it is to run from the channel, so that only threads that are there are counted.
    let start = || {
        let take = Arc::clone(&take);
        Builder::new().spawn(move || {
            let task = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
            if let Ok(thread) = task {
                thread.run();
            }
        })
    };
    let mut started = 0;
    let mut refusal = None;
    while started < wanted && refusal.is_none() {
        match start() {
            Ok(_) => started += 1,
            Err(error) => refusal = Some(error),
        }
    }
    let count = match refusal {
        Some(error) if started == 0 => return Err(no_thread(&error).into()),
        Some(error) => {
            let count = started.div_ceil(2);
            note(&format!("{count} threads compute, not {wanted}: {}", no_thread(&error)));
            count
        }
        None => started,
    };
    let hand_over = |thread| give.send(thread).map_err(|_| std::io::Error::other("a thread ended"));
    ThreadPoolBuilder::new().num_threads(count).spawn_handler(hand_over).build_global()?;
    Ok(())
}
