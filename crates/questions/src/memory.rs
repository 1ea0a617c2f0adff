//! Refuses what does not fit into memory.

use widenet_core::humanized;
use widenet_model::DeviceChoice;

use crate::error::{QuestionResult, invalid};

/// Refuses an answer whose matrices, all with sides of the numbers of training and test inputs, take more bytes than are
/// available now. `otherwise` says what else would make it smaller.
pub(crate) fn check(needed: u64, (train, test): (usize, usize), otherwise: &str) -> QuestionResult<()> {
    let Some(available) = DeviceChoice::Cpu.open()?.info.available_memory else { return Ok(()) };
    if needed <= available {
        return Ok(());
    }
    let share = (available as f64 / needed as f64).sqrt();
    let fitting = |samples: usize| (share * samples as f64) as u64;
    Err(invalid(format!(
        "the kernels of {train} training and {test} test inputs need {} and {} are available; {} and {} inputs would fit \
         (`data.train_samples`, `data.test_samples`){otherwise}",
        humanized::bytes(needed),
        humanized::bytes(available),
        fitting(train),
        fitting(test)
    )))
}
