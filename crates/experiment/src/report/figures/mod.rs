//! Figures of a study. Each kind has a file of its own, with its keys and its plots, and a line in [`KINDS`].

mod bands;
mod curves;
mod divergence;
mod kind;
mod labels;
mod lines;
mod overlay;
mod scaling;

use std::{ffi::OsStr, fs, path::Path};

use widenet_core::{document::Reader, problem::Quantity};
use widenet_figures::{Plot, words};
use widenet_output::{create_directory, remove_file, remove_leftovers};
use widenet_statistics::Finding;

use self::{
    kind::{Group, Kind},
    labels::stems,
};
use crate::{
    error::Result,
    measure::Results,
    study::{Keys, ReadResult, Study, TaskKind, list, own_name},
};

/// A kind as study files name it.
struct Entry {
    word: &'static str,
    /// Says whether studies of these trials have it.
    has: fn(TaskKind) -> bool,
    parse: fn(&mut Reader<'_>, &Keys<'_>) -> ReadResult<Box<dyn Kind>>,
}

/// All kinds of figures, in the order of messages.
const KINDS: [Entry; 6] = [
    Entry { word: "scaling", has: |_| true, parse: scaling::parse },
    Entry { word: "curves", has: TaskKind::is_problem, parse: curves::parse },
    Entry { word: "bands", has: TaskKind::is_problem, parse: bands::parse },
    Entry { word: "overlay", has: TaskKind::is_problem, parse: overlay::parse },
    Entry { word: "divergence", has: TaskKind::is_problem, parse: divergence::parse },
    Entry { word: "lines", has: |kind| !kind.is_problem(), parse: lines::parse },
];

/// A figure that could not be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDrawn {
    /// Its name in the study.
    pub figure: String,
    /// Why.
    pub reason: String,
}

/// A figure of a study.
pub(crate) struct Figure {
    /// Its name, the stem of its files.
    name: String,
    kind: Box<dyn Kind>,
}

/// Reads the tables `[[figure]]` of a study.
///
/// # Errors
/// The first mistake in them.
pub(crate) fn read(study: &Study) -> Result<Vec<Figure>> {
    let keys = study.keys();
    let mut root = study.document.reader();
    let figure = |reader: &mut Reader<'_>| {
        let known = KINDS.iter().filter(|entry| (entry.has)(study.kind));
        let known: Vec<_> = known.map(|entry| (entry.word, entry.parse)).collect();
        let parse = reader.required("kind", |field| field.choice(&known))?;
        let kind = parse(reader, &keys)?;
        Ok(Figure { name: own_name(reader)?, kind })
    };
    Ok(list(&mut root, "figure", figure)?)
}

/// Lists the quantities that figures need, with what needs them.
pub(crate) fn needs(figures: &[Figure]) -> Vec<(String, Quantity)> {
    let of_figure = |figure: &Figure| {
        let user = format!("figure `{}`", figure.name);
        figure.kind.quantities().into_iter().map(|quantity| (user.clone(), quantity)).collect::<Vec<_>>()
    };
    figures.iter().flat_map(of_figure).collect()
}

/// Draws all figures into a directory. Returns the stems of their files, and the figures that could not be drawn: what was measured is not
/// lost with them.
pub(super) fn draw_all(
    directory: &Path,
    figures: &[Figure],
    results: &Results<'_>,
    findings: &[Finding],
) -> (Vec<String>, Vec<NotDrawn>) {
    let (mut stems, mut not_drawn) = (Vec::new(), Vec::new());
    let made = create_directory(directory);
    remove_leftovers(directory);
    for figure in figures {
        let (plots, mut reasons) = figure.draw(results, findings);
        for (stem, plot) in plots {
            match made.clone().and_then(|()| plot.write(directory, &stem)) {
                Ok(()) => stems.push(stem),
                Err(error) => reasons.push(error.to_string()),
            }
        }
        not_drawn.extend(reasons.into_iter().map(|reason| NotDrawn { figure: figure.name.clone(), reason }));
    }
    remove_others(directory, &stems);
    (stems, not_drawn)
}

impl Figure {
    /// Draws the plots with the stems of their files, and says what could not be drawn and why.
    fn draw(&self, results: &Results<'_>, findings: &[Finding]) -> (Vec<(String, Plot)>, Vec<String>) {
        let groups = match self.kind.shared_axes() {
            Some(shared) => results.groups(&shared),
            None => vec![("all".to_owned(), results.trials.iter().collect())],
        };
        let names: Vec<&str> = groups.iter().map(|(name, _)| name.as_str()).collect();
        let stems = stems(&self.name, &names);
        let (mut plots, mut reasons) = (Vec::new(), Vec::new());
        for (stem, (name, trials)) in stems.into_iter().zip(groups) {
            let title = if name == "all" { String::new() } else { words(&name) };
            match self.kind.draw(&Group { title, trials, results, findings }) {
                Ok(drawn) => plots.extend(drawn.into_iter().map(|(suffix, plot)| (format!("{stem}{suffix}"), plot))),
                Err(reason) if name == "all" => reasons.push(reason),
                Err(reason) => reasons.push(format!("{name}: {reason}")),
            }
        }
        (plots, reasons)
    }
}

/// Removes figures that the study no longer has; what cannot be removed stays.
fn remove_others(directory: &Path, stems: &[String]) {
    for path in fs::read_dir(directory).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())) {
        // A leading dot: another process is writing it.
        let is_figure = path.extension().is_some_and(|extension| ["svg", "png"].map(OsStr::new).contains(&extension));
        let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
        if is_figure && !stem.starts_with('.') && !stems.iter().any(|known| *known == stem) {
            let _ = remove_file(&path);
        }
    }
}
