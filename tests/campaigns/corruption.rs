//! Run directories of which files were changed: the trial is made again with the same table, or there is an error; never another table.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use tempfile::TempDir;
use widenet_engines::Engines;
use widenet_experiment::{Outcome, RunOptions, Silent, Study, run};
use widenet_model::DeviceChoice;

use super::{
    Refusal, amount, campaign,
    corpus::STUDIES,
    folder,
    mutation::{Bytes, Mutator},
};

static NEVER: AtomicBool = AtomicBool::new(false);

/// A study that is done, file by file.
struct Finished {
    folder: TempDir,
    study: Study,
    engines: Engines,
    directory: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Finished {
    fn new(text: &str) -> Finished {
        let folder = folder();
        let path = folder.path().join("study.toml");
        fs::write(&path, text).expect("the folder is writable");
        let sets = [("axes.width", "[1000, \"inf\"]"), ("axes.seed", "[1]"), ("figure", "[]")];
        let sets = if text.contains("seed") { &sets[..] } else { &sets[..1] };
        let sets: Vec<_> = sets.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let study = Study::load(&path, false, &sets).expect("the study is right");
        let engines = Engines::new(DeviceChoice::Flex).expect("the CPU");
        let mut finished = Finished { folder, study, engines, directory: PathBuf::new(), files: Vec::new() };
        finished.directory = finished.run().expect("it runs");
        finished.files = files_below(&finished.directory);
        finished
    }

    /// Runs the study, which gives the run directory or an error.
    fn run(&self) -> Result<PathBuf, String> {
        let options =
            RunOptions { out: self.folder.path().join("out"), device: DeviceChoice::Flex, ..RunOptions::default() };
        match run(&self.study, &self.engines, &options, &NEVER, &Silent) {
            Ok(Outcome::Finished(report)) => Ok(report.directory),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Changes one file, runs again, and puts everything back as it was.
    fn run_with(&self, file: &Path, bytes: Option<&[u8]>) -> Result<(), Refusal> {
        match bytes {
            Some(bytes) => fs::write(file, bytes).expect("writable"),
            None => fs::remove_file(file).expect("removable"),
        }
        let found = self.run();
        let table = |path: &Path| fs::read(path.join("table.csv")).expect("a table");
        let expected = &self.files.iter().find(|(path, _)| path.ends_with("table.csv")).expect("a table").1;
        let is_changed = found.as_ref().is_ok_and(|directory| table(directory) != *expected);
        assert!(!is_changed, "{} changed the table", file.display());
        for (path, bytes) in &self.files {
            if fs::read(path).ok().as_ref() != Some(bytes) {
                fs::write(path, bytes).expect("writable");
            }
        }
        found.map(drop).map_err(|error| Refusal::new(error, &["manifest.json", "out"]))
    }
}

fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("an entry").path());
    let mut files = Vec::new();
    for path in entries {
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push((path.clone(), fs::read(&path).expect("readable")));
        }
    }
    files.sort();
    files
}

#[test]
fn mutated_results() {
    let all: Vec<Finished> = STUDIES.iter().map(|text| Finished::new(text)).collect();
    let files: Vec<Vec<(PathBuf, Vec<u8>)>> = all.iter().map(|finished| finished.files.clone()).collect();
    let mutate = move |mutator: &mut Mutator| {
        let which = mutator.below(files.len());
        let (path, bytes) = &files[which][mutator.below(files[which].len())];
        let bytes = match mutator.below(10) {
            0 => None,
            1 => Some(files[which][mutator.below(files[which].len())].1.clone()),
            2..5 => Some(mutator.text(&String::from_utf8_lossy(bytes), &["\"done\"", "\"diverged\"", "1e300"])),
            _ => Some(mutator.bytes(bytes)),
        };
        (which, path.clone(), bytes.map(Bytes))
    };
    campaign("results", amount(300), mutate, move |(which, path, bytes)| {
        all[*which].run_with(path, bytes.as_ref().map(|bytes| &bytes.0[..]))
    });
}

/// Every byte, or by default every fortieth.
#[test]
fn every_byte_of_a_run_directory() {
    let stride = 40usize.div_ceil(amount(1) as usize);
    for finished in STUDIES.iter().map(|text| Finished::new(text)) {
        let (mut changed, mut refused) = (0, 0);
        for (path, bytes) in &finished.files {
            for position in (0..bytes.len()).step_by(stride) {
                let mut bytes = bytes.clone();
                bytes[position] ^= 1;
                changed += 1;
                if let Err(refusal) = finished.run_with(path, Some(&bytes)) {
                    refused += 1;
                    assert!(path.ends_with("manifest.json"), "{}: {}", path.display(), refusal.message);
                    assert!(refusal.fault().is_none(), "{}", refusal.message);
                }
            }
        }
        assert!(refused > 0 && refused < changed / 2, "{refused} of {changed} changes were refused");
    }
}
