//! Computes arcsines on lanes from one square root and polynomials, accurate to rounding.
//!
//! ```text
//! z = sin²(θ/2) ∈ [0, 1/2],     θ/2 = √z A(z),     sin θ − θ cos θ = z^{3/2} S(z)
//! ```
//!
//! (docs/theory/numerics.md §2, Eq. arcs.) A and S are smooth on the interval. Their polynomials interpolate them at the 19 Chebyshev nodes
//! of t = 4z − 1 ∈ [−1, 1] and were made with 60 digits (mpmath); they are within 2e-17 of the functions, relatively.

/// Numbers that are treated together; long enough to hide the latency of the polynomials.
pub(crate) const LANES: usize = 16;

/// One number per lane.
pub(crate) type Lanes = [f64; LANES];

/// `A` in powers of t, constant term first.
const ARCSINE: [f64; 19] = [
    // A(1/4) = 2 asin(1/2).
    std::f64::consts::FRAC_PI_3,
    0.053_751_493_591_327_18,
    0.007_798_902_238_973_735,
    0.001_519_668_539_582_746,
    0.000_340_863_723_416_369_2,
    8.302_317_819_140_265e-05,
    2.134_555_260_606_702e-05,
    5.701_781_075_076_665e-06,
    1.566_962_598_339_402_8e-06,
    4.402_075_904_513_191e-07,
    1.258_461_861_863_042_8e-07,
    3.646_596_273_974_707e-08,
    1.069_980_176_226_818_2e-08,
    3.212_546_539_864_148_7e-09,
    9.606_986_257_778_525e-10,
    2.514_428_331_625_947e-10,
    7.597_606_552_881_001e-11,
    4.207_679_353_989_645e-11,
    1.294_087_904_918_515e-11,
];

/// `S` in powers of t, constant term first.
const DEFICIT: [f64; 19] = [
    2.739_413_025_489_118_2,
    0.079_670_666_552_713_74,
    0.007_914_653_991_761_67,
    0.001_164_773_328_240_409,
    0.000_209_298_545_326_061_56,
    4.246_257_892_206_374e-05,
    9.347_658_153_436_282e-06,
    2.182_110_219_492_793e-06,
    5.323_991_614_026_091e-07,
    1.344_526_598_523_071_3e-07,
    3.490_562_316_194_078_5e-08,
    9.265_520_771_877_627e-09,
    2.507_342_378_544_781_7e-09,
    6.954_776_707_904_04e-10,
    1.939_816_443_609_315_5e-10,
    4.924_347_904_213_843e-11,
    1.398_689_417_788_663_7e-11,
    6.764_231_023_504_246_6e-12,
    1.973_542_651_662_301e-12,
];

/// Values of polynomials at `t = 4z − 1`, side by side.
#[inline(always)]
fn polynomials<const N: usize>(coefficients: [&[f64; 19]; N], z: &Lanes) -> [Lanes; N] {
    let t: Lanes = std::array::from_fn(|l| 4.0 * z[l] - 1.0);
    let mut values = coefficients.map(|coefficients| [coefficients[18]; LANES]);
    for m in (0..18).rev() {
        for (value, coefficients) in values.iter_mut().zip(coefficients) {
            for l in 0..LANES {
                value[l] = value[l] * t[l] + coefficients[m];
            }
        }
    }
    values
}

/// `asin √z` for z in [0, 1/2].
#[inline(always)]
pub(crate) fn arcsine_of_root(z: &Lanes) -> Lanes {
    let [mut angle] = polynomials([&ARCSINE], z);
    for l in 0..LANES {
        angle[l] *= z[l].sqrt();
    }
    angle
}

/// The angle `θ ∈ [0, π]` and `sin θ − θ cos θ`, from `e = 1 − cos θ`. Numbers outside [0, 2] by rounding count as its ends.
#[inline(always)]
pub(crate) fn angle_and_deficit(e: &Lanes) -> (Lanes, Lanes) {
    use std::f64::consts::PI;
    let mut z = [0.0; LANES];
    for l in 0..LANES {
        z[l] = (0.5 * e[l].min(2.0 - e[l])).max(0.0);
    }
    let [mut angle, mut deficit] = polynomials([&ARCSINE, &DEFICIT], &z);
    for l in 0..LANES {
        let root = z[l].sqrt();
        let (acute, acute_deficit) = (2.0 * root * angle[l], root * z[l] * deficit[l]);
        // Of an obtuse angle the polynomials see π − θ.
        let obtuse = e[l] > 1.0;
        angle[l] = if obtuse { PI - acute } else { acute };
        deficit[l] = if obtuse { acute_deficit + PI * (1.0 - 2.0 * z[l]) } else { acute_deficit };
    }
    (angle, deficit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_are_those_of_the_standard_library_to_rounding() {
        for i in 0..=1000 {
            let z = 0.5 * (f64::from(i) / 1000.0).powi(4);
            let angle = arcsine_of_root(&[z; LANES])[3];
            assert!((angle - z.sqrt().asin()).abs() <= 4e-16 * angle, "asin √{z}: {angle}");
        }
        for i in 0..=4000 {
            let theta = std::f64::consts::PI * f64::from(i) / 4000.0;
            let half = (0.5 * theta).sin();
            let (angle, deficit) = angle_and_deficit(&[2.0 * half * half; LANES]);
            // Near π the angle has half the digits of 1 − cos θ.
            let tolerance = if i < 3900 { 2e-15 } else { 1e-8 };
            assert!((angle[7] - theta).abs() < tolerance * theta.max(1e-300), "{theta}: {}", angle[7]);
            if theta > 1.0 {
                let exact = theta.sin() - theta * theta.cos();
                assert!((deficit[7] - exact).abs() < 4e-15 * exact, "{theta}: {} {exact}", deficit[7]);
            }
        }
        // sin θ − θ cos θ = θ³/3 − θ⁵/30 + … where the difference itself would cancel.
        let theta = 1e-6_f64;
        let deficit = angle_and_deficit(&[2.0 * (0.5 * theta).sin().powi(2); LANES]).1[0];
        assert!((deficit / (theta.powi(3) / 3.0) - 1.0 + theta.powi(2) / 10.0).abs() < 2e-15);
    }
}
