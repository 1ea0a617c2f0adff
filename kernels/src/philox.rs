//! Philox4x32-10 makes four random words of a counter and a key.
//!
//! One round maps `(c_0, c_1, c_2, c_3)` under the key `(k_0, k_1)` to
//!
//! ```text
//! (hi(M_1 c_2) ⊕ c_1 ⊕ k_0,  lo(M_1 c_2),  hi(M_0 c_0) ⊕ c_3 ⊕ k_1,  lo(M_0 c_0))
//! ```
//!
//! (docs/theory/randomness.md §1, Eq. philox), and between rounds `k += (W_0, W_1)`. Ten rounds pass BigCrush: Salmon, Moraes, Dror, Shaw,
//! "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). The words are the same on every backend, so whatever integers decide is as
//! well.
#![cfg_attr(feature = "ndarray", allow(deprecated, reason = "ndarray is the peer that flex is measured against"))]

use burn::{
    Tensor,
    backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension, ops::IntTensorOps, tensor::IntTensor},
    tensor::{DType, Device, Int, TensorData},
};

const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// The golden ratio and √3 − 1 as fractions of 2³².
const KEY_STEPS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Returns the four words of a counter; this is the plain twin of the lanes and of the GPU's version.
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut c0, mut c1, mut c2, mut c3], [mut k0, mut k1]) = (counter, key);
    for _ in 0..ROUNDS {
        let left = u64::from(MULTIPLIERS[0]) * u64::from(c0);
        let right = u64::from(MULTIPLIERS[1]) * u64::from(c2);
        [c0, c1, c2, c3] = [(right >> 32) as u32 ^ c1 ^ k0, right as u32, (left >> 32) as u32 ^ c3 ^ k1, left as u32];
        (k0, k1) = (k0.wrapping_add(KEY_STEPS[0]), k1.wrapping_add(KEY_STEPS[1]));
    }
    [c0, c1, c2, c3]
}

/// The words of L counters at once: lane `l` of word `w` is `[w][l]`. Compiled to SIMD where it is inlined.
#[inline(always)]
pub(crate) fn philox_lanes<const L: usize>(mut counters: [[u32; L]; 4], mut key: [u32; 2]) -> [[u32; L]; 4] {
    for _ in 0..ROUNDS {
        let mut words = [[0; L]; 4];
        for lane in 0..L {
            // The lower halves by themselves: SIMD has a product of 32 bits for them.
            let left = u64::from(MULTIPLIERS[0]) * u64::from(counters[0][lane]);
            let right = u64::from(MULTIPLIERS[1]) * u64::from(counters[2][lane]);
            words[0][lane] = (right >> 32) as u32 ^ counters[1][lane] ^ key[0];
            words[1][lane] = MULTIPLIERS[1].wrapping_mul(counters[2][lane]);
            words[2][lane] = (left >> 32) as u32 ^ counters[3][lane] ^ key[1];
            words[3][lane] = MULTIPLIERS[0].wrapping_mul(counters[0][lane]);
        }
        counters = words;
        key = [key[0].wrapping_add(KEY_STEPS[0]), key[1].wrapping_add(KEY_STEPS[1])];
    }
    counters
}

/// Returns the words of `count` counters as the device computes them, four per counter: the first word of `counter` counts up and
/// wraps around. Reads the words back.
///
/// # Panics
/// If the device fails; the message names the counters.
pub fn philox_words(counter: [u32; 4], key: [u32; 2], count: usize, device: &Device) -> Vec<u32> {
    let words = Tensor::<2, Int>::empty([count, 4], (device, DType::I32)).into_dispatch();
    let words = Tensor::<2, Int>::from_dispatch(Dispatch::philox_words(words, counter, key));
    match words.try_to_data().map(|data| data.try_to_vec::<i32>()) {
        Ok(Ok(words)) => words.into_iter().map(|word| word as u32).collect(),
        failure => panic!("the words of {count} counters from {counter:?}: {failure:?}"),
    }
}

/// What a backend must do; the default body computes on the host.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "gpu"))]
pub(crate) trait PhiloxOps: Backend {
    /// Fills (count × 4) words of 32 bits.
    fn philox_words(words: IntTensor<Self>, counter: [u32; 4], key: [u32; 2]) -> IntTensor<Self> {
        let [count, _] = words.shape().dims();
        let counters = (0..count as u32).map(|i| [counter[0].wrapping_add(i), counter[1], counter[2], counter[3]]);
        let values: Vec<i32> = counters.flat_map(|counter| philox4x32(counter, key)).map(|word| word as i32).collect();
        Self::int_from_data(TensorData::new(values, [count, 4]), &words.device())
    }
}

impl PhiloxOps for Flex {
    fn philox_words(words: IntTensor<Self>, counter: [u32; 4], key: [u32; 2]) -> IntTensor<Self> {
        const LANES: usize = 16;
        let [count, _] = words.shape().dims();
        let mut values = Vec::with_capacity(4 * count);
        for first in (0..count).step_by(LANES) {
            let mut counters = counter.map(|word| [word; LANES]);
            let offsets = (first as u32..).map(|offset| counter[0].wrapping_add(offset));
            counters[0].iter_mut().zip(offsets).for_each(|(word, counter)| *word = counter);
            let words = philox_lanes(counters, key);
            (0..LANES.min(count - first)).for_each(|lane| values.extend(words.map(|word| word[lane] as i32)));
        }
        Flex::int_from_data(TensorData::new(values, [count, 4]), &words.device())
    }
}

#[cfg(feature = "ndarray")]
impl PhiloxOps for burn::backend::NdArray {}

#[cfg(feature = "gpu")]
pub(crate) mod gpu {
    //! Philox in a kernel. WGSL has no 64-bit product: CubeCL emulates the upper half with 16-bit limbs where it must.

    use burn::backend::{Cube, TensorMetadata};
    use burn_cubecl::tensor::CubeTensor;
    use cubecl::prelude::*;

    use super::{KEY_STEPS, MULTIPLIERS, PhiloxOps};
    use crate::gpu::{UNITS, grid, task};

    /// The four words of the counter `(c0, c1, c2, c3)`.
    #[cube]
    pub(crate) fn philox(c0: u32, c1: u32, c2: u32, c3: u32, k0: u32, k1: u32) -> (u32, u32, u32, u32) {
        let mut c0 = c0;
        let mut c1 = c1;
        let mut c2 = c2;
        let mut c3 = c3;
        let mut k0 = k0;
        let mut k1 = k1;
        let left_multiplier = comptime!(MULTIPLIERS[0]).runtime();
        let right_multiplier = comptime!(MULTIPLIERS[1]).runtime();
        #[unroll]
        for _ in 0..10u32 {
            let left = c0.mul_hi(left_multiplier);
            let right = c2.mul_hi(right_multiplier);
            let next1 = c2 * right_multiplier;
            let next3 = c0 * left_multiplier;
            c0 = right ^ c1 ^ k0;
            c2 = left ^ c3 ^ k1;
            c1 = next1;
            c3 = next3;
            k0 += comptime!(KEY_STEPS[0]);
            k1 += comptime!(KEY_STEPS[1]);
        }
        (c0, c1, c2, c3)
    }

    #[cube(launch)]
    fn words_kernel(words: &mut [i32], c0: u32, c1: u32, c2: u32, c3: u32, k0: u32, k1: u32, count: u32) {
        let i = task() * CUBE_DIM + UNIT_POS;
        if i < count {
            let (w0, w1, w2, w3) = philox(c0 + i, c1, c2, c3, k0, k1);
            let at = (4 * i) as usize;
            words[at] = i32::reinterpret(w0);
            words[at + 1] = i32::reinterpret(w1);
            words[at + 2] = i32::reinterpret(w2);
            words[at + 3] = i32::reinterpret(w3);
        }
    }

    impl PhiloxOps for Cube {
        fn philox_words(words: CubeTensor, counter: [u32; 4], key: [u32; 2]) -> CubeTensor {
            let [count, _] = words.shape().dims();
            if count > 0 {
                let [c0, c1, c2, c3] = counter;
                words_kernel::launch(
                    &words.client,
                    grid(1, (count as u32).div_ceil(UNITS)),
                    CubeDim::new_1d(UNITS),
                    words.clone().into_buffer_arg(),
                    c0,
                    c1,
                    c2,
                    c3,
                    key[0],
                    key[1],
                    count as u32,
                );
            }
            words
        }
    }
}
