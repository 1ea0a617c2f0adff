//! Tables of Parquet, which `parquet.py` beside this file made with pandas 3.1.1 and pyarrow 26.0.1.

use std::fs;

use tempfile::TempDir;
use widenet_core::data::read_table;

use super::{assert_refused, folder, load, matrix};

const SNAPPY: &[u8] = include_bytes!("tables/snappy.parquet");
const GZIP: &[u8] = include_bytes!("tables/gzip.parquet");
const ZSTD: &[u8] = include_bytes!("tables/zstd.parquet");
const HARD: &[u8] = include_bytes!("tables/hard.parquet");

fn files() -> TempDir {
    folder(&[
        ("t.parquet", SNAPPY.to_vec()),
        ("gzip.parquet", GZIP.to_vec()),
        ("zstd.parquet", ZSTD.to_vec()),
        ("hard.parquet", HARD.to_vec()),
        ("cut.parquet", SNAPPY[..SNAPPY.len() / 2].to_vec()),
        ("text.parquet", b"a,b\n1,2\n".to_vec()),
    ])
}

/// The numbers that `parquet.py` put there, of every type.
#[test]
fn numbers_of_all_types_are_read() {
    let files = files();
    let inputs = "inputs = ['x', 'single', 'half', 'signed', 'unsigned', 'large', 'flag']";
    for file in ["t", "gzip"] {
        let section = format!("kind = 'parquet'\ntrain = '{file}.parquet'\n{inputs}\ntargets = ['y']");
        let data = load(&section, files.path()).unwrap().train;
        let two = |power: i32| 2f64.powi(power);
        #[rustfmt::skip]
        let expected = [
            0.5, 1.5, 0.5, -128.0, 0.0, two(53), 1.0,
            -1.25, 2.5, 1.0, 127.0, two(32) - 1.0, two(63), 0.0,
            3.0, -3.5, -2.0, 0.0, two(31), two(10), 1.0,
            1e-3, 0.25, 65504.0, 1.0, 1.0, 0.0, 1.0,
            7.0, 8.0, 0.0, -1.0, 2.0, 1.0, 0.0,
        ];
        assert_eq!(data.inputs, matrix(7, &expected));
        assert_eq!(data.targets.as_slice(), [1.0, -1.0, 1.0, 1.0, -1.0]);
    }
}

/// As of CSV: columns by count, name and number; the wanted samples; classes of text, of a dictionary, and of numbers in text.
#[test]
fn columns_and_classes_are_those_of_csv() {
    let files = files();
    let load = |more: &str| load(&format!("kind = 'parquet'\ntrain = 't.parquet'\n{more}"), files.path()).unwrap();
    let leading = load("inputs = 2\ntargets = [9]\ntrain_samples = 2\ntest_samples = 3");
    assert_eq!(leading.train.inputs, matrix(2, &[0.5, 1.5, -1.25, 2.5]));
    assert_eq!(leading.test.unwrap().targets.as_slice(), [1.0, 1.0, -1.0]);
    let all = load("inputs = ['x']\ntargets = ['species']\nclasses = 'all'").train;
    #[rustfmt::skip]
    let one_hot = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0];
    assert_eq!(all.targets, matrix(3, &one_hot));
    let two = load("inputs = ['x']\ntargets = ['species']\nclasses = ['b', 'a']").train;
    assert_eq!(
        (two.inputs.as_slice(), two.targets.as_slice()),
        (&[0.5, -1.25, 3.0, 7.0][..], &[-1.0, 1.0, -1.0, 1.0][..])
    );
    for (column, signs) in [("text", [-1.0, 1.0, -1.0, 1.0, -1.0]), ("y", [1.0, -1.0, 1.0, 1.0, -1.0])] {
        let numbers = load(&format!("inputs = ['x']\ntargets = ['{column}']\nclasses = 'all'")).train;
        assert_eq!(numbers.targets.as_slice(), signs);
    }
    let tested = load("test = 'gzip.parquet'\ninputs = ['x']\ntargets = ['y']\ntest_samples = 1");
    assert_eq!(tested.test.unwrap().inputs.as_slice(), [0.5]);
    // The same table as text gives the same samples.
    let text = "x,species\n0.5,b\n-1.25,a\n3.0,b\n0.001,c\n7.0,a\n";
    fs::write(files.path().join("t.csv"), text).unwrap();
    let csv = super::load(
        "kind = 'csv'\ntrain = 't.csv'\ninputs = ['x']\ntargets = ['species']\nclasses = 'all'",
        files.path(),
    );
    assert_eq!(csv.unwrap().train, all);
}

/// A row that is not wanted may be wrong, as in a file of text.
#[test]
fn what_is_not_read_is_not_judged() {
    let files = files();
    let gap = |more: &str| {
        load(
            &format!("kind = 'parquet'\ntrain = 'hard.parquet'\ninputs = ['x', 'gap']\ntargets = ['y']\n{more}"),
            files.path(),
        )
    };
    assert_eq!(gap("train_samples = 1").unwrap().train.inputs.as_slice(), [1.0, 1.0]);
    assert!(gap("train_samples = 2").is_err());
}

#[test]
fn mistakes_are_refused() {
    let files = files();
    let refused = |file: &str, columns: &str, parts: &[&str]| {
        assert_refused(&format!("kind = 'parquet'\ntrain = '{file}'\n{columns}"), files.path(), parts);
    };
    let hard = |input: &str, parts: &[&str]| {
        refused("hard.parquet", &format!("inputs = ['x', '{input}']\ntargets = ['y']"), parts);
    };
    hard("gap", &["hard.parquet", "row 2, column `gap` is null"]);
    hard("nan", &["row 3, column `nan` is NaN"]);
    hard("odd", &["row 2, column `odd` is 9007199254740993", "float64"]);
    hard("list", &["column `list` holds lists, structs or maps"]);
    hard("struct", &["column `struct` holds lists, structs or maps"]);
    hard("day", &["column `day` holds dates or times"]);
    hard("money", &["column `money` holds decimal numbers"]);
    hard("bytes", &["column `bytes` holds bytes"]);
    hard("text", &["row 1, column `text` is the text `u`", "data.classes"]);
    hard("z", &["no column `z`", "x, "]);
    hard("x", &["column `x` stands twice"]);
    let classes = "inputs = ['x']\ntargets = ['text']\nclasses = 'all'";
    refused("hard.parquet", classes, &["row 3, column `text` is null"]);
    refused("t.parquet", "inputs = [0, 10]\ntargets = ['y']", &["it has 10 columns", "column 10"]);
    refused(
        "t.parquet",
        "inputs = ['x']\ntargets = ['species']\nclasses = ['a', 'oak']",
        &["no sample has the label oak"],
    );
    refused("t.parquet", "inputs = 1\nclasses = 'all'", &["no `data.targets` says where labels are"]);
    refused("zstd.parquet", "inputs = ['x']\ntargets = ['y']", &["column `x` is compressed with zstd", "snappy"]);
    refused("cut.parquet", "inputs = ['x']\ntargets = ['y']", &["cut.parquet", "no whole Parquet table"]);
    refused("text.parquet", "inputs = ['x']\ntargets = ['y']", &["begins with the letters PAR1"]);
    refused("none.parquet", "inputs = ['x']\ntargets = ['y']", &["cannot read"]);
    refused("t.parquet", "inputs = 1\ntargets = ['y']\nheader = true", &["`data.header`"]);
    fs::copy(files.path().join("t.parquet"), files.path().join("t.csv")).unwrap();
    let said = load("kind = 'csv'\ntrain = 't.csv'\ninputs = 1\ntargets = [1]", files.path()).unwrap_err().to_string();
    assert!(said.contains("data.kind = \"parquet\""), "{said}");
}

/// Whatever is damaged in a table is an error or other numbers, and nothing panics: bytes of one are turned over, one after another.
#[test]
fn damaged_tables_are_refused_or_read() {
    let files = files();
    let path = files.path().join("damaged.parquet");
    let section = "kind = 'parquet'\ntrain = 'damaged.parquet'\ninputs = ['x', 'half', 'flag']\ntargets = ['species']\nclasses = 'all'";
    let mut refused = 0;
    for place in (0..SNAPPY.len()).step_by(11) {
        let mut bytes = SNAPPY.to_vec();
        bytes[place] ^= 0xff;
        fs::write(&path, bytes).unwrap();
        refused += usize::from(load(section, files.path()).is_err());
    }
    assert!(refused > 30, "{refused} of {}", SNAPPY.len() / 11);
}

/// A table as it is: numbers with all their digits, text, and nothing where there is nothing, as in a file of text; without columns of lists, dates and others.
#[test]
fn tables_are_read_as_text() {
    let files = files();
    let table = |name: &str| read_table(&files.path().join(name)).unwrap();
    let hard = table("hard.parquet");
    assert_eq!(hard.titles, ["x", "gap", "nan", "odd", "text", "y"]);
    let text = "x,gap,nan,odd,text,y\n1,1,1,1,u,1\n2,,2,9007199254740993,v,-1\n3,3,NaN,3,,1\n";
    fs::write(files.path().join("hard.csv"), text).unwrap();
    let csv = table("hard.csv");
    assert_eq!((&csv.titles, &csv.rows), (&hard.titles, &hard.rows));
    assert!(read_table(&files.path().join("cut.parquet")).unwrap_err().to_string().contains("cut.parquet"));
    assert!(read_table(&files.path().join("none.csv")).unwrap_err().to_string().contains("none.csv"));
}
