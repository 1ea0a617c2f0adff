//! IDX files, whole and corrupt.

use std::path::Path;
use tempfile::TempDir;

use super::{assert_refused, folder, load, matrix};

fn idx(sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    let header = [0, 0, 8, sizes.len() as u8].into_iter().chain(sizes.iter().flat_map(|size| size.to_be_bytes()));
    header.chain(bytes.iter().copied()).collect()
}

/// Four images of one pixel row each with labels 7, 3, 9, 3.
fn images() -> TempDir {
    folder(&[
        ("images", idx(&[4, 1, 2], &[0, 255, 51, 0, 255, 255, 102, 102])),
        ("labels", idx(&[4], &[7, 3, 9, 3])),
        ("other-images", idx(&[1, 1, 2], &[1, 2])),
        ("other-labels", idx(&[1], &[5])),
    ])
}

const BASE: &str = "kind = 'idx'\nimages = 'images'\nlabels = 'labels'\n";

#[test]
fn all_labels_give_sorted_one_hot_targets() {
    let data = load(BASE, images().path()).unwrap().train;
    assert_eq!(data.inputs, matrix(2, &[0.0, 1.0, 0.2, 0.0, 1.0, 1.0, 0.4, 0.4]));
    assert_eq!(data.targets, matrix(3, &[0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]));
}

#[test]
fn two_classes_give_signs_in_the_order_asked_for() {
    let section = format!("{BASE}classes = [9, 3]\npixel_scale = 51\ntrain_samples = 2\ntest_samples = 1");
    let data = load(&section, images().path()).unwrap();
    assert_eq!(data.train.inputs, matrix(2, &[1.0, 0.0, 5.0, 5.0]));
    assert_eq!(data.train.targets.as_slice(), [1.0, -1.0]);
    assert_eq!(data.test.unwrap().inputs, matrix(2, &[2.0, 2.0]));
}

#[test]
fn wrong_choices_are_refused() {
    let refused = |more: &str, parts: &[&str]| assert_refused(&format!("{BASE}{more}"), images().path(), parts);
    refused("classes = [3, 4]", &["no image has the label 4"]);
    refused("classes = [3, 3]", &["classes` is [3, 3]", "two different labels"]);
    refused("classes = [3]", &["two different labels"]);
    refused("classes = [3, 300]", &["classes[1]` is 300", "0 to 255"]);
    refused("pixel_scale = 0", &["pixel_scale` is 0"]);
    refused("classes = [3, 9]\ntrain_samples = 4", &["it has 3 samples", "4 training"]);
    refused("test_images = 'other-images'\ntest_labels = 'other-labels'", &["label 5, which no training image has"]);
    refused("test_images = 'missing'\ntest_labels = 'other-labels'", &["cannot read", "missing"]);
    let one_class = "kind = 'idx'\nimages = 'other-images'\nlabels = 'other-labels'";
    assert_refused(one_class, images().path(), &["label [5]", "two classes"]);
    let directory = "kind = 'idx'\nimages = '.'\nlabels = 'labels'";
    assert_refused(directory, images().path(), &["cannot read", "folder"]);
}

#[test]
fn corrupt_files_are_refused() {
    let good_images = || idx(&[2, 1, 2], &[1, 2, 3, 4]);
    let good_labels = || idx(&[2], &[0, 1]);
    let refused = |images: Vec<u8>, labels: Vec<u8>, parts: &[&str]| {
        assert_refused(BASE, folder(&[("images", images), ("labels", labels)]).path(), parts);
    };
    refused(good_images()[..15].to_vec(), good_labels(), &["images", "ends after 15 bytes"]);
    refused(
        good_images()[..19].to_vec(),
        good_labels(),
        &["promises images of sizes [2, 1, 2], 4 bytes", "3 bytes follow"],
    );
    refused([good_images(), vec![0]].concat(), good_labels(), &["5 bytes follow"]);
    refused(vec![], good_labels(), &["ends after 0 bytes"]);
    refused(b"RIFFxxxxxxxxxxxxxxxx".to_vec(), good_labels(), &["starts with the bytes", "[0, 0, 8, 3]"]);
    refused(good_images(), good_images(), &["labels", "[0, 0, 8, 1]"]);
    refused(good_images(), idx(&[3], &[0, 1, 1]), &["2 images", "3 labels"]);
    refused(vec![0x1f, 0x8b, 8, 0], good_labels(), &["gzip"]);
    refused(idx(&[0, 1, 2], &[]), idx(&[0], &[]), &["0 bytes follow"]);
    // A header that promises 2^96 bytes must fail before anything is allocated.
    refused(idx(&[u32::MAX; 3], &[0]), good_labels(), &["over 2^64"]);
    refused(idx(&[u32::MAX, 1, 1], &[0]), good_labels(), &["4294967295 bytes", "1 bytes follow"]);
}

/// The files above, compressed with the module gzip of Python.
#[test]
fn compressed_files_are_read() {
    let images = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 99, 96, 224, 96, 102, 96, 96, 96, 1, 98, 70, 32, 102, 98, 248, 111, 204, 240,
        255, 127, 90, 26, 0, 108, 189, 199, 6, 24, 0, 0, 0,
    ];
    let labels = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 99, 96, 224, 96, 100, 96, 96, 96, 97, 103, 230, 100, 6, 0, 11, 88, 163, 93,
        12, 0, 0, 0,
    ];
    let files = folder(&[("images", images.to_vec()), ("labels", labels.to_vec())]);
    let plain = load(BASE, self::images().path()).unwrap();
    assert_eq!(load(BASE, files.path()).unwrap(), plain);
    assert_eq!(plain.provenance.input_shape, [1, 2]);
    let cut = folder(&[("images", images[..images.len() - 9].to_vec()), ("labels", labels.to_vec())]);
    assert_refused(BASE, cut.path(), &["images", "compressed with gzip and damaged"]);
}

/// The digits of scikit-learn: `load_digits().data.sum() == 561718.0` and `bincount(target)[:2] == [178, 182]`.
#[test]
fn digits_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/digits-8x8");
    let section = "kind = 'idx'\nimages = 'images-idx3-ubyte'\nlabels = 'labels-idx1-ubyte'\npixel_scale = 16\n";
    let all = load(section, &folder).unwrap().train;
    assert_eq!((all.inputs.shape(), all.targets.shape()), ((1797, 64), (1797, 10)));
    assert_eq!(all.inputs.sum() * 16.0, 561_718.0);
    assert_eq!((all.targets.column(0).sum(), all.targets.column(1).sum()), (178.0, 182.0));
    let pair = load(&format!("{section}classes = [0, 1]\ntest_samples = 60"), &folder).unwrap();
    assert_eq!((pair.train.inputs.nrows(), pair.test.unwrap().inputs.nrows()), (300, 60));
    assert_eq!((pair.train.targets[0], pair.train.targets[1]), (-1.0, 1.0));
}
