//! A problem is a dictionary of its sections, read when it is made.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use pyo3::{prelude::*, types::PyDict};
use widenet::{
    Document, Width,
    core::{document, problem::ScalingTable},
    stable_rate,
};

use crate::{
    errors::{Exception, ProblemError},
    tree,
};

/// Sections of a problem, and the problem where they say how it is trained.
#[pyclass(frozen, module = "widenet._widenet")]
pub(crate) struct Problem {
    pub(crate) document: Document,
    pub(crate) base: PathBuf,
    trained: Option<Arc<widenet::Problem>>,
}

impl Problem {
    fn read(py: Python<'_>, document: Document, base: PathBuf) -> PyResult<Self> {
        let read = || match document.get("optimizer") {
            None => Ok(None),
            Some(_) => {
                let problem = widenet::Problem::with_loader(&document, |source| source.load(&base), &stable_rate)?;
                Ok(Some(Arc::new(problem)))
            }
        };
        let trained = py.detach(read).map_err(<widenet::Error as Exception>::exception)?;
        Ok(Problem { document, base, trained })
    }

    /// The problem, if it says how it is trained.
    pub(crate) fn trained(&self) -> PyResult<Arc<widenet::Problem>> {
        self.trained.clone().ok_or_else(|| {
            ProblemError::new_err(
                "`optimizer` is missing; give for example optimizer=dict(kind=\"gd\", learning_rate=0.1, steps=100)",
            )
        })
    }

    /// The document with a section or keys changed.
    pub(crate) fn with(&self, changes: &Bound<'_, PyDict>) -> PyResult<Document> {
        let mut changed = self.document.clone();
        for (key, value) in changes {
            let key: String = key.extract()?;
            match value.is_none() {
                true => drop(changed.remove(&key)),
                false => {
                    changed
                        .set_node(&key, tree::node(&value, &key)?)
                        .map_err(<document::Error as Exception>::exception)?;
                }
            }
        }
        Ok(changed)
    }
}

#[pymethods]
impl Problem {
    /// Of a dictionary of sections; relative paths start from a folder.
    #[new]
    fn new(py: Python<'_>, sections: &Bound<'_, PyDict>, base: PathBuf) -> PyResult<Self> {
        Self::read(py, tree::document(sections)?, base)
    }

    /// Of a file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let document = Document::load(&path).map_err(Exception::exception)?;
        widenet::core::problem::refuse_study(&document, &path).map_err(Exception::exception)?;
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        Self::read(py, document, base)
    }

    /// Another one with keys changed, by their dotted names; None takes a key out.
    fn replace(&self, py: Python<'_>, changes: &Bound<'_, PyDict>) -> PyResult<Self> {
        Self::read(py, self.with(changes)?, self.base.clone())
    }

    /// Its sections.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        tree::from_node(py, self.document.root())
    }

    /// Its sections as the text of a file.
    fn to_toml(&self) -> String {
        self.document.root().to_toml()
    }

    /// The folder that relative paths start from.
    #[getter]
    fn base(&self) -> PathBuf {
        self.base.clone()
    }

    /// What should be said of it.
    fn warnings(&self) -> Vec<String> {
        self.trained.as_ref().map_or_else(Vec::new, |problem| problem.warnings())
    }

    /// Sizes P, T, d and k.
    fn sizes(&self) -> PyResult<(usize, usize, usize, usize)> {
        let data = &self.trained()?.data;
        let test = data.test.as_ref().map_or(0, |test| test.inputs.nrows());
        Ok((data.train.inputs.nrows(), test, data.input_dimension(), data.output_dimension()))
    }

    /// Inputs and targets as training sees them: of training, and of the test set or None.
    fn data<'py>(&self, py: Python<'py>) -> PyResult<Vec<Option<Bound<'py, PyAny>>>> {
        let data = &self.trained()?.data;
        let samples = [Some(&data.train), data.test.as_ref()];
        let mut arrays = Vec::new();
        for samples in samples {
            arrays.push(samples.map(|samples| tree::array(py, samples.inputs.clone())).transpose()?);
            arrays.push(samples.map(|samples| tree::array(py, samples.targets.clone())).transpose()?);
        }
        Ok(arrays)
    }

    /// The parameterisation as a table of powers of the width, with their values at a width.
    fn parameterization(&self, width: Option<f64>) -> PyResult<String> {
        let problem = self.trained()?;
        let width = width.map(Width::try_from).transpose().map_err(ProblemError::new_err)?;
        Ok(ScalingTable::of_problem(&problem, &problem.scaling(), width).to_string())
    }

    /// The largest learning rate that is stable for the infinitely wide network at its start.
    fn stable_rate(&self, py: Python<'_>) -> PyResult<f64> {
        let problem = self.trained()?;
        py.detach(|| stable_rate(&problem)).map_err(Exception::exception)
    }
}
