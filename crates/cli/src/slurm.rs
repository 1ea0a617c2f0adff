//! Slurm is asked by its own programs: `sbatch` takes jobs, `squeue` says which of them have not ended.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use widenet_experiment::QueuedTask;
use widenet_output::escape::one_line;

/// Finds a program on the path.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// Hands a job script over, and returns the number of the job; the job waits until others have ended.
///
/// # Errors
/// What sbatch says.
pub(crate) fn sbatch(script: &Path, after: &[String]) -> Result<String, String> {
    let mut command = Command::new("sbatch");
    command.arg("--parsable");
    if !after.is_empty() {
        command.arg(format!("--dependency=afterany:{}", after.join(":")));
    }
    let output = command.arg(script).output().map_err(|error| format!("sbatch cannot be started: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let said = text(&output.stderr);
    if !output.status.success() {
        let code = output.status.code().map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
        return Err(format!("sbatch refuses {} ({code}): {}", script.display(), one_line(&said)));
    }
    // With several clusters their name follows.
    let printed = text(&output.stdout);
    let number = printed.lines().last().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!("sbatch has printed no number of a job but \"{}\"", one_line(&printed)));
    }
    Ok(number.to_owned())
}

/// The tasks of some jobs that have not ended; nothing if there is no squeue or it does not answer.
pub(crate) fn squeue(jobs: &[String]) -> Option<Vec<QueuedTask>> {
    // Asked for jobs by their numbers, it fails if the last of them is long gone.
    let output = Command::new("squeue").args(["--noheader", "--array", "--me", "--format=%i %T"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(text.lines().filter_map(queued).filter(|queued| jobs.contains(&queued.job)).collect())
}

/// Reads `17_3 RUNNING` or `17 PENDING`.
fn queued(line: &str) -> Option<QueuedTask> {
    let (id, state) = line.trim().split_once(' ')?;
    let (job, task) = match id.split_once('_') {
        Some((job, task)) => (job, Some(task.parse().ok()?)),
        None => (id, None),
    };
    Some(QueuedTask { job: job.into(), task, state: state.trim().to_lowercase() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_squeue_are_tasks() {
        let task = |job: &str, task, state: &str| Some(QueuedTask { job: job.into(), task, state: state.into() });
        assert_eq!(queued("17_3 RUNNING"), task("17", Some(3), "running"));
        assert_eq!(queued("  18 PENDING "), task("18", None, "pending"));
        assert_eq!(queued("17_[1-3] PENDING"), None);
        assert_eq!(queued(""), None);
    }
}
