//! Files as people have them: classes by name, other separators, arrays of other types and shapes, splits by a seed.

use std::{fs, io::Write, path::Path};

use widenet_core::{
    Result,
    data::{DataSource, Dataset, InputSource},
    document::{Document, keys::required, section, shape::table},
};

section! {
    /// Inputs alone.
    struct Inputs {
        /// Where they come from.
        data: InputSource = required(table()),
    }
}

fn load(folder: &Path, section: &str) -> Result<Dataset> {
    let document = Document::from_toml("problem.toml", &format!("[data]\n{section}"))?;
    DataSource::parse(&document.field("data").expect("a section"))?.load(folder)
}

#[track_caller]
fn refused(folder: &Path, section: &str, part: &str) {
    let error = load(folder, section).expect_err(section).to_string();
    assert!(error.contains(part), "`{part}` is missing in: {error}");
}

const PLANTS: &str = "length,kind\n1,fern\n2,moss\n3,reed\n4,fern\n5,moss\n6,reed\n";

#[test]
fn names_are_classes() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plants.csv"), PLANTS).unwrap();
    let file = "kind = \"csv\"\ntrain = \"plants.csv\"\ninputs = [\"length\"]\ntargets = [\"kind\"]\n";
    let all = load(folder.path(), &format!("{file}classes = \"all\"\ntest_samples = 2\n")).unwrap();
    assert_eq!(all.train.targets.row(2).iter().copied().collect::<Vec<_>>(), [0.0, 0.0, 1.0]);
    assert_eq!(all.test.as_ref().unwrap().targets.nrows(), 2);
    // Two give signs, in the order of the list; samples of others are left out.
    let two = load(folder.path(), &format!("{file}classes = [\"reed\", \"fern\"]\n")).unwrap();
    assert_eq!(two.train.inputs.as_slice(), [1.0, 3.0, 4.0, 6.0]);
    assert_eq!(two.train.targets.as_slice(), [1.0, -1.0, 1.0, -1.0]);
    let said = two.provenance.notes().join("");
    assert!(
        said.contains("2 samples of") && said.contains("plants.csv are left out") && said.contains("2 of moss"),
        "{said}"
    );
    assert_eq!(all.provenance.notes(), Vec::<String>::new());
    let unlabelled = "kind = \"csv\"\ntrain = \"plants.csv\"\ninputs = [\"length\"]\nclasses = \"all\"\n";
    refused(folder.path(), unlabelled, "no `data.targets` says where labels are");
    refused(folder.path(), &format!("{file}classes = [\"fern\", \"oak\"]\n"), "no sample has the label oak");
    refused(folder.path(), &format!("{file}classes = [\"fern\"]\n"), "at least two different");
    refused(folder.path(), file, "`fern` is not a finite number");
}

/// An error about a column names others as a whole, or the one that is meant.
#[test]
fn columns_are_named_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let titles = ["mean leaf length", "mean leaf width", "height above the ground", "kind of the plant"];
    fs::write(folder.path().join("x.csv"), format!("{}\n1,2,3,4\n", titles.join(","))).unwrap();
    let file = |name: &str| {
        format!("kind = \"csv\"\ntrain = \"x.csv\"\ninputs = [\"{name}\"]\ntargets = [\"kind of the plant\"]\n")
    };
    refused(folder.path(), &file("x"), &format!("no column `x` of 4; known: {}", titles.join(", ")));
    refused(folder.path(), &file("mean leaf lenght"), "did you mean `mean leaf length`?");
}

#[test]
fn separators_are_found_and_comments_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("\u{feff}x;y\n1;2\n3;4\n", ""),
        ("# made by hand, with a comma\nx\ty\n1\t2\n# in between\n3\t4\n", ""),
        ("\"x\",\"y\"\n\"1\",2\n3,4\n", ""),
        ("x;y\n1;2\n3;4\n", "delimiter = \"semicolon\"\n"),
    ];
    for (text, more) in cases {
        fs::write(folder.path().join("x.csv"), text).unwrap();
        let file = format!("kind = \"csv\"\ntrain = \"x.csv\"\ninputs = [\"x\"]\ntargets = [\"y\"]\n{more}");
        let data = load(folder.path(), &file).unwrap();
        // What was guessed is said; nothing is where it was given, or is what the format is named after.
        let guessed = [("x;y", "semicolons"), ("x\ty", "tabs")]
            .into_iter()
            .find(|(line, _)| more.is_empty() && text.contains(line));
        let said = data.provenance.notes().join("");
        assert_eq!(said.is_empty(), guessed.is_none(), "{text}: {said}");
        assert!(guessed.is_none_or(|(_, word)| said.contains(&format!("separated by {word}"))), "{text}: {said}");
        assert_eq!(
            (data.train.inputs.as_slice(), data.train.targets.as_slice()),
            (&[1.0, 3.0][..], &[2.0, 4.0][..]),
            "{text}"
        );
    }
}

/// Kernels need no targets; training says what it needs.
#[test]
fn targets_are_needed_for_training_only() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.csv"), "x,y\n1,2\n3,4\n").unwrap();
    let section = "kind = \"csv\"\ntrain = \"x.csv\"\ninputs = [\"x\"]\n";
    let document = Document::from_toml("kernel.toml", &format!("[data]\n{section}")).unwrap();
    let file: Inputs = document.read().unwrap();
    let data = file.data.load(folder.path()).unwrap();
    assert_eq!((data.train.inputs.nrows(), data.train.targets), (2, None));
    refused(folder.path(), section, "the training samples have no targets");
}

/// A shuffle is a permutation of its seed, and folds are each sample once.
#[test]
fn splits_are_those_of_their_seed() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..11).map(|i| format!("{i},{i}\n")).collect();
    fs::write(folder.path().join("x.csv"), format!("x,y\n{rows}")).unwrap();
    let file = "kind = \"csv\"\ntrain = \"x.csv\"\ninputs = [\"x\"]\ntargets = [\"y\"]\n";
    let split = |more: &str| {
        let data = load(folder.path(), &format!("{file}{more}")).unwrap();
        assert_eq!(data.train.inputs.as_slice(), data.train.targets.as_slice());
        (data.train.inputs.as_slice().to_vec(), data.test.map(|test| test.inputs.as_slice().to_vec()))
    };
    let (train, test) = split("shuffle = 1\ntest_samples = 3\n");
    assert_eq!((train.len(), split("shuffle = 1\ntest_samples = 3\n").0), (8, train.clone()));
    assert_ne!(train, split("shuffle = 2\ntest_samples = 3\n").0);
    let mut all = [train, test.unwrap()].concat();
    all.sort_by(f64::total_cmp);
    assert_eq!(all, (0..11).map(f64::from).collect::<Vec<_>>());
    let tests: Vec<f64> =
        (0..3).flat_map(|fold| split(&format!("shuffle = 1\nfolds = 3\nfold = {fold}\n")).1.unwrap()).collect();
    let mut once = tests.clone();
    once.sort_by(f64::total_cmp);
    assert!(once == (0..11).map(f64::from).collect::<Vec<_>>() && tests != once, "{tests:?}");
    refused(folder.path(), &format!("{file}folds = 3\nfold = 3\n"), "fold 3 (from 0) of 3");
    refused(folder.path(), &format!("{file}fold = 1\n"), "give data.folds");
}

fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn arrays_of_every_type_and_shape_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let read = |bytes: Vec<u8>| {
        fs::write(folder.path().join("x.npy"), bytes).unwrap();
        let inputs = widenet_core::data::read_npy(&folder.path().join("x.npy")).unwrap();
        inputs.transpose().as_slice().to_vec()
    };
    assert_eq!(read(npy("|b1", false, "(3,)", &[0, 1, 1])), [0.0, 1.0, 1.0]);
    // 1.5, −2, the smallest subnormal and 65504.
    let halves = [0x3e00u16, 0xc000, 0x0001, 0x7bff];
    let little: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
    let big: Vec<u8> = halves.iter().flat_map(|half| half.to_be_bytes()).collect();
    let wanted = [1.5, -2.0, 2f64.powi(-24), 65504.0];
    assert_eq!(
        (read(npy("<f2", false, "(4,)", &little)), read(npy(">f2", false, "(4,)", &big))),
        (wanted.to_vec(), wanted.to_vec())
    );
    // Two pictures of 2 × 3 pixels: x[n, i, j] = 100 n + 10 i + j, row by row, in either order of memory.
    let of = |n: u8, i: u8, j: u8| 100 * n + 10 * i + j;
    let wanted: Vec<f64> =
        (0..2).flat_map(|n| (0..2).flat_map(move |i| (0..3).map(move |j| f64::from(of(n, i, j))))).collect();
    let c: Vec<u8> = wanted.iter().map(|x| *x as u8).collect();
    let fortran: Vec<u8> = (0..3).flat_map(|j| (0..2).flat_map(move |i| (0..2).map(move |n| of(n, i, j)))).collect();
    assert_eq!(read(npy("|u1", false, "(2, 2, 3)", &c)), wanted);
    assert_eq!(read(npy("|u1", true, "(2, 2, 3)", &fortran)), wanted);
}

/// Text that is compressed reads as it is; an archive of tar in it is named.
#[test]
fn compressed_text_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let compressed = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    fs::write(folder.path().join("plants.csv.gz"), compressed(PLANTS.as_bytes())).unwrap();
    let mut tar = vec![0; 1024];
    tar[..10].copy_from_slice(b"plants.csv");
    tar[257..262].copy_from_slice(b"ustar");
    fs::write(folder.path().join("plants.tar.gz"), compressed(&tar)).unwrap();
    let section = |file: &str| {
        format!("kind = \"csv\"\ntrain = \"{file}\"\ninputs = [\"length\"]\ntargets = [\"kind\"]\nclasses = \"all\"\n")
    };
    let data = load(folder.path(), &section("plants.csv.gz")).unwrap();
    assert_eq!(data.train.inputs.as_slice(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    refused(folder.path(), &section("plants.tar.gz"), "archive of tar");
}

#[test]
fn labels_in_arrays_are_classes() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.npy"), npy("|u1", false, "(5, 1)", &[1, 2, 3, 4, 5])).unwrap();
    fs::write(folder.path().join("y.npy"), npy("|u1", false, "(5,)", &[7, 3, 7, 9, 3])).unwrap();
    let file = "kind = \"npy\"\ninputs = \"x.npy\"\ntargets = \"y.npy\"\n";
    let two = load(folder.path(), &format!("{file}classes = [3, 7]\n")).unwrap().train;
    assert_eq!(
        (two.inputs.as_slice(), two.targets.as_slice()),
        (&[1.0, 2.0, 3.0, 5.0][..], &[1.0, -1.0, 1.0, -1.0][..])
    );
    let left_out = load(folder.path(), &format!("{file}classes = [3, 7]\n")).unwrap().provenance.notes().join("");
    assert!(left_out.contains("1 sample of") && left_out.contains("1 of 9"), "{left_out}");
    refused(folder.path(), "kind = \"npy\"\ninputs = \"x.npy\"\nclasses = \"all\"\n", "no `data.targets` says");
    let all = load(folder.path(), &format!("{file}classes = \"all\"\n")).unwrap().train;
    assert_eq!((all.targets.shape(), all.targets[(0, 1)], all.targets[(3, 2)]), ((5, 3), 1.0, 1.0));
    refused(folder.path(), &format!("{file}classes = [3, 8]\n"), "no sample has the label 8");
    // As of tables: a label of the test samples alone is an error with "all", and left out of a list.
    fs::write(folder.path().join("t.npy"), npy("|u1", false, "(2, 1)", &[1, 2])).unwrap();
    fs::write(folder.path().join("l.npy"), npy("|u1", false, "(2,)", &[7, 8])).unwrap();
    let tested = format!("{file}test_inputs = \"t.npy\"\ntest_targets = \"l.npy\"\n");
    refused(folder.path(), &format!("{tested}classes = \"all\"\n"), "the label 8, which no training sample has");
    let listed = load(folder.path(), &format!("{tested}classes = [3, 7]\n")).unwrap();
    assert_eq!(listed.test.unwrap().targets.as_slice(), [1.0]);
    refused(folder.path(), "kind = \"npy\"\ninputs = \"x.npy\"\n", "have no targets");
}
