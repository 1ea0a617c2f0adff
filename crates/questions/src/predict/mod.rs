//! Section `[predict]` asks what infinitely wide networks predict at chosen moments of training.

mod answer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::json;

use widenet_core::{
    Error, Matrix, Problem,
    data::{InputSource, read_npy},
    document::{
        Document, Field, Node, Result, Value,
        keys::{defaulted, flat, optional, or, required},
        schema, section,
        shape::{
            Either, Located, Shape, Simple, anything, boolean, choice, list, located, natural, non_negative, path,
            table, table_or, whole,
        },
    },
    problem::{Loss, ProblemSections, refuse_study},
    shapes::{matrix, read_matrix},
};
use widenet_limits::kernel::{
    GivenKernel, GivenKernels, Initial, Moment, Question as Asked, Ridge, Spread, Trained, Which, critical_rate,
    kernel_bytes, largest_stable_rate, predict, warnings,
};

use crate::{
    answer::AnswerTree,
    error::QuestionResult,
    memory,
    question::{Answered, Kind, Load, Question, QuestionPlan, Run, load_from, load_inputs},
};

pub use answer::{Answer, LearningRates, PredictAnswer};

section! {
    /// What is asked about predictions: section `[predict]`.
    struct PredictSection {
        /// All layers (tangent kernel), or the readout alone (NNGP kernel).
        trained: Trained = or(choice(&[("all", Trained::All), ("readout", Trained::ReadoutOnly)]), "all"),
        /// Steps (descent, momentum flow) or times (flow); `"inf"` is the end of training. Those of `[record]` where nothing is given.
        at: Option<Vec<Located<Moment>>> = optional(list(located(moment()))),
        /// Spread over initializations: `"std"` of the ensemble where nothing is given, of a given start `"none"`.
        spread: Option<Located<Spread>> = optional(located(choice(SPREADS))),
        /// r ≥ 0, added to the diagonal of the training kernel, or `{ relative = ρ }` for r = ρ trace/P of each kernel.
        ridge: Option<Either<RelativeRidge, f64>> = optional(table_or(non_negative())),
        /// At the end of training, drop eigenvalues that rounding cannot tell from 0.
        cutoff: bool = or(boolean(), false),
        /// The start: the `"ensemble"` of all (of the squared loss where nothing is given), `"zero"` (of other losses and of centered networks), a `"sample"`, or
        /// outputs.
        initial: Option<Located<Either<InitialOutputs, Start>>> = optional(located(table_or(choice(STARTS)))),
        /// Seed of the sampled function and of minibatches.
        seed: u64 = or(natural(), 0),
        /// With `initial = "sample"`: instead of one function, those of the seeds 1 … `seeds`.
        seeds: Option<Located<u64>> = optional(located(whole(1..=1_000_000))),
        /// Kernels to be used instead of the network's own.
        kernels: Option<KernelSections> = optional(table()),
        /// Also the largest stable learning rate of the network, and for squared loss the critical one.
        learning_rates: bool = or(boolean(), false),
    }
}

/// A word for where training starts.
#[derive(Debug, Clone, Copy)]
enum Start {
    Ensemble,
    Zero,
    Sample,
}

const STARTS: &[(&str, Start)] = &[("ensemble", Start::Ensemble), ("zero", Start::Zero), ("sample", Start::Sample)];

const SPREADS: &[(&str, Spread)] = &[("none", Spread::None), ("std", Spread::Std), ("covariance", Spread::Covariance)];

section! {
    /// A ridge in units of the kernel.
    struct RelativeRidge {
        /// ρ, with r = ρ trace/P of each kernel.
        relative: f64 = required(non_negative()),
    }
}

section! {
    /// Outputs at the start.
    struct InitialOutputs {
        /// On the training inputs, P × k: a list of rows or a `.npy` file.
        outputs: MatrixOrFile = required(matrix_or_file()),
        /// On the test inputs, T × k: a list of rows or a `.npy` file.
        test_outputs: Option<MatrixOrFile> = optional(matrix_or_file()),
    }
}

section! {
    /// Kernels that are given.
    struct KernelSections {
        /// The tangent kernel.
        ntk: Option<BlockSections> = optional(table()),
        /// The NNGP kernel.
        nngp: Option<BlockSections> = optional(table()),
    }
}

section! {
    /// Blocks of a kernel, each a list of rows or a `.npy` file.
    struct BlockSections {
        /// Among training inputs, P × P; of the tangent kernel of one network also P k × P k, samples outermost.
        train: MatrixOrFile = required(matrix_or_file()),
        /// Between test and training inputs, T × P.
        test_train: Option<MatrixOrFile> = optional(matrix_or_file()),
        /// Among test inputs, T × T.
        test: Option<MatrixOrFile> = optional(matrix_or_file()),
    }
}

/// A matrix in the file, or the name of one of its own.
enum MatrixOrFile {
    Matrix(Matrix),
    File(Located<PathBuf>),
}

fn matrix_or_file() -> Simple<MatrixOrFile> {
    fn read(field: &Field<'_>) -> Result<MatrixOrFile> {
        match field.node().value {
            Value::String(_) => located(path()).read(field).map(MatrixOrFile::File),
            _ => read_matrix(field).map(MatrixOrFile::Matrix),
        }
    }
    Simple::new(read, || json!({ "anyOf": [path().schema(), matrix().schema()] }))
}

fn moment() -> Simple<Moment> {
    fn read(field: &Field<'_>) -> Result<Moment> {
        match &field.node().value {
            Value::String(word) if word == "inf" => Ok(Moment::Infinity),
            Value::Float(f64::INFINITY) => Ok(Moment::Infinity),
            Value::String(_) => Err(field.must_be("a moment ≥ 0 or \"inf\"")),
            _ => field.non_negative().map(Moment::At),
        }
    }
    Simple::new(read, || json!({ "anyOf": [non_negative().schema(), { "enum": ["inf"] }] }))
}

section! {
    /// A problem whose infinitely wide networks are asked for predictions.
    struct PredictFile {
        /// The network and its training.
        problem: ProblemSections = flat(),
        /// Where samples come from; test inputs need no targets, without which there is no test loss.
        data: Located<InputSource> = required(located(table())),
        /// What is asked.
        predict: PredictSection = defaulted(),
        /// A question about kernels; not read.
        kernel: Option<Node> = optional(anything()),
    }
}

/// A problem and what is asked about its infinitely wide networks: a problem file with a section `[predict]`, of which `widenet schema
/// predict` prints the keys.
#[derive(Debug, Clone)]
pub struct PredictQuestion {
    problem: Problem,
    question: Asked,
    learning_rates: bool,
}

/// P × P matrices held at once: two kernels, one with its eigenvectors, the other in their basis, and room for a product.
const TRAIN_MATRICES: u64 = 5;
/// T × P matrices: two kernels, one in the basis of eigenvectors, and their product with the response.
const TEST_MATRICES: u64 = 4;

impl PredictQuestion {
    /// Reads a problem file with its section `[predict]`, if it has one. `overrides` are pairs of a dotted key and a value as
    /// text, as for [`Problem::load`].
    ///
    /// # Errors
    /// As for [`Problem::load`].
    pub fn load(path: &Path, overrides: &[(String, String)]) -> widenet_core::Result<Self> {
        let document = Document::load_with(path, overrides)?;
        refuse_study(&document, path)?;
        let base = path.parent().unwrap_or(Path::new(""));
        Self::parse(&document, base, &mut load_from(base))
    }

    /// Reads a problem; relative data paths start from `base`.
    ///
    /// # Errors
    /// As for [`Problem::load`].
    pub fn from_document(document: &Document, base: &Path) -> widenet_core::Result<Self> {
        Self::parse(document, base, &mut load_from(base))
    }

    fn parse(document: &Document, base: &Path, load: &mut Load<'_>) -> widenet_core::Result<Self> {
        let file: PredictFile = document.read()?;
        let mut test_inputs = None;
        let data = || {
            let data = load_inputs(&file.data, load)?;
            let complete = data.complete().ok_or_else(|| file.data.error::<Error>("`data.targets` is missing"))?;
            if complete.test.is_none() {
                test_inputs = data.test_inputs().cloned();
            }
            Ok(complete)
        };
        let problem = file.problem.problem(data, &largest_stable_rate)?;
        let question = file.predict.question(&problem, test_inputs, base)?;
        Ok(Self { problem, question, learning_rates: file.predict.learning_rates })
    }

    /// Returns the problem.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Refuses what does not fit the memory that is available now.
    ///
    /// # Errors
    /// The bytes needed, those available, and the numbers of samples that would fit.
    pub fn check_memory(&self) -> QuestionResult<()> {
        let train = self.problem.data.train.inputs.nrows();
        let test = self.question.test_inputs.as_ref().or(self.problem.data.test.as_ref().map(|test| &test.inputs));
        let test = test.map_or(0, Matrix::nrows);
        let bytes = |n1: usize, n2: usize| kernel_bytes(n1, n2, Which::Nngp);
        let among_test = if self.question.spread == Spread::Covariance { 2 * bytes(test, test) } else { 0 };
        let needed = TRAIN_MATRICES * bytes(train, train) + TEST_MATRICES * bytes(test, train) + among_test;
        Ok(memory::check(needed, (train, test), "")?)
    }

    /// Predictions at every moment asked for.
    ///
    /// # Errors
    /// What has no answer, by name and value; [`crate::QuestionError::Stopped`].
    pub fn predictions(&self, run: &mut Run<'_>) -> QuestionResult<PredictAnswer> {
        let predictions = predict(&self.problem, &self.question, &mut |fraction| run.watch(fraction))?;
        let learning_rates = if self.learning_rates { Some(self.rates()?) } else { None };
        let data = &self.problem.data;
        let test_targets = data.test.as_ref().map(|test| &test.targets);
        let loss = self.problem.loss;
        let answers = predictions
            .into_iter()
            .map(|prediction| Answer::new(prediction, loss, &data.train.targets, test_targets))
            .collect();
        Ok(PredictAnswer {
            learning_rates,
            train_targets: data.train.targets.clone(),
            test_targets: test_targets.cloned(),
            answers,
        })
    }

    fn rates(&self) -> QuestionResult<LearningRates> {
        let critical = match self.problem.loss {
            Loss::Squared { .. } => Some(critical_rate(&self.problem)?),
            Loss::Logistic | Loss::Hinge | Loss::CrossEntropy => None,
        };
        Ok(LearningRates { largest_stable: largest_stable_rate(&self.problem)?, critical })
    }
}

impl Question for PredictQuestion {
    fn warnings(&self) -> QuestionResult<Vec<String>> {
        let mut said = self.problem.warnings();
        said.extend(warnings(&self.problem, &self.question)?);
        Ok(said)
    }

    fn plan(&self) -> QuestionPlan {
        QuestionPlan { reason: "predictions of the kernel regime".into(), exclusive: false }
    }

    fn answer(&self, run: &mut Run<'_>) -> QuestionResult<Answered> {
        self.check_memory()?;
        Ok(Answered { tree: AnswerTree::of(&self.predictions(run)?)?, unreliable: None })
    }
}

/// Predictions in studies.
pub(crate) static KIND: Kind = Kind {
    name: "predict",
    // 2: accuracies of labels that are not ±1 have their own threshold, regressions have none.
    // 3: log evidence and test log-likelihood of trained readouts.
    results_version: 3,
    width_key: None,
    has_precision: false,
    // Functions of the seeds 1 … N are no trials of their own.
    seeded: |document| if document.get("predict.seeds").is_some() { Vec::new() } else { vec!["predict"] },
    unanswered: None,
    schema: schema::table::<PredictFile>,
    parse: |document, base, load| Ok(Arc::new(PredictQuestion::parse(document, base, load)?)),
};

impl PredictSection {
    /// What is asked about a problem, at test inputs of the problem or at these.
    fn question(&self, problem: &Problem, test_inputs: Option<Matrix>, base: &Path) -> Result<Asked> {
        let squared = matches!(problem.loss, Loss::Squared { .. });
        let default = if squared && !problem.network.centered { Initial::Ensemble } else { Initial::Zero };
        let initial = match self.initial.as_ref().map(|initial| &initial.value) {
            None => default,
            Some(Either::Other(Start::Ensemble)) => Initial::Ensemble,
            Some(Either::Other(Start::Zero)) => Initial::Zero,
            Some(Either::Other(Start::Sample)) => Initial::Samples {
                seeds: self.seeds.as_ref().map_or_else(|| vec![self.seed], |seeds| (1..=seeds.value).collect()),
            },
            Some(Either::Table(InitialOutputs { outputs, test_outputs })) => {
                let test = test_outputs.as_ref().map(|outputs| outputs.read(base)).transpose()?;
                Initial::Outputs { train: outputs.read(base)?, test }
            }
        };
        if let Some(seeds) = self.seeds.as_ref().filter(|_| !matches!(initial, Initial::Samples { .. })) {
            return Err(
                seeds.error("`predict.seeds` counts sampled functions, and `predict.initial` is not \"sample\"")
            );
        }
        if let (true, false, Some(initial)) = (problem.network.centered, initial == Initial::Zero, &self.initial) {
            return Err(initial.must_be("\"zero\" where network.centered = true: such networks start there"));
        }
        let is_law = initial == Initial::Ensemble;
        let spread = match &self.spread {
            Some(spread) if spread.value != Spread::None && !is_law => {
                return Err(
                    spread.must_be("\"none\" unless `predict.initial` is \"ensemble\": one function has no spread")
                );
            }
            Some(spread) => spread.value,
            None if is_law => Spread::Std,
            None => Spread::None,
        };
        Ok(Asked {
            trained: self.trained,
            moments: self.moments(problem)?,
            spread,
            ridge: self.ridge.as_ref().map(|ridge| match ridge {
                Either::Table(RelativeRidge { relative }) => Ridge::Relative(*relative),
                Either::Other(ridge) => Ridge::Absolute(*ridge),
            }),
            cutoff: self.cutoff,
            initial,
            seed: self.seed,
            test_inputs,
            given: self.kernels.as_ref().map(|kernels| kernels.read(base)).transpose()?,
        })
    }

    /// The moments asked for: those of the record plan, if nothing is said.
    fn moments(&self, problem: &Problem) -> Result<Vec<Moment>> {
        let Some(at) = &self.at else { return Ok(problem.record.at.iter().copied().map(Moment::At).collect()) };
        let checked = |moment: &Located<Moment>| match moment.value {
            Moment::At(_) if problem.optimizer.has_steps() => Ok(Moment::At(moment.field().whole()? as f64)),
            moment => Ok(moment),
        };
        at.iter().map(checked).collect()
    }
}

impl KernelSections {
    /// The kernels, from their files.
    fn read(&self, base: &Path) -> Result<GivenKernels> {
        let kernel = |blocks: &Option<BlockSections>| blocks.as_ref().map(|blocks| blocks.read(base)).transpose();
        Ok(GivenKernels { tangent: kernel(&self.ntk)?, nngp: kernel(&self.nngp)? })
    }
}

impl BlockSections {
    fn read(&self, base: &Path) -> Result<GivenKernel> {
        let block = |block: &Option<MatrixOrFile>| block.as_ref().map(|block| block.read(base)).transpose();
        Ok(GivenKernel {
            train: self.train.read(base)?,
            test_train: block(&self.test_train)?,
            test_test: block(&self.test)?,
        })
    }
}

impl MatrixOrFile {
    fn read(&self, base: &Path) -> Result<Matrix> {
        match self {
            MatrixOrFile::Matrix(matrix) => Ok(matrix.clone()),
            MatrixOrFile::File(file) => {
                read_npy(&base.join(&file.value)).map_err(|error| file.error(error.to_string()))
            }
        }
    }
}
