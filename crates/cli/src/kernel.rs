//! `widenet kernel` computes the kernels of a problem's network.

use widenet_core::humanized;
use widenet_output::{Format, OutputFile, Table};
use widenet_questions::{KernelAnswer, KernelQuestion};

use crate::{
    answer::give,
    arguments::KernelArguments,
    exit::{Exit, Failure},
    question::{say_written, watched},
    say::note,
};

/// Computes the kernels and writes them to a file, as JSON, or in a few numbers.
pub(crate) fn run(arguments: &KernelArguments) -> Result<Exit, Failure> {
    let output = arguments.output.as_deref();
    let formats = [Format::Json, Format::Csv, Format::Npy];
    let output = output.map(|path| OutputFile::new(path, &formats)).transpose()?;
    let question = KernelQuestion::load(&arguments.problem, &arguments.overrides())?;
    question.notes().iter().for_each(|said| note(said));
    let (train, test) = question.samples();
    note(&format!("kernels of {train} training and {test} test inputs: {}", humanized::bytes(question.bytes())));
    question.check_memory()?;
    let place = (arguments.device, arguments.precision());
    let answer = watched("kernels", place, |run| question.kernels(run))?;
    let Some(answer) = answer else { return Ok(Exit::Interrupted) };
    match output {
        Some(output) => say_written(&answer.write(&output)?)?,
        None if arguments.json => give(|out| answer.write_json(out))?,
        None => give(|out| out.write_all(summary(&answer).as_bytes()))?,
    }
    Ok(Exit::Done)
}

/// One row per block, then the ends of the spectra if asked for.
fn summary(answer: &KernelAnswer) -> String {
    let or_dash = |value: Option<f64>| value.map_or("-".into(), humanized::number);
    let rows: Vec<Vec<String>> = answer
        .summaries()
        .into_iter()
        .map(|block| {
            vec![
                block.name,
                format!("{} x {}", block.shape.0, block.shape.1),
                or_dash(block.trace),
                humanized::number(block.smallest),
                humanized::number(block.largest),
                or_dash(block.smallest_eigenvalue),
                or_dash(block.largest_eigenvalue),
            ]
        })
        .collect();
    let header =
        ["kernel", "size", "trace", "smallest entry", "largest entry", "smallest eigenvalue", "largest eigenvalue"];
    Table::new(header, rows).to_text()
}
