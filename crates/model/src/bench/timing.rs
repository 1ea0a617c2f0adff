//! There is one way in which a device is timed.
//!
//! ```text
//! t = min over n calls, after one that is not counted,      each call waits for the device by reading something of its result
//! ```
//!
//! (docs/theory/statistics.md §4, Eq. timing.) Kernels are compiled and buffers allocated in the call that is not counted; whatever else
//! the machine does only ever adds time, so the smallest is the best estimate.

use std::{hint::black_box, time::Instant};

use burn::Tensor;
use rayon::prelude::*;
use widenet_kernels::{NormalStream, normals};

use crate::device::Placement;

/// Bytes per task of a copy on the CPU.
const COPIED: usize = 1 << 18;

/// The best of `repeats` times of a call in seconds.
pub(crate) fn seconds(repeats: usize, mut call: impl FnMut() -> f64) -> f64 {
    black_box(call());
    let time = |_| {
        let start = Instant::now();
        black_box(call());
        start.elapsed().as_secs_f64()
    };
    (0..repeats).map(time).fold(f64::INFINITY, f64::min)
}

/// The last entry of a matrix that is not empty. Waits for the device.
pub(crate) fn last_entry(placement: &Placement, tensor: &Tensor<2>) -> f64 {
    let [rows, columns] = tensor.dims();
    let corner = tensor.clone().narrow(0, rows - 1, 1).narrow(1, columns - 1, 1);
    placement.read(&corner)[0]
}

/// Seconds of a copy of so many vectors of a length: by all threads into memory used before on the CPU, as an elementwise operation on a
/// GPU.
pub(crate) fn copy_seconds([count, length]: [usize; 2], repeats: usize, placement: &Placement) -> f64 {
    if placement.on_host {
        let bytes = count * length * placement.precision.bytes() as usize;
        let (source, mut target) = (vec![1_u8; bytes], vec![2_u8; bytes]);
        return seconds(repeats, || {
            let pieces = target.par_chunks_mut(COPIED).zip(source.par_chunks(COPIED));
            pieces.for_each(|(target, source)| target.copy_from_slice(source));
            f64::from(target[bytes - 1])
        });
    }
    let stream = NormalStream { key: [0, 0], tag: 0 };
    let vectors = normals(stream, 0..count as u32, 0, length, (&placement.device, placement.precision.dtype()));
    seconds(repeats, || last_entry(placement, &vectors.clone().add_scalar(1.0)))
}

#[cfg(test)]
mod tests {
    use std::{thread::sleep, time::Duration};

    use super::*;

    #[test]
    fn the_first_call_does_not_count_and_the_best_of_the_others_does() {
        let mut pauses = [0, 40, 10, 30].into_iter();
        let best = seconds(3, || {
            sleep(Duration::from_millis(pauses.next().expect("four calls")));
            0.0
        });
        assert!((0.010..0.030).contains(&best), "{best}");
        assert!(pauses.next().is_none(), "warm-up and three repeats");
    }
}
