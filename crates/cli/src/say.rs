//! What is said beside the answer goes to standard error. Nobody has to listen: a closed standard error fails nothing.

use std::io::Write;

use widenet_output::escape::lines;

/// Says one thing.
pub(crate) fn line(message: &str) {
    let _ = writeln!(std::io::stderr(), "{}", lines(message));
}

/// Says something that the user should know.
pub(crate) fn note(message: &str) {
    line(&format!("note: {message}"));
}
