//! Test samples may lie on a segment between two training samples.

use widenet_document::{keys::required, section, shape::whole};

use super::{dataset::Samples, origin::check_size};
use crate::{
    error::{Error, Result},
    matrix::Matrix,
};

section! {
    /// Test samples `(1 − α) x_i + α x_j` for equally spaced α from 0 to 1 between the (prepared) training samples i and j; their targets
    /// are interpolated alike.
    #[derive(Debug, Clone, Copy, PartialEq)]
    pub(super) struct Segment {
        /// Training sample i, counted from 0.
        from: usize = required(whole(0..=1 << 53)),
        /// Training sample j, counted from 0.
        to: usize = required(whole(0..=1 << 53)),
        /// Number of test samples.
        points: usize = required(whole(2..=100_000)),
    }
}

impl Segment {
    pub(super) fn between(&self, train: &Samples) -> Result<Samples> {
        let count = train.inputs.nrows();
        if let Some(index) = [self.from, self.to].into_iter().find(|index| *index >= count) {
            return Err(Error::Data {
                what: "data.test_segment".into(),
                message: format!("there is no training sample {index}; there are {count}, counted from 0"),
            });
        }
        check_size("data.test_segment", self.points, train.inputs.ncols() + train.targets.ncols())?;
        let on_segment = |ends: &Matrix| {
            Matrix::from_fn(self.points, ends.ncols(), |point, column| {
                let alpha = point as f64 / (self.points - 1) as f64;
                (1.0 - alpha) * ends[(self.from, column)] + alpha * ends[(self.to, column)]
            })
        };
        Ok(Samples { inputs: on_segment(&train.inputs), targets: on_segment(&train.targets) })
    }
}
