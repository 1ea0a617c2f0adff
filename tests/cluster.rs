//! Studies on clusters, without one: a `sbatch` and a `squeue` of the test stand for Slurm, and job scripts are run by hand.
//! `tests/slurm/run` does the same on a real Slurm.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::common::{Said, root, said, widenet, write};

/// Trials in law, of which each takes an instant.
const STUDY: &str = r#"
[study]
name = "cluster"
claim = "it is the same everywhere"
expected = "the same"
engine = "law"
[problem.network]
hidden_layers = 2
[problem.parameterization]
kind = "mean_field"
[problem.data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0]]
targets = [[1.0], [-1.0]]
[problem.optimizer]
kind = "gd"
learning_rate = 0.1
steps = 10
[axes]
width = [64, 1000]
seed = { count = 5 }
[[metric]]
name = "loss"
quantity = "train_loss"
over = "final"
[[check]]
name = "small"
kind = "below"
metric = "loss"
value = 100
"#;

/// A folder with a study, and programs that stand for those of Slurm. Jobs that were handed over are lines of `handed-over`, what squeue says is
/// in `queue`.
struct Cluster {
    folder: tempfile::TempDir,
    study: String,
}

impl Cluster {
    fn new() -> Cluster {
        Cluster::with(STUDY)
    }

    fn with(study: &str) -> Cluster {
        let folder = tempfile::tempdir().expect("a folder");
        let study = write(folder.path(), "study.toml", study);
        let cluster = Cluster { folder, study };
        fs::create_dir(cluster.path("bin")).expect("writable");
        // The number of the job is that of its line.
        cluster.program(
            "sbatch",
            r#"printf '%s\n' "$*" >>"$CLUSTER/handed-over"; wc -l <"$CLUSTER/handed-over" | tr -d ' '"#,
        );
        cluster.program("squeue", r#"cat "$CLUSTER/queue""#);
        write(cluster.folder.path(), "queue", "");
        cluster
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it may be run");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = widenet(arguments);
        command.env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display())).env("CLUSTER", self.folder.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().expect("the program starts"))
    }

    fn submit(&self, more: &[&str]) -> Said {
        let out = self.path("out");
        self.run(&[&["submit", &self.study, "--out", out.to_str().expect("UTF-8")], more].concat())
    }

    fn directory(&self) -> PathBuf {
        entry(&self.path("out"))
    }

    fn handed_over(&self) -> Vec<String> {
        let lines = fs::read_to_string(self.path("handed-over")).unwrap_or_default();
        lines.lines().map(str::to_owned).collect()
    }

    /// Runs a task of a job script, as Slurm would.
    fn task(&self, script: &Path, task: usize) -> Said {
        let mut command = Command::new("bash");
        command.arg(script).env("SLURM_ARRAY_TASK_ID", task.to_string()).env("SLURM_ARRAY_JOB_ID", "1");
        said(command.env("SLURM_JOB_ID", "1").env("HOME", "").output().expect("bash starts"))
    }

    fn status(&self) -> Value {
        let said = self.run(&["status", self.directory().to_str().expect("UTF-8"), "--json"]);
        assert_eq!(said.code, 0, "{}", said.err);
        serde_json::from_str(&said.out).expect("JSON")
    }
}

fn entry(folder: &Path) -> PathBuf {
    fs::read_dir(folder).expect("readable").next().expect("an entry").expect("an entry").path()
}

#[track_caller]
fn done(said: &Said) {
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}

#[track_caller]
fn refused(said: &Said, parts: &[&str]) {
    assert_eq!(said.code, 2, "{}{}", said.out, said.err);
    parts.iter().for_each(|part| assert!(said.err.contains(part), "{part}: {}", said.err));
}

/// Handed over, run by hand, submitted again: only what is missing is asked for, and the table is that of one process.
#[test]
fn a_study_is_submitted_until_nothing_is_missing() {
    let cluster = Cluster::new();
    let shown = cluster.submit(&["--tasks", "3"]);
    done(&shown);
    assert!(shown.out.contains("10 trials: 0 done, 0 in jobs that wait or run, 10 missing"), "{}", shown.out);
    assert!(shown.out.contains("not handed over") && cluster.handed_over().is_empty(), "{}", shown.out);
    let other = cluster.submit(&["--tasks", "2"]);
    assert!(other.out.contains("slurm/0002/cpu.sh"), "people may have handed the first over: {}", other.out);
    fs::remove_dir_all(cluster.directory().join("slurm/0002")).expect("removable");

    done(&cluster.submit(&["--tasks", "3", "--submit"]));
    let scripts = cluster.directory().join("slurm/0001");
    let path = |name: &str| scripts.join(name).display().to_string();
    let wanted =
        [format!("--parsable {}", path("cpu.sh")), format!("--parsable --dependency=afterany:1 {}", path("report.sh"))];
    assert_eq!(cluster.handed_over(), wanted, "what was only shown is written anew, and nothing is left of it");
    let script = fs::read_to_string(scripts.join("cpu.sh")).expect("a script");
    for part in
        ["--array=1-3", "--signal=B:USR1@120", "--requeue", "--time=0-01:00:00", "--cpus-per-task=1", "--mem=768M"]
    {
        assert!(script.contains(&format!("#SBATCH {part}\n")), "{part}: {script}");
    }

    write(cluster.folder.path(), "queue", "1_1 RUNNING\n1_2 PENDING\n1_3 PENDING\n2 PENDING\n9_1 RUNNING\n");
    let again = cluster.submit(&["--submit"]);
    done(&again);
    assert!(again.out.contains("10 in jobs that wait or run, 0 missing\nnothing to submit"), "{}", again.out);
    assert_eq!(cluster.status()["counts"]["queued"], 10);

    done(&cluster.task(&scripts.join("cpu.sh"), 2));
    write(cluster.folder.path(), "queue", "1_3 PENDING\n2 PENDING\n");
    let rest = cluster.submit(&["--submit"]);
    assert!(rest.out.contains("10 trials: 3 done, 3 in jobs that wait or run, 4 missing"), "{}", rest.out);
    assert_eq!(cluster.handed_over().len(), 4);
    write(cluster.folder.path(), "queue", "");
    let second = cluster.directory().join("slurm/0002");
    done(&cluster.task(&second.join("cpu.sh"), 1));
    done(&cluster.task(&scripts.join("cpu.sh"), 3));
    done(&cluster.task(&second.join("report.sh"), 0));
    let nothing = cluster.submit(&["--submit"]);
    assert!(
        nothing.out.contains("10 done, 0 in jobs that wait or run, 0 missing\nnothing to submit; `widenet report"),
        "{}",
        nothing.out
    );
    assert_eq!(cluster.handed_over().len(), 4);

    let alone = cluster.path("alone");
    done(&cluster.run(&["study", &cluster.study, "--out", alone.to_str().expect("UTF-8")]));
    for file in ["table.csv", "metrics.csv", "fits.csv"] {
        let read = |directory: PathBuf| fs::read(directory.join(file)).expect(file);
        assert_eq!(read(cluster.directory()), read(entry(&alone)), "{file}");
    }
}

/// An earlier submission whose jobs nobody can be asked about is submitted again, and that is said.
#[test]
fn where_squeue_does_not_answer_everything_is_asked_for_again() {
    let cluster = Cluster::new();
    done(&cluster.submit(&["--submit"]));
    cluster.program("squeue", "exit 1");
    let again = cluster.submit(&["--submit"]);
    done(&again);
    assert!(
        again.err.contains("squeue cannot be asked") && again.out.contains("10 missing"),
        "{}{}",
        again.err,
        again.out
    );
}

#[test]
fn nothing_is_queued_without_slurm() {
    let cluster = Cluster::new();
    let without = |more: &[&str]| {
        let out = cluster.path("out");
        let arguments = [&["submit", &cluster.study, "--out", out.to_str().expect("UTF-8")], more].concat();
        said(cluster.command(&arguments).env("PATH", cluster.folder.path()).output().expect("the program starts"))
    };
    refused(&without(&["--submit"]), &["no `sbatch` on the path"]);
    assert!(!cluster.path("out").exists(), "nothing is written");
    let shown = without(&[]);
    done(&shown);
    assert!(
        shown.err.contains("no `sbatch`") && cluster.directory().join("slurm/0001/cpu.sh").exists(),
        "{}",
        shown.err
    );
}

#[test]
fn what_sbatch_refuses_is_told() {
    let cluster = Cluster::new();
    cluster.program("sbatch", "echo 'invalid partition specified: nowhere' >&2; exit 1");
    refused(
        &cluster.submit(&["--submit"]),
        &["sbatch refuses", "cpu.sh", "exit code 1", "invalid partition specified: nowhere"],
    );
    cluster.program("sbatch", "echo 'Submitted'");
    refused(&cluster.submit(&["--submit"]), &["no number of a job but \"Submitted\""]);
    // The array is taken, the last job is not: what was handed over is known, and not asked for again.
    cluster.program("sbatch", r#"case "$*" in *report*) exit 3;; *) echo 7;; esac"#);
    refused(&cluster.submit(&["--submit"]), &["report.sh", "handed over before: 7"]);
    write(cluster.folder.path(), "queue", "7_1 PENDING\n");
    assert!(cluster.submit(&[]).out.contains("10 in jobs that wait or run, 0 missing"));
}

#[test]
fn bad_input_is_refused_before_anything_is_queued() {
    let cluster = Cluster::with(&STUDY.replace("steps = 10", "steps = 300000"));
    // Tasks are warned two minutes before the end, or three.
    refused(&cluster.submit(&["--submit", "--time", "3"]), &["0-00:03:00", "slurm.warning_seconds"]);
    let longest = ["a wall time of 0-00:03:01 leaves 1.0 s", "the law engine keeps no checkpoints", "give 0-01:00:00"];
    refused(&cluster.submit(&["--submit", "--time", "3:01"]), &longest);
    refused(&cluster.submit(&["--submit", "--memory", "0"]), &["--memory", "800M or 4G"]);
    refused(&cluster.submit(&["--submit", "--time", "soon"]), &["--time", "4:00:00"]);
    for (text, parts) in [
        ("[slurm]\npartitoin = 'x'\n", &["site.toml:2:1", "partitoin"][..]),
        ("[cpu]\npartitoin = 'x'\n", &["site.toml:2:1", "did you mean `partition`?"]),
        ("[cpu]\npartition = \"a\\nscancel\"\n", &["cpu.partition", "one line"]),
        ("[cpu]\noptions = ['--time=1']\n", &["--time", "leave it out"]),
        ("[gpu]\ndevice = 'gpu9'\n", &["gpu.device", "gpu9"]),
    ] {
        let site = write(cluster.folder.path(), "site.toml", text);
        refused(&cluster.submit(&["--submit", "--site", &site]), parts);
    }
    refused(&cluster.submit(&["--submit", "--site", "nowhere.toml"]), &["nowhere.toml"]);
    let file = write(cluster.folder.path(), "a-file", "");
    let into = |out: &str| cluster.run(&["submit", &cluster.study, "--submit", "--out", out]);
    refused(&into(&format!("{file}/out")), &["a-file"]);
    refused(&into(&cluster.path("a\nb").display().to_string()), &["control character"]);
    refused(&into(&cluster.path("a\\b").display().to_string()), &["backslash"]);
    assert!(cluster.handed_over().is_empty());
}

/// No file may be larger than nothing, as on a full disk.
#[test]
fn a_full_file_system_queues_nothing() {
    let cluster = Cluster::new();
    let out = cluster.path("out");
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_widenet")]);
    command.args(["submit", &cluster.study, "--submit", "--out", out.to_str().expect("UTF-8")]);
    command
        .env("PATH", format!("{}:/usr/bin:/bin", cluster.path("bin").display()))
        .env("CLUSTER", cluster.folder.path());
    refused(&said(command.output().expect("the shell starts")), &["cannot write", "File too large"]);
    assert!(!cluster.path("handed-over").exists());
}

/// Trials of engines that keep checkpoints may take longer than the wall time.
#[test]
fn a_long_trial_with_checkpoints_is_warned_about() {
    let dense = STUDY.replace("\"law\"", "\"dense\"").replace("steps = 10", "steps = 1000000");
    let cluster = Cluster::with(&dense);
    let shown = cluster.submit(&["--time", "3:01"]);
    done(&shown);
    assert!(shown.err.contains("goes back into the queue with a checkpoint"), "{}", shown.err);
    // With a table for it, engines that run on devices are an array of their own.
    let site = write(
        cluster.folder.path(),
        "site.toml",
        "[gpu]\ngpus = 'a100:1'\npartition = 'g p u'\n[slurm]\ncontainer = ['apptainer', 'exec', 'my image.sif']\n",
    );
    done(&cluster.submit(&["--site", &site]));
    let folder = cluster.directory().join("slurm/0002");
    assert!(!folder.join("cpu.sh").exists());
    let script = fs::read_to_string(folder.join("gpu.sh")).expect("a script");
    for part in [
        "#SBATCH --gres=gpu:a100:1\n",
        "#SBATCH --partition=\"g p u\"\n",
        "--device wgpu",
        "apptainer exec 'my image.sif' ",
    ] {
        assert!(script.contains(part), "{part}: {script}");
    }
    let small = cluster.submit(&["--site", &site, "--memory", "1M"]);
    refused(&small, &["a task of the array gpu has 1.0 MiB", "give more memory"]);
}

/// A folder may be named as commands are; the job script runs none of them.
#[test]
fn names_are_no_commands() {
    let cluster = Cluster::new();
    let out = cluster.path("it's $(touch gone) `touch gone`; touch gone & \"x\" #%a");
    done(&cluster.run(&["submit", &cluster.study, "--tasks", "1", "--out", out.to_str().expect("UTF-8")]));
    let directory = entry(&out);
    let script = directory.join("slurm/0001/cpu.sh");
    let said = cluster.task(&script, 1);
    done(&said);
    assert!(directory.join("report.md").exists());
    assert!(!directory.join("gone").exists() && !root().join("gone").exists());
    let text = fs::read_to_string(script).expect("a script");
    let log = text.lines().find(|line| line.starts_with("#SBATCH --output=")).expect("a log");
    assert!(log.contains("\\\"x\\\" #%%a/") && log.ends_with("cpu-%a.log\""), "{log}");
}

/// One task is killed, one fails, one finishes.
#[test]
fn status_says_what_is_done_and_why_tasks_ended() {
    let dense = STUDY
        .replace("\"law\"", "\"dense\"")
        .replace("steps = 10", "steps = 2000000")
        .replace("width = [64, 1000]", "width = [8, 256]");
    let cluster = Cluster::with(&dense);
    let out = cluster.path("out");
    let part = |shard: &str| {
        let arguments =
            ["study", &cluster.study, "--out", out.to_str().expect("UTF-8"), "--shard", shard, "--device", "cpu"];
        let mut command = cluster.command(&arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).env("SLURM_JOB_ID", "17").spawn().expect("it starts")
    };
    // The last trial is one of width 256.
    let mut killed = part("10/10");
    let start = Instant::now();
    let is_running =
        || out.exists() && cluster.directory().join("processes").exists() && cluster.status()["counts"]["running"] == 1;
    while !is_running() {
        assert!(start.elapsed() < Duration::from_secs(60), "no trial runs");
        std::thread::sleep(Duration::from_millis(50));
    }
    let found = cluster.status();
    assert_eq!(found["running"][0]["job"], "17");
    assert_eq!(found["counts"]["waiting"], 9);
    assert_eq!(found["processes"][0]["is_running"], true);
    killed.kill().expect("it can be killed");
    killed.wait().expect("it ends");
    let found = cluster.status();
    assert_eq!((&found["counts"]["running"], &found["counts"]["waiting"]), (&Value::from(0), &Value::from(10)));
    let text = cluster.run(&["status", cluster.directory().to_str().expect("UTF-8")]);
    done(&text);
    for part in [
        "study cluster in ",
        "10 trials: 0 done, 0 diverged, 0 running",
        "since: ",
        "10/10",
        "ended without a word: it was killed",
    ] {
        assert!(text.out.contains(part), "{part}: {}", text.out);
    }
    refused(&cluster.run(&["status", cluster.folder.path().to_str().expect("UTF-8")]), &["manifest.json"]);
}

/// A part may be that of the task which the environment names.
#[test]
fn shards_are_those_of_the_environment() {
    let cluster = Cluster::new();
    let out = cluster.path("out");
    let study = ["study", &cluster.study, "--out", out.to_str().expect("UTF-8"), "--shard"];
    let run = |shard: &str, variables: &[(&str, &str)]| {
        let mut command = cluster.command(&[&study[..], &[shard]].concat());
        command.envs(variables.iter().copied());
        said(command.output().expect("the program starts"))
    };
    refused(&run("auto", &[]), &["no task of an array", "SLURM_ARRAY_TASK_ID"]);
    refused(&run("auto", &[("PBS_ARRAY_INDEX", "1")]), &["auto/N"]);
    refused(&run("auto/x", &[]), &["auto/x"]);
    let slurm = |task| {
        [
            ("SLURM_ARRAY_TASK_ID", task),
            ("SLURM_ARRAY_TASK_MIN", "0"),
            ("SLURM_ARRAY_TASK_MAX", "1"),
            ("SLURM_ARRAY_TASK_COUNT", "2"),
        ]
    };
    let first = run("auto", &slurm("0"));
    done(&first);
    assert!(first.out.contains("shard 1/2 done; 5 trials"), "{}", first.out);
    let last = run("auto/2", &[("PBS_ARRAY_INDEX", "2")]);
    assert!(last.code == 0 && last.out.contains("report: "), "{}{}", last.out, last.err);
}

/// A run directory is continued as it was begun, under its own name.
#[test]
fn a_run_directory_is_continued() {
    let cluster = Cluster::new();
    let out = cluster.path("out");
    done(&cluster.run(&["study", &cluster.study, "--out", out.to_str().expect("UTF-8"), "--shard", "1/2"]));
    fs::remove_file(&cluster.study).expect("removable");
    let directory = cluster.directory();
    let text = directory.to_str().expect("UTF-8");
    refused(&cluster.run(&["study", text, "--set", "axes.seed=[1]"]), &["continued as it was begun"]);
    let other = write(cluster.folder.path(), "tasks.json", r#"{"study": "0", "tasks": [[0]]}"#);
    refused(&cluster.run(&["study", text, "--tasks", &other]), &["tasks.json", "another study"]);
    refused(&cluster.run(&["study", text, "--tasks", &other, "--shard", "2/2"]), &["it has 1 tasks, and no task 2"]);
    let finished = cluster.run(&["study", text]);
    done(&finished);
    assert!(directory.join("report.md").exists());
    let moved = cluster.path("out/other");
    fs::rename(&directory, &moved).expect("it can be moved");
    refused(&cluster.run(&["study", moved.to_str().expect("UTF-8")]), &["it was made as cluster-"]);
}
