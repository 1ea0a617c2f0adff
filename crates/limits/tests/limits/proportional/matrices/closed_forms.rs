//! Reference cases of moments, determinants, eigenvalues and single steps, and closed forms at their ends.

use serde_json::Value;
use widenet_core::Matrix;
use widenet_limits::proportional::{
    EigenvalueRatio, HiddenLayers, InputKernel, LayerGroup, SecondMoments, SplittingNormals, bartlett_factor,
    factor_second_moments, log_determinant, splitting_step,
};

fn reference(id: &str) -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/proportional.json");
    let text = std::fs::read_to_string(path).expect("the reference file");
    let all: Value = serde_json::from_str(&text).expect("JSON");
    let cases = all["cases"].as_array().expect("cases");
    cases.iter().find(|case| case["id"] == id).expect("the case").clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}

fn matrix(value: &Value) -> Matrix {
    let rows: Vec<Vec<f64>> = value.as_array().expect("rows").iter().map(numbers).collect();
    Matrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

fn widths(value: &Value) -> Vec<u64> {
    value.as_array().expect("a list").iter().map(|x| x.as_u64().expect("a width")).collect()
}

/// The finite network and the limit of a case.
fn both(case: &Value) -> [(&'static str, HiddenLayers); 2] {
    let inputs = &case["inputs"];
    [
        ("finite", HiddenLayers::finite(&widths(&inputs["finite"]["widths"])).expect("widths")),
        ("limit", HiddenLayers::limit(inputs["limit"]["alpha"].as_f64().expect("alpha")).expect("alpha")),
    ]
}

#[track_caller]
fn close(got: f64, expected: f64, case: &Value) {
    let tolerance = |key: &str| case["tolerance"][key].as_f64().expect("a tolerance");
    let allowed = tolerance("abs") + tolerance("rel") * expected.abs();
    assert!((got - expected).abs() <= allowed, "{}: {got} against {expected}", case["id"]);
}

#[track_caller]
fn close_matrices(got: &Matrix, expected: &Value, case: &Value) {
    let expected = matrix(expected);
    assert_eq!(got.shape(), expected.shape());
    got.iter().zip(expected.iter()).for_each(|(got, expected)| close(*got, *expected, case));
}

#[test]
fn v04_second_moments() {
    let case = reference("V04");
    let kernel = matrix(&case["inputs"]["K0"]);
    for (name, layers) in both(&case) {
        let expected = &case["expected"][name];
        let moments = SecondMoments::new(&layers);
        let entries = case["inputs"]["ijkl"].as_array().expect("entries");
        for (entry, expected) in entries.iter().zip(numbers(&expected["EKK"])) {
            let entry = widths(entry);
            let entry = [0, 1, 2, 3].map(|k| entry[k] as usize);
            close(moments.kernel(&kernel, entry), expected, &case);
        }
        let same = expected["E_f0^2_f1^2_same_output"].as_f64().expect("a number");
        close(moments.same_output(&kernel, [0, 0, 1, 1]), same, &case);
        let correlation = expected["corr_of_squares_two_outputs_same_input"].as_f64().expect("a number");
        close(moments.correlation_of_squares(), correlation, &case);
        // The correlation is the covariance over the variance of f², from the other functions.
        let variance = moments.same_output(&kernel, [0; 4]) - kernel[(0, 0)].powi(2);
        close(moments.covariance_of_squares(&kernel, 0, 0) / variance, correlation, &case);
        let product = moments.kernel(&kernel, [0, 0, 1, 1]) - kernel[(0, 0)] * kernel[(1, 1)];
        assert!((moments.covariance_of_squares(&kernel, 0, 1) - product).abs() < 1e-13);
    }
}

#[test]
fn second_moments_at_the_ends() {
    let identity = Matrix::identity(2, 2);
    let nngp = SecondMoments::new(&HiddenLayers::nngp());
    assert_eq!((nngp.correlation_of_squares(), nngp.covariance_of_squares(&identity, 0, 0)), (0.0, 0.0));
    assert_eq!(nngp.kernel(&identity, [0, 0, 1, 1]), 1.0);
    // After a layer of width 1 the kernel is q z zᵀ: E K_00 K_11 = E K_01².
    let narrow = SecondMoments::new(&HiddenLayers::finite(&[1, 4]).expect("widths"));
    assert_eq!(narrow.antisymmetric(), 0.0);
    assert_eq!(narrow.kernel(&identity, [0, 0, 1, 1]), narrow.kernel(&identity, [0, 1, 0, 1]));
    let deep = SecondMoments::new(&HiddenLayers::limit(1e4).expect("alpha"));
    assert!((deep.correlation_of_squares() - 1.0 / 3.0).abs() < 1e-15);
    assert_eq!(deep.kernel(&Matrix::zeros(1, 1), [0; 4]), 0.0);
}

#[test]
fn v05_log_determinant() {
    let case = reference("V05");
    let size = case["inputs"]["m"].as_u64().expect("m");
    for (name, layers) in both(&case) {
        let law = log_determinant(&layers, size).expect("a law");
        close(law.mean, case["expected"][name]["mean"].as_f64().expect("a number"), &case);
        close(law.variance, case["expected"][name]["var"].as_f64().expect("a number"), &case);
    }
    let error = log_determinant(&HiddenLayers::finite(&[6, 2]).expect("widths"), 3).expect_err("singular");
    assert!(error.to_string().contains("width 2"), "{error}");
}

#[test]
fn v09_eigenvalue_ratio() {
    let case = reference("V09");
    let (inputs, expected) = (&case["inputs"], &case["expected"]);
    let law = EigenvalueRatio::new(inputs["alpha"].as_f64().expect("alpha")).expect("alpha");
    for (rho, density) in numbers(&inputs["rho"]).into_iter().zip(numbers(&expected["density"])) {
        close(law.density(rho), density, &case);
    }
    close(law.mean_squared_correlation(), expected["E_corr_squared"].as_f64().expect("a number"), &case);
    close(law.expectation(f64::cosh), expected["E_cosh_rho"].as_f64().expect("a number"), &case);
    close(law.mean_trace_of_square(), expected["E_tr_Q2"].as_f64().expect("a number"), &case);
}

#[test]
fn eigenvalue_ratio_has_its_closed_moments() {
    for alpha in [1e-6, 0.05, 0.5, 1.0, 3.0, 8.0, 60.0] {
        let law = EigenvalueRatio::new(alpha).expect("alpha");
        let mass = law.expectation(|_| 1.0);
        let cosh = law.expectation(f64::cosh) / alpha.exp();
        let second = law.expectation(|rho| 1.5 * rho.cosh().powi(2) - 0.5) / (3.0 * alpha).exp();
        for (name, value) in [("mass", mass), ("E cosh", cosh), ("E P_2(cosh)", second)] {
            assert!((value - 1.0).abs() < 2e-12, "alpha = {alpha}: relative {name} − 1 = {:e}", value - 1.0);
        }
    }
    // ρ² is exponential of mean 2α as α → 0, and E corr² → E ρ²/2.
    let small = EigenvalueRatio::new(1e-6).expect("alpha");
    assert!((small.mean_squared_correlation() / 1e-6 - 1.0).abs() < 1e-5);
    assert_eq!(EigenvalueRatio::new(0.0).expect("alpha").mean_squared_correlation(), 0.0);
    for alpha in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(EigenvalueRatio::new(alpha).is_err());
    }
}

#[test]
fn v10_bartlett_assembly() {
    let case = reference("V10");
    let (inputs, expected) = (&case["inputs"], &case["expected"]);
    let kernel = InputKernel::new(&matrix(&inputs["K0"])).expect("a kernel");
    let mut product = kernel.root().clone();
    for (layer, width) in widths(&inputs["widths"]).into_iter().enumerate() {
        let chi_squares = numbers(&inputs["chi2_diagonals"][layer]);
        let normals = numbers(&inputs["normals_column_by_column_below_diagonal"][layer]);
        let factor = bartlett_factor(product.ncols(), width, &chi_squares, &normals).expect("a factor");
        close_matrices(&factor, &expected["T"][layer], &case);
        product *= factor;
    }
    close_matrices(&(&product * product.transpose()), &expected["K_L"], &case);
    assert_eq!(product.ncols() as u64, expected["rank"].as_u64().expect("a rank"));
    assert!(bartlett_factor(3, 2, &[1.0, 1.0], &[0.0; 2]).is_err());
    assert!(bartlett_factor(3, 0, &[], &[]).is_err());
    assert!(bartlett_factor(1, 2, &[-1.0], &[]).is_err());
}

#[test]
fn v11_splitting_step() {
    let case = reference("V11");
    let inputs = &case["inputs"];
    let normals = SplittingNormals {
        first_half: numbers(&inputs["g_first_half"]),
        off_diagonal: numbers(&inputs["g_off"]),
        second_half: numbers(&inputs["g_second_half"]),
    };
    let (start, step) = (matrix(&inputs["X"]), inputs["h"].as_f64().expect("h"));
    for (name, reverse) in [("forward", false), ("reverse", true)] {
        let after = splitting_step(&start, step, &normals, reverse).expect("a step");
        close_matrices(&after, &case["expected"][name], &case);
    }
    assert!(splitting_step(&start, -0.1, &normals, false).is_err());
    assert!(splitting_step(&Matrix::identity(2, 2), 0.1, &normals, false).is_err());
}

/// Squared entries of the triangular factor: by hand for one layer, rows of sum 1 (E Q = I), and a million layers at the limit.
#[test]
fn second_moments_of_the_triangular_factor() {
    let finite = |widths: &[u64]| factor_second_moments(&HiddenLayers::finite(widths).expect("widths"), 3);
    let one = finite(&[4]).expect("moments");
    assert_eq!(one, Matrix::from_row_slice(3, 3, &[1.0, 0.0, 0.0, 0.25, 0.75, 0.0, 0.25, 0.25, 0.5]));
    for row in finite(&[9, 4, 4, 30]).expect("moments").row_iter() {
        assert!((row.sum() - 1.0).abs() < 1e-14, "{row}");
    }
    let alpha: f64 = 0.7;
    let limit = factor_second_moments(&HiddenLayers::limit(alpha).expect("alpha"), 3).expect("moments");
    assert!((limit[(2, 1)] - ((-alpha).exp() - (-2.0 * alpha).exp())).abs() < 1e-15, "{limit}");
    let group = LayerGroup { width: 1_000_000, count: 700_000 };
    let wide = factor_second_moments(&HiddenLayers::new(&[group], 0.0).expect("widths"), 3).expect("moments");
    assert!((&wide - &limit).amax() < 2e-6, "{wide}{limit}");
    assert!(finite(&[4, 2]).expect_err("a narrow layer").to_string().contains("not 2"));
}
