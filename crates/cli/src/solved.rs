//! What `widenet solve` has solved so far, as a table or as JSON.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use widenet_core::{
    Trajectory, Width,
    document::Word,
    humanized,
    problem::Quantity,
    training::Progress,
    trajectory::{ERROR_SUFFIX, Engine, Status, Value},
};
use widenet_engines::Request;
use widenet_output::{Cell, ColumnType, ParquetTable, RECORD_COLUMNS, RecordedNumber, Table, each_number};

/// How often the records of a running solution are copied.
const COPIED_EVERY: Duration = Duration::from_millis(300);

/// What has been solved, shared with what a signal calls.
#[derive(Clone, Default)]
pub(crate) struct Solved(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    finished: Vec<Arc<Trajectory>>,
    running: Option<Running>,
}

/// A solution under way, with the records that were copied last.
struct Running {
    trajectory: Trajectory,
    copied: Instant,
}

impl Solved {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A solution begins.
    pub(crate) fn begin(&self, request: &Request<'_>, engine: Engine) {
        let Request { width, seed, .. } = *request;
        let status = Status::Interrupted { step: 0 };
        let trajectory = Trajectory { width, engine, seed, status, records: Vec::new() };
        self.state().running = Some(Running { trajectory, copied: Instant::now() });
    }

    /// It has come this far.
    pub(crate) fn follow(&self, progress: &Progress<'_>) {
        let mut state = self.state();
        let Some(Running { trajectory, copied }) = &mut state.running else { return };
        trajectory.status = Status::Interrupted { step: progress.step };
        if copied.elapsed() >= COPIED_EVERY {
            let known = trajectory.records.len();
            trajectory.records.extend(progress.records.iter().skip(known).cloned());
            *copied = Instant::now();
        }
    }

    /// It has ended, and this came of it, if anything.
    pub(crate) fn end(&self, trajectory: Option<Trajectory>) {
        let mut state = self.state();
        state.running = None;
        state.finished.extend(trajectory.map(Arc::new));
    }

    /// What has ended.
    pub(crate) fn finished(&self) -> Vec<Arc<Trajectory>> {
        self.state().finished.clone()
    }

    /// The same and what is known of the solution under way.
    pub(crate) fn so_far(&self) -> Vec<Arc<Trajectory>> {
        let state = self.state();
        let running = state.running.as_ref().map(|running| Arc::new(running.trajectory.clone()));
        state.finished.iter().cloned().chain(running).collect()
    }
}

/// Writes trajectories as JSON, a list in one line.
pub(crate) fn write_json(out: &mut dyn Write, trajectories: &[Arc<Trajectory>]) -> io::Result<()> {
    for (i, trajectory) in trajectories.iter().enumerate() {
        out.write_all(if i == 0 { b"[" } else { b"," })?;
        serde_json::to_writer(&mut *out, &**trajectory)?;
    }
    writeln!(out, "{}", if trajectories.is_empty() { "[]" } else { "]" })
}

/// Writes every number of every record as a row of CSV.
pub(crate) fn write_csv(out: &mut dyn Write, trajectories: &[Arc<Trajectory>]) -> io::Result<()> {
    let names: Vec<&str> = columns().iter().map(|(name, _)| *name).collect();
    writeln!(out, "{}", names.join(","))?;
    for trajectory in trajectories {
        let Trajectory { width, engine, seed, status, records } = &**trajectory;
        let (engine, status) = (engine.name(), status.word());
        each_number(records, &mut |RecordedNumber { step, time, quantity, index, value, error }| {
            let quantity = quantity.name();
            writeln!(out, "{width},{engine},{seed},{status},{step},{time:?},{quantity},{index},{value:?},{error:?}")
        })?;
    }
    Ok(())
}

/// Writes the same as a table of Parquet; the width ∞ is the number.
pub(crate) fn write_parquet(out: &mut (dyn Write + Send), trajectories: &[Arc<Trajectory>]) -> io::Result<()> {
    let mut table = ParquetTable::new(out, &columns())?;
    for trajectory in trajectories {
        let first = [
            Cell::Number(trajectory.width.as_f64()),
            Cell::Text(trajectory.engine.name()),
            Cell::Whole(trajectory.seed),
            Cell::Text(trajectory.status.word()),
        ];
        each_number(&trajectory.records, &mut |number| table.push(&[&first[..], &number.cells()].concat()))?;
    }
    table.finish()
}

/// The columns of CSV and Parquet.
fn columns() -> Vec<(&'static str, ColumnType)> {
    let of_trajectory = [
        ("width", ColumnType::Number),
        ("engine", ColumnType::Text),
        ("seed", ColumnType::Whole),
        ("status", ColumnType::Text),
    ];
    [&of_trajectory[..], &RECORD_COLUMNS].concat()
}

fn scalar(values: &BTreeMap<Quantity, Value>, quantity: Quantity) -> Option<f64> {
    match values.get(&quantity) {
        Some(Value::Scalar(value)) => Some(*value),
        _ => None,
    }
}

/// Whether trajectories are compared with their limit: width ∞ was asked for.
pub(crate) fn is_compared(trajectories: &[Arc<Trajectory>]) -> bool {
    trajectories.iter().any(|trajectory| trajectory.width == Width::Infinite)
}

/// One row per trajectory: its last record and, where they are compared, its distance to the limit in a quantity (for a limit with a random
/// start: given the trajectory's own). Distances that are not given are not known.
pub(crate) fn table(trajectories: &[Arc<Trajectory>], compared: Quantity, distances: &[Option<f64>]) -> String {
    let records = || trajectories.iter().flat_map(|trajectory| &trajectory.records);
    let is_scalar = |quantity: &Quantity| records().any(|record| scalar(&record.values, *quantity).is_some());
    let is_estimate = |quantity: &Quantity| records().any(|record| scalar(&record.errors, *quantity).is_some());
    let scalars: Vec<(Quantity, bool)> =
        Quantity::all().filter(is_scalar).map(|quantity| (quantity, is_estimate(&quantity))).collect();
    let compare = is_compared(trajectories);
    let mut header = ["width", "engine", "seed", "status", "step", "time"].map(String::from).to_vec();
    for (quantity, is_estimate) in &scalars {
        header.push(quantity.name().into());
        header.extend(is_estimate.then(|| format!("{}{ERROR_SUFFIX}", quantity.name())));
    }
    let column = format!("sup |{} - limit|", compared.name());
    if compare {
        header.push(column);
    }
    let cell = |number: Option<f64>| number.map_or("-".into(), humanized::number);
    let row = |(i, trajectory): (usize, &Arc<Trajectory>)| {
        let last = trajectory.records.last();
        let mut row = vec![
            trajectory.width.to_string(),
            trajectory.engine.name().to_string(),
            trajectory.seed.to_string(),
            match trajectory.status {
                Status::Diverged { step, .. } => format!("diverged at step {step}"),
                Status::Stopped(_) => trajectory.status.ending(),
                Status::Done | Status::Interrupted { .. } => trajectory.status.word().to_string(),
            },
            last.map_or("-".into(), |record| record.step.to_string()),
            cell(last.map(|record| record.time)),
        ];
        for (quantity, is_estimate) in &scalars {
            row.push(cell(last.and_then(|record| scalar(&record.values, *quantity))));
            row.extend(is_estimate.then(|| cell(last.and_then(|record| scalar(&record.errors, *quantity)))));
        }
        if compare {
            row.push(cell(distances.get(i).copied().flatten()));
        }
        row
    };
    Table::new(header, trajectories.iter().enumerate().map(row)).to_text()
}

#[cfg(test)]
mod tests {
    use widenet_core::{Matrix, data::DataSource, document::Document, trajectory::Record};

    use super::*;

    fn trajectory(seed: u64) -> Trajectory {
        let values = BTreeMap::from([(Quantity::TrainLoss, Value::Scalar(0.5))]);
        let records = vec![Record::new(3, 0.25, values)];
        Trajectory { width: Width::Infinite, engine: Engine::Limit, seed, status: Status::Done, records }
    }

    #[test]
    fn json_is_that_of_a_list() {
        for count in 0..3 {
            let list: Vec<_> = (0..count).map(trajectory).collect();
            let mut written = Vec::new();
            let shared: Vec<_> = list.iter().cloned().map(Arc::new).collect();
            write_json(&mut written, &shared).unwrap();
            assert_eq!(String::from_utf8(written).unwrap(), format!("{}\n", serde_json::to_string(&list).unwrap()));
        }
    }

    /// Read back by the reader of `data.kind = "parquet"`, every number is the same.
    #[test]
    fn a_table_of_parquet_has_the_numbers_of_csv() {
        let values = BTreeMap::from([
            (Quantity::TrainLoss, Value::Scalar(0.1 + 0.2)),
            (Quantity::Outputs, Value::Matrix(Matrix::from_row_slice(2, 2, &[1.0, -2.0, 1e-300, 4.0]))),
        ]);
        let finite = Trajectory {
            width: Width::Finite(64),
            engine: Engine::Law,
            seed: 3,
            status: Status::Done,
            records: vec![Record::new(0, 0.0, values.clone()), Record::new(7, 0.7, values)],
        };
        let folder = tempfile::tempdir().unwrap();
        let mut file = std::fs::File::create(folder.path().join("t.parquet")).unwrap();
        write_parquet(&mut file, &[Arc::new(finite)]).unwrap();
        let section = "[data]\nkind = \"parquet\"\ntrain = \"t.parquet\"\ninputs = [\"width\", \"seed\", \"step\", \"time\", \
                       \"index\", \"value\"]\ntargets = [\"quantity\"]\nclasses = [\"train_loss\", \"outputs\"]\n";
        let document = Document::from_toml("problem.toml", section).unwrap();
        let source = DataSource::parse(&document.field("data").unwrap()).unwrap();
        let train = source.load(folder.path()).unwrap().train;
        assert_eq!(train.inputs.shape(), (10, 6));
        assert_eq!(train.inputs.column(5).as_slice(), [0.1 + 0.2, 1.0, -2.0, 1e-300, 4.0].repeat(2));
        assert_eq!(train.inputs.row(9).iter().copied().collect::<Vec<_>>(), [64.0, 3.0, 7.0, 0.7, 3.0, 4.0]);
        assert_eq!(train.targets.as_slice(), [-1.0, 1.0, 1.0, 1.0, 1.0].repeat(2));
    }

    #[test]
    fn a_distance_that_is_not_known_is_a_dash() {
        let both = [1, 2].map(|seed| Arc::new(trajectory(seed)));
        let table = table(&both, Quantity::Predictor, &[Some(0.125)]);
        let rows: Vec<&str> = table.lines().skip(1).map(|line| line.rsplit("  ").next().unwrap()).collect();
        assert_eq!(rows, ["0.12500", "-"], "{table}");
    }
}
