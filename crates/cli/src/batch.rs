//! What batch systems say of a job in its environment: which task of an array it is, how many processors it has, and whether it was started
//! before.

use std::env;

use widenet_experiment::Shard;
use widenet_output::Job;

use crate::exit::Failure;

/// Which part of a study this process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ShardChoice {
    /// A given one.
    Given(Shard),
    /// That of the task which it is, of so many if that is given.
    Auto(Option<usize>),
}

/// Reads `2/4`, `auto` and `auto/4`.
pub(crate) fn shard_choice(text: &str) -> Result<ShardChoice, String> {
    match text.split_once('/') {
        None if text == "auto" => Ok(ShardChoice::Auto(None)),
        Some(("auto", count)) => match count.parse() {
            Ok(count) if count >= 1 => Ok(ShardChoice::Auto(Some(count))),
            _ => Err(format!("shard `{text}` is not auto/N with N ≥ 1, for example auto/4")),
        },
        _ => text.parse().map(ShardChoice::Given).map_err(|error: widenet_experiment::Error| error.to_string()),
    }
}

/// A batch system with arrays, by the variables of a task.
struct ArraySystem {
    name: &'static str,
    /// Index of the task.
    index: &'static str,
    /// First and last index and the distance between two, where it says so.
    first: Option<&'static str>,
    last: Option<&'static str>,
    step: Option<&'static str>,
    /// Number of tasks, where it says so.
    count: Option<&'static str>,
}

const SYSTEMS: &[ArraySystem] = &[
    ArraySystem {
        name: "Slurm",
        index: "SLURM_ARRAY_TASK_ID",
        first: Some("SLURM_ARRAY_TASK_MIN"),
        last: Some("SLURM_ARRAY_TASK_MAX"),
        step: Some("SLURM_ARRAY_TASK_STEP"),
        count: Some("SLURM_ARRAY_TASK_COUNT"),
    },
    ArraySystem { name: "PBS", index: "PBS_ARRAY_INDEX", first: None, last: None, step: None, count: None },
    ArraySystem { name: "Torque", index: "PBS_ARRAYID", first: None, last: None, step: None, count: None },
    ArraySystem {
        name: "LSF",
        index: "LSB_JOBINDEX",
        first: None,
        last: Some("LSB_JOBINDEX_END"),
        step: Some("LSB_JOBINDEX_STEP"),
        count: None,
    },
    ArraySystem {
        name: "Grid Engine",
        index: "SGE_TASK_ID",
        first: Some("SGE_TASK_FIRST"),
        last: Some("SGE_TASK_LAST"),
        step: Some("SGE_TASK_STEPSIZE"),
        count: None,
    },
];

type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

fn number(variables: Variables<'_>, name: &str) -> Option<usize> {
    variables(name)?.trim().parse().ok()
}

/// The batch system whose task this is, with its index. LSF gives index 0, Grid Engine a word, to jobs without an array.
fn task(variables: Variables<'_>) -> Option<(&'static ArraySystem, usize)> {
    let index = |system: &'static ArraySystem| {
        let index = number(variables, system.index)?;
        (system.name != "LSF" || index > 0).then_some((system, index))
    };
    SYSTEMS.iter().find_map(index)
}

/// The part of the task that this process is; of a file of tasks the index is the number of the task.
fn auto(variables: Variables<'_>, count: Option<usize>) -> Result<(usize, usize), String> {
    let Some((system, index)) = task(variables) else {
        let names: Vec<&str> = SYSTEMS.iter().map(|system| system.index).collect();
        return Err(format!(
            "--shard auto: this is no task of an array, none of {} is set; give --shard I/N",
            names.join(", ")
        ));
    };
    let read = |name: Option<&'static str>| name.and_then(|name| number(variables, name));
    let (first, last) = (read(system.first).unwrap_or(1), read(system.last));
    let step = read(system.step).unwrap_or(1).max(1);
    let from_range = last.filter(|last| *last >= first).map(|last| (last - first) / step + 1);
    let said = read(system.count);
    if let (Some(said), Some(range), None) = (said, from_range, count)
        && said != range
    {
        return Err(format!(
            "--shard auto: the array has {said} tasks, and indices from {first} with gaps; give the array indices without gaps, or --shard I/N"
        ));
    }
    let Some(count) = count.or(said).or(from_range) else {
        return Err(format!(
            "--shard auto: {} does not say how many tasks the array has; give --shard auto/N",
            system.name
        ));
    };
    let number = index.checked_sub(first).map(|offset| offset / step + 1);
    match number.filter(|number| (1..=count).contains(number)) {
        Some(number) => Ok((number, count)),
        None => Err(format!("--shard auto: {} = {index} is no task of {count} from {first}", system.index)),
    }
}

/// What environment variables say.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// The part that was chosen; of a file of tasks that of a task.
///
/// # Errors
/// No task where the environment must say which; a file of tasks without it.
pub(crate) fn shard(choice: &ShardChoice, tasks: Option<&std::path::Path>) -> Result<Shard, Failure> {
    match (choice, tasks) {
        (ShardChoice::Given(shard), None) => Ok(shard.clone()),
        (ShardChoice::Auto(count), None) => {
            let (number, count) = auto(&variable, *count)?;
            Ok(Shard::new(number, count)?)
        }
        (ShardChoice::Given(shard), Some(file)) => Ok(Shard::of_task(file, shard.number())?),
        (ShardChoice::Auto(_), Some(file)) => match task(&variable) {
            Some((_, index)) => Ok(Shard::of_task(file, index)?),
            None => Err("--tasks with --shard auto: this is no task of an array; give --shard I/N".into()),
        },
    }
}

/// The processors that a job has of its node, by a batch system; programs see all of the node where nothing binds them.
fn cpus_of(variables: Variables<'_>) -> Option<usize> {
    let of_job = |job: &str, cpus: &str| variables(job).and_then(|_| number(variables, cpus));
    of_job("SLURM_JOB_ID", "SLURM_CPUS_PER_TASK")
        .or_else(|| of_job("PBS_JOBID", "NCPUS"))
        .or_else(|| of_job("LSB_JOBID", "LSB_DJOB_NUMPROC"))
        .or_else(|| of_job("SGE_TASK_ID", "NSLOTS"))
        .filter(|cpus| *cpus > 0)
}

/// The processors that this process may use, if a batch system says so.
pub(crate) fn cpus() -> Option<usize> {
    cpus_of(&variable)
}

fn job_of(variables: Variables<'_>) -> Option<Job> {
    let id = match (variables("SLURM_ARRAY_JOB_ID"), variables("SLURM_ARRAY_TASK_ID")) {
        (Some(array), Some(task)) => format!("{array}_{task}"),
        _ => ["SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID"].iter().find_map(|name| variables(name))?,
    };
    // Leases have a fixed length.
    let id: String = id.chars().take(64).filter(|c| !c.is_control()).collect();
    Some(Job { id, restart: number(variables, "SLURM_RESTART_COUNT").unwrap_or(0) as u64 })
}

/// The job that this process belongs to.
pub(crate) fn job() -> Option<Job> {
    job_of(&variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<T>(variables: &[(&str, &str)], ask: impl Fn(Variables<'_>) -> T) -> T {
        ask(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    const SLURM: [(&str, &str); 4] = [
        ("SLURM_ARRAY_TASK_ID", "3"),
        ("SLURM_ARRAY_TASK_MIN", "0"),
        ("SLURM_ARRAY_TASK_MAX", "3"),
        ("SLURM_ARRAY_TASK_COUNT", "4"),
    ];

    #[test]
    fn tasks_of_batch_systems_are_parts() {
        let part = |variables: &[(&str, &str)], count| found(variables, |known| auto(known, count));
        assert_eq!(part(&SLURM, None), Ok((4, 4)));
        let stepped = [
            ("SLURM_ARRAY_TASK_ID", "5"),
            ("SLURM_ARRAY_TASK_MIN", "1"),
            ("SLURM_ARRAY_TASK_MAX", "7"),
            ("SLURM_ARRAY_TASK_STEP", "2"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
        ];
        assert_eq!(part(&stepped, None), Ok((3, 4)));
        assert_eq!(part(&[("PBS_ARRAY_INDEX", "2")], Some(4)), Ok((2, 4)));
        assert_eq!(part(&[("PBS_ARRAYID", "4")], Some(4)), Ok((4, 4)));
        assert_eq!(part(&[("LSB_JOBINDEX", "2"), ("LSB_JOBINDEX_END", "5")], None), Ok((2, 5)));
        let grid = [("SGE_TASK_ID", "3"), ("SGE_TASK_FIRST", "1"), ("SGE_TASK_LAST", "9"), ("SGE_TASK_STEPSIZE", "2")];
        assert_eq!(part(&grid, None), Ok((2, 5)));
    }

    #[test]
    fn what_does_not_say_a_part_is_refused() {
        let refused = |variables: &[(&str, &str)], count| found(variables, |known| auto(known, count)).unwrap_err();
        assert!(refused(&[], None).contains("SLURM_ARRAY_TASK_ID"));
        assert!(refused(&[("LSB_JOBINDEX", "0")], None).contains("no task of an array"));
        assert!(refused(&[("SGE_TASK_ID", "undefined")], None).contains("no task of an array"));
        assert!(refused(&[("PBS_ARRAY_INDEX", "2")], None).contains("auto/N"));
        assert!(refused(&[("PBS_ARRAY_INDEX", "5")], Some(4)).contains("PBS_ARRAY_INDEX = 5 is no task of 4"));
        let gaps = [SLURM[0], SLURM[1], ("SLURM_ARRAY_TASK_MAX", "9"), SLURM[3]];
        assert!(refused(&gaps, None).contains("without gaps"));
        for text in ["auto/0", "auto/x", "0/4", "automatic"] {
            assert!(shard_choice(text).unwrap_err().contains(text), "{text}");
        }
        assert_eq!(shard_choice("auto/4"), Ok(ShardChoice::Auto(Some(4))));
    }

    #[test]
    fn processors_and_jobs_are_those_of_the_batch_system() {
        let cpus = |variables: &[(&str, &str)]| found(variables, |known| cpus_of(known));
        assert_eq!(cpus(&[("SLURM_JOB_ID", "1"), ("SLURM_CPUS_PER_TASK", "3")]), Some(3));
        assert_eq!(cpus(&[("SLURM_CPUS_PER_TASK", "3")]), None, "no job");
        assert_eq!(cpus(&[("PBS_JOBID", "1.x"), ("NCPUS", "2")]), Some(2));
        assert_eq!(cpus(&[("LSB_JOBID", "1"), ("LSB_DJOB_NUMPROC", "0")]), None);
        let job = |variables: &[(&str, &str)]| found(variables, |known| job_of(known)).map(|job| (job.id, job.restart));
        let task = [("SLURM_JOB_ID", "19"), ("SLURM_ARRAY_JOB_ID", "17"), SLURM[0], ("SLURM_RESTART_COUNT", "2")];
        assert_eq!(job(&task), Some(("17_3".into(), 2)));
        assert_eq!(job(&[("PBS_JOBID", "12[4].x")]), Some(("12[4].x".into(), 0)));
        assert_eq!(job(&[]), None);
    }
}
