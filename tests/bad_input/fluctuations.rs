//! Bad input of `widenet fluctuations`.

use super::{contains, folder, refusal, with};
use crate::common::{PROBLEM, write};

#[track_caller]
fn refused(text: &str, options: &[&str], parts: &[&str]) {
    let folder = folder();
    let path = write(folder.path(), "problem.toml", text);
    contains(&refusal(&[&["fluctuations", &path], options].concat()), parts);
}

#[test]
fn numbers_out_of_range() {
    refused(PROBLEM, &["--networks", "1"], &["networks = 1", "between 2"]);
    refused(PROBLEM, &["--networks", "2000000"], &["networks = 2000000", "1000000"]);
    refused(PROBLEM, &["--small-width", "3"], &["small width = 3", "between 4"]);
    for tolerance in ["0", "-1", "inf", "x"] {
        let option = format!("train_loss={tolerance}");
        refused(PROBLEM, &["--tolerance-on", &option], &["tolerance of train_loss", tolerance, "> 0"]);
    }
    refused(PROBLEM, &["--tolerance-on", "loss=1"], &["loss"]);
    refused(PROBLEM, &["--tolerance-on", "train_loss"], &["QUANTITY=TOLERANCE"]);
    refused(PROBLEM, &["--tolerance-on", "outputs=1"], &["outputs=1", "not recorded", "train_loss"]);
    refused(PROBLEM, &["--width", "inf"], &["--width inf", "finite"]);
    refused(PROBLEM, &["--width", "63"], &["--width 63", "64", "--small-width"]);
    refused(PROBLEM, &["--accuracy", "0.1"], &["accuracy = 0.1", "quadrature"]);
}

#[test]
fn limits_that_networks_do_not_share() {
    let lazy = with("kind = \"mean_field\"", "kind = \"ntk\"");
    refused(&lazy, &[], &["record.quantities", "random function", "tangent_kernel", "mean_field"]);
    let batches = with("kind = \"gd\"", "kind = \"sgd\"\nbatch_size = 1");
    refused(&batches, &[], &["optimizer.batch_size = 1", "gd"]);
    let ensemble = format!("{PROBLEM}[ensemble]\nnetworks = 4\n")
        .replace("hidden_layers = 2", "hidden_layers = 2\nactivation = \"relu\"");
    refused(&ensemble, &[], &["ensemble", "leave the section out"]);
    let standard = with("kind = \"mean_field\"", "kind = \"standard\"");
    refused(&standard, &[], &["limit"]);
    let classifier = with("hidden_layers = 2", "hidden_layers = 1\nactivation = \"relu\"")
        .replace("[0.5]]", "[1.0]]")
        .replace("[optimizer]", "[loss]\nkind = \"logistic\"\n[optimizer]");
    refused(&classifier, &[], &["classifier", "particles"]);
}
