//! What is not finite is no result: records end where a number is infinite or NaN.

use widenet_core::trajectory::{Record, Status, Value};

/// Records up to the first that holds a number that is not finite, where the run then counts as diverged.
pub(crate) fn finite_records(mut records: Vec<Record>, status: Status) -> (Vec<Record>, Status) {
    let broken = records.iter().position(|record| !record.values.values().all(is_finite));
    let Some(first) = broken else { return (records, status) };
    let status = Status::Diverged { step: records[first].step, time: records[first].time };
    records.truncate(first);
    (records, status)
}

fn is_finite(value: &Value) -> bool {
    match value {
        Value::Scalar(x) => x.is_finite(),
        Value::List(list) => list.iter().all(|x| x.is_finite()),
        Value::Matrix(matrix) => matrix.iter().all(|x| x.is_finite()),
        Value::Lists(lists) => lists.iter().flatten().all(|x| x.is_finite()),
        Value::Matrices(matrices) => matrices.iter().flat_map(|matrix| matrix.iter()).all(|x| x.is_finite()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use widenet_core::problem::Quantity;

    use super::*;

    #[test]
    fn records_end_before_the_first_number_that_is_none() {
        let record = |step: u64, loss: f64| {
            Record::new(step, 0.5 * step as f64, BTreeMap::from([(Quantity::TestLoss, Value::Scalar(loss))]))
        };
        let healthy = vec![record(0, 1.0), record(1, 2.0)];
        assert_eq!(finite_records(healthy.clone(), Status::Done), (healthy, Status::Done));
        for broken in [f64::NAN, f64::INFINITY] {
            let (kept, status) = finite_records(vec![record(0, 1.0), record(4, broken), record(5, 1.0)], Status::Done);
            assert_eq!((kept, status), (vec![record(0, 1.0)], Status::Diverged { step: 4, time: 2.0 }));
        }
    }
}
