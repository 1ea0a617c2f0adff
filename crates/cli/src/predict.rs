//! `widenet predict` says what infinitely wide networks predict at chosen moments of training.

use widenet_core::humanized;
use widenet_model::{DeviceChoice, Precision};
use widenet_output::{Format, OutputFile, Table};
use widenet_questions::{PredictAnswer, PredictQuestion, Question};

use crate::{
    answer::give,
    arguments::PredictArguments,
    exit::{Exit, Failure},
    question::{say_written, watched},
    say::note,
};

/// Predicts and writes the predictions to a file, as JSON, or as a table.
pub(crate) fn run(arguments: &PredictArguments) -> Result<Exit, Failure> {
    let output = arguments.output.as_deref();
    let formats = [Format::Json, Format::Csv, Format::Npy];
    let output = output.map(|path| OutputFile::new(path, &formats)).transpose()?;
    let question = PredictQuestion::load(&arguments.problem, &arguments.overrides.set)?;
    question.check_memory()?;
    let place = (DeviceChoice::Cpu, Precision::F64);
    let answer = watched("predictions", place, |run| question.predictions(run))?;
    let Some(answer) = answer else { return Ok(Exit::Interrupted) };
    for warning in question.warnings()?.into_iter().chain(answer.notes()) {
        note(&warning);
    }
    match output {
        Some(output) => say_written(&answer.write(&output)?)?,
        None if arguments.json => give(|out| answer.write_json(out))?,
        None => give(|out| out.write_all(summary(&answer).as_bytes()))?,
    }
    Ok(Exit::Done)
}

/// One row per moment: losses and accuracies of the mean outputs, and the mean standard deviation.
fn summary(answer: &PredictAnswer) -> String {
    let has_test = answer.answers.iter().any(|answer| answer.prediction.test.is_some());
    let has_functions = answer.has_functions();
    let mut header = vec!["at", "time", "train_loss", "train_accuracy", "train std"];
    if has_functions {
        header.insert(0, "seed");
    }
    if has_test {
        header.extend(["test_loss", "test_accuracy", "test std"]);
    }
    let has_likelihood = answer.answers.iter().any(|answer| answer.prediction.likelihood.is_some());
    if has_likelihood {
        header.push("log evidence");
        if has_test {
            header.push("test log-likelihood");
        }
    }
    let or_dash = |value: Option<f64>| value.map_or("-".into(), humanized::number);
    let rows: Vec<Vec<String>> = answer
        .answers
        .iter()
        .map(|answer| {
            let [train_std, test_std] = answer.mean_std();
            let mut row = vec![
                answer.moment(),
                humanized::number(answer.prediction.time),
                if answer.prediction.diverged { "diverged".into() } else { or_dash(answer.train_loss) },
                or_dash(answer.train_accuracy),
                or_dash(train_std),
            ];
            if let Some(seed) = answer.prediction.seed.filter(|_| has_functions) {
                row.insert(0, seed.to_string());
            }
            if has_test {
                row.extend([answer.test_loss, answer.test_accuracy, test_std].map(or_dash));
            }
            if has_likelihood {
                let likelihood = answer.prediction.likelihood.as_ref();
                row.push(or_dash(likelihood.and_then(|of| of.log_evidence.as_ref().ok().copied())));
                if has_test {
                    row.push(or_dash(likelihood.and_then(|of| of.test.as_ref()?.as_ref().ok().copied())));
                }
            }
            row
        })
        .collect();
    let mut text = Table::new(header, rows).to_text();
    if let Some(rates) = answer.learning_rates {
        text.push_str(&format!("largest stable learning rate {}", humanized::number(rates.largest_stable)));
        if let Some(critical) = rates.critical {
            text.push_str(&format!(", critical learning rate {}", humanized::number(critical)));
        }
        text.push('\n');
    }
    text
}
