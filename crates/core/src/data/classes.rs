//! Labels of classes, numbers or names, become targets.
//!
//! ```text
//! two classes     y = −1 for the first, +1 for the second
//! more            one output per class, 1 for the class of the sample and 0 for the others
//! ```

use serde_json::json;
use widenet_document::{Field, Value, excerpt, shape::Simple};

use crate::matrix::Matrix;

/// A label as it stands in a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Label {
    Number(f64),
    Name(String),
}

impl Label {
    /// That of a cell of text.
    pub(super) fn of_text(text: &str) -> Label {
        text.parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .map_or_else(|| Label::Name(text.into()), Label::Number)
    }

    fn sort_key(&self) -> (f64, &str) {
        match self {
            Label::Number(number) => (*number, ""),
            Label::Name(name) => (f64::INFINITY, name),
        }
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Label::Number(number) => write!(f, "{number}"),
            Label::Name(name) => f.write_str(name),
        }
    }
}

/// Why classes without a place of their labels are refused.
pub(super) const NEEDS_LABELS: &str = "`data.classes` makes targets of labels, and no `data.targets` says where labels are; give both, or neither \
                                       where no targets are needed";

/// Which classes there are.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Classes {
    /// Those of the training file, in increasing order, numbers before names.
    All,
    /// These, in the order of the outputs; samples of others are left out.
    Listed(Vec<Label>),
}

/// A number, or a name.
pub(super) fn label(field: &Field<'_>) -> widenet_document::Result<Label> {
    match &field.node().value {
        Value::String(name) => Ok(Label::of_text(name)),
        _ => field.number().map(Label::Number),
    }
}

/// `"all"`, or a list of at least two different labels.
pub(super) fn classes() -> Simple<Classes> {
    fn read(field: &Field<'_>) -> widenet_document::Result<Classes> {
        let wanted = "\"all\", or a list of at least two different numbers or names";
        if matches!(&field.node().value, Value::String(word) if word == "all") {
            return Ok(Classes::All);
        }
        if !matches!(field.node().value, Value::Array(_)) {
            return Err(field.must_be(wanted));
        }
        let labels = field.list(label)?;
        let is_twice = labels.iter().enumerate().any(|(i, label)| labels[..i].contains(label));
        if is_twice || labels.len() < 2 { Err(field.must_be(wanted)) } else { Ok(Classes::Listed(labels)) }
    }
    Simple::new(read, || {
        let label = json!({ "anyOf": [{ "type": "number" }, { "type": "string" }] });
        json!({ "anyOf": [{ "enum": ["all"] }, { "type": "array", "minItems": 2, "items": label }] })
    })
}

impl Classes {
    /// The place of a label among the known ones; none of a sample that is left out.
    ///
    /// # Errors
    /// A label that no training sample has, as the end of a sentence about the file.
    pub(super) fn position(&self, known: &[Label], label: &Label) -> Result<Option<usize>, String> {
        match (known.iter().position(|class| class == label), self) {
            (Some(class), _) => Ok(Some(class)),
            (None, Classes::Listed(_)) => Ok(None),
            (None, Classes::All) => {
                let label = label.to_string();
                Err(format!("a sample has the label {}, which no training sample has", excerpt(&label)))
            }
        }
    }

    /// The labels, of which training samples have these.
    ///
    /// # Errors
    /// What is wrong with them, as the end of a sentence about the file.
    pub(super) fn listed(&self, found: &[Label]) -> Result<Vec<Label>, String> {
        let mut different: Vec<Label> = Vec::new();
        for label in found {
            if !different.contains(label) {
                different.push(label.clone());
            }
            if different.len() > MOST_CLASSES {
                return Err(format!(
                    "it has over {MOST_CLASSES} different labels, which are no classes; leave data.classes out to regress"
                ));
            }
        }
        match self {
            Classes::Listed(listed) => match listed.iter().find(|label| !different.contains(label)) {
                Some(label) => Err(format!("no sample has the label {label} of data.classes")),
                None => Ok(listed.clone()),
            },
            Classes::All if different.len() < 2 => {
                Err("all samples have the same label; at least two classes are needed".into())
            }
            Classes::All => {
                different.sort_by(|a, b| {
                    let (a, b) = (a.sort_key(), b.sort_key());
                    a.0.total_cmp(&b.0).then(a.1.cmp(b.1))
                });
                Ok(different)
            }
        }
    }
}

/// Samples of classes that a list does not name, by label.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct LeftOut(Vec<(String, usize)>);

/// Classes that are told by name.
const MOST_TOLD: usize = 6;

impl LeftOut {
    /// Counts one.
    pub(super) fn count(&mut self, label: impl ToString) {
        let label = label.to_string();
        match self.0.iter_mut().find(|(known, _)| *known == label) {
            Some((_, count)) => *count += 1,
            None => self.0.push((label, 1)),
        }
    }

    /// What to say of them; nothing if there are none.
    pub(super) fn sentence(&self, file: &str) -> Option<String> {
        let all: usize = self.0.iter().map(|(_, count)| count).sum();
        let told: Vec<String> =
            self.0.iter().take(MOST_TOLD).map(|(label, count)| format!("{count} of {}", excerpt(label))).collect();
        let more = self.0.len().saturating_sub(MOST_TOLD);
        let more = if more > 0 { format!(" and those of {more} more classes") } else { String::new() };
        let (samples, are) = if all == 1 { ("sample", "is") } else { ("samples", "are") };
        (all > 0).then(|| {
            format!(
                "{all} {samples} of {file} {are} left out, as their classes are none of data.classes: {}{more}",
                told.join(", ")
            )
        })
    }
}

/// Most classes of a file.
const MOST_CLASSES: usize = 10_000;

/// Targets of classes, by their position in a list of so many.
pub(super) fn targets(of_samples: &[usize], classes: usize) -> Matrix {
    if classes == 2 {
        let signs: Vec<f64> = of_samples.iter().map(|class| if *class == 0 { -1.0 } else { 1.0 }).collect();
        return Matrix::from_column_slice(signs.len(), 1, &signs);
    }
    let mut targets = Matrix::zeros(of_samples.len(), classes);
    for (row, class) in of_samples.iter().enumerate() {
        targets[(row, *class)] = 1.0;
    }
    targets
}
