//! Section `[predict]` asks what infinitely wide networks predict at chosen moments of training.

mod answer;

use std::{path::Path, sync::Arc};

use widenet_core::shapes::read_matrix;
use widenet_core::{
    Matrix, Problem,
    data::read_npy,
    document::{Document, Field, Reader, Value},
    problem::Loss,
};
use widenet_limits::kernel::{
    GivenKernel, GivenKernels, Initial, Moment, Question as Asked, Ridge, Spread, Trained, Which, critical_rate,
    kernel_bytes, largest_stable_rate, predict, warnings,
};

use crate::{
    answer::AnswerTree,
    error::QuestionResult,
    memory,
    question::{Answered, Kind, Load, Question, QuestionPlan, Run, load_from, problem},
    stand_ins::add_stand_ins,
};

pub use answer::{Answer, LearningRates, PredictAnswer};

/// A problem and what is asked about its infinitely wide networks.
///
/// # Section `[predict]`
///
/// | key | default | meaning |
/// |---|---|---|
/// | `trained` | `"all"` | `"all"` layers (tangent kernel), or `"readout"` alone (NNGP kernel) |
/// | `at` | the moments of `[record]` | list of steps (descent, momentum flow) or times (flow); `"inf"` is the end of training |
/// | `spread` | `"std"`, for a given start `"none"` | over initialisations: `"none"`, `"std"`, `"covariance"` |
/// | `ridge` | none | r ≥ 0 added to the diagonal of the training kernel, or `{ relative = ρ }` for `r = ρ trace/P` of each kernel |
/// | `cutoff` | `false` | at the end of training, drop eigenvalues that rounding cannot tell from 0 |
/// | `initial` | `"ensemble"`, other than squared loss `"zero"` | `"ensemble"` of all starts, `"zero"`, `"sample"` of one function, or `{ outputs = [[…]], test_outputs = [[…]] }` |
/// | `seed` | 0 | of the sampled function and of minibatches |
/// | `kernels` | none | `{ ntk = { train = …, test_train = …, test = … }, nngp = { … } }`, to be used instead of the network's own; each a list of rows or a `.npy` file |
/// | `learning_rates` | `false` | also the largest stable learning rate of the network, and for squared loss the critical one |
///
/// Inline data need no `test_targets`; without them there is no test loss.
#[derive(Debug, Clone)]
pub struct PredictQuestion {
    problem: Problem,
    question: Asked,
    learning_rates: bool,
    has_test_targets: bool,
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
        let base = path.parent().unwrap_or(Path::new(""));
        Self::parse(&document, base, &mut load_from(base))
    }

    fn parse(document: &Document, base: &Path, load: &mut Load<'_>) -> widenet_core::Result<Self> {
        let mut document = document.clone();
        let stand_ins = add_stand_ins(&mut document, &["data.test_targets"])?;
        let problem = problem(&document, load, &largest_stable_rate)?;
        let mut question = Asked {
            trained: Trained::All,
            moments: problem.record.at.iter().copied().map(Moment::At).collect(),
            spread: Spread::None,
            ridge: None,
            cutoff: false,
            initial: Initial::Zero,
            seed: 0,
            given: None,
        };
        if matches!(problem.loss, Loss::Squared { .. }) {
            (question.initial, question.spread) = (Initial::Ensemble, Spread::Std);
        }
        let mut learning_rates = false;
        if let Some(section) = document.reader().get("predict") {
            let mut table = section.table()?;
            parse_section(&mut table, &mut question, &problem, base)?;
            learning_rates = table.or("learning_rates", false, Field::boolean)?;
            table.finish()?;
        }
        Ok(Self { problem, question, learning_rates, has_test_targets: stand_ins.is_empty() })
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
        let test = self.problem.data.test.as_ref().map_or(0, |test| test.inputs.nrows());
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
        let test_targets = data.test.as_ref().filter(|_| self.has_test_targets).map(|test| &test.targets);
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
            Loss::Logistic | Loss::CrossEntropy => None,
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
    results_version: 1,
    width_key: None,
    has_precision: false,
    seeded: |_| vec!["predict"],
    unanswered: None,
    parse: |document, base, load| Ok(Arc::new(PredictQuestion::parse(document, base, load)?)),
};

fn parse_section(
    table: &mut Reader<'_>,
    question: &mut Asked,
    problem: &Problem,
    base: &Path,
) -> widenet_core::Result<()> {
    let trained = [("all", Trained::All), ("readout", Trained::ReadoutOnly)];
    question.trained = table.or("trained", question.trained, |field| field.choice(&trained))?;
    question.seed = table.or("seed", 0, Field::whole)?;
    if let Some(moments) = table.optional("at", |at| at.list(|field| parse_moment(field, problem)))? {
        question.moments = moments;
    }
    if let Some(initial) = table.optional("initial", |field| parse_initial(field, question.seed))? {
        question.initial = initial;
        question.spread = Spread::None;
        if question.initial == Initial::Ensemble {
            question.spread = Spread::Std;
        }
    }
    let spreads = [("none", Spread::None), ("std", Spread::Std), ("covariance", Spread::Covariance)];
    question.spread = table.or("spread", question.spread, |field| match field.choice(&spreads)? {
        spread if spread != Spread::None && question.initial != Initial::Ensemble => {
            Err(field.must_be("\"none\" unless `predict.initial` is \"ensemble\": one function has no spread"))
        }
        spread => Ok(spread),
    })?;
    question.ridge = table.optional("ridge", parse_ridge)?;
    question.cutoff = table.or("cutoff", false, Field::boolean)?;
    question.given = table.optional("kernels", |field| parse_kernels(field, base))?;
    Ok(())
}

fn parse_moment(field: &Field<'_>, problem: &Problem) -> widenet_core::document::Result<Moment> {
    match &field.node().value {
        Value::String(word) if word == "inf" => Ok(Moment::Infinity),
        Value::Float(f64::INFINITY) => Ok(Moment::Infinity),
        Value::String(_) => Err(field.must_be("a moment ≥ 0 or \"inf\"")),
        _ if problem.optimizer.has_steps() => Ok(Moment::At(field.whole()? as f64)),
        _ => field.non_negative().map(Moment::At),
    }
}

fn parse_initial(field: &Field<'_>, seed: u64) -> widenet_core::document::Result<Initial> {
    if !matches!(field.node().value, Value::Table(_)) {
        let words = [("ensemble", Initial::Ensemble), ("zero", Initial::Zero), ("sample", Initial::Sample { seed })];
        return field.choice(&words);
    }
    let mut table = field.table()?;
    let train = table.required("outputs", read_matrix)?;
    let test = table.optional("test_outputs", read_matrix)?;
    table.finish()?;
    Ok(Initial::Outputs { train, test })
}

fn parse_ridge(field: &Field<'_>) -> widenet_core::document::Result<Ridge> {
    if !matches!(field.node().value, Value::Table(_)) {
        return field.non_negative().map(Ridge::Absolute);
    }
    let mut table = field.table()?;
    let relative = table.required("relative", Field::non_negative)?;
    table.finish()?;
    Ok(Ridge::Relative(relative))
}

fn parse_kernels(field: &Field<'_>, base: &Path) -> widenet_core::document::Result<GivenKernels> {
    let mut table = field.table()?;
    let tangent = table.optional("ntk", |field| parse_kernel(field, base))?;
    let nngp = table.optional("nngp", |field| parse_kernel(field, base))?;
    table.finish()?;
    Ok(GivenKernels { nngp, tangent })
}

fn parse_kernel(field: &Field<'_>, base: &Path) -> widenet_core::document::Result<GivenKernel> {
    let matrix = |field: &Field<'_>| -> widenet_core::document::Result<Matrix> {
        match &field.node().value {
            Value::String(file) => read_npy(&base.join(file)).map_err(|error| field.error(error.to_string())),
            _ => read_matrix(field),
        }
    };
    let mut table = field.table()?;
    let train = table.required("train", matrix)?;
    let test_train = table.optional("test_train", matrix)?;
    let test_test = table.optional("test", matrix)?;
    table.finish()?;
    Ok(GivenKernel { train, test_train, test_test })
}
