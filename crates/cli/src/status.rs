//! `widenet status` says how far a study is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use widenet_core::humanized;
use widenet_experiment::{Ending, ProcessStatus, RunStatus, status};
use widenet_output::{Table, escape::one_line};

use crate::{
    answer::give,
    arguments::StatusArguments,
    exit::{Exit, Failure},
    slurm,
};

/// Shows how far the study of a run directory is.
pub(crate) fn run(arguments: &StatusArguments) -> Result<Exit, Failure> {
    let found = status(&arguments.directory, &|jobs| slurm::squeue(jobs))?;
    let text = if arguments.json { format!("{:#}\n", serde_json::to_value(&found)?) } else { text(&found) };
    give(|out| out.write_all(text.as_bytes()))?;
    Ok(Exit::Done)
}

/// A moment in seconds since 1970, as UTC and by how long ago it was or will be.
fn moment(at: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let distance = humanized::seconds(now.abs_diff(at) as f64);
    let relative = if at <= now { format!("{distance} ago") } else { format!("in {distance}") };
    format!("{} ({relative})", utc(at))
}

/// The date and time of a moment (Hinnant, *chrono-compatible low-level date algorithms*, `civil_from_days`).
fn utc(at: u64) -> String {
    let (days, seconds) = (at / 86_400 + 719_468, at % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Most lines of a list.
const MOST: usize = 20;

fn text(found: &RunStatus) -> String {
    let counts = &found.counts;
    let mut text = format!("study {} in {}\n", found.study, one_line(&found.directory.display().to_string()));
    text.push_str(&format!(
        "{} trials: {} done, {} diverged, {} running, {} failed, {} in jobs that wait or run, {} waiting\n",
        counts.trials, counts.done, counts.diverged, counts.running, counts.failed, counts.queued, counts.waiting
    ));
    if !found.is_queue_known {
        text.push_str("squeue does not answer: trials in jobs that wait are counted as waiting\n");
    }
    let times = [("since", found.since), ("last result", found.last_result), ("expected end", found.expected_end)];
    for (name, at) in times {
        if let Some(at) = at {
            text.push_str(&format!("{name}: {}\n", moment(at)));
        }
    }
    if !found.running.is_empty() {
        let rows = found.running.iter().take(MOST).map(|trial| {
            vec![trial.host.clone(), trial.job.clone().unwrap_or_default(), moment(trial.since), trial.label.clone()]
        });
        text.push_str(&format!("\n{}", Table::new(["host", "job", "since", "running trial"], rows).to_text()));
        text.push_str(&more(found.running.len()));
    }
    if !found.failed.is_empty() {
        let rows =
            found.failed.iter().take(MOST).map(|trial| vec![trial.label.clone(), moment(trial.at), trial.why.clone()]);
        text.push_str(&format!("\n{}", Table::new(["failed trial", "when", "why"], rows).to_text()));
        text.push_str(&more(found.failed.len()));
    }
    if !found.processes.is_empty() {
        // The last ones say most.
        let last = &found.processes[found.processes.len().saturating_sub(MOST)..];
        let rows = last.iter().map(|process| {
            vec![
                process.host.clone(),
                process.job.clone().unwrap_or_default(),
                process.part.clone(),
                format!("{}/{}", process.done, process.trials),
                moment(process.since),
                end_of(process),
            ]
        });
        let header = ["host", "job", "part", "trials", "since", "end"];
        text.push_str(&format!("\n{}", Table::new(header, rows).to_text()));
        text.push_str(&more(found.processes.len()));
    }
    text
}

fn more(count: usize) -> String {
    if count > MOST { format!("{MOST} of {count}; --json has all\n") } else { String::new() }
}

/// How a process ended.
fn end_of(process: &ProcessStatus) -> String {
    match &process.ended {
        Some(ended) => {
            let how = match ended.how {
                Ending::Finished => "finished",
                Ending::Stopped => "stopped",
                Ending::Failed => "failed",
            };
            format!("{how} {}: {}", moment(ended.at), ended.why)
        }
        None if process.is_running => format!("running, heard of {}", moment(process.last_word)),
        None => format!(
            "ended without a word: it was killed or ran out of memory, or its machine is gone; last heard of {}",
            moment(process.last_word)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let cases = [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_704_067_199, "2023-12-31 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ];
        for (at, text) in cases {
            assert_eq!(utc(at), text);
        }
    }
}
