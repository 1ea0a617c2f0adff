//! `widenet submit` writes a study as jobs of Slurm, and hands them over.

use std::env;

use widenet_core::humanized;
use widenet_engines::Engines;
use widenet_experiment::{JobScript, Submission, SubmitOptions, TaskOptions, shell_word, submit};
use widenet_model::DeviceChoice;
use widenet_output::{Table, escape::one_line};

use crate::{
    answer::give,
    arguments::SubmitArguments,
    exit::{Exit, Failure},
    say::note,
    slurm,
    study::load,
};

/// Writes the jobs of what is missing, shows them, and hands them over if that is asked for.
pub(crate) fn run(arguments: &SubmitArguments) -> Result<Exit, Failure> {
    let has_slurm = slurm::find("sbatch").is_some();
    if arguments.submit && !has_slurm {
        return Err(
            "there is no `sbatch` on the path: this machine is no login node of Slurm; without --submit the job scripts are only written".into(),
        );
    }
    let (study, out) = load(&arguments.file)?;
    let options = SubmitOptions {
        out,
        site: arguments.site.clone(),
        tasks: TaskOptions { time: arguments.time, memory: arguments.memory, count: arguments.tasks.map(usize::from) },
        program: env::current_exe().map_err(|error| format!("this program cannot be found on the disk: {error}"))?,
    };
    // Jobs say themselves on which devices they run; what they take there is estimated here.
    let engines = Engines::new(DeviceChoice::Flex)?;
    let mut submission = submit(&study, &engines, &options, &|jobs| slurm::squeue(jobs))?;
    let scripts = submission.write()?;
    submission.warnings.iter().for_each(|said| note(said));
    if !has_slurm && !scripts.is_empty() {
        note("there is no `sbatch` on the path of this machine");
    }
    let commands: Vec<String> = scripts.iter().map(command).collect();
    give(|out| {
        write!(out, "{}", summary(&submission))?;
        if !scripts.is_empty() {
            let end = if arguments.submit { "" } else { "not handed over: add --submit, or use these commands\n" };
            write!(out, "{end}")?;
        }
        for command in &commands {
            writeln!(out, "  {command}")?;
        }
        Ok(())
    })?;
    if arguments.submit {
        hand_over(&mut submission, &scripts)?;
    }
    Ok(Exit::Done)
}

/// The command that hands a script over.
fn command(script: &JobScript) -> String {
    let path = shell_word(&script.path.display().to_string());
    let after = if script.is_last { " --dependency=afterany:JOBS" } else { "" };
    one_line(&format!("sbatch --parsable{after} {path}")).into_owned()
}

fn summary(submission: &Submission) -> String {
    let Submission { directory, trials, done, queued, arrays, .. } = submission;
    let missing = trials - done - queued;
    let mut text = format!("run directory: {}\n", one_line(&directory.display().to_string()));
    text.push_str(&format!("{trials} trials: {done} done, {queued} in jobs that wait or run, {missing} missing\n"));
    if arrays.is_empty() {
        let end = if *queued == 0 {
            format!("; `widenet report {}` reports", shell_word(&directory.display().to_string()))
        } else {
            String::new()
        };
        text.push_str(&format!("nothing to submit{end}\n"));
        return text;
    }
    let rows = arrays.iter().map(|array| {
        vec![
            array.name.to_owned(),
            array.tasks.len().to_string(),
            array.tasks.iter().map(Vec::len).sum::<usize>().to_string(),
            format!("up to about {}", humanized::seconds(array.seconds)),
            humanized::seconds(array.time as f64),
            humanized::bytes(array.memory << 20),
            array.cpus.to_string(),
        ]
    });
    let header = ["array", "tasks", "trials", "a task takes", "wall time", "memory", "processors"];
    text.push_str(&Table::new(header, rows).to_text());
    text
}

/// Hands all scripts over; the last waits for the others. What was handed over is written down after each.
fn hand_over(submission: &mut Submission, scripts: &[JobScript]) -> Result<(), Failure> {
    let mut jobs: Vec<String> = Vec::new();
    for script in scripts {
        let after = if script.is_last { &jobs[..] } else { &[] };
        let job = slurm::sbatch(&script.path, after).map_err(|error| match &jobs[..] {
            [] => error,
            jobs => format!("{error}; handed over before: {}", jobs.join(", ")),
        })?;
        submission.record(script, &job)?;
        give(|out| writeln!(out, "{}: job {job}", script.name))?;
        jobs.push(job);
    }
    if !jobs.is_empty() {
        let directory = shell_word(&submission.directory.display().to_string());
        give(|out| writeln!(out, "`widenet status {}` says how far they are", one_line(&directory)))?;
    }
    Ok(())
}
