//! Questions about networks besides training them: kernels, predictions, priors, posteriors, scalings.

use pyo3::{prelude::*, types::PyDict};
use widenet::{
    DeviceChoice, Matrix, Precision,
    core::{data::InputSource, document::shape::Located},
    limits,
    questions::{
        Answered, Blocks, KINDS, KernelQuestion, PredictQuestion, Question, QuestionError, QuestionResult, Run,
        ScalingQuestion, load_from,
    },
};

use crate::{
    errors::{Exception, ProblemError},
    problem::Problem,
    solutions::{device, word},
    tree,
    work::{Running, Watcher, run},
};

/// Answers with the watcher of a call, and gives what should be said beside the answer.
fn watched<T>(
    watcher: &Watcher,
    (device, precision): (DeviceChoice, Precision),
    answer: impl FnOnce(&mut Run<'_>) -> QuestionResult<T>,
) -> QuestionResult<(T, Vec<String>)> {
    let mut watch = |fraction| watcher.tell(fraction);
    let mut run = Run::new(device, precision, &mut watch);
    let answered = answer(&mut run)?;
    Ok((answered, run.take_notes()))
}

fn blocks<'py>(py: Python<'py>, blocks: Blocks) -> PyResult<Bound<'py, PyDict>> {
    let Blocks { train, test_train, test, eigenvalues } = blocks;
    let arrays = PyDict::new(py);
    for (name, matrix) in [("train", train), ("test_train", test_train), ("test", test)] {
        if let Some(matrix) = matrix {
            arrays.set_item(name, tree::array(py, matrix)?)?;
        }
    }
    if let Some(eigenvalues) = eigenvalues {
        let length = eigenvalues.len();
        arrays.set_item("eigenvalues", tree::shaped(py, eigenvalues.data.into(), vec![length])?)?;
    }
    Ok(arrays)
}

/// Kernels by name, each by block, and what should be said.
#[pyfunction]
pub(crate) fn kernel<'py>(
    py: Python<'py>,
    problem: &Bound<'py, Problem>,
    asked: &Bound<'py, PyDict>,
    place: (String, String),
    running: Running<'py>,
) -> PyResult<(Bound<'py, PyDict>, Vec<String>)> {
    let document = problem.get().with(asked)?;
    let base = problem.get().base.clone();
    let place = (device(&place.0)?, word("precision", &place.1)?);
    let answered = run(py, &running, move |watcher| {
        let question = KernelQuestion::from_document(&document, &base)?;
        question.check_memory()?;
        let (answer, said) = watched(watcher, place, |run| question.kernels(run))?;
        Ok((answer, [question.notes().to_vec(), said].concat()))
    })?;
    let (answer, notes) = answered.map_err(<QuestionError as Exception>::exception)?;
    let kernels = PyDict::new(py);
    let (nngp_std, ntk_std) = answer.spread.map_or((None, None), |[nngp, ntk]| (Some(nngp), Some(ntk)));
    for (name, of) in
        [("nngp", Some(answer.nngp)), ("ntk", Some(answer.ntk)), ("nngp_std", nngp_std), ("ntk_std", ntk_std)]
    {
        if let Some(of) = of.filter(|of| *of != Blocks::default()) {
            kernels.set_item(name, blocks(py, of)?)?;
        }
    }
    Ok((kernels, notes))
}

/// Predictions at all moments, and what should be said.
#[pyfunction]
pub(crate) fn predict<'py>(
    py: Python<'py>,
    problem: &Bound<'py, Problem>,
    asked: &Bound<'py, PyDict>,
    running: Running<'py>,
) -> PyResult<(Vec<Bound<'py, PyDict>>, Vec<String>)> {
    problem.get().trained()?;
    let document = problem.get().with(asked)?;
    let base = problem.get().base.clone();
    let answered = run(py, &running, move |watcher| {
        let question = PredictQuestion::from_document(&document, &base)?;
        question.check_memory()?;
        let place = (DeviceChoice::Cpu, Precision::F64);
        let (answer, said) = watched(watcher, place, |run| question.predictions(run))?;
        let notes = [question.warnings()?, answer.notes(), said].concat();
        Ok((answer, notes))
    })?;
    let (answer, notes) = answered.map_err(<QuestionError as Exception>::exception)?;
    let mut predictions = Vec::new();
    for answer in answer.answers {
        let prediction = answer.prediction;
        let found = PyDict::new(py);
        let at = match prediction.moment {
            limits::kernel::Moment::At(moment) => moment,
            limits::kernel::Moment::Infinity => f64::INFINITY,
        };
        found.set_item("at", at)?;
        found.set_item("time", prediction.time)?;
        found.set_item("seed", prediction.seed)?;
        found.set_item("diverged", prediction.diverged)?;
        found.set_item("train_loss", answer.train_loss)?;
        found.set_item("test_loss", answer.test_loss)?;
        found.set_item("train_accuracy", answer.train_accuracy)?;
        found.set_item("test_accuracy", answer.test_accuracy)?;
        for (name, moments) in [("train", Some(prediction.train)), ("test", prediction.test)] {
            let Some(moments) = moments else { continue };
            let optional = |matrix: Option<Matrix>| matrix.map(|matrix| tree::array(py, matrix)).transpose();
            found.set_item(format!("{name}_mean"), tree::array(py, moments.mean)?)?;
            let std = moments.std.map(|std| {
                let length = std.len();
                tree::shaped(py, std, vec![length])
            });
            found.set_item(format!("{name}_std"), std.transpose()?)?;
            found.set_item(format!("{name}_covariance"), optional(moments.covariance)?)?;
        }
        if let Some(likelihood) = prediction.likelihood {
            found.set_item("log_evidence", likelihood.log_evidence.ok())?;
            found.set_item("test_log_likelihood", likelihood.test.and_then(Result::ok))?;
        }
        predictions.push(found);
    }
    Ok((predictions, notes))
}

fn told(answered: Answered) -> (widenet::questions::AnswerTree, Vec<String>) {
    (answered.tree, answered.unreliable.map(|reason| format!("UNRELIABLE: {reason}")).into_iter().collect())
}

/// Answers a question of a kind by its name: a tree of dictionaries and arrays, and what should be said.
#[pyfunction]
pub(crate) fn ask<'py>(
    py: Python<'py>,
    kind: &str,
    file: &Bound<'py, PyDict>,
    base: std::path::PathBuf,
    place: (String, String),
    running: Running<'py>,
) -> PyResult<(Bound<'py, PyAny>, Vec<String>)> {
    let Some(kind) = KINDS.iter().find(|known| known.name == kind) else {
        return Err(ProblemError::new_err(format!("no question is named {kind:?}")));
    };
    let document = tree::document(file)?;
    let place = (device(&place.0)?, word("precision", &place.1)?);
    let answered = run(py, &running, move |watcher| {
        let mut load = load_from(&base);
        let mut load = |source: &Located<InputSource>| load(source);
        let question = (kind.parse)(&document, &base, &mut load)?;
        let warnings = question.warnings()?;
        let (answered, said) = watched(watcher, place, |run| question.answer(run))?;
        let (answer, unreliable) = told(answered);
        Ok((answer, [warnings, said, unreliable].concat()))
    })?;
    let (answer, notes) = answered.map_err(<QuestionError as Exception>::exception)?;
    Ok((tree::from_json(py, &answer.into_value())?, notes))
}

/// Says which limit a problem, or a scaling that has a name or exponents, leads to.
#[pyfunction]
#[pyo3(signature = (problem, section))]
pub(crate) fn scaling<'py>(
    py: Python<'py>,
    problem: Option<&Bound<'py, Problem>>,
    section: Option<&Bound<'py, PyDict>>,
) -> PyResult<(Bound<'py, PyAny>, Vec<String>)> {
    let question = match (problem, section) {
        (Some(problem), _) => ScalingQuestion::of_problem(&*problem.get().trained()?),
        (None, Some(section)) => ScalingQuestion::parse(&tree::document(section)?),
        (None, None) => return Err(ProblemError::new_err("give a problem, a name, or exponents")),
    };
    let question = question.map_err(Exception::exception)?;
    let notes = question.warnings().map_err(<QuestionError as Exception>::exception)?;
    let mut watch = |_| widenet::Control::Continue;
    let mut run = Run::new(DeviceChoice::Cpu, Precision::F64, &mut watch);
    let answered = question.answer(&mut run).map_err(<QuestionError as Exception>::exception)?;
    Ok((tree::from_json(py, &answered.tree.into_value())?, notes))
}
