//! `widenet` solves problems and runs studies of wide networks from the command line. It prints, and computes nothing.

mod answer;
mod arguments;
mod batch;
mod bench;
mod coordinate_check;
mod devices;
mod engine;
mod exit;
mod fluctuation_table;
mod fluctuations;
mod interrupt;
mod kernel;
mod manual;
mod memory;
mod plan;
mod predict;
mod prior;
mod progress;
mod question;
mod say;
mod scaling;
mod slurm;
mod solve;
mod solved;
mod status;
mod study;
mod submit;
mod threads;

use std::ffi::OsString;

use answer::give;
use arguments::{Arguments, Command};
use clap::{CommandFactory, Parser};
use exit::{Exit, Failure};

/// Runs the program with its arguments, of which the first is its own name, and returns its exit code. It takes the signals of the process
/// and starts the threads of computations, and is called once.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    memory::keep_freed_memory();
    let exit = command(arguments).unwrap_or_else(|failure| {
        // A reader that closed the pipe (`widenet … | head`) has seen what it wanted. What else is written has errors of its own.
        if failure.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe) {
            return Exit::Done;
        }
        say::line(&format!("error: {failure}"));
        Exit::Unusable
    });
    exit as u8
}

fn command(arguments: impl IntoIterator<Item = OsString>) -> Result<Exit, Failure> {
    let command = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments.command,
        Err(error) if error.use_stderr() => {
            let _ = error.print();
            return Ok(Exit::Unusable);
        }
        // Help and the version are answers.
        Err(error) => {
            error.print()?;
            return Ok(Exit::Done);
        }
    };
    interrupt::take_signals()?;
    threads::start()?;
    match command {
        Command::Solve(arguments) => solve::run(&arguments),
        Command::Kernel(arguments) => kernel::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Fluctuations(arguments) => fluctuations::run(&arguments),
        Command::Prior(arguments) => prior::run(&arguments),
        Command::Posterior(arguments) => prior::posterior(&arguments),
        Command::Scaling(arguments) => scaling::run(&arguments),
        Command::CoordCheck(arguments) => coordinate_check::run(&arguments),
        Command::Study(arguments) => study::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Submit(arguments) => submit::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Report(arguments) => study::report(&arguments),
        Command::Parameterization(arguments) => solve::parameterization(&arguments),
        Command::Devices => devices::run(),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Keys { name, markdown } => manual::keys(name.as_deref(), markdown),
        Command::Quantities { name, markdown } => manual::quantities(name.as_deref(), markdown),
        Command::Schema { file } => {
            let schema = widenet_experiment::schemas::schema(&file)
                .ok_or_else(|| format!("no kind of file is named `{file}`"))?;
            give(|out| writeln!(out, "{schema:#}"))?;
            Ok(Exit::Done)
        }
        Command::Completions { shell } => {
            // It panics where it cannot write.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "widenet", &mut script);
            give(|out| out.write_all(&script))?;
            Ok(Exit::Done)
        }
    }
}
