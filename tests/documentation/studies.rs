//! The studies of this repository say what they claim.

use std::{collections::BTreeSet, fs, path::PathBuf};

use super::{files, read};
use crate::common::{root, run};

/// Files of studies below `experiments`.
fn studies() -> Vec<PathBuf> {
    let is_study = |path: &PathBuf| fs::read_to_string(path).expect("readable").contains("[study]");
    files(&root().join("experiments"), &["toml"]).into_iter().filter(is_study).collect()
}

/// Every study says what it claims, which page claims it, and what it expects; and it can be planned.
#[test]
fn every_study_can_be_planned() {
    let studies = studies();
    assert!(studies.len() >= 6, "{studies:?}");
    for study in studies {
        let text = fs::read_to_string(&study).expect("readable");
        let study = study.to_str().expect("UTF-8");
        assert!(text.contains("claim = ") && text.contains("expected = "), "{study}");
        assert!(text.contains("docs/theory/"), "{study} names no page that states its claim");
        let planned = run(&["plan", study]);
        assert_eq!(planned.code, 0, "{study}: {}", planned.err);
    }
}

/// The table of experiments/README.md has one row for each study, with its claim in a line.
#[test]
fn the_table_of_studies_lists_each_of_them() {
    let page = read("experiments/README.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|row| row.split_once("` |"));
    let listed: BTreeSet<String> =
        rows.filter(|(name, _)| name.ends_with(".toml")).map(|(name, _)| name.into()).collect();
    let folder = root().join("experiments");
    let name = |path: PathBuf| path.strip_prefix(&folder).expect("a study").to_str().expect("UTF-8").to_string();
    assert_eq!(listed, studies().into_iter().map(name).collect());
}
