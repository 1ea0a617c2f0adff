//! Measures metrics of trajectories: the size of a recorded quantity, or of its distance to a reference.

use widenet_core::{
    Matrix, Trajectory,
    problem::Quantity,
    trajectory::{Record, Status, Value},
};
use widenet_engines::References;

use crate::{
    study::{Function, Metric, Over, RecordedQuantity, ReferenceTrials},
    trials::{ProblemTask, Trial, TrialResult},
};

/// The value of a metric, or why there is none.
pub(crate) type Measurement = Result<Uncertain, String>;

/// A number with a standard error: of a metric that of its reference, measured like the value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Uncertain {
    pub(crate) value: f64,
    /// 0 where nothing is estimated.
    pub(crate) error: f64,
}

impl Uncertain {
    /// A number without error.
    pub(crate) fn exact(value: f64) -> Uncertain {
        Uncertain { value, error: 0.0 }
    }
}

/// The trajectory that a trial's own is compared with.
pub(super) fn of_same_seed<'t>(
    trial: &Trial,
    asked: &ReferenceTrials,
    mut all: impl Iterator<Item = (&'t Trial, &'t TrialResult)>,
) -> Result<&'t Trajectory, String> {
    match all.find(|(other, _)| other.seed == trial.seed && asked.has(other, trial)) {
        Some((other, _)) if other.index == trial.index => Err("it is the reference itself".into()),
        Some((_, TrialResult::Trajectory(trajectory))) if trajectory.status.is_success() => Ok(trajectory),
        Some((_, TrialResult::Trajectory(trajectory))) => Err(format!("its reference {}", trajectory.status.ending())),
        Some((_, TrialResult::Answer(_))) | None => Err("there is no trial of the reference".into()),
    }
}

/// Of a trajectory, and another trial's that it is compared with.
pub(super) fn measure(
    (metric, recorded): (&Metric, &RecordedQuantity),
    task: &ProblemTask,
    (trajectory, other): (&Trajectory, Option<&Trajectory>),
    references: &mut References<'_>,
) -> Measurement {
    if !trajectory.status.is_success() {
        return Err(trajectory.status.ending());
    }
    let reference =
        metric.reference().map(|against| references.get(against, &task.compared(), trajectory)).transpose()?.or(other);
    let (values, errors, scale) = match (recorded.statistic.function, reference) {
        (Function::Ensemble(function), Some(reference)) => {
            let networks = task.problem.ensemble.map_or(1, |ensemble| ensemble.networks);
            let reference = same_moments(trajectory, reference)?;
            let values = of_ensemble(function, &trajectory.records, reference, networks as f64)?;
            (values, Vec::new(), 1.0)
        }
        (Function::Entries(size), reference) => {
            let reference = reference.map(|reference| same_moments(trajectory, reference)).transpose()?;
            let scale = match reference {
                Some(reference) if metric.relative => {
                    widenet_core::extremes::largest(sizes(recorded, size, reference, None)?).unwrap_or(0.0)
                }
                _ => 1.0,
            };
            let errors = reference.map(|reference| error_sizes(recorded, size, reference)).transpose()?;
            (sizes(recorded, size, &trajectory.records, reference)?, errors.unwrap_or_default(), scale)
        }
        // What has no reference, or is one number of all seeds, was refused or measured elsewhere.
        (Function::Ensemble(_) | Function::Distributions(_) | Function::Coverage, _) => {
            return Err("it is of another kind".into());
        }
    };
    reduce(recorded, (&values, &errors), scale)
}

/// The records of a reference at the moments of a trajectory, which may have stopped before it.
fn same_moments<'r>(trajectory: &Trajectory, reference: &'r Trajectory) -> Result<&'r [Record], String> {
    let (wanted, there) = (trajectory.records.len(), reference.records.len());
    if there < wanted {
        return Err(format!("it has {wanted} records and its reference, which {}, {there}", reference.status.ending()));
    }
    Ok(match trajectory.status {
        Status::Stopped(_) => &reference.records[..wanted],
        Status::Done | Status::Diverged { .. } | Status::Interrupted { .. } => &reference.records,
    })
}

/// One number of those at all records, with its error, which is 0 where none are given.
pub(super) fn reduce(recorded: &RecordedQuantity, (values, errors): (&[f64], &[f64]), scale: f64) -> Measurement {
    // `f64::max` and `f64::min` would skip NaN.
    let worse = |a: f64, b: f64| if recorded.statistic.smallest_is_worst { a <= b } else { a >= b };
    let mut all = values.iter().enumerate().map(|(i, value)| (*value, errors.get(i).copied().unwrap_or(0.0)));
    let found = match recorded.over {
        Over::Initial => all.next(),
        Over::Final => all.next_back(),
        Over::Sup => all.reduce(|a, b| if worse(a.0, b.0) || a.0.is_nan() { a } else { b }),
    };
    match found.map(|(value, error)| (value / scale, error / scale)) {
        Some((value, error)) if value.is_finite() => Ok(Uncertain { value, error }),
        Some(_) => Err("it is not finite".into()),
        None => Err("nothing was recorded".into()),
    }
}

/// What counts of a record: all entries of the quantity, or the metric's own.
pub(super) fn entries(recorded: &RecordedQuantity, record: &Record) -> Result<Vec<f64>, String> {
    entries_of(recorded, record.values.get(&recorded.quantity))
}

/// Their standard errors; `None` of numbers that are no estimates.
pub(super) fn entry_errors(recorded: &RecordedQuantity, record: &Record) -> Result<Option<Vec<f64>>, String> {
    let errors = record.errors.get(&recorded.quantity);
    errors.map(|errors| entries_of(recorded, Some(errors))).transpose()
}

/// The size of the standard errors of every record; 0 of numbers that are no estimates.
fn error_sizes(recorded: &RecordedQuantity, size: fn(&[f64]) -> f64, records: &[Record]) -> Result<Vec<f64>, String> {
    let of_record = |record: &Record| Ok(entry_errors(recorded, record)?.map_or(0.0, |errors| size(&errors)));
    records.iter().map(of_record).collect()
}

fn entries_of(recorded: &RecordedQuantity, value: Option<&Value>) -> Result<Vec<f64>, String> {
    let quantity = recorded.quantity;
    let value = value.map(Value::flatten);
    let entries = value.ok_or_else(|| format!("{} is not recorded by this engine", quantity.name()))?;
    match recorded.entry {
        None => Ok(entries),
        Some(entry) => {
            let position = if entry < 0 { entry + entries.len() as i64 } else { entry };
            let value = usize::try_from(position).ok().and_then(|position| entries.get(position));
            value.map(|value| vec![*value]).ok_or_else(|| {
                format!("{} has {} entries, numbered from 0, and no entry {entry}", quantity.name(), entries.len())
            })
        }
    }
}

/// The size of `q_t`, or of `q_t − r_t`, at every record; of the metric's entry alone where it has one.
fn sizes(
    recorded: &RecordedQuantity,
    size: fn(&[f64]) -> f64,
    records: &[Record],
    reference: Option<&[Record]>,
) -> Result<Vec<f64>, String> {
    let values = |record: &Record| entries(recorded, record);
    let Some(reference) = reference else {
        return records.iter().map(|record| Ok(size(&values(record)?))).collect();
    };
    let distance = |(record, reference): (&Record, &Record)| {
        let (a, b) = (values(record)?, values(reference)?);
        if a.len() != b.len() {
            let name = recorded.quantity.name();
            return Err(format!("{name} has {} entries and its reference {}", a.len(), b.len()));
        }
        let difference: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
        Ok(size(&difference))
    };
    pairs(records, reference)?.into_iter().map(distance).collect()
}

/// Pairs records with the records of the reference at the same times.
pub(crate) fn pairs<'r>(
    records: &'r [Record],
    reference: &'r [Record],
) -> Result<Vec<(&'r Record, &'r Record)>, String> {
    if records.len() != reference.len() {
        return Err(format!("it has {} records and its reference {}", records.len(), reference.len()));
    }
    let pair = |(record, reference): (&'r Record, &'r Record)| {
        // Both record at the planned moments; flows reach them to rounding.
        if (record.time - reference.time).abs() > 1e-9 * reference.time.abs() {
            return Err(format!("its record at time {:?} has a reference at time {:?}", record.time, reference.time));
        }
        Ok((record, reference))
    };
    records.iter().zip(reference).map(pair).collect()
}

/// A statistic of an ensemble's mean outputs and the limit's at every record.
fn of_ensemble(
    function: fn(&Matrix, Matrix, f64) -> Result<f64, String>,
    records: &[Record],
    limit: &[Record],
    networks: f64,
) -> Result<Vec<f64>, String> {
    let matrix = |record: &Record, quantity: Quantity| match record.values.get(&quantity) {
        Some(Value::Matrix(matrix)) => Ok(matrix.clone()),
        _ => Err(format!("{} is not recorded", quantity.name())),
    };
    let at = |(record, limit): (&Record, &Record)| {
        let difference = matrix(record, Quantity::TestOutputs)? - matrix(limit, Quantity::TestOutputs)?;
        function(&difference, matrix(limit, Quantity::TestOutputCovariance)?, networks)
    };
    pairs(records, limit)?.into_iter().map(at).collect()
}
