//! Draws plots as SVG and PNG by the same code. Nothing here knows a study.

mod canvas;
mod crosses;
pub mod palette;
mod plot;
pub mod power_law;
mod ticks;

pub use canvas::Marker;
pub use plot::{Axis, Mark, Plot, Series, words};
pub use ticks::AxisScale;
