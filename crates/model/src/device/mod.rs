//! Devices by name: which there are, what they hold, and one opened for use.

mod choice;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod guard;
mod info;
mod open;
mod placement;
mod precision;

pub use choice::DeviceChoice;
pub use guard::guarded;
pub(crate) use info::LARGEST_PANEL;
pub use info::{DeviceInfo, DeviceKind, OpenDevice};
pub use open::list_devices;
pub use placement::Placement;
pub use precision::Precision;
