//! Job scripts: what Slurm is asked for, and how a task is run, warned and put back into the queue.

use std::{fmt::Write, path::Path};

use crate::error::{Error, Result};

/// Characters that no shell and no reader of options takes for more than what they are.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-+=./:,@^".contains(c)
}

/// Returns a word of a shell: in quotes if a shell could take it for something else.
pub fn shell_word(text: &str) -> String {
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A value of a line `#SBATCH`, which sbatch reads by rules of its own: in double quotes a backslash goes before what ends them.
fn option_value(text: &str) -> String {
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The text of a path, as it stands in a job script.
pub(super) fn text_of(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::directory(path, "its name is not UTF-8, which no job script can hold"))
}

/// A script that is being written.
#[derive(Debug)]
pub(super) struct Script(String);

impl Script {
    /// Begins a script.
    pub(super) fn new() -> Script {
        Script("#!/bin/bash\n# Written by `widenet submit`.\n".into())
    }

    /// An option without a value.
    pub(super) fn flag(&mut self, name: &str) {
        self.line(&format!("#SBATCH --{name}"));
    }

    /// An option with a value that was given by people.
    pub(super) fn option(&mut self, name: &str, value: &str) {
        self.line(&format!("#SBATCH --{name}={}", option_value(value)));
    }

    /// An option as it stands in a site file.
    pub(super) fn given(&mut self, option: &str) {
        match option.trim_start_matches('-').split_once('=') {
            Some((name, value)) => self.option(name, value),
            None => self.flag(option.trim_start_matches('-')),
        }
    }

    /// The file of the log: a path in which `%` means nothing, and what of it Slurm fills in.
    pub(super) fn log(&mut self, folder: &str, name: &str) {
        self.line(&format!("#SBATCH --output={}", option_value(&format!("{}/{name}", folder.replace('%', "%%")))));
    }

    /// A line of the shell.
    pub(super) fn line(&mut self, line: &str) {
        let _ = writeln!(self.0, "{line}");
    }

    /// The command that is run, each word as it is.
    pub(super) fn command(&mut self, words: &[&str], end: &str) {
        let words: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
        self.line(&format!("{}{end}", words.join(" ")));
    }

    /// What follows a command that runs beside the script: the warning before the time limit stops it, which leaves checkpoints, and the task goes
    /// back into the queue.
    pub(super) fn wait(&mut self) {
        self.0.push_str(WAIT);
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}

/// A trap ends a `wait` early, with a code above 128; the exit code of the program comes with a later one.
const WAIT: &str = r#"program=$!
if [ -n "$warned" ]; then kill -TERM "$program"; fi
wait "$program"
code=$?
while [ "$code" -gt 128 ]; do
  wait "$program"
  next=$?
  if [ "$next" -eq 127 ] || { [ "$next" -eq "$code" ] && ! kill -0 "$program" 2>/dev/null; }; then break; fi
  code=$next
done
if [ -n "$warned" ] && [ "$code" -eq 75 ]; then
  if [ "${SLURM_RESTART_COUNT:-0}" -ge 100 ]; then
    echo "the time limit has ended this task 100 times; it is not put back into the queue again" >&2
  else
    echo "the time limit is near; the task goes back into the queue" >&2
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
  fi
fi
exit "$code"
"#;

/// What goes before the command.
pub(super) const WARNED: &str = r#"warned= program=
trap 'warned=1; [ -n "$program" ] && kill -TERM "$program" 2>/dev/null' USR1"#;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What a shell makes of a word is the text again.
    #[cfg(unix)]
    #[test]
    fn shells_read_words_as_they_are() {
        for text in ["plain/file.toml", "a b", "it's", "$(rm -rf x)", "`x`;&|<>*?~#!", "\"\\\n", "", "-x", "é%"] {
            let script = format!("printf '%s' {}", shell_word(text));
            let printed = Command::new("sh").args(["-c", &script]).output().expect("a shell");
            assert_eq!(String::from_utf8_lossy(&printed.stdout), text, "{script}");
        }
    }

    /// The program of a task is a stand-in that ends with 75 when it is told to stop, and `scontrol` one that says what it was asked.
    #[cfg(unix)]
    #[test]
    fn a_warned_task_is_put_back_into_the_queue_and_another_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = "trap 'exit 75' TERM; touch started; while :; do sleep 0.01; done";
        let run = |program: &str, warn: bool, restarts: &str| {
            let mut script = Script::new();
            script.line("scontrol() { echo \"$@\"; }");
            script.line(WARNED);
            script.command(&["sh", "-c", program], " &");
            script.wait();
            std::fs::write(folder.path().join("task.sh"), script.text()).expect("writable");
            let mut command = Command::new("bash");
            command.arg("task.sh").current_dir(folder.path()).stdout(std::process::Stdio::piped());
            command
                .env("SLURM_ARRAY_JOB_ID", "17")
                .env("SLURM_ARRAY_TASK_ID", "3")
                .env("SLURM_RESTART_COUNT", restarts);
            let child = command.spawn().expect("bash");
            if warn {
                while !folder.path().join("started").exists() {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                Command::new("kill").args(["-USR1", &child.id().to_string()]).status().expect("kill");
            }
            let output = child.wait_with_output().expect("it ends");
            let _ = std::fs::remove_file(folder.path().join("started"));
            (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        assert_eq!(run(program, true, "0"), (Some(75), "requeue 17_3\n".into()));
        assert_eq!(run(program, true, "100"), (Some(75), String::new()));
        for code in [0, 2, 75] {
            assert_eq!(run(&format!("exit {code}"), false, "0"), (Some(code), String::new()));
        }
    }
}
