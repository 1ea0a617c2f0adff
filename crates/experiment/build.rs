//! Tells the program which commit and target it is built from, for the manifests of run directories.

use std::process::Command;

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn main() {
    let commit = git(&["rev-parse", "HEAD"]).unwrap_or_default();
    let has_changes =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| !changes.is_empty());
    println!("cargo:rustc-env=WIDENET_COMMIT={commit}{}", if has_changes { "+" } else { "" });
    let of_cargo = |name: &str| std::env::var(name).unwrap_or_default();
    println!("cargo:rustc-env=WIDENET_TARGET={} {}", of_cargo("TARGET"), of_cargo("PROFILE"));
    // The log of HEAD has a line per commit.
    match git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        Some(log) => println!("cargo:rerun-if-changed={log}"),
        None => println!("cargo:rerun-if-changed=build.rs"),
    }
}
