//! `widenet posterior` asks for the posterior of random deep linear networks.

use std::{path::Path, sync::Arc};

use serde_json::{Map, Value, json};
use widenet_core::shapes::read_matrix;
use widenet_core::{
    Error, Matrix, Result,
    data::Dataset,
    document::{Document, Field, Reader},
};
use widenet_limits::proportional::{
    HiddenLayers,
    posterior::{self, Diagnostics, MeanMixing, Method, Posterior, Regression, Settings},
};

use crate::{
    answer::{AnswerTree, matrix, number, numbers},
    error::QuestionResult,
    memory,
    question::{Answered, Kind, Load, Question, QuestionPlan, Run, load_from},
    random_network::{RandomNetwork, level, load_data, warnings},
    stand_ins::{add_stand_ins, fill_empty_data},
};

/// A random network with its data, and what is asked about it given them.
///
/// `[network]` and `[data]` are those of [`crate::PriorQuestion`] and of a problem file; inline data need no `test_targets`. Instead
/// of `[data]`, `kernel = [[…]]` may be the Gram matrix `K0` of training inputs, which come first, and test inputs. Without training data,
/// `inputs = []` or `posterior.targets = []`, the posterior is the prior.
///
/// # Section `[posterior]`
///
/// | key | default | meaning |
/// |---|---|---|
/// | `noise_variance` | required | τ² ≥ 0 of the targets |
/// | `targets` | those of the data | Y, one row per training input; with `kernel` |
/// | `quantiles` | none | levels of the noise-free output at every test input |
/// | `cdf`, `density` | none | where its distribution function and density are taken |
/// | `evidence` | none | `{ alpha = […] }` or `{ networks = [{ widths = […] }, …] }`: log evidence of each |
/// | `slope` | `false` | `d log evidence/dα` at α = 0 |
/// | `method` | `"auto"` | `"quadrature"`, `"importance"` or `"tempered"` |
/// | `draws` | 20000 | shapes of importance sampling |
/// | `particles`, `runs`, `sweeps` | 500, 8, 8 | of the tempered sampler; the runs are independent |
/// | `steps` | `max(16, 16 α)` | of the splitting scheme of the limit |
/// | `seed` | 0 | of the draws |
///
/// (docs/theory/proportional-limit.md §8.)
#[derive(Debug, Clone)]
pub struct PosteriorQuestion {
    network: RandomNetwork,
    observed: Observed,
    noise: f64,
    settings: Settings,
    quantiles: Vec<f64>,
    cdf: Vec<f64>,
    density: Vec<f64>,
    /// Networks whose evidence is compared.
    evidence: Option<Vec<HiddenLayers>>,
    slope: bool,
    /// Whether the test inputs of the data have targets.
    has_test_targets: bool,
}

/// Numbers of an answer whose true value may be infinite: the density of an output that is known exactly; and numbers that were given.
const MAY_BE_INFINITE: [&str; 3] = ["density.at", "density.values", "cdf.at"];

impl PosteriorQuestion {
    /// Reads a file. `overrides` are pairs of a dotted key and a value as text, as for [`widenet_core::Problem::load`].
    ///
    /// # Errors
    /// The first mistake in the file, its data or an override.
    pub fn load(path: &Path, overrides: &[(String, String)]) -> Result<Self> {
        let document = Document::load_with(path, overrides)?;
        Self::parse(&document, &mut load_from(path.parent().unwrap_or(Path::new(""))))
    }

    fn parse(document: &Document, load: &mut Load<'_>) -> Result<Self> {
        let document = &mut document.clone();
        let is_empty = fill_empty_data(document)?;
        let stand_ins = add_stand_ins(document, &["data.test_targets"])?;
        let mut data = load_data(document, load)?;
        if let Some(data) = data.as_mut().filter(|_| is_empty) {
            let data = Arc::make_mut(data);
            data.train.inputs = Matrix::zeros(0, data.train.inputs.ncols());
            data.train.targets = Matrix::zeros(0, data.train.targets.ncols());
        }
        let mut root = document.reader();
        root.get("data");
        let kernel = root.optional("kernel", read_matrix)?;
        let mut table = root.required("posterior", Field::table)?;
        let noise = table.required("noise_variance", Field::non_negative)?;
        let matrix_or_none = |field: &Field<'_>| {
            if field.elements()?.is_empty() { Ok(Matrix::zeros(0, 0)) } else { read_matrix(field) }
        };
        let given = table.optional("targets", matrix_or_none)?;
        let mut observed = match (data, kernel, given) {
            (Some(data), None, None) => Observed::Data(data),
            (None, Some(kernel), Some(targets)) => Observed::Kernel { kernel, targets },
            (Some(_), Some(_), _) => {
                return Err(root.error("`kernel` and `data` both say what the inputs are; give one"));
            }
            (Some(_), None, Some(_)) => {
                return Err(table.error("`posterior.targets` belong to a `kernel`; `data` has its own"));
            }
            (None, ..) => return Err(root.error("give `[data]`, or `kernel` with `posterior.targets`")),
        };
        let network = root.required("network", |field| RandomNetwork::parse(field, observed.outputs()))?;
        if let Observed::Kernel { targets, .. } = &mut observed {
            if targets.is_empty() {
                *targets = Matrix::zeros(0, network.outputs);
            }
            // What is wrong with it is said before anything is asked of it.
            observed.regression(network.gain(), noise)?;
        }
        let question = Self {
            settings: settings(&mut table)?,
            quantiles: table.or("quantiles", Vec::new(), |field| field.list(level))?,
            cdf: table.or("cdf", Vec::new(), Field::numbers)?,
            density: table.or("density", Vec::new(), Field::numbers)?,
            evidence: table.optional("evidence", |field| evidence(field, &network))?,
            slope: table.or("slope", false, Field::boolean)?,
            has_test_targets: stand_ins.is_empty(),
            network,
            observed,
            noise,
        };
        table.finish()?;
        root.finish()?;
        Ok(question)
    }

    /// T × D, where the data have them.
    fn test_targets(&self) -> Option<&Matrix> {
        match &self.observed {
            Observed::Data(data) if self.has_test_targets => data.test.as_ref().map(|test| &test.targets),
            _ => None,
        }
    }
}

/// Bytes of a draw or particle besides its matrices: its scales with their weights.
const BYTES_PER_DRAW: u64 = 2048;

impl PosteriorQuestion {
    /// Refuses what does not fit: the Gram matrix of the inputs, draws, particles.
    fn check_memory(&self) -> QuestionResult<()> {
        if let Observed::Data(data) = &self.observed {
            let (train, test) = (data.train.inputs.nrows(), data.test.as_ref().map_or(0, |test| test.inputs.nrows()));
            memory::check(memory::gram_bytes(train + test), (train, test), "")?;
        }
        let Settings { method, draws, particles, .. } = self.settings;
        // Mixing matrices are D × D, with decompositions.
        let outputs = self.network.outputs as u64;
        let bytes = BYTES_PER_DRAW + 64 * outputs.saturating_mul(outputs);
        if matches!(method, Method::Automatic | Method::Importance) {
            memory::check_count("posterior.draws", draws, bytes)?;
        }
        if matches!(method, Method::Automatic | Method::Tempered) {
            memory::check_count("posterior.particles", particles, bytes)?;
        }
        Ok(())
    }
}

impl Question for PosteriorQuestion {
    fn warnings(&self) -> QuestionResult<Vec<String>> {
        Ok(warnings(&self.network))
    }

    fn plan(&self) -> QuestionPlan {
        QuestionPlan { reason: "laws of random networks: posterior".into(), exclusive: false }
    }

    fn answer(&self, run: &mut Run<'_>) -> QuestionResult<Answered> {
        self.check_memory()?;
        let regression = self.observed.regression(self.network.gain(), self.noise)?;
        let share = if self.evidence.is_some() { 0.5 } else { 1.0 };
        let posterior =
            regression.posterior(&self.network.layers, &self.settings, &mut |done| run.watch(share * done))?;
        let mut answer = Map::new();
        let mut put = |name: &str, value: Value| {
            answer.insert(name.into(), value);
        };
        put("alpha", number(self.network.layers.alpha()));
        put("log_evidence", number(posterior.log_evidence()));
        put("mean", matrix(&posterior.mean));
        put("variance", matrix(&posterior.variance));
        put("mean_error", matrix(&posterior.mean_error));
        match &posterior.mixing {
            MeanMixing::Scale { mean, mean_log } => {
                put("E_q", number(*mean));
                put("E_log_q", number(*mean_log));
            }
            MeanMixing::Outputs(mixing) => put("E_Q", matrix(mixing)),
            MeanMixing::Inputs(kernel) => put("E_K", matrix(kernel)),
        }
        put("diagnostics", diagnostics(posterior.diagnostics()));
        let mut unreliable = posterior.diagnostics().unreliable.clone();
        if let Some(targets) = self.test_targets() {
            let error = (&posterior.mean - targets).norm_squared() / targets.len() as f64;
            put("test_mean_squared_error", number(error));
        }
        for (name, at) in [("quantiles", &self.quantiles), ("cdf", &self.cdf), ("density", &self.density)] {
            if !at.is_empty() {
                put(name, marginals(&regression, &posterior, name, at)?);
            }
        }
        if self.slope {
            put("slope", number(regression.evidence_slope()?));
        }
        if let Some(compared) = &self.evidence {
            let found = regression.evidence(compared, &self.settings, &mut |done| run.watch(0.5 + 0.5 * done))?;
            unreliable =
                unreliable.or_else(|| found.iter().find_map(|evidence| evidence.diagnostics.unreliable.clone()));
            put(
                "evidence",
                json!({
                    "alpha": numbers(compared.iter().map(HiddenLayers::alpha)),
                    "log_evidence": numbers(found.iter().map(|evidence| evidence.log_evidence)),
                    "diagnostics": found.iter().map(|evidence| diagnostics(&evidence.diagnostics)).collect::<Value>(),
                }),
            );
        }
        Ok(Answered { tree: AnswerTree::checked(answer, &MAY_BE_INFINITE)?, unreliable })
    }
}

/// Posteriors in studies.
pub(crate) static KIND: Kind = Kind {
    name: "posterior",
    results_version: 1,
    width_key: Some("network.width"),
    has_precision: false,
    seeded: |_| vec!["posterior"],
    unanswered: None,
    parse: |document, _, load| Ok(Arc::new(PosteriorQuestion::parse(document, load)?)),
};

/// What is known of the function.
#[derive(Debug, Clone)]
enum Observed {
    /// Inputs and their targets.
    Data(Arc<Dataset>),
    /// The Gram matrix of training inputs, which come first, and test inputs; and the targets of the first.
    Kernel { kernel: Matrix, targets: Matrix },
}

impl Observed {
    /// Number of outputs, where there are targets.
    fn outputs(&self) -> Option<usize> {
        Some(self.targets().ncols()).filter(|outputs| *outputs > 0)
    }

    fn targets(&self) -> &Matrix {
        match self {
            Observed::Data(data) => &data.train.targets,
            Observed::Kernel { targets, .. } => targets,
        }
    }

    /// The regression of targets with noise of a variance, for networks of a gain.
    fn regression(&self, gain: f64, noise: f64) -> Result<Regression> {
        let made = match self {
            Observed::Data(data) => {
                let none = Matrix::zeros(0, data.train.inputs.ncols());
                let test = data.test.as_ref().map_or(&none, |test| &test.inputs);
                Regression::new(&data.train.inputs, &data.train.targets, test, gain, noise)
            }
            Observed::Kernel { kernel, targets } => Regression::from_kernel(kernel, targets, gain, noise),
        };
        made.map_err(|error| match error {
            posterior::Error::Invalid(error) => error,
            posterior::Error::Stopped => Error::Invalid("stopped".into()),
        })
    }
}

/// A number of every test input and output, at every point: `values` is points × T × D.
fn marginals(regression: &Regression, posterior: &Posterior<'_>, name: &str, at: &[f64]) -> QuestionResult<Value> {
    let (tests, outputs) = (regression.tests(), regression.outputs());
    let mut values = vec![Matrix::zeros(tests, outputs); at.len()];
    for test in 0..tests {
        for output in 0..outputs {
            let marginal = posterior.marginal(test, output)?;
            for (point, x) in at.iter().enumerate() {
                values[point][(test, output)] = match name {
                    "quantiles" => marginal.quantile(*x)?,
                    "cdf" => marginal.cdf(*x),
                    _ => marginal.density(*x),
                };
            }
        }
    }
    let key = if name == "quantiles" { "levels" } else { "at" };
    Ok(json!({ key: numbers(at.iter().copied()), "values": values.iter().map(matrix).collect::<Value>() }))
}

fn settings(table: &mut Reader<'_>) -> widenet_core::document::Result<Settings> {
    let default = Settings::default();
    let methods = [
        ("auto", Method::Automatic),
        ("quadrature", Method::Quadrature),
        ("importance", Method::Importance),
        ("tempered", Method::Tempered),
    ];
    let from = |least: u64| move |field: &Field<'_>| field.whole_in(least..=1 << 32);
    Ok(Settings {
        method: table.or("method", default.method, |field| field.choice(&methods))?,
        draws: table.or("draws", default.draws, from(2))?,
        particles: table.or("particles", default.particles, from(10))?,
        runs: table.or("runs", default.runs, from(2))?,
        sweeps: table.or("sweeps", default.sweeps, from(1))?,
        steps: table.optional("steps", from(1))?,
        seed: table.or("seed", default.seed, Field::whole)?,
    })
}

fn evidence(field: &Field<'_>, network: &RandomNetwork) -> widenet_core::document::Result<Vec<HiddenLayers>> {
    let mut table = field.table()?;
    let alphas = table.optional("alpha", |field| field.list(Field::non_negative))?;
    let networks = table.optional("networks", |field| {
        field.list(|field| Ok(RandomNetwork::parse(field, Some(network.outputs))?.layers))
    })?;
    table.finish()?;
    match (alphas, networks) {
        (Some(alphas), None) => {
            let limit = |alpha| HiddenLayers::limit(alpha).map_err(|error| field.error(error.to_string()));
            alphas.into_iter().map(limit).collect()
        }
        (None, Some(networks)) => Ok(networks),
        _ => Err(field.must_be("{ alpha = […] } or { networks = [{ widths = […] }, …] }")),
    }
}

fn diagnostics(found: &Diagnostics) -> Value {
    let method = match found.method {
        Method::Automatic => "auto",
        Method::Quadrature => "quadrature",
        Method::Importance => "importance",
        Method::Tempered => "tempered",
    };
    let mut said = json!({
        "method": method,
        "draws": found.draws,
        "log_evidence_error": number(found.log_evidence_error),
        "reliable": found.reliable(),
    });
    if let Some(size) = found.effective_sample_size {
        said["effective_sample_size"] = number(size);
    }
    if let Some(share) = found.smallest_incremental {
        said["smallest_incremental_share"] = number(share);
        said["temperatures"] = json!(found.temperatures);
        said["acceptance"] = numbers(found.acceptance.iter().copied());
    }
    if let Some(reason) = &found.unreliable {
        said["unreliable"] = json!(reason);
    }
    said
}
