//! Power counting of deep networks, and Golikov's deep scalings (docs/theory/scaling-limits.md §5.3, §5.4).

use widenet_core::scaling::{EffectiveExponents, GolikovExponents, NamedScaling};
use widenet_limits::scaling::{
    DeepExponents, DeepFactors, DeepLearning, DeepScaling, PredictedExponents, Update, YangHu,
};

fn counting(named: NamedScaling, hidden_layers: usize) -> DeepExponents {
    DeepExponents::of(&named.effective(hidden_layers).unwrap())
}

#[test]
fn every_part_of_the_tangent_kernel_is_of_order_one_in_neural_tangent_and_maximal_update_networks() {
    for hidden_layers in 1..=6 {
        let tangent = counting(NamedScaling::NeuralTangent, hidden_layers);
        assert_eq!(tangent.kernels, vec![0.0; hidden_layers + 1]);
        assert_eq!(tangent.forward, vec![0.0; hidden_layers]);
        assert_eq!(tangent.backward, vec![-0.5; hidden_layers]);
        assert_eq!(tangent.feature_changes, vec![-0.5; hidden_layers], "features move by d^(-r), r = 1/2");
        assert_eq!(tangent.logits, 0.0);

        let maximal = counting(NamedScaling::MaximalUpdate, hidden_layers);
        assert_eq!(maximal.kernels, vec![0.0; hidden_layers + 1]);
        assert_eq!(maximal.feature_changes, vec![0.0; hidden_layers]);
        assert_eq!((maximal.logits, &maximal.backward[..]), (-0.5, &vec![-1.0; hidden_layers][..]));
    }
}

#[test]
fn the_standard_parametrisation_has_a_kernel_of_order_d() {
    for hidden_layers in 1..=6 {
        let standard = counting(NamedScaling::Standard, hidden_layers);
        assert_eq!(standard.kernel(), 1.0);
        let mut parts = vec![1.0; hidden_layers + 1];
        parts[0] = 0.0;
        assert_eq!(standard.kernels, parts);
        assert_eq!(counting(NamedScaling::StandardOverWidth, hidden_layers).kernel(), 0.0);
    }
}

#[test]
fn golikovs_deep_mean_field_kernel_vanishes_with_depth() {
    for hidden_layers in 1..=6_usize {
        let found = counting(NamedScaling::GolikovMeanField, hidden_layers);
        let depth = hidden_layers as f64;
        let wanted = if hidden_layers == 1 { 0.0 } else { 2.0 - depth };
        assert_eq!(found.kernel(), wanted);
        // Between the hidden layers; input and readout have one power less.
        assert_eq!((found.kernels[0], found.kernels[hidden_layers]), (1.0 - depth, 1.0 - depth));
        assert_eq!(found.forward[hidden_layers - 1], (1.0 - depth) / 2.0);
        assert_eq!(found.backward[0], -1.0 - (depth - 1.0) / 2.0);

        let learning = DeepScaling::MF.learning(Update::GradientDescent, hidden_layers).unwrap();
        let vanishing = DeepLearning::Vanishing { exponent: wanted };
        assert_eq!(learning, Some(if hidden_layers <= 2 { DeepLearning::NonTrivial } else { vanishing }));
        let normalised = DeepScaling::MF.learning(Update::RmsProp, hidden_layers).unwrap();
        assert_eq!(normalised, Some(DeepLearning::NonTrivial));
    }
}

#[test]
fn deep_scalings_have_the_raw_factors_of_the_page() {
    let factors =
        |weights, input_rate, hidden_rate, readout_rate| DeepFactors { weights, input_rate, hidden_rate, readout_rate };
    let intermediate = DeepScaling::intermediate(0.75).unwrap();
    let rows = [
        (DeepScaling::MF, Update::GradientDescent, factors(-0.5, 1.0, 0.0, -1.0)),
        (DeepScaling::NTK, Update::GradientDescent, factors(0.0, 0.0, -1.0, -1.0)),
        (intermediate, Update::GradientDescent, factors(-0.25, 0.5, -0.5, -1.0)),
        (DeepScaling::MF, Update::RmsProp, factors(-0.5, 0.0, -1.0, -1.0)),
        (DeepScaling::NTK, Update::RmsProp, factors(0.0, -0.5, -1.5, -1.0)),
        (intermediate, Update::RmsProp, factors(-0.25, -0.25, -1.25, -1.0)),
    ];
    for (scaling, update, wanted) in rows {
        assert_eq!(scaling.factors(update), wanted, "{scaling:?} {update:?}");
    }
    for q in [0.5, 1.0, f64::NAN] {
        assert!(DeepScaling::intermediate(q).is_err());
    }
}

#[test]
fn deep_scalings_are_the_named_ones() {
    let intermediate = DeepScaling::intermediate(0.75).unwrap();
    for hidden_layers in 1..=4 {
        let named = |named: NamedScaling| named.effective(hidden_layers).unwrap();
        assert!(DeepScaling::MF.effective(hidden_layers).unwrap().is_same(&named(NamedScaling::GolikovMeanField)));
        assert!(DeepScaling::NTK.effective(hidden_layers).unwrap().is_same(&named(NamedScaling::NeuralTangent)));
        let between = DeepExponents::of(&intermediate.effective(hidden_layers).unwrap()).kernel();
        assert_eq!(between, if hidden_layers == 1 { 0.0 } else { 0.5 * (2.0 - hidden_layers as f64) });
    }
    assert!(intermediate.effective(1).unwrap().is_same(&GolikovExponents::INTERMEDIATE.effective()));
    assert_eq!(intermediate.learning(Update::RmsProp, 1), Ok(Some(DeepLearning::NonTrivial)));
    assert_eq!(intermediate.learning(Update::RmsProp, 2), Ok(None));
    assert!(DeepScaling::MF.learning(Update::RmsProp, 0).is_err());
}

/// The warning of docs/theory/scaling-limits.md §5.4: hidden rates `n^(−1/2)` are no NTK limit with two hidden layers or more.
#[test]
fn hidden_rates_of_the_released_code_make_deep_kernels_grow() {
    for hidden_layers in 2..=4 {
        let right = NamedScaling::NeuralTangent.effective(hidden_layers).unwrap();
        let mut rates = right.rates().to_vec();
        rates[1..hidden_layers].fill(0.5);
        let released = EffectiveExponents::new(right.weights().to_vec(), rates).unwrap();
        assert_eq!(DeepExponents::of(&released).kernel(), 0.5);
        assert_eq!(YangHu::of(&released).r, 0.0);
    }
}

/// Both countings are the same for one hidden layer.
#[test]
fn shallow_networks_count_as_in_golikovs_exponents() {
    for (q_sigma, q_a, q_w) in [(-1.0, 1.0, 1.0), (-0.5, 1.0, 0.0), (-0.7, 0.2, 0.3), (0.25, -0.5, 1.5)] {
        let exponents = GolikovExponents::new(q_sigma, q_a, q_w).unwrap();
        let (deep, shallow) = (DeepExponents::of(&exponents.effective()), PredictedExponents::of(&exponents));
        let found = [deep.logits, deep.kernels[0], deep.kernels[1], deep.feature_changes[0]];
        let wanted = [shallow.logits, shallow.input_kernel, shallow.readout_kernel, shallow.input_increments];
        found
            .iter()
            .zip(wanted)
            .for_each(|(x, y)| assert!((x - y).abs() < 1e-12, "{exponents:?}: {found:?} {wanted:?}"));
    }
}
