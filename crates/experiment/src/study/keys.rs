//! Keys are what metrics, checks and figures of a study may refer to: its axes, their values, its metrics.

use widenet_core::shapes::read_width;
use widenet_core::{
    Width,
    document::{Document, Entry, Field, Reader, Value},
};
use widenet_questions::Kind;

use super::{
    axes::{Axis, AxisValue, SEED, WIDTH, collect},
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
        let key = self.axis(field)?;
        let positive = |value: &AxisValue| value.number.is_some_and(|number| number > 0.0 && number.is_finite());
        match self.axes.iter().find(|axis| axis.key == key) {
            Some(axis) if !axis.values.iter().all(positive) => {
                Err(field.must_be("an axis whose values are positive numbers"))
            }
            _ => Ok(key),
        }
    }

    /// The variable `x`: `width` if nothing else is said and there are widths.
    pub(crate) fn x(&self, reader: &mut Reader<'_>) -> ReadResult<String> {
        match self.widths[..] {
            [] => reader.required("x", |field| self.variable(field)),
            _ => reader.or("x", "width".into(), |field| self.variable(field)),
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

    /// `{ width = [64], axis = [values], … }`: axes with the labels of some of their values.
    pub(super) fn selection(&self, field: &Field) -> ReadResult<Vec<(String, Vec<String>)>> {
        let mut selected = Vec::new();
        if let Some(widths) = field.table()?.optional(WIDTH, |field| field.list(|field| self.width(field)))? {
            selected.push((WIDTH.to_owned(), widths.iter().map(Width::to_string).collect()));
        }
        selected.extend(self.labels(field)?);
        Ok(selected)
    }

    /// `{ axis = [values], … }` without widths.
    fn labels(&self, field: &Field) -> ReadResult<Vec<(String, Vec<String>)>> {
        let mut reader = field.table()?;
        reader.refuse(SEED, "a check takes all seeds, and a reference has the seed of its trial")?;
        let mut selected = Vec::new();
        let width = format!("{}.{WIDTH}", field.key());
        for value in reader.fields().into_iter().filter(|value| value.key() != width) {
            collect(&value, &format!("{}.", field.key()), &mut selected)?;
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

    /// `{ width = 64, axis = [value], … }`: trials that others are compared with.
    pub(super) fn reference(&self, field: &Field<'_>) -> ReadResult<ReferenceTrials> {
        let width = field.table()?.optional(WIDTH, |field| self.width(field))?;
        let mut axes = Vec::new();
        for (key, labels) in self.labels(field)? {
            match <[String; 1]>::try_from(labels) {
                Ok([label]) => axes.push((key, label)),
                Err(_) => return Err(field.must_be(&format!("a table with a single value of `{key}`"))),
            }
        }
        match width.is_none() && axes.is_empty() {
            true => Err(field.must_be("a table of at least one axis, or a width")),
            false => Ok(ReferenceTrials { width, axes }),
        }
    }

    /// A width of the axis.
    pub(super) fn width(&self, field: &Field<'_>) -> ReadResult<Width> {
        let width = read_width(field)?;
        match self.widths.contains(&width) {
            true => Ok(width),
            false => Err(field.must_be("one of the widths in `axes.width`")),
        }
    }
}
