//! Trials share data sets: each is loaded once.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use widenet_core::{
    data::{DataSource, Dataset, InputSource, PartialData},
    document::{Field, shape::Located},
};
use widenet_output::sha256_of;

/// Data and the SHA-256 of their shapes and numbers.
type Loaded<D> = (Arc<D>, String);

/// Data by the text of their sections.
type Known<D> = Mutex<BTreeMap<String, Loaded<D>>>;

/// Data sets of problems and inputs of questions.
#[derive(Debug, Default)]
pub(crate) struct DataSets {
    of_problems: Known<Dataset>,
    of_questions: Known<PartialData>,
}

impl DataSets {
    /// The data of a problem's section `[data]`; relative paths start from `base`.
    pub(crate) fn of_problem(&self, section: &Field<'_>, base: &Path) -> widenet_core::Result<Loaded<Dataset>> {
        once(&self.of_problems, section, || {
            let data = DataSource::parse(section)?.load(base)?;
            let fingerprint = sha256_of(|hash| data.visit_bytes(hash));
            Ok((Arc::new(data), fingerprint))
        })
    }

    /// The inputs of a question's section `[data]`; relative paths start from `base`.
    pub(crate) fn of_question(
        &self,
        source: &Located<InputSource>,
        base: &Path,
    ) -> widenet_core::Result<Loaded<PartialData>> {
        once(&self.of_questions, &source.field(), || {
            let data = source.value.load(base)?;
            let fingerprint = sha256_of(|hash| data.visit_bytes(hash));
            Ok((Arc::new(data), fingerprint))
        })
    }
}

/// What is known, or is loaded now.
fn once<D>(
    known: &Known<D>,
    section: &Field<'_>,
    load: impl FnOnce() -> widenet_core::Result<Loaded<D>>,
) -> widenet_core::Result<Loaded<D>> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let text = section.node().to_toml();
    if let Some(loaded) = known.get(&text) {
        return Ok(loaded.clone());
    }
    let loaded = load()?;
    known.insert(text, loaded.clone());
    Ok(loaded)
}
