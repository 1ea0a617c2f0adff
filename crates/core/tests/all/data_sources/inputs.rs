//! Data of questions: targets may be missing, and training samples where there are test inputs.

use std::path::Path;

use widenet_core::{
    Matrix, Result,
    data::{DataSource, InputSource, PartialData},
    document::{
        Document,
        shape::{Shape, table},
    },
};

fn load(section: &str) -> Result<PartialData> {
    let text = format!("[data]\nkind = \"inline\"\n{section}");
    let document = Document::from_toml("x.toml", &text)?;
    table::<InputSource>().read(&document.field("data").unwrap())?.load(Path::new(""))
}

#[test]
fn targets_are_there_where_they_are_given() {
    let data = load("inputs = [[1, 2], [3, 4]]\ntest_inputs = [[5, 6]]\ntest_targets = [[1, 0, 0]]").unwrap();
    assert_eq!((data.train.inputs.shape(), data.train.targets.as_ref()), ((2, 2), None));
    assert_eq!((data.output_dimension(), data.test_inputs().map(Matrix::nrows)), (Some(3), Some(1)));
    assert_eq!(data.complete(), None);
    let data = load("inputs = [[1, 2], [3, 4]]\ntargets = [[1], [2]]\ntest_inputs = [[5, 6]]").unwrap();
    assert!(data.complete().unwrap().test.is_none(), "test samples without targets are none");
}

#[test]
fn there_may_be_no_training_samples() {
    let data = load("inputs = []\ntest_inputs = [[5, 6], [7, 8]]\nstandardize = \"feature\"").unwrap();
    assert_eq!((data.train.inputs.shape(), data.train.targets), ((0, 2), None));
    assert_eq!(data.test.unwrap().inputs, Matrix::from_row_slice(2, 2, &[-1.0, -1.0, 1.0, 1.0]));
}

/// What all samples have, their fingerprint has too: results of files with all targets stay where they were.
#[test]
fn the_fingerprint_of_complete_data_is_that_of_a_problem() {
    let text = "[data]\nkind = \"teacher\"\ninput_dimension = 3\ntrain_samples = 4\ntest_samples = 2";
    let document = Document::from_toml("x.toml", text).unwrap();
    let of_problem = DataSource::parse(&document.field("data").unwrap()).unwrap().load(Path::new("")).unwrap();
    let of_question = table::<InputSource>().read(&document.field("data").unwrap()).unwrap();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    of_problem.visit_bytes(|bytes| first.extend_from_slice(bytes));
    of_question.load(Path::new("")).unwrap().visit_bytes(|bytes| second.extend_from_slice(bytes));
    assert_eq!(first, second);
}

#[test]
fn sides_that_do_not_fit_are_refused() {
    for (section, part) in [
        ("inputs = []", "`data.inputs` is empty"),
        (
            "inputs = []\ntargets = [[1]]\ntest_inputs = [[1]]",
            "`data.targets` is [[1]]; it must be [] like `data.inputs`",
        ),
        ("inputs = [[1], [2]]\ntargets = [[1]]", "`data.targets` is 1 × 1 and the inputs 2 × 1"),
        ("inputs = [[1]]\ntargets = []", "a list of at least one row"),
        ("inputs = [[1]]\ntest_targets = [[1]]", "`data.test_inputs` is missing"),
        ("inputs = [[1]]\ntest_inputs = [[1, 2]]", "the numbers of columns must agree"),
        ("inputs = [[1]]\ntargets = [[1]]\ntest_inputs = [[1]]\ntest_targets = [[1, 2]]", "columns must agree"),
        ("inputs = []\ntest_inputs = [[1]]\ntrain_samples = 3", "it has 0 samples"),
        ("inputs = []\ntest_inputs = [[1]]\ntest_segment = { from = 0, to = 1, points = 3 }", "no training sample 0"),
    ] {
        let error = load(section).expect_err(section).to_string();
        assert!(error.contains(part), "{section}: {error}");
    }
}
