//! `widenet coord-check --from` judges what other programs have measured.

use std::{fs, path::Path};

use serde_json::Value;

use crate::common::{Said, run};

/// Exponents of the layers of a table.
const LAYERS: [(&str, f64); 3] = [("fc1", 0.0), ("fc2", 0.5), ("output", -0.5)];

/// A table as mup's `get_coord_data(…).to_csv()` writes it: an index, no seed, three networks a width, `t` from 1. Sizes have noise of a few percent.
fn written(folder: &Path, layers: &[(&str, f64)]) -> String {
    let mut text = String::from(",width,module,t,l1,l2,mean,std\n");
    let mut index = 0;
    for repetition in 0..3 {
        for width in [64.0, 128.0, 256.0, 512.0_f64] {
            for step in 1..=3 {
                for (position, (layer, exponent)) in layers.iter().enumerate() {
                    let noise = 0.03 * f64::sin((index * 7 + repetition) as f64);
                    let size = width.powf(*exponent) * (1.0 + noise) * (1 + position + step) as f64;
                    let row = format!("{index},{width},{layer},{step},{size},{},-0.001,{}\n", 1.3 * size, 1.2 * size);
                    text.push_str(&row);
                    index += 1;
                }
            }
        }
    }
    let path = folder.join("coordinates.csv");
    fs::write(&path, text).expect("a table");
    path.to_str().expect("UTF-8").into()
}

fn check(table: &str, more: &[&str]) -> Said {
    run(&[&["coord-check", "--from", table], more].concat())
}

#[test]
fn tables_of_other_programs_are_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = written(folder.path(), &LAYERS);
    let said = check(&table, &[]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    for quantity in ["l1", "l2", "std"] {
        let line = format!("grows with the width: {quantity} of fc2, at steps 1, 2, 3\n");
        assert!(said.out.contains(&line), "{line}: {}", said.out);
        assert!(said.out.contains(&format!("is not as predicted, or grows: {quantity} of output, at steps 1, 2, 3")));
    }
    assert!(said.out.contains("9 confirmed, 18 refuted, 0 inconclusive") && !said.out.contains("mean"), "{}", said.out);
    assert!(said.err.contains("no column `seed`"), "{}", said.err);
    // What is predicted is confirmed, but what grows is a failure all the same.
    let known = ["--predict", "output=-0.5", "--predict", "fc2=0.5", "--value", "l1"];
    let said = check(&table, &known);
    assert!(said.code == 1 && said.out.contains("9 confirmed, 0 refuted, 0 inconclusive"), "{}", said.out);
    // Without growth it is none.
    let table = written(folder.path(), &[LAYERS[0], LAYERS[2]]);
    let said = check(&table, &["--exempt", "output"]);
    assert!(said.code == 0 && said.out.contains("18 confirmed, 0 refuted"), "{}{}", said.out, said.err);
    assert!(said.out.contains("no prediction: must not grow"), "{}", said.out);
    // Another exponent of all layers but one.
    let said = check(&table, &["--predict", "-0.5", "--predict", "fc1=0"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}

/// Networks in µP, measured in PyTorch (`examples/coordinates.py`): outputs start small, nothing grows.
#[test]
fn networks_of_pytorch_are_judged() {
    let said = check("examples/coordinates.csv", &["--exempt", "output"]);
    assert!(said.code == 0 && !said.out.contains("refuted  "), "{}{}", said.out, said.err);
    let said = check("examples/coordinates.csv", &[]);
    let line = "is not as predicted, or grows: l1 of output, at steps 0, 1\n";
    assert!(said.code == 1 && said.out.contains(line), "{}{}", said.out, said.err);
}

#[test]
fn reports_of_tables_are_files_and_figures() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = written(folder.path(), &LAYERS);
    let (json, figures) = (folder.path().join("check.json"), folder.path().join("figures"));
    let paths = [&json, &figures].map(|path| path.to_str().expect("UTF-8"));
    check(&table, &["--output", paths[0], "--figure", paths[1], "--value", "l1"]);
    let report: Value = serde_json::from_str(&fs::read_to_string(&json).expect("a report")).expect("JSON");
    assert_eq!((&report["table"], &report["tolerance"]), (&Value::from(table), &Value::from(0.1)));
    let rows = report["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 9);
    for row in rows {
        let expected = LAYERS.iter().find(|(layer, _)| row["layer"] == *layer).expect("a layer").1;
        let found = row["exponent"].as_f64().expect("an exponent");
        assert!(row["quantity"] == "l1" && (found - expected).abs() < 0.03, "{row}");
        assert_eq!(row["by_width"].as_array().map(Vec::len), Some(4));
    }
    for file in ["l1-step-1.svg", "l1-step-3.png"] {
        assert!(figures.join(file).metadata().is_ok_and(|file| file.len() > 1000), "{file}");
    }
}

/// A network that diverged leaves its rows undecided; three widths are the fewest.
#[test]
fn what_is_missing_decides_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("table.csv");
    let judged = |cells: [&str; 3]| {
        let mut text = String::from("Width;seed;step;layer;value\n");
        for (width, cell) in [64, 128, 256].iter().zip(cells) {
            text.push_str(&format!("{width};1;0;h;{cell}\n{width};2;0;h;1.01\n{width};3;0;h;0.99\n"));
        }
        fs::write(&path, text).expect("a table");
        check(path.to_str().expect("UTF-8"), &[])
    };
    let said = judged(["1.0", "1.0", "1.0"]);
    assert!(said.code == 0 && said.out.contains("1 confirmed"), "{}{}", said.out, said.err);
    for lost in ["nan", "inf", ""] {
        let said = judged(["1.0", lost, "1.0"]);
        assert!(said.code == 0 && said.out.contains("1 of 9 values are lost"), "{lost}: {}{}", said.out, said.err);
        assert!(said.out.contains("1 of 9 networks diverged: measure with a smaller learning rate"), "{}", said.out);
        assert!(said.err.contains("1 networks of width 128 lack values from step 0 on"), "{}", said.err);
    }
    // Rows that are not there are of networks that diverged, too.
    let mut text = String::from("width,seed,t,layer,value\n");
    for (width, seed, step) in [64, 128, 256]
        .iter()
        .flat_map(|width| [1, 2].map(|seed| (width, seed)))
        .flat_map(|(width, seed)| [0, 1].map(|step| (width, seed, step)))
    {
        if (*width, step) != (256, 1) {
            text.push_str(&format!("{width},{seed},{step},h,1.0{seed}\n"));
        }
    }
    fs::write(&path, text).expect("a table");
    let said = check(path.to_str().expect("UTF-8"), &[]);
    assert!(said.err.contains("2 networks of width 256 lack values from step 1 on"), "{}", said.err);
    assert!(
        said.out.contains("2 of 6 values are lost") && said.out.contains("1 confirmed, 0 refuted, 1 inconclusive"),
        "{}",
        said.out
    );
    let said = judged_all_lost(&path);
    assert!(said.code == 1 && said.out.contains("9 of 9 networks diverged: nothing can be judged"), "{}", said.out);
    let said = judged(["1.0", "0", "1.0"]);
    assert!(said.out.contains("1 of 9 values are 0") && said.out.contains("1 inconclusive"), "{}", said.out);
    fs::write(&path, "width,t,layer,value\n64,1,h,1\n128,1,h,1\n").expect("a table");
    let said = check(path.to_str().expect("UTF-8"), &[]);
    assert!(said.out.contains("fewer than 3 distinct x"), "{}{}", said.out, said.err);
}

/// A table of which nothing is left.
fn judged_all_lost(path: &Path) -> Said {
    let row = |width: i32, seed: i32| format!("{width},{seed},0,h,nan\n");
    let rows: String = [64, 128, 256].iter().flat_map(|width| [1, 2, 3].map(|seed| row(*width, seed))).collect();
    fs::write(path, format!("width,seed,t,layer,value\n{rows}")).expect("a table");
    check(path.to_str().expect("UTF-8"), &[])
}

#[test]
fn mistakes_in_tables_are_told_with_their_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("table.csv");
    let row = "width,seed,t,module,l1\n64,1,1,fc1,0.5\n";
    for (text, more, part) in [
        (
            "seed,t,module,l1\n1,1,fc1,0.5\n".to_owned(),
            &[][..],
            "there is no column `width` with the width; its columns are `seed`, `t`, `module`, `l1`",
        ),
        ("width,module,l1\n64,fc1,0.5\n".into(), &[], "there is no column `t` or `step` with the step"),
        ("width,t,l1\n64,1,0.5\n".into(), &[], "there is no column `module` or `layer` with the name of the layer"),
        (
            "width,t,module,size\n64,1,fc1,0.5\n".into(),
            &[],
            "there is no column of sizes, `value`, `l1`, `l2`, `rms`, `std`, `norm`; name one with --value",
        ),
        (row.into(), &["--value", "l3"], "there is no column `l3` (--value)"),
        (String::new(), &[], "it has no rows; its first line must name the columns"),
        ("width,seed,t,module,l1\n".into(), &[], "it has no rows"),
        (format!("{row}64,1,1,fc1,0.6\n"), &[], "row 2: layer `fc1` of width 64, seed 1 and step 1 is there already"),
        (row.into(), &["--exempt", "fc1", "--predict", "fc1=-0.5"], "layer `fc1` is exempt and has a prediction"),
        (row.into(), &["--exempt", "fc"], "has no layer `fc`; known: fc1"),
        (row.into(), &["--predict", "fc3=1"], "has no layer `fc3`"),
        (row.into(), &["--predict", "fc1=one"], "give an exponent, for example 0, or LAYER=EXPONENT"),
        (format!("{row}0,1,1,fc1,0.5\n"), &[], "row 2, column `width`: `0` is not a width > 0"),
        (format!("{row}wide,1,1,fc1,0.5\n"), &[], "row 2, column `width`: `wide` is not a width > 0"),
        (format!("{row}64,x,1,fc1,0.5\n"), &[], "row 2, column `seed`: `x` is not a whole number"),
        (format!("{row}64,1,1.5,fc1,0.5\n"), &[], "row 2, column `t`: `1.5` is not a whole number"),
        (format!("{row}64,1,1,,0.5\n"), &[], "row 2, column `module`: `` is not a name"),
        (format!("{row}64,2,1,fc1,-0.5\n"), &[], "row 2, column `l1`: `-0.5` is not a size, which is ≥ 0"),
        (format!("{row}64,2,1,fc1,big\n"), &[], "row 2, column `l1`: `big` is not a number"),
        (format!("{row}64,1,1\n"), &[], "table.csv"),
        (row.into(), &["--width", "64,128"], "cannot be used with"),
        (row.into(), &["--set", "loss.kind=hinge"], "cannot be used with"),
    ] {
        fs::write(&path, &text).expect("a table");
        let said = check(path.to_str().expect("UTF-8"), more);
        assert!(said.code == 2 && said.err.contains(part), "{text} {more:?} {part}: {} {}", said.code, said.err);
    }
    let said = run(&["coord-check"]);
    assert!(said.code == 2 && said.err.contains("<PROBLEM>"), "{}", said.err);
    let said = check("no-such-table.parquet", &[]);
    assert!(said.code == 2 && said.err.contains("no-such-table.parquet"), "{}", said.err);
}
