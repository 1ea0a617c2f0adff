//! Progress goes to standard error: as bars on a terminal, as plain lines elsewhere.

use std::{
    io::{IsTerminal, Write},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use widenet_core::{humanized, trajectory::Status};
use widenet_experiment::{Reporter, Trial, TrialPlan};
use widenet_output::escape::lines;

use crate::say::{is_news, line};

const RESOLUTION: u64 = 1000;

/// A bar for one solution, shown only if it takes longer than a second; without a terminal a line every half minute.
pub(crate) struct Single {
    bar: ProgressBar,
    label: String,
    since: Instant,
    lines: Option<PlainLines>,
}

/// Lines about one solution where no bar can move.
struct PlainLines {
    every: Duration,
    /// When the last line was written; at first, the start.
    last: Mutex<Instant>,
}

/// Between lines about one solution.
const SINGLE_INTERVAL: Duration = Duration::from_secs(30);

impl PlainLines {
    fn new(every: Duration) -> PlainLines {
        PlainLines { every, last: Mutex::new(Instant::now()) }
    }

    /// The share that is done and, where it is known how long that took, the time that is left at this rate; nothing if the last line is not old
    /// enough.
    fn due(&self, fraction: f64, elapsed: Option<Duration>) -> Option<String> {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.elapsed() < self.every {
            return None;
        }
        *last = Instant::now();
        let left =
            elapsed.map(|elapsed| elapsed.as_secs_f64() * (1.0 / fraction - 1.0)).filter(|left| left.is_finite());
        let left = left.map_or_else(String::new, |left| format!(", about {} left", humanized::seconds(left)));
        Some(format!("{:.0} %{left}", 100.0 * fraction))
    }
}

/// Progress of one solution.
pub(crate) fn single(label: &str) -> Single {
    let terminal = std::io::stderr().is_terminal();
    let bar = if terminal { ProgressBar::new(RESOLUTION) } else { ProgressBar::hidden() };
    bar.set_style(style("{msg}  {wide_bar} {percent:>3} %  {eta}"));
    bar.set_message(label.to_string());
    let lines = (!terminal).then(|| PlainLines::new(SINGLE_INTERVAL));
    Single { bar, label: label.to_owned(), since: Instant::now(), lines }
}

impl Single {
    /// Shows a share in [0, 1].
    pub(crate) fn update(&self, fraction: f64) {
        if self.since.elapsed() > Duration::from_secs(1) {
            self.bar.set_position((fraction * RESOLUTION as f64) as u64);
        }
        if let Some(said) = self.lines.as_ref().and_then(|lines| lines.due(fraction, Some(self.since.elapsed()))) {
            line(&format!("{}: {said}", self.label));
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Follows a study: one bar over its trials, or a line every few seconds.
pub(crate) struct StudyProgress {
    bar: ProgressBar,
    /// Trials that the run is about.
    total: AtomicUsize,
    lines: Option<Mutex<Lines>>,
    /// About trials that take long.
    running: PlainLines,
}

struct Lines {
    finished: usize,
    reused: usize,
    last: Instant,
}

/// Seconds between plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

impl StudyProgress {
    pub(crate) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        bar.set_style(style("{wide_bar} {pos}/{len} trials  {eta}  {msg}"));
        let lines = Lines { finished: 0, reused: 0, last: Instant::now() };
        let running = PlainLines::new(SINGLE_INTERVAL);
        Self { bar, total: AtomicUsize::new(0), lines: (!terminal).then(|| Mutex::new(lines)), running }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, message: &str) {
        let message = lines(message);
        if self.lines.is_some() {
            let _ = writeln!(std::io::stderr(), "{message}");
        } else {
            self.bar.suspend(|| {
                let _ = writeln!(std::io::stderr(), "{message}");
            });
        }
    }
}

impl Reporter for StudyProgress {
    fn begins(&self, trials: usize) {
        self.bar.set_length(trials as u64);
        self.total.store(trials, Ordering::Relaxed);
    }

    fn started(&self, trial: &Trial, plan: &TrialPlan) {
        self.bar.set_message(format!("{} ({})", trial.label, plan.runner));
    }

    fn progress(&self, trial: &Trial, fraction: f64) {
        if fraction > 0.0 {
            self.bar.set_message(format!("{} {:.0} %", trial.label, 100.0 * fraction));
        }
        // Any one of the trials that run side by side; when it began is not known here.
        if self.lines.is_some()
            && let Some(said) = self.running.due(fraction, None)
        {
            self.line(&format!("trial {}: {said}", trial.label));
        }
    }

    fn finished(&self, trial: &Trial, status: &Status, reused: bool) {
        self.bar.inc(1);
        if let Status::Diverged { step, .. } = status
            && !reused
        {
            self.line(&format!("{}: diverged at step {step}", trial.label));
        }
        let Some(told) = &self.lines else { return };
        let mut told = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        told.finished += 1;
        told.reused += usize::from(reused);
        let total = self.total.load(Ordering::Relaxed);
        if told.last.elapsed() > LINE_INTERVAL || told.finished == total {
            told.last = Instant::now();
            let message = format!("{}/{total} trials done ({} from before)", told.finished, told.reused);
            self.line(&message);
        }
    }

    fn note(&self, message: &str) {
        if is_news(message) {
            self.line(&format!("note: {message}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_at_intervals_and_say_what_is_left() {
        let elapsed = Some(Duration::from_secs(30));
        let always = PlainLines::new(Duration::ZERO);
        assert_eq!(always.due(0.25, elapsed).as_deref(), Some("25 %, about 90.0 s left"));
        assert_eq!(always.due(0.25, None).as_deref(), Some("25 %"));
        assert_eq!(always.due(0.0, elapsed).as_deref(), Some("0 %"), "no rate yet");
        let seldom = PlainLines::new(Duration::from_secs(1000));
        assert_eq!(seldom.due(0.25, elapsed), None);
    }
}
