//! The distributions see hidden layers as exact ones, by their widths, and a continuum of wide ones, by its share of α.
//!
//! ```text
//! α = Σ_l 1/N_l + α',      β = Σ_l 1/N_l²
//! ```
//!
//! Exact layers alone are a finite network, a continuum alone is the proportional limit, both are a limit with bottlenecks, and
//! neither is the NNGP. No law depends on the order of the layers (docs/theory/proportional-limit.md §2.2, §5).

use super::error::{Result, invalid};

/// Hidden layers of the same width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerGroup {
    /// Width N ≥ 1.
    pub width: u64,
    /// How many there are, ≥ 1.
    pub count: u64,
}

/// The hidden layers of a network, or of a limit of networks.
#[derive(Debug, Clone, PartialEq)]
pub struct HiddenLayers {
    groups: Vec<LayerGroup>,
    continuum: f64,
}

impl HiddenLayers {
    /// Describes no hidden layer, or infinitely wide ones: the Gaussian process.
    pub fn nngp() -> Self {
        Self { groups: Vec::new(), continuum: 0.0 }
    }

    /// Makes layers of exact widths (`groups` in any order, widths may repeat) and a continuum of wide layers with `Σ 1/N = continuum`.
    ///
    /// # Errors
    /// A width or count of 0; a continuum that is negative or not finite.
    pub fn new(groups: &[LayerGroup], continuum: f64) -> Result<Self> {
        if !(continuum.is_finite() && continuum >= 0.0) {
            return Err(invalid(format!("alpha = {continuum} must be a finite number ≥ 0")));
        }
        let mut sorted = groups.to_vec();
        sorted.sort_by_key(|group| group.width);
        let mut merged: Vec<LayerGroup> = Vec::new();
        for group in sorted {
            if group.width == 0 || group.count == 0 {
                let LayerGroup { width, count } = group;
                return Err(invalid(format!(
                    "a hidden layer of width {width} ({count} times): both must be at least 1"
                )));
            }
            match merged.last_mut() {
                Some(last) if last.width == group.width => {
                    last.count = last.count.checked_add(group.count).ok_or_else(|| invalid("more than 2^64 layers"))?;
                }
                _ => merged.push(group),
            }
        }
        Ok(Self { groups: merged, continuum })
    }

    /// Makes a finite network with hidden layers of these widths.
    ///
    /// # Errors
    /// A width of 0.
    pub fn finite(widths: &[u64]) -> Result<Self> {
        let groups: Vec<_> = widths.iter().map(|&width| LayerGroup { width, count: 1 }).collect();
        Self::new(&groups, 0.0)
    }

    /// Makes the proportional limit at a depth-to-width ratio α ≥ 0.
    ///
    /// # Errors
    /// α negative or not finite.
    pub fn limit(alpha: f64) -> Result<Self> {
        Self::new(&[], alpha)
    }

    /// Returns the exact layers, narrowest first, with distinct widths.
    pub fn groups(&self) -> &[LayerGroup] {
        &self.groups
    }

    /// Returns the share of α of the wide layers.
    pub fn continuum(&self) -> f64 {
        self.continuum
    }

    /// Returns the number of exact layers.
    pub fn depth(&self) -> u64 {
        self.groups.iter().map(|group| group.count).sum()
    }

    /// Returns the depth-to-width ratio α.
    pub fn alpha(&self) -> f64 {
        self.groups.iter().map(|group| group.count as f64 / group.width as f64).sum::<f64>() + self.continuum
    }

    /// Returns `Σ 1/N²` over the exact layers: the distance to the limit is of its order (docs/theory/proportional-limit.md §7).
    pub fn beta(&self) -> f64 {
        self.groups.iter().map(|group| group.count as f64 / (group.width as f64).powi(2)).sum()
    }

    /// Returns the width of the narrowest exact layer.
    pub fn narrowest(&self) -> Option<u64> {
        self.groups.first().map(|group| group.width)
    }

    /// Says whether there is neither an exact layer nor a continuum: the mixing matrix is the identity.
    pub fn is_nngp(&self) -> bool {
        self.groups.is_empty() && self.continuum == 0.0
    }
}
