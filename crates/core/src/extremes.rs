//! Finds the largest and the smallest of numbers, where one that is no number must not be lost.
//!
//! `f64::max` and `f64::min` leave NaN out, so that a fold of them makes a number of a run that has none.

/// Returns the largest of some numbers; NaN if one of them is, none of an empty list.
pub fn largest(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
    numbers.into_iter().reduce(|a, b| if a >= b || a.is_nan() { a } else { b })
}

/// Returns the smallest of some numbers; NaN if one of them is, none of an empty list.
pub fn smallest(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
    numbers.into_iter().reduce(|a, b| if a <= b || a.is_nan() { a } else { b })
}

/// Returns a number that rounding may have made negative, as one ≥ 0; NaN stays.
pub fn non_negative(number: f64) -> f64 {
    number.clamp(0.0, f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_no_number_is_not_lost_wherever_it_stands() {
        for list in [[f64::NAN, 1.0, 2.0], [1.0, f64::NAN, 2.0], [1.0, 2.0, f64::NAN]] {
            assert!(largest(list).is_some_and(f64::is_nan) && smallest(list).is_some_and(f64::is_nan), "{list:?}");
        }
        assert_eq!((largest([1.0, 3.0, 2.0]), smallest([1.0, 3.0, -2.0])), (Some(3.0), Some(-2.0)));
        assert_eq!((largest([]), smallest([])), (None, None));
        assert!(non_negative(f64::NAN).is_nan());
        assert_eq!((non_negative(-1e-20), non_negative(2.0)), (0.0, 2.0));
    }
}
