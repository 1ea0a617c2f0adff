//! All engines share one block type: a few vectors of one space on a device.

mod block;
mod gradients;
mod layout;

pub use block::DeviceBlock;
pub(crate) use layout::Layout;
