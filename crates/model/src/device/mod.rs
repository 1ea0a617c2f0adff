//! Finds devices by name, says what they hold, and opens one for use.

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
pub use open::{AUTO_CHOICE, list_devices};
pub use placement::Placement;
pub use precision::Precision;
