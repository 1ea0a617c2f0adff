//! The results of a run directory, each read and hashed once.

use std::{path::Path, sync::OnceLock};

use super::trial::{Finished, Read};
use crate::{error::Result, trials::PreparedTrial};

/// What is known of a trial.
#[derive(Debug)]
pub(crate) enum Found<'s> {
    /// Its result.
    Done(&'s Finished),
    /// Nothing, or only a checkpoint.
    Pending,
    /// Files that cannot be used, with the reason.
    Unusable(String),
}

/// The results of a run directory that were read so far.
#[derive(Debug)]
pub(crate) struct Store<'d> {
    directory: &'d Path,
    /// By the index of the trial that has the result.
    known: Vec<OnceLock<Finished>>,
}

impl<'d> Store<'d> {
    /// Of a study with so many trials; nothing is read yet.
    pub(crate) fn new(directory: &'d Path, trials: usize) -> Store<'d> {
        Store { directory, known: (0..trials).map(|_| OnceLock::new()).collect() }
    }

    /// The run directory.
    pub(crate) fn directory(&self) -> &'d Path {
        self.directory
    }

    /// The result of a trial, or of the one that it shares its result with. One that is whole is read once; others may appear later.
    ///
    /// # Errors
    /// Files that are there and cannot be read.
    pub(crate) fn find(&self, prepared: &PreparedTrial) -> Result<Found<'_>> {
        let slot = &self.known[prepared.solved_as.index];
        if let Some(known) = slot.get() {
            return Ok(Found::Done(known));
        }
        Ok(match prepared.directory(self.directory).read(&prepared.trial)? {
            Read::Done(finished) => Found::Done(slot.get_or_init(|| *finished)),
            Read::Pending => Found::Pending,
            Read::Unusable(reason) => Found::Unusable(reason),
        })
    }
}
