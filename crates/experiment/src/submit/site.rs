//! A site file says what jobs need on a cluster: partitions, accounts, modules, containers, wall time and memory.

use std::path::Path;

use serde_json::{Value as Json, json};
use widenet_core::document::{
    Document, Field,
    keys::{defaulted, flat, optional, or},
    schema, section,
    shape::{Simple, list, non_negative, table, whole},
};

use crate::{error::Result, study::ReadResult};

section! {
    /// What the jobs of a study need on a cluster.
    #[derive(Debug, Clone)]
    pub(crate) struct Site {
        /// Of all jobs.
        pub(super) slurm: Common = defaulted(),
        /// Tasks of trials that run on processors.
        pub(super) cpu: CpuArray = defaulted(),
        /// Tasks of trials that run on a GPU; without this table there are none.
        pub(super) gpu: Option<GpuArray> = optional(table()),
    }
}

section! {
    /// Of all jobs.
    #[derive(Debug, Clone)]
    pub(super) struct Common {
        /// The account that is charged.
        pub(super) account: Option<String> = optional(line()),
        /// Quality of service.
        pub(super) qos: Option<String> = optional(line()),
        /// Environment modules that are loaded first.
        pub(super) modules: Option<Vec<String>> = optional(list(line())),
        /// Lines of the shell before the program starts, as they are.
        pub(super) lines: Option<Vec<String>> = optional(list(line())),
        /// Words before the program, such as apptainer, exec and an image.
        pub(super) container: Option<Vec<String>> = optional(list(line())),
        /// The program where jobs run; the one that submits if it is not given.
        pub(super) program: Option<String> = optional(line()),
        /// How long before its time limit a task is warned; Slurm may do it a minute earlier.
        pub(super) warning_seconds: u64 = or(whole(10..=3600), 120),
        /// Estimates are multiplied by this.
        pub(super) margin: f64 = or(margin(), 1.5),
        /// What is reckoned with for a trial without an estimate, in seconds.
        pub(super) seconds_without_estimate: f64 = or(non_negative(), 60.0),
        /// Seconds between checkpoints.
        pub(super) checkpoint_seconds: u64 = or(whole(1..=86_400), 60),
    }
}

section! {
    /// An array of tasks.
    #[derive(Debug, Clone)]
    pub(super) struct Array {
        /// Partition.
        pub(super) partition: Option<String> = optional(line()),
        /// Features that nodes must have.
        pub(super) constraint: Option<String> = optional(line()),
        /// Wall time of a task: minutes, hours:minutes:seconds or days-hours:minutes:seconds; an hour, or what the longest trial takes, if it is
        /// not given.
        pub(super) time: Option<u64> = optional(time()),
        /// Memory of a task, such as "4G" or "800M"; what its trials take by the plan if it is not given.
        pub(super) memory: Option<u64> = optional(memory()),
        /// Processors of a task: so many trials run at once.
        pub(super) cpus: u64 = or(whole(1..=4096), 1),
        /// Most tasks of an array.
        pub(super) tasks_at_most: u64 = or(whole(1..=1_000_000), 1000),
        /// Most tasks that run at once.
        pub(super) running_at_most: Option<u64> = optional(whole(1..=1_000_000)),
        /// Further options of sbatch, such as "--mail-type=FAIL".
        pub(super) options: Option<Vec<String>> = optional(list(option())),
    }
}

section! {
    /// Tasks of trials that run on processors.
    #[derive(Debug, Clone)]
    pub(super) struct CpuArray {
        /// The array.
        pub(super) array: Array = flat(),
    }
}

section! {
    /// Tasks of trials that run on a GPU.
    #[derive(Debug, Clone)]
    pub(super) struct GpuArray {
        /// The array.
        pub(super) array: Array = flat(),
        /// What a task asks for, after gpu: as in "1" or "a100:1".
        pub(super) gpus: String = or(line(), "1"),
        /// Device of the program.
        pub(super) device: String = or(device(), "wgpu"),
        /// Trials of engines that run on devices, which take at least so many seconds on the processor, go here.
        pub(super) least_seconds: f64 = or(non_negative(), 0.0),
    }
}

impl Site {
    /// Reads a site file (`.toml` or `.json`).
    ///
    /// # Errors
    /// [`crate::Error::Core`] at the first mistake.
    pub(crate) fn load(path: &Path) -> Result<Site> {
        Ok(Document::load(path)?.read()?)
    }

    /// Nothing but defaults.
    pub(crate) fn usual() -> Result<Site> {
        Ok(Document::from_toml("default", "")?.read()?)
    }
}

/// Returns the JSON Schema of site files.
pub(crate) fn site_schema() -> Json {
    schema::table::<Site>()
}

fn margin() -> widenet_core::document::shape::AtLeast {
    widenet_core::document::shape::at_least(1.0)
}

fn is_one_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(char::is_control)
}

/// Text of one line, which goes into a job script.
fn line() -> Simple<String> {
    fn read(field: &Field<'_>) -> ReadResult<String> {
        let text = field.string()?;
        if is_one_line(&text) { Ok(text) } else { Err(field.must_be("text of one line without control characters")) }
    }
    Simple::new(read, || json!({ "type": "string", "minLength": 1 }))
}

/// Options that are the program's own to give.
const OWN: &[&str] = &[
    "--array",
    "--chdir",
    "--cpus-per-task",
    "--dependency",
    "--job-name",
    "--mem",
    "--no-requeue",
    "--ntasks",
    "--output",
    "--open-mode",
    "--parsable",
    "--requeue",
    "--signal",
    "--time",
    "--wait",
    "--wrap",
];

/// A long option of sbatch.
fn option() -> Simple<String> {
    fn read(field: &Field<'_>) -> ReadResult<String> {
        let text = field.string()?;
        let name = text.split('=').next().unwrap_or_default();
        if !is_one_line(&text) || !name.starts_with("--") || name.len() < 3 || name.contains(char::is_whitespace) {
            return Err(field.must_be("an option of sbatch that begins with --, such as \"--mail-type=FAIL\""));
        }
        if OWN.contains(&name) {
            return Err(field.error(format!("`{name}` is given by `widenet submit` itself; leave it out")));
        }
        Ok(text)
    }
    Simple::new(read, || json!({ "type": "string", "minLength": 3 }))
}

fn device() -> Simple<String> {
    fn read(field: &Field<'_>) -> ReadResult<String> {
        let word = field.string()?;
        match word.parse::<widenet_model::DeviceChoice>() {
            Ok(_) => Ok(word),
            Err(error) => Err(field.error(format!("`{}`: {error}", field.key()))),
        }
    }
    Simple::new(read, || json!({ "type": "string", "minLength": 1 }))
}

/// Reads Slurm's forms of a time, in seconds: minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes and
/// days-hours:minutes:seconds.
pub fn parse_time(text: &str) -> Option<u64> {
    let (days, clock) = match text.split_once('-') {
        Some((days, clock)) => (Some(days.parse::<u64>().ok()?), clock),
        None => (None, text),
    };
    let parts: Vec<u64> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (hours, minutes, seconds) = match (days.is_some(), &parts[..]) {
        (true, [hours]) => (*hours, 0, 0),
        (true, [hours, minutes]) => (*hours, *minutes, 0),
        (false, [minutes]) => (0, *minutes, 0),
        (false, [minutes, seconds]) => (0, *minutes, *seconds),
        (_, [hours, minutes, seconds]) => (*hours, *minutes, *seconds),
        _ => return None,
    };
    let units = [(days.unwrap_or(0), 86_400), (hours, 3600), (minutes, 60), (seconds, 1)];
    units
        .iter()
        .try_fold(0u64, |sum, (count, unit)| sum.checked_add(count.checked_mul(*unit)?))
        .filter(|time| *time > 0)
}

/// Reads an amount of memory, in mebibytes: a whole number with K, M, G or T after it, or mebibytes without a letter, as Slurm does.
pub fn parse_memory(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let count: u64 = digits.parse().ok()?;
    let mebibytes = match text.get(digits.len()..)?.to_ascii_uppercase().trim_end_matches('B') {
        "" | "M" => Some(count),
        "K" => Some(count.div_ceil(1024)),
        "G" => count.checked_mul(1024),
        "T" => count.checked_mul(1024 * 1024),
        _ => None,
    };
    mebibytes.filter(|mebibytes| *mebibytes > 0)
}

fn time() -> Simple<u64> {
    fn read(field: &Field<'_>) -> ReadResult<u64> {
        let wanted = "a time such as \"30\" (minutes), \"4:00:00\" or \"2-12:00:00\"";
        parse_time(&field.string()?).ok_or_else(|| field.must_be(wanted))
    }
    Simple::new(read, || json!({ "type": "string", "minLength": 1 }))
}

fn memory() -> Simple<u64> {
    fn read(field: &Field<'_>) -> ReadResult<u64> {
        let wanted = "an amount of memory such as \"800M\" or \"4G\"";
        parse_memory(&field.string()?).ok_or_else(|| field.must_be(wanted))
    }
    Simple::new(read, || json!({ "type": "string", "minLength": 1 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_slurm() {
        let cases = [
            ("30", 1800),
            ("1:30", 90),
            ("4:00:00", 14_400),
            ("2-12", 216_000),
            ("1-00:30", 88_200),
            ("1-02:03:04", 93_784),
        ];
        for (text, seconds) in cases {
            assert_eq!(parse_time(text), Some(seconds), "{text}");
        }
        for text in ["", "0", "-1", "1h", "1:2:3:4", "1-", "1.5", "99999999999999999999", "99999999999999999-0"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn memory_is_in_mebibytes() {
        for (text, mebibytes) in
            [("800M", 800), ("4G", 4096), ("1T", 1_048_576), ("2048K", 2), ("500", 500), ("4GB", 4096)]
        {
            assert_eq!(parse_memory(text), Some(mebibytes), "{text}");
        }
        for text in ["", "0", "G", "-1G", "1.5G", "4X", "99999999999999999999T", "4 G", "4é"] {
            assert_eq!(parse_memory(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_option_or_not_one_line_is_refused() {
        let read = |text: &str| Document::from_toml("site.toml", text).and_then(|document| document.read::<Site>());
        assert!(read("[cpu]\noptions = ['--mail-type=FAIL']\ntime = '10'\n[gpu]\n").is_ok());
        for (text, part) in [
            ("[cpu]\noptions = ['-p x']\n", "begins with --"),
            ("[cpu]\noptions = ['--array=1-3']\n", "`widenet submit` itself"),
            ("[slurm]\naccount = \"a\\nb\"\n", "one line"),
            ("[slurm]\nmodules = ['']\n", "one line"),
            ("[gpu]\ndevice = 'cuda9'\n", "cuda9"),
            ("[cpu]\ntime = 'soon'\n", "4:00:00"),
            ("[cpu]\nmemory = 'much'\n", "800M"),
            ("[cpu]\npartitoin = 'x'\n", "did you mean `partition`"),
            ("[cpus]\n", "did you mean `cpu`"),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
