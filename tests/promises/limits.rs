//! Numbers that a user may type take no more memory, threads or time than there are.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::Command,
    time::{Duration, Instant},
};

use crate::common::{PROBLEM, Said, run, said, widenet, write};

/// A folder with the small problem.
fn with_problem(test: impl FnOnce(&str, &tempfile::TempDir)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let problem = write(folder.path(), "problem.toml", PROBLEM);
    test(&problem, &folder);
}

fn refused(said: &Said, parts: &[&str]) {
    assert_eq!(said.code, 2, "{}", said.err);
    for part in parts {
        assert!(said.err.contains(part), "`{part}` is missing in: {}", said.err);
    }
}

#[test]
fn counts_that_overflow_are_refused() {
    with_problem(|problem, _| {
        let most = u64::MAX.to_string();
        refused(&run(&["solve", problem, "--width", "64", "--seeds", &most]), &["--seeds", &most]);
        refused(&run(&["coord-check", problem, "--seeds", &most]), &["--seeds", &most]);
        for layers in [&most, "1000000000000", "1001"] {
            let scaling = run(&["scaling", "--name", "mup", "--hidden-layers", layers]);
            refused(&scaling, &[layers, "hidden layers", "at most 1000"]);
        }
        assert_eq!(run(&["scaling", "--name", "mup", "--hidden-layers", "1000"]).code, 0);
        let study =
            "[study]\nname = \"s\"\nclaim = \"c\"\nexpected = \"e\"\n[scaling]\nname = \"mup\"\nhidden_layers = 1e15\n";
        let folder = tempfile::tempdir().expect("a temporary folder");
        let study = write(folder.path(), "study.toml", study);
        refused(&run(&["plan", &study]), &["at most 1000"]);
    });
}

/// What does not fit is refused with the key, the need and what would fit, before any of it is taken.
#[test]
fn what_does_not_fit_is_refused_before_it_is_taken() {
    with_problem(|problem, folder| {
        let teacher = |more: &str| {
            format!(
                "data={{ kind = \"teacher\", input_dimension = 2, output_dimension = 1, train_samples = 20000{more} }}"
            )
        };
        let every = ["--set", "record.at={ every = 1 }", "--set", "optimizer.steps=1000000"];
        let outputs = ["--set", "record.quantities=[\"outputs\"]", "--set", &teacher("")];
        for width in ["64", "inf"] {
            let said = run(&[&["solve", problem, "--width", width], &every[..], &outputs].concat());
            refused(&said, &["1000001 records with outputs need", "are available", "set record.at to at most"]);
            let planned = run(&[&["plan", problem, "--width", width], &every[..], &outputs].concat());
            refused(&planned, &["1000001 records with outputs need"]);
        }
        let few = ["--set", "record.at=[0, 1]", "--set", "optimizer.steps=1"];
        let said = run(&[&["solve", problem, "--width", "4", "--seeds", "1000000"], &few[..], &outputs].concat());
        refused(&said, &["1000000 seeds need", "seeds fit (--seeds)"]);
        let large =
            "data={ kind = \"teacher\", input_dimension = 20000, output_dimension = 20000, train_samples = 500000 }";
        refused(&run(&["plan", problem, "--width", "inf", "--set", large]), &["500000 samples of 40000 numbers"]);
        let many = "data={ kind = \"teacher\", input_dimension = 2, train_samples = 1000000 }";
        let kernel = ["--set", "network.activation=relu", "--set", "parameterization.kind=ntk", "--set", many];
        let said = run(&[&["solve", problem, "--width", "inf"], &kernel[..]].concat());
        refused(&said, &["the kernels of 1000000 training", "data.train_samples", "inputs fit"]);
        let axes =
            |key: &str| format!("{key} = [{}]\n", (1..=999).map(|i| i.to_string()).collect::<Vec<_>>().join(", "));
        let mut study = "[study]\nname = \"s\"\nclaim = \"c\"\nexpected = \"e\"\n[problem]\n".to_owned();
        study.push_str("network.hidden_layers = 1\nparameterization.kind = \"ntk\"\n");
        study.push_str("data = { kind = \"inline\", inputs = [[1]], targets = [[1]] }\n");
        study.push_str("optimizer = { kind = \"gd\", learning_rate = 0.1, steps = 10 }\n[axes]\nwidth = [64]\n");
        study.push_str(&["network.hidden_layers", "optimizer.steps", "data.seed"].map(axes).concat());
        study.push_str(&axes("optimizer.batch_size"));
        let study = write(folder.path(), "study.toml", &study);
        refused(&run(&["plan", &study]), &["999 of axes.network.hidden_layers", "996005996001 trials", "trials fit"]);
    });
}

/// Batches of a billion steps would be 24 GB; they are drawn as they come.
#[test]
fn batches_are_not_held() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "[network]\nhidden_layers = 1\nactivation = \"relu\"\n[parameterization]\nkind = \"scaling\"\nname = \"mf\"\n\
                [data]\nkind = \"inline\"\ninputs = [[1.0, 0.5], [-0.5, 1.0]]\ntargets = [[1.0], [-1.0]]\n[loss]\nkind = \"logistic\"\n\
                [optimizer]\nkind = \"sgd\"\nbatch_size = 1\nlearning_rate = 0.1\nsteps = 1_000_000_000\n[record]\nat = [0, 1]\n";
    let problem = write(folder.path(), "problem.toml", text);
    for more in [&["--width", "inf"][..], &["--width", "64", "--engine", "law"]] {
        let mut limited = Command::new("bash");
        let program = env!("CARGO_BIN_EXE_widenet");
        limited.args(["-c", "ulimit -v 4000000; exec timeout 3 \"$@\"", "bash", program, "solve", &problem]).args(more);
        let said = said(limited.output().expect("it starts"));
        // `timeout` says 124, whatever the program's code.
        assert!(said.code == 124 && said.out.contains("interrupted"), "code {}: {}{}", said.code, said.out, said.err);
    }
}

/// A limit of the address space is a limit of the memory.
#[test]
fn a_limit_of_the_address_space_counts() {
    with_problem(|problem, _| {
        let data = "data={ kind = \"teacher\", input_dimension = 10000, output_dimension = 1, train_samples = 50000 }";
        let mut limited = Command::new("bash");
        let program = env!("CARGO_BIN_EXE_widenet");
        limited.args([
            "-c",
            "ulimit -v 4000000; exec \"$@\"",
            "bash",
            program,
            "plan",
            problem,
            "--width",
            "4",
            "--set",
            data,
        ]);
        let said = said(limited.output().expect("it starts"));
        refused(&said, &["50000 samples of 10001 numbers need 7.5 GiB", "samples fit"]);
    });
}

#[test]
fn no_more_threads_are_started_than_help() {
    with_problem(|problem, _| {
        let arguments = ["solve", problem, "--width", "64,inf", "--engine", "dense"];
        let usual = run(&arguments);
        let start = Instant::now();
        let many = said(widenet(&arguments).env("RAYON_NUM_THREADS", "100000").output().expect("it starts"));
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
        assert_eq!((many.code, &many.out), (0, &usual.out), "{}", many.err);
        assert!(many.err.contains("RAYON_NUM_THREADS = 100000"), "{}", many.err);
    });
}

/// Threads of a user without rights are counted. Where this test may not become one, there is nothing to see.
#[test]
fn as_many_threads_run_as_the_system_grants() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("widenet");
    fs::copy(env!("CARGO_BIN_EXE_widenet"), &program).expect("a copy");
    for path in [folder.path(), &program] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("ours");
    }
    let ensemble = PROBLEM.replace("[record]", "[ensemble]\nnetworks = 8\n[record]");
    let study = "problem = \"problem.toml\"\n[study]\nname = \"few\"\nclaim = \"c\"\nexpected = \"e\"\n[axes]\nwidth = [16, 32]\n";
    let [problem, ensemble, study] = [
        write(folder.path(), "problem.toml", PROBLEM),
        write(folder.path(), "ensemble.toml", &ensemble),
        write(folder.path(), "study.toml", study),
    ];
    let few = |limit: u32, arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        let user = ["--reuid=64321", "--regid=64321", "--clear-groups", "prlimit", &format!("--nproc={limit}")];
        command.args(user).arg(&program).args(arguments).env("RAYON_NUM_THREADS", "8");
        said(command.current_dir(folder.path()).output().expect("util-linux"))
    };
    if few(1000, &["--version"]).code != 0 {
        return;
    }
    let commands: [&[&str]; 3] = [
        &["solve", &problem, "--width", "64,inf", "--engine", "dense"],
        &["solve", &ensemble, "--width", "16"],
        &["plan", &study],
    ];
    let (mut done, mut refusals) = (0, 0);
    for arguments in commands {
        let usual = few(1000, arguments);
        assert_eq!(usual.code, 0, "{arguments:?}: {}", usual.err);
        for limit in 1..=8 {
            let said = few(limit, arguments);
            assert!(!said.err.contains("panicked"), "{arguments:?} with {limit} threads: {}", said.err);
            if said.code == 2 {
                refused(&said, &["thread", "ulimit -u"]);
                refusals += 1;
            } else {
                assert_eq!(
                    (said.code, &said.out),
                    (usual.code, &usual.out),
                    "{arguments:?} with {limit}: {}",
                    said.err
                );
                done += 1;
            }
        }
    }
    assert!(done >= 12 && refusals >= 3, "{done} ran and {refusals} were refused");
}

#[test]
fn files_of_many_keys_are_read_in_no_time() {
    with_problem(|problem, folder| {
        let deep = vec!["a"; 30_000].join(".");
        let said = run(&["solve", problem, "--width", "4", "--set", &format!("{deep}=1")]);
        refused(&said, &["a dotted key has at most 100 parts; this one has 30000"]);
        let keys = |line: fn(usize) -> String| (0..60_000).map(line).collect::<String>();
        let json = format!("{{{}\"x\": 1}}", keys(|i| format!("\"k{i}\": 1,")));
        let study = "[study]\nname = \"s\"\nclaim = \"c\"\nexpected = \"e\"\n";
        let texts = [
            ("many.json", json),
            ("many.toml", keys(|i| format!("k{i} = 1\n"))),
            ("axes.toml", format!("{study}[axes]\n{}", keys(|i| format!("k{i} = [1]\n")))),
            ("full.toml", format!("{study}[full]\n{}", keys(|i| format!("problem.k{i} = 1\n")))),
        ];
        for (name, text) in texts {
            let path = write(folder.path(), name, &text);
            let start = Instant::now();
            let said = run(&["plan", &path, "--full"]);
            refused(&said, &["a table has at most 10000 keys; this one has 6"]);
            assert!(start.elapsed() < Duration::from_secs(8), "{name} took {:?}", start.elapsed());
        }
    });
}
