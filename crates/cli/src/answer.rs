//! The answer goes to standard output once: from the command, or, if a signal ends it first, from what the command has left behind.

use std::{
    io::{self, BufWriter, Write},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::exit::Failure;

/// Writes what there is if the command is ended now.
type Left = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

/// What the command has left behind. Who gives an answer holds it.
static LEFT: Mutex<Option<Left>> = Mutex::new(None);

/// Pieces of answers that standard output has taken.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// Bytes that standard output is given at a time.
const PIECE: usize = 1 << 16;

fn left() -> MutexGuard<'static, Option<Left>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Leaves behind what is to be given if a signal ends the command before it has given its answer.
pub(crate) fn leave(write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static) {
    *left() = Some(Box::new(write));
}

/// Gives the answer on standard output; what the command has left behind is given no more. It does not return if that is being given.
///
/// # Errors
/// Those of standard output.
pub(crate) fn give(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut left = left();
    *left = None;
    Ok(written(write)?)
}

/// Gives what the command has left behind, and keeps the command from giving anything after it.
pub(crate) fn give_what_is_left() {
    let mut left = left();
    if let Some(write) = left.take() {
        // Nobody is left to be told of an error.
        let _ = written(write);
    }
    std::mem::forget(left);
}

/// Counts the pieces of answers that standard output has taken.
pub(crate) fn pieces_taken() -> u64 {
    TAKEN.load(Ordering::Relaxed)
}

fn written(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(PIECE, Pieces(io::stdout().lock()));
    write(&mut out)?;
    out.flush()
}

/// Writes in pieces, so that it shows whether a reader takes them.
struct Pieces<W>(W);

impl<W: Write> Write for Pieces<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.write(&bytes[..bytes.len().min(PIECE)])?;
        TAKEN.fetch_add(1, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
