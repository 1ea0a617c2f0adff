//! Lower and upper tails of scalar laws against `tails.csv` (made by `tails.py`, 25 digits), and what every law must obey.

use rand::RngExt;
use widenet_core::seed::{Purpose, stream};
use widenet_limits::proportional::{
    HiddenLayers, LayerGroup, LogLaw, OutputLaw, log_squared_norm_law, output_rate_constant,
};

/// `24*48+30*2` and so on, `-` for none.
fn layers(text: &str, alpha: f64) -> HiddenLayers {
    let group = |text: &str| {
        let (width, count) = text.split_once('*').expect("width*count");
        LayerGroup { width: width.parse().expect("a width"), count: count.parse().expect("a count") }
    };
    let groups: Vec<LayerGroup> = text.split('+').filter(|text| *text != "-").map(group).collect();
    HiddenLayers::new(&groups, alpha).expect("layers")
}

fn equal(width: u64, count: u64) -> HiddenLayers {
    HiddenLayers::new(&[LayerGroup { width, count }], 0.0).expect("layers")
}

fn output(layers: &HiddenLayers) -> OutputLaw {
    OutputLaw::new(layers, 1.0).expect("a law")
}

#[track_caller]
fn near(found: f64, expected: f64, rel: f64, case: &str) {
    assert!((found - expected).abs() <= rel * expected.abs(), "{case}: {found} against {expected}");
}

/// Widths 1 to 1000, depths 1 to ten times the width, limits, bottlenecks, unequal widths; arguments from 1e-300, and on either side of
/// the distance to the first pole, 0.11, where the contour changes.
#[test]
fn densities_and_tails_are_those_of_the_reference() {
    let (mut rows, mut next_to_the_pole) = (0, 0);
    for row in include_str!("tails.csv").lines() {
        let fields: Vec<&str> = row.split(';').collect();
        let [said, alpha, freedom, numbers @ ..] = &fields[..] else { panic!("{row}") };
        let [u, density, lower, upper] = [0, 1, 2, 3].map(|i| numbers[i].parse::<f64>().expect("a number"));
        let mut law = LogLaw::scale(&layers(said, alpha.parse().expect("a number")));
        if *freedom != "0" {
            law = law.with_chi_square(freedom.parse().expect("a number")).expect("freedom");
        }
        near(law.log_density(u).expect("a density"), density, 2e-14, row);
        // Of 1 − tiny the logarithm is known to the relative accuracy of the tiny part, down to the smallest double.
        for (found, expected) in [(law.log_lower_tail(u), lower), (law.log_upper_tail(u), upper)] {
            let found = found.expect("a tail");
            let allowed = (5e-14 + 4e-15 * lower.min(upper).abs().min(1e3)) * expected.abs() + f64::MIN_POSITIVE;
            assert!((found - expected).abs() <= allowed, "{row}: {found} against {expected}");
        }
        rows += 1;
        next_to_the_pole += u32::from(lower < -40.0);
    }
    assert!(rows > 800 && next_to_the_pole > 250, "{rows} rows, {next_to_the_pole} in far lower tails");
}

/// What a program before this one answered: 0 and 7.8e155, a limit off by 6 %, a quantile off by 2 %.
#[test]
fn the_lower_tails_that_were_wrong() {
    let law = output(&equal(24, 48));
    for (x, density, above) in [
        (1e-5, 1.8665042653983428, 0.499981334956968),
        (2e-5, 1.8665040952884004, 0.49996266991507005),
        (5e-5, 1.8665029045714538, 0.4999066748075208),
    ] {
        near(law.density(x).expect("a density"), density, 1e-13, "density");
        near(law.upper_tail(x).expect("a tail"), above, 1e-14, "tail");
    }
    let limit = output(&HiddenLayers::limit(3.0).expect("alpha"));
    near(limit.density(3e-6).expect("a density"), 3.7850588323863517, 1e-13, "limit");
    let norm = log_squared_norm_law(&equal(24, 48), 1.0, 1).expect("a law");
    near(norm.quantile(1e-4).expect("a level"), -21.05510963, 1e-8, "quantile");
}

/// 39 of these 75 networks were at a distance of about 0.5. A sample of them: all are near their predicted distance, β/α C.
#[test]
fn equal_widths_are_as_far_from_the_limit_as_predicted() {
    for width in [8, 16, 24, 40, 64] {
        for alpha in [1, 2, 3, 4] {
            let layers = equal(width, alpha * width);
            let limit = output(&HiddenLayers::limit(layers.alpha()).expect("alpha"));
            let distance = output(&layers).kolmogorov_smirnov(&limit).expect("a distance");
            let predicted = layers.beta() / layers.alpha() * output_rate_constant(layers.alpha()).expect("alpha");
            assert!(
                (distance / predicted - 1.0).abs() < 2.5 / width as f64,
                "{width}, {alpha}: {distance} {predicted}"
            );
        }
    }
}

/// Random layers, narrow and wide, few and many, with and without a continuum.
fn random_layers(number: u64) -> HiddenLayers {
    let rng = &mut stream(number, Purpose::PriorDraw, 7);
    let groups: Vec<LayerGroup> = (0..number % 4)
        .map(|_| LayerGroup {
            width: 10f64.powf(rng.random_range(0.0..3.2)) as u64,
            count: 10f64.powf(rng.random_range(0.0..2.5)) as u64,
        })
        .collect();
    let continuum =
        if number.is_multiple_of(3) || groups.is_empty() { 10f64.powf(rng.random_range(-2.0..1.3)) } else { 0.0 };
    HiddenLayers::new(&groups, continuum).expect("layers")
}

/// The density of an output falls with |x|, from its value at 0; tails lie between ½ and the tangent there, and fall.
#[test]
fn outputs_are_scaled_gaussians() {
    for number in 0..30 {
        let layers = random_layers(number);
        let law = output(&layers);
        let peak = law.log_density(0.0).expect("a density");
        let (mut density, mut tail) = (peak + 1e-10, (0.5f64).ln());
        for exponent in (-600..40).step_by(8) {
            let x = 10f64.powf(0.5 * f64::from(exponent));
            let (p, above) = (law.log_density(x).expect("a density"), law.log_upper_tail(x).expect("a tail"));
            assert!(
                p <= density + 1e-10 && above <= tail,
                "{layers:?} at {x}: {p} after {density}, {above} after {tail}"
            );
            let bound = 0.5 - x * peak.exp();
            assert!(above.exp() >= bound - 1e-13, "{layers:?} at {x}: {above} below {bound}");
            near(law.cdf(-x).expect("a tail"), above.exp(), 0.0, "symmetry");
            (density, tail) = (p, above);
        }
    }
}

/// The logarithm of a gamma variable has a log-concave density, and sums and tails of such laws are log-concave as well (Prékopa).
#[test]
fn logarithms_of_scales_have_log_concave_densities_and_tails() {
    for number in 0..30 {
        let layers = random_layers(number);
        let scale = LogLaw::scale(&layers);
        let law =
            if number.is_multiple_of(2) { scale.with_chi_square(1 + number % 5).expect("freedom") } else { scale };
        let deviation = law.variance().sqrt();
        let at = |k: i32| {
            let u = law.mean() + 0.25 * f64::from(k) * deviation;
            [law.log_density(u), law.log_lower_tail(u), law.log_upper_tail(u)].map(|log| log.expect("a number"))
        };
        let mut last = [at(-161), at(-160)];
        for k in -159..=60 {
            let next = at(k);
            for (i, next) in next.iter().enumerate() {
                let bend = next - 2.0 * last[1][i] + last[0][i];
                assert!(bend <= 1e-11 * next.abs().max(1.0), "{layers:?}, {i} at {k}: {bend}");
            }
            let mass = last[1][1].exp() + last[1][2].exp();
            assert!((mass - 1.0).abs() < 1e-13, "{layers:?} at {k}: the tails make {mass}");
            last = [last[1], next];
        }
    }
}

#[test]
fn what_is_no_number_has_no_density() {
    let law = output(&equal(24, 48));
    let log = LogLaw::scale(&equal(24, 48));
    for error in [
        law.log_density(f64::NAN).expect_err("NaN"),
        law.cdf(f64::NAN).expect_err("NaN"),
        log.log_density(f64::NAN).expect_err("NaN"),
        log.log_upper_tail(f64::NAN).expect_err("NaN"),
    ] {
        assert!(error.to_string().contains("NaN"), "{error}");
    }
    let point = LogLaw::scale(&HiddenLayers::nngp());
    assert!(point.log_density(0.0).expect_err("a point").to_string().contains("without variance"));
}
