//! Dynamically stable scalings of one-hidden-layer classifiers fall into 13 classes, the cells of a band in the plane of exponents.
//!
//! ```text
//! A = q_σ + 1/2  (logits at the start),   B = 2 q_σ + q̃ + 1  (kernels at the start),   s = q_σ + q̃  (increments of weights)
//! stable:  −1/2 ≤ s ≤ 0;      class = (sign A, sign B, s ∈ {−1/2, between, 0})
//! ```
//!
//! (docs/theory/scaling-limits.md §3, Eq. counting, Eq. stable.)

use std::cmp::Ordering::{self, Equal, Greater, Less};

use widenet_core::scaling::sign;

/// Where `s` is in the stable band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Increments {
    /// `s = −1/2`: the tangent kernel stays, the initial function is kept.
    Lowest,
    /// `−1/2 < s < 0`: the tangent kernel stays, the initial function is forgotten.
    Between,
    /// `s = 0`: the tangent kernel evolves, the initial function is forgotten.
    Highest,
}

/// A cell of the stable band: scalings of the same class have the same limit (docs/theory/scaling-limits.md §3.2, in its order).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LimitClass {
    /// 1
    PreNtk,
    /// 2
    Ntk,
    /// 3
    PostNtk,
    /// 4
    PreNtkSymDefault,
    /// 5
    NtkSymDefault,
    /// 6
    Barycentre,
    /// 7, "intermediate"
    MfNtk,
    /// 8
    PostMfNtk,
    /// 9
    PreSymDefault,
    /// 10
    SymDefault,
    /// 11
    SymDefaultMf,
    /// 12
    Mf,
    /// 13
    PostMf,
}

impl LimitClass {
    /// All classes, in the order of the table of docs/theory/scaling-limits.md §3.2.
    pub const ALL: [LimitClass; 13] = [
        LimitClass::PreNtk,
        LimitClass::Ntk,
        LimitClass::PostNtk,
        LimitClass::PreNtkSymDefault,
        LimitClass::NtkSymDefault,
        LimitClass::Barycentre,
        LimitClass::MfNtk,
        LimitClass::PostMfNtk,
        LimitClass::PreSymDefault,
        LimitClass::SymDefault,
        LimitClass::SymDefaultMf,
        LimitClass::Mf,
        LimitClass::PostMf,
    ];

    /// Returns its name in text.
    pub fn name(self) -> &'static str {
        match self {
            LimitClass::PreNtk => "pre-NTK",
            LimitClass::Ntk => "NTK",
            LimitClass::PostNtk => "post-NTK",
            LimitClass::PreNtkSymDefault => "pre-NTK/sym-default",
            LimitClass::NtkSymDefault => "NTK/sym-default",
            LimitClass::Barycentre => "barycentre",
            LimitClass::MfNtk => "MF/NTK",
            LimitClass::PostMfNtk => "post-MF/NTK",
            LimitClass::PreSymDefault => "pre-sym-default",
            LimitClass::SymDefault => "sym-default",
            LimitClass::SymDefaultMf => "sym-default/MF",
            LimitClass::Mf => "MF",
            LimitClass::PostMf => "post-MF",
        }
    }

    /// Returns `(sign A, sign B, s)`.
    pub fn cell(self) -> (Ordering, Ordering, Increments) {
        use Increments::{Between, Highest, Lowest};
        match self {
            LimitClass::PreNtk => (Greater, Greater, Lowest),
            LimitClass::Ntk => (Equal, Equal, Lowest),
            LimitClass::PostNtk => (Less, Less, Lowest),
            LimitClass::PreNtkSymDefault => (Greater, Greater, Between),
            LimitClass::NtkSymDefault => (Equal, Greater, Between),
            LimitClass::Barycentre => (Less, Greater, Between),
            LimitClass::MfNtk => (Less, Equal, Between),
            LimitClass::PostMfNtk => (Less, Less, Between),
            LimitClass::PreSymDefault => (Greater, Greater, Highest),
            LimitClass::SymDefault => (Equal, Greater, Highest),
            LimitClass::SymDefaultMf => (Less, Greater, Highest),
            LimitClass::Mf => (Less, Equal, Highest),
            LimitClass::PostMf => (Less, Less, Highest),
        }
    }

    /// Returns the class of exponents A and s; `None` outside the stable band.
    pub fn of_exponents(logits: f64, increments: f64) -> Option<LimitClass> {
        let snapped = |exponent: f64| if sign(exponent) == Equal { 0.0 } else { exponent };
        let above_lowest = snapped(increments + 0.5);
        let place = match (sign(above_lowest), sign(increments)) {
            (Less, _) | (_, Greater) => return None,
            (Equal, _) => Increments::Lowest,
            (_, Equal) => Increments::Highest,
            _ => Increments::Between,
        };
        // B from A and s as they count, so that rounding leads to no cell that does not exist.
        let logits = snapped(logits);
        Self::of_cell(sign(logits), sign(logits + above_lowest), place)
    }

    /// Returns the class of a cell; `None` for combinations that no exponents have (`B = A + s + 1/2`).
    pub fn of_cell(logits: Ordering, kernels: Ordering, increments: Increments) -> Option<LimitClass> {
        Self::ALL.into_iter().find(|class| class.cell() == (logits, kernels, increments))
    }
}
