//! Dense weight matrices have all their entries.

pub(crate) mod initial;
pub(crate) mod learned;
pub(crate) mod matrix;
pub(crate) mod pending;
pub(crate) mod rms_prop;
