//! Checks of kind `transfer`, on real networks.

use std::fs;

use crate::common::{Said, run, write};

/// Deep linear networks by their law, whose learning rates are best where training is fastest, with an axis.
fn study(parameterization: &str, check: &str, figure: &str) -> Said {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "[study]\nname = \"transfer\"\nclaim = \"the best learning rate is the same at every width\"\nexpected = \"exponent 0\"\n\
         [problem]\nnetwork = {{ hidden_layers = 2 }}\nparameterization = {parameterization}\n\
         data = {{ kind = \"teacher\", input_dimension = 8, train_samples = 6 }}\n\
         optimizer = {{ kind = \"gd\", learning_rate = 0.1, steps = 10 }}\nrecord = {{ at = [10], quantities = [\"train_loss\"] }}\n\
         [axes]\nwidth = [64, 256, 1024, 4096]\nseed = {{ count = 4 }}\nengine = [\"law\"]\n\
         optimizer.learning_rate = [0.00001, 0.00002, 0.00004, 0.00008, 0.00016, 0.00032, 0.00064, 0.00128, 0.00256, 0.00512, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28]\n\
         [[metric]]\nname = \"loss\"\nquantity = \"train_loss\"\nover = \"final\"\n\
         [[check]]\nname = \"rate\"\nkind = \"transfer\"\nmetric = \"loss\"\naxis = \"optimizer.learning_rate\"\n{check}\n\
         [[figure]]\nname = \"losses\"\nkind = \"scaling\"\nmetric = \"loss\"\nx = \"optimizer.learning_rate\"\nbest = \"smallest\"\n{figure}\n"
    );
    let path = write(folder.path(), "study.toml", &text);
    let said = run(&["study", &path, "--out", folder.path().to_str().expect("UTF-8"), "--device", "cpu"]);
    if said.code != 2 {
        let runs = fs::read_dir(folder.path()).expect("runs").filter_map(|entry| Some(entry.ok()?.path()));
        let directory = runs.into_iter().find(|path| path.is_dir()).expect("a run");
        let figure = fs::read_to_string(directory.join("figures/losses.svg")).expect("a figure");
        assert!(figure.contains("best at ") && figure.contains("star: best mean"), "no stars");
        assert_eq!(figure.contains("cut off: values above 0.01"), text.contains("y_max"));
        assert!(figure.contains("all diverged from "), "no place of divergence");
    }
    said
}

const EXPONENT: &str = "exponent = 0.0\ntolerance = 0.15";

/// In mean-field scaling the optimum stays, in the standard one it falls like 1/m.
#[test]
fn the_best_learning_rate_transfers_in_mean_field_scaling_only() {
    let (mean_field, standard) = ("{ kind = \"mean_field\" }", "{ kind = \"standard\" }");
    let said = study(mean_field, EXPONENT, "lines = true\ny_max = 0.01");
    assert!(said.code == 0 && said.out.contains("confirmed"), "{}{}", said.out, said.err);
    let said = study(standard, EXPONENT, "");
    assert!(said.code == 1 && said.out.contains("refuted"), "{}{}", said.out, said.err);
    let said = study(standard, "at_most = -0.8", "");
    assert!(said.code == 0 && said.out.contains("optimum ∝ x^a, a ≤ -0.8"), "{}{}", said.out, said.err);
    // The axis is too short where its end is best.
    let said = study(standard, "best = \"largest\"\nexponent = 0.0\ntolerance = 0.1", "");
    assert!(said.code == 0 && said.out.contains("end of its axis at"), "{}{}", said.out, said.err);
}

#[test]
fn mistakes_in_checks_of_transfer_are_told() {
    let mean_field = "{ kind = \"mean_field\" }";
    for (check, figure, part) in [
        ("tolerance = 0.1", "", "`check[0].exponent` is missing"),
        ("at_most = 0.0\nexponent = 0.0", "", "`at_most` bounds the exponent; give one or the other"),
        ("exponent = 0.0\ntolerance = 0.1\nmin_r2 = 0.5", "", "min_r2"),
        ("exponent = 0.0\ntolerance = 0.1\nx = \"optimizer.learning_rate\"", "", "must be another axis than `x`"),
        ("exponent = 0.0\ntolerance = 0.1\nbest = \"fastest\"", "", "smallest"),
        (EXPONENT, "x_scale = \"linear\"", "the optimum is found in logarithms of `x`"),
    ] {
        let said = study(mean_field, check, figure);
        assert!(said.code == 2 && said.err.contains(part), "{check} {figure} {part}: {} {}", said.code, said.err);
    }
}
