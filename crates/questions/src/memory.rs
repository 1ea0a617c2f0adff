//! Refuses what does not fit into memory.

use widenet_core::{Error, Result, humanized};
use widenet_system::memory;

use crate::error::{QuestionResult, invalid};

/// Bytes of a Gram matrix of some inputs with what is computed from it.
pub(crate) fn gram_bytes(inputs: usize) -> u64 {
    32 * (inputs as u64).saturating_mul(inputs as u64)
}

/// Refuses a count of things that take so many bytes each and more than are available together.
pub(crate) fn check_count(key: &str, count: u64, bytes: u64) -> QuestionResult<()> {
    let needed = count.saturating_mul(bytes);
    let Some(available) = memory::available().filter(|available| needed > *available) else { return Ok(()) };
    Err(invalid(format!(
        "`{key}` = {count} may need {}, and {} are available; at most {} fit",
        humanized::bytes(needed),
        humanized::bytes(available),
        available / bytes.max(1)
    )))
}

/// Refuses an answer whose matrices, all with sides of the numbers of training and test inputs, take more bytes than are
/// available now. `otherwise` says what else would make it smaller.
pub(crate) fn check(needed: u64, (train, test): (usize, usize), otherwise: &str) -> Result<()> {
    let Some(available) = memory::available() else { return Ok(()) };
    if needed <= available {
        return Ok(());
    }
    let share = (available as f64 / needed as f64).sqrt();
    let fitting = |samples: usize| (share * samples as f64) as u64;
    Err(Error::Invalid(format!(
        "the kernels of {train} training and {test} test inputs need {} and {} are available; {} and {} inputs would fit \
         (`data.train_samples`, `data.test_samples`){otherwise}",
        humanized::bytes(needed),
        humanized::bytes(available),
        fitting(train),
        fitting(test)
    )))
}
