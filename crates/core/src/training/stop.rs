//! Training ends before its horizon at the first record that reaches a goal of [`Stop`].

use crate::{
    problem::{Problem, Quantity, Stop},
    trajectory::{Record, Status, Stopped, Value},
};

/// The first goal that a record reaches.
fn reached(stop: Stop, record: &Record) -> Option<Stopped> {
    stop.goals().find_map(|(quantity, goal)| {
        let Some(&Value::Scalar(value)) = record.values.get(&quantity) else { return None };
        let reached = if quantity == Quantity::TrainLoss { value <= goal } else { value >= goal };
        let Record { step, time, .. } = *record;
        reached.then_some(Stopped { step, time, quantity, value, goal })
    })
}

impl Problem {
    /// Says whether training ends with the last of these records because it reaches a goal. The last record of the plan is the end in any
    /// case.
    pub fn stop_at(&self, records: &[Record]) -> Option<Status> {
        let (stop, record) = (self.stop?, records.last()?);
        let is_end = records.len() >= self.record.at.len();
        reached(stop, record).filter(|_| !is_end).map(Status::Stopped)
    }

    /// Returns the records up to the first that reaches a goal, and how training ended: for what is trained to the horizon before its
    /// records are known.
    pub fn cut_at_stop(&self, mut records: Vec<Record>, status: Status) -> (Vec<Record>, Status) {
        let cut = (1..=records.len()).find_map(|taken| Some((taken, self.stop_at(&records[..taken])?)));
        let Some((taken, stopped)) = cut else { return (records, status) };
        records.truncate(taken);
        (records, stopped)
    }

    /// Returns the problem that is trained to its horizon whatever it reaches.
    #[must_use]
    pub fn without_stop(&self) -> Problem {
        Problem { stop: None, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn record(loss: f64, accuracy: f64) -> Record {
        let values = BTreeMap::from([
            (Quantity::TrainLoss, Value::Scalar(loss)),
            (Quantity::TrainAccuracy, Value::Scalar(accuracy)),
        ]);
        Record::new(7, 0.7, values)
    }

    /// On both sides of each goal; what is no number reaches none.
    #[test]
    fn goals_are_reached_from_above_and_from_below() {
        let stop = Stop { train_loss: Some(0.1), train_accuracy: Some(1.0) };
        let reached_by = |loss, accuracy| reached(stop, &record(loss, accuracy)).map(|stopped| stopped.quantity);
        assert_eq!(reached_by(0.1f64.next_up(), 1.0f64.next_down()), None);
        assert_eq!(reached_by(0.1, 0.5), Some(Quantity::TrainLoss));
        assert_eq!(reached_by(0.2, 1.0), Some(Quantity::TrainAccuracy));
        assert_eq!(reached_by(f64::NAN, f64::NAN), None);
        let stopped = reached(stop, &record(0.05, 0.5)).expect("reached");
        let expected = Stopped { step: 7, time: 0.7, quantity: Quantity::TrainLoss, value: 0.05, goal: 0.1 };
        assert_eq!(stopped, expected);
    }
}
