//! Writes predictions with their losses as files and JSON.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use serde::{Serialize, Serializer, ser::SerializeMap};
use widenet_core::{
    Matrix,
    problem::{Labels, Loss},
    trajectory::Number,
};
use widenet_limits::kernel::{Moment, Moments, Prediction};

use widenet_output::{Format, OutputFile, Rows};

use crate::error::{QuestionResult, invalid};

/// Predictions at every moment asked for. In JSON `{ "learning_rates": …, "predictions": […] }`.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictAnswer {
    /// Learning rates that the linear model allows, if asked for.
    pub learning_rates: Option<LearningRates>,
    /// P × k.
    pub train_targets: Matrix,
    /// T × k, if the test data have targets.
    pub test_targets: Option<Matrix>,
    /// One answer per moment, in the order asked.
    pub answers: Vec<Answer>,
}

/// Learning rates in the problem's loss (docs/theory/ntk.md §7).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LearningRates {
    /// Above it the linear model diverges, with the problem's momentum.
    pub largest_stable: f64,
    /// Below it the convergence of wide networks is proved, for squared loss and without momentum.
    pub critical: Option<f64>,
}

/// A prediction with the losses and accuracies of its mean outputs. One that has diverged has none; in JSON it has the `status`
/// `"diverged"` in place of its outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Mean and spread.
    pub prediction: Prediction,
    /// Loss of the mean training outputs.
    pub train_loss: Option<f64>,
    /// Loss of the mean test outputs, where the test data have targets.
    pub test_loss: Option<f64>,
    /// Share of training samples whose class is right, where the targets are labels.
    pub train_accuracy: Option<f64>,
    /// Share of test samples whose class is right.
    pub test_accuracy: Option<f64>,
}

impl Answer {
    pub(super) fn new(prediction: Prediction, loss: Loss, train: &Matrix, test: Option<&Matrix>) -> Self {
        let labels = Labels::of(train);
        let of_train = (!prediction.diverged).then_some(&prediction.train);
        let train_loss = of_train.map(|predicted| loss.value(&predicted.mean, train));
        let train_accuracy = of_train.and_then(|predicted| Labels::accuracy_of(&labels, &predicted.mean, train));
        let of_test = prediction.test.as_ref().filter(|_| !prediction.diverged).zip(test);
        let test_loss = of_test.map(|(predicted, targets)| loss.value(&predicted.mean, targets));
        let test_accuracy =
            of_test.and_then(|(predicted, targets)| Labels::accuracy_of(&labels, &predicted.mean, targets));
        Self { prediction, train_loss, test_loss, train_accuracy, test_accuracy }
    }

    /// Returns the moment as in files: a number or `inf`.
    pub fn moment(&self) -> String {
        match self.prediction.moment {
            Moment::At(moment) => moment.to_string(),
            Moment::Infinity => "inf".into(),
        }
    }

    /// Returns the mean standard deviation of the outputs on training and test inputs, where there is a spread.
    pub fn mean_std(&self) -> [Option<f64>; 2] {
        let mean = |moments: &Moments| moments.std.as_ref().map(|std| std.iter().sum::<f64>() / std.len() as f64);
        if self.prediction.diverged {
            return [None, None];
        }
        [mean(&self.prediction.train), self.prediction.test.as_ref().and_then(mean)]
    }
}

/// Outputs on one set of inputs, in JSON.
struct Outputs<'a>(&'a Moments);

impl Serialize for Outputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("mean", &Rows(&self.0.mean))?;
        if let Some(std) = &self.0.std {
            map.serialize_entry("std", &std.iter().copied().map(Number).collect::<Vec<_>>())?;
        }
        if let Some(covariance) = &self.0.covariance {
            map.serialize_entry("covariance", &Rows(covariance))?;
        }
        map.end()
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.prediction.moment {
            Moment::At(moment) if moment.fract() == 0.0 && moment < 1e15 => {
                map.serialize_entry("at", &(moment as u64))?;
            }
            Moment::At(moment) => map.serialize_entry("at", &moment)?,
            Moment::Infinity => map.serialize_entry("at", "inf")?,
        }
        if let Some(seed) = self.prediction.seed {
            map.serialize_entry("seed", &seed)?;
        }
        map.serialize_entry("time", &Number(self.prediction.time))?;
        if self.prediction.diverged {
            map.serialize_entry("status", "diverged")?;
            return map.end();
        }
        map.serialize_entry("train", &Outputs(&self.prediction.train))?;
        if let Some(test) = &self.prediction.test {
            map.serialize_entry("test", &Outputs(test))?;
        }
        map.serialize_entry("train_loss", &self.train_loss.map(Number))?;
        map.serialize_entry("test_loss", &self.test_loss.map(Number))?;
        map.serialize_entry("train_accuracy", &self.train_accuracy.map(Number))?;
        map.serialize_entry("test_accuracy", &self.test_accuracy.map(Number))?;
        if let Some(likelihood) = &self.prediction.likelihood {
            map.serialize_entry("log_evidence", &likelihood.log_evidence.as_ref().ok().copied().map(Number))?;
            if let Some(test) = &likelihood.test {
                map.serialize_entry("test_log_likelihood", &test.as_ref().ok().copied().map(Number))?;
            }
        }
        if let Some(dropped) = self.prediction.dropped {
            map.serialize_entry("dropped", &dropped)?;
        }
        map.end()
    }
}

impl Serialize for PredictAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(rates) = &self.learning_rates {
            map.serialize_entry("learning_rates", rates)?;
        }
        map.serialize_entry("predictions", &self.answers)?;
        map.end()
    }
}

impl PredictAnswer {
    /// Answers at moments at which the model has not diverged.
    fn finite(&self) -> impl Iterator<Item = &Answer> {
        self.answers.iter().filter(|answer| !answer.prediction.diverged)
    }

    /// What should be said beside the answer: what has no value and why, and moments at which the model has diverged.
    pub fn notes(&self) -> Vec<String> {
        let mut diverged: Vec<String> =
            self.answers.iter().filter(|answer| answer.prediction.diverged).map(Answer::moment).collect();
        diverged.dedup();
        let mut notes = Vec::new();
        if let Err(why) = Labels::of(&self.train_targets) {
            notes.push(format!("there is no accuracy, the share of right classes: {why}"));
        }
        for likelihood in self.answers.iter().filter_map(|answer| answer.prediction.likelihood.as_ref()) {
            if let Err(why) = &likelihood.log_evidence {
                notes.push(format!("there is no log evidence: {why}"));
            }
            if let Some(Err(why)) = &likelihood.test {
                notes.push(format!("there is no test log-likelihood: {why}"));
            }
        }
        if diverged.is_empty() {
            return notes;
        }
        notes.push(format!(
            "the linear model has diverged at {}: outputs there are not finite and are left out",
            diverged.join(", ")
        ));
        notes
    }

    /// Writes the predictions in the format of the file: JSON; CSV with one row per moment, sample and output; NumPy arrays of
    /// the mean test outputs, one file per moment. Moments at which the model has diverged have no rows and no file. Returns the files.
    ///
    /// # Errors
    /// Those of writing the files; NumPy arrays without test data.
    pub fn write(&self, output: &OutputFile) -> QuestionResult<Vec<PathBuf>> {
        match output.format() {
            Format::Json => output.write(|out| self.write_json(out))?,
            Format::Csv | Format::Parquet | Format::Text => output.write(|out| self.write_csv(out))?,
            Format::Npy => {
                let mean = |answer: &'_ Answer| {
                    let mut name = format!("at-{}", answer.moment());
                    if let Some(seed) = answer.prediction.seed.filter(|_| self.has_functions()) {
                        name.push_str(&format!("-seed-{seed}"));
                    }
                    Some((name, answer.prediction.test.clone()?.mean))
                };
                let means: Option<Vec<_>> = self.finite().map(mean).collect();
                let means = means.ok_or_else(|| {
                    invalid(format!(
                        "{}: a .npy file holds the mean test outputs, and `data` has no test samples; use .json or .csv",
                        output.path().display()
                    ))
                })?;
                let arrays: Vec<_> = means.iter().map(|(name, mean)| (name.clone(), mean)).collect();
                return Ok(output.write_arrays(&arrays)?);
            }
        }
        Ok(vec![output.path().to_owned()])
    }

    /// Writes the predictions as one line of JSON.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }

    /// Says whether there are answers for several functions at the start.
    pub fn has_functions(&self) -> bool {
        self.answers.windows(2).any(|pair| pair[0].prediction.seed != pair[1].prediction.seed)
    }

    /// Rows `at,set,sample,output,mean,std,target`, and `seed` where several functions were sampled; samples and outputs count from 0, what is not
    /// there is empty.
    fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(out);
        let has_functions = self.has_functions();
        let mut header = vec!["at", "set", "sample", "output", "mean", "std", "target"];
        header.extend(has_functions.then_some("seed"));
        writer.write_record(header)?;
        for answer in self.finite() {
            let at = answer.moment();
            let seed = answer.prediction.seed.filter(|_| has_functions).map(|seed| seed.to_string());
            let sets = [
                ("train", Some(&answer.prediction.train), Some(&self.train_targets)),
                ("test", answer.prediction.test.as_ref(), self.test_targets.as_ref()),
            ];
            for (set, moments, targets) in sets {
                let Some(moments) = moments else { continue };
                for (sample, row) in moments.mean.row_iter().enumerate() {
                    let std = moments.std.as_ref().map_or(String::new(), |std| std[sample].to_string());
                    for (output, mean) in row.iter().enumerate() {
                        let target = targets.map_or(String::new(), |targets| targets[(sample, output)].to_string());
                        let (sample, output, mean) = (sample.to_string(), output.to_string(), mean.to_string());
                        let row = [at.as_str(), set, &sample, &output, &mean, &std, &target];
                        writer.write_record(row.into_iter().chain(seed.as_deref()))?;
                    }
                }
            }
        }
        writer.flush()
    }
}
