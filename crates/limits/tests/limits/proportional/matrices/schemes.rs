//! The schemes that draw mixing matrices of the limit: the order of splitting, without Monte Carlo, and their agreement.

use widenet_core::Matrix;
use widenet_limits::proportional::{
    HiddenLayers, InputKernel, LimitScheme, Sampler, SecondMoments, SplittingNormals, default_steps, splitting_step,
};

use super::{AGREES, DIFFERS, DRAWS};
use crate::common::statistics::largest_z;

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
    // The table of docs/theory/proportional-limit.md §6, from 8 steps on.
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
