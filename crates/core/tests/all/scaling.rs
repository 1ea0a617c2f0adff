//! Relations between parameterisations, at finite widths and in the limit.

use widenet_core::{
    Width,
    problem::{Activation, Parameterization, Rates, ScalingTable},
    scaling::{
        EffectiveExponents, GolikovExponents, KernelLayer, Limit, NamedScaling, Normalized, PowerOfWidth, Scaling,
    },
};

const WIDTHS: [u64; 4] = [1, 37, 4096, 1_000_000_000];

/// Products of a few powers of the width round in the last digits.
const ROUNDING: f64 = 1e-12;

fn mean_field(richness: f64) -> Parameterization {
    Parameterization::MeanField { richness, sigma_in: 1.0, sigma_out: 1.0, sigma_b: None }
}

fn abc(a: &[f64], b: &[f64], c: f64) -> Parameterization {
    let c = vec![c; a.len()];
    Parameterization::Abc { a: a.into(), b: b.into(), sigma: vec![1.0; c.len()], c, reference_width: 1.0 }
}

fn golikov(q_sigma: f64, q: f64) -> Parameterization {
    Parameterization::Scaling {
        q_sigma,
        q_a: q,
        q_w: q,
        reference_width: 128.0,
        sigma_w: 1.0,
        initial_correction: false,
    }
}

fn assert_close(found: f64, wanted: f64) {
    assert!((found / wanted - 1.0).abs() < ROUNDING, "{found} is not {wanted}");
}

fn assert_same(found: &Normalized, wanted: &Normalized) {
    assert_close(found.output_scale, wanted.output_scale);
    assert_eq!(found.init_std, wanted.init_std);
    assert_eq!(found.rates.len(), wanted.rates.len());
    found.rates.iter().zip(&wanted.rates).for_each(|(found, wanted)| assert_close(*found, *wanted));
}

fn exponents(scaling: &Scaling) -> Vec<f64> {
    [scaling.output_scale()].into_iter().chain(scaling.rates()).map(|power| power.exponent).collect()
}

/// docs/theory/mean-field.md §1: `f = Vᵀh/(γm)` and updates `ηγ G Aᵀ` at every width.
#[test]
fn mean_field_has_output_scale_one_over_richness_and_rates_richness() {
    for hidden_layers in 1..=4 {
        let scaling = mean_field(0.25).scaling(hidden_layers, 7);
        for width in WIDTHS {
            let wanted = Normalized {
                output_scale: 4.0,
                init_std: vec![1.0; hidden_layers + 1],
                rates: vec![0.25; hidden_layers + 1],
            };
            assert_same(&scaling.at(width), &wanted);
            assert_eq!(scaling.limit().unwrap(), Limit::Network(wanted));
        }
    }
}

/// docs/theory/mean-field.md §4: the NTK network is the mean-field network with γ = m^-1/2 on inputs divided by √d. In terms of
/// the undivided inputs the predictor, and with it `C` and `ρ`, carries the factor 1/√d.
#[test]
fn ntk_is_mean_field_at_richness_one_over_root_width() {
    let input_dimension = 9;
    for hidden_layers in 1..=3 {
        let ntk = Parameterization::ntk(hidden_layers, 1.0).scaling(hidden_layers, input_dimension);
        for width in WIDTHS {
            let mut wanted = mean_field((width as f64).powf(-0.5)).scaling(hidden_layers, input_dimension).at(width);
            wanted.output_scale /= 3.0;
            wanted.rates.iter_mut().for_each(|rate| *rate /= 3.0);
            assert_same(&ntk.at(width), &wanted);
        }
    }
}

/// docs/theory/scaling-limits.md §3: NTK is lazy; per unit of input covariance every layer adds 1/d to the kernel.
#[test]
fn ntk_limit_is_lazy_with_the_kernel_of_all_layers() {
    let limit = Parameterization::ntk(2, 1.0).scaling(2, 4).limit().unwrap();
    let Limit::Lazy { kernel, initial_std } = limit else { panic!("{limit:?}") };
    assert_close(kernel, 3.0 / 4.0);
    assert_close(initial_std, 0.5);
}

/// docs/theory/scaling-limits.md §3.2, classes 12 (MF), 2 (NTK) and 7 (between them).
#[test]
fn golikov_scalings_fall_into_their_classes() {
    let limit = |q_sigma, q| golikov(q_sigma, q).scaling(1, 5).limit().unwrap();
    assert!(matches!(limit(-1.0, 1.0), Limit::Network(_)));
    assert!(matches!(mean_field(1.0).scaling(1, 5).limit().unwrap(), Limit::Network(_)));
    assert!(matches!(limit(-0.5, 0.0), Limit::Lazy { initial_std, .. } if initial_std > 0.0));
    assert!(matches!(limit(-0.75, 0.5), Limit::Lazy { initial_std: 0.0, kernel } if kernel > 0.0));
}

/// docs/theory/scaling-limits.md §3.1 with its remark on the squared loss, which needs A ≤ 0 and B ≤ 0.
#[test]
fn golikov_scalings_that_blow_up_have_no_limit() {
    for (q_sigma, q) in [(0.0, -0.5), (-0.5, 0.5), (1.0, 1.0)] {
        assert!(golikov(q_sigma, q).scaling(1, 5).limit().is_err(), "({q_sigma}, {q})");
    }
}

#[test]
fn golikov_scaling_is_the_standard_network_at_the_reference_width() {
    let standard = Parameterization::standard(1, 1.0).scaling(1, 5);
    for (q_sigma, q) in [(-1.0, 1.0), (-0.5, 0.5), (0.3, -2.0)] {
        let (scaled, reference) = (golikov(q_sigma, q).scaling(1, 5), standard.at(128));
        // The constant of the readout's initial law sits in `init_std`, that of the width in `output_scale`.
        let predictor_std = |network: &Normalized| network.output_scale * network.init_std.iter().product::<f64>();
        let scaled = scaled.at(128);
        assert_close(predictor_std(&scaled), predictor_std(&reference));
        for layer in 0..2 {
            let step = |network: &Normalized| network.rates[layer] / network.init_std[layer].powi(2);
            let relative = |network: &Normalized| step(network) * network.init_std.iter().product::<f64>();
            assert_close(relative(&scaled), relative(&reference));
        }
    }
}

/// docs/theory/scaling-limits.md §5.2: µP is a = (−½, 0, ½), b = ½, c = 0.
#[test]
fn maximal_update_has_the_exponents_of_mean_field() {
    let maximal_update = abc(&[-0.5, 0.0, 0.5], &[0.5; 3], 0.0).scaling(2, 5);
    assert_eq!(exponents(&maximal_update), exponents(&mean_field(1.0).scaling(2, 5)));
    assert_same(&maximal_update.at(4096), &mean_field(1.0).scaling(2, 5).at(4096));
}

/// docs/theory/scaling-limits.md §5.1: (a + θ, b − θ, c − 2θ) is the same network.
#[test]
fn abc_symmetry_leaves_the_network_unchanged() {
    let (a, b, c) = ([-0.5, 0.25, 0.75], [0.5, 0.25, 0.5], -0.25);
    for theta in [-1.0, 0.5, 2.0] {
        let shifted = abc(&a.map(|a| a + theta), &b.map(|b| b - theta), c - 2.0 * theta).scaling(2, 5);
        for width in WIDTHS {
            assert_same(&shifted.at(width), &abc(&a, &b, c).scaling(2, 5).at(width));
        }
        let moved = abc(&a.map(|a| a + theta), &b.map(|b| b - theta), c - theta).scaling(2, 5);
        assert!((moved.at(37).rates[0] / abc(&a, &b, c).scaling(2, 5).at(37).rates[0] - 1.0).abs() > 0.1);
    }
}

/// docs/theory/scaling-limits.md §5.4: RMSProp's row of the intermediate scaling with q = 3/4 has a readout of n^(1/2 − q) on top of
/// fan-in, an input rate n^(q − 1) and an output rate n^(−1); for one hidden layer the `"scaling"` parameterisation says the same.
#[test]
fn abc_has_a_learning_rate_per_layer_from_a_reference_width() {
    let table = Parameterization::Abc {
        a: vec![0.0; 2],
        b: vec![0.0, 0.75],
        c: vec![0.25, 1.0],
        sigma: vec![5f64.sqrt().recip(), 128f64.sqrt().recip()],
        reference_width: 128.0,
    };
    let golikov = Parameterization::Scaling {
        q_sigma: -0.75,
        q_a: -0.25 + 0.75,
        q_w: -0.25,
        reference_width: 128.0,
        sigma_w: 1.0,
        initial_correction: false,
    };
    let at = |power: PowerOfWidth, width| power.at(Width::Finite(width));
    for (table, golikov) in table.scaling(1, 5).layers.iter().zip(golikov.scaling(1, 5).layers) {
        for width in [16, 128, 4096] {
            assert_close(at(table.multiplier, width) * at(table.init_std, width), at(golikov.init_std, width));
            assert_close(at(table.learning_rate, width), at(golikov.learning_rate, width));
        }
    }
}

/// docs/theory/scaling-limits.md §5.2: SP with constant learning rate is unstable; the kernel grows like m
/// (docs/theory/scaling-limits.md §5.3).
#[test]
fn standard_has_no_limit_and_the_error_names_the_hidden_layer() {
    for hidden_layers in 2..=4 {
        let error = Parameterization::standard(hidden_layers, 1.0).scaling(hidden_layers, 5).limit().unwrap_err();
        assert!(error.to_string().contains("hidden 1"), "{error}");
    }
}

#[test]
fn the_table_shows_powers_and_merges_equal_hidden_layers() {
    let table = ScalingTable::new(&mean_field(0.5).scaling(4, 3), None).to_string();
    let wanted = "\
layer       multiplier  init std  learning rate
input       1           1         0.25 m
hidden 1-3  1           m^-1/2    0.25
readout     2 m^-1      1         0.25 m
limit: mean-field type, output scale 2, features move at rates 0.5 (5 times)
";
    assert_eq!(table, wanted);
    let at_width = ScalingTable::new(&mean_field(0.5).scaling(4, 3), Some(Width::Finite(100))).to_string();
    assert!(at_width.contains("m^-1/2 = 0.1"), "{at_width}");
    let no_limit = ScalingTable::new(&Parameterization::standard(2, 1.0).scaling(2, 4), None).to_string();
    assert!(no_limit.contains("input     1           0.5       1\n"), "{no_limit}");
    assert!(no_limit.lines().last().unwrap().starts_with("no infinite-width limit"), "{no_limit}");
}

/// docs/theory/ntk.md §1, §2: the NTK parameterisation trains everything, the standard one at rate η/m hidden weights and
/// readout only, each divided by σ_w².
#[test]
fn the_kernel_regime_of_ntk_and_standard() {
    let ntk = Parameterization::Ntk {
        sigma_w: vec![1.2, 0.9, 1.5],
        sigma_b: vec![0.1, 0.0, 0.3],
        weight_rates: vec![1.0, 0.0, 2.0],
        bias_rates: vec![1.0, 1.0, 0.5],
    };
    let layers = ntk.scaling(2, 7).kernel_network(Activation::Erf, 7).unwrap().layers;
    let expected = [[1.44, 0.01, 1.44, 0.01], [0.81, 0.0, 0.0, 0.0], [2.25, 0.09, 4.5, 0.045]];
    let numbers = |l: &KernelLayer| [l.weight_variance, l.bias_variance, l.weight_tangent, l.bias_tangent];
    for (layer, expected) in layers.iter().zip(expected) {
        assert!(numbers(layer).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-14), "{layer:?} {expected:?}");
    }
    let standard = Parameterization::Standard {
        sigma_w: vec![1.2, 0.9, 1.5],
        sigma_b: Some(vec![0.1; 3]),
        learning_rate_exponent: -1.0,
    };
    let layers = standard.scaling(2, 7).kernel_network(Activation::Relu, 7).unwrap().layers;
    let expected = [[1.44, 0.01, 0.0, 0.0], [0.81, 0.01, 1.0, 0.0], [2.25, 0.01, 1.0, 0.0]];
    for (layer, expected) in layers.iter().zip(expected) {
        assert!(numbers(layer).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-14), "{layer:?} {expected:?}");
    }
    let error = |scaling: Scaling| scaling.kernel_network(Activation::Relu, 7).unwrap_err().to_string();
    assert!(error(Parameterization::standard(2, 1.0).scaling(2, 7)).contains("learning_rate_exponent"));
    assert!(error(mean_field(1.0).scaling(2, 7)).contains("readout layer's outputs have variance of order m^-1"));
}

/// Golikov's deep scalings (docs/theory/scaling-limits.md §5.4) are those with names, and the standard network at the reference width.
#[test]
fn deep_golikov_scalings_are_the_named_ones() {
    let golikov = |exponents: GolikovExponents, hidden_layers| {
        let (q_sigma, q_a, q_w) = (exponents.q_sigma(), exponents.q_a(), exponents.q_w());
        let parameterization = Parameterization::Scaling {
            q_sigma,
            q_a,
            q_w,
            reference_width: 32.0,
            sigma_w: 1.0,
            initial_correction: false,
        };
        parameterization.scaling(hidden_layers, 5)
    };
    for hidden_layers in 1..5 {
        for (exponents, named) in [
            (GolikovExponents::MF, NamedScaling::GolikovMeanField),
            (GolikovExponents::NTK, NamedScaling::NeuralTangent),
        ] {
            let scaling = golikov(exponents, hidden_layers);
            let found = EffectiveExponents::of(&scaling).unwrap();
            assert!(found.is_same(&named.effective(hidden_layers).unwrap()), "{hidden_layers}: {found:?}");
            let standard = Parameterization::standard(hidden_layers, 1.0).scaling(hidden_layers, 5);
            for (layer, expected) in scaling.layers.iter().zip(&standard.layers) {
                let at = |power: PowerOfWidth| power.at(Width::Finite(32));
                assert!((at(layer.init_std) - at(expected.init_std)).abs() < 1e-12);
                assert!((at(layer.learning_rate) - 1.0).abs() < 1e-12);
            }
        }
    }
}

/// Of normalized gradients every weight moves by its rate: pre-activations by `A κ fan_in`, at every width by ηγ in hidden layers and by η in the
/// outputs. Rates of gradients would move them by more.
#[test]
fn mean_field_rates_follow_what_they_multiply() {
    let (richness, hidden_layers) = (2.5, 3);
    let parameterization = Parameterization::MeanField { richness, sigma_in: 0.7, sigma_out: 1.2, sigma_b: Some(0.1) };
    let moved = |rates: Rates, layer: usize, width: u64| {
        let layers = parameterization.scaling_with(rates, hidden_layers, 5).layers;
        let at = |power: PowerOfWidth| power.at(Width::Finite(width));
        let fan_in = if layer == 0 { 1.0 } else { width as f64 };
        at(layers[layer].multiplier) * at(layers[layer].learning_rate) * fan_in
    };
    for layer in 0..=hidden_layers {
        let expected = if layer == hidden_layers { 1.0 } else { richness };
        for width in [1, 64, 4096] {
            let found = moved(Rates::OfNormalized, layer, width);
            assert!((found - expected).abs() < 1e-12, "layer {layer}, width {width}: {found}");
        }
        assert!(moved(Rates::OfGradient, layer, 4096) > 60.0 * moved(Rates::OfGradient, layer, 64));
    }
    let scaling = parameterization.scaling_with(Rates::OfNormalized, hidden_layers, 5);
    let biases: Vec<f64> =
        scaling.biases.iter().flatten().map(|bias| bias.learning_rate.at(Width::Finite(4096))).collect();
    assert_eq!(biases, vec![richness; hidden_layers]);
    assert_eq!(
        parameterization.scaling(hidden_layers, 5),
        parameterization.scaling_with(Rates::OfGradient, hidden_layers, 5)
    );
}
