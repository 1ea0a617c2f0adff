//! abc-parametrisations: conversions, symmetry, Yang and Hu's verdicts (docs/theory/scaling-limits.md §5.1, §5.2).

use widenet_core::document::Word;
use widenet_core::{
    problem::{Loss, Parameterization},
    scaling::{AbcExponents, EffectiveExponents, GolikovExponents, NamedScaling, sign},
};
use widenet_limits::scaling::{Classification, Stability, YangHu, YangHuVerdict};

/// Rows of the table of docs/theory/scaling-limits.md §5.2: w and e (input, hidden, readout), a, b, c, verdict and r.
type Row = (NamedScaling, [f64; 3], [f64; 3], [f64; 3], [f64; 3], f64, YangHuVerdict, f64);

fn table() -> [Row; 4] {
    use NamedScaling::{MaximalUpdate, NeuralTangent, Standard, StandardOverWidth};
    use YangHuVerdict::{FeatureLearning, KernelRegime, Unstable};
    let (none, half) = ([0.0; 3], [0.0, 0.5, 0.5]);
    [
        (Standard, half, none, none, half, 0.0, Unstable, -1.0),
        (StandardOverWidth, half, [1.0; 3], none, half, 1.0, KernelRegime, 0.5),
        (NeuralTangent, half, [0.0, 1.0, 1.0], half, none, 0.0, KernelRegime, 0.5),
        (MaximalUpdate, [0.0, 0.5, 1.0], [-1.0, 0.0, 1.0], [-0.5, 0.0, 0.5], [0.5; 3], 0.0, FeatureLearning, 0.0),
    ]
}

fn layers([input, hidden, readout]: [f64; 3], hidden_layers: usize) -> Vec<f64> {
    let inner = vec![hidden; hidden_layers - 1];
    [input].into_iter().chain(inner).chain([readout]).collect()
}

#[test]
fn named_scalings_have_the_exponents_and_verdicts_of_the_page() {
    for hidden_layers in 1..=5 {
        for (named, w, e, a, b, c, verdict, r) in table() {
            let abc = named.abc(hidden_layers).unwrap();
            let listed = AbcExponents::new(layers(a, hidden_layers), layers(b, hidden_layers), c).unwrap();
            assert_eq!(abc, listed, "{named:?}");
            let effective = abc.effective();
            assert_eq!(
                (effective.weights(), effective.rates()),
                (&*layers(w, hidden_layers), &*layers(e, hidden_layers))
            );
            let found = YangHu::of(&effective);
            // The table's r of standard networks comes from layers between hidden layers; without one it is that of the input layer, as in
            // docs/theory/scaling-limits.md §3.4: default has s_a + s_w = 0, and rates over the width have s_w = −3/2.
            let r = match (named, hidden_layers) {
                (NamedScaling::Standard, 1) => 0.0,
                (NamedScaling::StandardOverWidth, 1) => 1.5,
                _ => r,
            };
            assert_eq!((found.verdict, found.r), (verdict, r), "{named:?} with {hidden_layers} hidden layers");
        }
    }
}

#[test]
fn the_mean_field_parametrisation_is_maximal_update_and_golikovs_for_one_hidden_layer() {
    let shallow = |named: NamedScaling| named.effective(1).unwrap();
    let golikov = GolikovExponents::MF.effective();
    for named in [NamedScaling::MeanField, NamedScaling::MaximalUpdate, NamedScaling::GolikovMeanField] {
        assert!(shallow(named).is_same(&golikov), "{named:?}");
    }
    let mean_field = NamedScaling::MeanField.abc(1).unwrap();
    assert_eq!((mean_field.a(), mean_field.b(), mean_field.c()), (&[0.0, 1.0][..], &[0.0, 0.0][..], -1.0));
    // Deeper ones differ in the hidden layers' start only, and that is unstable.
    for hidden_layers in 2..=4 {
        let [deep, maximal] =
            [NamedScaling::GolikovMeanField, NamedScaling::MaximalUpdate].map(|n| n.effective(hidden_layers).unwrap());
        assert_eq!(deep.rates(), maximal.rates());
        assert!(!deep.is_same(&maximal));
        let found = YangHu::of(&deep);
        assert_eq!(found.verdict, YangHuVerdict::Unstable);
        let failed: Vec<_> = found.stability.iter().filter(|c| !c.holds).map(|c| c.text.clone()).collect();
        let wanted: Vec<_> = (2..=hidden_layers).map(|l| format!("w_{l} = 1, wanted 0.5")).collect();
        assert_eq!(failed, wanted);
    }
    let error = NamedScaling::MeanField.effective(2).unwrap_err().to_string();
    assert!(error.contains("\"mfp\" was asked for with 2 hidden layers; it needs exactly 1"), "{error}");
    assert!(NamedScaling::MaximalUpdate.effective(0).is_err());
}

#[test]
fn reasons_name_the_inequalities() {
    let found = YangHu::of(&NamedScaling::Standard.effective(2).unwrap());
    let texts: Vec<_> = found.stability.iter().map(|c| (c.text.as_str(), c.holds)).collect();
    let wanted = [
        ("w_1 = 0, wanted 0", true),
        ("w_2 = 0.5, wanted 0.5", true),
        ("w_3 = 0.5 ≥ 0.5", true),
        ("r = -1 ≥ 0", false),
        ("e_3 = 0 ≥ 1", false),
        ("w_3 + r = -0.5 ≥ 1", false),
    ];
    assert_eq!(texts, wanted);
    // Rates that are too small by a power: outputs do not learn.
    let slow = EffectiveExponents::new(vec![0.0, 0.5, 0.5], vec![2.0; 3]).unwrap();
    assert_eq!(YangHu::of(&slow).verdict, YangHuVerdict::Trivial);
}

#[test]
fn golikov_exponents_survive_a_journey_through_abc() {
    for (q_sigma, q_a, q_w) in [(-1.0, 1.0, 1.0), (-0.5, 1.0, 0.0), (-0.7, 0.2, 0.2), (0.3, -0.55, 1.7)] {
        let golikov = GolikovExponents::new(q_sigma, q_a, q_w).unwrap();
        for theta in [0.0, 0.4, -3.0] {
            let abc = golikov.abc().unwrap().shifted(theta).unwrap();
            let back = GolikovExponents::try_from(&abc).unwrap();
            let differences = [back.q_sigma() - q_sigma, back.q_a() - q_a, back.q_w() - q_w].map(|d| d.abs() < 1e-14);
            assert_eq!(differences, [true; 3], "{golikov:?} became {back:?}");
        }
    }
    // docs/theory/scaling-limits.md §5.1: a = (0, −q_σ), b = (0, 0), c = −q̃.
    let abc = GolikovExponents::INTERMEDIATE.abc().unwrap();
    assert_eq!((abc.a(), abc.b(), abc.c()), (&[0.0, 0.75][..], &[0.0, 0.0][..], -0.5));
    let small_inputs = AbcExponents::new(vec![0.25, 1.0], vec![0.0, 0.0], 0.0).unwrap();
    let error = GolikovExponents::try_from(&small_inputs).unwrap_err().to_string();
    assert!(error.contains("w_1 = a_1 + b_1 is 0.25") && error.contains("w_1 = 0"), "{error}");
    let deep = NamedScaling::MaximalUpdate.abc(3).unwrap();
    let error = GolikovExponents::try_from(&deep).unwrap_err().to_string();
    assert!(error.contains("3 hidden layers"), "{error}");
}

#[test]
fn the_symmetry_changes_no_network_and_no_verdict() {
    for (named, ..) in table() {
        let abc = named.abc(3).unwrap();
        let found = YangHu::of(&abc.effective());
        for theta in [0.3, -1.7] {
            let shifted = abc.shifted(theta).unwrap();
            assert!(shifted.effective().is_same(&abc.effective()), "{named:?}");
            assert_eq!(YangHu::of(&shifted.effective()).verdict, found.verdict);
            let wrong = AbcExponents::new(shifted.a().into(), shifted.b().into(), abc.c() - theta).unwrap();
            assert!(!wrong.effective().is_same(&abc.effective()));
        }
        let other_c = abc.effective().abc(0.123).unwrap();
        assert!(other_c.c() == 0.123 && other_c.effective().is_same(&abc.effective()));
    }
}

#[test]
fn problem_files_have_these_exponents() {
    let of = |parameterization: Parameterization, layers| {
        EffectiveExponents::of(&parameterization.scaling(layers, 3)).unwrap()
    };
    let mean_field = || Parameterization::MeanField { richness: 0.5, sigma_in: 1.0, sigma_out: 1.0, sigma_b: None };
    for layers in 1..=3 {
        let named = |named: NamedScaling| named.effective(layers).unwrap();
        assert!(of(Parameterization::standard(layers, 1.0), layers).is_same(&named(NamedScaling::Standard)));
        assert!(of(Parameterization::ntk(layers, 1.0), layers).is_same(&named(NamedScaling::NeuralTangent)));
        assert!(of(mean_field(), layers).is_same(&named(NamedScaling::MaximalUpdate)));
    }
    let (q_sigma, q_a, q_w) = (-0.6, 0.3, 0.1);
    let golikov =
        Parameterization::Scaling { q_sigma, q_a, q_w, reference_width: 7.0, sigma_w: 2.0, initial_correction: false };
    assert!(of(golikov, 1).is_same(&GolikovExponents::new(q_sigma, q_a, q_w).unwrap().effective()));
    let linear = EffectiveExponents::of(&Parameterization::standard(0, 1.0).scaling(0, 3)).unwrap_err().to_string();
    assert!(linear.contains("`w` has 1 numbers") && linear.contains("at least 2"), "{linear}");
}

#[test]
fn wrong_exponents_are_refused_by_name() {
    let refused = |result: widenet_core::Result<AbcExponents>, parts: &[&str]| {
        let error = result.unwrap_err().to_string();
        parts.iter().for_each(|part| assert!(error.contains(part), "{error} does not name {part}"));
    };
    refused(AbcExponents::new(vec![0.0; 3], vec![0.0; 2], 0.0), &["`b` has 2", "`a` has 3"]);
    refused(AbcExponents::new(vec![0.0, 0.0], vec![0.0, f64::NAN], 0.0), &["b_2 is NaN", "finite"]);
    refused(AbcExponents::new(vec![0.0; 2], vec![0.0; 2], f64::INFINITY), &["c is inf"]);
    refused(NamedScaling::Standard.abc(1).unwrap().shifted(f64::NAN), &["θ is NaN"]);
    let word = NamedScaling::from_word("mean").unwrap_err();
    assert!(word.contains("\"mean\"") && word.contains("mup"), "{word}");
    assert_eq!(NamedScaling::from_word("mup"), Ok(NamedScaling::MaximalUpdate));
}

/// docs/theory/scaling-limits.md §5.2, one hidden layer: stable ⇔ A, B, s ≤ 0; non-trivial ⇔ B = 0; feature learning ⇔ s = 0. In
/// twenty-fourths, exactly.
#[test]
fn verdicts_agree_with_golikovs_for_one_hidden_layer() {
    let mut counts = [0; 4];
    for i in -60..=24_i32 {
        for j in -48..=72_i32 {
            let (a, b, s) = (i + 12, 2 * i + j + 24, i + j);
            let exponents = GolikovExponents::equal(f64::from(i) / 24.0, f64::from(j) / 24.0).unwrap();
            let found = YangHu::of(&exponents.effective());
            let wanted = match (a <= 0 && b <= 0 && s <= 0, b == 0, s == 0) {
                (false, ..) => YangHuVerdict::Unstable,
                (_, false, _) => YangHuVerdict::Trivial,
                (_, _, false) => YangHuVerdict::KernelRegime,
                (_, _, true) => YangHuVerdict::FeatureLearning,
            };
            assert_eq!(found.verdict, wanted, "({i}, {j})/24");
            counts[wanted as usize] += 1;
            if s <= 0 {
                assert!((found.r + f64::from(s) / 24.0).abs() < 1e-12, "r = −s at ({i}, {j})/24: {}", found.r);
            }
            // Their stable and non-trivial scalings are the segment MF – NTK of the band: P2 and finite outputs.
            let classification = Classification::of(exponents, Loss::Logistic);
            let on_segment = matches!(classification.verdict, Stability::Stable { .. })
                && classification.properties[1].condition.holds
                && sign(classification.logits).is_le();
            assert_eq!(on_segment, b == 0 && wanted != YangHuVerdict::Unstable, "({i}, {j})/24");
        }
    }
    // One point learns features: MF. The kernel regime is the rest of the segment, 1/2 long in steps of 1/24.
    assert_eq!(counts[2..], [12, 1]);
}

/// docs/theory/scaling-limits.md §5.2: `r = −max(s_w, s_a + s_w)`.
#[test]
fn unequal_rates_move_features_by_the_larger_of_two_ways() {
    for (q_sigma, q_a, q_w) in
        [(-0.5, 1.0, 0.0), (-1.0, 0.0, 1.0), (-0.5, 1.0, 0.5), (-0.8, 0.1, 0.4), (0.25, 0.5, -1.0)]
    {
        let exponents = GolikovExponents::new(q_sigma, q_a, q_w).unwrap();
        let (s_a, s_w) = (exponents.readout_increments(), exponents.input_increments());
        let r = YangHu::of(&exponents.effective()).r;
        assert!((r + s_w.max(s_a + s_w)).abs() < 1e-12, "{exponents:?}: {r}");
    }
}
