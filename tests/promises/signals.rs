//! Ctrl-C and SIGTERM end every command within two seconds, with exit code 75 and what there is.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::common::{PROBLEM, Said, said, widenet, write};

/// What a command has to end; a second more than promised, because other tests run at the same time.
const PROMISED: Duration = Duration::from_secs(3);

/// When the signal comes: work is under way, and runs on a device are planned, for which its rates are measured.
const UNDER_WAY: Duration = Duration::from_secs(2);

/// Perceptrons on many inputs: kernels, their eigendecomposition, and steps of finite networks take long.
const MANY: &str = r#"
[network]
hidden_layers = 2
activation = "relu"
[parameterization]
kind = "ntk"
[data]
kind = "teacher"
input_dimension = 10
train_samples = 4000
test_samples = 10
[optimizer]
kind = "gd"
learning_rate = 0.001
steps = 1000000
[predict]
at = [0, 1, 50]
"#;

/// A classifier with minibatches, whose limit is made of particles.
const CLASSIFIER: &str = r#"
[network]
hidden_layers = 1
activation = "relu"
[parameterization]
kind = "scaling"
name = "mf"
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0]]
targets = [[1.0], [-1.0]]
[loss]
kind = "logistic"
[optimizer]
kind = "sgd"
batch_size = 1
learning_rate = 0.1
steps = 1000000000
[record]
at = [0, 1]
"#;

const PRIOR: &str = r#"
kernel = [[1.0, 0.6], [0.6, 1.0]]
[network]
widths = [256, 256, 256]
[sample]
of = "outputs"
draws = 1000000
by = "network"
"#;

const POSTERIOR: &str = r#"
[network]
alpha = 3.0
outputs = 3
[data]
kind = "teacher"
input_dimension = 40
output_dimension = 3
train_samples = 30
test_samples = 3
[posterior]
noise_variance = 0.1
method = "tempered"
particles = 100000
sweeps = 1000
"#;

fn signal(child: &Child) {
    send("-TERM", child);
}

fn send(name: &str, child: &Child) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
}

/// Ends a running command by signals, one after another; says how long it took from the first.
fn end(arguments: &[&str], after: Duration, signals: u32) -> (Said, Duration) {
    let mut command = widenet(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    sleep(after);
    assert!(child.try_wait().expect("it can be asked").is_none(), "{arguments:?} has ended before the signal");
    let start = Instant::now();
    for _ in 0..signals {
        signal(&child);
        sleep(Duration::from_millis(100));
    }
    (said(child.wait_with_output().expect("it ends")), start.elapsed())
}

fn ends(arguments: &[&str]) -> Said {
    let (said, took) = end(arguments, UNDER_WAY, 1);
    assert_eq!(said.code, 75, "{arguments:?}: {}", said.err);
    assert!(took < PROMISED, "{arguments:?} took {took:?}");
    said
}

fn in_folder(files: &[(&str, &str)], test: impl FnOnce(&dyn Fn(&str) -> String)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        write(folder.path(), name, text);
    }
    test(&|name| folder.path().join(name).to_str().expect("UTF-8").to_owned());
}

#[test]
fn solve_ends_in_every_engine_and_regime() {
    let ensemble = format!("{MANY}\n[ensemble]\nnetworks = 1000\n").replace("[predict]\nat = [0, 1, 50]", "");
    let files =
        [("many.toml", MANY), ("classifier.toml", CLASSIFIER), ("ensemble.toml", &ensemble), ("deep.toml", PROBLEM)];
    in_folder(&files, |path| {
        let long = ["--set", "optimizer.steps=1000000000", "--set", "optimizer.learning_rate=1e-9"];
        let cases: [(&str, &[&str]); 9] = [
            ("many.toml", &["--width", "1024", "--engine", "dense"]),
            ("many.toml", &["--width", "20000", "--engine", "conditioned"]),
            ("many.toml", &["--width", "20000", "--engine", "regenerated"]),
            ("many.toml", &["--width", "inf"]),
            ("ensemble.toml", &["--width", "256"]),
            ("classifier.toml", &["--width", "inf"]),
            ("classifier.toml", &["--width", "64", "--engine", "law"]),
            ("deep.toml", &["--width", "inf", long[0], long[1], long[2], long[3]]),
            ("deep.toml", &["--width", "1000", "--engine", "law", long[0], long[1], long[2], long[3]]),
        ];
        for (file, more) in cases {
            let said = ends(&[&["solve", &path(file)], more].concat());
            assert!(said.out.contains("interrupted"), "{file} {more:?}: {}", said.out);
        }
    });
}

#[test]
fn questions_end() {
    in_folder(&[("many.toml", MANY), ("prior.toml", PRIOR), ("posterior.toml", POSTERIOR)], |path| {
        let (many, prior, posterior) = (path("many.toml"), path("prior.toml"), path("posterior.toml"));
        let cases: [&[&str]; 6] = [
            &["kernel", &many, "--set", "data.train_samples=12000"],
            &["kernel", &many, "--spectrum"],
            &["kernel", &many, "--width", "4096"],
            &["predict", &many],
            &["prior", &prior],
            &["posterior", &posterior],
        ];
        for arguments in cases {
            ends(arguments);
        }
    });
}

/// The networks that were trained have their estimates.
#[test]
fn fluctuations_end_with_what_there_is() {
    in_folder(&[("deep.toml", PROBLEM)], |path| {
        let said = ends(&["fluctuations", &path("deep.toml"), "--networks", "200000", "--json"]);
        let found: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
        assert!(found["status"] == "interrupted" && found["networks"][0].as_u64().expect("a number") >= 2, "{found}");
        assert!(
            found["records"][3]["train_loss"]["spread"].is_f64() && said.err.contains("stopped after"),
            "{}",
            said.err
        );
    });
}

#[test]
fn plans_checks_and_measurements_end() {
    let study = study("network.hidden_layers = [1, 2, 3, 4]\nseed = { count = 100000 }\nwidth = [64, 1e6]");
    in_folder(&[("many.toml", MANY), ("deep.toml", PROBLEM), ("study.toml", &study)], |path| {
        let (many, study) = (path("many.toml"), path("study.toml"));
        ends(&["coord-check", &many, "--width", "512,1024,2048"]);
        ends(&["plan", &study]);
        ends(&["bench"]);
        ends(&["study", &study, "--out", &path("out")]);
    });
}

fn study(axes: &str) -> String {
    let mut text = "[study]\nname = \"signals\"\nclaim = \"it ends\"\nexpected = \"it ends\"\n".to_owned();
    for line in PROBLEM.lines() {
        text.push_str(&line.replace('[', "[problem.").replace("= [problem.", "= [").replace(", [problem.", ", ["));
        text.push('\n');
    }
    // Lists of lists are not sections.
    format!("{}\n[axes]\n{axes}\n", text.replace("[[problem.", "[[").replace("[problem.problem.", "[problem."))
}

/// A trial in one long call: the study ends without it, and the same command continues.
#[test]
fn a_study_ends_in_the_middle_of_a_call() {
    let mut text = "[study]\nname = \"signals\"\nclaim = \"it ends\"\nexpected = \"it ends\"\n".to_owned();
    for line in MANY.lines().filter(|line| !line.contains("predict") && !line.contains("at =")) {
        text.push_str(&line.replace('[', "[problem."));
        text.push('\n');
    }
    text.push_str("[axes]\nwidth = [\"inf\"]\n");
    in_folder(&[("study.toml", &text)], |path| {
        let (study, out) = (path("study.toml"), path("out"));
        let (said, took) = end(&["study", &study, "--out", &out], Duration::from_secs(3), 1);
        assert!(said.code == 75 && took < PROMISED, "{took:?}: {}", said.err);
        assert!(said.err.contains("the same command continues"), "{}", said.err);
        assert!(Path::new(&out).exists());
    });
}

/// The limit of many inputs is one long call; what was solved before it is printed, also if a second signal comes.
#[test]
fn a_second_signal_does_not_lose_the_table() {
    in_folder(&[("many.toml", MANY)], |path| {
        let many = path("many.toml");
        let short = ["--set", "optimizer.steps=1", "--set", "record.at=[0, 1]"];
        for (json, signals) in [(false, 1), (false, 2), (true, 2)] {
            let mut arguments = vec!["solve", &many, "--width", "4,inf"];
            arguments.extend(short);
            arguments.extend(json.then_some("--json"));
            let (said, took) = end(&arguments, Duration::from_secs(4), signals);
            assert!(said.code == 75 && took < PROMISED, "{took:?}: {}", said.err);
            assert_eq!(
                said.err.matches("second signal: files that are being written").count(),
                usize::from(signals > 1),
                "{}",
                said.err
            );
            if json {
                let found: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
                let states = [&found[0]["status"], &found[1]["status"]];
                assert!(states[0] == "done" && states[1] == "interrupted", "{}", said.out);
            } else {
                let rows: Vec<&str> = said.out.lines().skip(1).collect();
                assert!(rows.len() == 2 && rows[0].contains("done") && rows[1].contains("interrupted"), "{}", said.out);
            }
        }
    });
}

/// A warning saves what a running trial has done, and the study goes on; a command without checkpoints goes on too.
#[test]
fn a_warning_saves_and_ends_nothing() {
    let mut text =
        "[study]\nname = \"signals\"\nclaim = \"it goes on\"\nexpected = \"it goes on\"\nengine = \"dense\"\n"
            .to_owned();
    for line in MANY.lines().filter(|line| !line.contains("predict") && !line.contains("at =")) {
        text.push_str(&line.replace('[', "[problem.").replace("4000", "40"));
        text.push('\n');
    }
    text.push_str("[axes]\nwidth = [256]\n");
    in_folder(&[("study.toml", &text), ("many.toml", MANY)], |path| {
        let out = path("out");
        let study = ["study", &path("study.toml"), "--out", &out, "--checkpoint-every", "100000"];
        let mut child = widenet(&study).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        sleep(UNDER_WAY);
        let checkpoint = || {
            let run = std::fs::read_dir(&out).ok()?.next()?.ok()?.path();
            let trial = std::fs::read_dir(run.join("trials")).ok()?.next()?.ok()?.path();
            std::fs::metadata(trial.join("checkpoint.safetensors")).ok()?.modified().ok()
        };
        // The first warnings may come before the trial has begun.
        let warn_until_another = |known| {
            let start = Instant::now();
            while checkpoint() == known && start.elapsed() < Duration::from_secs(60) {
                send("-USR1", &child);
                sleep(Duration::from_millis(500));
            }
            assert_ne!(checkpoint(), known, "no checkpoint was written");
            checkpoint()
        };
        assert_eq!(checkpoint(), None, "none is due");
        let first = warn_until_another(None);
        warn_until_another(first);
        assert!(child.try_wait().expect("it can be asked").is_none(), "the study goes on");
        signal(&child);
        let said = said(child.wait_with_output().expect("it ends"));
        assert!(said.code == 75 && said.err.contains("the same command continues"), "{}", said.err);

        let solve = ["solve", &path("many.toml"), "--width", "1024", "--engine", "dense"];
        let mut child = widenet(&solve).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        sleep(UNDER_WAY);
        send("-USR1", &child);
        sleep(Duration::from_millis(500));
        assert!(child.try_wait().expect("it can be asked").is_none(), "the solution goes on");
        signal(&child);
        assert_eq!(child.wait().expect("it ends").code(), Some(75));
    });
}

/// A reader that takes nothing does not keep the program.
#[test]
fn an_answer_that_nobody_reads_ends_too() {
    in_folder(&[("many.toml", MANY)], |path| {
        let arguments = ["kernel", &path("many.toml"), "--json", "--set", "data.train_samples=600"];
        let mut child = widenet(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        sleep(Duration::from_secs(3));
        assert!(child.try_wait().expect("it can be asked").is_none(), "the answer does not fit into a pipe");
        let start = Instant::now();
        signal(&child);
        let code = child.wait().expect("it ends").code();
        assert!(code == Some(75) && start.elapsed() < PROMISED, "{code:?} after {:?}", start.elapsed());
    });
}
