//! `widenet keys` and `widenet quantities` print the manual of what files may say.

use widenet_core::{document::Word, problem::Quantity};
use widenet_experiment::manual::{
    KeyEntry, ManualSection, find, keys_page, manual, quantities_page, scope_in_words, shape_in_words,
};
use widenet_output::Table;

use crate::{
    answer::give,
    exit::{Exit, Failure},
};

/// Prints the sections of files, the keys of one, or one key.
pub(crate) fn keys(name: Option<&str>, markdown: bool) -> Result<Exit, Failure> {
    let text = match name {
        _ if markdown => keys_page(),
        None => sections(),
        Some(name) => find(name)?.iter().map(section).collect(),
    };
    give(|out| out.write_all(text.as_bytes()))?;
    Ok(Exit::Done)
}

fn sections() -> String {
    let row = |section: &ManualSection| vec![section.name.clone(), section.file.to_owned(), section.about.clone()];
    let table = Table::new(["section", "file", "about"], manual().iter().map(row)).to_text();
    format!("{table}widenet keys SECTION prints the keys of one\n")
}

fn section(section: &ManualSection) -> String {
    let mut text = format!("[{}] of a {} file: {}\n\n", section.name, section.file, section.about);
    for KeyEntry { key, kinds, value, unit, default, about } in &section.keys {
        let unit = unit.as_ref().map_or_else(String::new, |unit| format!(" ({unit})"));
        let default = match default.as_str() {
            "" => String::new(),
            "required" => "; required".into(),
            default => format!("; default {default}"),
        };
        let kinds = if kinds.is_empty() { String::new() } else { format!("\n    of {}", kinds.join(", ")) };
        text.push_str(&format!("{key}\n    {value}{unit}{default}{kinds}\n    {about}\n"));
    }
    text.push('\n');
    text
}

/// Prints all quantities, or one.
pub(crate) fn quantities(name: Option<&str>, markdown: bool) -> Result<Exit, Failure> {
    let all: Vec<Quantity> = match name {
        Some(name) => vec![Quantity::from_word(name)?],
        None => Quantity::all().collect(),
    };
    let of = |quantity: &Quantity| {
        let (shape, scope) = (shape_in_words(quantity.shape()), scope_in_words(quantity.scope()));
        format!("{}\n    {shape}; of {scope}\n    {}\n", quantity.name(), quantity.about())
    };
    let text = if markdown { quantities_page() } else { all.iter().map(of).collect() };
    give(|out| out.write_all(text.as_bytes()))?;
    Ok(Exit::Done)
}
