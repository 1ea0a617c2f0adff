//! Activations are CubeCL kernels in portable WGSL, one launch forwards and one backwards.
//!
//! In `f32` functions are the CPU's, polynomial for polynomial: those of a shading language may be off by 2⁻¹¹, cancel near 0
//! or overflow far out. Drivers may still fuse a product and a sum and take denormal numbers as 0. Angles above
//! [`Lane::LARGEST_ANGLE`] are the language's. Tensors in `f64` go through burn's own operations.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_2_SQRT_PI, LOG2_E};

use burn::{
    backend::{Cube, TensorMetadata},
    tensor::DType,
};
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;
use widenet_core::{activation::Lane, problem::Activation};

use super::{composed, ops::NeuronOps};
use crate::gpu::{ENTRIES_PER_LAUNCH, UNITS, grid, own, pieces, submit, task};

/// An [`Activation`] as kernels are compiled for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Function {
    Relu,
    LeakyRelu,
    Abs,
    Erf,
    Sin,
    Gelu,
    Tanh,
    Sigmoid,
    Softplus,
    Silu,
    Step,
    SquaredRelu,
}

impl Function {
    /// The others have slopes for any argument, NaN included.
    fn is_smooth(self) -> bool {
        !matches!(self, Function::Relu | Function::LeakyRelu | Function::Abs | Function::Step | Function::SquaredRelu)
    }
}

/// The function, and the slope of a leaky ReLU for u < 0.
fn function(activation: Activation) -> Option<(Function, f32)> {
    let function = match activation {
        Activation::Identity => return None,
        Activation::LeakyRelu { negative_slope } => return Some((Function::LeakyRelu, negative_slope as f32)),
        Activation::Relu => Function::Relu,
        Activation::Abs => Function::Abs,
        Activation::Erf => Function::Erf,
        Activation::Sin => Function::Sin,
        Activation::Gelu => Function::Gelu,
        Activation::Tanh => Function::Tanh,
        Activation::Sigmoid => Function::Sigmoid,
        Activation::Softplus => Function::Softplus,
        Activation::Silu => Function::Silu,
        Activation::Step => Function::Step,
        Activation::SquaredRelu => Function::SquaredRelu,
    };
    Some((function, 0.0))
}

/// `Σ_k c_k x^k`.
#[cube]
fn polynomial(x: f32, #[comptime] coefficients: &'static [f32]) -> f32 {
    let last = comptime!(coefficients.len() - 1);
    let mut sum = comptime!(coefficients[last]).runtime();
    #[unroll]
    for k in 0..last {
        sum = sum * x + comptime!(coefficients[last - 1 - k]);
    }
    sum
}

/// The same number, of which compilers know nothing: some make `(x − n a) − n b` one multiple of a + b, as precise as that sum is.
/// [`CUBE_POS_X`] is 0, for launches have one column of cubes.
#[cube]
fn exactly(x: f32) -> f32 {
    f32::reinterpret(u32::reinterpret(x) ^ CUBE_POS_X)
}

/// Whether it is NaN, by its bits: compilers may take comparisons to be of numbers.
#[cube]
fn is_nan(u: f32) -> bool {
    (u32::reinterpret(u) & 0x7FFF_FFFFu32) > 0x7F80_0000u32
}

/// `2ⁿ` for n from −126 to 127.
#[cube]
fn power_of_two(n: f32) -> f32 {
    f32::reinterpret(u32::cast_from(i32::cast_from(n) + 127i32) << 23u32)
}

/// `(n, e^r − 1)` with `x = n ln 2 + r`.
#[cube]
fn reduced(x: f32, rest: f32) -> (f32, f32) {
    let n = f32::round(x * comptime!(LOG2_E as f32));
    let r = exactly(x - n * comptime!(f32::LN_2[0])) - n * comptime!(f32::LN_2[1]) + rest;
    (n, r + r * r * polynomial(r, comptime!(f32::EXPM1)))
}

/// `e^{x + rest}` for x ≤ 0 and a rest far smaller.
#[cube]
fn exp_of_sum(x: f32, rest: f32) -> f32 {
    let (n, expm1) = reduced(f32::max(x, comptime!(f32::LEAST_EXPONENT)), rest);
    let half = f32::floor(n * 0.5f32);
    (expm1 + 1.0f32) * power_of_two(half) * power_of_two(n - half)
}

#[cube]
fn tanh(u: f32) -> f32 {
    // tanh is 1 long before.
    let (n, near_zero) = reduced(f32::max(f32::abs(u) * -2.0f32, -64.0f32), 0.0f32);
    let power = power_of_two(n);
    let expm1 = near_zero * power + (power - 1.0f32);
    let size = -expm1 / (expm1 + 2.0f32);
    select(u < 0.0f32, -size, size)
}

/// `e^{−factor a²}` for a factor of 1 or ½. The square in two parts, for its error would be that of the exponent.
#[cube]
fn gaussian(a: f32, #[comptime] factor: f32) -> f32 {
    let a = f32::min(a, comptime!(f32::GAUSSIAN_END));
    let leading = f32::reinterpret(u32::reinterpret(a) & 0xFFFF_F000u32);
    exp_of_sum(leading * leading * comptime!(-factor), (a - leading) * (a + leading) * comptime!(-factor))
}

/// `e^{x²} erfc(x)` for x ≥ 0.
#[cube]
fn erfcx(x: f32) -> f32 {
    let x = f32::min(x, comptime!(f32::GAUSSIAN_END));
    polynomial((x - 3.0f32) / (x + 3.0f32), comptime!(f32::ERFCX)) / (x + x + 1.0f32)
}

/// `erf x` for |x| ≤ ¾.
#[cube]
fn erf_near_zero(x: f32) -> f32 {
    x + x * polynomial(x * x, comptime!(f32::ERF))
}

#[cube]
fn erf(u: f32) -> f32 {
    let a = f32::abs(u);
    let far = 1.0f32 - gaussian(a, 1.0f32) * erfcx(a);
    select(a < 0.75f32, erf_near_zero(u), select(u < 0.0f32, -far, far))
}

/// `sin(u + quarter π/2)`.
#[cube]
fn sin_of_quarter(u: f32, #[comptime] quarter: u32) -> f32 {
    let n = f32::round(u * comptime!(FRAC_2_PI as f32));
    let mut r = u;
    #[unroll]
    for part in 0..comptime!(f32::HALF_PI.len()) {
        r = exactly(r - n * comptime!(f32::HALF_PI[part]));
    }
    let square = r * r;
    let sin = r + r * square * polynomial(square, comptime!(f32::SIN));
    let cos = (1.0f32 - square * 0.5f32) + square * square * polynomial(square, comptime!(f32::COS));
    let quarters = u32::cast_from(i32::cast_from(n)) + quarter;
    let size = select((quarters & 1u32) == 0u32, sin, cos);
    let near = f32::reinterpret(u32::reinterpret(size) ^ ((quarters & 2u32) << 30u32));
    let far = if comptime!(quarter == 0) { f32::sin(u) } else { f32::cos(u) };
    select(f32::abs(u) > comptime!(f32::LARGEST_ANGLE), far, near)
}

/// `φ(u)`.
#[cube]
fn value(u: f32, negative_slope: f32, #[comptime] function: Function) -> f32 {
    match function {
        Function::Relu => select(u < 0.0f32, 0.0f32, u),
        Function::LeakyRelu => select(u < 0.0f32, negative_slope * u, u),
        Function::Abs => f32::abs(u),
        Function::Erf => erf(u),
        Function::Sin => sin_of_quarter(u, 0u32),
        Function::Gelu => {
            let a = f32::abs(u);
            let x = a * comptime!(FRAC_1_SQRT_2 as f32);
            let far = gaussian(a, 0.5f32) * (erfcx(x) * 0.5f32);
            let lower = select(x < 0.75f32, 0.5f32 - erf_near_zero(x) * 0.5f32, far);
            u * select(u > 0.0f32, 1.0f32 - lower, lower)
        }
        Function::Tanh => tanh(u),
        Function::Sigmoid => {
            let e = exp_of_sum(-f32::abs(u), 0.0f32);
            select(u > 0.0f32, 1.0f32, e) / (e + 1.0f32)
        }
        Function::Softplus => {
            let e = exp_of_sum(-f32::abs(u), 0.0f32);
            let s = e / (e + 2.0f32);
            let square = s * s;
            let atanh = s + s * square * polynomial(square, comptime!(f32::ATANH));
            f32::max(u, 0.0f32) + (atanh + atanh)
        }
        Function::Silu => {
            let e = exp_of_sum(-f32::abs(u), 0.0f32);
            u * (select(u > 0.0f32, 1.0f32, e) / (e + 1.0f32))
        }
        Function::Step => select(u > 0.0f32, 1.0f32, 0.0f32),
        Function::SquaredRelu => select(u < 0.0f32, 0.0f32, u * u),
    }
}

/// `φ'(u)`.
#[cube]
fn derivative(u: f32, negative_slope: f32, #[comptime] function: Function) -> f32 {
    match function {
        Function::Relu => select(u > 0.0f32, 1.0f32, 0.0f32),
        Function::LeakyRelu => select(u > 0.0f32, 1.0f32, negative_slope),
        Function::Abs => select(u > 0.0f32, 1.0f32, -1.0f32),
        Function::Erf => gaussian(f32::abs(u), 1.0f32) * comptime!(FRAC_2_SQRT_PI as f32),
        Function::Sin => sin_of_quarter(u, 1u32),
        Function::Gelu => {
            let a = f32::abs(u);
            let x = a * comptime!(FRAC_1_SQRT_2 as f32);
            let density = gaussian(a, 0.5f32);
            let term = a * comptime!((0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI) as f32);
            let near = (0.5f32 - erf_near_zero(x) * 0.5f32) - density * term;
            let lower = select(x < 0.75f32, near, density * (erfcx(x) * 0.5f32 - term));
            select(u > 0.0f32, 1.0f32 - lower, lower)
        }
        Function::Tanh => {
            let e = exp_of_sum(f32::abs(u) * -2.0f32, 0.0f32);
            e * 4.0f32 / ((e + 1.0f32) * (e + 1.0f32))
        }
        Function::Sigmoid => {
            let e = exp_of_sum(-f32::abs(u), 0.0f32);
            e / ((e + 1.0f32) * (e + 1.0f32))
        }
        Function::Softplus => {
            let e = exp_of_sum(-f32::abs(u), 0.0f32);
            select(u > 0.0f32, 1.0f32, e) / (e + 1.0f32)
        }
        Function::Silu => {
            let e = exp_of_sum(-f32::abs(u), 0.0f32);
            let upper = select(u > 0.0f32, 1.0f32, e) / (e + 1.0f32);
            let lower = select(u > 0.0f32, e, 1.0f32) / (e + 1.0f32);
            upper * (u * lower + 1.0f32)
        }
        Function::Step => 0.0f32,
        Function::SquaredRelu => select(u > 0.0f32, u + u, 0.0f32),
    }
}

/// One unit per entry from `first` on.
#[cube(launch)]
fn activate_kernel(h: &mut [f32], negative_slope: f32, first: u32, end: u32, #[comptime] function: Function) {
    let i = first + task() * CUBE_DIM + UNIT_POS;
    if i < end {
        let u = h[i as usize];
        h[i as usize] = select(is_nan(u), u, value(u, negative_slope, function));
    }
}

/// One unit per entry of H from `first` on, for its `repeats` entries of G.
#[cube(launch)]
fn times_derivative_kernel(
    g: &mut [f32],
    h: &[f32],
    negative_slope: f32,
    entries: u32,
    repeats: u32,
    first: u32,
    end: u32,
    #[comptime] function: Function,
) {
    let i = first + task() * CUBE_DIM + UNIT_POS;
    if i < end {
        let u = h[i as usize];
        let slope = derivative(u, negative_slope, function);
        let slope = if comptime!(function.is_smooth()) { select(is_nan(u), u, slope) } else { slope };
        for c in 0..repeats {
            g[(c * entries + i) as usize] *= slope;
        }
    }
}

/// Entries as kernels count them: a tensor is one buffer, of at most 2³² of them.
fn entries(tensor: &CubeTensor) -> u32 {
    tensor.shape().num_elements() as u32
}

impl NeuronOps for Cube {
    fn activate(h: CubeTensor, activation: Activation) -> CubeTensor {
        let (DType::F32, Some((function, negative_slope))) = (h.dtype, function(activation)) else {
            return composed::value::<Cube>(h, activation);
        };
        let h = own(h);
        for (first, end) in pieces(entries(&h), ENTRIES_PER_LAUNCH) {
            activate_kernel::launch(
                &h.client,
                grid(1, (end - first).div_ceil(UNITS)),
                CubeDim::new_1d(UNITS),
                h.clone().into_buffer_arg(),
                negative_slope,
                first,
                end,
                function,
            );
            if end - first == ENTRIES_PER_LAUNCH {
                submit(&h.client);
            }
        }
        h
    }

    fn times_derivative(g: CubeTensor, h: CubeTensor, activation: Activation) -> CubeTensor {
        let (DType::F32, Some((function, negative_slope))) = (g.dtype, function(activation)) else {
            return composed::times_derivative::<Cube>(g, h, activation);
        };
        let (g, h) = (own(g), into_contiguous(h));
        let repeats = entries(&g) / entries(&h);
        for (first, end) in pieces(entries(&h), ENTRIES_PER_LAUNCH) {
            times_derivative_kernel::launch(
                &g.client,
                grid(1, (end - first).div_ceil(UNITS)),
                CubeDim::new_1d(UNITS),
                g.clone().into_buffer_arg(),
                h.clone().into_buffer_arg(),
                negative_slope,
                entries(&h),
                repeats,
                first,
                end,
                function,
            );
            if end - first == ENTRIES_PER_LAUNCH {
                submit(&g.client);
            }
        }
        g
    }
}
