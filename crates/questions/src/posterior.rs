//! `widenet posterior` asks for the posterior of random deep linear networks.

use std::{path::Path, sync::Arc};

use serde_json::{Map, Value, json};
use widenet_core::shapes::{matrix as matrix_shape, matrix_or_none};
use widenet_core::{
    Error, Matrix, Result,
    data::{InputSource, PartialData},
    document::{
        self, Document, Written,
        keys::{optional, or, required},
        schema, section,
        shape::{Located, boolean, choice, list, located, natural, non_negative, number as any_number, table, whole},
    },
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
    random_network::{NetworkSection, RandomNetwork, level, warnings},
};

/// Ways to integrate.
const METHODS: &[(&str, Method)] = &[
    ("auto", Method::Automatic),
    ("quadrature", Method::Quadrature),
    ("importance", Method::Importance),
    ("tempered", Method::Tempered),
];

/// Most draws, particles, runs, sweeps and steps.
const MOST: u64 = 1 << 32;

section! {
    /// What is asked of a network given its data (docs/theory/proportional-limit.md §8): section `[posterior]`.
    #[derive(Debug, Clone)]
    struct PosteriorSection {
        /// τ² of the targets.
        noise_variance: f64 = required(non_negative()),
        /// Y, one row per training input, with `kernel`; an empty list is no training data.
        targets: Option<Option<Matrix>> = optional(matrix_or_none()),
        /// Levels of the noise-free output at every test input.
        quantiles: Option<Vec<f64>> = optional(list(level())),
        /// Where its distribution function is taken.
        cdf: Option<Vec<f64>> = optional(list(any_number())),
        /// Where its density is taken.
        density: Option<Vec<f64>> = optional(list(any_number())),
        /// Networks whose log evidence is compared.
        evidence: Option<Located<Evidence>> = optional(located(table())),
        /// Whether `d log evidence/dα` at α = 0 is computed.
        slope: bool = or(boolean(), false),
        /// How it is computed.
        method: Method = or(choice(METHODS), "auto"),
        /// Shapes of importance sampling.
        draws: u64 = or(whole(2..=MOST), 20_000),
        /// Particles of the tempered sampler.
        particles: u64 = or(whole(10..=MOST), 500),
        /// Its independent runs.
        runs: u64 = or(whole(2..=MOST), 8),
        /// Its moves of every particle per temperature.
        sweeps: u64 = or(whole(1..=MOST), 8),
        /// Steps of the splitting scheme of the limit; max(16, 16 α) where nothing is given.
        steps: Option<u64> = optional(whole(1..=MOST)),
        /// Seed of the draws.
        seed: u64 = or(natural(), 0),
    }
}

section! {
    /// Networks whose evidence is compared: one of two lists.
    #[derive(Debug, Clone)]
    struct Evidence {
        /// α of limits.
        alpha: Option<Vec<f64>> = optional(list(non_negative())),
        /// Networks, as in `[network]`.
        networks: Option<Vec<Located<NetworkSection>>> = optional(list(located(table()))),
    }
}

section! {
    /// A random deep linear network with its data, and what is asked about it given them.
    struct PosteriorFile {
        /// The network, as of priors.
        network: Located<NetworkSection> = required(located(table())),
        /// The data; without training samples (`inputs = []`) the posterior is the prior. Test inputs need no targets.
        data: Option<Located<InputSource>> = optional(located(table())),
        /// Instead of data, the Gram matrix K0 = X Xᵀ/N0 of training inputs, which come first, and test inputs.
        kernel: Option<Matrix> = optional(matrix_shape()),
        /// What is asked.
        posterior: Located<PosteriorSection> = required(located(table())),
    }
    check = check;
}

fn check(file: &PosteriorFile, table: &Written<'_>) -> document::Result<()> {
    let targets = file.posterior.value.targets.as_ref();
    match (&file.data, &file.kernel, targets) {
        (Some(_), None, None) | (None, Some(_), Some(_)) => Ok(()),
        (Some(_), Some(_), _) => Err(table.error("`kernel` and `data` both say what the inputs are; give one")),
        (Some(_), None, Some(_)) => {
            Err(file.posterior.error("`posterior.targets` belong to a `kernel`; `data` has its own"))
        }
        (None, ..) => Err(table.error("give `[data]`, or `kernel` with `posterior.targets`")),
    }
}

/// A random network with its data, and what is asked about it given them: a file with the sections `[network]`, `[data]` and
/// `[posterior]`, of which `widenet schema posterior` prints the keys (docs/theory/proportional-limit.md §8).
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
        let file: PosteriorFile = document.read()?;
        let asked = &file.posterior.value;
        let (data, targets) = match (&file.data, &asked.targets) {
            (Some(source), _) => {
                let data = load(source)?;
                if data.train.targets.is_none() && data.train.inputs.nrows() > 0 {
                    return Err(source.error("`data.targets` is missing"));
                }
                (Some(Arc::clone(&data)), data.train.targets.clone())
            }
            (None, targets) => (None, targets.clone().flatten()),
        };
        let outputs = targets.as_ref().map(Matrix::ncols);
        let network = RandomNetwork::new(&file.network, outputs)?;
        let targets = targets.unwrap_or_else(|| Matrix::zeros(0, network.outputs));
        let noise = asked.noise_variance;
        // What is wrong whatever the inputs are is said before anything is asked of it.
        Regression::check(&targets, network.gain(), noise).map_err(core_error)?;
        let observed = match (data, file.kernel) {
            (None, Some(kernel)) => {
                let observed = Observed { inputs: Inputs::Kernel(kernel), targets };
                observed.regression(network.gain(), noise)?;
                observed
            }
            (Some(data), _) => Observed { inputs: Inputs::Data(data), targets },
            (None, None) => return Err(Error::Invalid("a posterior needs `data` or `kernel`".into())),
        };
        let evidence = asked.evidence.as_ref().map(|evidence| compared(evidence, &network)).transpose()?;
        Ok(Self {
            settings: settings(asked),
            quantiles: asked.quantiles.clone().unwrap_or_default(),
            cdf: asked.cdf.clone().unwrap_or_default(),
            density: asked.density.clone().unwrap_or_default(),
            evidence,
            slope: asked.slope,
            network,
            observed,
            noise,
        })
    }

    /// T × D, where the data have them.
    fn test_targets(&self) -> Option<&Matrix> {
        match &self.observed.inputs {
            Inputs::Data(data) => data.test.as_ref()?.targets.as_ref(),
            Inputs::Kernel(_) => None,
        }
    }
}

/// Bytes of a draw or particle besides its matrices: its scales with their weights.
const BYTES_PER_DRAW: u64 = 2048;

impl PosteriorQuestion {
    /// Refuses what does not fit: the Gram matrix of the inputs, draws, particles.
    fn check_memory(&self) -> QuestionResult<()> {
        if let Inputs::Data(data) = &self.observed.inputs {
            let (train, test) = (data.train.inputs.nrows(), data.test_inputs().map_or(0, Matrix::nrows));
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
    schema: schema::table::<PosteriorFile>,
    parse: |document, _, load| Ok(Arc::new(PosteriorQuestion::parse(document, load)?)),
};

/// What is known of the function.
#[derive(Debug, Clone)]
struct Observed {
    inputs: Inputs,
    /// P × D.
    targets: Matrix,
}

/// Where the function is known and asked for.
#[derive(Debug, Clone)]
enum Inputs {
    /// At inputs.
    Data(Arc<PartialData>),
    /// At those with this Gram matrix: training inputs, which come first, and test inputs.
    Kernel(Matrix),
}

impl Observed {
    /// The regression of targets with noise of a variance, for networks of a gain.
    fn regression(&self, gain: f64, noise: f64) -> Result<Regression> {
        let made = match &self.inputs {
            Inputs::Data(data) => {
                let inputs = &data.train.inputs;
                let none = Matrix::zeros(0, inputs.ncols());
                Regression::new(inputs, &self.targets, data.test_inputs().unwrap_or(&none), gain, noise)
            }
            Inputs::Kernel(kernel) => Regression::from_kernel(kernel, &self.targets, gain, noise),
        };
        made.map_err(core_error)
    }
}

fn core_error(error: posterior::Error) -> Error {
    match error {
        posterior::Error::Invalid(error) => error,
        posterior::Error::Stopped => Error::Invalid("stopped".into()),
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

fn settings(asked: &PosteriorSection) -> Settings {
    let PosteriorSection { method, draws, particles, runs, sweeps, steps, seed, .. } = *asked;
    Settings { method, draws, particles, runs, sweeps, steps, seed }
}

/// Networks of as many outputs, whose evidence is compared.
fn compared(evidence: &Located<Evidence>, network: &RandomNetwork) -> document::Result<Vec<HiddenLayers>> {
    match (&evidence.value.alpha, &evidence.value.networks) {
        (Some(alphas), None) => {
            let limit = |alpha: &f64| HiddenLayers::limit(*alpha).map_err(|error| evidence.error(error.to_string()));
            alphas.iter().map(limit).collect()
        }
        (None, Some(networks)) => {
            let layers = |section| Ok(RandomNetwork::new(section, Some(network.outputs))?.layers);
            networks.iter().map(layers).collect()
        }
        _ => Err(evidence.must_be("{ alpha = […] } or { networks = [{ widths = […] }, …] }")),
    }
}

fn diagnostics(found: &Diagnostics) -> Value {
    let method = METHODS.iter().find(|(_, method)| *method == found.method).map(|(word, _)| *word);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_of_the_section_are_those_of_the_settings() {
        let document = Document::from_toml("posterior.toml", "noise_variance = 0.1").expect("a document");
        assert_eq!(settings(&document.read().expect("a section")), Settings::default());
    }
}
