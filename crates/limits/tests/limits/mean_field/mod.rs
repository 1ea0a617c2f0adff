//! Deep linear networks at width ∞ and in law.

mod convergence;
mod gram_recursion;
