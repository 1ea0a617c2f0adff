//! Times one probe of a conditioned matrix, the unit that very wide training is made of.
//!
//! ```text
//! x new:  explore Q_A by x,  respond to the new directions,  W x = M_A (Q_Aᵀ x) + Q_G (K Q_Aᵀ x)
//! ```
//!
//! (docs/theory/conditioning.md §2.) The matrix has been probed with random vectors on both sides before, so everything has its full rank.

use widenet_kernels::{Basis, NormalStream};

use super::timing::{last_entry, seconds};
use crate::{
    device::Placement,
    matrix::explored::{
        fresh::Fresh,
        hidden::{ExploredMatrix, Known, Probed},
        kind::default_tolerance,
        responses::{FreshParts, Responses},
    },
    vectors::{DeviceBlock, Layout},
};

/// Directions probed with at once on the way to the rank.
const AT_ONCE: usize = 50;

/// Seconds of a probe of `count` new vectors into a square matrix of a length, of which `rank` directions are known on
/// both sides.
pub(crate) fn probe_seconds(
    [length, rank, count]: [usize; 3],
    repeats: usize,
    placement: &Placement,
    panel_bytes: u64,
) -> f64 {
    let piece_rows = panel_bytes / (Basis::BLOCK as u64 * placement.precision.bytes());
    let layout = Layout::split(placement.clone(), piece_rows as usize);
    let stream = |tag| NormalStream { key: [0, 0], tag };
    let probe = |first: usize, count: usize| {
        DeviceBlock::new(layout.normals(stream(2), first..first + count, length), layout.clone())
    };
    let nothing = || Basis::empty(length as u64);
    let side = || Probed::new(nothing(), Responses::none(FreshParts::Stored(nothing()), 1.0 / (length as f64).sqrt()));
    let shape = [length, length];
    let known = Known {
        fresh: Fresh::Normals { streams: [stream(0), stream(1)], shape, layout: layout.clone() },
        direct: side(),
        transpose: side(),
        tolerance: default_tolerance(placement.precision),
        truncation: 0.0,
        #[cfg(test)]
        forgetful: false,
    };
    let matrix = ExploredMatrix::new(shape, known, layout.clone());
    for first in (0..rank).step_by(AT_ONCE) {
        let count = AT_ONCE.min(rank - first);
        matrix.apply(&probe(first, count));
        matrix.apply_transpose(&probe(rank + first, count));
    }
    let new = probe(2 * rank, count);
    seconds(repeats, || {
        // What is known is copied (not its vectors), so that every repeat probes with something new.
        let known = matrix.known().clone();
        let response = matrix.clone().with_known(known).apply(&new);
        response.vectors().pieces().last().map_or(0.0, |piece| last_entry(placement, piece))
    })
}
