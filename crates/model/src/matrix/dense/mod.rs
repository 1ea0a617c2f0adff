//! Dense weight matrices have all their entries.

pub(crate) mod averages;
pub(crate) mod initial;
pub(crate) mod learned;
pub(crate) mod matrix;
mod normalized;
pub(crate) mod pending;
