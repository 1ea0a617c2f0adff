//! A few vectors of one space on a device: the one block type of all engines.

mod block;
mod layout;

pub use block::DeviceBlock;
pub(crate) use layout::Layout;
