//! Mixing matrices and feature kernels: reference cases, closed forms, and samplers against networks drawn weight by weight.
//!
//! Two-sample tests have 20 000 draws a side. With at most 18 statistics each, a threshold of 5 fails by chance once in 10⁵; a law that
//! differs by one unit of one width, the negative control, is at more than 7.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use serde_json::Value;
use widenet_core::{
    Matrix,
    seed::{Purpose, stream},
};
use widenet_limits::proportional::{
    EigenvalueRatio, HiddenLayers, InputKernel, LayerGroup, LimitScheme, Sampler, SecondMoments, SplittingNormals,
    bartlett_factor, default_steps, factor_second_moments, log_determinant, splitting_step,
};

use crate::statistics::largest_z;

const DRAWS: u64 = 20_000;
const AGREES: f64 = 5.0;
const DIFFERS: f64 = 7.0;

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

/// `E S⊗S⊗S⊗S` over weighted matrices S, as a matrix of size m⁴.
fn fourth_power(size: usize, matrices: impl Iterator<Item = (f64, Matrix)>) -> Matrix {
    let mut sum = Matrix::zeros(size.pow(4), size.pow(4));
    for (weight, s) in matrices {
        let square = s.kronecker(&s);
        sum += square.kronecker(&square) * weight;
    }
    sum
}

/// Weighted points of products of `count` standard normals, from points of one.
fn grid(points: &[(f64, f64)], count: usize) -> Vec<(f64, Vec<f64>)> {
    (0..count).fold(vec![(1.0, Vec::new())], |grid, _| {
        let extend = |(weight, normals): &(f64, Vec<f64>)| {
            let of = |(x, w): &(f64, f64)| (weight * w, normals.iter().copied().chain([*x]).collect());
            points.iter().map(of).collect::<Vec<_>>()
        };
        grid.iter().flat_map(extend).collect()
    })
}

/// Largest relative error of `E K_ij K_kl` of the scheme at α = 1 from K0 = I over the entries that are not 0. Steps multiply from the
/// right, so the moments of n steps are those of one step applied n times: no Monte Carlo.
fn splitting_error(size: usize, steps: i32) -> f64 {
    let h = 1.0 / f64::from(steps);
    // Normals of a scaling that does nothing.
    let still: Vec<f64> = (1..=size).map(|i| i as f64 * (h / 4.0).sqrt()).collect();
    let pairs = size * (size - 1) / 2;
    let identity = Matrix::identity(size, size);
    let step = |first_half: &[f64], off_diagonal: &[f64], reverse| {
        let normals = SplittingNormals {
            first_half: first_half.to_vec(),
            off_diagonal: off_diagonal.to_vec(),
            second_half: still.clone(),
        };
        splitting_step(&identity, h, &normals, reverse).expect("a step")
    };
    // Pairs enter by polynomials of degree 4 in each normal: three Gauss–Hermite points are exact.
    let three = [(-3f64.sqrt(), 1.0 / 6.0), (0.0, 2.0 / 3.0), (3f64.sqrt(), 1.0 / 6.0)];
    let off = grid(&three, pairs);
    let sweep = |reverse| fourth_power(size, off.iter().map(|(w, normals)| (0.5 * w, step(&still, normals, reverse))));
    let sweeps = sweep(false) + sweep(true);
    // Scalings are independent between columns and enter by exponentials, for which the trapezoid rule is exact to rounding.
    let spacing = 0.5;
    let trapezoid: Vec<(f64, f64)> = (-18..=18)
        .map(|k| {
            let x = spacing * f64::from(k);
            (x, spacing * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt())
        })
        .collect();
    // E of the k-th power of each column's factor.
    let power = |column: usize, k: i32| -> f64 {
        let at = |x: f64| {
            let mut normals = still.clone();
            normals[column] = x;
            step(&normals, &vec![0.0; pairs], false)[(column, column)].powi(k)
        };
        trapezoid.iter().map(|(x, weight)| weight * at(*x)).sum()
    };
    let powers: Vec<Vec<f64>> = (0..size).map(|column| (0..=4).map(|k| power(column, k)).collect()).collect();
    let digits = |mut index: usize| {
        [0; 4].map(|_: usize| {
            let digit = index % size;
            index /= size;
            digit
        })
    };
    let scaling: Vec<f64> = (0..size.pow(4))
        .map(|index| {
            let digits = digits(index);
            (0..size).map(|column| powers[column][digits.iter().filter(|digit| **digit == column).count()]).product()
        })
        .collect();
    let scaling = Matrix::from_diagonal(&scaling.into());
    let one = &scaling * sweeps * &scaling;
    // vec of I ⊗ I with the index pairs (i, j), (k, l) of K_ij K_kl.
    let mut moments = Matrix::from_fn(size.pow(4), 1, |index, _| {
        let [l, k, j, i] = digits(index);
        if i == j && k == l { 1.0 } else { 0.0 }
    });
    for _ in 0..steps {
        moments = &one * moments;
    }
    let exact = SecondMoments::new(&HiddenLayers::limit(1.0).expect("alpha"));
    let error = |index: usize| {
        let [l, k, j, i] = digits(index);
        let expected = exact.kernel(&identity, [i, j, k, l]);
        if expected == 0.0 { moments[index].abs() } else { (moments[index] / expected - 1.0).abs() }
    };
    (0..size.pow(4)).map(error).fold(0.0, f64::max)
}

#[test]
fn splitting_is_of_weak_order_two() {
    // The proportional-limit page's table, §6, from 8 steps on.
    for (size, table) in [(2, [8.8e-3, 2.2e-3, 5.6e-4]), (3, [1.8e-2, 4.4e-3, 1.1e-3])] {
        let errors = [8, 16, 32].map(|steps| splitting_error(size, steps));
        for (error, expected) in errors.iter().zip(table) {
            assert!((error / expected - 1.0).abs() < 0.15, "m = {size}: {errors:?} against {table:?}");
        }
        for pair in errors.windows(2) {
            let order = (pair[0] / pair[1]).log2();
            assert!((order - 2.0).abs() < 0.05, "m = {size}: order {order}");
        }
    }
    assert_eq!((default_steps(0.1), default_steps(3.0)), (16, 48));
}

fn normals(rows: usize, columns: usize, rng: &mut impl Rng) -> Matrix {
    Matrix::from_fn(rows, columns, |_, _| StandardNormal.sample(rng))
}

/// Features after the hidden layers, every weight drawn.
fn features(inputs: &Matrix, widths: &[u64], rng: &mut impl Rng) -> Matrix {
    widths.iter().fold(inputs.clone(), |z, width| {
        let fan_in = z.ncols();
        z * normals(fan_in, *width as usize, rng) / (fan_in as f64).sqrt()
    })
}

/// Outputs of networks, each P × D by rows.
fn networks(inputs: &Matrix, widths: &[u64], outputs: usize, seed: u64) -> Vec<f64> {
    let draw = |i| {
        let rng = &mut stream(seed, Purpose::PriorWeights(0), i);
        let z = features(inputs, widths, rng);
        let f = &z * normals(z.ncols(), outputs, rng) / (z.ncols() as f64).sqrt();
        f.transpose().as_slice().to_vec()
    };
    (0..DRAWS).flat_map(draw).collect()
}

/// Observables without heavy tails of matrices by rows: log size, two entries, the angles of the first two rows and columns, and the
/// share of the first row.
fn observables(draws: &[f64], rows: usize, columns: usize) -> Vec<Vec<f64>> {
    let mut all = vec![Vec::new(); 6];
    for draw in draws.chunks_exact(rows * columns) {
        let at = |i: usize, j: usize| draw[i * columns + j];
        let sum = |count: usize, product: &dyn Fn(usize) -> f64| (0..count).map(product).sum::<f64>();
        let cosine = |count, a: &dyn Fn(usize) -> f64, b: &dyn Fn(usize) -> f64| {
            let norms = sum(count, &|k| a(k) * a(k)) * sum(count, &|k| b(k) * b(k));
            sum(count, &|k| a(k) * b(k)) / norms.sqrt()
        };
        let size = sum(rows * columns, &|k| draw[k] * draw[k]);
        let values = [
            size.ln(),
            at(0, 0).asinh(),
            (at(0, 0) * at(rows - 1, columns - 1)).asinh(),
            cosine(columns, &|k| at(0, k), &|k| at(1, k)).powi(2),
            cosine(rows, &|k| at(k, 0), &|k| at(k, 1)).powi(2),
            sum(columns, &|k| at(0, k) * at(0, k)) / size,
        ];
        all.iter_mut().zip(values).for_each(|(all, value)| all.push(value));
    }
    all
}

fn distance(a: &[f64], b: &[f64], rows: usize, columns: usize) -> f64 {
    largest_z(&observables(a, rows, columns), &observables(b, rows, columns))
}

fn sampler(inputs: &Matrix, widths: &[u64], outputs: usize) -> Sampler {
    let kernel = InputKernel::from_inputs(inputs).expect("a kernel");
    Sampler::new(&HiddenLayers::finite(widths).expect("widths"), &kernel, outputs, 1.0).expect("a sampler")
}

fn some_inputs(count: usize, size: usize) -> Matrix {
    Matrix::from_fn(count, size, |i, j| (1.7 * ((i + 1) * (j + 2) * (j + 2)) as f64).sin())
}

#[test]
fn outputs_are_those_of_networks_on_the_output_side() {
    // Three inputs, two outputs, a layer as narrow as the outputs; widths in another order than the sampler's.
    let inputs = some_inputs(3, 4);
    let simulated = networks(&inputs, &[5, 2, 4], 2, 1);
    let draws = |widths| sampler(&inputs, widths, 2).outputs(2, 0..DRAWS).expect("draws");
    assert!(distance(&draws(&[5, 2, 4]), &simulated, 3, 2) < AGREES);
    assert!(distance(&draws(&[4, 2, 5]), &networks(&inputs, &[2, 4, 5], 2, 3), 3, 2) < AGREES);
    // Negative control.
    assert!(distance(&draws(&[5, 3, 4]), &simulated, 3, 2) > DIFFERS);
}

#[test]
fn outputs_are_those_of_networks_on_the_input_side() {
    // Four inputs of rank 3, five outputs, a layer narrower than the rank.
    let inputs = some_inputs(4, 3);
    let simulated = networks(&inputs, &[6, 2, 3], 5, 4);
    let draws = |widths| sampler(&inputs, widths, 5).outputs(5, 0..DRAWS).expect("draws");
    assert!(distance(&draws(&[6, 2, 3]), &simulated, 4, 5) < AGREES);
    assert!(distance(&draws(&[6, 3, 3]), &simulated, 4, 5) > DIFFERS);
}

#[test]
fn width_one_and_depth_zero_are_networks_too() {
    let inputs = some_inputs(2, 3);
    for (widths, seed) in [(&[1u64, 3][..], 6), (&[][..], 7)] {
        let draws = sampler(&inputs, widths, 2).outputs(8, 0..DRAWS).expect("draws");
        assert!(distance(&draws, &networks(&inputs, widths, 2, seed), 2, 2) < AGREES);
    }
}

#[test]
fn feature_kernels_are_those_of_networks() {
    let inputs = some_inputs(3, 3);
    let widths = [4, 2, 6];
    let simulated: Vec<f64> = (0..DRAWS)
        .flat_map(|i| {
            let z = features(&inputs, &widths, &mut stream(9, Purpose::PriorWeights(0), i));
            (&z * z.transpose() / z.ncols() as f64).as_slice().to_vec()
        })
        .collect();
    let draws = |widths| sampler(&inputs, widths, 1).kernels(10, 0..DRAWS).expect("draws");
    assert!(distance(&draws(&widths), &simulated, 3, 3) < AGREES);
    assert!(distance(&draws(&[4, 3, 6]), &simulated, 3, 3) > DIFFERS);
}

#[test]
fn both_sides_give_the_same_outputs() {
    // Outputs from the larger side: Gaussian given the 3 × 3 kernel of three inputs, in a limit with a bottleneck.
    let layers = |alpha| {
        let group = widenet_limits::proportional::LayerGroup { width: 4, count: 2 };
        HiddenLayers::new(&[group], alpha).expect("layers")
    };
    let inputs = some_inputs(3, 5);
    let kernel = InputKernel::from_inputs(&inputs).expect("a kernel");
    let sampler = |alpha| Sampler::new(&layers(alpha), &kernel, 2, 2.0).expect("a sampler");
    let kernels = sampler(0.6).kernels(11, 0..DRAWS).expect("draws");
    let from_kernels: Vec<f64> = kernels
        .chunks_exact(9)
        .enumerate()
        .flat_map(|(i, kernel)| {
            let root = Matrix::from_row_slice(3, 3, kernel).cholesky().expect("regular").l();
            let f = root * normals(3, 2, &mut stream(12, Purpose::Noise, i as u64)) * 2f64.sqrt();
            f.transpose().as_slice().to_vec()
        })
        .collect();
    let draws = |alpha| sampler(alpha).outputs(13, 0..DRAWS).expect("draws");
    assert!(distance(&draws(0.6), &from_kernels, 3, 2) < AGREES);
    assert!(distance(&draws(0.9), &from_kernels, 3, 2) > DIFFERS);
}

/// Log determinant, half the log-ratio of the eigenvalues, and the direction of 2 × 2 matrices.
fn coordinates(matrices: &[f64]) -> Vec<Vec<f64>> {
    let mut all = vec![Vec::new(); 3];
    for m in matrices.chunks_exact(4) {
        let (half_trace, half_difference) = (0.5 * (m[0] + m[3]), 0.5 * (m[0] - m[3]));
        let spread = half_difference.hypot(m[1]);
        let (large, det) = (half_trace + spread, m[0] * m[3] - m[1] * m[1]);
        let values = [det.ln(), (large / det.sqrt()).ln(), m[1].atan2(half_difference)];
        all.iter_mut().zip(values).for_each(|(all, value)| all.push(value));
    }
    all
}

#[test]
fn schemes_of_the_limit_agree() {
    let kernel = InputKernel::new(&Matrix::identity(1, 1)).expect("a kernel");
    let draws = |alpha, scheme, seed| {
        let layers = HiddenLayers::limit(alpha).expect("alpha");
        let sampler = Sampler::with_scheme(&layers, &kernel, 2, 1.0, scheme).expect("a sampler");
        coordinates(&sampler.mixing_matrices(seed, 0..DRAWS).expect("draws"))
    };
    let closed = draws(0.8, LimitScheme::Default, 14);
    for scheme in [LimitScheme::Splitting { steps: 32 }, LimitScheme::Bartlett { steps: 2000 }] {
        let z = largest_z(&closed, &draws(0.8, scheme, 15));
        assert!(z < AGREES, "{scheme:?}: {z}");
    }
    assert!(largest_z(&closed, &draws(0.9, LimitScheme::Splitting { steps: 32 }, 16)) > DIFFERS);
    // Order 1 with few layers is visible, and too few are refused.
    assert!(largest_z(&closed, &draws(0.8, LimitScheme::Bartlett { steps: 4 }, 17)) > DIFFERS);
    let few = LimitScheme::Bartlett { steps: 1 };
    assert!(Sampler::with_scheme(&HiddenLayers::limit(1.5).expect("alpha"), &kernel, 3, 1.0, few).is_ok());
    let sampler = Sampler::with_scheme(&HiddenLayers::limit(1.5).expect("alpha"), &kernel, 3, 1.0, few).expect("m = 1");
    assert!(sampler.mixing_matrices(0, 0..1).is_err());
}

/// z of the mean and of the variance of a sample of a known law (the variance of the variance from the fourth moment).
fn known_moments_z(sample: &[f64], mean: f64, variance: f64) -> f64 {
    let n = sample.len() as f64;
    let squares: Vec<f64> = sample.iter().map(|x| (x - mean).powi(2)).collect();
    let spread = squares.iter().sum::<f64>() / n;
    let fourth = squares.iter().map(|x| (x - spread).powi(2)).sum::<f64>() / n;
    let mean_z = (sample.iter().sum::<f64>() / n - mean) / (variance / n).sqrt();
    mean_z.abs().max((spread - variance).abs() / (fourth / n).sqrt())
}

#[test]
fn log_determinants_and_means_of_mixing_matrices() {
    let kernel = InputKernel::new(&Matrix::identity(1, 1)).expect("a kernel");
    let bottleneck = widenet_limits::proportional::LayerGroup { width: 5, count: 1 };
    let layers = [
        HiddenLayers::finite(&[6, 4, 8]).expect("widths"),
        HiddenLayers::limit(0.5).expect("alpha"),
        HiddenLayers::new(&[bottleneck], 0.3).expect("layers"),
    ];
    for (seed, layers) in layers.iter().enumerate() {
        let sampler = Sampler::new(layers, &kernel, 3, 1.0).expect("a sampler");
        let draws = sampler.mixing_matrices(20 + seed as u64, 0..DRAWS).expect("draws");
        let logs: Vec<f64> =
            draws.chunks_exact(9).map(|q| Matrix::from_row_slice(3, 3, q).determinant().ln()).collect();
        // The splitting scheme draws the diagonal, and with it the determinant, without error.
        let law = log_determinant(layers, 3).expect("a law");
        let z = known_moments_z(&logs, law.mean, law.variance);
        assert!(z < 4.5, "{layers:?}: log det {z}");
        assert!(known_moments_z(&logs, 1.1 * law.mean, law.variance) > DIFFERS);
        // E Q = I.
        for entry in 0..9 {
            let values: Vec<f64> = draws.chunks_exact(9).map(|q| q[entry]).collect();
            let expected = if entry % 4 == 0 { 1.0 } else { 0.0 };
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64;
            let z = (mean - expected) / (variance / values.len() as f64).sqrt();
            assert!(z.abs() < 4.5, "{layers:?}: E Q[{entry}] = {mean}, z = {z}");
        }
    }
}

#[test]
fn log_scales_have_the_mean_and_variance_of_their_law() {
    let kernel = InputKernel::new(&Matrix::identity(3, 3)).expect("a kernel");
    for layers in [HiddenLayers::finite(&[3, 4, 4, 1]).expect("widths"), HiddenLayers::limit(2.0).expect("alpha")] {
        let sampler = Sampler::new(&layers, &kernel, 3, 1.0).expect("a sampler");
        let logs = sampler.log_scales(30, 0..DRAWS).expect("draws");
        let law = log_determinant(&layers, 1).expect("a law");
        let z = known_moments_z(&logs, law.mean, law.variance);
        assert!(z < 4.5, "{layers:?}: {z}");
    }
}

#[test]
fn extreme_depths_give_finite_draws() {
    let kernel = InputKernel::from_inputs(&some_inputs(3, 3)).expect("a kernel");
    let deep = HiddenLayers::finite(&[3; 20_000]).expect("widths");
    for layers in [deep, HiddenLayers::limit(3000.0).expect("alpha"), HiddenLayers::limit(1e-9).expect("alpha")] {
        for outputs in 1..=4 {
            let sampler = Sampler::new(&layers, &kernel, outputs, 1.0).expect("a sampler");
            let matrices = sampler.mixing_matrices(0, 0..4).expect("draws");
            assert!(matrices.iter().chain(&sampler.outputs(0, 0..4).expect("draws")).all(|x| x.is_finite()));
            // The logarithm has not underflowed: its mean is about −α.
            let logs = sampler.log_scales(0, 0..4).expect("draws");
            let (alpha, spread) = (layers.alpha(), layers.alpha().sqrt());
            assert!(
                logs.iter().all(|log| *log < 10.0 * spread - alpha && *log > -10.0 * spread - 2.0 * alpha),
                "{logs:?}"
            );
        }
    }
}

#[test]
fn draws_do_not_depend_on_threads_or_ranges() {
    let kernel = InputKernel::from_inputs(&some_inputs(4, 3)).expect("a kernel");
    let layers = HiddenLayers::new(&[widenet_limits::proportional::LayerGroup { width: 5, count: 20 }], 0.4);
    let sampler = Sampler::new(&layers.expect("layers"), &kernel, 3, 1.0).expect("a sampler");
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            [sampler.outputs(1, 0..500), sampler.kernels(1, 0..500), sampler.mixing_matrices(1, 0..500)]
                .map(|draws| draws.expect("draws"))
        })
    };
    let [outputs, kernels, matrices] = on(1);
    assert_eq!([outputs.clone(), kernels, matrices], on(3));
    assert_eq!(sampler.outputs(1, 100..103).expect("draws"), outputs[100 * 12..103 * 12]);
    assert_ne!(sampler.outputs(2, 0..500).expect("draws"), outputs);
}

#[test]
fn equal_inputs_have_equal_outputs() {
    // The third input repeats the first; the others make the rest of the kernel nearly singular.
    let mut inputs = some_inputs(5, 6);
    for j in 0..6 {
        inputs[(2, j)] = inputs[(0, j)];
        inputs[(4, j)] = inputs[(3, j)] + 1e-6 * (j as f64).cos();
    }
    let kernel = InputKernel::from_inputs(&inputs).expect("a kernel");
    assert_eq!((kernel.inputs(), kernel.rank()), (5, 4));
    let residual = (kernel.root() * kernel.root().transpose() - kernel.matrix()).amax();
    assert!(residual < 1e-14, "{residual}");
    let sampler = Sampler::new(&HiddenLayers::limit(1.0).expect("alpha"), &kernel, 2, 1.0).expect("a sampler");
    for f in sampler.outputs(40, 0..100).expect("draws").chunks_exact(10) {
        assert_eq!(f[0..2], f[4..6]);
        assert_ne!(f[0..2], f[2..4]);
    }
}

#[test]
fn kernels_of_any_rank() {
    let inputs = some_inputs(5, 2);
    let kernel = InputKernel::from_inputs(&inputs).expect("a kernel");
    assert_eq!(kernel.rank(), 2);
    assert!((kernel.root() * kernel.root().transpose() - kernel.matrix()).amax() < 1e-14);
    // The non-zero eigenvalues of X Xᵀ are those of XᵀX.
    let log_det = (inputs.transpose() * &inputs / 2.0).determinant().ln();
    assert!((kernel.log_pseudo_determinant() - log_det).abs() < 1e-12);
    // y = K0 v is in the range: yᵀ K0⁺ y = vᵀ K0 v and K0 K0⁺ y = y.
    let v = Matrix::from_fn(5, 1, |i, _| (i as f64).cos());
    let y = kernel.matrix() * &v;
    let quadratic = kernel.quadratic_form(y.as_slice()).expect("in the range");
    assert!((quadratic - v.dot(&y)).abs() < 1e-12 * quadratic);
    let solved = Matrix::from_column_slice(5, 1, &kernel.solve(y.as_slice()).expect("in the range"));
    assert!((kernel.matrix() * solved - &y).amax() < 1e-13);
    let outside = kernel.quadratic_form(&[1.0, 0.0, 0.0, 0.0, 0.0]).expect_err("outside");
    assert!(outside.to_string().contains("range"), "{outside}");
    assert!(kernel.quadratic_form(&[1.0]).is_err());
    let zero = InputKernel::new(&Matrix::zeros(3, 3)).expect("a kernel");
    assert_eq!((zero.rank(), zero.log_pseudo_determinant(), zero.quadratic_form(&[0.0; 3])), (0, 0.0, Ok(0.0)));
    let sampler = Sampler::new(&HiddenLayers::limit(1.0).expect("alpha"), &zero, 2, 1.0).expect("a sampler");
    assert_eq!(sampler.outputs(0, 0..4).expect("draws"), [0.0; 24]);
    assert_eq!(sampler.kernels(0, 0..2).expect("draws"), [0.0; 18]);
}

#[test]
fn bad_kernels_and_samples_are_refused() {
    let refused = |values: &[f64], words: &str| {
        let error = InputKernel::new(&Matrix::from_row_slice(2, 2, values)).expect_err("refused").to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(&[1.0, 0.5, 0.4, 1.0], "symmetric");
    refused(&[1.0, f64::NAN, 0.0, 1.0], "finite");
    refused(&[1.0, 2.0, 2.0, 1.0], "eigenvalue");
    refused(&[-1.0, 0.0, 0.0, -2.0], "eigenvalue");
    assert!(InputKernel::new(&Matrix::zeros(2, 3)).is_err());
    assert!(InputKernel::new(&Matrix::zeros(0, 0)).is_err());
    assert!(InputKernel::from_inputs(&Matrix::zeros(2, 0)).is_err());
    let kernel = InputKernel::new(&Matrix::identity(2, 2)).expect("a kernel");
    let layers = HiddenLayers::finite(&[3]).expect("widths");
    assert!(Sampler::new(&layers, &kernel, 0, 1.0).is_err());
    assert!([0.0, -1.0, f64::NAN].iter().all(|gain| Sampler::new(&layers, &kernel, 1, *gain).is_err()));
    let sampler = Sampler::new(&layers, &kernel, 2, 1.0).expect("a sampler");
    assert!(sampler.outputs(0, 5..5).expect_err("none").to_string().contains("at least one draw"));
    assert!(sampler.outputs(0, 0..u64::MAX).expect_err("too many").to_string().contains("smaller ranges"));
    let limit = HiddenLayers::limit(1.0).expect("alpha");
    assert!(Sampler::with_scheme(&limit, &kernel, 2, 1.0, LimitScheme::Splitting { steps: 0 }).is_err());
    assert!(Sampler::with_scheme(&limit, &kernel, 2, 1.0, LimitScheme::Bartlett { steps: 0 }).is_err());
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
