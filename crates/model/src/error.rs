//! Errors say what went wrong between a problem and a device.

use std::path::PathBuf;

use widenet_core::{Width, humanized};

/// An error of the engines; each names the thing, its value and what would be right.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// A word that names no device.
    #[error("`{0}` is not a device; use one of auto, cpu, flex, ndarray, wgpu, vulkan")]
    UnknownDevice(String),
    /// A word that names no float type.
    #[error("`{0}` is not a precision; use f32 or f64")]
    UnknownPrecision(String),
    /// A device that this program was built without.
    #[error("device `{device}` is not in this build; build with --features {feature}")]
    NotCompiled {
        /// The device asked for.
        device: &'static str,
        /// The cargo feature that brings it.
        feature: &'static str,
    },
    /// A device that this machine lacks.
    #[error("no `{device}` device on this machine ({reason}); use --device cpu, or install a GPU driver")]
    NoAdapter {
        /// The device asked for.
        device: &'static str,
        /// What the graphics API said.
        reason: String,
    },
    /// A float type that the device lacks.
    #[error("{adapter} cannot compute in {precision}; use --precision f32, or --device cpu")]
    UnsupportedPrecision {
        /// The device.
        adapter: String,
        /// The float type asked for.
        precision: &'static str,
    },
    /// A network larger than the memory of the device.
    #[error(
        "width {} needs {} and {} are available on {adapter}; the widest that fits is {widest}",
        Width::Finite(*.width), humanized::bytes(*.needed), humanized::bytes(*.available)
    )]
    TooWide {
        /// m.
        width: u64,
        /// Bytes of weights, pending updates and blocks.
        needed: u64,
        /// Bytes available.
        available: u64,
        /// The largest width that would fit.
        widest: u64,
        /// The device.
        adapter: String,
    },
    /// A problem that cannot be posed at this width.
    #[error(transparent)]
    Problem(#[from] widenet_core::Error),
    /// A device that failed while something ran on it.
    #[error("{what}: the device failed: {message}")]
    DeviceFailed {
        /// What ran.
        what: String,
        /// What the device said.
        message: String,
    },
    /// A checkpoint that could not be written.
    #[error("cannot write the checkpoint {path}: {reason}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        reason: String,
    },
}
