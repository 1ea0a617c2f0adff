//! Compares the primitives of a device with their plain twins, on sizes that are no multiple of any tile.
//!
//! ```text
//! error = max |device − twin|,      tolerance = c ε × (terms of a sum),      0 for what integers decide
//! ```
//!
//! (docs/theory/numerics.md §4, Eq. tolerance.) Sums of n products of numbers below 1 differ by at most n ε however they are ordered, twice
//! over; normals lie below 7 and are right to a few units in the last place, for which sixteen more are allowed. Over long vectors that
//! bound could not fail: there a sum of n products of random sign has size √n, and one of squares n times their mean; c roundings of that
//! size are allowed.

use burn::{
    Tensor,
    tensor::{Device, TensorData},
};
use widenet_core::document::Word;
use widenet_core::{Matrix, problem::Activation};
use widenet_kernels::{
    EntryLaw, NormalStream, RegeneratedMatrix, activate, normals, normals_add, normals_gram, panel_apply,
    panel_apply_transpose, panel_rank_update, philox_words, philox4x32, reference, regenerated_apply,
    regenerated_apply_transpose, regenerated_entries, tall_add, tall_add_gram, tall_gram, tall_times, times_derivative,
};

use crate::device::Placement;

/// `philox4x32 10` of `kat_vectors` in Random123 (Salmon et al.): counter, key, words.
const KNOWN_ANSWERS: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
    ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
    ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
    (
        [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
        [0xa409_3822, 0x299f_31d0],
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
    ),
];

const STREAM: NormalStream = NormalStream { key: [0x0123_4567, 0x89ab_cdef], tag: 7 };
/// Counters compared.
const COUNTERS: usize = 1000;
/// (rows, columns, vectors) of panels; the last goes to the matrix product of a library on some devices.
const PANELS: [(usize, usize, usize); 3] = [(17, 31, 3), (257, 1100, 8), (65, 130, 32)];
/// (rank, length, vectors) of bases.
const BASES: [(usize, usize, usize); 4] = [(5, 31, 8), (70, 4097, 2), (33, 40_000, 9), (8, 140_000, 4)];
/// (first row, length, vectors made, vectors met) of normals; the last runs over the carry between the words that count rows.
const NORMALS: [(u64, usize, usize, usize); 3] = [(0, 513, 9, 8), (5, 16_390, 33, 2), ((1 << 34) - 9, 150, 4, 9)];
/// (first row, end of rows, first column, end of columns) of blocks of regenerated matrices.
const BLOCKS: [[usize; 4]; 2] = [[7, 40, 0, 1030], [30, 1100, 33, 98]];
const LAWS: [(&str, EntryLaw); 3] =
    [("Gaussian", EntryLaw::Gaussian), ("Rademacher", EntryLaw::Rademacher), ("C8", EntryLaw::C8)];
/// Neurons whose activations are compared, and roundings allowed of them.
const NEURONS: usize = 10_000;
const ROUNDINGS: f64 = 8.0;
/// Roundings allowed of long sums: of random sign, and of squares.
const LONG: [f64; 2] = [16.0, 4.0];

/// Something to be compared.
pub struct Check<'a> {
    /// What.
    pub what: String,
    /// The largest error that rounding explains.
    pub tolerance: f64,
    error: Box<dyn Fn() -> f64 + 'a>,
}

impl<'a> Check<'a> {
    fn new(what: impl Into<String>, tolerance: f64, error: impl Fn() -> f64 + 'a) -> Self {
        Self { what: what.into(), tolerance, error: Box::new(error) }
    }

    /// Returns the largest difference, or the number of wrong integers; NaN and ∞ are errors too.
    ///
    /// # Panics
    /// If the device fails.
    pub fn error(&self) -> f64 {
        (self.error)()
    }
}

/// Returns all comparisons of a device.
pub fn checks(placement: &Placement) -> Vec<Check<'_>> {
    let mut checks = words(&placement.device);
    normal_vectors(placement, &mut checks);
    panels(placement, &mut checks);
    tall(placement, &mut checks);
    regenerated(placement, &mut checks);
    activations(placement, &mut checks);
    checks
}

fn words(device: &Device) -> Vec<Check<'_>> {
    let known = move || {
        let wrong =
            KNOWN_ANSWERS.iter().filter(|(counter, key, words)| philox_words(*counter, *key, 1, device) != words);
        wrong.count() as f64
    };
    let twin = move || {
        let wrong = |(counter, key, _): &([u32; 4], [u32; 2], [u32; 4])| {
            let counters =
                (0..COUNTERS as u32).map(|i| [counter[0].wrapping_add(i), counter[1], counter[2], counter[3]]);
            let expected = counters.flat_map(|counter| philox4x32(counter, *key));
            let made = philox_words(*counter, *key, COUNTERS, device);
            (made.len() != 4 * COUNTERS) as usize + made.iter().zip(expected).filter(|(a, b)| *a != b).count()
        };
        KNOWN_ANSWERS.iter().map(wrong).sum::<usize>() as f64
    };
    vec![
        Check::new("Philox, wrong known answers", 0.0, known),
        Check::new(format!("Philox, wrong words of {} counters", 3 * COUNTERS), 0.0, twin),
    ]
}

fn normal_vectors<'a>(placement: &'a Placement, checks: &mut Vec<Check<'a>>) {
    let on = move || (&placement.device, placement.precision.dtype());
    let tolerance = |terms: usize| placement.precision.epsilon() * (16 + terms) as f64;
    for (first, n, r, p) in NORMALS {
        let what = |what: &str| format!("{what}, {r} normal vectors of length {n} from row {first}, P = {p}");
        let vectors = 5..5 + r as u32;
        let twin = {
            let vectors = vectors.clone();
            move || reference::normals(STREAM, vectors.clone(), first, n)
        };
        let (twins, ids) = (twin.clone(), vectors.clone());
        checks.push(Check::new(what("Ξ"), tolerance(1), move || {
            difference(&placement.read(&normals(STREAM, ids.clone(), first, n, on())), &twins())
        }));
        let (twins, ids) = (twin.clone(), vectors.clone());
        checks.push(Check::new(what("X + Cᵀ Ξ"), tolerance(r + 1), move || {
            let (x, c) = (numbers(p * n, 2), numbers(r * p, 3));
            let sum =
                normals_add(tensor(placement, &x, p), STREAM, ids.clone(), first, &Matrix::from_row_slice(r, p, &c));
            difference(&placement.read(&sum), &reference::normals_add(&x, &twins(), &c, n))
        }));
        checks.push(Check::new(what("Ξ Xᵀ"), tolerance(n), move || {
            let x = numbers(p * n, 2);
            let gram = normals_gram(&tensor(placement, &x, p), STREAM, vectors.clone(), first);
            difference(&row_major(&gram), &reference::normals_gram(&x, &twin(), n))
        }));
    }
}

fn panels<'a>(placement: &'a Placement, checks: &mut Vec<Check<'a>>) {
    let tolerance = |terms: usize| 2.0 * placement.precision.epsilon() * terms as f64;
    for (r, n, p) in PANELS {
        let what = |what: &str| format!("{what}, panel {r} x {n}, P = {p}");
        let make = move || (numbers(r * n, 1), numbers(p * n, 2), numbers(p * r, 3));
        checks.push(Check::new(what("W x"), tolerance(n), move || {
            let (w, x, _) = make();
            let y = panel_apply(&tensor(placement, &w, r), &tensor(placement, &x, p));
            difference(&placement.read(&y), &reference::panel_apply(&w, &x, n))
        }));
        checks.push(Check::new(what("Wᵀ g"), tolerance(r), move || {
            let (w, _, g) = make();
            let z = panel_apply_transpose(&tensor(placement, &w, r), &tensor(placement, &g, p));
            difference(&placement.read(&z), &reference::panel_apply_transpose(&w, &g, n))
        }));
        checks.push(Check::new(what("W + A Bᵀ"), tolerance(p + 1), move || {
            let (w, x, g) = make();
            let [panel, a, b] = [(&w, r), (&g, p), (&x, p)].map(|(values, rows)| tensor(placement, values, rows));
            let updated = panel_rank_update(panel, 0.75, &a, &b);
            difference(&placement.read(&updated), &reference::panel_rank_update(&w, 0.75, &g, &x, n))
        }));
    }
}

fn tall<'a>(placement: &'a Placement, checks: &mut Vec<Check<'a>>) {
    let epsilon = placement.precision.epsilon();
    let of_updates = |terms: usize| 2.0 * epsilon * terms as f64;
    for (r, n, p) in BASES {
        let what = |what: &str| format!("{what}, r = {r}, P = {p}, m = {n}");
        let make = move || (numbers(r * n, 4), numbers(p * n, 5), numbers(r * p, 6));
        let of_products = LONG[0] * epsilon * (n as f64).sqrt();
        // Mean squares: 1/3 of a number in [−1, 1], and 1/9 of a product. The twin adds one by one, in f64.
        let of_squares =
            LONG[1] * epsilon.max(f64::EPSILON * (n as f64).sqrt()) * n as f64 * (1.0 / 3.0 + r as f64 / 9.0);
        checks.push(Check::new(what("Q Xᵀ"), of_products, move || {
            let (q, x, _) = make();
            let products = tall_gram(&tensor(placement, &q, r), &tensor(placement, &x, p));
            difference(&row_major(&products), &reference::tall_gram(&q, &x, n))
        }));
        checks.push(Check::new(what("Cᵀ Q"), of_updates(r), move || {
            let (q, _, c) = make();
            let times = tall_times(&tensor(placement, &q, r), &Matrix::from_row_slice(r, p, &c));
            difference(&placement.read(&times), &reference::tall_add(&vec![0.0; p * n], &q, &c, n))
        }));
        checks.push(Check::new(what("X + Cᵀ Q"), of_updates(r + 1), move || {
            let (q, x, c) = make();
            let (q_there, x_there) = (tensor(placement, &q, r), tensor(placement, &x, p));
            let sum = tall_add(x_there, &q_there, &Matrix::from_row_slice(r, p, &c));
            difference(&placement.read(&sum), &reference::tall_add(&x, &q, &c, n))
        }));
        checks.push(Check::new(what("X' X'ᵀ of X' = X + Cᵀ Q"), of_squares, move || {
            let (q, x, c) = make();
            let (q_there, x_there) = (tensor(placement, &q, r), tensor(placement, &x, p));
            let (sum, gram) = tall_add_gram(x_there, &q_there, &Matrix::from_row_slice(r, p, &c));
            // Of the sum as it was rounded, so that only the products are judged.
            let sum = placement.read(&sum);
            difference(&row_major(&gram), &reference::tall_gram(&sum, &sum, n))
        }));
    }
}

fn regenerated<'a>(placement: &'a Placement, checks: &mut Vec<Check<'a>>) {
    let on = move || (&placement.device, placement.precision.dtype());
    let tolerance = |terms: usize| placement.precision.epsilon() * (16 + terms) as f64;
    let p = 8;
    for (name, law) in LAWS {
        for [top, bottom, left, right] in BLOCKS {
            let (rows, columns) = (bottom - top, right - left);
            let what = |what: &str| format!("{what}, {name}, {rows} x {columns} from ({top}, {left}) on");
            let w = RegeneratedMatrix { key: STREAM.key, tag: STREAM.tag, law, rows: bottom + 2, columns: right + 3 };
            let block = w.block(top..bottom, left..right);
            let twin = move || reference::regenerated_entries(&w, top..bottom, left..right);
            let taken = block.clone();
            checks.push(Check::new(what("entries"), tolerance(1), move || {
                difference(&placement.read(&regenerated_entries(&taken, on())), &twin())
            }));
            if law != EntryLaw::Gaussian {
                let taken = block.clone();
                checks.push(Check::new(what("entries unlike the CPU's in a bit"), 0.0, move || {
                    let made = placement.read(&regenerated_entries(&taken, on()));
                    let cpu = Placement { device: Device::flex(), on_host: true, ..placement.clone() };
                    let dtype = cpu.precision.dtype();
                    let expected = cpu.read(&regenerated_entries(&taken, (&cpu.device, dtype)));
                    made.iter().zip(&expected).filter(|(a, b)| a.to_bits() != b.to_bits()).count() as f64
                }));
            }
            let taken = block.clone();
            checks.push(Check::new(what("W x"), tolerance(columns), move || {
                let x = numbers(p * columns, 2);
                let y = regenerated_apply(&taken, &tensor(placement, &x, p));
                difference(&placement.read(&y), &reference::panel_apply(&twin(), &x, columns))
            }));
            checks.push(Check::new(what("Wᵀ g"), tolerance(rows), move || {
                let g = numbers(p * rows, 3);
                let z = regenerated_apply_transpose(&block, &tensor(placement, &g, p));
                difference(&placement.read(&z), &reference::panel_apply_transpose(&twin(), &g, columns))
            }));
        }
    }
}

/// Of numbers in [−8, 8], whose values are below 9 and whose derivatives below 2; NaN must stay NaN.
fn activations<'a>(placement: &'a Placement, checks: &mut Vec<Check<'a>>) {
    let arguments = move || {
        let mut u: Vec<f64> = numbers(NEURONS, 7).into_iter().map(|u| 8.0 * u).collect();
        u[0] = f64::NAN;
        u
    };
    let error = |made: Vec<f64>, expected: Vec<f64>| {
        let lost = made[0].is_nan() != expected[0].is_nan();
        if lost { f64::INFINITY } else { difference(&made[1..], &expected[1..]) }
    };
    let tolerance = ROUNDINGS * 9.0 * placement.precision.epsilon();
    for &(name, activation) in Activation::WORDS {
        if activation == Activation::Identity {
            continue;
        }
        checks.push(Check::new(format!("{name} of {NEURONS} neurons"), tolerance, move || {
            let u = arguments();
            let made = placement.read(&activate(tensor(placement, &u, 1), activation));
            error(made, reference::activate(&u, activation))
        }));
        checks.push(Check::new(format!("derivative of {name} at {NEURONS} neurons"), tolerance, move || {
            let u = arguments();
            let ones = tensor(placement, &vec![1.0; u.len()], 1);
            let made = placement.read(&times_derivative(ones, &tensor(placement, &u, 1), activation));
            error(made, reference::times_derivative(&vec![1.0; u.len()], &u, activation))
        }));
    }
}

/// Numbers in [-1, 1] that `f32` holds exactly.
fn numbers(count: usize, tag: u32) -> Vec<f64> {
    let words = (0..count.div_ceil(4) as u32).flat_map(|i| philox4x32([i, 0, 0, tag], [0, 0]));
    words.map(|word| f64::from(word >> 12) / f64::from(1 << 19) - 1.0).take(count).collect()
}

fn tensor(placement: &Placement, values: &[f64], rows: usize) -> Tensor<2> {
    let data = TensorData::new(values.to_vec(), [rows, values.len() / rows]);
    placement.upload(data.convert_dtype(placement.precision.dtype()))
}

fn row_major(matrix: &Matrix) -> Vec<f64> {
    matrix.transpose().as_slice().to_vec()
}

/// The largest difference; ∞ between lists of different lengths.
fn difference(made: &[f64], expected: &[f64]) -> f64 {
    if made.len() != expected.len() {
        return f64::INFINITY;
    }
    let differences = made.iter().zip(expected).map(|(a, b)| (a - b).abs());
    // `max` would lose NaN.
    differences.fold(0.0, |worst, difference| if difference <= worst { worst } else { difference })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{DeviceChoice, Precision};

    #[test]
    fn the_cpu_passes_in_both_float_types() {
        for precision in [Precision::F32, Precision::F64] {
            let placement = DeviceChoice::Flex.open().unwrap().placement(precision).unwrap();
            let checks = checks(&placement);
            assert!(checks.len() > 40);
            for check in checks {
                let error = check.error();
                assert!(error <= check.tolerance, "{} in {precision}: {error:e} > {:e}", check.what, check.tolerance);
            }
        }
    }

    #[test]
    fn what_is_wrong_has_an_error() {
        assert_eq!(difference(&[1.0, 2.0], &[1.0, 2.5]), 0.5);
        assert!(
            difference(&[1.0, f64::NAN, 1.0], &[1.0, 1.0, 1.5]).is_nan() || difference(&[f64::NAN], &[1.0]).is_nan()
        );
        assert_eq!(difference(&[1.0], &[1.0, 2.0]), f64::INFINITY);
    }
}
