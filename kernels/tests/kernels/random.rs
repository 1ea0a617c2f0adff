//! One suite for every backend and float type: random numbers and the products that regenerate them against their plain
//! twins, on sizes that are no multiple of any tile, and their laws.

use burn::{
    Tensor,
    tensor::{DType, Device},
};
use nalgebra::DMatrix;
use widenet_kernels::{
    EntryLaw, NormalStream, RegeneratedMatrix, normals, normals_add, normals_gram, philox_words, philox4x32, reference,
    regenerated_apply, regenerated_apply_transpose, regenerated_entries,
};

use crate::common::backends::{epsilon, on_every_backend};
use crate::common::numbers::{assert_within, numbers};
use crate::common::{read, tensor};

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

/// (first row, rows): single entries, parts of a counter, both sides of every tile and slab, and the carry between the
/// two words that count rows.
const ROWS: [(u64, usize); 8] =
    [(0, 1), (3, 1), (1, 3), (6, 70), (0, 513), (2, 4099), (5, 16_390), ((1 << 34) - 9, 150)];

fn row_major(matrix: &DMatrix<f64>) -> Vec<f64> {
    matrix.transpose().as_slice().to_vec()
}

/// `terms` numbers of unit size sum to about `√terms`, and each of `terms` roundings is relative to that: together less
/// than `terms · ε`. Entries lie below 7 and are right to a few units in the last place: sixteen of them leave room.
fn assert_close(actual: &[f64], expected: &[f64], terms: usize, dtype: DType, what: &str) {
    assert_within(epsilon(dtype) * (16 + terms) as f64, actual, expected, what);
}

fn words_conform(device: &Device) {
    for (counter, key, words) in KNOWN_ANSWERS {
        assert_eq!(philox_words(counter, key, 1, device), words, "{counter:x?} under {key:x?} on {device:?}");
        let counters = (0..1000).map(|i| [counter[0].wrapping_add(i), counter[1], counter[2], counter[3]]);
        let twin: Vec<u32> = counters.flat_map(|counter| philox4x32(counter, key)).collect();
        assert_eq!(philox_words(counter, key, 1000, device), twin, "from {counter:x?} on {device:?}");
    }
    assert!(philox_words([0; 4], [0; 2], 0, device).is_empty());
}

fn normals_conform(device: &Device, dtype: DType) {
    let on = (device, dtype);
    for (case, (first_row, n)) in ROWS.into_iter().enumerate() {
        for (r, p) in [(0, 2), (1, 1), (9, 8), (33, [9, 17][case % 2])] {
            let vectors = 5..5 + r as u32;
            let what = format!("{r} normal vectors, {p} of length {n} from {first_row} on {device:?} in {dtype:?}");
            let xi = reference::normals(STREAM, vectors.clone(), first_row, n);
            let values = read(normals(STREAM, vectors.clone(), first_row, n, on));
            assert_close(&values, &xi, 1, dtype, &format!("Ξ, {what}"));

            let (x, k) = (numbers(p * n, 2), numbers(r * p, 3));
            let shared = tensor(&x, [p, n], on);
            let coefficients = DMatrix::from_row_slice(r, p, &k);
            let sums = read(normals_add(shared.clone(), STREAM, vectors.clone(), first_row, &coefficients));
            let expected = reference::normals_add(&x, &xi, &k, n);
            assert_close(&sums, &expected, r + 1, dtype, &format!("X + Cᵀ Ξ, {what}"));
            assert_eq!(read(shared.clone()), x, "a sum leaves the other owner of X alone, {what}");

            let gram = normals_gram(&shared, STREAM, vectors, first_row);
            assert_eq!(gram.shape(), (r, p), "{what}");
            let expected = reference::normals_gram(&x, &xi, n);
            assert_close(&row_major(&gram), &expected, n, dtype, &format!("Ξ Xᵀ, {what}"));
        }
    }
}

const LAWS: [EntryLaw; 3] = [EntryLaw::Gaussian, EntryLaw::Rademacher, EntryLaw::C8];

fn matrix(law: EntryLaw, rows: usize, columns: usize) -> RegeneratedMatrix {
    RegeneratedMatrix { key: STREAM.key, tag: STREAM.tag, law, rows, columns }
}

/// (first row, end of rows, first column, end of columns) of a block: single entries, parts of counters, both sides of tiles and
/// sums, starts that are no multiple of anything, and the last rows and columns that have an address.
const BLOCKS: [[usize; 4]; 10] = [
    [0, 1, 0, 1],
    [3, 6, 0, 31],
    [0, 4, 2, 35],
    [1, 70, 511, 1025],
    [7, 40, 0, 1030],
    [9, 21, 33, 60],
    [30, 1100, 97, 162],
    [8, 16, 1023, 2049],
    [2, 5, 7, 7],
    [(1 << 34) - 11, 1 << 34, (1 << 32) - 45, 1 << 32],
];

fn regenerated_conform(device: &Device, dtype: DType) {
    let on = (device, dtype);
    for law in LAWS {
        for (case, [top, bottom, left, right]) in BLOCKS.into_iter().enumerate() {
            let w = matrix(law, bottom, right);
            let (block, rows, columns) = (w.block(top..bottom, left..right), bottom - top, right - left);
            let what = format!("rows {top} … {bottom}, columns {left} … {right} of {w:?} on {device:?} in {dtype:?}");
            let entries = reference::regenerated_entries(&w, top..bottom, left..right);
            let made = read(regenerated_entries(&block, on));
            assert_close(&made, &entries, 1, dtype, &what);
            if law != EntryLaw::Gaussian {
                let scale = if law == EntryLaw::C8 { 1327.125_f64.sqrt() } else { 1.0 };
                let integers: Vec<f64> = made.iter().map(|entry| (entry * scale).round()).collect();
                assert_eq!(integers, reference::regenerated_integers(&w, top..bottom, left..right), "{what}");
                let on_flex = read(regenerated_entries(&block, (&Device::flex(), dtype)));
                assert_eq!(made, on_flex, "scaled integers are the same everywhere, {what}");
            }
            for p in [0, 1, [3, 5][case % 2], 8, [9, 17][case % 2]] {
                let (x, g) = (numbers(p * columns, 2), numbers(p * rows, 3));
                let y = regenerated_apply(&block, &tensor(&x, [p, columns], on));
                assert_eq!(y.dims(), [p, rows]);
                let z = regenerated_apply_transpose(&block, &tensor(&g, [p, rows], on));
                assert_eq!(z.dims(), [p, columns]);
                if columns > 0 {
                    let expected = reference::panel_apply(&entries, &x, columns);
                    assert_close(&read(y), &expected, columns, dtype, &format!("W x, P = {p}, {what}"));
                    let expected = reference::panel_apply_transpose(&entries, &g, columns);
                    assert_close(&read(z), &expected, rows, dtype, &format!("Wᵀ g, P = {p}, {what}"));
                }
            }
        }
        pieces_add_up(law, on);
    }
}

/// A matrix cut along both sides at odd places: the products of its blocks add up to those of the whole.
fn pieces_add_up(law: EntryLaw, on: (&Device, DType)) {
    let w = matrix(law, 333, 1200);
    let (x, g) = (tensor(&numbers(2 * 1200, 4), [2, 1200], on), tensor(&numbers(2 * 333, 5), [2, 333], on));
    let cuts = |cuts: [usize; 5]| (0..4).map(move |i| cuts[i]..cuts[i + 1]);
    let mut y = Tensor::<2>::zeros([2, 333], on);
    let mut z = Tensor::<2>::zeros([2, 1200], on);
    for rows in cuts([0, 1, 39, 258, 333]) {
        for columns in cuts([0, 5, 519, 1031, 1200]) {
            let block = w.block(rows.clone(), columns.clone());
            let (of_x, of_g) = (x.clone().slice([0..2, columns.clone()]), g.clone().slice([0..2, rows.clone()]));
            let sum = y.clone().slice([0..2, rows.clone()]) + regenerated_apply(&block, &of_x);
            y = y.slice_assign([0..2, rows.clone()], sum);
            let sum = z.clone().slice([0..2, columns.clone()]) + regenerated_apply_transpose(&block, &of_g);
            z = z.slice_assign([0..2, columns], sum);
        }
    }
    let what = format!("in blocks, {law:?} on {on:?}");
    assert_close(&read(y), &read(regenerated_apply(&w.whole(), &x)), 1200, on.1, &format!("W x {what}"));
    assert_close(&read(z), &read(regenerated_apply_transpose(&w.whole(), &g)), 333, on.1, &format!("Wᵀ g {what}"));
}

fn conformance(device: &Device, dtype: DType) {
    words_conform(device);
    normals_conform(device, dtype);
    regenerated_conform(device, dtype);
}

#[test]
fn philox_gives_the_known_answers() {
    for (counter, key, words) in KNOWN_ANSWERS {
        assert_eq!(philox4x32(counter, key), words, "{counter:x?} under {key:x?}");
    }
}

on_every_backend!(conformance);

/// Sizes beyond one launch, against the CPU: each product is cut along both sides.
#[cfg(feature = "gpu")]
#[test]
fn launches_add_up_on_wgpu() {
    let Some(device) = crate::common::wgpu("launches_add_up_on_wgpu") else { return };
    let (here, there) = ((&Device::flex(), DType::F32), (&device, DType::F32));
    let (x, k) = (numbers(20_000, 2), DMatrix::from_row_slice(4103, 1, &numbers(4103, 3)));
    let added = |on| read(normals_add(tensor(&x, [1, 20_000], on), STREAM, 0..4103, 1, &k));
    assert_close(&added(there), &added(here), 4103, DType::F32, "X + Cᵀ Ξ");
    let gram = |on| row_major(&normals_gram(&tensor(&x, [1, 20_000], on), STREAM, 0..4103, 1));
    assert_close(&gram(there), &gram(here), x.len(), DType::F32, "Ξ Xᵀ");

    let block = matrix(EntryLaw::C8, 8500, 8500).block(1..8499, 3..8500);
    let (x, g) = (numbers(8497, 4), numbers(8498, 5));
    let applied = |on| read(regenerated_apply(&block, &tensor(&x, [1, 8497], on)));
    assert_close(&applied(there), &applied(here), 8497, DType::F32, "W x");
    let applied = |on| read(regenerated_apply_transpose(&block, &tensor(&g, [1, 8498], on)));
    assert_close(&applied(there), &applied(here), 8498, DType::F32, "Wᵀ g");
}

/// The largest difference that a wrong address makes is of the size of a normal number: the suite cannot miss it.
#[test]
fn other_addresses_give_other_normals() {
    let on = (&Device::flex(), DType::F32);
    let values = |stream, vector, first_row| read(normals(stream, vector..vector + 1, first_row, 8, on));
    let here = values(STREAM, 5, 40);
    assert_eq!(here[4..], values(STREAM, 5, 44)[..4], "a shift by one counter moves the entries along");
    let elsewhere = [
        values(NormalStream { tag: STREAM.tag + 1, ..STREAM }, 5, 40),
        values(NormalStream { key: [STREAM.key[0], STREAM.key[1] ^ 1], ..STREAM }, 5, 40),
        values(STREAM, 6, 40),
        values(STREAM, 5, 44),
    ];
    for other in elsewhere {
        let distance: f64 = here.iter().zip(&other).map(|(a, b)| (a - b).powi(2)).sum();
        assert!(distance > 0.5, "{here:?} and {other:?}");
    }
}

#[test]
fn neither_threads_nor_the_split_of_rows_change_a_normal() {
    for dtype in [DType::F32, DType::F64] {
        let on = (&Device::flex(), dtype);
        let n = 9001;
        let (x, k) = (tensor(&numbers(3 * n, 2), [3, n], on), DMatrix::from_row_slice(20, 3, &numbers(60, 3)));
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let values = read(normals(STREAM, 0..20, 1, n, on));
                let sums = read(normals_add(x.clone(), STREAM, 0..20, 1, &k));
                (values, sums, normals_gram(&x, STREAM, 0..20, 1))
            })
        };
        let (values, sums, gram) = run(1);
        assert_eq!((values.clone(), sums.clone(), gram), run(3));
        for (start, end) in [(0, 1), (1, 78), (78, n)] {
            let part = read(normals(STREAM, 0..20, 1 + start as u64, end - start, on));
            let piece = x.clone().slice([0..3, start..end]);
            let part_of_sums = read(normals_add(piece, STREAM, 0..20, 1 + start as u64, &k));
            for (part, whole) in part.chunks(end - start).zip(values.chunks(n)) {
                assert_eq!(part, &whole[start..end]);
            }
            for (part, whole) in part_of_sums.chunks(end - start).zip(sums.chunks(n)) {
                assert_eq!(part, &whole[start..end]);
            }
        }
    }
}

/// Mean, variance, skewness and excess kurtosis.
fn moments(values: &[f64]) -> [f64; 4] {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let central = |power| values.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / count;
    let variance = central(2);
    [mean, variance, central(3) / variance.powf(1.5), central(4) / variance.powi(2) - 3.0]
}

/// Four standard errors of each moment of `count` normal numbers: a law whose kurtosis differs by more than twice that is
/// told apart with a power above 0.9999.
fn normal_tolerances(count: usize) -> [f64; 4] {
    [1.0, 2.0, 6.0, 24.0].map(|variance| 4.0 * (variance / count as f64).sqrt())
}

fn assert_moments(values: &[f64], expected: [f64; 4], what: &str) {
    let (actual, tolerances) = (moments(values), normal_tolerances(values.len()));
    for ((actual, expected), tolerance) in actual.iter().zip(expected).zip(tolerances) {
        assert!((actual - expected).abs() < tolerance, "{what}: {actual} instead of {expected} ± {tolerance}");
    }
}

#[test]
fn normals_have_the_moments_of_the_normal_law() {
    for dtype in [DType::F32, DType::F64] {
        let values = read(normals(STREAM, 0..16, 0, 1 << 17, (&Device::flex(), dtype)));
        assert_moments(&values, [0.0, 1.0, 0.0, 0.0], &format!("{dtype:?}"));
        // Neighbours along rows, along vectors and within a Box–Muller pair are not correlated, nor are their squares.
        let tolerance = 5.0 / (values.len() as f64).sqrt();
        for lag in [1, 2, 4, 1 << 17] {
            let pairs = values.iter().zip(&values[lag..]);
            let products: f64 = pairs.clone().map(|(a, b)| a * b).sum::<f64>() / values.len() as f64;
            let squares: f64 =
                pairs.map(|(a, b)| (a * a - 1.0) * (b * b - 1.0) / 2.0).sum::<f64>() / values.len() as f64;
            assert!(products.abs() < tolerance && squares.abs() < tolerance, "lag {lag}: {products}, {squares}");
        }
    }
}

#[test]
fn the_laws_of_entries_have_their_moments() {
    let on = (&Device::flex(), DType::F32);
    let entries = |law| read(regenerated_entries(&matrix(law, 1024, 2048).whole(), on));
    assert_moments(&entries(EntryLaw::Gaussian), [0.0, 1.0, 0.0, 0.0], "Gaussian");
    assert_moments(&entries(EntryLaw::C8), [0.0, 1.0, 0.0, -7e-5], "C8");
    let signs = entries(EntryLaw::Rademacher);
    assert_moments(&signs, [0.0, 1.0, 0.0, -2.0], "Rademacher");
    let [_, _, _, kurtosis] = moments(&signs);
    let [.., tolerance] = normal_tolerances(signs.len());
    assert!(kurtosis.abs() > 100.0 * tolerance, "signs pass for normal numbers: {kurtosis}");
}

/// Over all 256 bytes, not over samples: variance and kurtosis as the documentation has them, and no mean.
#[test]
fn c8_is_antisymmetric_with_the_moments_stated() {
    let n = |byte: i64| 2 * byte - 255;
    let table: Vec<i64> = (0..256).map(|byte| (n(byte) * (n(byte).pow(2) + 22_956) + (1 << 17)) >> 18).collect();
    assert!((0..256).all(|byte| table[byte] == -table[255 - byte]));
    let power = |power| table.iter().map(|t| t.pow(power) as f64).sum::<f64>() / 256.0;
    let values: std::collections::BTreeSet<&i64> = table.iter().collect();
    assert_eq!((values.len(), table[0], table[255]), (151, -86, 86));
    assert_eq!(power(2), 1327.125);
    let excess = power(4) / power(2).powi(2) - 3.0;
    assert!((excess + 7e-5).abs() < 1e-5, "{excess}");
}

#[test]
fn neither_threads_nor_the_split_of_rows_change_a_regenerated_product() {
    let on = (&Device::flex(), DType::F32);
    for law in LAWS {
        let w = matrix(law, 200, 1100);
        let (x, g) = (tensor(&numbers(3 * 1100, 2), [3, 1100], on), tensor(&numbers(3 * 200, 3), [3, 200], on));
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let products = [regenerated_apply(&w.whole(), &x), regenerated_apply_transpose(&w.whole(), &g)];
                products.map(read)
            })
        };
        let [y, z] = run(1);
        assert_eq!([y.clone(), z], run(3));
        for rows in [0..1, 1..38, 38..200] {
            let part = read(regenerated_apply(&w.block(rows.clone(), 0..1100), &x));
            for (part, whole) in part.chunks(rows.len()).zip(y.chunks(200)) {
                assert_eq!(part, &whole[rows.clone()]);
            }
        }
    }
}

#[test]
fn other_tags_give_other_matrices() {
    let on = (&Device::flex(), DType::F32);
    for law in LAWS {
        let w = matrix(law, 64, 64);
        let entries = |w: RegeneratedMatrix| read(regenerated_entries(&w.whole(), on));
        let elsewhere =
            [entries(RegeneratedMatrix { tag: w.tag + 1, ..w }), entries(RegeneratedMatrix { key: [1, 2], ..w })];
        for other in elsewhere {
            // Of 4096 products of independent entries; the standard deviation of the mean is 1/64.
            let correlation = entries(w).iter().zip(&other).map(|(a, b)| a * b).sum::<f64>() / 4096.0;
            assert!(correlation.abs() < 5.0 / 64.0, "{law:?}: {correlation}");
        }
    }
}
