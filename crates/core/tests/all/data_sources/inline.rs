//! Samples in the problem file, splits and preparation.

use std::path::Path;

use super::{assert_refused, load};

#[test]
fn samples_are_split_and_counted() {
    let base = "kind = 'inline'\ninputs = [[1], [2], [3], [4]]\ntargets = [[5, 0], [6, 0], [7, 0], [8, 0]]\n";
    let load = |more: &str| load(&format!("{base}{more}"), Path::new("")).unwrap();
    let all = load("");
    assert_eq!((all.train.inputs.nrows(), all.input_dimension(), all.output_dimension()), (4, 1, 2));
    let first = load("train_samples = 2");
    assert_eq!((first.train.inputs.as_slice(), first.test), (&[1.0, 2.0][..], None));
    let both = load("train_samples = 2\ntest_samples = 1");
    assert_eq!(both.test.unwrap().inputs.as_slice(), [3.0]);
    let rest = load("test_samples = 3");
    assert_eq!((rest.train.inputs.as_slice(), rest.test.unwrap().inputs.nrows()), (&[1.0][..], 3));
    let separate = load("test_samples = 1\ntest_inputs = [[9], [8]]\ntest_targets = [[0, 1], [1, 0]]");
    assert_eq!((separate.train.inputs.nrows(), separate.test.unwrap().inputs.as_slice()), (4, &[9.0][..]));
    assert_eq!(load("test_inputs = []").test, None);
    assert_eq!(load("test_inputs = []\ntest_targets = []").test, None);
}

#[test]
fn labels_become_targets() {
    let base = "kind = 'inline'\ninputs = [[1], [2], [3], [4]]\n";
    let load = |more: &str| load(&format!("{base}{more}"), Path::new("")).unwrap();
    let two = load("targets = ['cat', 'dog', 'dog', 'cat']\nclasses = 'all'");
    assert_eq!(two.train.targets.as_slice(), [-1.0, 1.0, 1.0, -1.0]);
    let numbers = load("targets = [7, 3, 3, 7]\nclasses = 'all'");
    assert_eq!(numbers.train.targets.as_slice(), [1.0, -1.0, -1.0, 1.0]);
    assert_eq!(load("targets = [[7], [3], [3], [7]]\nclasses = 'all'").train, numbers.train);
    let listed = load("targets = ['cat', 'dog', 'ant', 'cat']\nclasses = ['dog', 'cat']");
    assert_eq!(
        (listed.train.inputs.as_slice(), listed.train.targets.as_slice()),
        (&[1.0, 2.0, 4.0][..], &[1.0, -1.0, 1.0][..])
    );
    assert!(listed.provenance.remarks[0].contains("1 sample of data.inputs is left out"), "{:?}", listed.provenance);
    let three = load("targets = [0, 1, 2, 1]\nclasses = 'all'\ntest_inputs = [[5]]\ntest_targets = [2]");
    assert_eq!(three.train.targets.row(1).iter().copied().collect::<Vec<_>>(), [0.0, 1.0, 0.0]);
    assert_eq!(three.test.unwrap().targets.as_slice(), [0.0, 0.0, 1.0]);
}

#[test]
fn mistakes_are_refused() {
    let refused = |section: &str, parts: &[&str]| {
        assert_refused(&format!("kind = 'inline'\n{section}"), Path::new(""), parts);
    };
    refused("inputs = [[1, 2], [3, 4]]\ntargets = [[1]]", &["`data.targets` is 1 × 1", "2 × 2"]);
    refused("inputs = [[1, 2], [3, nan]]\ntargets = [[1], [2]]", &["column 2 of row 2 of `data.inputs` is nan"]);
    let wanted = "column 2 of row 1 of `data.inputs` is 9007199254740993; it must be a number that f64 holds";
    refused("inputs = [[1, 9007199254740993]]\ntargets = [[1]]", &[wanted]);
    refused("inputs = [[1, 2], [3]]\ntargets = [[1], [2]]", &["row 2 of `data.inputs` has 1 numbers"]);
    let samples = "inputs = [[1], [2]]\n";
    let refused_targets = |more: &str, part: &str| refused(&format!("{samples}{more}"), &[part]);
    refused_targets("targets = [1, -1]", "`data.targets` is a list of 2 values; it must be a list of rows");
    refused_targets("targets = [1]\nclasses = 'all'", "`data.targets` is a list of 1 and the inputs 2 × 1");
    refused_targets(
        "targets = [[1, 0], [0, 1]]\nclasses = 'all'",
        "`data.targets` is 2 × 2, and data.classes are those of one label",
    );
    refused_targets("targets = [1, 1]\nclasses = 'all'", "data.targets: all samples have the same label");
    refused_targets("targets = [1, 2]\nclasses = [1, 3]", "no sample has the label 3");
    refused_targets("targets = [1, true]\nclasses = 'all'", "`data.targets[1]` is true");
    refused_targets("targets = []\nclasses = 'all'", "`data.targets` is []; it must be a list of at least one row");
    refused_targets(
        "targets = [1, 2]\nclasses = 'all'\ntest_inputs = [[3]]\ntest_targets = [3]",
        "data.test_targets: a sample has the label 3, which no training sample has",
    );
    refused("inputs = []\ntargets = []", &["`data.inputs` is []"]);
    refused("inputs = [[1]]\ntargets = [[1]]\ntrain_samples = 0", &["train_samples` is 0"]);
    refused("inputs = [[1]]\ntargets = [[1]]\ntrain_samples = 2", &["it has 1 samples", "2 training"]);
    refused("inputs = [[1]]\ntargets = [[1]]\ntest_samples = 1", &["it has 1 samples", "1 test samples"]);
    refused("inputs = [[1]]\ntargets = [[1]]\ntest_inputs = [[1]]", &["`data.test_targets` is missing"]);
    refused(
        "inputs = [[1]]\ntargets = [[1]]\ntest_inputs = []\ntest_targets = [[1]]",
        &["`data.test_targets` is [[1]]", "data.test_inputs"],
    );
    refused(
        "inputs = [[1]]\ntargets = [[1]]\ntest_inputs = [[1, 2]]\ntest_targets = [[1]]",
        &["test inputs are 1 × 2", "training inputs 1 × 1"],
    );
    refused(
        "inputs = [[1]]\ntargets = [[1]]\ntest_inputs = [[1]]\ntest_targets = [[1]]\ntest_samples = 2",
        &["data.test_inputs", "2 test samples are wanted"],
    );
    refused("inputs = [[1]]\ntargets = [[1]]\nstandardize = 'featur'", &["did you mean `feature`?"]);
    refused("inputs = [[0]]\ntargets = [[1]]\nnormalize = 'unit'", &["row 1 is 0"]);
    refused(
        "inputs = [[1e300], [-1e300]]\ntargets = [[1], [1]]\nstandardize = 'feature'",
        &["variance is inf", "too large", "standardize"],
    );
    refused(
        "inputs = [[1e-200], [3e-200]]\ntargets = [[1], [1]]\nstandardize = 'feature'",
        &["variance is 0e0", "too small", "standardize"],
    );
}

#[test]
fn inputs_may_be_zero() {
    for standardize in ["none", "feature", "global"] {
        let section =
            format!("kind = 'inline'\ninputs = [[0], [0]]\ntargets = [[1], [2]]\nstandardize = '{standardize}'");
        assert_eq!(load(&section, Path::new("")).unwrap().train.inputs.amax(), 0.0);
    }
}

#[test]
fn kinds_are_listed() {
    assert_refused("kind = 'hdf5'", Path::new(""), &["inline, teacher, idx, cifar, csv, npy"]);
}

#[test]
fn a_segment_between_two_prepared_samples_is_tested_on() {
    let base = "kind = 'inline'\ninputs = [[1], [3], [5]]\ntargets = [[0], [1], [-1]]\nstandardize = 'global'\n";
    let data = load(&format!("{base}test_segment = {{ from = 0, to = 2, points = 3 }}"), Path::new("")).unwrap();
    let test = data.test.unwrap();
    let ends = [data.train.inputs[0], data.train.inputs[2]];
    assert_eq!(test.inputs.as_slice(), [ends[0], (ends[0] + ends[1]) / 2.0, ends[1]]);
    assert_eq!(test.targets.as_slice(), [0.0, -0.5, -1.0]);
    assert_refused(
        &format!("{base}test_segment = {{ from = 0, to = 3, points = 3 }}"),
        Path::new(""),
        &["no training sample 3"],
    );
    assert_refused(
        &format!("{base}test_segment = {{ from = 0, to = 1, points = 1 }}"),
        Path::new(""),
        &["points` is 1"],
    );
}

#[test]
fn keys_of_earlier_versions_are_answered_with_their_new_names() {
    let base = "kind = 'inline'\ninputs = [[1]]\ntargets = [[0]]\n";
    assert_refused(&format!("{base}standardise = 'global'"), Path::new(""), &["`data.standardise`", "`standardize`"]);
    assert_refused(&format!("{base}normalise = 'unit'"), Path::new(""), &["`data.normalise`", "`normalize`"]);
}
