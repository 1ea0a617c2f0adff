//! A checkpoint holds the tensors of a dense matrix by name and its coefficients as JSON.

use burn::Tensor;
use serde_json::{Value, json};

use super::{file::Checkpoint, saved::Saved};
use crate::matrix::dense::{
    averages::Averages,
    matrix::DenseMatrix,
    pending::{Component, Pending, Term},
};

impl Saved for DenseMatrix {
    fn tensors(&self, index: usize, _: &[&Self]) -> Vec<(String, Tensor<2>)> {
        let numbered = |kind: &str, panels: &[Tensor<2>]| -> Vec<(String, Tensor<2>)> {
            let name = |(i, panel): (usize, &Tensor<2>)| (format!("{index}.{kind}.{i}"), panel.clone());
            panels.iter().enumerate().map(name).collect()
        };
        let velocity = self.velocity.iter().flat_map(|(panels, _)| numbered("velocity", panels));
        let squares = self.averages.iter().flatten().map(|averages| averages.square.clone());
        let means = self.averages.iter().flatten().filter_map(|averages| averages.mean.clone());
        let averages = [("second_moment", squares.collect::<Vec<_>>()), ("first_moment", means.collect())];
        let averages = averages.into_iter().flat_map(|(kind, panels)| numbered(kind, &panels));
        let pending = self.pending.iter().flat_map(|pending| {
            [(format!("{index}.left"), pending.left.clone()), (format!("{index}.right"), pending.right.clone())]
        });
        numbered("panel", &self.panels).into_iter().chain(velocity).chain(averages).chain(pending).collect()
    }

    fn state(&self, _: &[&Self]) -> Value {
        let pair = |component: Component| json!([component.weight, component.velocity]);
        let terms = self.pending.iter().flat_map(|pending| &pending.terms);
        json!({
            "stored": pair(self.stored),
            "remaining": pair(self.remaining),
            "velocity": self.velocity.as_ref().map(|(_, component)| pair(*component)),
            "second_moment": self.averages.is_some(),
            "first_moment": self.averages.iter().flatten().any(|averages| averages.mean.is_some()),
            "terms": terms.map(|term| json!([pair(term.component), term.size])).collect::<Vec<_>>(),
            "fresh": self.fresh,
            "flushes": self.flushes,
        })
    }

    fn is_finite(&self) -> bool {
        let terms = self.pending.iter().flat_map(|pending| &pending.terms);
        let velocity = self.velocity.iter().map(|(_, component)| *component);
        let components = [self.stored, self.remaining].into_iter().chain(velocity);
        components.chain(terms.map(|term| term.component)).all(Component::is_finite)
    }

    fn restored(&self, index: usize, _: &[Self], state: &Value, source: &mut Checkpoint) -> Result<Self, String> {
        let numbers =
            Numbers::read(state).ok_or_else(|| format!("the coefficients of matrix {index} cannot be read"))?;
        let mut panels = |kind: &str| -> Result<Vec<Tensor<2>>, String> {
            let tensor = |(i, panel): (usize, &Tensor<2>)| {
                source.tensor(&format!("{index}.{kind}.{i}"), panel.dims(), &self.placement)
            };
            self.panels.iter().enumerate().map(tensor).collect()
        };
        let stored_panels = panels("panel")?;
        let velocity = match numbers.velocity {
            Some(component) => Some((panels("velocity")?, component)),
            None => None,
        };
        let averages = if numbers.second_moment {
            let squares = panels("second_moment")?.into_iter();
            let means = if numbers.first_moment { panels("first_moment")? } else { Vec::new() };
            let means = means.into_iter().map(Some).chain(std::iter::repeat(None));
            Some(squares.zip(means).map(|(square, mean)| Averages { mean, square }).collect())
        } else {
            None
        };
        let terms = numbers.terms;
        let mut vectors = |side: &str, length: usize| {
            source.tensor(&format!("{index}.{side}"), [terms.len(), length], &self.placement)
        };
        let pending = if terms.is_empty() {
            None
        } else {
            let left = vectors("left", self.rows)?;
            let right = vectors("right", self.columns)?;
            Some(Pending { left, right, terms })
        };
        Ok(DenseMatrix {
            initial: self.initial.clone(),
            rows: self.rows,
            columns: self.columns,
            placement: self.placement.clone(),
            panels: stored_panels,
            stored: numbers.stored,
            velocity,
            averages,
            pending,
            remaining: numbers.remaining,
            fresh: numbers.fresh,
            flushes: numbers.flushes,
            flush_at: self.flush_at,
        })
    }
}

/// What [`Saved::state`] writes.
struct Numbers {
    stored: Component,
    remaining: Component,
    velocity: Option<Component>,
    second_moment: bool,
    first_moment: bool,
    terms: Vec<Term>,
    fresh: usize,
    flushes: u64,
}

impl Numbers {
    fn read(state: &Value) -> Option<Numbers> {
        let pair = |value: &Value| Some(Component { weight: value[0].as_f64()?, velocity: value[1].as_f64()? });
        let term = |value: &Value| Some(Term { component: pair(&value[0])?, size: value[1].as_f64()? });
        let velocity = &state["velocity"];
        Some(Numbers {
            stored: pair(&state["stored"])?,
            remaining: pair(&state["remaining"])?,
            velocity: if velocity.is_null() { None } else { Some(pair(velocity)?) },
            second_moment: state["second_moment"].as_bool()?,
            first_moment: state["first_moment"].as_bool()?,
            terms: state["terms"].as_array()?.iter().map(term).collect::<Option<_>>()?,
            fresh: usize::try_from(state["fresh"].as_u64()?).ok()?,
            flushes: state["flushes"].as_u64()?,
        })
    }
}
