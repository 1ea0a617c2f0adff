//! These types declare what a user may type; clap reads it.

mod cluster;
mod fluctuations;
mod scaling;
mod shared;

pub(crate) use cluster::{StatusArguments, SubmitArguments};
pub(crate) use fluctuations::FluctuationsArguments;
pub(crate) use scaling::{CoordCheckArguments, ScalingArguments};
pub(crate) use shared::{AnswerArguments, LimitArguments, Overrides, StudyFile};
use shared::{Known, precision};

use std::{ops::RangeInclusive, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use widenet_core::Width;
use widenet_core::document::Word;
use widenet_engines::{EngineChoice, EngineRule, HiddenOptions};
use widenet_model::{DeviceChoice, Precision, ResponseStorage};
use widenet_questions::PriorQuestion;

use crate::batch::{ShardChoice, shard_choice};

/// One problem, every width: train deep linear networks from width 1 to infinity.
///
/// Exit codes: 0 done, 1 a check was refuted, 2 bad usage, input or I/O, 75 interrupted (a study: the same command
/// continues it).
#[derive(Debug, Parser)]
#[command(name = "widenet", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Solve a problem at the given widths (`inf` is a width) and print one table.
    Solve(SolveArguments),
    /// Compute the kernels of a problem's network: NNGP and tangent kernel, at width inf or of one finite network.
    Kernel(KernelArguments),
    /// Predict what infinitely wide networks give at chosen moments of training, with the spread over initialisations.
    Predict(PredictArguments),
    /// Say before training how wide networks spread around their limit, from small networks.
    Fluctuations(FluctuationsArguments),
    /// The law of random deep linear networks before training, at any widths and depth and in the proportional limit.
    Prior(PriorArguments),
    /// Bayesian posterior of random deep linear networks: predictions, evidence.
    Posterior(PosteriorArguments),
    /// Classify a scaling of widths: which infinite-width limit its exponents lead to, and why.
    Scaling(ScalingArguments),
    /// Check which activations, weights and kernels grow with the width in the first steps of training, and whether as predicted.
    CoordCheck(CoordCheckArguments),
    /// Run a study, or continue one that was interrupted; ends with figures and verdicts.
    Study(StudyArguments),
    /// Show what a study or a problem would run: engine and reason, memory and time.
    Plan(PlanArguments),
    /// Write a study as array jobs of Slurm, and hand them over; asks only for what is missing.
    Submit(SubmitArguments),
    /// Show how far a study is: what is done, running and waiting, when it may end, and why processes ended.
    Status(StatusArguments),
    /// Make tables, figures and verdicts again from a run directory.
    Report(ReportArguments),
    /// Print the parameterisation of a problem as a table of exponents and constants per layer.
    Parameterization(ParameterizationArguments),
    /// List the devices, what each is and what it can hold.
    Devices,
    /// Measure what a device does per second; with --report also check what it computes and train on it.
    Bench(BenchArguments),
    /// Print the sections that files have, or the keys of one: type, range, default and meaning.
    Keys {
        /// A section such as optimizer, or a key such as learning_rate.
        name: Option<String>,
        /// All keys as a page of the guide.
        #[arg(long, conflicts_with = "name")]
        markdown: bool,
    },
    /// Print what can be recorded: the definition of every quantity, and which networks have it.
    Quantities {
        /// One quantity, such as train_loss.
        name: Option<String>,
        /// All quantities as a page of the guide.
        #[arg(long, conflicts_with = "name")]
        markdown: bool,
    },
    /// Print the JSON Schema of a kind of file, for editors and checks.
    Schema {
        /// What the file holds: a problem, a question, a study, or a site of a cluster.
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(widenet_experiment::schemas::file_kinds()))]
        file: String,
    },
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SolveArguments {
    /// Problem file (.toml or .json).
    pub(crate) problem: PathBuf,
    /// Widths, separated by commas: whole numbers such as 64 or 1e6, or inf.
    #[arg(long, value_delimiter = ',', required = true, allow_hyphen_values = true)]
    pub(crate) width: Vec<Width>,
    #[command(flatten)]
    pub(crate) seeds: Seeds,
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
    #[command(flatten)]
    pub(crate) overrides: Overrides,
    /// Write all records to this file: .json, or .csv or .parquet with a row for every number.
    #[arg(long)]
    pub(crate) output: Option<PathBuf>,
    /// Print trajectories as JSON instead of a table.
    #[arg(long, conflicts_with = "output")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KernelArguments {
    /// Problem file (.toml or .json); its sections network, parameterization, data and kernel are read. The options below
    /// win over the keys of the section kernel.
    pub(crate) problem: PathBuf,
    /// Width: inf, or a whole number for one network at its start [default: inf].
    #[arg(long, allow_hyphen_values = true)]
    width: Option<Width>,
    /// Which kernels [default: both].
    #[arg(long, value_parser = ["ntk", "nngp", "both"])]
    kind: Option<String>,
    /// Between which inputs [default: all].
    #[arg(long, value_parser = ["train", "test_train", "test", "all"])]
    between: Option<String>,
    /// Seed of the finite network's weights [default: 0].
    #[arg(long)]
    seed: Option<u64>,
    /// Finite width: the mean over the networks of the seeds 1 ... N, with standard deviations between them.
    #[arg(long, conflicts_with = "seed")]
    seeds: Option<u64>,
    /// Finite width: the whole (N k) x (N k) tangent kernel instead of its average over outputs.
    #[arg(long)]
    full: bool,
    /// Also all eigenvalues of the kernels among the training inputs.
    #[arg(long)]
    spectrum: bool,
    /// Write the kernels to this file (.npy, .csv or .json); several arrays get suffixes such as -ntk-train.
    #[arg(long)]
    pub(crate) output: Option<PathBuf>,
    /// Print the kernels as JSON instead of a summary.
    #[arg(long, conflicts_with = "output")]
    pub(crate) json: bool,
    #[command(flatten)]
    overrides: Overrides,
    /// Device of a finite network: auto, cpu (flex), flex, ndarray, wgpu or vulkan.
    #[arg(long, default_value = "auto", value_parser = Known(device, DEVICES), hide_possible_values = true)]
    pub(crate) device: DeviceChoice,
    /// Floating-point type of a finite network: f32 or f64 [default: f32].
    #[arg(long, value_parser = precision)]
    precision: Option<Precision>,
}

impl KernelArguments {
    /// The changes to the file: those of `--set`, then the options.
    pub(crate) fn overrides(&self) -> Vec<(String, String)> {
        let options = [
            ("width", self.width.map(|width| width.to_string())),
            ("kind", self.kind.clone()),
            ("between", self.between.clone()),
            ("seed", self.seed.map(|seed| seed.to_string())),
            ("seeds", self.seeds.map(|seeds| seeds.to_string())),
            ("full", self.full.then(|| "true".into())),
            ("spectrum", self.spectrum.then(|| "true".into())),
        ];
        let given = options.into_iter().filter_map(|(key, value)| Some((format!("kernel.{key}"), value?)));
        self.overrides.set.iter().cloned().chain(given).collect()
    }

    pub(crate) fn precision(&self) -> Precision {
        self.precision.unwrap_or(Precision::F32)
    }
}

#[derive(Debug, Args)]
pub(crate) struct PredictArguments {
    /// Problem file (.toml or .json) with a section predict.
    pub(crate) problem: PathBuf,
    /// Write the predictions to this file: .json, .csv (one row per moment, sample and output), or .npy (mean test outputs).
    #[arg(long)]
    pub(crate) output: Option<PathBuf>,
    /// Print the predictions as JSON instead of a table.
    #[arg(long, conflicts_with = "output")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) overrides: Overrides,
}

#[derive(Debug, Args)]
pub(crate) struct PriorArguments {
    /// File (.toml or .json) with a section network, inputs, and a section per quantity.
    pub(crate) spec: PathBuf,
    /// Only this quantity, with its defaults where the file has no such section.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(PriorQuestion::quantities()))]
    pub(crate) quantity: Option<String>,
    #[command(flatten)]
    pub(crate) answer: AnswerArguments,
    /// Device of networks sampled by their weights: auto, cpu (flex), flex, ndarray, wgpu or vulkan.
    #[arg(long, default_value = "auto", value_parser = Known(device, DEVICES), hide_possible_values = true)]
    pub(crate) device: DeviceChoice,
    /// Floating-point type of networks sampled by their weights: f32 or f64 [default: f32].
    #[arg(long, value_parser = precision)]
    precision: Option<Precision>,
}

impl PriorArguments {
    pub(crate) fn precision(&self) -> Precision {
        self.precision.unwrap_or(Precision::F32)
    }
}

#[derive(Debug, Args)]
pub(crate) struct PosteriorArguments {
    /// File (.toml or .json) with sections network and data, and what is asked.
    pub(crate) spec: PathBuf,
    #[command(flatten)]
    pub(crate) answer: AnswerArguments,
}

/// Which seeds.
#[derive(Debug, Args)]
pub(crate) struct Seeds {
    /// Seed of the initial weights and batches.
    #[arg(long, default_value_t = 0, conflicts_with = "seeds")]
    seed: u64,
    /// Run this many seeds, 1 … N, as the axis `seed = { count = N }` of a study does.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=MAX_SEEDS))]
    seeds: Option<u64>,
}

/// Most seeds, as in a study.
const MAX_SEEDS: u64 = 1_000_000;

impl Seeds {
    pub(crate) fn all(&self) -> RangeInclusive<u64> {
        self.seeds.map_or(self.seed..=self.seed, |count| 1..=count)
    }
}

/// Which engine, device and precision.
#[derive(Debug, Args)]
pub(crate) struct EngineArguments {
    /// Engine: limit (only width inf), law, dense, conditioned or regenerated (finite widths; inf among them goes to limit), or auto,
    /// the cheapest that can record what is asked [default: auto].
    #[arg(long, value_parser = Known(engine, ENGINES), hide_possible_values = true)]
    engine: Option<EngineOption>,
    /// Device of the dense, conditioned and regenerated engines: auto, cpu (flex), flex, ndarray, wgpu or vulkan.
    #[arg(long, default_value = "auto", value_parser = Known(device, DEVICES), hide_possible_values = true)]
    pub(crate) device: DeviceChoice,
    /// Floating-point type of the same engines: f32 or f64 [default: f32].
    #[arg(long, value_parser = precision)]
    precision: Option<Precision>,
    /// Conditioned and regenerated engines, law and limit of deep linear networks: a direction counts as new if more than this share of
    /// it is; errors are of this size. Refused where the engine has none [default: 1e-10 of law and limit, 1e-5 in f32 and 1e-12 in f64 of
    /// the others, which are no finer than 8 roundings, and 2 times the root of the rank].
    #[arg(long, value_parser = share, allow_hyphen_values = true)]
    tolerance: Option<f64>,
    /// How the conditioned engine keeps its answers: stored, or recomputed from the counters of their normals, which takes half the
    /// memory; refused by other engines [default: stored where that fits].
    #[arg(long, value_parser = answers)]
    answers: Option<ResponseStorage>,
    /// The old name of --answers.
    #[arg(long, hide = true, value_parser = images)]
    images: Option<String>,
    #[command(flatten)]
    pub(crate) limit: LimitArguments,
}

impl EngineArguments {
    pub(crate) fn precision(&self) -> Precision {
        self.precision.unwrap_or(Precision::F32)
    }

    pub(crate) fn hidden(&self) -> HiddenOptions {
        HiddenOptions { tolerance: self.tolerance, answers: self.answers }
    }

    /// An option that was given though a study has a key of its own for it.
    pub(crate) fn study_key(&self) -> Option<&'static str> {
        let given = [
            ("engine", self.engine.is_some()),
            ("precision", self.precision.is_some()),
            ("tolerance", self.tolerance.is_some()),
            ("answers", self.answers.is_some()),
            ("accuracy", self.limit.accuracy.is_some()),
            ("replicates", self.limit.replicates.is_some()),
            ("nodes", self.limit.nodes.is_some()),
        ];
        given.into_iter().find_map(|(key, is_given)| is_given.then_some(key))
    }

    /// The choice at each of the widths.
    ///
    /// # Errors
    /// `limit` for a finite width; law or dense where no width is finite.
    pub(crate) fn rule(&self, widths: &[Width]) -> Result<EngineRule, String> {
        let finite = widths.iter().find(|width| **width != Width::Infinite);
        match (self.engine.unwrap_or(EngineOption::Choice(EngineChoice::Auto)), finite) {
            (EngineOption::LimitOnly, Some(width)) => {
                Err(format!("--engine limit solves only width inf, not {width}; use another engine for finite widths"))
            }
            (EngineOption::Choice(choice), None) if choice != EngineChoice::Auto => Err(format!(
                "--engine {} needs a finite width, and only inf is given; use --engine auto or limit",
                choice.name()
            )),
            (EngineOption::LimitOnly, None) => Ok(EngineRule::All(EngineChoice::Auto)),
            (EngineOption::Choice(choice), _) => Ok(EngineRule::All(choice)),
        }
    }
}

/// `--engine`: one that fits the width, or `limit`, which takes only width ∞.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EngineOption {
    LimitOnly,
    Choice(EngineChoice),
}

fn engine(word: &str) -> Result<EngineOption, String> {
    if word == "limit" {
        return Ok(EngineOption::LimitOnly);
    }
    let reason = |_| "known engines are auto, limit, law, dense, conditioned and regenerated".into();
    EngineChoice::from_word(word).map(EngineOption::Choice).map_err(reason)
}

/// Words of `--engine` and `--device` that completions offer.
const ENGINES: &[&str] = &["auto", "limit", "law", "dense", "conditioned", "regenerated"];
const DEVICES: &[&str] = &["auto", "cpu", "flex", "ndarray", "wgpu", "vulkan"];

pub(crate) fn device(word: &str) -> Result<DeviceChoice, String> {
    word.parse().map_err(|error: widenet_model::ModelError| error.to_string())
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("a tolerance is a number between 0 and 1, for example 1e-6".into()),
    }
}

fn answers(word: &str) -> Result<ResponseStorage, String> {
    if word == "regenerated" {
        return Err("this is now called recomputed".into());
    }
    ResponseStorage::from_word(word).map_err(|_| "answers are stored or recomputed".into())
}

fn images(_: &str) -> Result<String, String> {
    Err("this option is now called --answers, and its value regenerated is recomputed".into())
}

fn positive_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds < 1e9 => Ok(seconds),
        _ => Err("give a number of seconds > 0".into()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct StudyArguments {
    #[command(flatten)]
    pub(crate) file: StudyFile,
    /// Run only part I of N of the trials; several processes may share the folder. With auto, I and N are those of the task of an array job of
    /// Slurm, LSF or Grid Engine; auto/N for PBS, which does not say N.
    #[arg(long, default_value = "1/1", value_name = "I/N|auto", value_parser = shard_choice)]
    pub(crate) shard: ShardChoice,
    /// A file of tasks by widenet submit: task I of it is run instead of every N-th trial.
    #[arg(long, value_name = "FILE")]
    pub(crate) tasks: Option<PathBuf>,
    /// Seconds between checkpoints of a run on a device.
    #[arg(long, default_value_t = 60.0, value_parser = positive_seconds)]
    pub(crate) checkpoint_every: f64,
    /// Trials at once [default: number of cores, of a job of a batch system those that it has].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) jobs: Option<u16>,
    /// Device of the dense, conditioned and regenerated engines: auto, cpu (flex), flex, ndarray, wgpu or vulkan.
    #[arg(long, default_value = "auto", value_parser = Known(device, DEVICES), hide_possible_values = true)]
    pub(crate) device: DeviceChoice,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    /// Study or problem file (.toml or .json).
    pub(crate) file: PathBuf,
    /// A study at full size: with the values of its section full.
    #[arg(long)]
    pub(crate) full: bool,
    /// Widths, for a problem file.
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) width: Vec<Width>,
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
    #[command(flatten)]
    pub(crate) overrides: Overrides,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// Run directory.
    pub(crate) directory: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ParameterizationArguments {
    /// Problem file (.toml or .json).
    pub(crate) problem: PathBuf,
    /// Also print the values at this width.
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) width: Option<Width>,
    #[command(flatten)]
    pub(crate) overrides: Overrides,
}

/// Measures a device in a minute or two: copy bandwidth, products, inner products and updates of long vectors, random numbers and one
/// question to a matrix of a very wide network, each also as a fraction of the copy bandwidth where it moves memory.
///
/// With --report, one markdown file with: every primitive against its plain twin and training against the same training on the CPU (exit
/// code 1 if one differs by more than rounding), the measurements, a run of a million neurons with time and memory, and the exponent of the
/// time in the width.
#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// Device: auto, cpu (flex), flex, ndarray, wgpu or vulkan.
    #[arg(long, default_value = "auto", value_parser = Known(device, DEVICES), hide_possible_values = true)]
    pub(crate) device: DeviceChoice,
    /// Floating-point type: f32 or f64 [default: f32].
    #[arg(long, value_parser = precision)]
    precision: Option<Precision>,
    /// Print the rates as JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    /// Check, measure and train, and write a report to this file (markdown).
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Width of the training run of the report; others are a tenth to ten times as wide [default: 1000000, 20000 on a software GPU].
    #[arg(long, requires = "report")]
    pub(crate) width: Option<u64>,
    /// Tiny sizes, to see that everything runs: rates mean nothing.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Say what is being measured.
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

impl BenchArguments {
    pub(crate) fn precision(&self) -> Precision {
        self.precision.unwrap_or(Precision::F32)
    }
}
