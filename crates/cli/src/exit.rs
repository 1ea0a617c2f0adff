//! How the program ends: its exit codes, and what it says of a failure.

/// What a run of the program amounts to, as its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything asked for was done.
    Done = 0,
    /// A check was refuted.
    CheckFailed = 1,
    /// Bad usage, bad input or an I/O error.
    Unusable = 2,
    /// Stopped on request; a study is continued by the same command.
    Interrupted = 75,
}

/// Anything that ends the program with a message.
pub(crate) type Failure = Box<dyn std::error::Error>;
