//! Does dense linear algebra in `f64` on [`widenet_core::Matrix`], by faer: products, and factors of symmetric matrices.
//!
//! Every routine gives the same numbers on any number of threads: work is split into [`parallel::TASKS`] tasks, or not at all.

mod parallel;
mod products;
mod symmetric;

pub use symmetric::{eigenvalues, largest_eigenvalue};

pub(crate) use products::{
    product, product_transpose, row_products, scale_columns, scale_rows, transpose_product, view, view_mut,
};
pub(crate) use symmetric::{cholesky, eigendecomposition, solve_lower, solve_lower_transposed};
