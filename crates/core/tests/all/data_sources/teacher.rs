//! Synthetic samples of a linear teacher.

use std::path::Path;

use super::{assert_refused, load};

const BASE: &str = "kind = 'teacher'\ninput_dimension = 3\ntrain_samples = 20\n";

#[test]
fn seeds_decide_and_more_samples_extend_the_set() {
    let load = |more: &str| load(&format!("{BASE}{more}"), Path::new("")).unwrap();
    let (default, zero, one) = (load(""), load("seed = 0"), load("seed = 1"));
    assert_eq!(default, zero);
    assert_ne!(default, one);
    let with_test = load("test_samples = 5\noutput_dimension = 1");
    assert_eq!((with_test.train, with_test.test.unwrap().inputs.shape()), (default.train, (5, 3)));
}

#[test]
fn a_power_spectrum_scales_the_inputs_of_the_white_one() {
    let load = |more: &str| load(&format!("{BASE}{more}"), Path::new("")).unwrap().train.inputs;
    let (white, power) = (load(""), load("spectrum = { power = 2.0 }"));
    let listed = load("spectrum = [1, 0.25, 0.1111111111111111]");
    for (j, scale) in [1.0, 0.25, 1.0 / 9.0].into_iter().enumerate() {
        assert!((white.column(j) * scale - power.column(j)).amax() < 1e-15);
    }
    assert!((listed - power).amax() < 1e-15);
}

#[test]
fn mistakes_are_refused() {
    let refused = |more: &str, parts: &[&str]| assert_refused(&format!("{BASE}{more}"), Path::new(""), parts);
    refused("spectrum = [1, 2]", &["data.spectrum` has 2 elements", "must have 3"]);
    refused("spectrum = [1, 2, -1]", &["spectrum[2]` is -1"]);
    refused("spectrum = { power = -1e4 }", &["power = -10000.0", "finite"]);
    refused("noise = -1", &["noise` is -1"]);
    refused("teacher_scale = 0", &["teacher_scale` is 0"]);
    refused("output_dimension = 0", &["output_dimension` is 0"]);
    refused("test_samples = 1e12", &["over 2147483648 numbers"]);
    assert_refused("kind = 'teacher'\ninput_dimension = 3", Path::new(""), &["`data.train_samples` is missing"]);
}
