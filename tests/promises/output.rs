//! What is said beside the answer fails nothing; an answer that cannot be written is an error.

use std::{fs::File, io, process::Stdio};

use crate::common::{PROBLEM, run, said, widenet, write};

/// A pipe that nobody reads.
fn closed_pipe() -> Stdio {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

/// Notes that nobody hears, in commands that say some, do not keep the answer back.
#[test]
fn a_closed_standard_error_fails_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let problem = write(folder.path(), "problem.toml", PROBLEM);
    let file = folder.path().join("k.json");
    let output = file.to_str().expect("UTF-8");
    let commands: [&[&str]; 5] = [
        &["kernel", &problem, "--output", output, "--set", "parameterization.kind=ntk"],
        &["solve", &problem, "--width", "16,inf", "--engine", "dense"],
        &["plan", &problem, "--width", "16", "--engine", "dense"],
        &["coord-check", &problem, "--width", "16,32,64", "--seeds", "2"],
        &["bench", "--quick", "--verbose"],
    ];
    for arguments in commands {
        let heard = run(arguments);
        let unheard = said(widenet(arguments).stderr(closed_pipe()).output().expect("it starts"));
        assert!([0, 1].contains(&heard.code) && !heard.err.is_empty(), "{arguments:?}: {}", heard.err);
        assert_eq!(unheard.code, heard.code, "{arguments:?}");
        if arguments[0] == "solve" {
            assert_eq!(unheard.out, heard.out);
        }
        assert!(!unheard.out.is_empty(), "{arguments:?}");
    }
    assert!(file.exists());
    // A mistake stays one.
    let wrong = widenet(&["solve", &problem, "--width", "0"]).stderr(closed_pipe()).status().expect("it starts");
    assert_eq!(wrong.code(), Some(2));
}

/// Who has closed standard output has seen what it wanted; a full disk is an error.
#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let problem = write(folder.path(), "problem.toml", PROBLEM);
    let commands: [&[&str]; 8] = [
        &["completions", "bash"],
        &["schema", "problem"],
        &["devices"],
        &["--help"],
        &["--version"],
        &["solve", &problem, "--width", "16"],
        &["parameterization", &problem],
        &["scaling", "--name", "mf"],
    ];
    for arguments in commands {
        let full = File::options().write(true).open("/dev/full").expect("/dev/full");
        let full = said(widenet(arguments).stdout(full).output().expect("it starts"));
        assert_eq!(full.code, 2, "{arguments:?}: {}", full.err);
        assert!(full.err.contains("No space left"), "{arguments:?}: {}", full.err);
        let closed = widenet(arguments).stdout(closed_pipe()).stderr(Stdio::null()).status().expect("it starts");
        assert_eq!(closed.code(), Some(0), "{arguments:?}");
    }
}
