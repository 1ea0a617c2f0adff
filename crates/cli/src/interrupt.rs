//! Ctrl-C and SIGTERM raise a flag that running work looks at.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::exit::{Exit, Failure};

/// A flag that a signal sets. A second signal ends the program at once: everything on disk is whole at any moment.
pub(crate) fn flag() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&flag);
    ctrlc::set_handler(move || {
        if handler.swap(true, Ordering::SeqCst) {
            std::process::exit(Exit::Interrupted as i32);
        }
    })?;
    Ok(flag)
}
