//! Archives of NumPy arrays, by key.

use std::{fs, path::Path};

use super::{assert_refused, folder, load, matrix};

/// `np.savez("stored.npz", x=np.arange(12, dtype="<f4").reshape(2, 2, 3), y=[[1.0], [-1.0]])` of NumPy 2.4.6.
const STORED: &[u8] = include_bytes!("stored.npz");

#[test]
fn arrays_of_an_archive_are_read_by_their_keys() {
    let files = folder(&[("data.npz", STORED.to_vec())]);
    let data = load("kind = 'npy'\ninputs = 'data.npz:x'\ntargets = 'data.npz:y'", files.path()).unwrap();
    assert_eq!(data.train.inputs, matrix(6, &(0..12).map(f64::from).collect::<Vec<_>>()));
    assert_eq!(data.train.targets, matrix(1, &[1.0, -1.0]));
    assert_eq!(data.provenance.input_shape, [2, 3]);
}

/// `np.savez_compressed` of the arrays of two files.
#[test]
fn compressed_archives_have_the_arrays_of_their_files() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let read = |inputs: &str, targets: &str| {
        let section = format!("kind = 'npy'\ninputs = '{inputs}'\ntargets = '{targets}'");
        load(&section, &examples).unwrap()
    };
    let archived = read("bars.npz:images", "bars.npz:labels");
    assert_eq!(archived, read("bars-images.npy", "bars-labels.npy"));
    assert_eq!((archived.train.inputs.shape(), archived.provenance.input_shape), ((24, 16), vec![4, 4]));
}

#[test]
fn what_an_archive_does_not_have_is_refused() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let compressed = fs::read(examples.join("bars.npz")).unwrap();
    let mut damaged = compressed.clone();
    damaged[200..400].fill(0xaa);
    let files = folder(&[
        ("data.npz", STORED.to_vec()),
        ("cut.npz", STORED[..STORED.len() / 2].to_vec()),
        ("damaged.npz", damaged),
        ("text.npz", b"no archive".to_vec()),
        ("x.npy", STORED.to_vec()),
    ]);
    let refused = |inputs: &str, parts: &[&str]| {
        assert_refused(&format!("kind = 'npy'\ninputs = '{inputs}'\ntargets = '{inputs}'"), files.path(), parts);
    };
    refused("data.npz:z", &["data.npz:z", "no array `z`", "x, y"]);
    refused("data.npz:", &["no array ``"]);
    refused("data.npz", &["it holds the arrays x, y", "\"data.npz:x\""]);
    refused("cut.npz:x", &["cut.npz", "no archive of NumPy arrays"]);
    refused("damaged.npz:images", &["damaged"]);
    refused("text.npz:x", &["no archive of NumPy arrays"]);
    refused("text.npz", &["text.npz"]);
    refused("missing.npz:x", &["cannot read", "missing.npz"]);
    refused("x.npy", &["archive", "\"data.npz:x\""]);
}
