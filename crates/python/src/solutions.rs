//! `solve`: trajectories of a problem at several widths and seeds.

use std::sync::{Arc, Mutex, PoisonError};

use numpy::IntoPyArray;
use pyo3::{
    exceptions::PyKeyError,
    prelude::*,
    types::{PyDict, PyList},
};
use widenet::{
    DeviceChoice, EngineRule, Engines, Error, Precision, Quantity, SolveError, SolveOptions, Solving, Width,
    compared_quantity,
    core::{
        document::Word,
        trajectory::{Status, Value},
    },
    engines::{EngineChoice, HiddenOptions, LimitOptions},
    model::{ModelError, ResponseStorage},
    output::{RecordedNumber, each_number},
    statistics::fit::{self, Sample},
};

use crate::{
    errors::{EngineError, Exception, ProblemError},
    problem::Problem,
    tree,
    work::{Running, run},
};

/// A word of an argument, or an error with those that are known.
pub(crate) fn word<T: Word>(argument: &str, text: &str) -> PyResult<T> {
    T::from_word(text).map_err(|_| {
        let known: Vec<_> = T::WORDS.iter().map(|(word, _)| format!("{word:?}")).collect();
        ProblemError::new_err(format!("{argument} is {text:?}; it must be one of {}", known.join(", ")))
    })
}

/// A device by its name.
pub(crate) fn device(text: &str) -> PyResult<DeviceChoice> {
    text.parse().map_err(|error: ModelError| ProblemError::new_err(format!("device is {text:?}: {error}")))
}

/// The engines of a device, which know how fast it is: one set for all calls.
pub(crate) fn engines(device: DeviceChoice) -> Result<Arc<Engines>, SolveError> {
    static KNOWN: Mutex<Vec<(DeviceChoice, Arc<Engines>)>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, engines)) = known.iter().find(|(choice, _)| *choice == device) {
        return Ok(engines.clone());
    }
    let engines = Arc::new(Engines::new(device)?);
    known.push((device, engines.clone()));
    Ok(engines)
}

/// Options of engines, under the names that the program has for them.
#[derive(FromPyObject)]
pub(crate) struct Options {
    #[pyo3(attribute)]
    engine: String,
    #[pyo3(attribute)]
    precision: String,
    #[pyo3(attribute)]
    device: String,
    #[pyo3(attribute)]
    tolerance: Option<f64>,
    #[pyo3(attribute)]
    answers: Option<String>,
    #[pyo3(attribute)]
    accuracy: Option<f64>,
    #[pyo3(attribute)]
    replicates: Option<usize>,
    #[pyo3(attribute)]
    nodes: Option<u64>,
}

/// The same, read.
#[derive(Clone)]
struct ReadOptions {
    widths: Vec<Width>,
    rule: EngineRule,
    precision: Precision,
    hidden: HiddenOptions,
    limit: LimitOptions,
    device: DeviceChoice,
}

impl Options {
    fn read(&self, widths: &[f64]) -> PyResult<ReadOptions> {
        let widths: Vec<Width> = widths
            .iter()
            .map(|width| Width::try_from(*width).map_err(|reason| ProblemError::new_err(format!("width: {reason}"))))
            .collect::<PyResult<_>>()?;
        let is_finite = |width: &&Width| **width != Width::Infinite;
        let rule = match (self.engine.as_str(), widths.iter().find(is_finite)) {
            ("limit", Some(width)) => {
                return Err(EngineError::new_err(format!(
                    "engine=\"limit\" solves only width inf, not {width}; use another engine for finite widths"
                )));
            }
            ("limit", None) => EngineRule::All(EngineChoice::Auto),
            (engine, _) => EngineRule::All(word::<EngineChoice>("engine", engine)?),
        };
        let answers = self.answers.as_deref().map(|answers| word::<ResponseStorage>("answers", answers)).transpose()?;
        Ok(ReadOptions {
            widths,
            rule,
            precision: word("precision", &self.precision)?,
            hidden: HiddenOptions { tolerance: self.tolerance, answers },
            limit: LimitOptions { accuracy: self.accuracy, replicates: self.replicates, nodes: self.nodes },
            device: device(&self.device)?,
        })
    }
}

impl ReadOptions {
    fn of(&self) -> SolveOptions<'_> {
        let ReadOptions { widths, rule, precision, hidden, limit, .. } = self;
        SolveOptions { widths, rule: *rule, precision: *precision, hidden: *hidden, limit: *limit }
    }
}

/// The solution at one width for one seed.
#[pyclass(frozen, module = "widenet._widenet")]
pub(crate) struct Trajectory(Arc<widenet::Trajectory>);

/// A width as Python has it: a whole number, or infinity.
pub(crate) fn width_of(py: Python<'_>, width: Width) -> PyResult<Bound<'_, PyAny>> {
    Ok(match width {
        Width::Finite(width) => width.into_pyobject(py)?.into_any(),
        Width::Infinite => f64::INFINITY.into_pyobject(py)?.into_any(),
    })
}

#[pymethods]
impl Trajectory {
    /// The width, a whole number or infinity.
    #[getter]
    fn width<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        width_of(py, self.0.width)
    }

    /// Which engine made it.
    #[getter]
    fn engine(&self) -> &'static str {
        self.0.engine.name()
    }

    /// The seed.
    #[getter]
    fn seed(&self) -> u64 {
        self.0.seed
    }

    /// How it ended: done, stopped, diverged or interrupted.
    #[getter]
    fn status(&self) -> &'static str {
        self.0.status.word()
    }

    /// How it ended, in words.
    #[getter]
    fn ending(&self) -> String {
        self.0.status.ending()
    }

    /// Steps of the records.
    #[getter]
    fn steps<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        let steps: Vec<i64> = self.0.records.iter().map(|record| record.step as i64).collect();
        steps.into_pyarray(py).into_any()
    }

    /// Times of the records: sums of learning rates, or flow times.
    #[getter]
    fn times<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        let times: Vec<f64> = self.0.records.iter().map(|record| record.time).collect();
        times.into_pyarray(py).into_any()
    }

    /// Names of what was recorded.
    #[getter]
    fn quantities(&self) -> Vec<&'static str> {
        let mut names: Vec<_> =
            self.0.records.iter().flat_map(|record| record.values.keys().map(|quantity| quantity.name())).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// A quantity at all records, the records first; what a record lacks is NaN.
    fn __getitem__<'py>(&self, py: Python<'py>, quantity: &str) -> PyResult<Bound<'py, PyAny>> {
        self.stacked(py, quantity, |record| &record.values)
    }

    /// Of the text that [`Trajectory::to_json`] gives.
    #[staticmethod]
    fn from_json(text: &str) -> PyResult<Self> {
        let json = serde_json::from_str(text).map_err(|error| ProblemError::new_err(error.to_string()))?;
        let trajectory = widenet::Trajectory::from_json(&json).map_err(<Error as Exception>::exception)?;
        Ok(Trajectory(trajectory.into()))
    }

    /// All of it as JSON, every number bit for bit.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string(&*self.0).map_err(|error| ProblemError::new_err(error.to_string()))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((py.get_type::<Trajectory>().getattr("from_json")?, (self.to_json()?,)))
    }

    /// Standard errors of a quantity that is an estimate, like it; None where it is none.
    fn errors<'py>(&self, py: Python<'py>, quantity: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let known = Quantity::from_word(quantity).ok();
        let has = self.0.records.iter().any(|record| known.is_some_and(|known| record.errors.contains_key(&known)));
        has.then(|| self.stacked(py, quantity, |record| &record.errors)).transpose()
    }
}

type Recorded = std::collections::BTreeMap<Quantity, Value>;

impl Trajectory {
    fn stacked<'py>(
        &self,
        py: Python<'py>,
        quantity: &str,
        of: impl Fn(&widenet::core::trajectory::Record) -> &Recorded,
    ) -> PyResult<Bound<'py, PyAny>> {
        let missing =
            || PyKeyError::new_err(format!("{quantity} was not recorded; there are {}", self.quantities().join(", ")));
        let known = Quantity::from_word(quantity).map_err(|_| missing())?;
        let values: Vec<Option<&Value>> = self.0.records.iter().map(|record| of(record).get(&known)).collect();
        let first = values.iter().flatten().next().ok_or_else(missing)?;
        let Some(shape) = shape(first) else {
            let lists = values.iter().map(|value| value.map(Value::flatten));
            return Ok(PyList::new(py, lists)?.into_any());
        };
        let size = shape.iter().product();
        let numbers = values.iter().flat_map(|value| value.map_or_else(|| vec![f64::NAN; size], Value::flatten));
        tree::shaped(py, numbers.collect(), [&[values.len()], &shape[..]].concat())
    }
}

/// The shape of a value, if all its parts are equally large.
fn shape(value: &Value) -> Option<Vec<usize>> {
    Some(match value {
        Value::Scalar(_) => Vec::new(),
        Value::List(list) => vec![list.len()],
        Value::Matrix(matrix) => vec![matrix.nrows(), matrix.ncols()],
        Value::Lists(lists) => {
            let length = lists.first()?.len();
            lists.iter().all(|list| list.len() == length).then(|| vec![lists.len(), length])?
        }
        Value::Matrices(matrices) => {
            let shape = matrices.first()?.shape();
            matrices.iter().all(|matrix| matrix.shape() == shape).then(|| vec![matrices.len(), shape.0, shape.1])?
        }
    })
}

/// Solutions of a problem at all widths and seeds that were asked for.
#[pyclass(frozen, module = "widenet._widenet")]
pub(crate) struct Solutions {
    problem: Arc<widenet::Problem>,
    options: ReadOptions,
    trajectories: Vec<Arc<widenet::Trajectory>>,
    notes: Vec<String>,
}

#[pymethods]
impl Solutions {
    /// Of a problem, what it was solved with, and trajectories that were kept.
    #[new]
    fn new(
        problem: &Bound<'_, Problem>,
        widths: Vec<f64>,
        options: Options,
        trajectories: Vec<PyRef<'_, Trajectory>>,
        notes: Vec<String>,
    ) -> PyResult<Self> {
        let trajectories = trajectories.iter().map(|trajectory| trajectory.0.clone()).collect();
        Ok(Solutions { problem: problem.get().trained()?, options: options.read(&widths)?, trajectories, notes })
    }

    /// Trajectories, all seeds of the first width first.
    #[getter]
    fn trajectories(&self) -> Vec<Trajectory> {
        self.trajectories.iter().map(|trajectory| Trajectory(trajectory.clone())).collect()
    }

    /// What should be said.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    /// The quantity in which solutions are compared with their limit.
    #[getter]
    fn compared(&self) -> &'static str {
        compared_quantity(&self.problem).name()
    }

    /// Columns of a table with a row for every number, as files of the program have them.
    fn columns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let mut texts: [Vec<&'static str>; 3] = Default::default();
        let mut wholes: [Vec<i64>; 2] = Default::default();
        let mut reals: [Vec<f64>; 4] = Default::default();
        let mut indices = Vec::new();
        for trajectory in &self.trajectories {
            each_number(&trajectory.records, &mut |RecordedNumber { step, time, quantity, index, value, error }| {
                for (column, text) in
                    texts.iter_mut().zip([trajectory.engine.name(), trajectory.status.word(), quantity.name()])
                {
                    column.push(text);
                }
                for (column, whole) in wholes.iter_mut().zip([trajectory.seed, step]) {
                    column.push(whole as i64);
                }
                for (column, real) in reals.iter_mut().zip([trajectory.width.as_f64(), time, value, error]) {
                    column.push(real);
                }
                indices.push(index.to_string());
                Ok(())
            })?;
        }
        let [engine, status, quantity] = texts;
        let [seed, step] = wholes;
        let [width, time, value, error] = reals;
        let columns = PyDict::new(py);
        columns.set_item("width", width.into_pyarray(py))?;
        columns.set_item("engine", engine)?;
        columns.set_item("seed", seed.into_pyarray(py))?;
        columns.set_item("status", status)?;
        columns.set_item("step", step.into_pyarray(py))?;
        columns.set_item("time", time.into_pyarray(py))?;
        columns.set_item("quantity", quantity)?;
        columns.set_item("index", indices)?;
        columns.set_item("value", value.into_pyarray(py))?;
        columns.set_item("error", error.into_pyarray(py))?;
        Ok(columns)
    }

    /// Distances of all trajectories to their limit, largest over the records (NaN: unknown), and why some are not known.
    fn distances(&self, py: Python<'_>, quantity: &str, running: Running<'_>) -> PyResult<(Vec<f64>, Vec<String>)> {
        let quantity: Quantity = word("quantity", quantity)?;
        let (problem, options, trajectories) = (self.problem.clone(), self.options.clone(), self.trajectories.clone());
        let found = run(py, &running, move |watcher| -> Result<_, SolveError> {
            let engines = engines(options.device)?;
            let solving = Solving::new(&engines, &problem, &options.of())?;
            Ok(solving.distances(quantity, &trajectories, &|_| watcher.control()))
        })?;
        let found = found.map_err(Exception::exception)?;
        let values = found.values.into_iter().map(|distance| distance.unwrap_or(f64::NAN)).collect();
        Ok((values, found.obstacles))
    }
}

/// Solves a problem at all widths for all seeds.
#[pyfunction]
pub(crate) fn solve(
    py: Python<'_>,
    problem: &Bound<'_, Problem>,
    widths: Vec<f64>,
    seeds: Vec<u64>,
    options: Options,
    running: Running<'_>,
) -> PyResult<Solutions> {
    let problem = problem.get().trained()?;
    let options = options.read(&widths)?;
    let (asked, of_thread) = (options.clone(), problem.clone());
    let solved = run(py, &running, move |watcher| -> Result<_, SolveError> {
        let engines = engines(asked.device)?;
        let solving = Solving::new(&engines, &of_thread, &asked.of())?;
        solving.check_memory(seeds.len() as u64, "seeds")?;
        let mut notes = solving.notes().to_vec();
        let mut trajectories = Vec::new();
        let total = (solving.planned().len() * seeds.len()).max(1) as f64;
        for planned in solving.planned() {
            for &seed in &seeds {
                watcher.begin(format!("width {}, seed {seed}", planned.request.width));
                let done = trajectories.len() as f64;
                let solution =
                    solving.solve(planned, seed, None, &|progress| watcher.tell((done + progress.fraction) / total))?;
                notes.extend(solution.notes);
                if matches!(solution.trajectory.status, Status::Interrupted { .. }) {
                    return Ok((trajectories, notes));
                }
                trajectories.push(Arc::new(solution.trajectory));
            }
        }
        Ok((trajectories, notes))
    })?;
    let (trajectories, notes) = solved.map_err(Exception::exception)?;
    Ok(Solutions { problem, options, trajectories, notes })
}

/// Fits y = c x^a: exponent, constant, R², the ends of its 95 % interval and how that was made; None for fewer than two x.
#[pyfunction]
#[pyo3(signature = (x, y, seeds))]
pub(crate) fn power_law<'py>(
    py: Python<'py>,
    x: Vec<f64>,
    y: Vec<f64>,
    seeds: Vec<u64>,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let samples: Vec<Sample> =
        x.iter().zip(&y).zip(&seeds).map(|((x, y), seed)| Sample { x: *x, seed: *seed, y: *y, error: 0.0 }).collect();
    let Some(fit) = fit::power_law(&samples) else { return Ok(None) };
    let found = PyDict::new(py);
    found.set_item("exponent", fit.exponent)?;
    found.set_item("constant", fit.constant)?;
    found.set_item("r2", fit.r2)?;
    found.set_item("interval", fit.interval)?;
    found.set_item("method", fit.method.name())?;
    found.set_item("points", fit.points)?;
    found.set_item("seeds", fit.seeds)?;
    Ok(Some(found))
}
