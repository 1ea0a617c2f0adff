//! Verdicts on networks with one hidden layer: classes, properties, predicted exponents (docs/theory/scaling-limits.md §1–§3).

use std::{cmp::Ordering, collections::BTreeMap};

use widenet_core::{
    problem::{Loss, Parameterization},
    scaling::{EXPONENT_TOLERANCE, GolikovExponents, sign},
};
use widenet_limits::scaling::{
    Classification, Condition, Decomposition, Growth, Increments, Layer, LimitClass, PredictedExponents,
    RmsPropClassification, Stability,
};

/// Sums of a few decimals round in the last digits.
const ROUNDING: f64 = 1e-12;

fn golikov(q_sigma: f64, q: f64) -> GolikovExponents {
    GolikovExponents::equal(q_sigma, q).unwrap()
}

fn classify(exponents: GolikovExponents) -> Classification {
    Classification::of(exponents, Loss::Logistic)
}

fn unequal(q_sigma: f64, q_a: f64, q_w: f64) -> Classification {
    classify(GolikovExponents::new(q_sigma, q_a, q_w).unwrap())
}

fn texts(conditions: &[Condition]) -> Vec<(&str, bool)> {
    conditions.iter().map(|condition| (condition.text.as_str(), condition.holds)).collect()
}

fn close(found: f64, wanted: f64) -> bool {
    (found - wanted).abs() < ROUNDING
}

/// The table of docs/theory/scaling-limits.md §3.2: class, example, signs of A and B, and properties.
const EXAMPLES: [(LimitClass, f64, f64, [i8; 2], &str); 13] = [
    (LimitClass::PreNtk, 0.0, -0.5, [1, 1], "P3"),
    (LimitClass::Ntk, -0.5, 0.0, [0, 0], "P1 P2 P3"),
    (LimitClass::PostNtk, -1.0, 0.5, [-1, -1], "P3"),
    (LimitClass::PreNtkSymDefault, 0.0, -0.25, [1, 1], ""),
    (LimitClass::NtkSymDefault, -0.5, 0.25, [0, 1], "P1"),
    (LimitClass::Barycentre, -0.66, 0.5, [-1, 1], ""),
    (LimitClass::MfNtk, -0.75, 0.5, [-1, 0], "P2"),
    (LimitClass::PostMfNtk, -1.0, 0.75, [-1, -1], ""),
    (LimitClass::PreSymDefault, 0.0, 0.0, [1, 1], "P4"),
    (LimitClass::SymDefault, -0.5, 0.5, [0, 1], "P1 P4"),
    (LimitClass::SymDefaultMf, -0.75, 0.75, [-1, 1], "P4"),
    (LimitClass::Mf, -1.0, 1.0, [-1, 0], "P2 P4"),
    (LimitClass::PostMf, -1.5, 1.5, [-1, -1], "P4"),
];

#[test]
fn examples_of_the_page_are_in_their_classes_with_their_properties() {
    for (class, q_sigma, q, signs, properties) in EXAMPLES {
        let found = classify(golikov(q_sigma, q));
        assert_eq!(found.verdict, Stability::Stable { class, frozen: None }, "({q_sigma}, {q})");
        assert_eq!([sign(found.logits), sign(found.kernels)], signs.map(|sign| sign.cmp(&0)), "({q_sigma}, {q})");
        let kept: Vec<_> = found.properties.iter().filter(|p| p.condition.holds).map(|p| p.name).collect();
        assert_eq!(kept.join(" "), properties, "({q_sigma}, {q})");
        assert!(found.reasons.iter().all(|reason| reason.holds));
    }
}

#[test]
fn points_labelled_divergent_and_stagnant_are_outside_of_the_band() {
    assert_eq!(classify(golikov(1.0, 1.0)).verdict, Stability::Unstable(Growth::EveryStep));
    assert_eq!(classify(golikov(-1.0, -1.0)).verdict, Stability::Stagnant);
    assert_eq!(classify(golikov(10.0, -10.5)).class(), Some(LimitClass::PreNtk));
    // The author's label of (10, 9.5), "pre-NTK far", is a typo for (10, −10.5).
    let typo = classify(golikov(10.0, 9.5));
    assert_eq!(typo.verdict, Stability::Unstable(Growth::EveryStep));
    assert_eq!(typo.rate, None);
    assert_eq!(
        texts(&typo.reasons),
        [("s = q_σ + q̃ = 19.5 ≤ 0", false), ("s = q_σ + q̃ = 19.5 ≥ -0.5", true), ("s_a + s_w = 39 ≤ 0", false)]
    );
    assert_eq!(typo.reasons[0].value, 19.5);
    assert_eq!(
        texts(&classify(golikov(-1.0, -1.0)).reasons),
        [("s = q_σ + q̃ = -2 ≤ 0", true), ("s = q_σ + q̃ = -2 ≥ -0.5", false)]
    );
}

#[test]
fn boundaries_are_met_despite_rounding() {
    assert_ne!(-0.7 + 0.2, -0.5, "the case must round");
    assert_eq!(classify(golikov(-0.7, 0.2)).class(), Some(LimitClass::PostNtk));
    assert_eq!(classify(golikov(-0.7, 0.1 + 0.6)).class(), Some(LimitClass::SymDefaultMf));
    assert_eq!(classify(golikov(-0.5, 0.1 + 0.2)).class(), Some(LimitClass::NtkSymDefault));
    // Within the tolerance of NTK and MF in every direction, and outside of it.
    let (near, far) = (0.9 * EXPONENT_TOLERANCE, 1.5 * EXPONENT_TOLERANCE);
    for (x, y) in [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0), (0.5, 0.5), (-0.5, -0.5), (1.0, -1.0)] {
        let near_ntk = classify(golikov(-0.5 + near * x, near * y));
        assert_eq!(near_ntk.class(), Some(LimitClass::Ntk), "({x}, {y})");
    }
    assert_eq!(classify(golikov(-0.5, far)).class(), Some(LimitClass::NtkSymDefault));
    // A counts as 0 and s + 1/2 does not, although their sum B would.
    assert_eq!(classify(golikov(-0.5 - near, near + far)).class(), Some(LimitClass::NtkSymDefault));
    assert_eq!(classify(golikov(-0.5, -far)).verdict, Stability::Stagnant);
    assert_eq!(classify(golikov(-0.5 - far, far)).class(), Some(LimitClass::PostNtk));
    assert_eq!(classify(golikov(-1.0, 1.0 + far)).verdict, Stability::Unstable(Growth::EveryStep));
    assert_eq!(classify(golikov(-1.0 - far, 1.0 + far)).class(), Some(LimitClass::PostMf));
}

/// Twelfths of the plane in integers: classes there by the inequalities of docs/theory/scaling-limits.md §3.2, exactly.
#[test]
fn a_grid_of_the_band_has_the_thirteen_classes_and_no_other() {
    let mut found = BTreeMap::new();
    for i in -30..=12_i32 {
        for j in -18..=36_i32 {
            // A = q_σ + 1/2, s = q_σ + q̃ and B = A + s + 1/2, in twelfths.
            let (a, s) = (i + 6, i + j);
            let wanted = match s {
                -6 => Some(Increments::Lowest),
                0 => Some(Increments::Highest),
                _ if -6 < s && s < 0 => Some(Increments::Between),
                _ => None,
            };
            let verdict = classify(golikov(f64::from(i) / 12.0, f64::from(j) / 12.0)).verdict;
            match (wanted, verdict) {
                (Some(increments), Stability::Stable { class, frozen: None }) => {
                    assert_eq!(class.cell(), (a.cmp(&0), (a + s + 6).cmp(&0), increments), "({i}, {j})/12");
                    *found.entry(class).or_insert(0) += 1;
                }
                (None, Stability::Unstable(growth)) => assert!(s > 0 && growth == Growth::EveryStep, "({i}, {j})/12"),
                (None, Stability::Stagnant) => assert!(s < -6, "({i}, {j})/12"),
                (_, verdict) => panic!("({i}, {j})/12: {verdict:?}"),
            }
        }
    }
    assert_eq!(found.into_keys().collect::<Vec<_>>(), LimitClass::ALL);
}

#[test]
fn squared_loss_asks_for_finite_outputs_too() {
    let verdict = |(_, q_sigma, q, ..): &(LimitClass, f64, f64, [i8; 2], &str)| {
        Classification::of(golikov(*q_sigma, *q), Loss::SQUARED).verdict
    };
    for example in &EXAMPLES {
        let wanted = match example.3 {
            [_, 1] => Stability::Unstable(Growth::EveryStep),
            _ => Stability::Stable { class: example.0, frozen: None },
        };
        assert_eq!(verdict(example), wanted, "{example:?}");
    }
    // Kernels of order 1, but outputs that start at n^(1/2).
    let large = Classification::of(golikov(0.0, -1.0), Loss::SQUARED);
    assert_eq!(large.verdict, Stability::Unstable(Growth::AtStart));
    let failed: Vec<_> = large.reasons.iter().filter(|reason| !reason.holds).map(|r| r.text.as_str()).collect();
    assert_eq!(failed, ["s = q_σ + q̃ = -1 ≥ -0.5", "A = q_σ + 1/2 = 0.5 ≤ 0"]);
}

/// docs/theory/scaling-limits.md §3.4.
#[test]
fn unequal_rates_freeze_a_layer_or_grow() {
    let class = LimitClass::Mf;
    assert_eq!(unequal(-1.0, 0.0, 1.0).verdict, Stability::Stable { class, frozen: Some(Layer::Readout) });
    assert_eq!(unequal(-1.0, 1.0, 0.5).verdict, Stability::Stable { class, frozen: Some(Layer::Input) });
    // Default is not stable: readout weights move by n^(1/2), input weights by n^(−1/2), and kernels jump once.
    let default = classify(GolikovExponents::DEFAULT);
    assert_eq!(default.verdict, Stability::Unstable(Growth::FirstStep));
    assert_eq!((default.increments, default.kernels), (0.5, 1.0));
    assert_eq!(
        texts(&default.reasons),
        [
            ("s = max(s_a, s_w) = max(0.5, -0.5) = 0.5 ≤ 0", false),
            ("s = max(s_a, s_w) = max(0.5, -0.5) = 0.5 ≥ -0.5", true),
            ("s_a + s_w = 0 ≤ 0", true)
        ]
    );
    assert_eq!(unequal(-0.5, 1.0, 0.5).verdict, Stability::Unstable(Growth::EveryStep));
    assert_eq!(unequal(-1.0, 0.25, 0.0).verdict, Stability::Stagnant);
    // Squared loss: outputs of order n are enough for every step to grow.
    let squared = Classification::of(GolikovExponents::DEFAULT, Loss::SQUARED);
    assert_eq!(squared.verdict, Stability::Unstable(Growth::EveryStep));
}

/// docs/theory/scaling-limits.md §3.3: the theory's slopes of MF, NTK, sym-default, MF/NTK, barycentre.
#[test]
fn networks_come_to_their_limits_at_the_rates_of_the_page() {
    let rate = |q_sigma, q| classify(golikov(q_sigma, q)).rate.unwrap();
    for (q_sigma, q, wanted) in
        [(-1.0, 1.0, 0.5), (-0.5, 0.0, 0.5), (-0.5, 0.5, 0.5), (-0.75, 0.5, 0.25), (-0.66, 0.5, 0.16)]
    {
        assert!(close(rate(q_sigma, q), wanted), "({q_sigma}, {q}): {}", rate(q_sigma, q));
    }
    // Each term alone: B, and the part of the frozen layer.
    assert!(close(rate(-1.1, 1.1), 0.1));
    assert!(close(unequal(-1.0, 0.8, 1.0).rate.unwrap(), 0.2));
}

/// docs/theory/scaling-limits.md §1: what turns a standard network into one of the scaling.
#[test]
fn named_scalings_have_the_raw_factors_of_the_page() {
    let intermediate = GolikovExponents::intermediate(0.75).unwrap();
    let rows = [
        (GolikovExponents::MF, [-0.5, 1.0, -1.0]),
        (GolikovExponents::NTK, [0.0, 0.0, -1.0]),
        (GolikovExponents::SYM_DEFAULT, [0.0, 0.5, -0.5]),
        (intermediate, [-0.25, 0.5, -1.0]),
        (GolikovExponents::DEFAULT, [0.0, 0.0, 0.0]),
    ];
    for (exponents, wanted) in rows {
        let factors = exponents.raw_factors();
        assert_eq!([factors.output_weights, factors.input_rate, factors.output_rate], wanted, "{exponents:?}");
        // The parameterisation of problem files is this one.
        let (q_sigma, q_a, q_w) = (exponents.q_sigma(), exponents.q_a(), exponents.q_w());
        let parameterization = Parameterization::Scaling {
            q_sigma,
            q_a,
            q_w,
            reference_width: 64.0,
            sigma_w: 1.0,
            initial_correction: false,
        };
        let scaling = parameterization.scaling(1, 3);
        assert_eq!(scaling.layers[1].init_std.exponent, wanted[0] - 0.5);
        assert_eq!([0, 1].map(|l| scaling.layers[l].learning_rate.exponent), [wanted[1], wanted[2]]);
    }
    assert_eq!(GolikovExponents::named("intermediate"), Ok(intermediate));
    assert_eq!(GolikovExponents::named("sym_default"), Ok(GolikovExponents::SYM_DEFAULT));
    let error = GolikovExponents::named("mean").unwrap_err().to_string();
    assert!(error.contains("\"mean\"") && error.contains("\"mf\", \"ntk\""), "{error}");
    for q in [0.5, 1.0, f64::NAN] {
        let error = GolikovExponents::intermediate(q).unwrap_err().to_string();
        assert!(error.contains(&format!("q is {q}")) && error.contains("1/2 < q < 1"), "{error}");
    }
    let error = GolikovExponents::new(-1.0, f64::INFINITY, 0.0).unwrap_err().to_string();
    assert!(error.contains("q̃_a is inf"), "{error}");
}

/// docs/theory/scaling-limits.md §2: the marks in the author's plots.
#[test]
fn predicted_exponents_are_those_of_the_page() {
    let of = |exponents: &GolikovExponents| PredictedExponents::of(exponents);
    let decomposition = |start, readout, input, both| Some(Decomposition { start, readout, input, both });
    assert_eq!(of(&GolikovExponents::MF).decomposition, decomposition(0.0, 0.0, 0.0, 0.0));
    assert_eq!(of(&GolikovExponents::NTK).decomposition, decomposition(0.0, 0.0, 0.0, -1.0));
    assert_eq!(of(&GolikovExponents::INTERMEDIATE).decomposition, decomposition(-0.25, 0.0, 0.0, -0.5));
    for (exponents, wanted) in
        [(GolikovExponents::MF, 0.0), (GolikovExponents::NTK, -0.5), (GolikovExponents::INTERMEDIATE, -0.25)]
    {
        let found = of(&exponents);
        assert_eq!([found.readout_increments, found.input_increments], [wanted; 2]);
        assert_eq!(found.kernel_change.unwrap().smooth, 2.0 * wanted);
        assert_eq!((found.output_change, found.first_output_change), (Some(0.0), 0.0));
    }
    // Leaky ReLU: n^(−3/4) in the NTK scaling; from s = −1/3 on, no more than smooth φ.
    assert_eq!(of(&GolikovExponents::NTK).kernel_change.unwrap().kinked, -0.75);
    let third = of(&golikov(-0.5, 0.2)).kernel_change.unwrap();
    assert!(close(third.kinked, third.smooth) && close(third.kinked, -0.6));

    // Default: f ~ n, K_a ~ n; what is known of it is the first step.
    let default = of(&GolikovExponents::DEFAULT);
    let found = [default.readout_increments, default.input_increments, default.readout_kernel, default.input_kernel];
    assert_eq!(found, [0.5, -0.5, 1.0, 0.0]);
    assert_eq!((default.first_output_change, default.output_change), (1.0, None));
    assert_eq!((default.kernel_change, default.decomposition), (None, None));
    assert_eq!((default.table().len(), of(&GolikovExponents::MF).table().len()), (7, 14));
    let runaway = of(&GolikovExponents::new(-0.5, 1.0, 0.5).unwrap());
    assert_eq!(runaway.first_output_change, 1.0);
    // σ n δâ δŵ of the first step: q_σ + 1 + 2s once features are increments.
    assert_eq!(of(&golikov(1.0, 1.0)).first_output_change, 6.0);
}

/// `f = f_∅ + f_a + f_w + f_aw` changes by no more than its terms say, and the first step is like the others.
#[test]
fn predictions_agree_with_each_other_in_the_band() {
    for i in -30..=12_i32 {
        for s in -6..=0_i32 {
            let exponents = golikov(f64::from(i) / 12.0, f64::from(s - i) / 12.0);
            let found = PredictedExponents::of(&exponents);
            let terms = found.decomposition.unwrap();
            let of_increments = terms.readout.max(terms.input).max(terms.both);
            assert!(close(of_increments, found.kernel), "{exponents:?}: {terms:?}");
            assert!(close(found.first_output_change, found.kernel), "{exponents:?}");
            assert!(close(found.kernel - found.logits, f64::from(s) / 12.0 + 0.5), "B − A = s + 1/2");
        }
    }
}

/// docs/theory/scaling-limits.md §5.4: under RMSProp q̃ is what s is under gradient descent, and kernels of MF and NTK are of order 1 too.
#[test]
fn the_band_of_rms_prop_is_one_of_rates() {
    for (q_sigma, q, stable, stagnant, change) in [
        (-1.0, 0.0, true, false, 0.0),
        (-0.5, -0.5, true, false, 0.0),
        (-0.75, -0.25, true, false, 0.0),
        (-1.0, 1.0, false, false, 1.0),
        (-0.5, -0.75, false, true, -0.25),
    ] {
        let found = RmsPropClassification::of(q_sigma, q).unwrap();
        assert_eq!((found.is_stable(), found.is_stagnant(), found.output_change), (stable, stagnant, change));
    }
    assert!(RmsPropClassification::of(f64::NAN, 0.0).is_err());
    assert_eq!(sign(0.0), Ordering::Equal);
}
