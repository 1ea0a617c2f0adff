//! Keys are what metrics, checks and figures of a study may refer to: its axes, their values, its metrics.

use widenet_core::shapes::width;
use widenet_core::{
    Width,
    document::{
        Document, Entry, Field, Node, Value,
        keys::{optional, others},
        section,
        shape::{Located, anything, list, located},
    },
};
use widenet_questions::Kind;

use super::{
    axes::{Axis, AxisValue, WIDTH, collect},
    read::ReadResult,
    task_kind::TaskKind,
};

/// What checks and figures may refer to.
pub(crate) struct Keys<'k> {
    pub(super) widths: &'k [Width],
    pub(super) axes: &'k [Axis],
    /// Names of the metrics.
    pub(super) metrics: Vec<String>,
    pub(super) kind: TaskKind,
    pub(super) specification: &'k Document,
}

/// Trials that others are compared with: equal to them in everything but these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceTrials {
    /// Their width, if it is another.
    pub width: Option<Width>,
    /// Axes with the label they have there.
    pub axes: Vec<(String, String)>,
}

impl Keys<'_> {
    /// The name of a metric.
    pub(crate) fn metric(&self, field: &Field<'_>) -> ReadResult<String> {
        let words: Vec<_> = self.metrics.iter().map(|name| (name.as_str(), name.clone())).collect();
        field.choice(&words)
    }

    /// `width`, where there are widths, or the key of any axis.
    pub(crate) fn axis(&self, field: &Field<'_>) -> ReadResult<String> {
        let keys = self.axes.iter().map(|axis| axis.key.as_str());
        let width = (!self.widths.is_empty()).then_some("width");
        let words: Vec<_> = keys.chain(width).map(|key| (key, key.to_owned())).collect();
        field.choice(&words)
    }

    /// `width` or the key of an axis whose values are positive numbers.
    pub(crate) fn variable(&self, field: &Field<'_>) -> ReadResult<String> {
        self.axis_of(field, |number| number > 0.0, "an axis whose values are positive numbers")
    }

    /// `width` or the key of an axis whose finite values are right.
    fn axis_of(&self, field: &Field<'_>, is_right: fn(f64) -> bool, wanted: &str) -> ReadResult<String> {
        let key = self.axis(field)?;
        let right = |value: &AxisValue| value.number.is_some_and(|number| number.is_finite() && is_right(number));
        match self.axes.iter().find(|axis| axis.key == key) {
            Some(axis) if !axis.values.iter().all(right) => Err(field.must_be(wanted)),
            _ => Ok(key),
        }
    }

    /// The variable `x` of a table, any axis of numbers: `width` if nothing else is said and there are widths.
    pub(crate) fn number_x(&self, x: Option<&Located<String>>, table: &Field<'_>) -> ReadResult<String> {
        match x {
            Some(x) => self.axis_of(&x.field(), |_| true, "an axis whose values are numbers"),
            None => self.x(None, table),
        }
    }

    /// The variable `x` of a table: `width` if nothing else is said and there are widths.
    pub(crate) fn x(&self, x: Option<&Located<String>>, table: &Field<'_>) -> ReadResult<String> {
        match x {
            Some(x) => self.variable(&x.field()),
            None if self.widths.is_empty() => Err(table.error(format!("`{}.x` is missing", table.key()))),
            None => Ok("width".into()),
        }
    }

    /// A path into answers. Some answers have the sections of their question.
    pub(crate) fn path(&self, field: &Field<'_>) -> ReadResult<String> {
        let path = field.string()?;
        let TaskKind::Question(Kind { unanswered: Some(unanswered), .. }) = self.kind else { return Ok(path) };
        let Value::Table(entries) = &self.specification.root().value else { return Ok(path) };
        let own = entries.iter().map(|Entry { key, .. }| key.as_str());
        let varied = self.axes.iter().filter_map(|axis| axis.key.split('.').next());
        let mut sections: Vec<_> = own.chain(varied).filter(|key| !unanswered.contains(key)).collect();
        sections.dedup();
        let known = sections.iter().any(|section| path.split('.').next() == Some(section));
        if known {
            return Ok(path);
        }
        Err(field.must_be(&format!("a path into the answer that begins with {}", sections.join(" or "))))
    }

    /// Axes with the labels of the values that a check or figure takes; nothing where all count.
    pub(crate) fn selection(&self, only: Option<&Located<Only>>) -> ReadResult<Vec<(String, Vec<String>)>> {
        let mut selected = Vec::new();
        let Some(only) = only else { return Ok(selected) };
        if let Some(widths) = &only.value.width {
            let widths = widths.value.iter().map(|width| self.width(width)).collect::<ReadResult<Vec<_>>>()?;
            selected.push((WIDTH.to_owned(), widths.iter().map(Width::to_string).collect()));
        }
        selected.extend(self.labels(&only.value.axes, &only.field())?);
        Ok(selected)
    }

    /// Axes of a table with the labels of some of their values.
    fn labels(&self, axes: &[(String, Located<Node>)], field: &Field<'_>) -> ReadResult<Vec<(String, Vec<String>)>> {
        let mut selected = Vec::new();
        for (_, value) in axes {
            collect(&value.field(), &format!("{}.", field.key()), &mut selected)?;
        }
        let known: Vec<_> = self.axes.iter().map(|axis| (axis.key.as_str(), axis)).collect();
        let check = |selected: Axis| {
            let Some((_, axis)) = known.iter().find(|(key, _)| *key == selected.key) else {
                let width = (!self.widths.is_empty()).then_some(WIDTH);
                let keys: Vec<_> = width.into_iter().chain(known.iter().map(|(key, _)| *key)).collect();
                return Err(field.error(format!(
                    "`{}` selects by `{}`, which is not an axis; axes: {}",
                    field.key(),
                    selected.key,
                    keys.join(", ")
                )));
            };
            let label = |value: AxisValue| match axis
                .values
                .iter()
                .find(|known| known.label == value.label || (known.number.is_some() && known.number == value.number))
            {
                Some(known) => Ok(known.label.clone()),
                None => {
                    Err(value.node.place.error(format!("`{}` is not a value of the axis `{}`", value.label, axis.key)))
                }
            };
            Ok((axis.key.clone(), selected.values.into_iter().map(label).collect::<ReadResult<_>>()?))
        };
        selected.into_iter().map(check).collect()
    }

    /// Trials that others are compared with.
    pub(super) fn reference(&self, reference: &Located<OtherTrials>) -> ReadResult<ReferenceTrials> {
        let width = reference.value.width.as_ref().map(|width| self.width(width)).transpose()?;
        let mut axes = Vec::new();
        for (key, labels) in self.labels(&reference.value.axes, &reference.field())? {
            match <[String; 1]>::try_from(labels) {
                Ok([label]) => axes.push((key, label)),
                Err(_) => return Err(reference.must_be(&format!("a table with a single value of `{key}`"))),
            }
        }
        match width.is_none() && axes.is_empty() {
            true => Err(reference.must_be("a table of at least one axis, or a width")),
            false => Ok(ReferenceTrials { width, axes }),
        }
    }

    /// A width of the axis.
    pub(super) fn width(&self, width: &Located<Width>) -> ReadResult<Width> {
        match self.widths.contains(&width.value) {
            true => Ok(width.value),
            false => Err(width.must_be("one of the widths in `axes.width`")),
        }
    }
}

/// Why tables that select trials do not select seeds.
const ALL_SEEDS: &str = "checks and figures take all seeds, and a reference has the seed of its trial";

section! {
    /// Widths and values of axes that count; all count on other axes.
    pub(crate) struct Only {
        /// Widths.
        pub(super) width: Option<Located<Vec<Located<Width>>>> = optional(located(list(located(width())))),
        /// Values of axes by their keys, each a list.
        axes: Vec<(String, Located<Node>)> = others(located(anything())),
    }
    refuse { "seed": ALL_SEEDS }
}

section! {
    /// Trials equal to others in everything but these.
    pub(super) struct OtherTrials {
        /// Their width.
        width: Option<Located<Width>> = optional(located(width())),
        /// One value of axes by their keys, in a list.
        axes: Vec<(String, Located<Node>)> = others(located(anything())),
    }
    refuse { "seed": ALL_SEEDS }
}
