//! Calibrates what a device does per second, in a measurement of a second or less.

use widenet_kernels::{EntryLaw, NormalStream, RegeneratedMatrix, normals, panel_apply, regenerated_apply, tall_gram};

use super::timing::{copy_seconds, last_entry, seconds};
use crate::device::Placement;

/// Rates of a device in one float type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// Bytes read and written per second by a copy.
    pub copy: f64,
    /// Multiply-adds per second of a square matrix with eight vectors.
    pub product: f64,
    /// Multiply-adds per second of the inner products of 32 long vectors with eight.
    pub tall: f64,
    /// Normals made per second.
    pub normals: f64,
    /// Entries of regenerated Gaussian matrices made, and multiplied by eight vectors, per second.
    pub entries: f64,
}

/// Side of the matrices measured.
const SIDE: usize = 2048;
/// Vectors that they meet.
const VECTORS: usize = 8;
/// Vectors of the basis measured.
const BASIS: usize = 32;
/// Their length.
const LENGTH: usize = 1 << 18;
/// Best of so many.
const REPEATS: usize = 3;

impl Calibration {
    /// Measures a device.
    pub fn measure(placement: &Placement) -> Self {
        let on = (&placement.device, placement.precision.dtype());
        let stream = NormalStream { key: [0, 0], tag: 0 };
        let basis = normals(stream, 0..BASIS as u32, 0, LENGTH, on);
        let few = basis.clone().narrow(0, 0, VECTORS);
        let bytes = (2 * BASIS * LENGTH) as f64 * placement.precision.bytes() as f64;
        let copy = bytes / copy_seconds([BASIS, LENGTH], REPEATS, placement);
        let tall = (BASIS * LENGTH * VECTORS) as f64 / seconds(REPEATS, || tall_gram(&basis, &few)[(0, 0)]);
        let made = (VECTORS * LENGTH) as f64;
        let normals =
            made / seconds(REPEATS, || last_entry(placement, &normals(stream, 0..VECTORS as u32, 0, LENGTH, on)));
        let few = few.narrow(1, 0, SIDE);
        let law = EntryLaw::Gaussian;
        let matrix = RegeneratedMatrix { key: [0, 0], tag: 1, law, rows: SIDE, columns: SIDE };
        let entries = (SIDE * SIDE) as f64;
        let regenerated =
            entries / seconds(REPEATS, || last_entry(placement, &regenerated_apply(&matrix.whole(), &few)));
        let panel = normals_panel(placement, stream);
        let product = entries * VECTORS as f64 / seconds(REPEATS, || last_entry(placement, &panel_apply(&panel, &few)));
        Self { copy, product, tall, normals, entries: regenerated }
    }
}

/// A square matrix.
fn normals_panel(placement: &Placement, stream: NormalStream) -> burn::Tensor<2> {
    normals(stream, 0..SIDE as u32, 0, SIDE, (&placement.device, placement.precision.dtype()))
}
