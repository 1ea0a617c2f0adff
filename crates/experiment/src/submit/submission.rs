//! What is submitted: the job scripts of all arrays and of the last job, which reports.

use std::path::PathBuf;

use widenet_output::write_whole;

use super::{
    array::{ArrayPlan, slurm_time},
    record::{Submitted, SubmittedJob},
    script::{Script, WARNED, text_of},
    site::{Array, Site},
};
use crate::{
    error::{Error, Result},
    trials::Tasks,
};

/// What is submitted.
#[derive(Debug)]
pub struct Submission {
    /// The run directory.
    pub directory: PathBuf,
    /// Trials of the study that have results of their own.
    pub trials: usize,
    /// Those that are done.
    pub done: usize,
    /// Those that are in tasks which have not ended.
    pub queued: usize,
    /// What is asked for.
    pub arrays: Vec<ArrayPlan>,
    /// What should be said before anything is handed over.
    pub warnings: Vec<String>,
    pub(super) site: Site,
    pub(super) program: String,
    pub(super) hash: String,
    pub(super) study: String,
    pub(super) submitted: Option<Submitted>,
}

/// A job script that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobScript {
    /// `cpu`, `gpu` or `report`.
    pub name: &'static str,
    /// Its file.
    pub path: PathBuf,
    /// It waits until the jobs before it have ended, however they end.
    pub is_last: bool,
}

/// The last job, which reports.
const REPORT: &str = "report";

impl Submission {
    /// Writes the job scripts and the tasks of the arrays into the run directory. Nothing if nothing is missing.
    ///
    /// # Errors
    /// [`Error::File`] if one cannot be written.
    pub fn write(&mut self) -> Result<Vec<JobScript>> {
        if self.arrays.is_empty() {
            return Ok(Vec::new());
        }
        let tasks = |array: &ArrayPlan| -> Result<(&str, Vec<u8>)> {
            let tasks = Tasks { study: self.hash.clone(), tasks: array.tasks.clone() };
            let bytes = serde_json::to_vec(&tasks).map_err(|error| Error::file("write", &self.directory, error))?;
            Ok((array.name, bytes))
        };
        let tasks = self.arrays.iter().map(tasks).collect::<Result<Vec<_>>>()?;
        let submitted = Submitted::next(&self.directory, &tasks)?;
        let mut scripts = Vec::new();
        for (array, (name, tasks)) in self.arrays.iter().zip(&tasks) {
            write_whole(&submitted.tasks_file(name), tasks)?;
            let path = submitted.folder.join(format!("{name}.sh"));
            write_whole(&path, self.array_script(array, &submitted)?.as_bytes())?;
            scripts.push(JobScript { name: array.name, path, is_last: false });
        }
        let path = submitted.folder.join(format!("{REPORT}.sh"));
        write_whole(&path, self.report_script(&submitted)?.as_bytes())?;
        scripts.push(JobScript { name: REPORT, path, is_last: true });
        self.submitted = Some(submitted);
        Ok(scripts)
    }

    /// Writes down that the job of a script was handed over, with its number.
    ///
    /// # Errors
    /// [`Error::File`] if that cannot be written.
    pub fn record(&mut self, script: &JobScript, job: &str) -> Result<()> {
        let Some(submitted) = &mut self.submitted else { return Ok(()) };
        submitted.record(SubmittedJob { name: script.name.into(), job: job.into(), is_array: !script.is_last })
    }

    fn settings(&self, name: &str) -> &Array {
        match &self.site.gpu {
            Some(gpu) if name == "gpu" => &gpu.array,
            _ => &self.site.cpu.array,
        }
    }

    /// What all scripts begin with.
    fn begun(&self, (name, settings): (&str, &Array), (cpus, memory, time): (u64, u64, u64)) -> Script {
        let mut script = Script::new();
        script.option("job-name", &format!("{}-{name}", self.study));
        script.option("ntasks", "1");
        script.option("cpus-per-task", &cpus.to_string());
        script.option("mem", &format!("{memory}M"));
        script.option("time", &slurm_time(time));
        let common = &self.site.slurm;
        let given = [
            ("account", &common.account),
            ("qos", &common.qos),
            ("partition", &settings.partition),
            ("constraint", &settings.constraint),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                script.option(name, value);
            }
        }
        settings.options.iter().flatten().for_each(|option| script.given(option));
        script
    }

    /// What is done before the program starts.
    fn prelude(&self, script: &mut Script) -> Result<()> {
        script.command(&["cd", text_of(&self.directory)?], " || exit 2");
        if let Some(modules) = &self.site.slurm.modules {
            let words: Vec<&str> = ["module", "load"].into_iter().chain(modules.iter().map(String::as_str)).collect();
            script.command(&words, " || exit 2");
        }
        self.site.slurm.lines.iter().flatten().for_each(|line| script.line(line));
        Ok(())
    }

    /// The program with some arguments, in its container.
    fn command<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let container = self.site.slurm.container.iter().flatten().map(String::as_str);
        container.chain([self.program.as_str()]).chain(arguments.iter().copied()).collect()
    }

    fn array_script(&self, array: &ArrayPlan, submitted: &Submitted) -> Result<String> {
        let settings = self.settings(array.name);
        let mut script = self.begun((array.name, settings), (array.cpus, array.memory, array.time));
        let at_most = settings.running_at_most.map_or_else(String::new, |most| format!("%{most}"));
        script.line(&format!("#SBATCH --array=1-{}{at_most}", array.tasks.len()));
        let gpu = self.site.gpu.as_ref().filter(|_| array.name == "gpu");
        if let Some(gpu) = gpu {
            script.option("gres", &format!("gpu:{}", gpu.gpus));
        }
        script.line(&format!("#SBATCH --signal=B:USR1@{}", self.site.slurm.warning_seconds));
        script.flag("requeue");
        script.option("open-mode", "append");
        script.log(text_of(&submitted.folder)?, &format!("{}-%a.log", array.name));
        script.line(WARNED);
        self.prelude(&mut script)?;
        let file = submitted.tasks_file(array.name);
        let every = self.site.slurm.checkpoint_seconds.to_string();
        let device = gpu.map_or("cpu", |gpu| gpu.device.as_str());
        let (directory, file) = (text_of(&self.directory)?, text_of(&file)?);
        let arguments =
            ["study", directory, "--tasks", file, "--shard", "auto", "--device", device, "--checkpoint-every", &every];
        script.command(&self.command(&arguments), " &");
        script.wait();
        Ok(script.text())
    }

    fn report_script(&self, submitted: &Submitted) -> Result<String> {
        let settings = &self.site.cpu.array;
        let largest = self.arrays.iter().map(|array| array.memory).max().unwrap_or(0);
        let time = self.arrays.iter().map(|array| array.time).max().unwrap_or(0);
        let mut script = self.begun((REPORT, settings), (1, largest, time));
        script.log(text_of(&submitted.folder)?, &format!("{REPORT}.log"));
        self.prelude(&mut script)?;
        let directory = text_of(&self.directory)?;
        script.command(&self.command(&["status", directory]), "");
        script.command(&self.command(&["report", directory]), "");
        Ok(script.text())
    }
}
