//! Studies that are killed, interrupted and shared: the final table is that of an undisturbed run.

#[allow(dead_code, reason = "shared with other test binaries")]
mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use common::{Said, run, said, widenet, write};

/// Dense trials long enough to be caught between checkpoints, law trials, and the limit.
const STUDY: &str = r#"
[study]
name = "faults"
claim = "nothing is lost"
expected = "the same table"
dense_up_to = 512
[problem.network]
hidden_layers = 3
[problem.parameterization]
kind = "mean_field"
[problem.data]
kind = "teacher"
input_dimension = 6
train_samples = 20
seed = 1
[problem.optimizer]
kind = "momentum"
learning_rate = 0.02
momentum = 0.5
steps = 600
weight_decay = 0.01
[problem.record]
at = { log_spaced = 12 }
[axes]
width = [256, 512, 1e4, 1e8, "inf"]
seed = { count = 2 }
[[metric]]
name = "distance"
quantity = "predictor"
against = "limit"
over = "sup"
[[check]]
name = "rate"
kind = "power_law"
metric = "distance"
x = "width"
exponent = -0.5
tolerance = 0.3
"#;

fn directory(out: &Path) -> PathBuf {
    fs::read_dir(out).expect("readable").next().expect("a run directory").expect("an entry").path()
}

/// The files that must not depend on how a run came about.
fn results(out: &Path) -> Vec<(String, Vec<u8>)> {
    let directory = directory(out);
    ["table.csv", "metrics.csv", "fits.csv", "report.md"]
        .map(|name| (name.to_string(), fs::read(directory.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))))
        .into()
}

struct Setting {
    folder: tempfile::TempDir,
    study: String,
}

impl Setting {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let study = write(folder.path(), "study.toml", STUDY);
        Setting { folder, study }
    }

    fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn spawn(&self, out: &Path, more: &[&str]) -> Child {
        let out = out.to_str().expect("UTF-8");
        widenet(&[&["study", &self.study, "--out", out, "--checkpoint-every", "0.05"], more].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts")
    }

    fn finish(&self, out: &Path) -> Said {
        let said = said(self.spawn(out, &[]).wait_with_output().expect("it ends"));
        assert!([0, 1].contains(&said.code), "{}", said.err);
        said
    }
}

#[test]
fn kill_9_at_random_moments_then_resume_gives_the_same_table() {
    let setting = Setting::new();
    let undisturbed = setting.out("undisturbed");
    let start = Instant::now();
    setting.finish(&undisturbed);
    let whole = start.elapsed();
    // Moments from a fixed sequence, spread over the length of an undisturbed run.
    let killed = setting.out("killed");
    let mut kills = 0;
    for round in 0..12u32 {
        let share = f64::from((round * 7919 + 31) % 97) / 97.0;
        let mut child = setting.spawn(&killed, &[]);
        std::thread::sleep(Duration::from_millis(30) + whole.mul_f64(0.5 * share));
        if child.try_wait().expect("it can be asked").is_none() {
            kills += 1;
        }
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }
    assert!(kills >= 3, "only {kills} of 12 runs were still going when they were killed");
    setting.finish(&killed);
    assert_eq!(results(&killed), results(&undisturbed));
}

#[cfg(unix)]
#[test]
fn sigterm_ends_with_75_and_the_same_command_continues() {
    let setting = Setting::new();
    let undisturbed = setting.out("undisturbed");
    setting.finish(&undisturbed);
    let stopped = setting.out("stopped");
    let (mut interruptions, mut resumed) = (0, false);
    for milliseconds in [60, 120, 200, 300] {
        let child = setting.spawn(&stopped, &[]);
        std::thread::sleep(Duration::from_millis(milliseconds));
        let kill = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(kill.is_ok());
        let said = said(child.wait_with_output().expect("it ends"));
        assert!([0, 1, 75].contains(&said.code), "code {}: {}", said.code, said.err);
        resumed |= said.err.contains("resumed at step");
        if said.code == 75 {
            interruptions += 1;
            assert!(said.err.contains("the same command continues"), "{}", said.err);
        }
    }
    assert!(interruptions > 0, "no run was interrupted in time");
    resumed |= setting.finish(&stopped).err.contains("resumed at step");
    assert!(resumed, "no dense run was continued from a checkpoint");
    assert_eq!(results(&stopped), results(&undisturbed));
}

#[test]
fn shards_share_a_directory_and_the_last_one_reports() {
    let setting = Setting::new();
    let (whole, shared) = (setting.out("whole"), setting.out("shared"));
    setting.finish(&whole);
    let first = said(setting.spawn(&shared, &["--shard", "1/2"]).wait_with_output().expect("it ends"));
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(first.out.contains("5 trials of other shards remain"), "{}", first.out);
    let second = said(setting.spawn(&shared, &["--shard", "2/2"]).wait_with_output().expect("it ends"));
    assert!([0, 1].contains(&second.code), "{}", second.err);
    assert_eq!(results(&shared), results(&whole));
}

#[test]
fn jobs_and_threads_do_not_change_a_number() {
    let setting = Setting::new();
    let (one, many) = (setting.out("one"), setting.out("many"));
    let alone = widenet(&["study", &setting.study, "--out", one.to_str().expect("UTF-8"), "--jobs", "1"])
        .env("RAYON_NUM_THREADS", "1")
        .output();
    assert!([0, 1].contains(&said(alone.expect("it starts")).code));
    let crowd = widenet(&["study", &setting.study, "--out", many.to_str().expect("UTF-8"), "--jobs", "5"])
        .env("RAYON_NUM_THREADS", "3")
        .output();
    assert!([0, 1].contains(&said(crowd.expect("it starts")).code));
    assert_eq!(results(&one), results(&many));
}

#[test]
fn report_makes_the_same_files_again() {
    let setting = Setting::new();
    let out = setting.out("out");
    setting.finish(&out);
    let before = results(&out);
    for (name, _) in &before {
        fs::remove_file(directory(&out).join(name)).expect("removable");
    }
    let said = run(&["report", directory(&out).to_str().expect("UTF-8")]);
    assert!([0, 1].contains(&said.code), "{}", said.err);
    assert_eq!(results(&out), before);
}
