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

use std::{collections::BTreeMap, path::Path};

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
    /// [`Error::Io`], [`Error::Data`]: a column that is missing, or a cell that is not the number it must be, with its place; [`Error::Invalid`]: a layer of the options that
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
            let why = (zero > 0).then(|| format!("{zero} of {} values are 0", counts.expected));
            Row::judged(place, samples, prediction(layer), options.tolerance, counts).because(why)
        });
        Ok(CoordinateReport {
            origin: Origin::Table(path.to_owned()),
            tolerance: options.tolerance,
            rows: rows.collect(),
            notes: columns.notes,
        })
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

/// Layers in the order of the table, and values by the position of their quantity, their step, and the position of their layer.
struct Cells {
    layers: Vec<String>,
    values: BTreeMap<(usize, u64, usize), Values>,
}

fn cells(table: &Table, columns: &Columns) -> Result<Cells> {
    let mut layers: Vec<String> = Vec::new();
    let mut values: BTreeMap<(usize, u64, usize), Values> = BTreeMap::new();
    let mut counted: BTreeMap<(u64, u64, usize), u64> = BTreeMap::new();
    for (row, cells) in table.rows.iter().enumerate() {
        let wrong = |column: usize, wanted: &str| Error::Data {
            what: table.name.clone(),
            message: format!(
                "row {}, column `{}`: `{}` is not {wanted}",
                row + 1,
                excerpt(&table.titles[column]),
                excerpt(cells.get(column).map_or("", String::as_str))
            ),
        };
        let number = |column: usize| cells.get(column).and_then(|cell| cell.parse::<f64>().ok());
        let whole = |column: usize| {
            let whole = number(column).filter(|number| *number >= 0.0 && *number < 9e15 && number.fract() == 0.0);
            whole.map(|whole| whole as u64).ok_or_else(|| wrong(column, "a whole number ≥ 0"))
        };
        let width = number(columns.width)
            .filter(|width| *width > 0.0 && width.is_finite())
            .ok_or_else(|| wrong(columns.width, "a width > 0"))?;
        let step = whole(columns.step)?;
        let name =
            cells.get(columns.layer).filter(|name| !name.is_empty()).ok_or_else(|| wrong(columns.layer, "a name"))?;
        let layer = layers.iter().position(|known| known == name).unwrap_or_else(|| {
            layers.push(name.clone());
            layers.len() - 1
        });
        let seed = match columns.seed {
            Some(column) => whole(column)?,
            None => {
                let count = counted.entry((width.to_bits(), step, layer)).or_insert(0);
                *count += 1;
                *count
            }
        };
        for (quantity, (_, column)) in columns.quantities.iter().enumerate() {
            let values = values.entry((quantity, step, layer)).or_default();
            let cell = cells.get(*column).map_or("", String::as_str);
            match cell.parse::<f64>() {
                Ok(y) if y > 0.0 && y.is_finite() => values.samples.push(Sample { x: width, seed, y, error: 0.0 }),
                Ok(0.0) => values.zero += 1,
                Ok(y) if y < 0.0 && y.is_finite() => return Err(wrong(*column, "a size, which is ≥ 0")),
                Ok(_) => values.lost += 1,
                Err(_) if cell.is_empty() => values.lost += 1,
                Err(_) => return Err(wrong(*column, "a number")),
            }
        }
    }
    Ok(Cells { layers, values })
}
