//! `widenet` solves problems and runs studies of wide networks from the command line. It prints, and computes nothing.

mod arguments;
mod bench;
mod coordinate_check;
mod devices;
mod engine;
mod exit;
mod interrupt;
mod kernel;
mod memory;
mod plan;
mod predict;
mod prior;
mod progress;
mod question;
mod scaling;
mod solve;
mod study;

use std::{io::Write, process::ExitCode};

use arguments::{Arguments, Command};
use clap::{CommandFactory, Parser};
use exit::{Exit, Failure};
use widenet_output::escape::lines;

fn main() -> ExitCode {
    memory::keep_freed_memory();
    let exit = match Arguments::parse().command {
        Command::Solve(arguments) => solve::run(&arguments),
        Command::Kernel(arguments) => kernel::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Prior(arguments) => prior::run(&arguments),
        Command::Posterior(arguments) => prior::posterior(&arguments),
        Command::Scaling(arguments) => scaling::run(&arguments),
        Command::CoordCheck(arguments) => coordinate_check::run(&arguments),
        Command::Study(arguments) => study::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Report(arguments) => study::report(&arguments),
        Command::Parameterization(arguments) => solve::parameterization(&arguments),
        Command::Devices => devices::run(),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Schema { file } => {
            let schema = widenet_experiment::schemas::schema(&file).unwrap_or_default();
            writeln!(std::io::stdout(), "{schema:#}").map(|()| Exit::Done).map_err(Failure::from)
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "widenet", &mut std::io::stdout());
            Ok(Exit::Done)
        }
    };
    let exit = exit.unwrap_or_else(|failure| {
        // A reader that closed the pipe (`widenet … | head`) has seen what it wanted.
        if failure.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe) {
            return Exit::Done;
        }
        let _ = writeln!(std::io::stderr(), "error: {}", lines(&failure.to_string()));
        Exit::Unusable
    });
    ExitCode::from(exit as u8)
}
