//! What `widenet fluctuations` has found, as tables, JSON or CSV.

use std::io::{self, Write};

use serde_json::{Map, Value as Json, json};
use widenet_core::{
    humanized,
    problem::Quantity,
    trajectory::{Number, Value},
};
use widenet_engines::{Entry, Estimate, Fluctuations, Interval};
use widenet_output::{Table, cell};

/// Numbers of a quantity at one moment that a table for people shows.
const SHOWN: usize = 6;

/// What is asked beside spread and offset.
pub(crate) struct Asked {
    /// Widths at which mean and standard deviation are predicted.
    pub(crate) widths: Vec<u64>,
    /// Quantities whose fluctuations should stay below a tolerance.
    pub(crate) tolerances: Vec<(Quantity, f64)>,
}

/// One row per number of a quantity and moment; then the sufficient widths.
pub(crate) fn text(found: &Fluctuations, asked: &Asked) -> String {
    let mut header =
        ["step", "time", "quantity", "limit", "spread s", "± 95 %", "offset b", "± 95 %"].map(String::from).to_vec();
    header.extend(asked.widths.iter().map(|width| format!("mean ± std at {width}")));
    let (mut rows, mut is_cut) = (Vec::new(), false);
    for row in entries(found) {
        if row.index >= SHOWN {
            is_cut = true;
            continue;
        }
        let Estimate { spread, offset } = row.entry.chosen;
        let half = |interval: Interval| humanized::number((interval.upper - interval.lower) / 2.0);
        let name =
            if row.is_single { row.quantity.name().into() } else { format!("{}[{}]", row.quantity.name(), row.index) };
        let mut cells = vec![row.step.to_string(), humanized::number(row.time), name];
        cells.extend([humanized::number(row.entry.limit), humanized::number(spread.value), half(spread)]);
        cells.extend([humanized::number(offset.value), half(offset)]);
        let predicted = |&width: &u64| {
            format!("{} ± {}", humanized::number(row.entry.mean_at(width)), humanized::number(row.entry.std_at(width)))
        };
        cells.extend(asked.widths.iter().map(predicted));
        rows.push(cells);
    }
    let mut text = Table::new(header, rows).to_text();
    if is_cut {
        text.push_str(&format!("the first {SHOWN} numbers of each quantity; --json and --output have all\n"));
    }
    text.push_str("networks of width m: mean = limit + b/m, standard deviation = s/√m\n");
    for &(quantity, tolerance) in &asked.tolerances {
        let name = quantity.name();
        text.push_str(&match found.sufficient_width(quantity, tolerance) {
            Some(width) => format!(
                "spread and offset of {name} stay below {tolerance:e} from width {} on (95 %: {})\n",
                width.estimate, width.upper
            ),
            None => format!("spread and offset of {name} are not known\n"),
        });
    }
    text
}

/// All of it as one line of JSON; values have the shape of their quantities.
///
/// # Errors
/// Those of the writer.
pub(crate) fn json(out: &mut dyn Write, found: &Fluctuations, asked: &Asked) -> io::Result<()> {
    let agreement = |agreement: &widenet_engines::Agreement| {
        json!({
            "quantity": agreement.quantity.name(),
            "holds": agreement.holds(),
            "spread_z": Number(agreement.spread_z),
            "spread_change": Number(agreement.spread_change),
            "offset_z": Number(agreement.offset_z),
            "offset_change": Number(agreement.offset_change),
        })
    };
    let sufficient = |&(quantity, tolerance): &(Quantity, f64)| {
        let width = found.sufficient_width(quantity, tolerance);
        json!({
            "quantity": quantity.name(),
            "tolerance": Number(tolerance),
            "width": width.map(|width| width.estimate),
            "width_upper": width.map(|width| width.upper),
        })
    };
    let records: Vec<Json> = found
        .moments
        .iter()
        .map(|moment| {
            let mut record =
                Map::from_iter([("step".into(), json!(moment.step)), ("time".into(), json!(Number(moment.time)))]);
            let quantities = moment.quantities.iter();
            record.extend(
                quantities
                    .map(|(quantity, (limit, entries))| (quantity.name().into(), of_quantity(limit, entries, asked))),
            );
            Json::Object(record)
        })
        .collect();
    let answer = json!({
        "small_width": found.small_width,
        "networks": found.networks,
        "engine": found.engine.name(),
        "status": if found.is_complete { "done" } else { "interrupted" },
        "records": records,
        "agreement": found.agreements.iter().map(agreement).collect::<Vec<_>>(),
        "sufficient_width": asked.tolerances.iter().map(sufficient).collect::<Vec<_>>(),
        "notes": found.notes,
    });
    serde_json::to_writer(&mut *out, &answer)?;
    writeln!(out)
}

fn of_quantity(limit: &Value, entries: &[Entry], asked: &Asked) -> Json {
    let all =
        |number: &dyn Fn(&Entry) -> f64| json!(limit.with_numbers(&entries.iter().map(number).collect::<Vec<_>>()));
    let mut values = Map::from_iter([
        ("limit".into(), all(&|entry| entry.limit)),
        ("limit_error".into(), all(&|entry| entry.limit_error)),
    ]);
    type Part = fn(&Estimate) -> Interval;
    let parts: [(&str, Part); 2] = [("spread", |estimate| estimate.spread), ("offset", |estimate| estimate.offset)];
    for (name, part) in parts {
        values.insert(name.into(), all(&|entry| part(&entry.chosen).value));
        values.insert(format!("{name}_lower"), all(&|entry| part(&entry.chosen).lower));
        values.insert(format!("{name}_upper"), all(&|entry| part(&entry.chosen).upper));
        values.insert(format!("{name}_at_small_width"), all(&|entry| part(&entry.at_small).value));
        if entries.iter().all(|entry| entry.at_twice.is_some()) {
            let at_twice = |entry: &Entry| entry.at_twice.map_or(f64::NAN, |estimate| part(&estimate).value);
            values.insert(format!("{name}_at_twice_the_width"), all(&at_twice));
        }
    }
    let predicted = |&width: &u64| json!({ "width": width, "mean": all(&|entry| entry.mean_at(width)), "std": all(&|entry| entry.std_at(width)) });
    if !asked.widths.is_empty() {
        values.insert("predicted".into(), asked.widths.iter().map(predicted).collect());
    }
    Json::Object(values)
}

/// One row per number of a quantity and moment.
pub(crate) fn csv(found: &Fluctuations, asked: &Asked) -> Table {
    let mut header: Vec<String> = [
        "step",
        "time",
        "quantity",
        "index",
        "limit",
        "limit_error",
        "spread",
        "spread_lower",
        "spread_upper",
        "offset",
        "offset_lower",
        "offset_upper",
    ]
    .map(String::from)
    .to_vec();
    header.extend(asked.widths.iter().flat_map(|width| [format!("mean_at_{width}"), format!("std_at_{width}")]));
    let row = |row: Row<'_>| {
        let Entry { limit, limit_error, chosen: Estimate { spread, offset }, .. } = *row.entry;
        let mut cells =
            vec![row.step.to_string(), cell(Some(row.time)), row.quantity.name().into(), row.index.to_string()];
        let numbers =
            [limit, limit_error, spread.value, spread.lower, spread.upper, offset.value, offset.lower, offset.upper];
        cells.extend(numbers.map(|number| cell(Some(number))));
        let predicted =
            |&width: &u64| [row.entry.mean_at(width), row.entry.std_at(width)].map(|number| cell(Some(number)));
        cells.extend(asked.widths.iter().flat_map(predicted));
        cells
    };
    Table::new(header, entries(found).map(row))
}

/// One number of a quantity at one moment.
struct Row<'f> {
    step: u64,
    time: f64,
    quantity: Quantity,
    /// Among the numbers of the quantity, in writing order.
    index: usize,
    /// Whether it is all of them.
    is_single: bool,
    entry: &'f Entry,
}

fn entries(found: &Fluctuations) -> impl Iterator<Item = Row<'_>> {
    found.moments.iter().flat_map(|moment| {
        moment.quantities.iter().flat_map(move |(&quantity, (_, entries))| {
            let is_single = entries.len() == 1;
            let row =
                move |(index, entry)| Row { step: moment.step, time: moment.time, quantity, index, is_single, entry };
            entries.iter().enumerate().map(row)
        })
    })
}
