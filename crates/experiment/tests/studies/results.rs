//! `results.parquet` holds every number of every trial that is done.

use std::{fs, path::Path};

use widenet_core::data::{Table, read_table};
use widenet_experiment::Silent;

use crate::{
    fake::{FakeSolver, finish, options, study},
    questions,
};

fn results(directory: &Path) -> Table {
    read_table(&directory.join("results.parquet")).unwrap()
}

/// The cells of a row by the titles of their columns.
fn cells<'t>(table: &'t Table, row: &'t [String], titles: &[&str]) -> Vec<&'t str> {
    let position = |title: &&str| table.titles.iter().position(|known| known == title).unwrap();
    titles.iter().map(|title| row[position(title)].as_str()).collect()
}

/// The single numbers are those of `table.csv`, the others those of the trajectories, all with their axes and standard errors.
#[test]
fn results_have_every_number_of_every_record() {
    let folder = tempfile::tempdir().unwrap();
    let solver = FakeSolver { error: 0.01, ..FakeSolver::default() };
    let directory = finish(&study(folder.path(), &[]), &solver, &options(folder.path()), &Silent).directory;
    let table = results(&directory);
    let titles = [
        "trial",
        "label",
        "network.hidden_layers",
        "width",
        "seed",
        "engine",
        "status",
        "step",
        "time",
        "quantity",
        "index",
        "value",
        "error",
    ];
    assert_eq!(table.titles, titles);
    let records = read_table(&directory.join("table.csv")).unwrap();
    let of_trial = ["trial", "label", "network.hidden_layers", "width", "seed", "engine", "status", "step"];
    let losses: Vec<_> = table.rows.iter().filter(|row| cells(&table, row, &["quantity"]) == ["train_loss"]).collect();
    assert!(!losses.is_empty() && losses.len() == records.rows.len());
    for (own, row) in losses.iter().zip(&records.rows) {
        let [own, row] = [(&table, own.as_slice()), (&records, row.as_slice())]
            .map(|(table, row)| (cells(table, row, &of_trial), cells(table, row, &["time"])));
        let width = |cells: &[&str]| cells[3].parse::<f64>().unwrap();
        assert_eq!((&own.0[..3], width(&own.0), &own.0[4..]), (&row.0[..3], width(&row.0), &row.0[4..]));
        assert_eq!(own.1[0].parse::<f64>(), row.1[0].parse::<f64>());
    }
    for (own, row) in losses.iter().zip(&records.rows) {
        let number = |table: &Table, row: &[String], title: &str| cells(table, row, &[title])[0].parse::<f64>();
        assert_eq!(number(&table, own, "value"), number(&records, row, "train_loss"));
    }
    // A predictor is a matrix of two numbers; the errors of the limit are 0.01, of numbers of networks 0.
    let predictors: Vec<_> =
        table.rows.iter().filter(|row| cells(&table, row, &["quantity"]) == ["predictor"]).collect();
    assert_eq!(predictors.len(), 2 * losses.len());
    assert!(
        predictors
            .chunks(2)
            .all(|two| [two[0], two[1]].map(|row| cells(&table, row, &["index"])[0].to_owned()) == ["0", "1"])
    );
    let errors = |width: &str| -> Vec<&str> {
        losses
            .iter()
            .map(|row| cells(&table, row, &["width", "error"]))
            .filter(|cells| cells[0] == width)
            .map(|cells| cells[1])
            .collect()
    };
    assert!(errors("inf").iter().all(|error| *error == "0.01") && errors("64").iter().all(|error| *error == "0"));
    assert!(!errors("inf").is_empty() && !errors("64").is_empty());
}

/// Numbers of answers have their paths, and those of lists their positions.
#[test]
fn results_of_questions_have_paths() {
    let folder = tempfile::tempdir().unwrap();
    let directory = questions::finished_prior(folder.path());
    let table = results(&directory);
    assert_eq!(table.titles, ["trial", "label", "width", "seed", "engine", "status", "quantity", "index", "value"]);
    let metrics = fs::read_to_string(directory.join("metrics.csv")).unwrap();
    let last: Vec<_> = table
        .rows
        .iter()
        .filter(|row| cells(&table, row, &["trial", "quantity"]) == ["0", "moments.scale"])
        .map(|row| cells(&table, row, &["index", "value"]))
        .collect();
    assert_eq!(last.iter().map(|cells| cells[0]).collect::<Vec<_>>(), ["0", "1"]);
    let line = metrics.lines().nth(1).unwrap();
    assert!(line.split(',').any(|cell| cell.parse::<f64>() == last[1][1].parse::<f64>()), "{line} {last:?}");
}
