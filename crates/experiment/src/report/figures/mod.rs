//! Figures of a study. Each kind has a file of its own, with its keys and its plots, and a line in the list of problems or of questions.

mod bands;
mod curves;
mod diverged;
mod divergence;
mod kind;
mod labels;
mod lines;
mod overlay;
mod scaling;

use std::{ffi::OsStr, fs, path::Path};

use serde_json::Value as Json;
use widenet_core::{
    document::{
        Field, Kind as SectionKind,
        keys::{by_kind, optional, required},
        schema, section,
        shape::{Located, Shape, list_or_none, located, table},
    },
    problem::Quantity,
};
use widenet_figures::{Plot, words};
use widenet_output::{create_directory, remove_file, remove_leftovers};
use widenet_statistics::Finding;

use self::{
    kind::{FigureKeys, Group, Kind},
    labels::stems,
};
use crate::{
    error::Result,
    measure::Results,
    study::{Only, ReadResult, Study, name, named},
};

/// The kinds of figures of problems, in the order of messages.
const OF_PROBLEMS: &[SectionKind<Box<dyn FigureKeys>>] = &[
    SectionKind::of::<scaling::Keys>("scaling"),
    SectionKind::of::<curves::Keys>("curves"),
    SectionKind::of::<bands::Keys>("bands"),
    SectionKind::of::<overlay::Keys>("overlay"),
    SectionKind::of::<divergence::Keys>("divergence"),
];

/// Those of questions.
const OF_QUESTIONS: &[SectionKind<Box<dyn FigureKeys>>] =
    &[SectionKind::of::<scaling::Keys>("scaling"), SectionKind::of::<lines::Keys>("lines")];

section! {
    /// A figure of trajectories.
    struct ProblemFigure {
        /// Its name, the stem of its files.
        name: String = required(name()),
        /// What it draws.
        kind: Box<dyn FigureKeys> = by_kind(OF_PROBLEMS),
        /// Widths and values of axes that are drawn, by their keys; all are on other axes.
        only: Option<Located<Only>> = optional(located(table())),
    }
}

section! {
    /// A figure of answers.
    struct QuestionFigure {
        /// Its name, the stem of its files.
        name: String = required(name()),
        /// What it draws.
        kind: Box<dyn FigureKeys> = by_kind(OF_QUESTIONS),
        /// Widths and values of axes that are drawn, by their keys; all are on other axes.
        only: Option<Located<Only>> = optional(located(table())),
    }
}

/// The schemas of figures of problems and of questions.
pub(crate) fn schemas() -> [Json; 2] {
    [schema::table::<ProblemFigure>(), schema::table::<QuestionFigure>()]
}

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
    /// Axes, or `width`, with the labels of the values that are drawn; all are on other axes.
    only: Vec<(String, Vec<String>)>,
}

/// Reads the tables `[[figure]]` of a study.
///
/// # Errors
/// The first mistake in them.
pub(crate) fn read(study: &Study) -> Result<Vec<Figure>> {
    let Some(field) = study.document.field("figure") else { return Ok(Vec::new()) };
    let keys = study.keys();
    let figure = |name: &str, (kind, only): (&dyn FigureKeys, Option<&Located<Only>>), table: &Field<'_>| {
        Ok(Figure { name: name.to_owned(), kind: kind.figure(&keys, table)?, only: keys.selection(only)? })
    };
    let figures: ReadResult<Vec<Figure>> = if study.kind.is_problem() {
        let tables = Some(list_or_none(located(table::<ProblemFigure>())).read(&field)?);
        let tables = named("figure", &tables, |figure| &figure.name)?.iter();
        let parts = |table: &Located<ProblemFigure>| {
            let ProblemFigure { name, kind, only } = &table.value;
            figure(name, (kind.as_ref(), only.as_ref()), &table.field())
        };
        tables.map(parts).collect()
    } else {
        let tables = Some(list_or_none(located(table::<QuestionFigure>())).read(&field)?);
        let tables = named("figure", &tables, |figure| &figure.name)?.iter();
        let parts = |table: &Located<QuestionFigure>| {
            let QuestionFigure { name, kind, only } = &table.value;
            figure(name, (kind.as_ref(), only.as_ref()), &table.field())
        };
        tables.map(parts).collect()
    };
    Ok(figures?)
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
        for (stem, (name, all)) in stems.into_iter().zip(groups) {
            let trials: Vec<_> = all.iter().copied().filter(|trial| trial.trial.is_among(&self.only)).collect();
            if trials.is_empty() {
                continue;
            }
            let title = if name == "all" { String::new() } else { words(&name) };
            match self.kind.draw(&Group { title, trials, all, results, findings }) {
                Ok(drawn) => plots.extend(drawn.into_iter().map(|(suffix, mut plot)| {
                    plot.remarks.extend(results.partial().map(|partial| format!("partial: {partial}")));
                    (format!("{stem}{suffix}"), plot)
                })),
                Err(reason) if name == "all" => reasons.push(reason),
                Err(reason) => reasons.push(format!("{name}: {reason}")),
            }
        }
        if plots.is_empty() && reasons.is_empty() && !self.only.is_empty() && results.partial().is_none() {
            reasons.push("no trial has all of the values that `only` names".into());
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
