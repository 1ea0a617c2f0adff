//! What the exponents of a width scaling lead to.

mod abc;
mod classes;
mod deep;
