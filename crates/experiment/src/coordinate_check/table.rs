//! Judges sizes that were measured elsewhere, in any framework: a table with a row for every network, step and layer.
//!
//! ```text
//! width,seed,t,module,l1              width: m     seed: of the network (or `repetition`; without it rows are counted)
//! 64,1,1,fc1,0.52                     t: steps of training (or `step`)     module: what was measured in (or `layer`)
//! ```
//!
//! Every other column that is called `value`, `l1`, `l2`, `rms`, `std` or `norm` is a quantity, or those that are asked for. So the tables that
//! microsoft/mup's `get_coord_data` returns are read as they are. In µP (docs/theory/scaling-limits.md §5.3) sizes of pre-activations and their changes have
//! exponent 0.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use widenet_core::document::{excerpt, suggestion};
use widenet_core::{
    Error, Result,
    data::{Table, read_table},
};
use widenet_statistics::{Counts, fit::Sample};

use super::{
    predictions::Prediction,
    report::{CoordinateReport, Origin, Row},
};

/// How a table is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct TableOptions {
    /// Difference > 0 from a predicted exponent that is allowed.
    pub tolerance: f64,
    /// Columns of quantities; those with known names where there are none.
    pub quantities: Vec<String>,
    /// The exponent of all layers that have no other.
    pub exponent: f64,
    /// Layers with exponents of their own.
    pub exponents: Vec<(String, f64)>,
    /// Layers without a prediction, which must not grow.
    pub exempt: Vec<String>,
}

/// Titles of columns, in the order in which they are looked for.
const WIDTH: &[&str] = &["width"];
const SEED: &[&str] = &["seed", "repetition", "rep"];
const STEP: &[&str] = &["t", "step"];
const LAYER: &[&str] = &["module", "layer"];
const QUANTITIES: &[&str] = &["value", "l1", "l2", "rms", "std", "norm"];

impl CoordinateReport {
    /// Reads a table of text (.csv) or of Parquet (.parquet) and judges all its quantities (module documentation).
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::Data`]: a table without rows, a column that is missing, a network that stands twice in a row's place, or a cell that is not the number it must be, with its place; [`Error::Invalid`]: a layer of the options that
    /// the table does not have.
    pub fn of_table(path: &Path, options: &TableOptions) -> Result<CoordinateReport> {
        let table = read_table(path)?;
        let columns = Columns::of(&table, &options.quantities)?;
        let cells = cells(&table, &columns)?;
        for layer in options.exponents.iter().map(|(layer, _)| layer).chain(&options.exempt) {
            if !cells.layers.contains(layer) {
                let known: Vec<&str> = cells.layers.iter().map(String::as_str).collect();
                return Err(Error::Invalid(format!(
                    "{} has no layer `{}`; {}",
                    table.name,
                    excerpt(layer),
                    suggestion(layer, &known)
                )));
            }
        }
        if let Some(layer) =
            options.exempt.iter().find(|exempt| options.exponents.iter().any(|(own, _)| own == *exempt))
        {
            return Err(Error::Invalid(format!(
                "layer `{}` is exempt and has a prediction; give one of the two",
                excerpt(layer)
            )));
        }
        let prediction = |layer: &String| {
            let own = options
                .exponents
                .iter()
                .find(|(own, _)| own == layer)
                .map_or(options.exponent, |(_, exponent)| *exponent);
            (!options.exempt.contains(layer)).then_some(Prediction::Equal(own))
        };
        let rows = cells.values.into_iter().map(|((quantity, step, layer), Values { samples, lost, zero })| {
            let layer = &cells.layers[layer];
            let counts = Counts { diverged: lost, ..Counts::of(samples.len(), samples.len() + lost + zero) };
            let place = (columns.quantities[quantity].0.as_str(), layer.as_str(), step);
            let expected = counts.expected;
            let why = match (zero, lost) {
                (0, 0) => None,
                (zero, 0) => Some(format!("{zero} of {expected} values are 0")),
                (_, lost) => {
                    Some(format!("{lost} of {expected} values are lost: networks that diverged, or have no row"))
                }
            };
            Row::judged(place, samples, prediction(layer), options.tolerance, counts).because(why)
        });
        let rows: Vec<Row> = rows.collect();
        let mut notes = columns.notes;
        notes.extend(cells.losses.iter().map(|(width, Loss { step, networks })| {
            format!("{networks} networks of width {width} lack values from step {step} on, as those that diverge do")
        }));
        let diverged = cells.losses.iter().map(|(_, loss)| loss.networks).sum();
        let origin = Origin::Table { path: path.to_owned(), networks: cells.networks, diverged };
        Ok(CoordinateReport { origin, tolerance: options.tolerance, rows, notes })
    }
}

/// Where everything is in a table.
struct Columns {
    width: usize,
    seed: Option<usize>,
    step: usize,
    layer: usize,
    quantities: Vec<(String, usize)>,
    /// What was guessed.
    notes: Vec<String>,
}

impl Columns {
    fn of(table: &Table, asked: &[String]) -> Result<Columns> {
        let position = |title: &str| table.titles.iter().position(|known| known.eq_ignore_ascii_case(title));
        let wrong = |message: String| Error::Data { what: table.name.clone(), message };
        let titles = || table.titles.iter().map(|title| format!("`{}`", excerpt(title))).collect::<Vec<_>>().join(", ");
        let needed = |titles_of: &[&str], what: &str| {
            titles_of.iter().find_map(|title| position(title)).ok_or_else(|| {
                let names = titles_of.iter().map(|title| format!("`{title}`")).collect::<Vec<_>>().join(" or ");
                wrong(format!("there is no column {names} with {what}; its columns are {}", titles()))
            })
        };
        if table.titles.is_empty() || table.rows.is_empty() {
            return Err(wrong(
                "it has no rows; its first line must name the columns, and every other is a measurement".into(),
            ));
        }
        let (width, step, layer) =
            (needed(WIDTH, "the width")?, needed(STEP, "the step")?, needed(LAYER, "the name of the layer")?);
        let mut quantities = Vec::new();
        for title in asked {
            let column = position(title).ok_or_else(|| {
                wrong(format!("there is no column `{}` (--value); its columns are {}", excerpt(title), titles()))
            })?;
            quantities.push((table.titles[column].clone(), column));
        }
        if asked.is_empty() {
            quantities = QUANTITIES
                .iter()
                .filter_map(|title| position(title))
                .map(|column| (table.titles[column].clone(), column))
                .collect();
        }
        if quantities.is_empty() {
            return Err(wrong(format!(
                "there is no column of sizes, {}; name one with --value; its columns are {}",
                QUANTITIES.iter().map(|title| format!("`{title}`")).collect::<Vec<_>>().join(", "),
                titles()
            )));
        }
        let seed = SEED.iter().find_map(|title| position(title));
        let notes = if seed.is_some() {
            Vec::new()
        } else {
            vec![format!(
                "{} has no column `seed`: rows of one width, step and layer are counted as seeds 1, 2, …",
                table.name
            )]
        };
        Ok(Columns { width, seed, step, layer, quantities, notes })
    }
}

/// Values of a quantity in a layer after a step.
#[derive(Default)]
struct Values {
    /// Those that are finite and positive.
    samples: Vec<Sample>,
    /// How many are infinite, not numbers, or not there: the network diverged.
    lost: usize,
    /// How many are 0, which have no logarithm.
    zero: usize,
}

/// Networks of a width that lack values.
struct Loss {
    /// From which step on.
    step: u64,
    networks: usize,
}

/// What a table says.
struct Cells {
    /// In the order of the table.
    layers: Vec<String>,
    /// By the position of the quantity, the step, and the position of the layer.
    values: BTreeMap<(usize, u64, usize), Values>,
    /// How many networks it is of.
    networks: usize,
    /// By width.
    losses: Vec<(f64, Loss)>,
}

/// A network: its width, in bits that are ordered as widths are, and its seed.
type Network = (u64, u64);

fn cells(table: &Table, columns: &Columns) -> Result<Cells> {
    let mut layers: Vec<String> = Vec::new();
    let mut values: BTreeMap<(usize, u64, usize), Values> = BTreeMap::new();
    // The networks that have a row, by steps and layers; and since when a network lacks values.
    let mut present: BTreeMap<(u64, usize), BTreeSet<Network>> = BTreeMap::new();
    let mut lost: BTreeMap<Network, u64> = BTreeMap::new();
    let mut counted: BTreeMap<(u64, u64, usize), u64> = BTreeMap::new();
    let mut loses = |network: Network, step: u64| {
        lost.entry(network).and_modify(|first| *first = step.min(*first)).or_insert(step);
    };
    for (row, cells) in table.rows.iter().enumerate() {
        let row = Measurement { table, cells, number: row + 1 };
        let width = row.width(columns.width)?;
        let step = row.whole(columns.step)?;
        let name = row.name(columns.layer)?;
        let layer = layers.iter().position(|known| known == name).unwrap_or_else(|| {
            layers.push(name.to_owned());
            layers.len() - 1
        });
        let seed = match columns.seed {
            Some(column) => row.whole(column)?,
            None => {
                let count = counted.entry((width.to_bits(), step, layer)).or_insert(0);
                *count += 1;
                *count
            }
        };
        let network = (width.to_bits(), seed);
        if !present.entry((step, layer)).or_default().insert(network) {
            return Err(row.error(format!(
                "layer `{}` of width {width}, seed {seed} and step {step} is there already; a module that runs twice in a step needs two names",
                excerpt(name)
            )));
        }
        for (quantity, (_, column)) in columns.quantities.iter().enumerate() {
            let values = values.entry((quantity, step, layer)).or_default();
            match row.size(*column)? {
                None => {
                    values.lost += 1;
                    loses(network, step);
                }
                Some(0.0) => values.zero += 1,
                Some(y) => values.samples.push(Sample { x: width, seed, y, error: 0.0 }),
            }
        }
    }
    let networks: BTreeSet<Network> = present.values().flatten().copied().collect();
    for ((step, layer), present) in &present {
        for network in networks.difference(present) {
            loses(*network, *step);
            for quantity in 0..columns.quantities.len() {
                values.entry((quantity, *step, *layer)).or_default().lost += 1;
            }
        }
    }
    let mut losses: BTreeMap<u64, Loss> = BTreeMap::new();
    for ((width, _), step) in lost {
        let loss = losses.entry(width).or_insert(Loss { step, networks: 0 });
        (loss.step, loss.networks) = (loss.step.min(step), loss.networks + 1);
    }
    let losses = losses.into_iter().map(|(width, loss)| (f64::from_bits(width), loss)).collect();
    Ok(Cells { layers, values, networks: networks.len(), losses })
}

/// A row that is being read.
struct Measurement<'t> {
    table: &'t Table,
    cells: &'t [String],
    /// From 1.
    number: usize,
}

impl Measurement<'_> {
    fn error(&self, message: String) -> Error {
        Error::Data { what: self.table.name.clone(), message: format!("row {}: {message}", self.number) }
    }

    fn text(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }

    fn wrong(&self, column: usize, wanted: &str) -> Error {
        let title = excerpt(&self.table.titles[column]);
        let message =
            format!("row {}, column `{title}`: `{}` is not {wanted}", self.number, excerpt(self.text(column)));
        Error::Data { what: self.table.name.clone(), message }
    }

    fn width(&self, column: usize) -> Result<f64> {
        let width = self.text(column).parse().ok().filter(|width: &f64| *width > 0.0 && width.is_finite());
        width.ok_or_else(|| self.wrong(column, "a width > 0"))
    }

    fn whole(&self, column: usize) -> Result<u64> {
        let number = self.text(column).parse().ok();
        let whole = number.filter(|number: &f64| *number >= 0.0 && *number < 9e15 && number.fract() == 0.0);
        whole.map(|whole| whole as u64).ok_or_else(|| self.wrong(column, "a whole number ≥ 0"))
    }

    fn name(&self, column: usize) -> Result<&str> {
        let name = self.text(column);
        if name.is_empty() { Err(self.wrong(column, "a name")) } else { Ok(name) }
    }

    /// A finite size; `None` where the network diverged.
    fn size(&self, column: usize) -> Result<Option<f64>> {
        match self.text(column).parse::<f64>() {
            Ok(size) if size < 0.0 && size.is_finite() => Err(self.wrong(column, "a size, which is ≥ 0")),
            Ok(size) => Ok(Some(size).filter(|size| size.is_finite())),
            Err(_) if self.text(column).is_empty() => Ok(None),
            Err(_) => Err(self.wrong(column, "a number")),
        }
    }
}
