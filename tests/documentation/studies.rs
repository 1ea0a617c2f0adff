//! The studies of this repository say what they claim.

use std::{fs, path::PathBuf};

use super::files;
use crate::common::{root, run};

/// Every study says what it claims and expects, and can be planned.
#[test]
fn every_study_can_be_planned() {
    let studies: Vec<PathBuf> = files(&root().join("experiments"), &["toml"])
        .into_iter()
        .filter(|path| fs::read_to_string(path).expect("readable").contains("[study]"))
        .collect();
    assert!(studies.len() >= 6, "{studies:?}");
    for study in studies {
        let text = fs::read_to_string(&study).expect("readable");
        let study = study.to_str().expect("UTF-8");
        assert!(text.contains("claim = ") && text.contains("expected = "), "{study}");
        let planned = run(&["plan", study]);
        assert_eq!(planned.code, 0, "{study}: {}", planned.err);
    }
}
