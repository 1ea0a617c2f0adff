//! Questions are watched and written the same way by all commands that ask them.

use std::path::PathBuf;

use widenet_model::{DeviceChoice, Precision};
use widenet_output::escape::one_line;
use widenet_questions::{QuestionError, QuestionResult, Run};

use crate::{answer::give, exit::Failure, interrupt, progress, say::note};

/// Computes an answer with a bar if it takes long; `None` if Ctrl-C stopped it. Says which device was chosen, if one was.
pub(crate) fn watched<T>(
    label: &str,
    (device, precision): (DeviceChoice, Precision),
    answer: impl FnOnce(&mut Run<'_>) -> QuestionResult<T>,
) -> Result<Option<T>, Failure> {
    let bar = progress::single(label);
    let mut watch = |fraction| {
        bar.update(fraction);
        interrupt::control()
    };
    let mut run = Run::new(device, precision, &mut watch);
    let answered = answer(&mut run);
    let notes = run.take_notes();
    bar.finish();
    notes.iter().for_each(|said| note(said));
    match answered {
        Ok(_) if interrupt::is_stopped() => Ok(None),
        Ok(answer) => Ok(Some(answer)),
        Err(QuestionError::Stopped) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Says which files there are now.
pub(crate) fn say_written(files: &[PathBuf]) -> Result<(), Failure> {
    give(|out| files.iter().try_for_each(|file| writeln!(out, "wrote {}", one_line(&file.display().to_string()))))
}
