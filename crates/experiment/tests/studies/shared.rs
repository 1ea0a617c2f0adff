//! Several processes in one run directory, on machines that cannot see each other: a trial has one runner, and what the dead leave is taken over.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use widenet_experiment::{Outcome, Reporter, RunOptions, Silent, Study, Trial, TrialPlan, run};
use widenet_output::Lessee;

use crate::fake::{FakeSolver, Log, NEVER, finish, options, results, study};

/// With minibatches limits have seeds too: every trial has a result of its own.
const OF_EVERY_SEED: (&str, &str) = ("kind = \"gd\"", "kind = \"sgd\"\nbatch_size = 1");

const BEAT: Duration = Duration::from_millis(20);

/// What the lease of a process of another machine says.
fn lease_of_another(beat: u64) -> String {
    let mut holder = serde_json::to_value(Lessee::new(None, BEAT).holder()).unwrap();
    holder["owner"] = json!({ "host": "another-1", "process": 7, "start": 9 });
    holder["beat"] = Value::from(beat);
    holder.to_string()
}

/// The study, a run of it that nobody disturbs, and options and trial folder for another run of it.
struct Setting {
    folder: tempfile::TempDir,
    study: Study,
    expected: PathBuf,
}

impl Setting {
    fn new() -> Setting {
        let folder = tempfile::tempdir().unwrap();
        let study = study(folder.path(), &[OF_EVERY_SEED]);
        let solver = FakeSolver::default();
        let expected = finish(&study, &solver, &options(&folder.path().join("alone")), &Silent).directory;
        Setting { folder, study, expected }
    }

    fn options(&self) -> RunOptions {
        RunOptions { beat_every: BEAT, ..options(&self.folder.path().join("shared")) }
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("shared").join(self.expected.file_name().unwrap())
    }

    /// The folder of the first trial.
    fn trial(&self) -> PathBuf {
        let mut trials: Vec<_> =
            fs::read_dir(self.expected.join("trials")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        trials.sort();
        let trial = self.directory().join("trials").join(&trials[0]);
        fs::create_dir_all(&trial).unwrap();
        trial
    }

    fn is_as_expected(&self) -> bool {
        results(&self.directory()) == results(&self.expected)
    }
}

#[test]
fn no_trial_is_run_by_two() {
    let setting = Setting::new();
    let alone = FakeSolver::default();
    finish(&setting.study, &alone, &options(&setting.folder.path().join("again")), &Silent);
    let together = FakeSolver::default();
    thread::scope(|scope| {
        for shard in ["1/1", "1/1", "1/2", "2/2"] {
            let (setting, together) = (&setting, &together);
            scope.spawn(move || {
                let options = RunOptions { shard: shard.parse().unwrap(), ..setting.options() };
                run(&setting.study, together, &options, &NEVER, &Silent).unwrap();
            });
        }
    });
    let steps = |solver: &FakeSolver| solver.steps.load(Ordering::SeqCst);
    assert_eq!(steps(&together), steps(&alone));
    assert!(setting.is_as_expected());
}

#[test]
fn the_trial_of_a_silent_machine_is_taken_over() {
    let setting = Setting::new();
    fs::write(setting.trial().join("lease-1.json"), lease_of_another(3)).unwrap();
    let log = Log::default();
    finish(&setting.study, &FakeSolver::default(), &setting.options(), &log);
    assert!(log.notes.lock().unwrap().iter().any(|note| note.contains("waiting to see")));
    assert!(setting.is_as_expected(), "no lease stays");
}

#[test]
fn the_trial_of_a_machine_that_works_is_left_to_it() {
    let setting = Setting::new();
    let lease = setting.trial().join("lease-1.json");
    fs::write(&lease, lease_of_another(0)).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for beat in 1.. {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                fs::write(&lease, lease_of_another(beat)).unwrap();
                thread::sleep(BEAT);
            }
        });
        let outcome = run(&setting.study, &FakeSolver::default(), &setting.options(), &NEVER, &Silent);
        is_over.store(true, Ordering::SeqCst);
        assert!(matches!(outcome, Ok(Outcome::ShardFinished { remaining: 1, .. })), "{outcome:?}");
    });
    assert!(lease.exists() && !lease.with_file_name("status.json").exists());
    finish(&setting.study, &FakeSolver::default(), &setting.options(), &Silent);
    assert!(setting.is_as_expected());
}

/// Writes the lease of another machine as soon as its trial begins.
struct Thief<'a> {
    trial: &'a Path,
    lease: String,
}

impl Reporter for Thief<'_> {
    fn started(&self, trial: &Trial, _: &TrialPlan) {
        if self.trial.ends_with(trial.directory_name()) {
            fs::write(self.trial.join("lease-2.json"), &self.lease).unwrap();
        }
    }
}

#[test]
fn who_was_taken_for_dead_writes_no_result() {
    let setting = Setting::new();
    let trial = setting.trial();
    let thief = Thief { trial: &trial, lease: lease_of_another(0) };
    let outcome = run(&setting.study, &FakeSolver::default(), &setting.options(), &NEVER, &thief);
    assert!(matches!(outcome, Ok(Outcome::ShardFinished { remaining: 1, .. })), "{outcome:?}");
    assert!(!trial.join("status.json").exists() && !trial.join("trajectory.json").exists());
    let found = fs::read_to_string(trial.join("lease-2.json")).unwrap();
    assert_eq!(found, thief.lease, "what the other has written stays");
}

#[test]
fn a_trial_that_fails_says_so_until_it_is_run_again() {
    let setting = Setting::new();
    let width = setting.study.widths[0];
    let failing = FakeSolver { failing: Some(width), ..FakeSolver::default() };
    let error = run(&setting.study, &failing, &setting.options(), &NEVER, &Silent).unwrap_err().to_string();
    let failed = setting.trial().join("failed.json");
    assert!(fs::read_to_string(&failed).unwrap().contains("the device is gone"), "{error}");
    finish(&setting.study, &FakeSolver::default(), &setting.options(), &Silent);
    assert!(!failed.exists() && setting.is_as_expected());
}
