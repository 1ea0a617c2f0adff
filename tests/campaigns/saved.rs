//! Checkpoints that are damaged: the run goes on from one that is whole, or starts anew and says so; its numbers are the same.

use std::{fs, path::Path};

use widenet_core::{
    Problem,
    training::{Control, Progress},
    trajectory::Record,
};
use widenet_engines::load_problem;
use widenet_model::{
    CheckpointPlan, DeviceChoice, DeviceSolution, Every, Hidden, HiddenMatrix, Matrices, Precision, ResponseStorage,
    Run, solve_on_device,
};

use super::{
    Refusal, amount, campaign,
    corpus::PROBLEMS,
    folder,
    mutation::{Bytes, Mutator},
};

/// A problem, how it is solved, its records without disturbance, and a checkpoint in its middle.
struct Interrupted {
    problem: Problem,
    matrices: Matrices,
    records: Vec<Record>,
    checkpoint: Vec<u8>,
}

impl Interrupted {
    fn new(problem: Problem, matrices: Matrices, path: &Path) -> Interrupted {
        let mut interrupted = Interrupted { problem, matrices, records: Vec::new(), checkpoint: Vec::new() };
        interrupted.records = interrupted.solve(None, &mut |_| Control::Continue).trajectory.records;
        interrupted
            .solve(Some(path), &mut |progress| if progress.step == 2 { Control::Stop } else { Control::Continue });
        interrupted.checkpoint = fs::read(path).expect("a stopped run leaves a checkpoint");
        fs::remove_file(path).expect("it can be removed");
        interrupted
    }

    fn solve(&self, path: Option<&Path>, watch: &mut dyn FnMut(&Progress<'_>) -> Control) -> DeviceSolution {
        let device = DeviceChoice::Flex.open().expect("the CPU");
        let checkpoints =
            path.map(|path| CheckpointPlan { path: path.to_owned(), every: Every::Steps(1000), asked: None });
        let run = Run {
            problem: &self.problem,
            width: 6,
            seed: 2,
            matrices: self.matrices,
            device: &device,
            precision: Precision::F64,
            checkpoints,
        };
        solve_on_device(&run, watch).expect("it is solved")
    }

    /// Goes on from the bytes of a checkpoint; what is said of them, if they are of no use.
    fn resume(&self, bytes: &[u8], path: &Path) -> Result<(), Refusal> {
        fs::write(path, bytes).expect("the folder is writable");
        let solution = self.solve(Some(path), &mut |_| Control::Continue);
        assert!(solution.trajectory.records == self.records, "the checkpoint changed a number");
        let notes: Vec<String> = solution.notes.iter().map(ToString::to_string).collect();
        match notes.iter().find(|note| note.contains("checkpoint") && !note.contains("resumed")) {
            Some(note) => Err(Refusal::new(note, &["checkpoint"])),
            None => Ok(()),
        }
    }
}

fn all(folder: &Path) -> Vec<Interrupted> {
    let path = folder.join("problem.toml");
    let explored =
        Matrices::Explored(Hidden { matrix: HiddenMatrix::Conditioned(ResponseStorage::Stored), tolerance: 1e-9 });
    let cases = [(PROBLEMS[0], Matrices::Dense), (PROBLEMS[0], explored), (PROBLEMS[1], Matrices::Dense)];
    let cases = cases.map(|(text, matrices)| {
        fs::write(&path, text).expect("the folder is writable");
        let problem = load_problem(&path, &[]).expect("it is right");
        Interrupted::new(problem, matrices, &folder.join("checkpoint.safetensors"))
    });
    cases.into()
}

#[test]
fn mutated_checkpoints() {
    let folder = folder();
    let path = folder.path().join("checkpoint.safetensors");
    let cases = all(folder.path());
    let files: Vec<Vec<u8>> = cases.iter().map(|case| case.checkpoint.clone()).collect();
    let mutate = move |mutator: &mut Mutator| {
        let case = mutator.below(files.len());
        // One in ten is whole, or another case's.
        let bytes = match mutator.below(20) {
            0 => files[case].clone(),
            1 => files[mutator.below(files.len())].clone(),
            _ => mutator.bytes(&files[case]),
        };
        (case, Bytes(bytes))
    };
    campaign("checkpoint", amount(1000), mutate, move |(case, bytes)| cases[*case].resume(&bytes.0, &path));
    drop(folder);
}

/// Every byte, or by default every seventh: no byte of a checkpoint can be changed without being found out, or without consequences.
#[test]
fn every_byte_of_a_checkpoint() {
    let folder = folder();
    let path = folder.path().join("checkpoint.safetensors");
    let stride = 7usize.div_ceil(amount(1) as usize);
    for case in all(folder.path()) {
        let mut found_out = 0;
        for position in (0..case.checkpoint.len()).step_by(stride) {
            let mut bytes = case.checkpoint.clone();
            bytes[position] ^= 1;
            found_out += u64::from(case.resume(&bytes, &path).is_err());
        }
        assert!(found_out as usize > case.checkpoint.len() / stride / 2);
    }
}
