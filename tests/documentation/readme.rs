//! The README shows commands and files that work.

use super::read;
use crate::common::{root, run};

/// The commands of the README use options that exist, on files that exist.
#[test]
fn the_readme_commands_are_understood() {
    let readme = read("README.md");
    let commands: Vec<Vec<&str>> = readme
        .lines()
        .filter_map(|line| line.trim().strip_prefix("widenet "))
        .map(|line| line.split('#').next().unwrap_or(line).split_whitespace().collect())
        .collect();
    assert!(commands.len() >= 5, "{commands:?}");
    for command in commands {
        let subcommand = command[0];
        let help = run(&[subcommand, "--help"]);
        assert_eq!(help.code, 0, "`widenet {subcommand}` in the README: {}", help.err);
        for word in &command[1..] {
            if word.starts_with("--") {
                assert!(help.out.contains(word), "README: `widenet {subcommand}` has no {word}");
            }
            if word.ends_with(".toml") {
                assert!(root().join(word).exists(), "README: {word} does not exist");
            }
        }
    }
}

/// The problem file shown in the README is the one in the repository, and solves.
#[test]
fn the_readme_problem_is_the_file() {
    let readme = read("README.md");
    let problem = read("experiments/problem.toml");
    assert!(readme.contains(problem.trim()), "the README must show experiments/problem.toml as it is");
    let solved = run(&["solve", "experiments/problem.toml", "--width", "1e4,1e8,inf"]);
    assert_eq!(solved.code, 0, "{}", solved.err);
    let distance = |line: usize| -> f64 {
        let row = solved.out.lines().nth(line).expect("a row");
        row.split_whitespace().last().expect("a distance").parse().expect("a number")
    };
    // Same seed, same random stream: the ratio of two widths 10^4 apart is 100 up to O(m^-1/2).
    let ratio = distance(1) / distance(2);
    assert!((ratio / 100.0 - 1.0).abs() < 0.1, "m^-1/2 between 1e4 and 1e8: ratio {ratio}\n{}", solved.out);
}
