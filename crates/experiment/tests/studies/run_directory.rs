//! A run directory keeps what was done: reuse, interruption, shards, damage, leftovers, other processes.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use widenet_core::{Width, trajectory::Status};
use widenet_experiment::{Error, Outcome, Report, Reporter, RunOptions, Shard, Silent, Trial, report, run};
use widenet_output::temporary_folder;
use widenet_statistics::Verdict;

use crate::fake::{FakeSolver, Log, NEVER, finish, options, results, study};

/// A result that was stored and cannot be read back would be made again and again.
#[test]
fn a_result_that_cannot_be_read_back_is_an_error_and_no_trial_of_another_shard() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let width = study.widths[0];
    let solver = FakeSolver { misshapen: Some(width), ..FakeSolver::default() };
    let error = run(&study, &solver, &options(folder.path()), &NEVER, &Silent).unwrap_err().to_string();
    assert!(error.contains("has not the shape of its quantity") && error.contains("just been stored"), "{error}");
    let good = finish(&study, &FakeSolver::default(), &options(folder.path()), &Silent);
    assert!(good.all_confirmed());
}

#[test]
fn a_second_run_reuses_everything() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let first = finish(&study, &solver, &options(folder.path()), &Silent);
    let before = (results(&first.directory), solver.steps.load(Ordering::SeqCst));
    let log = Log::default();
    let second = finish(&study, &solver, &options(folder.path()), &log);
    assert_eq!(second.directory, first.directory);
    assert_eq!(log.reused.load(Ordering::SeqCst), 50);
    assert!((results(&second.directory), solver.steps.load(Ordering::SeqCst)) == before);
}

/// With minibatches limits have seeds too: every trial has a result of its own.
const OF_EVERY_SEED: (&str, &str) = ("kind = \"gd\"", "kind = \"sgd\"\nbatch_size = 1");

/// Raises the stop flag after some steps.
struct Stopper<'a> {
    stop: &'a AtomicBool,
    solver: &'a FakeSolver,
    after: u64,
}

impl Reporter for Stopper<'_> {
    fn progress(&self, _: &Trial, _: f64) {
        if self.solver.steps.load(Ordering::SeqCst) >= self.after {
            self.stop.store(true, Ordering::SeqCst);
        }
    }
}

#[test]
fn an_interrupted_run_continues_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[OF_EVERY_SEED]);
    let undisturbed = FakeSolver::default();
    let expected = finish(&study, &undisturbed, &options(&folder.path().join("a")), &Silent);

    let solver = FakeSolver::default();
    let resumed = options(&folder.path().join("b"));
    for after in [5, 33, 400] {
        let stop = AtomicBool::new(false);
        let stopper = Stopper { stop: &stop, solver: &solver, after };
        match run(&study, &solver, &resumed, &stop, &stopper).unwrap() {
            Outcome::Interrupted { remaining, partial, directory } => {
                assert!(remaining > 0);
                // Who is stopped solves no limit; a report that needs one is made when it is asked for.
                let asked = || report(&directory, &FakeSolver::default(), &NEVER);
                match partial.map_or_else(asked, |partial| Ok(Some(partial))) {
                    Ok(partial) => {
                        let said = format!("{} of 50 trials are done", 50 - remaining);
                        assert_partial(&directory, &partial.expect("nobody stops it"), &said);
                    }
                    Err(error) => assert!(remaining == 50, "{error}"),
                }
            }
            other => panic!("{other:?}"),
        }
    }
    let found = finish(&study, &solver, &RunOptions { jobs: 3, ..resumed }, &Silent);
    let (expected_steps, steps) = (undisturbed.steps.load(Ordering::SeqCst), solver.steps.load(Ordering::SeqCst));
    assert_eq!(steps, expected_steps, "no step is run twice");
    assert!(results(&found.directory) == results(&expected.directory));
}

/// Everything that a partial report leaves says that it is partial, and decides nothing.
fn assert_partial(directory: &Path, found: &Report, said: &str) {
    assert_eq!(found.partial.as_deref(), Some(said));
    assert!(
        found.findings.iter().all(|finding| finding.verdict == Verdict::Inconclusive && finding.reason.contains(said))
    );
    for file in ["report.md", "figures/convergence.svg"] {
        let text = fs::read_to_string(directory.join(file)).unwrap();
        assert!(text.contains(said), "{file}: {text}");
    }
    let pending: usize =
        said.split(' ').next().and_then(|done| done.parse().ok()).map(|done: usize| 50 - done).unwrap();
    for file in ["table.csv", "metrics.csv"] {
        let table = fs::read_to_string(directory.join(file)).unwrap();
        assert_eq!(table.lines().filter(|line| line.contains(",pending,")).count(), pending, "{file}: {table}");
    }
}

#[test]
fn shards_share_a_directory_and_the_last_one_reports() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[OF_EVERY_SEED]);
    let solver = FakeSolver::default();
    let whole = finish(&study, &solver, &options(&folder.path().join("a")), &Silent);
    let shard = |text: &str| RunOptions { shard: text.parse().unwrap(), ..options(&folder.path().join("b")) };
    match run(&study, &solver, &shard("2/3"), &NEVER, &Silent).unwrap() {
        Outcome::ShardFinished { remaining, directory } => {
            assert_eq!(remaining, 33);
            let partial = report(&directory, &solver, &NEVER).unwrap().expect("nobody stops it");
            assert_partial(&directory, &partial, "17 of 50 trials are done");
        }
        other => panic!("{other:?}"),
    }
    let log = Log::default();
    assert!(matches!(run(&study, &solver, &shard("1/3"), &NEVER, &log), Ok(Outcome::ShardFinished { .. })));
    let told = [&log.begun, &log.ran, &log.reused].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(told, [17, 17, 0], "a shard is about its own trials");
    let found = finish(&study, &solver, &shard("3/3"), &Silent);
    assert!(results(&found.directory) == results(&whole.directory));
    for text in ["0/3", "4/3", "1", "a/b", "1/0"] {
        assert!(text.parse::<Shard>().unwrap_err().to_string().contains(text));
    }
}

#[test]
fn damaged_trials_are_run_again_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let first = finish(&study, &solver, &options(folder.path()), &Silent);
    let before = results(&first.directory);
    let mut trials: Vec<_> =
        fs::read_dir(first.directory.join("trials")).unwrap().map(|entry| entry.unwrap().path()).collect();
    trials.sort();
    let trajectory = trials[0].join("trajectory.json");
    let half = fs::read(&trajectory).unwrap();
    fs::write(&trajectory, &half[..half.len() / 2]).unwrap();
    fs::write(trials[1].join("status.json"), "{").unwrap();
    fs::remove_file(trials[2].join("trajectory.json")).unwrap();
    fs::copy(trials[4].join("status.json"), trials[3].join("status.json")).unwrap();
    fs::remove_dir_all(&trials[5]).unwrap();
    fs::remove_file(trials[6].join("status.json")).unwrap();
    fs::write(trials[6].join("checkpoint.safetensors"), "rubbish").unwrap();
    for (trial, from, to) in [(7, "the fake's", "another"), (8, "\"step\": null", "\"step\": 3")] {
        let status = trials[trial].join("status.json");
        let text = fs::read_to_string(&status).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&status, text.replace(from, to)).unwrap();
    }
    let log = Log::default();
    let second = finish(&study, &solver, &options(folder.path()), &log);
    assert_eq!(log.ran.load(Ordering::SeqCst), 8);
    let notes = log.notes.lock().unwrap().join("\n");
    for part in [
        "is not the one",
        "status.json is damaged",
        "its own hash",
        "cannot read trajectory.json",
        "another trial",
        "anew",
    ] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
    assert!(results(&second.directory) == before);
}

#[test]
fn the_report_needs_only_the_run_directory() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let first = finish(&study, &solver, &options(folder.path()), &Silent);
    let before = results(&first.directory);
    fs::remove_file(folder.path().join("fake.toml")).unwrap();
    for name in ["report.md", "table.csv", "figures/convergence.svg"] {
        fs::remove_file(first.directory.join(name)).unwrap();
    }
    let moved = folder.path().join("moved");
    fs::rename(&first.directory, &moved).unwrap();
    let again = report(&moved, &solver, &NEVER).unwrap().unwrap();
    assert_eq!(again.findings, first.findings);
    assert!(results(&moved) == before);
}

#[test]
fn foreign_and_damaged_directories_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let directory = finish(&study, &solver, &options(folder.path()), &Silent).directory;
    let error =
        |solver: &FakeSolver| run(&study, solver, &options(folder.path()), &NEVER, &Silent).unwrap_err().to_string();
    let manifest = directory.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();

    fs::write(&manifest, &text[..20]).unwrap();
    assert!(error(&solver).contains("manifest.json is damaged"));
    fs::write(&manifest, text.replace("\"trials\": 50", "\"trials\": 51")).unwrap();
    assert!(error(&solver).contains("belongs to study `fake`"));
    fs::write(&manifest, &text).unwrap();
    fs::write(directory.join("resolved.toml"), study.resolved().replace("0.1", "0.2")).unwrap();
    assert!(report(&directory, &solver, &NEVER).unwrap_err().to_string().contains("have changed since the run"));
    assert!(report(folder.path(), &solver, &NEVER).unwrap_err().to_string().contains("not a run directory"));
}

#[test]
fn a_run_directory_survives_a_move_of_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let csv = [(
        "kind = \"inline\"\ninputs = [[1, 0], [0, 1]]\ntargets = [[1], [2]]",
        "kind = \"csv\"\ntrain = \"small.csv\"\ninputs = 2\ntargets = [\"y\"]",
    )];
    fs::create_dir(&old).unwrap();
    fs::write(old.join("small.csv"), "a,b,y\n1,0,1\n0,1,2\n").unwrap();
    let solver = FakeSolver::default();
    let out = options(&folder.path().join("out"));
    let directory = finish(&study(&old, &csv), &solver, &out, &Silent).directory;
    fs::rename(&old, &new).unwrap();
    let error = report(&directory, &solver, &NEVER).unwrap_err().to_string();
    for part in [old.to_str().unwrap(), "small.csv", "run the study file where it is now", "out"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let steps = solver.steps.load(Ordering::SeqCst);
    assert_eq!(finish(&study(&new, &csv), &solver, &out, &Silent).directory, directory);
    report(&directory, &solver, &NEVER).unwrap().unwrap();
    assert_eq!(solver.steps.load(Ordering::SeqCst), steps, "nothing ran again");
}

#[test]
fn processes_in_one_directory_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let expected = finish(&study, &FakeSolver::default(), &options(&folder.path().join("a")), &Silent);
    // The same shard twice and two shards at once: nobody fails, and the files are those of one process.
    let shared = folder.path().join("b");
    std::thread::scope(|scope| {
        for shard in ["1/1", "1/1", "1/2", "2/2"] {
            let (study, shared) = (&study, &shared);
            scope.spawn(move || {
                let options = RunOptions { shard: shard.parse().unwrap(), ..options(shared) };
                run(study, &FakeSolver::default(), &options, &NEVER, &Silent).unwrap();
            });
        }
    });
    let name = expected.directory.file_name().unwrap();
    assert!(results(&shared.join(name)) == results(&expected.directory));
}

#[test]
fn what_is_done_is_not_planned_again() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let first = finish(&study, &FakeSolver::default(), &options(folder.path()), &Silent);
    let small = FakeSolver { refused: Some(Width::Finite(64)), ..FakeSolver::default() };
    assert_eq!(finish(&study, &small, &options(folder.path()), &Silent), first);
}

#[test]
fn the_engines_of_a_report_are_those_that_ran() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let directory = finish(&study, &FakeSolver::default(), &options(folder.path()), &Silent).directory;
    fs::write(directory.join("plan.csv"), "garbage").unwrap();
    let again = report(&directory, &FakeSolver::default(), &NEVER).unwrap().unwrap();
    let text = fs::read_to_string(again.path).unwrap();
    assert!(text.contains("| dense | 10 | the fake's dense engine |"), "{text}");
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("file");
    fs::write(&out, "").unwrap();
    let error = run(&study(folder.path(), &[]), &FakeSolver::default(), &options(&out), &NEVER, &Silent).unwrap_err();
    assert!(matches!(&error, Error::File(file) if file.path.starts_with(&out)), "{error}");
}

/// Takes a result away as soon as it is told.
struct Thief<'a>(&'a Path);

impl Reporter for Thief<'_> {
    fn finished(&self, trial: &Trial, _: &Status, reused: bool) {
        assert!(reused);
        let stolen = self.0.join("trials").join(trial.directory_name()).join("trajectory.json");
        if stolen.exists() {
            fs::remove_file(stolen).unwrap();
        }
    }
}

#[test]
fn every_result_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let first = finish(&study, &solver, &options(folder.path()), &Silent);
    let before = fs::read(&first.path).unwrap();
    assert_eq!(finish(&study, &solver, &options(folder.path()), &Thief(&first.directory)), first);
    assert_eq!(fs::read(&first.path).unwrap(), before);
}

/// What a killed process left goes at the next start, however young it is; what a living one is writing stays.
#[cfg(target_os = "linux")]
#[test]
fn leftovers_of_killed_processes_go() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let directory = finish(&study, &solver, &options(folder.path()), &Silent).directory;
    let trial = fs::read_dir(directory.join("trials")).unwrap().next().unwrap().unwrap().path();
    let (mut living, mut left) = (Vec::new(), Vec::new());
    for place in [&directory, &directory.join("figures"), &trial] {
        let own = temporary_folder(&place.join("table.csv")).unwrap();
        let name = own.path().file_name().unwrap().to_str().unwrap().to_owned();
        // No process has so large a number.
        let dead = place.join(name.replace(&format!(".{}.", std::process::id()), ".4294967295."));
        assert_ne!(dead, own.path());
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(".tmpAbCdEf"), "half").unwrap();
        let file = place.join(name.replace(&format!(".{}.", std::process::id()), ".4294967294."));
        fs::write(&file, "half").unwrap();
        left.extend([dead, file]);
        living.push(own);
    }
    finish(&study, &solver, &options(folder.path()), &Silent);
    assert!(left.iter().all(|path| !path.exists()), "{left:?}");
    assert!(living.iter().all(|own| own.path().exists()));
}

#[cfg(unix)]
#[test]
fn a_finished_run_is_collected_without_writing() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let directory = finish(&study, &solver, &options(folder.path()), &Silent).directory;
    let files = || {
        let mut files: Vec<_> = [directory.clone(), directory.join("figures")]
            .iter()
            .flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
            .map(|path| (fs::metadata(&path).unwrap().ino(), path))
            .collect();
        files.sort();
        files
    };
    let before = files();
    finish(&study, &solver, &options(folder.path()), &Silent);
    report(&directory, &solver, &NEVER).unwrap().unwrap();
    assert_eq!(files(), before);
}

#[test]
fn a_status_that_cannot_be_read_is_not_a_trial_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &[]);
    let solver = FakeSolver::default();
    let directory = finish(&study, &solver, &options(folder.path()), &Silent).directory;
    let trial = fs::read_dir(directory.join("trials")).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(trial.join("status.json")).unwrap();
    fs::create_dir(trial.join("status.json")).unwrap();
    let steps = solver.steps.load(Ordering::SeqCst);
    let error = run(&study, &solver, &options(folder.path()), &NEVER, &Silent).unwrap_err().to_string();
    assert!(error.starts_with("cannot read") && error.contains("status.json"), "{error}");
    assert_eq!(solver.steps.load(Ordering::SeqCst), steps);
}

#[cfg(unix)]
#[test]
fn a_folder_whose_name_json_cannot_hold_is_refused_before_anything_runs() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let folder = tempfile::tempdir().unwrap();
    let strange = folder.path().join(OsStr::from_bytes(b"dir\xff"));
    fs::create_dir(&strange).unwrap();
    let solver = FakeSolver::default();
    let out = folder.path().join("out");
    let error = run(&study(&strange, &[]), &solver, &options(&out), &NEVER, &Silent).unwrap_err().to_string();
    assert!(error.contains("not UTF-8") && !out.exists(), "{error}");
    assert_eq!(solver.steps.load(Ordering::SeqCst), 0);
}

/// What a result depends on is the version of its engine's results, not that of the program; every build that has worked is in the manifest.
#[test]
fn another_build_reuses_results_and_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let (study, log) = (study(folder.path(), &[]), Log::default());
    let found = finish(&study, &FakeSolver::default(), &options(folder.path()), &Silent);
    let read = |name: &str| fs::read_to_string(found.directory.join(name)).unwrap();
    assert!(read("trials/0000-1-m64-s1/trial.toml").contains("results = \"dense 2\""));
    assert!(read("trials/0020-1-minf-s1/trial.toml").contains("results = \"limit 2\""));
    let manifest = read("manifest.json");
    assert!(manifest.contains("\"commit\": \"") && manifest.contains("\"target\": \""), "{manifest}");
    let other = manifest.replace("\"version\": \"", "\"version\": \"0.0.");
    fs::write(found.directory.join("manifest.json"), other).unwrap();
    finish(&study, &FakeSolver::default(), &options(folder.path()), &log);
    assert_eq!(log.ran.load(Ordering::SeqCst), 0);
    assert_eq!(read("manifest.json").matches("\"version\"").count(), 2);
}
