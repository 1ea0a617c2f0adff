//! Trials share data sets: each is loaded once.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use widenet_core::{
    data::{DataSource, Dataset},
    document::Field,
};
use widenet_output::sha256_of;

/// A data set and its fingerprint.
type Loaded = (Arc<Dataset>, String);

/// Data sets by the text of their sections.
#[derive(Debug, Default)]
pub(crate) struct DataSets {
    known: Mutex<BTreeMap<String, Loaded>>,
}

impl DataSets {
    /// The data of a section `[data]` and the SHA-256 of their shapes and numbers; relative paths start from `base`.
    pub(crate) fn load(&self, field: &Field<'_>, base: &Path) -> widenet_core::Result<Loaded> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let section = field.node().to_toml();
        if let Some(loaded) = known.get(&section) {
            return Ok(loaded.clone());
        }
        let data = DataSource::parse(field)?.load(base)?;
        let fingerprint = sha256_of(|hash| data.visit_bytes(hash));
        let loaded = (Arc::new(data), fingerprint);
        known.insert(section, loaded.clone());
        Ok(loaded)
    }
}
