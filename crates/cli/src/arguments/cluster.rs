//! Arguments of commands for clusters.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::Args;
use widenet_experiment::{parse_memory, parse_time};

use super::shared::StudyFile;

#[derive(Debug, Args)]
pub(crate) struct SubmitArguments {
    #[command(flatten)]
    pub(crate) file: StudyFile,
    /// File of what the cluster needs: partition, account, modules, container, wall time, memory (widenet keys slurm, cpu, gpu).
    #[arg(long)]
    pub(crate) site: Option<PathBuf>,
    /// Hand the jobs to sbatch; without this they are only written and shown.
    #[arg(long)]
    pub(crate) submit: bool,
    /// Wall time of a task: minutes, H:MM:SS or D-HH:MM:SS [default: the site's, or an hour, or what the longest trial takes].
    #[arg(long, value_parser = time)]
    pub(crate) time: Option<u64>,
    /// Memory of a task, such as 800M or 4G [default: the site's, or what its trials take].
    #[arg(long, value_parser = memory)]
    pub(crate) memory: Option<u64>,
    /// Number of tasks of each array [default: as few as the wall time allows].
    #[arg(long)]
    pub(crate) tasks: Option<NonZeroUsize>,
}

fn time(text: &str) -> Result<u64, String> {
    parse_time(text).ok_or_else(|| "give a time such as 30 (minutes), 4:00:00 or 2-12:00:00".into())
}

fn memory(text: &str) -> Result<u64, String> {
    parse_memory(text).ok_or_else(|| "give an amount of memory such as 800M or 4G".into())
}

#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// Run directory.
    pub(crate) directory: PathBuf,
    /// Print all of it as JSON instead of a summary.
    #[arg(long)]
    pub(crate) json: bool,
}
