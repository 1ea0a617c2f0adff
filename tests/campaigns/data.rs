//! Files of samples (CSV, NumPy, IDX, CIFAR-10, Parquet), mutated and read.

use std::fs;

use widenet_engines::load_problem;

use super::{
    Refusal, amount, campaign,
    corpus::{DataFiles, data_files, problem_of},
    folder,
    mutation::{Bytes, Mutator},
};

#[test]
fn samples() {
    let folder = folder();
    let mutate = |mutator: &mut Mutator| {
        let all = data_files();
        let DataFiles { section, files } = &all[mutator.below(all.len())];
        let which = mutator.below(files.len());
        let mutated = files.iter().enumerate().map(|(i, (name, bytes))| match i == which {
            true if name.ends_with("csv") && !mutator.once_in(3) => {
                let others = ["1,2,3", "a,b", "\"x\ny\",nan"];
                (*name, Bytes(mutator.text(&String::from_utf8_lossy(bytes), &others)))
            }
            true => (*name, Bytes(mutator.bytes(bytes))),
            false => (*name, Bytes(bytes.clone())),
        });
        (*section, mutated.collect::<Vec<_>>())
    };
    campaign("samples", amount(10_000), mutate, move |(section, files)| {
        let problem = folder.path().join("problem.toml");
        fs::write(&problem, problem_of(section)).expect("the folder is writable");
        for (name, bytes) in files {
            fs::write(folder.path().join(name), &bytes.0).expect("the folder is writable");
        }
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        let problem = load_problem(&problem, &[]).map_err(|error| Refusal::new(error, &names))?;
        let samples = [Some(&problem.data.train), problem.data.test.as_ref()];
        for matrix in samples.into_iter().flatten().flat_map(|samples| [&samples.inputs, &samples.targets]) {
            assert!(matrix.iter().all(|number| number.is_finite()), "samples that are not finite were accepted");
        }
        Ok(())
    });
}
