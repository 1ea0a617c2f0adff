//! Refuses what does not fit into memory before any of it is taken.

use widenet_core::{humanized, problem::Quantity};
use widenet_system::memory;

use crate::solver::{Request, SolveError};

/// How often records are held at once: by the engine, and by who keeps or compares them.
const COPIES: u64 = 2;

/// Refuses a need of more bytes than are available; `otherwise` says, given those, what would fit.
pub(crate) fn check(what: &str, needed: u64, otherwise: impl FnOnce(u64) -> String) -> Result<(), SolveError> {
    let Some(available) = memory::available().filter(|available| needed > *available) else { return Ok(()) };
    let (needs, has) = (humanized::bytes(needed), humanized::bytes(available));
    Err(SolveError::Refused(format!("{what} need {needs}, and {has} are available; {}", otherwise(available))))
}

/// Bytes of the records of a run, if they fit.
pub(crate) fn of_records(request: &Request<'_>) -> Result<u64, SolveError> {
    let (bytes, largest) = request.problem.record_bytes(request.width);
    let needed = bytes.saturating_mul(COPIES);
    let moments = request.problem.record.at.len();
    let what = format!(
        "{moments} records{}",
        largest.map_or_else(String::new, |most| format!(" with {}", Quantity::name(most)))
    );
    check(&what, needed, |available| {
        let fitting = (available as f64 / needed as f64 * moments as f64) as u64;
        format!("set record.at to at most {fitting} moments, or record.quantities to smaller ones")
    })?;
    Ok(needed)
}
