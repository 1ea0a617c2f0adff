//! Says how much memory the records of a run take.
//!
//! ```text
//! bytes = moments × Σ over quantities of (8 × numbers + OVERHEAD)
//! ```

use super::{definition::Problem, quantity::Quantity};
use crate::width::Width;

/// Bytes of a recorded value besides its numbers: its place in the record, and the header of its list or matrix.
const OVERHEAD: f64 = 128.0;

/// Most learned singular values of a hidden matrix that a dense run finds.
const LARGEST_VALUES: f64 = 24.0;

impl Problem {
    /// Returns the bytes that the records of a run take, at most, and the quantity that takes most of them.
    pub fn record_bytes(&self, width: Width) -> (u64, Option<Quantity>) {
        let bytes = |quantity: &Quantity| 8.0 * self.numbers(*quantity, width) + OVERHEAD;
        let moments = self.record.at.len() as f64;
        let all: f64 = self.record.quantities.iter().map(bytes).sum();
        let largest = self.record.quantities.iter().max_by(|a, b| bytes(a).total_cmp(&bytes(b))).copied();
        ((moments * all) as u64, largest)
    }

    /// Numbers of one value of a quantity; the shapes are those of [`Quantity`].
    fn numbers(&self, quantity: Quantity, width: Width) -> f64 {
        let layers = self.network.hidden_layers as f64;
        let (d, k) = (self.data.input_dimension() as f64, self.data.output_dimension() as f64);
        let train = self.data.train.inputs.nrows() as f64;
        let test = self.data.test.as_ref().map_or(0.0, |test| test.inputs.nrows() as f64);
        match quantity {
            Quantity::TrainLoss
            | Quantity::TestLoss
            | Quantity::TrainAccuracy
            | Quantity::TestAccuracy
            | Quantity::TrainLossOfMean
            | Quantity::TestLossOfMean
            | Quantity::TrainAccuracyOfMean
            | Quantity::TestAccuracyOfMean
            | Quantity::Sharpness
            | Quantity::FunctionKurtosis
            | Quantity::MinNormDistance
            | Quantity::TangentKernelChange
            | Quantity::TangentKernelNorm
            | Quantity::NngpKernelChange
            | Quantity::OutputChange
            | Quantity::ParameterDistance
            | Quantity::LinearisedTrainLoss
            | Quantity::LinearisedTestLoss
            | Quantity::LinearisationDistance
            | Quantity::InputKurtosis
            | Quantity::OutputKurtosis
            | Quantity::OrthogonalityLoss
            | Quantity::TruncationError => 1.0,
            Quantity::Predictor => k * d,
            Quantity::PredictorOffset => k,
            Quantity::PredictorSingularValues => k.min(d),
            Quantity::Outputs | Quantity::OutputStd | Quantity::LinearisedOutputs => train * k,
            Quantity::TestOutputs | Quantity::TestOutputStd | Quantity::LinearisedTestOutputs => test * k,
            Quantity::NormalisedOutputs => train,
            Quantity::NormalisedTestOutputs => test,
            Quantity::TestOutputCovariance => test * test,
            Quantity::FeatureGram => layers * d * d,
            Quantity::GradientGram => layers * k * k,
            Quantity::TangentKernel => (train * k).powi(2),
            Quantity::MeanTangentKernel | Quantity::NngpKernel => train * train,
            Quantity::FeatureKernels => layers * train * train,
            Quantity::GradientKernels => layers * (train * k).powi(2),
            Quantity::WeightChange | Quantity::ActivationNorms | Quantity::ActivationChanges => layers + 1.0,
            Quantity::Decomposition => 4.0,
            Quantity::InputCovariance | Quantity::InputAutocovariance => d * d,
            Quantity::OutputCovariance | Quantity::OutputAutocovariance => k * k,
            // A step teaches k directions.
            Quantity::LearnedSingularValues => {
                let learned = (k * self.optimizer.typical_steps()).max(LARGEST_VALUES).min(width.as_f64());
                (layers - 1.0) * (learned + OVERHEAD / 8.0)
            }
            Quantity::EffectiveDimensions => layers,
            Quantity::ExploredRanks => (layers - 1.0) * (2.0 + OVERHEAD / 8.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use widenet_document::Document;

    use super::*;

    fn problem(record: &str) -> Problem {
        let text = format!(
            "[network]\nhidden_layers = 2\n[parameterization]\nkind = \"mean_field\"\n\
             [data]\nkind = \"inline\"\ninputs = [[1, 0, 2], [0, 1, 2]]\ntargets = [[1, 1], [-1, 1]]\n\
             [optimizer]\nkind = \"gd\"\nlearning_rate = 0.1\nsteps = 1000\n[record]\n{record}\n"
        );
        Problem::from_document(&Document::from_toml("problem.toml", &text).unwrap(), Path::new("")).unwrap()
    }

    #[test]
    fn records_are_counted_by_moments_and_shapes() {
        let width = Width::Finite(64);
        let (bytes, largest) =
            problem("at = { every = 1 }\nquantities = [\"predictor\", \"train_loss\"]").record_bytes(width);
        assert_eq!(largest, Some(Quantity::Predictor));
        assert_eq!(bytes, 1001 * (8 * (2 * 3 + 1) + 2 * 128));
        // And the end of training.
        let two = problem("at = [0]\nquantities = [\"feature_gram\"]").record_bytes(width).0;
        assert_eq!(two, 2 * (8 * 2 * 9 + 128));
    }
}
