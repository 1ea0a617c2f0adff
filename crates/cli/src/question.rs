//! Questions are loaded, watched and written the same way by all commands that ask them.

use std::{io::Write, path::PathBuf, sync::atomic::Ordering};

use widenet_core::training::Control;
use widenet_model::{DeviceChoice, Precision};
use widenet_output::escape::{lines, one_line};
use widenet_questions::{QuestionError, QuestionResult, Run};

use crate::{exit::Failure, interrupt, progress};

/// Computes an answer with a bar if it takes long; `None` if Ctrl-C stopped it. Says which device was chosen, if one was.
pub(crate) fn watched<T>(
    label: &str,
    (device, precision): (DeviceChoice, Precision),
    answer: impl FnOnce(&mut Run<'_>) -> QuestionResult<T>,
) -> Result<Option<T>, Failure> {
    let stop = interrupt::flag()?;
    let bar = progress::single(label);
    let mut watch = |fraction| {
        bar.update(fraction);
        if stop.load(Ordering::SeqCst) { Control::Stop } else { Control::Continue }
    };
    let mut run = Run::new(device, precision, &mut watch);
    let answered = answer(&mut run);
    let notes = run.take_notes();
    bar.finish();
    notes.iter().try_for_each(|said| note(said))?;
    match answered {
        Ok(_) if stop.load(Ordering::SeqCst) => Ok(None),
        Ok(answer) => Ok(Some(answer)),
        Err(QuestionError::Stopped) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Says something beside the answer.
pub(crate) fn note(message: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stderr(), "note: {}", lines(message))?)
}

/// Says which files there are now.
pub(crate) fn say_written(files: &[PathBuf]) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    for file in files {
        writeln!(out, "wrote {}", one_line(&file.display().to_string()))?;
    }
    Ok(())
}
