//! ARCHITECTURE.md lists every crate with the crates that it uses, and names paths that exist.

use std::{collections::BTreeSet, fs};

use toml_edit::DocumentMut;

use super::{files, quoted, read};
use crate::common::root;

/// Folders of packages: the ones in `crates`, and `kernels`.
fn packages() -> BTreeSet<String> {
    let crates = fs::read_dir(root().join("crates")).expect("readable");
    let names = crates.map(|entry| format!("crates/{}", entry.expect("an entry").file_name().display()));
    names.chain(["kernels".to_string()]).collect()
}

/// Crates of this workspace that a package depends on in its manifest, without `widenet-`; tests may use more.
fn dependencies(package: &str) -> BTreeSet<String> {
    let manifest: DocumentMut = read(&format!("{package}/Cargo.toml")).parse().expect("TOML");
    let dependencies = manifest.get("dependencies").and_then(|table| table.as_table_like()).expect("dependencies");
    dependencies.iter().filter_map(|(name, _)| name.strip_prefix("widenet-")).map(str::to_string).collect()
}

/// Rows of the table of crates: path and the crates in its column `uses`.
fn table(page: &str) -> Vec<(String, BTreeSet<String>)> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    cells
        .filter(|cells| packages().contains(cells[0].trim_end_matches('`')))
        .map(|cells| {
            let uses = cells[2].split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_string);
            (cells[0].trim_end_matches('`').to_string(), uses.collect())
        })
        .collect()
}

/// Folders of the repository that documents name.
const FOLDERS: [&str; 8] = [".ci/", "benches/", "crates/", "data/", "docs/", "experiments/", "kernels/", "tests/"];

/// Paths in a document: words in backticks that start with a folder of the repository.
fn paths(text: &str) -> Vec<&str> {
    let is_path =
        |word: &&str| FOLDERS.iter().any(|folder| word.starts_with(folder)) && !word.contains([' ', '*', '{']);
    quoted(text).filter(is_path).collect()
}

#[test]
fn documents_name_paths_that_exist() {
    let mut found = 0;
    let mut missing = Vec::new();
    for path in files(&root(), &["md"]) {
        let text = fs::read_to_string(&path).expect("readable");
        let name = path.strip_prefix(root()).expect("a path of the repository").display().to_string();
        if name == "CHANGELOG.md" {
            continue;
        }
        for path in paths(&text) {
            found += 1;
            if !root().join(path).exists() {
                missing.push(format!("{name} names `{path}`, which does not exist"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(found > 60, "only {found} paths were found");
}

/// A README of about eight lines in every package: what it is, what it imports, where to start; paths in it start at the package.
#[test]
fn every_package_has_a_short_readme() {
    for package in packages() {
        let text = read(&format!("{package}/README.md"));
        let lines = text.lines().count();
        assert!((5..=12).contains(&lines), "{package}/README.md has {lines} lines, not about eight");
        assert!(text.contains("mports"), "{package}/README.md does not say what the package imports");
        let own: Vec<&str> = quoted(&text).filter(|word| word.starts_with("src/")).collect();
        assert!(!own.is_empty(), "{package}/README.md does not say where to start");
        for path in own {
            assert!(
                root().join(&package).join(path).exists(),
                "{package}/README.md names `{path}`, which does not exist"
            );
        }
    }
}

#[test]
fn the_table_of_crates_is_that_of_the_manifests() {
    let table = table(&read("ARCHITECTURE.md"));
    let listed: BTreeSet<String> = table.iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(listed, packages(), "the crates that ARCHITECTURE.md lists, and those that are there");
    assert_eq!(listed.len(), table.len(), "ARCHITECTURE.md lists a crate twice");
    for (package, uses) in table {
        assert_eq!(uses, dependencies(&package), "{package}: the column `uses` of ARCHITECTURE.md, and Cargo.toml");
    }
}

/// Imports point down: a crate uses only crates that stand below it in the table.
#[test]
fn crates_use_only_what_stands_below_them() {
    let table = table(&read("ARCHITECTURE.md"));
    let name = |path: &str| path.trim_start_matches("crates/").to_string();
    for (row, (package, uses)) in table.iter().enumerate() {
        let below: BTreeSet<String> = table[row + 1..].iter().map(|(path, _)| name(path)).collect();
        assert!(
            uses.is_subset(&below),
            "{package} uses {uses:?}, but only {below:?} stand below it in ARCHITECTURE.md"
        );
    }
}
