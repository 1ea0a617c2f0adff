//! Rates of the primitives are amounts over the best time.
//!
//! ```text
//! copy            2 m r bytes (read and written)        Q Xᵀ, X + Cᵀ Q   m r bytes of the basis Q (r × m)
//! W x             n² bytes of the matrix (n × n)        normals, entries  numbers made
//! ```
//!
//! What a product must read, over what a copy moves in the same time, is its fraction of the device's limit as long as the few
//! vectors are free: for P = 1 a product should come near 1 (or above, where reading is faster than writing), for P = 16 arithmetic counts.

use widenet_core::Matrix;
use widenet_kernels::{
    EntryLaw, NormalStream, RegeneratedMatrix, normals, panel_apply, regenerated_apply, tall_add, tall_gram,
};

use super::{
    probe::probe_seconds,
    timing::{copy_seconds, last_entry, seconds},
};
use crate::device::{DeviceInfo, DeviceKind, Placement};

/// Ranks of the bases measured.
const RANKS: [usize; 2] = [32, 200];
/// Vectors that meet them.
const VECTORS: [usize; 3] = [1, 8, 16];
/// Vectors that meet matrices, and directions of a probe.
const FEW: usize = 8;
/// Bases in memory at once while a probe is timed: two with their responses, and one copied in part.
const BASES: u64 = 5;

/// Sizes of what is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateSizes {
    /// m, of long vectors.
    pub length: usize,
    /// n, of a stored matrix.
    pub side: usize,
    /// Side of regenerated matrices.
    pub regenerated: usize,
    /// Best of so many.
    pub repeats: usize,
}

impl RateSizes {
    /// Sizes for a device: m = 2²⁰ (2¹⁴ on a software GPU), or what a probe at rank 200 leaves of half the available memory and fits
    /// one buffer.
    pub fn of(info: &DeviceInfo, placement: &Placement) -> Self {
        let rank = RANKS.into_iter().max().unwrap_or(1) as u64;
        let fits = |length: u64| {
            let basis = length * rank * placement.precision.bytes();
            info.available_memory.is_none_or(|available| BASES * basis <= available / 2)
                && info.largest_buffer.is_none_or(|largest| basis <= largest)
        };
        let start: u64 = if info.kind == DeviceKind::SoftwareGpu { 1 << 14 } else { 1 << 20 };
        let length = (0..start.ilog2()).map(|halvings| start >> halvings).find(|length| fits(*length)).unwrap_or(1);
        let length = length as usize;
        match info.kind {
            DeviceKind::Cpu => Self { length, side: 4096, regenerated: 4096, repeats: 5 },
            DeviceKind::Gpu => Self { length, side: 8192, regenerated: 16_384, repeats: 10 },
            DeviceKind::SoftwareGpu => Self { length, side: 1024, regenerated: 512, repeats: 2 },
        }
    }

    /// Makes sizes so small that all rates take a second: for trying out, not for numbers.
    pub fn quick() -> Self {
        Self { length: 1 << 12, side: 256, regenerated: 256, repeats: 1 }
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// Bytes moved, of something limited by the copy bandwidth.
    Bytes(f64),
    /// Numbers made.
    Numbers(f64),
    /// One, whose time is reported itself.
    Once,
}

/// Something to be timed.
pub struct Rate<'a> {
    /// What.
    pub what: String,
    /// How much of it a call does.
    pub amount: Amount,
    time: Box<dyn Fn() -> f64 + 'a>,
}

impl<'a> Rate<'a> {
    fn new(what: String, amount: Amount, time: impl Fn() -> f64 + 'a) -> Self {
        Self { what, amount, time: Box::new(time) }
    }

    /// Seconds of a call.
    ///
    /// # Panics
    /// If the device fails.
    pub fn seconds(&self) -> f64 {
        (self.time)()
    }
}

/// Returns all rates of a device, the copy first.
pub fn rates<'a>(info: &DeviceInfo, placement: &'a Placement, sizes: RateSizes) -> Vec<Rate<'a>> {
    let RateSizes { length, side, regenerated, repeats } = sizes;
    let bytes = |numbers: usize| Amount::Bytes(numbers as f64 * placement.precision.bytes() as f64);
    let stream = NormalStream { key: [0, 0], tag: 0 };
    // Made when it is needed, so that one basis is in memory at a time.
    let vectors = move |from: usize, count: usize, length: usize| {
        let on = (&placement.device, placement.precision.dtype());
        normals(stream, from as u32..(from + count) as u32, 0, length, on)
    };
    let mut rates =
        vec![Rate::new(format!("copy of {} x {length}", RANKS[0]), bytes(2 * RANKS[0] * length), move || {
            copy_seconds([RANKS[0], length], repeats, placement)
        })];
    rates.push(Rate::new(format!("W x, {side} x {side}, P = {FEW}"), bytes(side * side), move || {
        let (matrix, x) = (vectors(0, side, side), vectors(side, FEW, side));
        seconds(repeats, || last_entry(placement, &panel_apply(&matrix, &x)))
    }));
    for rank in RANKS {
        for count in VECTORS {
            let size = format!("r = {rank}, P = {count}, m = {length}");
            rates.push(Rate::new(format!("Q X', {size}"), bytes(rank * length), move || {
                let (basis, x) = (vectors(0, rank, length), vectors(rank, count, length));
                seconds(repeats, || tall_gram(&basis, &x)[(rank - 1, count - 1)])
            }));
            rates.push(Rate::new(format!("X + C' Q, {size}"), bytes(rank * length), move || {
                let (basis, mut x) = (vectors(0, rank, length), vectors(rank, count, length));
                let coefficients = Matrix::from_element(rank, count, 1.0 / rank as f64);
                seconds(repeats, || {
                    // Given away, so that it is updated in place.
                    let given = std::mem::replace(&mut x, placement.tensor(Vec::new(), [0, 0]));
                    x = tall_add(given, &basis, &coefficients);
                    last_entry(placement, &x)
                })
            }));
        }
    }
    rates.push(Rate::new("normals".into(), Amount::Numbers((FEW * length) as f64), move || {
        seconds(repeats, || last_entry(placement, &vectors(0, FEW, length)))
    }));
    for (name, law) in [("Gaussian", EntryLaw::Gaussian), ("Rademacher", EntryLaw::Rademacher), ("C8", EntryLaw::C8)] {
        let entries = Amount::Numbers((regenerated * regenerated) as f64);
        rates.push(Rate::new(format!("entries of regenerated W x, {name}, P = {FEW}"), entries, move || {
            let matrix = RegeneratedMatrix { key: [0, 0], tag: 1, law, rows: regenerated, columns: regenerated };
            let x = vectors(0, FEW, regenerated);
            seconds(repeats, || last_entry(placement, &regenerated_apply(&matrix.whole(), &x)))
        }));
    }
    // A rank that fills the space would leave nothing to probe with.
    let rank = RANKS[1].min(length / 2);
    let panel_bytes = info.panel_bytes();
    rates.push(Rate::new(
        format!("probe of P = {FEW} new vectors at rank {rank}, m = {length}"),
        Amount::Once,
        move || probe_seconds([length, rank, FEW], repeats, placement, panel_bytes),
    ));
    rates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{DeviceChoice, Precision};

    #[test]
    fn lengths_shrink_until_a_question_fits_the_memory_and_a_basis_one_buffer() {
        let device = DeviceChoice::Flex.open().unwrap();
        let placement = device.placement(Precision::F32).unwrap();
        let sized = |available_memory, largest_buffer| {
            let info = DeviceInfo { available_memory, largest_buffer, ..device.info.clone() };
            RateSizes::of(&info, &placement).length
        };
        assert_eq!(sized(None, None), 1 << 20);
        // 2²⁰ · 200 · 4 bytes are 800 MiB, five of them 4000 MiB.
        assert_eq!(sized(Some(8000 << 20), None), 1 << 20);
        assert_eq!(sized(Some(7999 << 20), None), 1 << 19);
        assert_eq!(sized(None, Some(128 << 20)), 1 << 17);
        assert_eq!(sized(Some(0), None), 1);
    }

    #[test]
    fn every_primitive_takes_time() {
        let device = DeviceChoice::Flex.open().unwrap();
        for precision in [Precision::F32, Precision::F64] {
            let placement = device.placement(precision).unwrap();
            for rate in rates(&device.info, &placement, RateSizes::quick()) {
                let seconds = rate.seconds();
                assert!(seconds > 0.0 && seconds < 60.0, "{}: {seconds} s", rate.what);
            }
        }
    }
}
