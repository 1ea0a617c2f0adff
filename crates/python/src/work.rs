//! Long calls run on a thread of their own, while Python's thread answers signals and shows progress.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use pyo3::{exceptions::PyRuntimeError, prelude::*};
use rayon::ThreadPoolBuilder;
use widenet::Control;

use crate::errors::{EngineError, ProblemError};

/// Most threads of one call, as of the program.
const MOST_THREADS: usize = 256;
/// How often Python's thread looks at signals and progress.
const TICK: Duration = Duration::from_millis(50);
/// What work has to end by itself when it is stopped; then it is left to end when it does.
const PATIENCE: Duration = Duration::from_millis(700);
/// Stack of the thread, as the main thread of a program has it.
const STACK: usize = 8 << 20;

/// Refuses to compute in a process that was forked from one that has: the threads of computations are not there, and would be waited for.
fn check_process() -> PyResult<()> {
    static FIRST: OnceLock<u32> = OnceLock::new();
    if *FIRST.get_or_init(process::id) == process::id() {
        return Ok(());
    }
    Err(EngineError::new_err(
        "this process was forked from one in which widenet has computed, whose threads are not here; start workers with \
         multiprocessing.get_context(\"spawn\")",
    ))
}

/// What work tells, and whether it goes on.
#[derive(Default)]
pub(crate) struct Watcher {
    stop: AtomicBool,
    progress: Mutex<(f64, String)>,
}

impl Watcher {
    /// Tells the share of the work done, in [0, 1].
    pub(crate) fn tell(&self, fraction: f64) -> Control {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).0 = fraction;
        self.control()
    }

    /// Tells what is being done.
    pub(crate) fn begin(&self, what: String) {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).1 = what;
    }

    /// Whether work goes on.
    pub(crate) fn control(&self) -> Control {
        if self.stop.load(Ordering::Relaxed) { Control::Stop } else { Control::Continue }
    }

    /// The flag that stops it.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.stop
    }

    fn so_far(&self) -> (f64, String) {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How a call is run.
#[derive(FromPyObject)]
pub(crate) struct Running<'py> {
    /// Threads of its computations; those of the process where it is not given.
    #[pyo3(attribute)]
    threads: Option<usize>,
    /// Called with the share of the work done and what is being done.
    #[pyo3(attribute)]
    progress: Option<Bound<'py, PyAny>>,
}

/// Runs work without the lock of Python. A signal that raises, such as Ctrl-C, stops it; what does not end within a second is abandoned.
///
/// # Errors
/// What a signal or the progress raised, and a panic of the work.
pub(crate) fn run<T: Send + 'static>(
    py: Python<'_>,
    running: &Running<'_>,
    work: impl FnOnce(&Watcher) -> T + Send + 'static,
) -> PyResult<T> {
    check_process()?;
    let pool =
        match running.threads {
            None => None,
            Some(threads) if !(1..=MOST_THREADS).contains(&threads) => {
                let wanted = format!("threads is {threads}; it must be a whole number from 1 to {MOST_THREADS}");
                return Err(ProblemError::new_err(wanted));
            }
            Some(threads) => {
                Some(ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build().map_err(|error| {
                    EngineError::new_err(format!("{threads} threads could not be started: {error}"))
                })?)
            }
        };
    let watcher = Arc::new(Watcher::default());
    let (give, take) = mpsc::channel();
    let watched = watcher.clone();
    let start = thread::Builder::new().stack_size(STACK).spawn(move || {
        let work = || work(&watched);
        let result = catch_unwind(AssertUnwindSafe(|| match &pool {
            Some(pool) => pool.install(work),
            None => work(),
        }));
        // Nobody takes what was abandoned.
        let _ = give.send(result);
    });
    start.map_err(|error| EngineError::new_err(format!("no thread could be started: {error}")))?;
    let take = Mutex::new(take);
    let mut stopped: Option<(PyErr, Instant)> = None;
    loop {
        let received = py.detach(|| take.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(TICK));
        match (received, &stopped) {
            (Ok(_), Some((raised, _))) => return Err(raised.clone_ref(py)),
            (Ok(Ok(result)), None) => return Ok(result),
            (Err(RecvTimeoutError::Disconnected), _) => {
                return Err(PyRuntimeError::new_err("the computation ended without a result"));
            }
            (Ok(Err(panic)), None) => {
                let said = panic.downcast_ref::<String>().map(String::as_str);
                let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
                return Err(PyRuntimeError::new_err(format!("the computation failed: {said}")));
            }
            (Err(RecvTimeoutError::Timeout), Some((raised, since))) if since.elapsed() > PATIENCE => {
                return Err(raised.clone_ref(py));
            }
            (Err(RecvTimeoutError::Timeout), Some(_)) => {}
            (Err(RecvTimeoutError::Timeout), None) => {
                let looked = py.check_signals().and_then(|()| match &running.progress {
                    Some(progress) => progress.call1(watcher.so_far()).map(drop),
                    None => Ok(()),
                });
                if let Err(raised) = looked {
                    watcher.stop.store(true, Ordering::Relaxed);
                    stopped = Some((raised, Instant::now()));
                }
            }
        }
    }
}
