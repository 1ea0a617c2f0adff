//! CIFAR-10 binary files, whole and corrupt.

use super::{assert_refused, folder, load};

fn record(label: u8, pixel: u8) -> Vec<u8> {
    [vec![label], vec![pixel; 3071], vec![255]].concat()
}

#[test]
fn batches_follow_each_other() {
    let files =
        folder(&[("a", [record(1, 0), record(0, 51)].concat()), ("b", record(1, 102)), ("test", record(0, 255))]);
    let data = load("kind = 'cifar'\ntrain = ['a', 'b']\ntest = ['test']", files.path()).unwrap();
    assert_eq!(data.train.inputs.shape(), (3, 3072));
    assert_eq!(data.train.inputs.column(0).as_slice(), [0.0, 0.2, 0.4]);
    assert_eq!(data.train.inputs.column(3071).as_slice(), [1.0; 3]);
    assert_eq!(data.train.targets.as_slice(), [1.0, -1.0, 1.0]);
    assert_eq!(data.provenance.input_shape, [3, 32, 32]);
    assert_eq!(data.test.unwrap().targets.as_slice(), [-1.0]);
}

#[test]
fn corrupt_files_are_refused() {
    let files = folder(&[
        ("short", record(1, 0)[..3000].to_vec()),
        ("empty", vec![]),
        // A batch of the version for Python begins so: protocol 2, a dictionary.
        ("data_batch_1", b"\x80\x02}q\x01(U\x0bbatch_labelq\x02".to_vec()),
        ("label", [record(1, 0), record(77, 0)].concat()),
    ]);
    let refused = |train: &str, parts: &[&str]| {
        assert_refused(&format!("kind = 'cifar'\ntrain = {train}"), files.path(), parts);
    };
    refused("['short']", &["short", "3000 bytes", "3073"]);
    refused("['empty']", &["0 bytes"]);
    refused("['label']", &["record 2 has label 77"]);
    refused("['data_batch_1']", &["CIFAR's version for Python, a pickle", "data_batch_1.bin"]);
    refused("['missing']", &["cannot read"]);
    refused("[]", &["data.train` is []"]);
    refused("'short'", &["must be a list"]);
}
