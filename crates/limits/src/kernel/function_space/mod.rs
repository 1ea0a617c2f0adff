//! Losses and batches without a closed form train in function space.
//!
//! ```text
//! f_X = f_0(X) − G_XX z,     f_T = f_0(T) − G_TX z,     z: what training has summed up of the loss's gradient g(f_X), N × k
//! flow: z' = g       momentum flow: z'' = −2γ z' + g       descent: u ← μ u + η g, z ← z + s_t u
//! ```
//!
//! (docs/theory/ntk.md §3, §6, Eq. function-space.) The cost does not depend on the number of test points.

mod descent;
mod dynamics;
mod flow;
mod run;

pub(super) use dynamics::Dynamics;
pub(super) use run::{End, Gradient, Run};

use widenet_core::{Matrix, training::Control};

impl Run<'_> {
    /// Runs to the moments (sorted, of the record plan), handing z and f_X at each to `visit`. `watch` is called with the share of
    /// the work done.
    pub(super) fn visit(
        &self,
        moments: &[f64],
        visit: &mut dyn FnMut(usize, &Matrix, &Matrix),
        watch: &mut dyn FnMut(f64) -> Control,
    ) -> End {
        match &self.dynamics {
            Dynamics::Descent(descent) => descent::run(self, *descent, moments, visit, watch),
            Dynamics::Flow(flow) => flow::run(self, flow, moments, visit, watch),
        }
    }
}
