//! Ctrl-C and SIGTERM end every command within two seconds, with what there is.
//!
//! A signal raises a flag. Work that looks at it stops at its next step, and the command gives what it has and ends by itself. What has not
//! ended after [`PATIENCE`] is in a call that nobody can interrupt, such as an eigendecomposition: then this module ends the process. It
//! waits for files that are being written, gives what the command has left behind ([`crate::answer`]), and abandons the call. A second
//! signal does not wait for files, and says so: those that are there are whole at any moment.
//!
//! SIGUSR1 is a warning, which batch systems send before they end a job: runs that keep checkpoints write one at their next step, and go on.

use std::{
    io::{self, Write},
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use widenet_core::training::Control;
use widenet_output::hold_files;
use widenet_system::threads::no_thread;

use crate::{
    answer::{give_what_is_left, pieces_taken},
    exit::{Exit, Failure},
    say::line,
};

/// What work has to end by itself.
const PATIENCE: Duration = Duration::from_millis(1200);
/// What the reader of an answer has to take the next piece.
const READER_PATIENCE: Duration = Duration::from_millis(500);
/// How often it is asked whether something has ended.
const TICK: Duration = Duration::from_millis(5);

static STOP: AtomicBool = AtomicBool::new(false);
static SIGNALS: AtomicU32 = AtomicU32::new(0);
static WARNINGS: AtomicU64 = AtomicU64::new(0);

/// Takes signals from now on.
///
/// # Errors
/// The system gives no thread that waits for them.
pub(crate) fn take_signals() -> Result<(), Failure> {
    take_warnings()?;
    ctrlc::set_handler(signalled).map_err(|error| match error {
        ctrlc::Error::System(error) => no_thread(&error).into(),
        other => other.into(),
    })
}

#[cfg(unix)]
fn take_warnings() -> Result<(), Failure> {
    let warned = || {
        WARNINGS.fetch_add(1, Ordering::Relaxed);
    };
    // SAFETY: the handler adds to an atomic number, and nothing else.
    unsafe { signal_hook::low_level::register(signal_hook::consts::SIGUSR1, warned) }?;
    Ok(())
}

#[cfg(not(unix))]
fn take_warnings() -> Result<(), Failure> {
    Ok(())
}

/// Counts warnings that the process will be ended.
pub(crate) fn warnings() -> &'static AtomicU64 {
    &WARNINGS
}

/// The flag that a signal raises.
pub(crate) fn flag() -> &'static AtomicBool {
    &STOP
}

/// Whether there was a signal.
pub(crate) fn is_stopped() -> bool {
    STOP.load(Ordering::SeqCst)
}

/// Whether work goes on.
pub(crate) fn control() -> Control {
    if is_stopped() { Control::Stop } else { Control::Continue }
}

fn signalled() {
    let earlier = SIGNALS.fetch_add(1, Ordering::SeqCst);
    STOP.store(true, Ordering::SeqCst);
    if earlier == 1 {
        line(
            "second signal: files that are being written, checkpoints among them, are given up; what is on the disk is whole",
        );
    }
    // Where the system gives no thread, this one waits, and does not hear a second signal.
    if earlier == 0 && thread::Builder::new().spawn(end).is_err() {
        end();
    }
}

fn end() {
    thread::sleep(PATIENCE);
    let _held = hold_files(&|| SIGNALS.load(Ordering::SeqCst) > 1);
    match thread::Builder::new().spawn(give_what_is_left) {
        Ok(giver) => wait_for_reader(&|| giver.is_finished()),
        Err(_) => give_what_is_left(),
    }
    exit();
}

/// Waits while a reader takes what is written.
fn wait_for_reader(has_all: &dyn Fn() -> bool) {
    let (mut taken, mut since) = (pieces_taken(), Instant::now());
    while !has_all() && since.elapsed() < READER_PATIENCE {
        thread::sleep(TICK);
        let now = pieces_taken();
        if now != taken {
            (taken, since) = (now, Instant::now());
        }
    }
}

/// Ends the process without the destructors of libraries, whose threads are still running.
fn exit() {
    let _ = io::stderr().flush();
    let code = Exit::Interrupted as i32;
    #[cfg(unix)]
    // SAFETY: takes a number and does not return.
    unsafe {
        libc::_exit(code)
    }
    #[cfg(not(unix))]
    std::process::exit(code)
}
