//! What the documents say is there.

use std::{fs, path::Path};

use crate::common::{root, run};

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Words in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn toml_files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(toml_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path.to_str().expect("UTF-8").to_string());
        }
    }
    found
}

#[test]
fn the_architecture_page_names_paths_that_exist_and_all_crates() {
    let page = read("ARCHITECTURE.md");
    let is_path = |word: &&str| {
        ["crates/", "tests/", "kernels", "experiments", "benches/", "data"].iter().any(|start| word.starts_with(start))
    };
    let paths: Vec<&str> = quoted(&page).filter(is_path).collect();
    assert!(paths.len() > 10, "{paths:?}");
    for path in paths {
        assert!(root().join(path).exists(), "ARCHITECTURE.md names `{path}`, which does not exist");
    }
    for entry in fs::read_dir(root().join("crates")).expect("readable") {
        let name = format!("`crates/{}`", entry.expect("an entry").file_name().display());
        assert!(page.contains(&name), "ARCHITECTURE.md does not list {name}");
    }
}

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

/// Every study says what it claims and expects, and can be planned.
#[test]
fn every_study_can_be_planned() {
    let studies: Vec<String> = toml_files(&root().join("experiments"))
        .into_iter()
        .filter(|path| fs::read_to_string(path).expect("readable").contains("[study]"))
        .collect();
    assert!(studies.len() >= 6, "{studies:?}");
    for study in studies {
        let text = fs::read_to_string(&study).expect("readable");
        assert!(text.contains("claim = ") && text.contains("expected = "), "{study}");
        let planned = run(&["plan", &study]);
        assert_eq!(planned.code, 0, "{study}: {}", planned.err);
    }
}
