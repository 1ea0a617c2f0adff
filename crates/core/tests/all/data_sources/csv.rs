//! Comma-separated text.

use tempfile::TempDir;

use super::{assert_refused, folder, load, matrix};

const TABLE: &str = "a, b ,\"c,d\",y\n1,2,3,10\n4,5,6,20\n7,8,9,30\n";

fn files() -> TempDir {
    folder(&[
        ("t.csv", TABLE.into()),
        ("bare.csv", b"1,2\n3,4\n".to_vec()),
        ("ragged.csv", b"a,b\n1,2\n3\n".to_vec()),
        ("text.csv", b"a,b\n1,2\n\n3,x\n".to_vec()),
        ("nan.csv", b"a,b\n1,nan\n".to_vec()),
        ("twice.csv", b"a,a\n1,2\n".to_vec()),
        ("empty.csv", b"a,b\n".to_vec()),
        ("whole.csv", b"a,b\n9007199254740992,9007199254740993\n".to_vec()),
    ])
}

#[test]
fn columns_are_chosen_by_count_name_or_number() {
    let load = |section: &str| load(&format!("kind = 'csv'\n{section}"), files().path()).unwrap().train;
    let leading = load("train = 't.csv'\ninputs = 2\ntargets = ['y']");
    assert_eq!(leading.inputs, matrix(2, &[1.0, 2.0, 4.0, 5.0, 7.0, 8.0]));
    assert_eq!(leading.targets.as_slice(), [10.0, 20.0, 30.0]);
    assert_eq!(
        load("train = 't.csv'\ninputs = ['c,d', 'b']\ntargets = [3]").inputs.row(0).clone_owned().as_slice(),
        [3.0, 2.0]
    );
    let bare = load("train = 'bare.csv'\ninputs = [1]\ntargets = [0]\nheader = false");
    assert_eq!((bare.inputs.as_slice(), bare.targets.as_slice()), (&[2.0, 4.0][..], &[1.0, 3.0][..]));
}

#[test]
fn reading_stops_after_the_wanted_samples() {
    // The second sample of text.csv is wrong.
    let load = |more: &str| {
        load(&format!("kind = 'csv'\ninputs = ['a']\ntargets = ['b']\ntrain_samples = 1\n{more}"), files().path())
    };
    assert_eq!(load("train = 'text.csv'").unwrap().train.inputs.as_slice(), [1.0]);
    assert!(load("train = 'text.csv'\ntest_samples = 1").is_err());
    let both = load("train = 'text.csv'\ntest = 'text.csv'\ntest_samples = 1").unwrap();
    assert_eq!(both.test.unwrap().targets.as_slice(), [2.0]);
    assert!(load("train = 'text.csv'\ntest = 'text.csv'").is_err());
}

/// `train = "/proc/self/environ"` must not print the environment.
#[test]
fn forty_characters_of_a_file_are_quoted_at_most() {
    let secret = format!("{}SECRET", "x".repeat(41));
    let files = folder(&[
        ("header.csv", format!("{secret},b\n1,2\n").into()),
        ("twice.csv", format!("{secret},{secret}\n1,2\n").into()),
        ("cell.csv", format!("a,b\n{secret},2\n").into()),
    ]);
    for section in [
        "train = 'header.csv'\ninputs = ['a']\ntargets = ['b']".to_string(),
        "train = 'header.csv'\ninputs = [0, 0]\ntargets = ['b']".to_string(),
        "train = 'cell.csv'\ninputs = ['a']\ntargets = ['b']".to_string(),
        format!("train = 'twice.csv'\ninputs = ['{secret}']\ntargets = [1]"),
        format!("train = 'cell.csv'\ninputs = ['{secret}']\ntargets = [1]"),
    ] {
        let error = load(&format!("kind = 'csv'\n{section}"), files.path()).expect_err(&section).to_string();
        assert!(!error.contains("SECRET") && error.contains('…'), "{error}");
    }
}

#[test]
fn mistakes_are_refused() {
    let refused = |section: &str, parts: &[&str]| {
        assert_refused(&format!("kind = 'csv'\n{section}"), files().path(), parts);
    };
    refused("train = 't.csv'\ninputs = 1\ntargets = ['z']", &["no column `z`", "a, b, c,d, y"]);
    refused("train = 't.csv'\ninputs = 1\ntargets = [4]", &["sample 1 has 4 columns; column 4"]);
    refused("train = 'twice.csv'\ninputs = ['a']\ntargets = [1]", &["2 columns are called `a`"]);
    refused("train = 'ragged.csv'\ninputs = 1\ntargets = [1]", &["ragged.csv", "record 2"]);
    refused("train = 'text.csv'\ninputs = 1\ntargets = [1]", &["sample 2, column `b`: `x` is not a finite number"]);
    refused("train = 'nan.csv'\ninputs = 1\ntargets = [1]", &["sample 1, column `b`: `nan`"]);
    refused("train = 'whole.csv'\ninputs = 1\ntargets = [1]", &["sample 1, column `b`: `9007199254740993`", "a point"]);
    refused("train = 'empty.csv'\ninputs = 1\ntargets = [1]", &["it has 0 samples"]);
    refused("train = 'bare.csv'\ninputs = 1\ntargets = ['b']\nheader = false", &["column numbers"]);
    refused("train = 't.csv'\ninputs = 4\ntargets = ['y']", &["t.csv", "column `y` stands twice"]);
    refused("train = 't.csv'\ninputs = ['a', 'a']\ntargets = [1]", &["column `a` stands twice"]);
    refused("train = 'bare.csv'\ninputs = 1\ntargets = [1, 1]\nheader = false", &["column 1 stands twice"]);
    refused("train = 't.csv'\ninputs = 0\ntargets = ['y']", &["inputs` is 0"]);
    refused("train = 't.csv'\ninputs = 1\ntargets = []", &["targets` is []"]);
    refused("train = 'none.csv'\ninputs = 1\ntargets = ['y']", &["cannot read"]);
}
