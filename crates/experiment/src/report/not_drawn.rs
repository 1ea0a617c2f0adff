//! A figure that could not be drawn is part of a report: what was measured is not lost with it.

/// A figure that could not be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDrawn {
    /// Its name in the study.
    pub figure: String,
    /// Why.
    pub reason: String,
}
