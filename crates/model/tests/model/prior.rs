//! Sampled networks against exact relations of their law, against plain products of their weights, and against themselves.
//!
//! Statistics are compared in standard deviations of their mean: a right sampler fails a comparison at 5 of them once in a million
//! seeds, and every comparison has a wrong law beside it that is at least 8 away.

use rand_distr::{ChiSquared, Distribution, StandardNormal};
use widenet_core::{
    Matrix,
    seed::{Purpose, stream},
    training::Control,
};
use widenet_model::{DeviceChoice, ModelError, OpenDevice, Precision, PriorNetworks, PriorSample, sample_networks};

const SEED: u64 = 11;

fn wave(rows: usize, columns: usize) -> Matrix {
    Matrix::from_fn(rows, columns, |i, j| ((i * columns + j) as f64 * 1.7 + 0.3).sin())
}

fn request<'a>(inputs: &'a Matrix, widths: &'a [u64], outputs: usize, networks: u64) -> PriorNetworks<'a> {
    PriorNetworks { inputs, widths, outputs, gain: 1.0, networks, seed: SEED, kernels: false, batch_bytes: None }
}

fn on(device: &OpenDevice, request: &PriorNetworks<'_>, precision: Precision) -> Result<PriorSample, ModelError> {
    sample_networks(request, device, precision, &mut |_| Control::Continue)
}

fn sample(request: &PriorNetworks<'_>, precision: Precision) -> PriorSample {
    on(&DeviceChoice::Cpu.open().unwrap(), request, precision).unwrap()
}

/// Distance of a sample's mean from a number, in standard deviations of the mean.
fn deviations(values: impl Iterator<Item = f64> + Clone, expected: f64) -> f64 {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean - expected) / (variance / n).sqrt()
}

fn assert_mean(values: impl Iterator<Item = f64> + Clone, expected: f64, wrong: Option<f64>, what: &str) {
    let found = deviations(values.clone(), expected);
    assert!(found.abs() < 5.0, "{what}: {found:.1} deviations from {expected}");
    if let Some(wrong) = wrong {
        let found = deviations(values, wrong);
        assert!(found.abs() > 8.0, "{what}: no power, {found:.1} deviations from {wrong}");
    }
}

/// `E q = 1`, `E f⁴ / (E f²)² = 3 S` and `corr(f_1², f_2²) = (S − 1) / (3 S − 1)` with `S = ∏ (1 + 2/N_l)`.
#[test]
fn outputs_have_the_moments_of_their_depth_and_width() {
    let inputs = wave(1, 3);
    let mut request = request(&inputs, &[12, 30, 16], 2, 200_000);
    request.gain = 1.7;
    let variance = request.gain * inputs.norm_squared() / 3.0;
    let spread: f64 = request.widths.iter().map(|width| 1.0 + 2.0 / *width as f64).product();
    let without_one_layer = spread / (1.0 + 2.0 / 16.0);
    let pairs: Vec<[f64; 2]> = sample(&request, Precision::F32)
        .outputs
        .chunks(2)
        .map(|pair| [pair[0], pair[1]].map(|output| output * output / variance))
        .collect();
    assert_eq!(pairs.len(), 200_000);
    let mean_square = pairs.iter().map(|[a, b]| 0.5 * (a + b));
    assert_mean(mean_square, 1.0, Some(1.0 / 1.05), "variance");
    let fourth = pairs.iter().map(|[a, b]| 0.5 * (a * a + b * b));
    assert_mean(fourth, 3.0 * spread, Some(3.0 * without_one_layer), "kurtosis");
    assert_mean(pairs.iter().map(|[a, b]| a * b), spread, Some(without_one_layer), "product of squares");
    // A correlation is c where E f_1² f_2² − 1 = c (E f⁴ − 1).
    let excess = |c: f64| pairs.iter().map(move |[a, b]| a * b - 1.0 - c * (0.5 * (a * a + b * b) - 1.0));
    let correlation = |spread: f64| (spread - 1.0) / (3.0 * spread - 1.0);
    assert_mean(excess(correlation(spread)), 0.0, None, "correlation of squares");
    assert!(deviations(excess(correlation(without_one_layer)), 0.0) > 8.0, "no power against one layer less");
    assert!(deviations(excess(0.0), 0.0) > 8.0, "no power against independent outputs");
}

/// `E K_ij K_kl` through the layers: given `K_{l−1} = A`, it is `A_ij A_kl + (A_ik A_jl + A_il A_jk) / N_l`
/// (docs/theory/proportional-limit.md §2.1).
fn kernel_moments(kernel: &Matrix, widths: &[u64]) -> Vec<f64> {
    let at = |i: usize, j: usize, k: usize, l: usize| ((i * 2 + j) * 2 + k) * 2 + l;
    let indices = |e: usize| [e >> 3 & 1, e >> 2 & 1, e >> 1 & 1, e & 1];
    let start = (0..16).map(|e| {
        let [i, j, k, l] = indices(e);
        kernel[(i, j)] * kernel[(k, l)]
    });
    widths.iter().fold(start.collect(), |moments: Vec<f64>, width| {
        let next = (0..16).map(|e| {
            let [i, j, k, l] = indices(e);
            moments[e] + (moments[at(i, k, j, l)] + moments[at(i, l, j, k)]) / *width as f64
        });
        next.collect()
    })
}

#[test]
fn kernels_have_the_moments_of_products_of_wishart_matrices() {
    let inputs = wave(2, 3);
    let start = &inputs * inputs.transpose() / 3.0;
    let mut request = request(&inputs, &[10, 8], 1, 100_000);
    request.kernels = true;
    request.gain = 5.0;
    let sampled = sample(&request, Precision::F32);
    let kernels = sampled.kernels.unwrap();
    assert_eq!(kernels.len(), 400_000);
    let (right, wrong) = (kernel_moments(&start, request.widths), kernel_moments(&start, &[10, 10]));
    for e in 0..4 {
        assert_mean(kernels.chunks(4).map(|kernel| kernel[e]), start[(e / 2, e % 2)], None, "mean kernel");
        for f in 0..4 {
            assert_mean(kernels.chunks(4).map(|kernel| kernel[e] * kernel[f]), right[e * 4 + f], None, "kernel moment");
        }
    }
    let trace = |moments: &[f64]| moments[0] + moments[15];
    let squares = kernels.chunks(4).map(|kernel| kernel[0].powi(2) + kernel[3].powi(2));
    assert_mean(squares, trace(&right), Some(trace(&wrong)), "squared diagonal");
    // Outputs given the kernel are normal with covariance g K.
    let pairs = sampled.outputs.chunks(2).zip(kernels.chunks(4));
    let whitened = pairs.map(|(f, k)| {
        (k[3] * f[0] * f[0] - 2.0 * k[1] * f[0] * f[1] + k[0] * f[1] * f[1]) / (k[0] * k[3] - k[1] * k[1])
    });
    assert_mean(whitened, 2.0 * request.gain, Some(2.1 * request.gain), "outputs given their kernel");
}

/// Largest difference of two empirical distribution functions.
fn kolmogorov_smirnov(mut left: Vec<f64>, mut right: Vec<f64>) -> f64 {
    left.sort_by(f64::total_cmp);
    right.sort_by(f64::total_cmp);
    let share = |values: &[f64], at: f64| values.partition_point(|value| *value <= at) as f64 / values.len() as f64;
    left.iter().chain(&right).map(|at| (share(&left, *at) - share(&right, *at)).abs()).fold(0.0, f64::max)
}

/// One input: `f = √q n` with `q = ∏ χ²_N / N`. Two samples of 20 000 differ by 0.0269 once in a million seeds; the normal law and
/// that of half the depth are 0.08 and more away.
#[test]
fn one_output_has_the_law_of_a_product_of_chi_squares() {
    let inputs = Matrix::from_element(1, 8, 1.0);
    let networks = 20_000;
    let outputs = sample(&request(&inputs, &[8; 8], 1, networks), Precision::F32).outputs;
    let logarithms: Vec<f64> = outputs.iter().map(|output| output.abs().ln()).collect();
    let mut rng = stream(SEED, Purpose::PriorDraw, 0);
    let mut draw = |layers: usize| -> Vec<f64> {
        let chi = ChiSquared::new(8.0).unwrap();
        let mut one = || {
            let normal: f64 = StandardNormal.sample(&mut rng);
            let squares: f64 = (0..layers).map(|_| f64::ln(chi.sample(&mut rng) / 8.0)).sum();
            normal.abs().ln() + 0.5 * squares
        };
        (0..networks).map(|_| one()).collect()
    };
    let distance = kolmogorov_smirnov(logarithms.clone(), draw(8));
    assert!(distance < 0.0269, "{distance}");
    for wrong in [0, 4] {
        let distance = kolmogorov_smirnov(logarithms.clone(), draw(wrong));
        assert!(distance > 0.06, "no power against {wrong} layers: {distance}");
    }
    let positive = outputs.iter().filter(|output| **output > 0.0).count() as f64;
    assert!((positive - 1e4).abs() < 5.0 * 5000f64.sqrt(), "{positive} of 20000 outputs are positive");
}

#[test]
fn a_small_network_is_the_product_of_its_weights() {
    // Inputs far from 1, and both more and fewer of them than they have numbers.
    let cases: [(Matrix, &[u64], usize); 4] = [
        (wave(3, 5) * 1e40, &[4, 7, 2], 2),
        (wave(1, 1) * 1e-3, &[1], 1),
        (wave(4, 2), &[], 3),
        (wave(2, 3), &[70, 300], 1),
    ];
    for (inputs, widths, outputs) in &cases {
        let mut request = request(inputs, widths, *outputs, 5);
        request.gain = 2.3;
        request.kernels = true;
        let single = sample(&request, Precision::F32);
        let double = sample(&request, Precision::F64);
        let samples = inputs.nrows();
        for network in 0..5 {
            let weights: Vec<Matrix> =
                (0..=widths.len()).map(|layer| request.weights(layer, network as u64).unwrap()).collect();
            let features = weights[..widths.len()].iter().fold(inputs.clone(), |features, weights| features * weights);
            let kernel = &features * features.transpose() / features.ncols() as f64;
            let expected = features * &weights[widths.len()] * request.gain.sqrt();
            for (sample, tolerance) in [(&single, 1e-5), (&double, 1e-14)] {
                let found = &sample.outputs[network * expected.len()..][..expected.len()];
                let found = Matrix::from_row_slice(samples, *outputs, found);
                let difference = (found - &expected).norm() / expected.norm();
                assert!(difference < tolerance, "outputs at widths {widths:?}: {difference:e}");
                let found = &sample.kernels.as_ref().unwrap()[network * kernel.len()..][..kernel.len()];
                let difference = (Matrix::from_row_slice(samples, samples, found) - &kernel).norm() / kernel.norm();
                assert!(difference < tolerance, "kernel at widths {widths:?}: {difference:e}");
            }
        }
        assert_eq!((single.networks, double.outputs.len()), (5, 5 * samples * outputs));
    }
}

#[test]
fn neither_launches_nor_threads_change_a_bit() {
    let inputs = wave(3, 5);
    for widths in [[9, 40, 17].as_slice(), &[200, 150]] {
        let mut request = request(&inputs, widths, 2, 70);
        request.kernels = true;
        for precision in [Precision::F32, Precision::F64] {
            request.batch_bytes = None;
            let whole = sample(&request, precision);
            for (batch_bytes, threads) in [(1, 1), (1, 4), (1 << 16, 3), (1 << 20, 1), (u64::MAX, 4)] {
                request.batch_bytes = Some(batch_bytes);
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert_eq!(
                    pool.install(|| sample(&request, precision)),
                    whole,
                    "{batch_bytes} bytes, {threads} threads"
                );
            }
        }
        request.networks = 11;
        let shorter = sample(&request, Precision::F64);
        assert_eq!(shorter.outputs[..], {
            request.networks = 70;
            sample(&request, Precision::F64).outputs[..66].to_vec()
        });
        request.seed += 1;
        assert_ne!(sample(&request, Precision::F64).outputs[..66], shorter.outputs);
    }
}

#[test]
fn a_sample_says_how_far_it_is_and_keeps_what_is_finished_when_stopped() {
    let device = DeviceChoice::Cpu.open().unwrap();
    let inputs = wave(1, 4);
    let mut request = request(&inputs, &[4, 4], 4, 3);
    request.batch_bytes = Some(1);
    let mut shares = Vec::new();
    let mut until = |calls: usize| {
        shares.clear();
        let mut watch = |share| {
            shares.push(share);
            if shares.len() == calls { Control::Stop } else { Control::Continue }
        };
        (sample_networks(&request, &device, Precision::F64, &mut watch).unwrap(), shares.clone())
    };
    let (whole, shares) = until(100);
    for (i, share) in shares.iter().enumerate() {
        assert!((share - (i + 1) as f64 / 9.0).abs() < 1e-12, "call {i}: {share}");
    }
    assert_eq!((whole.networks, shares.len()), (3, 9));
    for (calls, finished) in [(1, 0), (2, 0), (3, 1), (4, 1), (6, 2), (9, 3)] {
        let (stopped, shares) = until(calls);
        assert_eq!((stopped.networks, shares.len()), (finished, calls));
        assert_eq!(stopped.outputs, whole.outputs[..4 * finished as usize]);
    }
}

#[test]
fn wrong_requests_are_refused_with_their_values() {
    let mut device = DeviceChoice::Cpu.open().unwrap();
    let inputs = wave(2, 3);
    let right = request(&inputs, &[5, 6], 1, 4);
    let (none, hole) = (Matrix::zeros(0, 3), Matrix::from_row_slice(1, 2, &[1.0, f64::NAN]));
    let deep = vec![1; 60];
    for (wrong, words) in [
        (PriorNetworks { inputs: &none, ..right }, "0 × 3"),
        (PriorNetworks { inputs: &hole, ..right }, "NaN"),
        (PriorNetworks { widths: &[5, 0], ..right }, "layer 2 has width 0"),
        (PriorNetworks { outputs: 0, ..right }, "outputs = 0"),
        (PriorNetworks { networks: 0, ..right }, "networks = 0"),
        (PriorNetworks { gain: -1.0, ..right }, "gain = -1"),
        (PriorNetworks { gain: f64::INFINITY, ..right }, "gain = inf"),
        (PriorNetworks { networks: u64::MAX, ..right }, "18446744073709551615 networks"),
        (PriorNetworks { widths: &deep, ..right }, "Σ 1/N = 60"),
    ] {
        let error = on(&device, &wrong, Precision::F32).unwrap_err();
        assert!(matches!(error, ModelError::Problem(_)) && error.to_string().contains(words), "{error}");
    }
    let single_is_too_small = PriorNetworks { widths: &deep, ..right };
    assert!(on(&device, &single_is_too_small, Precision::F64).unwrap().outputs.iter().all(|output| *output != 0.0));
    assert!(right.weights(3, 0).unwrap_err().to_string().contains("layers 0 to 2"));

    // 1000 × 1000 weights of 4 bytes, and two inputs' features.
    let wide = PriorNetworks { widths: &[1000, 1000], ..right };
    device.info.available_memory = Some(4_000_000);
    let error = on(&device, &wide, Precision::F32).unwrap_err();
    let ModelError::TooWide { width: 1000, needed: 4_016_000, available: 4_000_000, widest, .. } = error else {
        panic!("{error}")
    };
    let widths = |width| [width, width];
    assert!(on(&device, &PriorNetworks { widths: &widths(widest), ..right }, Precision::F32).is_ok());
    assert!(on(&device, &PriorNetworks { widths: &widths(widest + 1), ..right }, Precision::F32).is_err());
    device.info.available_memory = None;
    device.info.largest_buffer = Some(3_999_999);
    let error = on(&device, &wide, Precision::F32).unwrap_err();
    assert!(
        matches!(error, ModelError::TooWide { needed: 4_000_000, available: 3_999_999, widest: 999, .. }),
        "{error}"
    );
    device.info.supports_f64 = false;
    assert!(matches!(on(&device, &right, Precision::F64).unwrap_err(), ModelError::UnsupportedPrecision { .. }));
}

#[cfg(any(feature = "ndarray", feature = "gpu"))]
fn assert_device_agrees_with_flex(device: &OpenDevice) {
    let inputs = wave(3, 5);
    for widths in [[16, 24, 8].as_slice(), &[]] {
        let mut request = request(&inputs, widths, 2, 40);
        request.kernels = true;
        let expected = sample(&request, Precision::F32);
        // Several launches, the last one smaller, and one.
        for batch_bytes in [Some(1 << 14), None] {
            request.batch_bytes = batch_bytes;
            let found = on(device, &request, Precision::F32).unwrap();
            let of_all = |sample: &PriorSample| [sample.outputs.clone(), sample.kernels.clone().unwrap()].concat();
            let (found, expected) =
                (Matrix::from_vec(1, 600, of_all(&found)), Matrix::from_vec(1, 600, of_all(&expected)));
            let difference = (&found - &expected).norm() / expected.norm();
            assert!(difference < 2e-5, "widths {widths:?}: {difference:e}");
        }
    }
}

#[cfg(feature = "ndarray")]
#[test]
fn ndarray_agrees_with_flex() {
    assert_device_agrees_with_flex(&DeviceChoice::NdArray.open().unwrap());
}

#[cfg(feature = "gpu")]
#[test]
#[expect(clippy::print_stdout, reason = "CI looks for this line")]
fn wgpu_agrees_with_flex() {
    match DeviceChoice::Wgpu.open() {
        Ok(device) => assert_device_agrees_with_flex(&device),
        Err(error) => println!("SKIPPED (no adapter): wgpu_agrees_with_flex: {error}"),
    }
}
