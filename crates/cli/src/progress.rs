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
use widenet_core::trajectory::Status;
use widenet_experiment::{Reporter, Trial, TrialPlan};
use widenet_output::escape::lines;

use crate::say::is_news;

const RESOLUTION: u64 = 1000;

/// A bar for one solution, shown only if it takes longer than a second.
pub(crate) struct Single {
    bar: ProgressBar,
    since: Instant,
}

/// Progress of one solution.
pub(crate) fn single(label: &str) -> Single {
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(RESOLUTION) } else { ProgressBar::hidden() };
    bar.set_style(style("{msg}  {wide_bar} {percent:>3} %  {eta}"));
    bar.set_message(label.to_string());
    Single { bar, since: Instant::now() }
}

impl Single {
    /// Shows a share in [0, 1].
    pub(crate) fn update(&self, fraction: f64) {
        if self.since.elapsed() > Duration::from_secs(1) {
            self.bar.set_position((fraction * RESOLUTION as f64) as u64);
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
        Self { bar, total: AtomicUsize::new(0), lines: (!terminal).then(|| Mutex::new(lines)) }
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
