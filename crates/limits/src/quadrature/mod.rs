//! Gaussian quadrature has nodes and weights for expectations over a standard Gaussian and for integrals over an interval.

mod gauss_hermite;
mod gauss_legendre;

pub(crate) use gauss_hermite::gauss_hermite;
pub(crate) use gauss_legendre::gauss_legendre;
