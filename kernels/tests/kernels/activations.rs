//! Activations against their plain twins, on every backend and float type, and in `f64` against values of many digits.

use burn::{
    Tensor,
    tensor::{DType, Device},
};
use widenet_core::document::Word;
use widenet_core::problem::Activation;
use widenet_kernels::{activate, reference, times_derivative};

use crate::common::{read, tensor};

/// From `activations.py`: the word of an activation, u, φ(u), φ'(u).
const MANY_DIGITS: &str = include_str!("activations.csv");

fn activations() -> impl Iterator<Item = Activation> {
    let words = Activation::all();
    words.chain([Activation::LeakyRelu { negative_slope: -0.3 }])
}

/// Numbers of both signs that f32 holds: sizes from 2⁻³⁰ to 2⁷, and 0.
fn numbers(count: usize, seed: u32) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mantissa = f64::from(state >> 9) / f64::from(1 << 23) + 1.0;
        let power = (f64::from(state >> 16).rem_euclid(37.0) - 30.0).exp2();
        if state & 0x100 == 0 { mantissa * power } else { -mantissa * power }
    };
    let mut numbers: Vec<f64> = (0..count).map(|_| next()).collect();
    numbers[0] = 0.0;
    numbers
}

/// What a result may be off by.
#[derive(Clone, Copy)]
struct Tolerance {
    dtype: DType,
    /// Units in the last place of the result or, where terms of both signs meet, of the larger ones.
    units: f64,
    /// In any case.
    absolute: f64,
    /// Units of the exponent in `e^{−u²}`: the twin's own in `f64`.
    exponent_units: f64,
}

impl Tolerance {
    fn new(dtype: DType, units: f64, absolute: f64) -> Self {
        // In f64 the twin rounds the square in its exponent, and u/√2 before it.
        Self { dtype, units, absolute, exponent_units: if dtype == DType::F64 { 2.0 } else { 0.0 } }
    }

    /// The distance of a number of this size to the next.
    fn unit(self, size: f64) -> f64 {
        let (digits, least) = if self.dtype == DType::F64 { (52, -1022) } else { (23, -126) };
        let exponent = if size == 0.0 { least } else { (size.log2().floor() as i32).max(least) };
        2.0_f64.powi(exponent) * 2.0_f64.powi(-digits)
    }

    /// Of a number near `expected`, made of terms as large as `size`.
    fn allows(self, actual: f64, expected: f64, size: f64, u: f64) -> bool {
        // What is too large for the type is infinite.
        let expected = if self.dtype == DType::F64 { expected } else { f64::from(expected as f32) };
        if expected.is_nan() || expected.is_infinite() {
            return actual == expected || actual.is_nan() && expected.is_nan();
        }
        let units = if self.exponent_units > 0.0 { self.units + self.exponent_units * u * u } else { self.units };
        (actual - expected).abs() <= units * self.unit(size) + self.absolute
    }
}

/// The size of the terms of φ(u), and of φ'(u).
fn sizes(activation: Activation, u: f64, dtype: DType) -> [f64; 2] {
    let [value, derivative] = [activation.value(u).abs(), activation.derivative(u).abs()];
    if !matches!(activation, Activation::Silu | Activation::Gelu) {
        return [value, derivative];
    }
    // A denormal factor has few digits, and its error is multiplied by u.
    let least = (1.0 + u.abs()) * if dtype == DType::F64 { f64::MIN_POSITIVE } else { f64::from(f32::MIN_POSITIVE) };
    // φ' = φ/u + (φ' − φ/u), of which the second is u times a density or σ(u) σ(−u): they cancel near its zero.
    let ratio = if u == 0.0 { 0.5 } else { activation.value(u) / u };
    let terms = ratio.abs() + (activation.derivative(u) - ratio).abs();
    [value.max(least), terms.max(least)]
}

fn conformance(device: &Device, tolerance: Tolerance) {
    let on = (device, tolerance.dtype);
    // No multiples of lanes and tasks, and both sides of each.
    for (k, p, n) in [(1, 1, 1), (2, 3, 21), (1, 1, 64), (3, 1, 65), (1, 2, 8192), (2, 3, 16_411)] {
        let (h, g) = (numbers(p * n, 1), numbers(k * p * n, 2));
        let (preactivations, signals) = (tensor(&h, [p, n], on), tensor(&g, [k * p, n], on));
        for activation in activations() {
            let what = |what| format!("{what} of {activation:?} for k = {k}, P = {p}, n = {n} on {on:?}");
            let values = activate(preactivations.clone(), activation);
            let products = times_derivative(signals.clone(), &preactivations, activation);
            assert_eq!((values.dims(), products.dims()), ([p, n], [k * p, n]));
            let expected = reference::activate(&h, activation);
            for (i, (actual, expected)) in read(values).into_iter().zip(expected).enumerate() {
                let allowed = tolerance.allows(actual, expected, sizes(activation, h[i], tolerance.dtype)[0], h[i]);
                assert!(allowed, "{}: φ({}) = {expected}, not {actual}", what("values"), h[i]);
            }
            let expected = reference::times_derivative(&g, &h, activation);
            for (i, (actual, expected)) in read(products).into_iter().zip(expected).enumerate() {
                let (u, g) = (h[i % h.len()], g[i]);
                // The error of the derivative times g: the unit of a product may be half that of its factors.
                let absolute = (g.abs() + 1.0) * (tolerance.absolute + tolerance.units * tolerance.unit(0.0));
                let size = 2.0 * g.abs() * sizes(activation, u, tolerance.dtype)[1];
                let allowed = Tolerance { absolute, ..tolerance }.allows(actual, expected, size, u);
                assert!(allowed, "{}: {g} φ'({u}) = {expected}, not {actual}", what("products"));
            }
            assert_eq!(read(preactivations.clone()), h, "{}", what("a shared H is left alone"));
            assert_eq!(read(signals.clone()), g, "{}", what("a shared G is left alone"));
        }
    }
    let nothing = Tensor::<2>::zeros([0, 5], on);
    assert_eq!(
        times_derivative(nothing.clone(), &activate(nothing, Activation::Tanh), Activation::Tanh).dims(),
        [0, 5]
    );
}

#[test]
fn flex_conforms_in_both_float_types() {
    conformance(&Device::flex(), Tolerance::new(DType::F32, 4.0, 0.0));
    conformance(&Device::flex(), Tolerance::new(DType::F64, 4.0, 0.0));
}

#[cfg(feature = "ndarray")]
#[test]
#[expect(deprecated, reason = "ndarray is the peer that flex is measured against")]
fn ndarray_conforms_in_both_float_types() {
    // Its erf is good to 1.5e-7.
    conformance(&Device::ndarray(), Tolerance::new(DType::F32, 16.0, 2e-6));
    conformance(&Device::ndarray(), Tolerance::new(DType::F64, 16.0, 2e-6));
}

#[cfg(feature = "gpu")]
#[test]
fn wgpu_conforms_in_f32() {
    let Some(device) = crate::common::wgpu("wgpu_conforms_in_f32") else { return };
    // Drivers may fuse a product and a sum, divide with 2.5 units, and take denormal numbers as 0.
    let least = f64::from(f32::MIN_POSITIVE);
    conformance(&device, Tolerance::new(DType::F32, 8.0, 2.0 * least));
    // A run that has diverged must show it.
    let on = (&device, DType::F32);
    for activation in activations() {
        let h = tensor(&[f64::NAN, 1.0], [1, 2], on);
        let slopes = read(times_derivative(Tensor::ones([1, 2], on), &h, activation));
        let values = read(activate(h, activation));
        assert!(values[0].is_nan() && values[1].is_finite(), "{activation:?}: {values:?}");
        let expected = activation.derivative(f64::NAN).is_nan();
        assert!(slopes[0].is_nan() == expected && slopes[1].is_finite(), "{activation:?}': {slopes:?}");
    }
}

/// `[φ(u), φ'(u)]` of all entries.
fn both(activation: Activation, u: &[f64], dtype: DType) -> [Vec<f64>; 2] {
    let on = (&Device::flex(), dtype);
    let (h, ones) = (tensor(u, [1, u.len()], on), Tensor::ones([1, u.len()], on));
    [read(activate(h.clone(), activation)), read(times_derivative(ones, &h, activation))]
}

#[test]
fn every_part_of_f32_is_good_to_four_units() {
    // Denormal numbers, infinities and NaN are among them.
    let u: Vec<f64> = (0..u32::MAX).step_by(4099).map(|bits| f64::from(f32::from_bits(bits))).collect();
    let u = [u, vec![0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN]].concat();
    let tolerance = Tolerance::new(DType::F32, 4.0, 0.0);
    for activation in activations() {
        let [values, derivatives] = both(activation, &u, DType::F32);
        for (i, u) in u.iter().copied().enumerate() {
            let expected = [activation.value(u), activation.derivative(u)];
            for (which, actual) in [values[i], derivatives[i]].into_iter().enumerate() {
                let allowed = tolerance.allows(actual, expected[which], sizes(activation, u, DType::F32)[which], u);
                assert!(allowed, "{activation:?} {which} at {u:e}: {actual:e} instead of {:e}", expected[which]);
            }
        }
    }
}

#[test]
fn f64_has_the_digits_of_the_table() {
    for line in MANY_DIGITS.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let activation = Activation::from_word(fields[0]).unwrap();
        let [u, value, derivative] = [1, 2, 3].map(|field: usize| fields[field].parse::<f64>().unwrap());
        let actual = both(activation, &[u], DType::F64).map(|results| results[0]);
        let tolerance = Tolerance { exponent_units: 0.0, ..Tolerance::new(DType::F64, 4.0, 0.0) };
        let sizes = sizes(activation, u, DType::F64);
        assert!(tolerance.allows(actual[0], value, sizes[0], u), "{line}: {:e}", actual[0]);
        assert!(tolerance.allows(actual[1], derivative, sizes[1], u), "{line}: {:e}", actual[1]);
        // The bound sees what cancels.
        if activation == Activation::Tanh && u.abs() == 17.3 {
            let cancelled = 1.0 - u.tanh().powi(2);
            assert!(!tolerance.allows(cancelled, derivative, derivative, u), "1 − tanh² = {cancelled:e}");
        }
    }
}

#[test]
fn an_entry_has_the_same_result_wherever_it_stands() {
    for dtype in [DType::F32, DType::F64] {
        let u = numbers(20_000, 3);
        for activation in activations() {
            let all = both(activation, &u, dtype);
            for range in [0..1, 1..65, 3..130, 7..20_000, 16_380..16_390] {
                let part = both(activation, &u[range.clone()], dtype);
                assert_eq!(part, all.each_ref().map(|all| all[range.clone()].to_vec()), "{activation:?}, {range:?}");
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for dtype in [DType::F32, DType::F64] {
        let u = numbers(150_001, 4);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| activations().map(|activation| both(activation, &u, dtype)).collect::<Vec<_>>())
        };
        assert_eq!(run(1), run(3));
    }
}

#[test]
fn views_are_what_they_show() {
    let on = (&Device::flex(), DType::F32);
    let u = numbers(6 * 50, 5);
    let columns = tensor(&u, [50, 6], on).transpose();
    let expected = activate(columns.clone().mul_scalar(1.0), Activation::Silu);
    assert_eq!(read(activate(columns.clone(), Activation::Silu)), read(expected));
    let ones = Tensor::<2>::ones([12, 50], on);
    let derivatives = read(times_derivative(ones, &columns, Activation::Relu));
    let transposed = |i: usize| u[i % 50 * 6 + i / 50 % 6];
    assert!((0..600).all(|i| derivatives[i] == Activation::Relu.derivative(transposed(i))));
}

#[test]
#[should_panic(expected = "3 signals of length 5 against 2 vectors of length 5")]
fn repetitions_must_fit() {
    let on = (&Device::flex(), DType::F32);
    times_derivative(Tensor::zeros([3, 5], on), &Tensor::zeros([2, 5], on), Activation::Tanh);
}

#[test]
#[should_panic(expected = "float types")]
fn float_types_must_fit() {
    let device = Device::flex();
    let h = Tensor::zeros([2, 5], (&device, DType::F64));
    times_derivative(Tensor::zeros([2, 5], (&device, DType::F32)), &h, Activation::Tanh);
}
