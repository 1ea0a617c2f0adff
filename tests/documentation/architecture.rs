//! ARCHITECTURE.md lists every crate with the crates that it uses, and names paths that exist.

use std::{collections::BTreeSet, fs};

use toml_edit::DocumentMut;

use super::{quoted, read};
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

#[test]
fn the_architecture_page_names_paths_that_exist() {
    let page = read("ARCHITECTURE.md");
    let is_path = |word: &&str| {
        ["crates/", "tests/", "kernels", "experiments", "benches/", "data", "docs/"]
            .iter()
            .any(|start| word.starts_with(start))
    };
    let paths: Vec<&str> = quoted(&page).filter(is_path).collect();
    assert!(paths.len() > 10, "{paths:?}");
    for path in paths {
        assert!(root().join(path).exists(), "ARCHITECTURE.md names `{path}`, which does not exist");
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
