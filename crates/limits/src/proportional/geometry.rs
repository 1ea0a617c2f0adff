//! Describes the geometry of random feature kernels: correlations of inputs, eigenvalues, the collapse onto one direction.
//!
//! ```text
//! corr_ij² = K_ij²/(K_ii K_jj),    share_i = λ_i/Σλ,    effective rank = (Σλ)²/Σλ²,    γ_i = log λ_i
//! limit:  dγ_i/dα = −(m+1)/2 + ½ Σ_{j≠i} coth((γ_i − γ_j)/2)  in the mean,   → −i  for large α
//! ```
//!
//! (docs/theory/proportional-limit.md §5.2, Eq. 5.4.) Means over draws, with their standard errors.

use super::error::{Result, invalid};

/// A mean over draws.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
}

impl Estimate {
    /// Of at least two values.
    fn of(values: impl Iterator<Item = f64>) -> Self {
        // Welford's recursion.
        let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for value in values {
            count += 1.0;
            let deviation = value - mean;
            mean += deviation / count;
            squares += deviation * (value - mean);
        }
        Self { mean, error: (squares / (count * (count - 1.0))).sqrt() }
    }
}

/// Returns the mean of `corr_ij²` over all pairs of inputs, for kernels that are `size × size` by rows, one after the other.
///
/// # Errors
/// Fewer than two inputs or two draws; an input whose features vanish.
pub fn mean_squared_correlation(kernels: &[f64], size: usize) -> Result<Estimate> {
    check(kernels.len(), size * size)?;
    if size < 2 {
        return Err(invalid("one input has no correlation with others: give at least two"));
    }
    let draws = || kernels.chunks_exact(size * size);
    if let Some(input) = (0..size).find(|i| draws().any(|kernel| kernel[i * size + i] <= 0.0)) {
        return Err(invalid(format!("the features of input {input} are 0: it has no correlation with others")));
    }
    let pairs = (size * (size - 1) / 2) as f64;
    Ok(Estimate::of(draws().map(|kernel| {
        let pair = |i: usize, j: usize| {
            let (own, other) = (kernel[i * size + i].sqrt(), kernel[j * size + j].sqrt());
            (kernel[i * size + j] / own / other).powi(2)
        };
        (1..size).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| pair(i, j)).sum::<f64>() / pairs
    })))
}

/// What eigenvalues of kernels say.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectra {
    /// `E[λ_i/Σλ]`, largest first.
    pub shares: Vec<Estimate>,
    /// `E[(Σλ)²/Σλ²]`: 1 if one direction has everything, `m` if all are equal.
    pub effective_rank: Estimate,
    /// `E γ_i`, largest first.
    pub log_eigenvalues: Vec<Estimate>,
    /// Mean of the right-hand side of the diffusion of γ: the slopes `d E γ_i/dα` of the limit.
    pub slopes: Vec<Estimate>,
}

impl Spectra {
    /// Takes `γ_1 ≥ γ_2 ≥ … ≥ γ_m` of one draw after the other.
    ///
    /// # Errors
    /// No eigenvalues; fewer than two draws.
    pub fn new(log_eigenvalues: &[f64], size: usize) -> Result<Self> {
        check(log_eigenvalues.len(), size)?;
        let draws = || log_eigenvalues.chunks_exact(size);
        // Relative to the largest: nothing overflows.
        let relative = |draw: &[f64], power: f64| draw.iter().map(|x| (power * (x - draw[0])).exp()).sum::<f64>();
        let each = |value: &dyn Fn(&[f64], usize) -> f64| {
            (0..size).map(|i| Estimate::of(draws().map(|draw| value(draw, i)))).collect()
        };
        let half_drift = 0.5 * (size as f64 + 1.0);
        Ok(Self {
            shares: each(&|draw, i| (draw[i] - draw[0]).exp() / relative(draw, 1.0)),
            effective_rank: Estimate::of(draws().map(|draw| relative(draw, 1.0).powi(2) / relative(draw, 2.0))),
            log_eigenvalues: each(&|draw, i| draw[i]),
            slopes: each(&|draw, i| {
                let others = draw.iter().enumerate().filter(|(j, _)| *j != i);
                0.5 * others.map(|(_, other)| 1.0 / (0.5 * (draw[i] - other)).tanh()).sum::<f64>() - half_drift
            }),
        })
    }
}

fn check(numbers: usize, per_draw: usize) -> Result<()> {
    match numbers.checked_div(per_draw) {
        None => Err(invalid("kernels of rank 0 have no geometry")),
        Some(draws) if draws < 2 => Err(invalid(format!("draws = {draws}: a mean with its error needs at least 2"))),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_has_the_error_of_its_sample() {
        let estimate = Estimate::of([1.0, 2.0, 4.0].into_iter());
        // Variance 7/3 of three values.
        assert!((estimate.mean - 7.0 / 3.0).abs() < 1e-15 && (estimate.error - (7f64 / 9.0).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn a_given_kernel_has_the_geometry_on_paper() {
        let kernels = [4.0, 1.0, 1.0, 1.0].repeat(2);
        assert_eq!(mean_squared_correlation(&kernels, 2).map(|estimate| estimate.mean), Ok(0.25));
        let spectra = Spectra::new(&[3f64.ln(), 0.0].repeat(2), 2).expect("two draws");
        let close = |estimate: Estimate, value: f64| (estimate.mean - value).abs() < 1e-15;
        assert!(close(spectra.shares[0], 0.75) && close(spectra.effective_rank, 1.6));
        // coth(ln 3/2) = 2.
        assert!(close(spectra.slopes[0], -0.5) && close(spectra.slopes[1], -2.5), "{spectra:?}");
    }

    #[test]
    fn what_has_no_geometry_is_refused() {
        let text =
            |result: Result<Estimate>| result.map_or_else(|error| error.to_string(), |found| format!("{found:?}"));
        assert!(text(mean_squared_correlation(&[1.0, 2.0], 1)).contains("at least two"));
        assert!(text(mean_squared_correlation(&[1.0, 0.0, 0.0, 0.0].repeat(2), 2)).contains("input 1"));
        assert!(text(mean_squared_correlation(&[1.0, 0.0, 0.0, 1.0], 2)).contains("draws = 1"));
        assert!(Spectra::new(&[], 0).is_err_and(|error| error.to_string().contains("rank 0")));
    }
}
