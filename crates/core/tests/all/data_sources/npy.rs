//! NumPy arrays, whole and corrupt.

use widenet_core::{
    Result,
    data::{Dataset, read_npy, write_npy},
};

use super::{folder, load, matrix};

fn npy(version: u8, header: &str, bytes: &[u8]) -> Vec<u8> {
    let mut file = [b"\x93NUMPY".as_slice(), &[version, 0]].concat();
    match version {
        1 => file.extend((header.len() as u16).to_le_bytes()),
        _ => file.extend((header.len() as u32).to_le_bytes()),
    }
    [file, header.as_bytes().to_vec(), bytes.to_vec()].concat()
}

fn array(kind: &str, fortran: bool, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    npy(1, &format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}\n"), bytes)
}

fn doubles(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn load_pair(inputs: Vec<u8>, targets: Vec<u8>, more: &str) -> Result<Dataset> {
    let files = folder(&[("x.npy", inputs), ("y.npy", targets)]);
    load(&format!("kind = 'npy'\ninputs = 'x.npy'\ntargets = 'y.npy'\n{more}"), files.path())
}

#[test]
fn c_and_fortran_order_give_the_same_matrix_also_in_part() {
    let targets = || array("<f8", false, "(3,)", &doubles(&[7.0, 8.0, 9.0]));
    let rows = array("<f8", false, "(3, 2)", &doubles(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    let columns = array("<f8", true, "(3, 2)", &doubles(&[1.0, 3.0, 5.0, 2.0, 4.0, 6.0]));
    let split = "train_samples = 1\ntest_samples = 2";
    let from_rows = load_pair(rows, targets(), split).unwrap();
    assert_eq!(from_rows, load_pair(columns, targets(), split).unwrap());
    let test = from_rows.test.unwrap();
    assert_eq!((test.inputs, test.targets), (matrix(2, &[3.0, 4.0, 5.0, 6.0]), matrix(1, &[8.0, 9.0])));
}

#[test]
fn every_number_type_is_read() {
    let read = |kind: &str, bytes: &[u8]| {
        let targets = array("<f8", false, "(1,)", &doubles(&[0.0]));
        load_pair(array(kind, false, "(1, 1)", bytes), targets, "").unwrap().train.inputs[0]
    };
    assert_eq!(read("<f4", &1.5f32.to_le_bytes()), 1.5);
    assert_eq!(read(">f4", &(-1.5f32).to_be_bytes()), -1.5);
    assert_eq!(read(">f8", &0.1f64.to_be_bytes()), 0.1);
    assert_eq!(read("|i1", &[0xfe]), -2.0);
    assert_eq!(read("|u1", &[0xfe]), 254.0);
    assert_eq!(read("<i2", &(-300i16).to_le_bytes()), -300.0);
    assert_eq!(read(">u2", &60_000u16.to_be_bytes()), 60_000.0);
    assert_eq!(read("<i4", &(-70_000i32).to_le_bytes()), -70_000.0);
    assert_eq!(read("<u4", &4_000_000_000u32.to_le_bytes()), 4e9);
    assert_eq!(read(">i8", &(-1i64 << 50).to_be_bytes()), -((1u64 << 50) as f64));
    assert_eq!(read("<u8", &(1u64 << 63).to_le_bytes()), (1u64 << 63) as f64);
}

/// The layout of NEP 1 for `np.array([[1, 2], [3, 4]], dtype="<i2")`: the header padded to 128 bytes, newline last.
#[test]
fn a_padded_header_is_read_in_versions_one_and_two() {
    let header = format!("{:<117}\n", "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 2), }");
    for version in [1, 2] {
        let file = npy(version, &header, &[1, 0, 2, 0, 3, 0, 4, 0]);
        let data = load_pair(file, array("<f8", false, "(2, 1)", &doubles(&[0.0, 1.0])), "").unwrap();
        assert_eq!(data.train.inputs, matrix(2, &[1.0, 2.0, 3.0, 4.0]));
    }
}

#[test]
fn corrupt_and_unsuitable_files_are_refused() {
    let good = || array("<f8", false, "(2,)", &doubles(&[1.0, 2.0]));
    let refused = |inputs: Vec<u8>, parts: &[&str]| {
        let error = load_pair(inputs, good(), "").unwrap_err().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}\ndoes not contain {parts:?}");
    };
    refused(b"PK\x03\x04 some zip archive".to_vec(), &["x.npy", "numpy.save"]);
    refused(b"\x93NUM".to_vec(), &["ends after 4 bytes"]);
    refused(good()[..40].to_vec(), &["ends after 40 bytes"]);
    refused(good()[..good().len() - 1].to_vec(), &["promises [2] numbers of 8 bytes", "15 bytes follow"]);
    refused(array("<f8", false, "(3,)", &doubles(&[1.0, 2.0, 3.0])), &["y.npy", "2 × 1", "3 × 1"]);
    refused(array("<f8", false, "(1, 1, 2)", &doubles(&[1.0, 2.0])), &["y.npy", "2 × 1", "1 × 2"]);
    refused(array("<f8", false, "(18446744073709551615, 2)", &[]), &["0 bytes follow"]);
    refused(array("<f8", false, "(0, 2)", &[]), &["0 bytes follow"]);
    refused(array("<c16", false, "(2,)", &[0; 32]), &["type '<c16'"]);
    refused(npy(1, "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,), }", &[0; 16]), &["'descr'"]);
    refused(npy(1, "{'descr': '<f8', 'shape': (2,), }", &[0; 16]), &["fortran_order"]);
    refused(npy(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (x,), }", &[0; 16]), &["'shape'"]);
    refused(npy(9, "", &[]), &["version 1, 2 or 3"]);
    refused(array("<f8", false, "(2,)", &doubles(&[1.0, f64::NAN])), &["x.npy", "row 2, column 1 is NaN"]);
    refused(array("<f8", false, "(2,)", &doubles(&[f64::INFINITY, 1.0])), &["row 1, column 1 is inf"]);
}

/// The mistake is told of the file in which it stands.
#[test]
fn targets_that_are_not_finite_are_told_of_their_own_file() {
    let good = array("<f8", false, "(2,)", &doubles(&[1.0, 2.0]));
    let bad = array("<f8", false, "(2,)", &doubles(&[1.0, f64::NAN]));
    let error = load_pair(good, bad, "").unwrap_err().to_string();
    assert!(error.contains("y.npy: row 2, column 1 is NaN") && !error.contains("x.npy"), "{error}");
}

#[test]
fn whole_numbers_that_are_not_held_are_refused() {
    let refused = |array: Vec<u8>, parts: &[&str]| {
        let targets = crate::data_sources::npy::array("<f8", false, "(2,)", &doubles(&[1.0, 2.0]));
        let error = load_pair(array, targets, "").unwrap_err().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}\ndoes not contain {parts:?}");
    };
    let numbers = [1u64 << 53, (1 << 53) + 1].map(u64::to_le_bytes).concat();
    refused(array("<u8", false, "(2, 1)", &numbers), &["x.npy: row 2, column 1 is 9007199254740993", "<f8"]);
    let numbers = [1i64, 2, 3, -(1 << 53) - 1].map(i64::to_le_bytes).concat();
    refused(array("<i8", false, "(2, 2)", &numbers), &["row 2, column 2 is -9007199254740993"]);
    let numbers = [1i64, 2, -(1 << 53) - 1, 3].map(i64::to_le_bytes).concat();
    refused(array("<i8", true, "(2, 2)", &numbers), &["row 1, column 2 is -9007199254740993"]);
}

#[test]
fn what_is_written_is_read_back() {
    let written = matrix(3, &[1.0, -2.5, f64::MIN_POSITIVE, 1e300, 0.1, -0.0]);
    let mut bytes = Vec::new();
    write_npy(&written, &mut bytes).unwrap();
    assert_eq!((bytes.len(), &bytes[..8]), (128 + 48, &b"\x93NUMPY\x01\x00"[..]));
    assert_eq!(&bytes[128..136], &1.0f64.to_le_bytes());
    assert_eq!(&bytes[136..144], &(-2.5f64).to_le_bytes(), "C order");
    let files = folder(&[("a.npy", bytes)]);
    assert_eq!(read_npy(&files.path().join("a.npy")).unwrap(), written);
    let not_finite = array("<f8", false, "(1, 2)", &doubles(&[1.0, f64::NAN]));
    let files = folder(&[("a.npy", not_finite)]);
    let message = read_npy(&files.path().join("a.npy")).unwrap_err().to_string();
    assert!(message.contains("a.npy") && message.contains("row 1, column 2"), "{message}");
}
