//! Does dense linear algebra in `f64` on [`widenet_core::Matrix`], by faer: products, and factors of symmetric matrices.
//!
//! Every routine gives the same numbers on any number of threads: work is split into a fixed number of tasks, or not at all.

mod parallel;
mod products;
mod symmetric;

pub use symmetric::{eigenvalues, largest_eigenvalue};

pub(crate) use products::{
    product, product_transpose, row_products, scale_columns, scale_rows, transpose_product, view, view_mut,
};
pub(crate) use symmetric::{cholesky, eigendecomposition, solve_lower, solve_lower_transposed};

#[cfg(test)]
mod tests {
    use widenet_core::Matrix;

    use super::*;

    /// Symmetric positive definite, size 600.
    fn kernel() -> Matrix {
        let features = Matrix::from_fn(600, 40, |i, j| ((i * 13 + j * j * 29) as f64 * 0.61).sin());
        &features * features.transpose() + Matrix::identity(600, 600)
    }

    /// Every routine, on sizes at which faer splits its work. Before the split was fixed, the products with one column failed.
    #[test]
    fn numbers_do_not_depend_on_the_number_of_threads() {
        let (kernel, one, many) =
            (kernel(), Matrix::from_fn(600, 1, |i, _| (i as f64).sin()), Matrix::identity(600, 70));
        let all = || {
            let factor = cholesky(kernel.clone()).expect("positive definite");
            let (values, vectors) = eigendecomposition(&kernel).expect("convergence");
            let mut found = vec![
                product(&kernel, &one),
                product(&kernel, &many),
                transpose_product(&one, &kernel),
                product_transpose(&one, &many.columns(0, 1).into_owned()),
                solve_lower(&factor, one.clone()),
                solve_lower_transposed(&factor, many.clone()),
            ];
            let largest = largest_eigenvalue(&kernel).expect("convergence");
            let lists = [values, eigenvalues(&kernel).expect("convergence"), vec![largest]];
            found.extend(lists.map(|list| Matrix::from_vec(list.len(), 1, list)));
            found.extend([factor.lower_triangle(), vectors]);
            found
        };
        let with_threads = |threads: usize| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(all)
        };
        let on_one = with_threads(1);
        for threads in [2, 3, 7, 16] {
            for (i, (found, expected)) in with_threads(threads).iter().zip(&on_one).enumerate() {
                assert!(found == expected, "routine {i} on {threads} threads");
            }
        }
    }

    /// The switch between all eigenvalues and the Krylov solver, at 256 rows, on matrices of known spectra: spread, crowded at the top, of
    /// rank 1, of rank 3, and 0.
    #[test]
    fn the_largest_eigenvalue_is_found_on_both_sides_of_its_switch() {
        let spectra: [fn(usize, usize) -> f64; 5] = [
            |i, _| (i + 1) as f64,
            |i, n| 1.0 - 1e-9 * ((n - i) as f64).powi(2),
            |i, _| if i == 5 { 2.5e-7 } else { 0.0 },
            |i, _| if i < 3 { 1e150 } else { 0.0 },
            |_, _| 0.0,
        ];
        for n in [2, 255, 256, 257, 300, 420] {
            let v = nalgebra::DVector::from_fn(n, |i, _| ((i * i) as f64 * 0.37).cos()).normalize();
            let reflection = Matrix::identity(n, n) - 2.0 * &v * v.transpose();
            for (case, spectrum) in spectra.iter().enumerate() {
                let values = nalgebra::DVector::from_fn(n, |i, _| spectrum(i, n));
                let matrix = &reflection * Matrix::from_diagonal(&values) * &reflection;
                let matrix = 0.5 * (&matrix + matrix.transpose());
                let (found, exact) = (largest_eigenvalue(&matrix).expect("convergence"), values.max());
                assert!(
                    (found - exact).abs() <= 1e-12 * exact,
                    "spectrum {case}, n = {n}: {found:e} against {exact:e}"
                );
            }
        }
    }
}
