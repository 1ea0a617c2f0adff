//! The program `widenet`.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    ExitCode::from(widenet_cli::run(env::args_os()))
}
