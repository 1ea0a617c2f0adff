//! The built program with mutated files and mutated command lines: it ends, says what is wrong without obeying it, and no number that it gives
//! with exit code 0 is not a number.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        process::ExitStatusExt,
    },
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value as Json;

use super::{
    PATIENCE, amount,
    corpus::{KERNELS, POSTERIORS, PREDICTIONS, PRIORS, PROBLEMS, STUDIES},
    folder,
    mutation::Mutator,
};

/// Command lines that are right. A word with a point is a file of [`FILES`].
const COMMANDS: &[&str] = &[
    "solve 0.problem.toml --width 8,inf --seeds 2",
    "solve 0.problem.toml --width 64,1e6 --engine law --json",
    "solve 1.problem.toml --width 16 --engine dense --precision f64 --json",
    "solve 2.problem.toml --width inf --json --set record.quantities=[\"outputs\"]",
    "solve 3.problem.json --width 16 --seed 3 --engine conditioned --answers recomputed --tolerance 1e-3 --json",
    "solve 0.problem.toml --width 16 --engine regenerated --set optimizer.steps=2",
    "kernel kernel.toml --json --spectrum",
    "kernel kernel.toml --width 8 --kind ntk --between train --output answer.csv",
    "predict predict.toml --json",
    "predict predict.toml --output answer.csv",
    "prior 0.prior.toml --json",
    "prior 1.prior.json density",
    "posterior 0.posterior.toml --json",
    "posterior 1.posterior.toml --output answer.json",
    "scaling --name mf --json",
    "scaling --abc 0,0.5,0.5/0,0,0/0 --json",
    "scaling 1.problem.toml",
    "coord-check 0.problem.toml --width 8,16,32 --seeds 2 --steps 2 --json",
    "plan 0.problem.toml --width 64,inf",
    "plan 0.study.toml",
    "study 0.study.toml --out out --jobs 2",
    "study 1.study.toml --out out --shard 1/2",
    "parameterization 0.problem.toml --width 1e6",
    "schema problem",
];

/// The files of the command lines with what is in them.
fn files() -> Vec<(String, &'static str)> {
    let kinds: [(&str, &[&'static str]); 6] = [
        ("problem", &PROBLEMS),
        ("study", &STUDIES),
        ("prior", &PRIORS),
        ("posterior", &POSTERIORS),
        ("kernel", &KERNELS),
        ("predict", &PREDICTIONS),
    ];
    let name = |kind: &str, texts: &[&str], i: usize| {
        let ending = if texts[i].starts_with('{') { "json" } else { "toml" };
        if texts.len() == 1 { format!("{kind}.{ending}") } else { format!("{i}.{kind}.{ending}") }
    };
    let of_kind = |(kind, texts): (&'static str, &'static [&'static str])| {
        (0..texts.len()).map(move |i| (name(kind, texts, i), texts[i])).collect::<Vec<_>>()
    };
    kinds.into_iter().flat_map(of_kind).collect()
}

/// One run: its arguments, and the one file that is not as in the corpus.
struct Input {
    arguments: Vec<OsString>,
    mutated: Option<(String, Vec<u8>)>,
}

impl Input {
    fn new(mutator: &mut Mutator) -> Input {
        let command = *mutator.pick(&COMMANDS.iter().collect::<Vec<_>>());
        let mut arguments: Vec<OsString> = command.split(' ').map(OsString::from).collect();
        let all = files();
        let texts: Vec<&str> = all.iter().map(|(_, text)| *text).collect();
        let named = all.iter().find(|(name, _)| arguments.iter().any(|argument| argument == name.as_str()));
        let mutated = match named {
            Some((name, text)) if !mutator.once_in(3) => Some((name.clone(), mutator.text(text, &texts))),
            _ => {
                mutate_arguments(&mut arguments, mutator);
                None
            }
        };
        Input { arguments, mutated }
    }
}

/// One or two arguments change, go, come, or are said twice.
fn mutate_arguments(arguments: &mut Vec<OsString>, mutator: &mut Mutator) {
    for _ in 0..=mutator.below(2) {
        let position = mutator.below(arguments.len());
        let value = |mutator: &mut Mutator| OsString::from(mutator.value().replace('\0', "0"));
        match mutator.below(8) {
            0..4 => arguments[position] = value(mutator),
            4 => {
                let bytes = mutator.bytes(arguments[position].as_bytes());
                arguments[position] = OsString::from_vec(bytes.into_iter().filter(|byte| *byte != 0).collect());
            }
            5 => drop(arguments.remove(position)),
            6 => {
                let other = mutator.pick(&COMMANDS.iter().collect::<Vec<_>>());
                let words: Vec<&str> = other.split(' ').collect();
                arguments.insert(position, mutator.pick(&words).into());
            }
            _ => {
                let set = mutator.pick(&[
                    "--set",
                    "--seeds",
                    "--width",
                    "--jobs",
                    "--seed",
                    "--output",
                    "--checkpoint-every",
                ]);
                arguments.extend([set.into(), value(mutator)]);
            }
        }
        if arguments.is_empty() {
            arguments.push("solve".into());
        }
    }
}

/// What is wrong with one run.
fn fault(input: &Input, folder: &Path) -> Option<String> {
    // Where memory is asked for without end the allocator refuses, and the program aborts.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 6000000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_widenet")]).args(&input.arguments);
    command.current_dir(folder).env("RAYON_NUM_THREADS", "2");
    let [out, err] = ["stdout.txt", "stderr.txt"].map(|name| folder.join(name));
    let file = |path| Stdio::from(fs::File::create(path).expect("the folder is writable"));
    let mut child = command.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err)).spawn().expect("it starts");
    let start = Instant::now();
    // Whoever asks for a billion steps may wait for them; a signal must end that.
    let mut is_interrupted = false;
    let status = loop {
        match child.try_wait().expect("it can be asked") {
            Some(status) => break status,
            None if start.elapsed() > 2 * PATIENCE => {
                let _ = child.kill();
                let _ = child.wait();
                return Some("it does not end, nor when it is asked to".into());
            }
            None if start.elapsed() > Duration::from_secs(2) && !is_interrupted => {
                is_interrupted = true;
                let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
            }
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    let [out, err] = [out, err].map(|path| String::from_utf8(fs::read(path).expect("readable")));
    let (Ok(out), Ok(err)) = (out, err) else { return Some("it printed what is not UTF-8".into()) };
    let answers = ["answer.json", "answer.csv"].map(|name| fs::read_to_string(folder.join(name)).unwrap_or_default());
    let texts = [&out, &err, &answers[0], &answers[1]];
    if err.contains("panicked") {
        return Some(format!("panic: {err}"));
    }
    match status.code() {
        // The signal may come before anything catches it.
        None if is_interrupted && status.signal() == Some(15) => {}
        None => return Some(format!("{status}: {err}")),
        Some(0 | 1) if texts.iter().all(|text| !text.contains("diverged")) => {
            if let Some(text) = texts.iter().find(|text| text.contains("NaN")) {
                let position = text.find("NaN").unwrap_or(0);
                return Some(format!("NaN with {status}: {}", &text[..text.ceil_char_boundary(position + 20)]));
            }
        }
        Some(0 | 1 | 75) => {}
        Some(2) if err.trim().len() > 10 => {}
        Some(code) => return Some(format!("exit code {code}: {err}")),
    }
    if status.code() == Some(0)
        && input.arguments.iter().any(|argument| argument == "--json")
        && serde_json::from_str::<Json>(&out).is_err()
    {
        return Some(format!("it is no JSON: {out}"));
    }
    let is_raw = |c: char| c.is_control() && c != '\n' && c != '\t' || "\u{202e}\u{2066}\u{200f}\u{2028}".contains(c);
    texts.iter().find_map(|text| {
        text.char_indices().find(|(_, c)| is_raw(*c)).map(|(i, c)| format!("raw {c:?} after {:?}", &text[..i]))
    })
}

#[test]
fn files_and_command_lines() {
    let count = amount(400);
    let (mut faults, mut done) = (Vec::new(), 0);
    for index in 0..count {
        let folder = folder();
        let input = Input::new(&mut Mutator::new("program", index));
        for (name, text) in files() {
            fs::write(folder.path().join(name), text).expect("the folder is writable");
        }
        if let Some((name, bytes)) = &input.mutated {
            fs::write(folder.path().join(name), bytes).expect("the folder is writable");
        }
        match fault(&input, folder.path()) {
            Some(fault) => faults.push((index, fault, input)),
            None => done += 1,
        }
    }
    println!("program: {count} runs, {done} without fault");
    for (index, fault, input) in &faults {
        let arguments = input.arguments.join(OsStr::new(" "));
        println!("run {index}: {arguments:?}\n{fault}");
        if let Some((name, bytes)) = &input.mutated {
            println!("{name}:\n{}", String::from_utf8_lossy(bytes));
        }
    }
    assert!(faults.is_empty(), "{} of {count} runs", faults.len());
}
