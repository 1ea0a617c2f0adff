//! Scalar laws: values made with 40 digits (`tests/reference/proportional.json`), and what must hold between them.

use std::f64::consts::{LN_2, PI};

use widenet_limits::proportional::{
    HiddenLayers, LayerGroup, LogLaw, OutputLaw, log_joint_density, log_squared_norm_law, output_rate_constant,
    scale_moment, scale_rate_constant,
};

fn finite(widths: &[u64]) -> HiddenLayers {
    HiddenLayers::finite(widths).expect("widths")
}

fn limit(alpha: f64) -> HiddenLayers {
    HiddenLayers::limit(alpha).expect("alpha")
}

fn square(size: u64) -> HiddenLayers {
    HiddenLayers::new(&[LayerGroup { width: size, count: size }], 0.0).expect("widths")
}

fn output(layers: &HiddenLayers, variance: f64) -> OutputLaw {
    OutputLaw::new(layers, variance).expect("variance")
}

#[track_caller]
fn near(found: f64, expected: f64, rel: f64) {
    assert!((found - expected).abs() <= rel * expected.abs(), "{found} against {expected}");
}

#[test]
fn moments_of_the_scale() {
    // V01.
    for (layers, expected) in [
        (finite(&[4, 6, 8, 8]), [0.8472914046363893, 1.0, 3.125, 23.4375, 1.7706661190768624]),
        (limit(0.5), [0.8824969025845955, 1.0, std::f64::consts::E, 20.085536923187668, 1.4549914146182013]),
    ] {
        for (s, expected) in [0.5, 1.0, 2.0, 3.0, -0.5].into_iter().zip(expected) {
            near(scale_moment(&layers, s), expected, 1e-12);
            near(LogLaw::scale(&layers).cumulant(s).exp(), expected, 1e-12);
        }
    }
    near(output(&finite(&[4, 6, 8, 8]), 1.0).kurtosis(), 9.375, 1e-12);
    near(output(&limit(0.5), 1.0).kurtosis(), 8.154845485377136, 1e-12);
    // 3 · v² · 3.125 and 15 · v³ · 23.4375.
    let law = output(&finite(&[4, 6, 8, 8]), 0.5);
    near(law.moment(4), 3.0 * 0.25 * 3.125, 1e-12);
    near(law.moment(6), 15.0 * 0.125 * 23.4375, 1e-12);
    assert_eq!((law.moment(0), law.moment(3)), (1.0, 0.0));
    assert_eq!(scale_moment(&finite(&[1, 9]), -0.5), f64::INFINITY);
    // Order and grouping change nothing; a bottleneck multiplies its own moment in.
    near(scale_moment(&finite(&[8, 6, 4, 8]), 2.0), 3.125, 1e-12);
    let bottleneck = HiddenLayers::new(&[LayerGroup { width: 4, count: 1 }], 0.5).expect("widths");
    near(scale_moment(&bottleneck, 2.0), 1.5 * 1f64.exp(), 1e-12);
    // Many layers: closed forms and the gamma functions lose nothing.
    for s in [2.0, 3.0, 6.0] {
        near(LogLaw::scale(&square(1_000_000)).cumulant(s), scale_moment(&square(1_000_000), s).ln(), 1e-12);
    }
}

#[test]
fn densities_of_one_output() {
    // V02.
    let x = [0.0, 0.1, 0.5, 1.0, 2.0, 5.0];
    for (layers, variance, expected) in [
        (
            finite(&[3, 4]),
            1.0,
            [
                0.690988298942671,
                0.6376139786859383,
                0.3555102173963441,
                0.16390451864184588,
                0.03811471200753381,
                0.0008659390298741719,
            ],
        ),
        (
            finite(&[5, 5, 5]),
            2.0,
            [
                0.4746751341244186,
                0.4603081846260637,
                0.3209909119613226,
                0.18347561944105276,
                0.06095476898318746,
                0.003537729073539785,
            ],
        ),
        (
            finite(&[2, 7, 4, 9]),
            1.5,
            [
                0.891456949812596,
                0.6962506231917409,
                0.317201091197301,
                0.14530193040182876,
                0.04129927077204564,
                0.0025928600115847616,
            ],
        ),
        (
            limit(0.7),
            1.0,
            [
                0.6743955078971344,
                0.6487889884689327,
                0.37094858198559905,
                0.15644776582868497,
                0.0330992221039049,
                0.001103221378927168,
            ],
        ),
    ] {
        let law = output(&layers, variance);
        for (x, expected) in x.into_iter().zip(expected) {
            near(law.density(x).expect("a density"), expected, 1e-11);
            near(law.density(-x).expect("a density"), expected, 1e-11);
        }
        // A law of slightly other layers is told apart.
        let wrong = output(&HiddenLayers::new(layers.groups(), layers.continuum() + 1e-6).expect("alpha"), variance);
        assert!((wrong.density(1.0).expect("a density") / expected[3] - 1.0).abs() > 1e-8);
    }
}

#[test]
fn tails_and_quantiles_of_one_output() {
    // V03.
    for (layers, tails, quantiles) in [
        (
            square(10),
            [0.31180815000676637, 0.09191660193382285, 0.009601363410934208, 0.00010128019882194313],
            [0.9414129397180765, 2.956218571997037, 10.026001162500673],
        ),
        (
            limit(1.0),
            [0.31542705316799907, 0.09078779716409681, 0.009376958111699092, 0.00012483387569805492],
            [0.9343514688836992, 2.9299544075524198, 10.503103210044562],
        ),
    ] {
        let law = output(&layers, 1.0);
        for (x, tail) in [0.25, 1.0, 3.0, 10.0].into_iter().zip(tails) {
            near(law.upper_tail(x).expect("a tail"), tail, 1e-11);
            near(law.cdf(-x).expect("a tail"), tail, 1e-11);
            near(law.cdf(x).expect("a tail"), 1.0 - tail, 1e-14);
        }
        for (p, quantile) in [0.1f64, 0.01, 0.0001].into_iter().zip(quantiles) {
            near(law.upper_quantile(p).expect("a level"), quantile, 1e-11);
            near(law.upper_quantile_of_log(p.ln()).expect("a level"), quantile, 1e-11);
            near(law.quantile(p).expect("a level"), -quantile, 1e-11);
        }
        assert_eq!(law.quantile(0.5).expect("a level"), 0.0);
        for level in [0.0, 1.0, f64::NAN, -0.5] {
            assert!(law.quantile(level).expect_err("no level").to_string().contains("quantile level"));
        }
        // Far beyond the range of floats, in logarithms.
        let far = law.upper_quantile_of_log(-2000.0).expect("a level");
        near(law.log_upper_tail(far).expect("a tail"), -2000.0, 1e-12);
    }
}

/// Laws of every kind: widths of 1, mixtures of narrow and wide, a million layers, a thousand widths, bottlenecks.
fn laws() -> Vec<(&'static str, LogLaw)> {
    let bottleneck = HiddenLayers::new(&[LayerGroup { width: 3, count: 2 }], 0.5).expect("widths");
    let nngp = LogLaw::scale(&HiddenLayers::nngp());
    vec![
        ("width 1", LogLaw::scale(&finite(&[1]))),
        ("two widths of 1", LogLaw::scale(&finite(&[1, 1]))),
        ("one wide layer", LogLaw::scale(&finite(&[1_000_000]))),
        ("narrow and wide", LogLaw::scale(&finite(&[2, 50, 3000]))),
        ("a thousand widths", LogLaw::scale(&finite(&(500..1500).collect::<Vec<_>>()))),
        ("every width", LogLaw::scale(&finite(&(1..200).collect::<Vec<_>>()))),
        ("a million layers", LogLaw::scale(&square(1_000_000))),
        ("a million widths of 1", {
            LogLaw::scale(&HiddenLayers::new(&[LayerGroup { width: 1, count: 1_000_000 }], 0.0).expect("widths"))
        }),
        ("limit", LogLaw::scale(&limit(0.3))),
        ("deep limit", LogLaw::scale(&limit(300.0)).with_chi_square(1).expect("freedom")),
        ("bottleneck", LogLaw::scale(&bottleneck)),
        ("output", log_squared_norm_law(&finite(&[6, 4]), 1.3, 1).expect("a law")),
        ("squared Gaussian", nngp.clone().with_chi_square(1).expect("freedom")),
        ("norm of 40 outputs", nngp.with_chi_square(40).expect("freedom")),
    ]
}

#[test]
fn densities_tails_and_quantiles_agree() {
    for (name, law) in laws() {
        let (mean, deviation) = (law.mean(), law.variance().sqrt());
        let density = |u: f64| law.log_density(u).expect("a density").exp();
        // The trapezoid rule of an analytic density converges geometrically: mass, mean, and a tail moment.
        let (mut mass, mut first, mut moment) = (0.0, 0.0, 0.0);
        let (from, to) =
            (law.quantile(1e-15).expect("a level"), law.quantile_of_log_upper_tail(-40.0).expect("a level"));
        let steps = 2000;
        let h = (to - from) / f64::from(steps);
        for i in 0..=steps {
            let u = from + f64::from(i) * h;
            let p = density(u) * h;
            mass += p;
            first += p * (u - mean);
            moment += p * (0.3 * (u - mean) / deviation).exp();
        }
        assert!((mass - 1.0).abs() < 1e-12, "{name}: mass {mass}");
        assert!(first.abs() < 1e-12 * deviation, "{name}: mean off by {first}");
        let expected = (law.cumulant(0.3 / deviation) - 0.3 * mean / deviation).exp();
        assert!((moment / expected - 1.0).abs() < 1e-10, "{name}: {moment} {expected}");
        for z in [-4.0, -1.0, -0.2, -1e-9, 0.0, 0.3, 2.0, 4.0] {
            let u = mean + z * deviation;
            let (lower, upper) =
                (law.log_lower_tail(u).expect("a tail").exp(), law.log_upper_tail(u).expect("a tail").exp());
            assert!((lower + upper - 1.0).abs() < 1e-14, "{name} at {z}: {lower} + {upper}");
            let step = 1e-3 * deviation;
            let slope = |k: f64| {
                (law.cdf(u + k * step).expect("a tail") - law.cdf(u - k * step).expect("a tail")) / (2.0 * k * step)
            };
            let derivative = (4.0 * slope(1.0) - slope(2.0)) / 3.0;
            let allowed = 2e-10 + 1e-12 * mean.abs() / deviation;
            assert!(
                (derivative - density(u)).abs() * deviation < allowed,
                "{name} at {z}: {derivative} {}",
                density(u)
            );
            if lower > 0.0 && upper > 1e-12 {
                let back = law.quantile(lower).expect("a level");
                let allowed = 1e-13 * mean.abs() + deviation * 1e-14 / lower.min(upper).min(1e-2);
                assert!((back - u).abs() < allowed, "{name} at {z}: {back} {u}");
            }
        }
    }
}

#[test]
fn the_two_tails_meet_at_the_mean() {
    // They are different integrals: beyond their poles on either side.
    for (name, law) in laws() {
        let u = law.mean();
        let below = u - 1e-9 * law.variance().sqrt();
        let gap = law.cdf(u).expect("a tail") - law.cdf(below).expect("a tail");
        let density = law.log_density(u).expect("a density").exp();
        let rounding = 1e-13 + 2e-16 * u.abs() * density;
        assert!((gap - density * (u - below)).abs() < rounding, "{name}: {gap}");
    }
}

#[test]
fn far_tails_are_finite_logarithms_that_quantiles_invert() {
    for (name, law) in laws() {
        for log in [-1.0, -30.0, -700.0, -2000.0, -1e5] {
            let u = law.quantile_of_log_upper_tail(log).expect("a level");
            let slope = (law.log_density(u).expect("a density") - law.log_upper_tail(u).expect("a tail")).exp();
            let allowed = 1e-12 * log.abs() + 4e-16 * u.abs() * slope;
            assert!(
                (law.log_upper_tail(u).expect("a tail") - log).abs() < allowed,
                "{name}: {} {log}",
                law.log_upper_tail(u).expect("a tail")
            );
            // Chernoff bounds the tail, and is its leading order.
            let c = slope.max(1e-3);
            let bound = law.cumulant(c) - c * u;
            assert!(log <= bound && log > bound - 5.0 - bound.abs().max(1.0).ln(), "{name} at {log}: {bound}");
        }
        let (mean, deviation) = (law.mean(), law.variance().sqrt());
        let mut before = (f64::INFINITY, f64::NEG_INFINITY);
        for z in [-1e300, -1e150, -1e99, -1e10, -1e4, -300.0, -30.0, 0.0, 30.0, 300.0, 1e4, 1e10, 1e200] {
            let u = mean + z * deviation;
            let (density, lower, upper) = (
                law.log_density(u).expect("a density"),
                law.log_lower_tail(u).expect("a tail"),
                law.log_upper_tail(u).expect("a tail"),
            );
            assert!(!density.is_nan() && lower <= 0.0 && upper <= 0.0, "{name} at {z}: {density} {lower} {upper}");
            assert!(upper <= before.0 && lower >= before.1, "{name} at {z}: not monotone");
            before = (upper, lower);
        }
        assert_eq!(
            (law.cdf(f64::NEG_INFINITY).expect("a tail"), law.cdf(f64::INFINITY).expect("a tail")),
            (0.0, 1.0),
            "{name}"
        );
    }
}

#[test]
fn chi_squares_are_those_of_tables() {
    // χ²_2 is exponential, on both tails and at every depth of them.
    let law = LogLaw::scale(&HiddenLayers::nngp()).with_chi_square(2).expect("freedom");
    for x in [1e-300f64, 1e-30, 1e-3, 0.5, 1.2, 3.0, 50.0, 1e4, 1e8] {
        let u = x.ln();
        near(law.log_upper_tail(u).expect("a tail"), -0.5 * x, 2e-12);
        let expected = if x < 1.0 { (-(-0.5 * x).exp_m1()).ln() } else { (-(-0.5 * x).exp()).ln_1p() };
        near(law.log_lower_tail(u).expect("a tail"), expected, 2e-12);
        near(law.log_density(u).expect("a density"), u - LN_2 - 0.5 * x, 2e-12);
    }
    // A product of two layers by one quadrature over the first.
    let law = LogLaw::scale(&finite(&[1, 3]));
    let single = |n: u64| LogLaw::scale(&finite(&[n]));
    let (first, second) = (single(3), single(1));
    for u in [-60.0, -5.0, -0.3, 1.0, 4.0] {
        let (from, to, steps) = (-90.0, 6.0, 9600);
        let h = (to - from) / f64::from(steps);
        let sum: f64 = (0..=steps)
            .map(|i| {
                let v = from + f64::from(i) * h;
                h * (first.log_density(v).expect("a density") + second.log_density(u - v).expect("a density")).exp()
            })
            .sum();
        near(law.log_density(u).expect("a density").exp(), sum, 1e-10);
    }
}

#[test]
fn lower_tails_next_to_the_pole() {
    // The same integrals with 25 digits along a straight line. The first three are on the parabola or where it begins.
    for (widths, alpha, u, density, tail) in [
        (vec![1, 2], 0.0, -30.0, -15.346574022891183, -14.653426626025625),
        (vec![1, 30], 0.25, -20.0, -10.70586877612731, -10.012721593951268),
        (vec![2, 9, 40], 0.0, -4.0, -3.73354610596469, -3.71549175663008),
        ((60..66).collect(), 0.0, -5.0, -48.23110942525735, -51.0853696683576),
    ] {
        let groups: Vec<_> = widths.iter().map(|&width| LayerGroup { width, count: 1 }).collect();
        let law = LogLaw::scale(&HiddenLayers::new(&groups, alpha).expect("widths"));
        near(law.log_density(u).expect("a density"), density, 2e-15);
        near(law.log_lower_tail(u).expect("a tail"), tail, 2e-15);
    }
}

#[test]
fn joint_densities() {
    // V06: K0 of the reference case, by its Cholesky factor.
    let kernel = nalgebra::Matrix3::<f64>::new(1.0, 0.3, -0.2, 0.3, 0.8, 0.1, -0.2, 0.1, 1.5);
    let y = nalgebra::Vector3::new(0.4, -0.9, 1.3);
    let factor = kernel.cholesky().expect("positive definite");
    let (quadratic, log_det) = (y.dot(&factor.solve(&y)), factor.determinant().ln());
    let density = |layers: &HiddenLayers, a: f64| log_joint_density(layers, 3, a, log_det).expect("a density");
    for (layers, expected) in
        [(finite(&[6, 4, 8]), -5.155307920652863), (limit(0.7), -5.29095294000105), (limit(0.0), -4.48498586636909)]
    {
        let found = density(&layers, quadratic);
        assert!((found - expected).abs() < 1e-11, "{found} against {expected}");
    }
    // Across from the other side: with one input it is the law of one output.
    let (layers, x) = (finite(&[5, 2]), 0.8f64);
    let single = log_joint_density(&layers, 1, x * x / 1.7, 1.7f64.ln()).expect("a density");
    near(single, output(&layers, 1.7).log_density(x).expect("a density"), 1e-12);
    // At 0: finite iff P < min N.
    assert_eq!(density(&finite(&[3, 9]), 0.0), f64::INFINITY);
    let (at, close) = (density(&finite(&[6, 9]), 0.0), density(&finite(&[6, 9]), 1e-12));
    assert!((at - close).abs() < 1e-9, "{at} {close}");
    for (rank, a, determinant) in [(0, 1.0, 0.0), (2, -1.0, 0.0), (2, f64::NAN, 0.0), (2, 1.0, f64::NEG_INFINITY)] {
        assert!(log_joint_density(&limit(1.0), rank, a, determinant).is_err());
    }
}

#[test]
fn distances_to_the_limit() {
    // V08.
    let nngp = output(&HiddenLayers::nngp(), 1.0);
    for (size, of_output, of_scale) in [
        (8, 0.004939771610858457, 0.021616770654414225),
        (16, 0.002499307510586246, 0.011135854426675418),
        (32, 0.001254687705618207, 0.005641070827259995),
        (64, 0.0006283014677738175, 0.002837569856702582),
    ] {
        near(
            output(&square(size), 1.0).kolmogorov_smirnov(&output(&limit(1.0), 1.0)).expect("a distance"),
            of_output,
            1e-8,
        );
        let scale = LogLaw::scale(&square(size));
        near(scale.kolmogorov_smirnov(&LogLaw::scale(&limit(1.0))).expect("a distance"), of_scale, 1e-8);
        // Exact mean and variance make the normal law about two times better.
        let matched =
            scale.kolmogorov_smirnov(&LogLaw::matched_normal(&square(size)).expect("moments")).expect("a distance");
        assert!(matched < 0.6 * of_scale && matched > 0.2 * of_scale, "{matched} against {of_scale}");
    }
    near(output(&limit(1.0), 1.0).kolmogorov_smirnov(&nngp).expect("a distance"), 0.1077005786963583, 1e-8);
    near(scale_rate_constant(1.0).expect("alpha"), 0.18263862087253452, 1e-8);
    near(output_rate_constant(1.0).expect("alpha"), 0.04025973285946402, 1e-8);
    near(scale_rate_constant(0.25).expect("alpha"), 0.19026, 3e-5);
    near(output_rate_constant(0.25).expect("alpha"), 0.013714, 4e-5);
    assert!(scale_rate_constant(0.0).is_err() && output_rate_constant(f64::NAN).is_err());
    // Point masses.
    let (zero, point) = (output(&limit(1.0), 0.0), LogLaw::scale(&HiddenLayers::nngp()));
    assert_eq!(
        (zero.kolmogorov_smirnov(&zero).expect("a distance"), zero.kolmogorov_smirnov(&nngp).expect("a distance")),
        (0.0, 0.5)
    );
    near(point.kolmogorov_smirnov(&LogLaw::scale(&limit(1e-6))).expect("a distance"), 0.5, 1e-3);
    assert_eq!(point.kolmogorov_smirnov(&point.clone().shifted(1.0).expect("finite")).expect("a distance"), 1.0);
}

/// At a million layers the distance is the predicted one, to its own order; a law of another α is rejected at once.
#[test]
fn a_million_layers_are_at_the_predicted_distance() {
    let layers = square(1_000_000);
    let rate = layers.beta() / layers.alpha();
    let (exact, of_limit) = (LogLaw::scale(&layers), LogLaw::scale(&limit(1.0)));
    near(
        exact.kolmogorov_smirnov(&of_limit).expect("a distance"),
        rate * scale_rate_constant(1.0).expect("alpha"),
        1e-4,
    );
    let distance = output(&layers, 1.0).kolmogorov_smirnov(&output(&limit(1.0), 1.0)).expect("a distance");
    near(distance, rate * output_rate_constant(1.0).expect("alpha"), 1e-4);
    // Unequal widths enter through β alone.
    let unequal: Vec<u64> = (0..2000).map(|i| 1000 + 2 * i).collect();
    let layers = finite(&unequal);
    let alpha = layers.alpha();
    let distance = LogLaw::scale(&layers).kolmogorov_smirnov(&LogLaw::scale(&limit(alpha))).expect("a distance");
    near(distance, layers.beta() / alpha * scale_rate_constant(alpha).expect("alpha"), 0.01);
    assert!(exact.kolmogorov_smirnov(&LogLaw::scale(&limit(1.001))).expect("a distance") > 1e3 * rate * 0.18);
}

#[test]
fn without_hidden_layers_it_is_the_gaussian_process() {
    let law = output(&finite(&[]), 4.0);
    for x in [1e-200, 0.01, 1.0, 2.0, 9.0, 70.0f64] {
        near(law.log_density(x).expect("a density"), -x * x / 8.0 - 0.5 * (8.0 * PI).ln(), 1e-12);
        near(law.upper_tail(x).expect("a tail"), 0.5 * libm::erfc(x / 8f64.sqrt()), 1e-12);
    }
    near(law.density(0.0).expect("a density"), 1.0 / (8.0 * PI).sqrt(), 1e-14);
    let point = LogLaw::scale(&HiddenLayers::nngp());
    assert!(point.is_point());
    assert!(point.log_density(0.0).is_err());
    assert_eq!(point.quantile(0.3).expect("a level"), 0.0);
    assert_eq!(
        (point.cdf(-1e-9).expect("a tail"), point.cdf(0.0).expect("a tail"), point.cumulant(-7.0)),
        (0.0, 1.0, 0.0)
    );
    let zero = output(&finite(&[3]), 0.0);
    assert_eq!(
        (zero.cdf(-0.1).expect("a tail"), zero.cdf(0.0).expect("a tail"), zero.quantile(0.9).expect("a level")),
        (0.0, 1.0, 0.0)
    );
    assert_eq!(
        (zero.density(1.0).expect("a density"), zero.moment(2), zero.upper_tail(0.0).expect("a tail")),
        (0.0, 0.0, 0.0)
    );
    // Width 1: the density has a logarithmic pole at 0, and mass 1 none the less.
    let pole = output(&finite(&[1]), 1.0);
    assert_eq!(pole.density(0.0).expect("a density"), f64::INFINITY);
    assert!(
        pole.density(1e-300).expect("a density") > pole.density(1e-3).expect("a density")
            && pole.density(1e-300).expect("a density").is_finite()
    );
    near(pole.upper_tail(1e-300).expect("a tail"), 0.5, 1e-14);
}

#[test]
fn what_is_not_a_network_is_refused() {
    for (message, part) in [
        (HiddenLayers::finite(&[4, 0]).expect_err("width").to_string(), "width 0"),
        (HiddenLayers::limit(-0.1).expect_err("alpha").to_string(), "alpha = -0.1"),
        (HiddenLayers::limit(f64::NAN).expect_err("alpha").to_string(), "alpha = NaN"),
        (OutputLaw::new(&limit(1.0), -1.0).expect_err("variance").to_string(), "variance -1"),
        (log_squared_norm_law(&limit(1.0), 0.0, 2).expect_err("variance").to_string(), "variance 0"),
        (LogLaw::scale(&limit(1.0)).with_chi_square(0).expect_err("freedom").to_string(), "degree of freedom"),
        (LogLaw::scale(&limit(1.0)).quantile_of_log_upper_tail(0.5).expect_err("a level").to_string(), "0.5"),
    ] {
        assert!(message.contains(part), "{message}");
    }
}
