//! Studies that are killed, interrupted and shared: the final table is that of an undisturbed run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use crate::common::{Said, run, said, widenet, write};

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
pub(crate) fn results(out: &Path) -> Vec<(String, Vec<u8>)> {
    let directory = directory(out);
    ["table.csv", "metrics.csv", "fits.csv", "report.md"]
        .map(|name| (name.to_string(), fs::read(directory.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))))
        .into()
}

/// A study with a folder for its runs.
pub(crate) struct Setting {
    folder: tempfile::TempDir,
    study: String,
    /// Seconds between checkpoints.
    checkpoint_every: &'static str,
}

impl Setting {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let study = write(folder.path(), "study.toml", STUDY);
        Setting { folder, study, checkpoint_every: "0.05" }
    }

    /// A study of a third of a second, in memory where that is possible: for many runs.
    #[cfg(unix)]
    pub(crate) fn small() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder");
        let study = STUDY
            .replace("[256, 512, 1e4, 1e8, \"inf\"]", "[192, 256, 1e4, \"inf\"]")
            .replace("steps = 600", "steps = 150")
            .replace("count = 2", "count = 1");
        let study = write(folder.path(), "study.toml", &study);
        Setting { folder, study, checkpoint_every: "0.01" }
    }

    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn spawn(&self, out: &Path, more: &[&str]) -> Child {
        Self::piped(&mut widenet(&[&self.arguments(out)[..], more].concat()))
    }

    /// The same where no file may be larger than so many times 512 bytes.
    #[cfg(unix)]
    pub(crate) fn spawn_limited(&self, out: &Path, blocks: u64) -> Child {
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &limited, env!("CARGO_BIN_EXE_widenet")]).args(self.arguments(out));
        Self::piped(command.current_dir(crate::common::root()))
    }

    fn arguments<'a>(&'a self, out: &'a Path) -> [&'a str; 6] {
        ["study", &self.study, "--out", out.to_str().expect("UTF-8"), "--checkpoint-every", self.checkpoint_every]
    }

    fn piped(command: &mut std::process::Command) -> Child {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    /// Runs to the end.
    pub(crate) fn finish(&self, out: &Path) -> Said {
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
    let (mut kills, mut resumed) = (0, 0);
    for sequence in 0..6u32 {
        let killed = setting.out(&format!("killed-{sequence}"));
        // Two moments from a fixed sequence, spread over the length of an undisturbed run and of what is left of it.
        let share = f64::from((sequence * 7919 + 31) % 97) / 97.0;
        for moment in [share, share * (1.0 - share)] {
            let mut child = setting.spawn(&killed, &[]);
            std::thread::sleep(Duration::from_millis(30) + whole.mul_f64(moment));
            kills += u32::from(child.try_wait().expect("it can be asked").is_none());
            child.kill().expect("it can be killed");
            let said = said(child.wait_with_output().expect("it ends"));
            resumed += said.err.matches("resumed at step").count();
        }
        resumed += setting.finish(&killed).err.matches("resumed at step").count();
        assert_eq!(results(&killed), results(&undisturbed));
    }
    assert!(kills >= 3, "only {kills} of 12 runs were still going when they were killed");
    assert!(resumed > 0, "no dense trial was continued from a checkpoint of a killed run");
}

/// Some trial has a checkpoint.
#[cfg(unix)]
fn has_checkpoint(out: &Path) -> bool {
    let Some(Ok(directory)) = fs::read_dir(out).ok().and_then(|mut entries| entries.next()) else { return false };
    let Ok(trials) = fs::read_dir(directory.path().join("trials")) else { return false };
    trials.flatten().any(|trial| trial.path().join("checkpoint.safetensors").exists())
}

#[cfg(unix)]
#[test]
fn sigterm_ends_with_75_and_the_same_command_continues() {
    let setting = Setting::new();
    let undisturbed = setting.out("undisturbed");
    setting.finish(&undisturbed);
    let (mut interrupted, mut resumed) = (0, 0);
    // A dense trial may end between its checkpoint and the signal: one of a few attempts meets it in the middle.
    for attempt in 0..8 {
        let stopped = setting.out(&format!("stopped-{attempt}"));
        let mut child = setting.spawn(&stopped, &[]);
        while !has_checkpoint(&stopped) && child.try_wait().expect("it can be asked").is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        let kill = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(kill.is_ok());
        let first = said(child.wait_with_output().expect("it ends"));
        assert!([0, 1, 75].contains(&first.code), "code {}: {}", first.code, first.err);
        if first.code == 75 {
            interrupted += 1;
            assert!(first.err.contains("the same command continues"), "{}", first.err);
        }
        resumed += usize::from(setting.finish(&stopped).err.contains("resumed at step"));
        assert_eq!(results(&stopped), results(&undisturbed));
        if interrupted > 0 && resumed > 0 {
            return;
        }
    }
    panic!("{interrupted} runs were interrupted and {resumed} continued from a checkpoint");
}

#[test]
fn shards_share_a_directory_and_the_last_one_reports() {
    let setting = Setting::new();
    let (whole, shared) = (setting.out("whole"), setting.out("shared"));
    setting.finish(&whole);
    let first = said(setting.spawn(&shared, &["--shard", "1/2"]).wait_with_output().expect("it ends"));
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(first.out.contains("4 trials of other shards or processes remain"), "{}", first.out);
    let second = said(setting.spawn(&shared, &["--shard", "2/2"]).wait_with_output().expect("it ends"));
    assert!([0, 1].contains(&second.code), "{}", second.err);
    assert_eq!(results(&shared), results(&whole));
}

#[test]
fn processes_at_once_in_one_directory_do_not_disturb_each_other() {
    let setting = Setting::new();
    let (alone, shared) = (setting.out("alone"), setting.out("shared"));
    setting.finish(&alone);
    let children = ["1/1", "1/1", "1/2", "2/2"].map(|shard| setting.spawn(&shared, &["--shard", shard]));
    for child in children {
        let said = said(child.wait_with_output().expect("it ends"));
        assert!([0, 1].contains(&said.code), "{}", said.err);
    }
    assert_eq!(results(&shared), results(&alone));
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
