//! `widenet prior` and `widenet posterior` answer questions about random deep linear networks.

use std::path::PathBuf;

use serde_json::Value;
use widenet_core::humanized;
use widenet_model::{DeviceChoice, Precision};
use widenet_output::{Format, OutputFile, Table, escape::one_line};
use widenet_questions::{AnswerTree, PosteriorQuestion, PriorQuestion, Question};

use crate::{
    answer::give,
    arguments::{AnswerArguments, PosteriorArguments, PriorArguments},
    exit::{Exit, Failure},
    question::{say_written, watched},
    say::note,
};

/// Answers a question about networks before training.
pub(crate) fn run(arguments: &PriorArguments) -> Result<Exit, Failure> {
    let output = open(arguments.answer.output.as_ref())?;
    let question =
        PriorQuestion::load(&arguments.spec, arguments.quantity.as_deref(), &arguments.answer.overrides.set)?;
    answer(&question, "prior", (arguments.device, arguments.precision()), &arguments.answer, output)
}

/// Answers a question about networks given their data.
pub(crate) fn posterior(arguments: &PosteriorArguments) -> Result<Exit, Failure> {
    let output = open(arguments.answer.output.as_ref())?;
    let question = PosteriorQuestion::load(&arguments.spec, &arguments.answer.overrides.set)?;
    answer(&question, "posterior", (DeviceChoice::Cpu, Precision::F64), &arguments.answer, output)
}

/// Answers a question, with what should be said beside the answer.
fn answer(
    question: &dyn Question,
    label: &str,
    place: (DeviceChoice, Precision),
    arguments: &AnswerArguments,
    output: Option<OutputFile>,
) -> Result<Exit, Failure> {
    for warning in question.warnings()? {
        note(&warning);
    }
    let answered = watched(label, place, |run| question.answer(run))?;
    if let Some(reason) = answered.as_ref().and_then(|answered| answered.unreliable.as_ref()) {
        note(&format!("UNRELIABLE: {reason}"));
    }
    say(answered.map(|answered| answered.tree), output, arguments.json)
}

pub(crate) fn open(output: Option<&PathBuf>) -> Result<Option<OutputFile>, Failure> {
    Ok(output.map(|path| OutputFile::new(path, &[Format::Json, Format::Csv])).transpose()?)
}

pub(crate) fn say(answer: Option<AnswerTree>, output: Option<OutputFile>, json: bool) -> Result<Exit, Failure> {
    let Some(answer) = answer else { return Ok(Exit::Interrupted) };
    match output {
        Some(output) => say_written(&answer.write(&output)?)?,
        None if json => give(|out| answer.write_json(out))?,
        None => give(|out| out.write_all(summary(&answer).as_bytes()))?,
    }
    Ok(Exit::Done)
}

/// Longest list that is printed.
const MAX_ROWS: usize = 40;

/// Longest text of a list in a cell, in characters.
const MAX_CELL: usize = 60;

/// A block per section: single values by name, then tables of the lists that are equally long.
fn summary(answer: &AnswerTree) -> String {
    let all: Vec<(&str, &Value)> = answer.sections().collect();
    block("", &all)
}

fn block(name: &str, entries: &[(&str, &Value)]) -> String {
    let mut text = String::new();
    let indent = if name.is_empty() { "" } else { "  " };
    if !name.is_empty() {
        text.push_str(&format!("{name}\n"));
    }
    for (key, value) in entries.iter().filter(|(_, value)| !value.is_array() && !value.is_object()) {
        text.push_str(&format!("{indent}{key}  {}\n", one_line(&cell(value))));
    }
    for (key, value) in entries {
        let Value::Object(map) = value else { continue };
        let path = if name.is_empty() { (*key).to_owned() } else { format!("{name}.{key}") };
        let inside: Vec<(&str, &Value)> = map.iter().map(|(key, value)| (key.as_str(), value)).collect();
        text.push_str(&block(&path, &inside));
    }
    // Lists of tables are for programs.
    let is_shown = |list: &Vec<Value>| list.first().is_some_and(|first| !first.is_object());
    let lists = entries.iter().filter_map(|(key, value)| Some((*key, value.as_array()?)));
    let mut lists: Vec<(&str, &Vec<Value>)> = lists.filter(|(_, list)| is_shown(list)).collect();
    while let Some((_, first)) = lists.first() {
        let length = first.len();
        let (together, rest): (Vec<_>, Vec<_>) = lists.into_iter().partition(|(_, list)| list.len() == length);
        lists = rest;
        let header: Vec<&str> = together.iter().map(|(key, _)| *key).collect();
        let row = |i: usize| together.iter().map(|(_, list)| cell(&list[i])).collect();
        let rows: Vec<Vec<String>> = (0..length.min(MAX_ROWS)).map(row).collect();
        text.push_str(&Table::new(header, rows).to_text());
        if length > MAX_ROWS {
            text.push_str(&format!("… {} more; all of them with --json or --output\n", length - MAX_ROWS));
        }
    }
    text
}

fn cell(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => number.as_f64().map_or("-".into(), humanized::number),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.len() == 1 => cell(&list[0]),
        Value::Array(list) => {
            let text = format!("[{}]", list.iter().map(cell).collect::<Vec<_>>().join(", "));
            match text.char_indices().nth(MAX_CELL) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
        other => other.to_string(),
    }
}
