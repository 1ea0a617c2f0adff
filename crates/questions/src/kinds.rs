//! The list of questions has a line for each kind.

use crate::{kernel, posterior, predict, prior, question::Kind, scaling};

/// Every kind of question that can be studied.
pub static KINDS: [&Kind; 5] = [&kernel::KIND, &predict::KIND, &prior::KIND, &posterior::KIND, &scaling::KIND];
