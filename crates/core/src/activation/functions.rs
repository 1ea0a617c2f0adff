//! Computes exponential, tanh, logarithm, error function, sine and cosine of one entry without branches, so that a loop of them becomes
//! SIMD.
//!
//! ```text
//! eˣ = 2ⁿ (1 + p),  p = e^r − 1,  x = n ln 2 + r        tanh a = −q/(2 + q),  q = e^{−2a} − 1
//! ln(1 + e) = 2 artanh(e/(2 + e))                       erfc x = e^{−x²} P((x − 3)/(x + 3)) / (1 + 2x)
//! ```
//!
//! (docs/theory/numerics.md §1, Eq. functions.) p, artanh, erf near 0, sine and cosine are `x + x^k P`, so that small arguments keep their
//! relative accuracy. The form of erfc is that of M. M. Shepherd and J. G. Laframboise (Mathematics of Computation 36, 1981); subtracting
//! multiples of π/2 and ln 2 in parts is due to W. J. Cody and W. Waite (1980). `coefficients.py` beside this file makes the polynomials.
//! Products and sums are separate instructions: the numbers are the same on every processor. NaN passes through everything.

use std::{
    f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI},
    ops::{Add, Div, Mul, Neg, Sub},
};

/// A float type with its polynomials (lowest power first) and its bits.
pub trait Lane:
    Copy
    + 'static
    + Send
    + Sync
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// 0.
    const ZERO: Self;
    /// `(e^r − 1 − r)/r²` for |r| ≤ ln 2 / 2.
    const EXPM1: &'static [Self];
    /// `(artanh(s)/s − 1)/s²` in s² for s ≤ 1/3.
    const ATANH: &'static [Self];
    /// `erf(x)/x − 1` in x² for x ≤ 3/4.
    const ERF: &'static [Self];
    /// `(1 + 2x) e^{x²} erfc(x)` in (x − 3)/(x + 3).
    const ERFCX: &'static [Self];
    /// `(sin(r)/r − 1)/r²` in r² for |r| ≤ π/4.
    const SIN: &'static [Self];
    /// `(cos(r) − 1 + r²/2)/r⁴` in r² for |r| ≤ π/4.
    const COS: &'static [Self];
    /// π/2 in parts; multiples of all but the last are exact up to [`Lane::LARGEST_ANGLE`].
    const HALF_PI: &'static [Self];
    /// Up to here multiples of the parts are exact.
    const LARGEST_ANGLE: Self;
    /// ln 2 in two parts; multiples of the first are exact.
    const LN_2: [Self; 2];
    /// Below it, `eˣ` rounds to 0.
    const LEAST_EXPONENT: Self;
    /// From here on `e^{−a²/2}` is 0.
    const GAUSSIAN_END: Self;

    /// A constant in this float type.
    fn of(constant: f64) -> Self;
    /// The same number in `f64`.
    fn wide(self) -> f64;
    /// `|x|`.
    fn abs(self) -> Self;
    /// `|x|` with another number's sign.
    fn copysign(self, sign: Self) -> Self;
    /// The leading half of the digits, whose square is exact.
    fn leading(self) -> Self;
    /// `(n, 2ⁿ)` with n the integer nearest to x, for 2ⁿ in the normal range.
    fn power_of_two(x: Self) -> (Self, Self);
    /// `(n, a, b)` with `a b = 2ⁿ`, for −1100 ≤ n ≤ 0 in `f64` and −200 ≤ n ≤ 0 in `f32`.
    fn halves_of_power(x: Self) -> (Self, Self, Self);
    /// The integer n nearest to x, in both types; only the last bits of the second mean something.
    fn nearest(x: Self) -> (Self, u32);
    /// With its sign changed if the bit of value 2 is set.
    fn flipped(self, quarter: u32) -> Self;
}

macro_rules! bits {
    ($type:ty, $bits:ty, $shifter:expr, $offset:literal) => {
        #[inline(always)]
        fn of(constant: f64) -> Self {
            constant as $type
        }

        #[inline(always)]
        fn wide(self) -> f64 {
            f64::from(self)
        }

        #[inline(always)]
        fn abs(self) -> Self {
            <$type>::abs(self)
        }

        #[inline(always)]
        fn copysign(self, sign: Self) -> Self {
            <$type>::copysign(self, sign)
        }

        #[inline(always)]
        fn leading(self) -> Self {
            <$type>::from_bits(self.to_bits() & (<$bits>::MAX << <$type>::MANTISSA_DIGITS.div_ceil(2)))
        }

        // Added to 1.5 · 2^(digits − 1), a number is rounded to an integer, and the last bits of the sum are that integer.
        #[inline(always)]
        fn power_of_two(x: Self) -> (Self, Self) {
            const BIAS: $bits = <$type>::MAX_EXP as $bits - 1;
            let sum = x + $shifter;
            let biased = sum.to_bits().wrapping_sub(<$type>::to_bits($shifter)).wrapping_add(BIAS);
            (sum - $shifter, <$type>::from_bits(biased << (<$type>::MANTISSA_DIGITS - 1)))
        }

        #[inline(always)]
        fn halves_of_power(x: Self) -> (Self, Self, Self) {
            // Twice the bias, and 2: halves of the sum are positive and one above a biased exponent.
            const SHIFTER: $type = $shifter + $offset;
            let sum = x + SHIFTER;
            let shifted = sum.to_bits().wrapping_sub(<$type>::to_bits($shifter));
            let (half, other) = (shifted >> 1, shifted.wrapping_sub(shifted >> 1));
            let power = <$type>::MANTISSA_DIGITS - 1;
            let of = |half: $bits| <$type>::from_bits(half.wrapping_sub(1) << power);
            (sum - SHIFTER, of(half), of(other))
        }

        #[inline(always)]
        fn nearest(x: Self) -> (Self, u32) {
            let sum = x + $shifter;
            (sum - $shifter, sum.to_bits() as u32)
        }

        #[inline(always)]
        fn flipped(self, quarter: u32) -> Self {
            <$type>::from_bits(self.to_bits() ^ (<$bits>::from(quarter & 2) << (<$bits>::BITS - 2)))
        }
    };
}

#[rustfmt::skip]
impl Lane for f32 {
    const ZERO: Self = 0.0;
    const EXPM1: &'static [Self] =
        &[5.0e-1, 1.666_666_7e-1, 4.166_646_3e-2, 8.333_310_5e-3, 1.393_373_1e-3, 1.989_108e-4];
    const ATANH: &'static [Self] =
        &[3.333_333_4e-1, 1.999_985_3e-1, 1.429_617_9e-1, 1.085_328_76e-1, 1.161_216_5e-1];
    const ERF: &'static [Self] =
        &[1.283_791_7e-1, -3.761_262e-1, 1.128_338_65e-1, -2.683_511_4e-2, 5.115_332e-3, -6.756_48e-4];
    const ERFCX: &'static [Self] = &[
        1.253_008, -1.356_211_6e-1, -4.756_237_2e-2, 1.296_468_5e-1, -1.192_709_4e-1, 6.829_274_4e-2, -2.380_005_8e-2,
        2.572_904_6e-3, 2.009_782_2e-3, -7.758_974e-4, -2.690_068e-4,
    ];
    const SIN: &'static [Self] = &[-1.666_666_4e-1, 8.332_746e-3, -1.958_738_7e-4];
    const COS: &'static [Self] = &[4.166_666_4e-2, -1.388_83e-3, 2.454_743_7e-5];
    const HALF_PI: &'static [Self] = &[1.570_312_5, 4.837_513e-4, 7.549_533_6e-8, 2.563_283e-12, 6.123_234e-17];
    const LARGEST_ANGLE: Self = 6400.0;
    const LN_2: [Self; 2] = [0.693_359_4, -2.121_944_4e-4];
    const LEAST_EXPONENT: Self = -104.0;
    const GAUSSIAN_END: Self = 16.0;

    bits!(f32, u32, 12_582_912.0, 256.0);
}

#[rustfmt::skip]
impl Lane for f64 {
    const ZERO: Self = 0.0;
    const EXPM1: &'static [Self] = &[
        5.0e-1, 1.666_666_666_666_667e-1, 4.166_666_666_666_667e-2, 8.333_333_333_326_084e-3, 1.388_888_888_888_371_1e-3,
        1.984_126_987_500_228e-4, 2.480_158_732_567_746e-5, 2.755_725_517_000_089e-6, 2.755_727_347_871_858e-7,
        2.510_531_272_962_210_3e-8, 2.091_475_532_589_32e-9,
    ];
    const ATANH: &'static [Self] = &[
        3.333_333_333_333_333e-1, 2.000_000_000_000_000_7e-1, 1.428_571_428_571_097e-1, 1.111_111_111_166_599_3e-1,
        9.090_909_043_002_827e-2, 7.692_310_126_902_081e-2, 6.666_588_474_569_089e-2, 5.883_998_883_620_518e-2,
        5.240_199_617_182_637e-2, 4.971_012_448_277_368e-2, 3.167_055_425_885_123e-2, 7.615_631_309_714_492e-2,
    ];
    const ERF: &'static [Self] = &[
        1.283_791_670_955_126e-1, -3.761_263_890_318_371_5e-1, 1.128_379_167_095_259_6e-1, -2.686_617_064_442_848_5e-2,
        5.223_977_615_420_539e-3, -8.548_326_188_759_752e-4, 1.205_528_956_754_170_6e-4, -1.492_419_630_556_961_7e-5,
        1.643_068_417_974_155e-6, -1.594_006_685_466_171_7e-7, 1.147_249_970_109_469_1e-8,
    ];
    const ERFCX: &'static [Self] = &[
        1.253_008_058_269_729_6, -1.356_211_061_245_811e-1, -4.756_229_435_345_306e-2, 1.296_451_587_027_502_6e-1,
        -1.192_736_634_151_685_7e-1, 6.830_802_734_440_604e-2, -2.377_051_492_193_764_7e-2, 2.529_391_807_900_063e-3,
        1.888_690_398_169_680_1e-3, -7.798_321_855_259_28e-4, -1.051_600_624_129_954_8e-4, 1.250_987_929_274_765e-4,
        4.950_552_349_634_667e-6, -2.009_825_383_762_592_6e-5, -7.341_631_654_668_39e-7, 3.466_159_671_279_617_3e-6,
        3.606_686_347_542_412_6e-7, -6.056_586_389_337_659e-7, -1.441_035_437_968_168_8e-7, 8.977_480_611_608_504e-8,
        4.113_475_639_215_801_6e-8, -5.756_503_996_147_508e-9, -6.467_844_455_782_987e-9, -1.067_259_521_497_691_6e-9,
    ];
    const SIN: &'static [Self] = &[
        -1.666_666_666_666_666_6e-1, 8.333_333_333_330_925e-3, -1.984_126_983_672_241_8e-4, 2.755_731_608_381_636e-6,
        -2.505_112_794_401_418_8e-8, 1.591_784_852_480_826_2e-10,
    ];
    const COS: &'static [Self] = &[
        4.166_666_666_666_666_4e-2, -1.388_888_888_888_738_2e-3, 2.480_158_729_874_307e-5, -2.755_731_726_000_883_7e-7,
        2.087_614_382_799_313_3e-9, -1.138_245_677_806_130_6e-11,
    ];
    const HALF_PI: &'static [Self] =
        &[1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_711_166_5e-21, 8.478_427_660_368_9e-32];
    const LARGEST_ANGLE: Self = 1e6;
    const LN_2: [Self; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
    const LEAST_EXPONENT: Self = -746.0;
    const GAUSSIAN_END: Self = 40.0;

    bits!(f64, u64, 6_755_399_441_055_744.0, 2048.0);
}

/// `Σ_k c_k x^k`.
#[inline(always)]
fn polynomial<T: Lane>(x: T, coefficients: &[T]) -> T {
    let mut sum = coefficients[coefficients.len() - 1];
    let mut k = coefficients.len() - 1;
    while k > 0 {
        k -= 1;
        sum = sum * x + coefficients[k];
    }
    sum
}

/// One of both; compilers make it a blend of lanes.
#[inline(always)]
fn select<T>(condition: bool, yes: T, no: T) -> T {
    if condition { yes } else { no }
}

/// `e^r − 1` for |r| ≤ ln 2 / 2.
#[inline(always)]
fn expm1_near_zero<T: Lane>(r: T) -> T {
    r + r * r * polynomial(r, T::EXPM1)
}

/// `e^{x + rest}` for x ≤ 0 and a rest far smaller: 0 below the least exponent, denormal before.
#[inline(always)]
fn exp_of_sum<T: Lane>(x: T, rest: T) -> T {
    let x = select(x < T::LEAST_EXPONENT, T::LEAST_EXPONENT, x);
    let (n, half, other) = T::halves_of_power(x * T::of(std::f64::consts::LOG2_E));
    let r = (x - n * T::LN_2[0]) - n * T::LN_2[1] + rest;
    (T::of(1.0) + expm1_near_zero(r)) * half * other
}

/// `eˣ` for x ≤ 0.
#[inline(always)]
pub(super) fn exp<T: Lane>(x: T) -> T {
    exp_of_sum(x, T::ZERO)
}

/// `tanh u`.
#[inline(always)]
pub(super) fn tanh<T: Lane>(u: T) -> T {
    let twice = -(u.abs() + u.abs());
    // tanh is 1 long before.
    let x = select(twice < T::of(-64.0), T::of(-64.0), twice);
    let (n, power) = T::power_of_two(x * T::of(std::f64::consts::LOG2_E));
    let r = (x - n * T::LN_2[0]) - n * T::LN_2[1];
    let expm1 = expm1_near_zero(r) * power + (power - T::of(1.0));
    (-expm1 / (T::of(2.0) + expm1)).copysign(u)
}

/// `tanh' u = 4e/(1 + e)²` with `e = e^{−2|u|}`: 1 − tanh² would cancel.
#[inline(always)]
pub(super) fn tanh_derivative<T: Lane>(u: T) -> T {
    let e = exp(-(u.abs() + u.abs()));
    let sum = T::of(1.0) + e;
    T::of(4.0) * e / (sum * sum)
}

/// `1/(1 + e^{−u})`.
#[inline(always)]
pub(super) fn sigmoid<T: Lane>(u: T) -> T {
    let e = exp(-u.abs());
    select(u > T::ZERO, T::of(1.0), e) / (T::of(1.0) + e)
}

/// `σ'(u) = σ(u) σ(−u)`.
#[inline(always)]
pub(super) fn sigmoid_derivative<T: Lane>(u: T) -> T {
    let e = exp(-u.abs());
    let sum = T::of(1.0) + e;
    e / (sum * sum)
}

/// `ln(1 + e^u) = max(u, 0) + ln(1 + e^{−|u|})`.
#[inline(always)]
pub(super) fn softplus<T: Lane>(u: T) -> T {
    let e = exp(-u.abs());
    let s = e / (T::of(2.0) + e);
    let square = s * s;
    let atanh = s + s * square * polynomial(square, T::ATANH);
    select(u > T::ZERO, u, T::ZERO) + (atanh + atanh)
}

/// `u σ(u)`.
#[inline(always)]
pub(super) fn silu<T: Lane>(u: T) -> T {
    u * sigmoid(u)
}

/// `σ(u) (1 + u σ(−u))`.
#[inline(always)]
pub(super) fn silu_derivative<T: Lane>(u: T) -> T {
    let e = exp(-u.abs());
    let (one, sum) = (T::of(1.0), T::of(1.0) + e);
    let (upper, lower) = (select(u > T::ZERO, one, e) / sum, select(u > T::ZERO, e, one) / sum);
    upper * (one + u * lower)
}

/// `e^{−c a²}` for c = 1 or ½. The square in two parts, for its error would be that of the exponent.
#[inline(always)]
fn gaussian<T: Lane>(a: T, c: T) -> T {
    let a = select(a > T::GAUSSIAN_END, T::GAUSSIAN_END, a);
    let leading = a.leading();
    exp_of_sum(-(c * leading * leading), -(c * (a - leading) * (a + leading)))
}

/// `e^{x²} erfc(x)` for x ≥ 0.
#[inline(always)]
fn erfcx<T: Lane>(x: T) -> T {
    // Far outside the polynomial's interval the Gaussian that it meets is 0.
    let x = select(x > T::GAUSSIAN_END, T::GAUSSIAN_END, x);
    let t = (x - T::of(3.0)) / (x + T::of(3.0));
    polynomial(t, T::ERFCX) / (T::of(1.0) + (x + x))
}

/// `erf x` for |x| ≤ ¾.
#[inline(always)]
fn erf_near_zero<T: Lane>(x: T) -> T {
    x + x * polynomial(x * x, T::ERF)
}

/// `erf u`.
#[inline(always)]
pub(super) fn erf<T: Lane>(u: T) -> T {
    let a = u.abs();
    let far = T::of(1.0) - gaussian(a, T::of(1.0)) * erfcx(a);
    select(a < T::of(0.75), erf_near_zero(u), far.copysign(u))
}

/// `erf' u = 2/√π e^{−u²}`.
#[inline(always)]
pub(super) fn erf_derivative<T: Lane>(u: T) -> T {
    T::of(FRAC_2_SQRT_PI) * gaussian(u.abs(), T::of(1.0))
}

/// `u Φ(u)`, with `Φ(−a) = ½ erfc(a/√2)`.
#[inline(always)]
pub(super) fn gelu<T: Lane>(u: T) -> T {
    let a = u.abs();
    let x = a * T::of(FRAC_1_SQRT_2);
    let near = T::of(0.5) - T::of(0.5) * erf_near_zero(x);
    let far = gaussian(a, T::of(0.5)) * (T::of(0.5) * erfcx(x));
    let lower = select(x < T::of(0.75), near, far);
    u * select(u > T::ZERO, T::of(1.0) - lower, lower)
}

/// `Φ(u) + u e^{−u²/2}/√(2π)`: far out on the left one Gaussian times a sum that does not cancel; on the right the rest to 1.
#[inline(always)]
pub(super) fn gelu_derivative<T: Lane>(u: T) -> T {
    let a = u.abs();
    let x = a * T::of(FRAC_1_SQRT_2);
    let density = gaussian(a, T::of(0.5));
    let term = a * T::of(0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI);
    let near = (T::of(0.5) - T::of(0.5) * erf_near_zero(x)) - density * term;
    let far = density * (T::of(0.5) * erfcx(x) - term);
    let lower = select(x < T::of(0.75), near, far);
    select(u > T::ZERO, T::of(1.0) - lower, lower)
}

/// `sin(u + quarter π/2)` up to the largest angle.
#[inline(always)]
fn sin_of_quarter<T: Lane>(u: T, quarter: u32) -> T {
    let (n, bits) = T::nearest(u * T::of(std::f64::consts::FRAC_2_PI));
    let mut r = u;
    let mut part = 0;
    while part < T::HALF_PI.len() {
        r = r - n * T::HALF_PI[part];
        part += 1;
    }
    let square = r * r;
    let sin = r + r * square * polynomial(square, T::SIN);
    let cos = (T::of(1.0) - T::of(0.5) * square) + square * square * polynomial(square, T::COS);
    let quarter = bits.wrapping_add(quarter);
    select(quarter & 1 == 0, sin, cos).flipped(quarter)
}

/// `sin u` up to the largest angle.
#[inline(always)]
pub(super) fn sin<T: Lane>(u: T) -> T {
    sin_of_quarter(u, 0)
}

/// `cos u` up to the largest angle.
#[inline(always)]
pub(super) fn cos<T: Lane>(u: T) -> T {
    sin_of_quarter(u, 1)
}
