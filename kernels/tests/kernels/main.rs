//! Device primitives against their plain twins. Each module is a subject; run one by its name:
//! `cargo test -p widenet-kernels --test kernels tall::`.

mod activations;
mod basis;
mod common;
mod conformance;
mod random;
mod selection;
mod tall;
