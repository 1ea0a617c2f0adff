//! A plan says which pairs of positions each stage computes, one class of offsets after the other, and where they are averaged into.
//!
//! ```text
//! class d: pairs (p, p + d).     weights keep it: (p, p + d) needs (s p + t, s p + t + s d) alone
//! ```
//!
//! (docs/theory/convolutions.md §4.3.) Classes are a matter of speed: any other partition of the pairs gives the same numbers to rounding.

use std::collections::BTreeMap;

use super::{
    program::{Domain, Lists, Pair, Program},
    stages::{End, Stage},
};

/// Numbers of programs that a plan keeps at most (4 bytes each); beyond that they are made again where they are needed.
const KEPT: usize = 8 << 20;

/// How pairs are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Classes {
    /// By offset.
    Offsets,
    /// All in one: for tests.
    #[cfg(test)]
    One,
}

/// What one stage computes.
#[derive(Debug)]
pub(super) struct Part {
    /// Wanted pairs of the output.
    pub(super) wanted: Vec<Pair>,
    /// Entries of `wanted`, class by class.
    pub(super) classes: Vec<Vec<u32>>,
    /// Programs of the classes, where they are few enough to be kept.
    programs: Option<Vec<Program>>,
    /// For each wanted pair: the pairs of the next stage's input of whose averages it is part.
    pub(super) receivers: Lists,
    /// Weight of a pair in these averages.
    pub(super) weight: f64,
    /// Pairs of the input, of stages behind the first.
    pub(super) arrival: Option<Domain>,
}

/// What all stages up to one compute.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) stages: &'a [Stage],
    pub(super) parts: Vec<Part>,
    /// Pairs of the result.
    pub(super) targets: Vec<Pair>,
}

impl<'a> Plan<'a> {
    /// Finds what the variances need at the input of the stage behind `stages`.
    pub(super) fn diagonal(stages: &'a [Stage], positions: usize, classes: Classes) -> Plan<'a> {
        let mut arrival = Domain::new(positions);
        for p in 0..positions as u32 {
            arrival.insert([p, p]);
        }
        Plan { stages, parts: parts(stages, &arrival, classes), targets: arrival.pairs }
    }

    /// Finds what the outputs of a network need.
    pub(super) fn outputs(stages: &'a [Stage], classes: Classes) -> Plan<'a> {
        let mut arrival = Domain::new(1);
        arrival.insert([0, 0]);
        Plan { stages, parts: parts(stages, &arrival, classes), targets: arrival.pairs }
    }

    /// The program of a class of a stage: one that is kept, or a new one in `place`.
    pub(super) fn program<'b>(&'b self, stage: usize, class: usize, place: &'b mut Option<Program>) -> &'b Program {
        let part = &self.parts[stage];
        if let Some(programs) = &part.programs {
            return &programs[class];
        }
        place.insert(program(&self.stages[stage], &part.wanted, &part.classes[class], part.arrival.as_ref()))
    }
}

/// What stages compute of which the last ends in an average into `arrival`.
fn parts(stages: &[Stage], arrival: &Domain, classes: Classes) -> Vec<Part> {
    let Some((last, before)) = stages.split_last() else { return Vec::new() };
    let (wanted, receivers, weight) = sources(last, arrival);
    let mut last = part(last, wanted, !before.is_empty(), classes);
    (last.receivers, last.weight) = (receivers, weight);
    let mut parts = last.arrival.as_ref().map(|arrival| parts(before, arrival, classes)).unwrap_or_default();
    parts.push(last);
    parts
}

/// The pairs that are averaged into `arrival`, what each is part of, and the weight of one.
fn sources(stage: &Stage, arrival: &Domain) -> (Vec<Pair>, Lists, f64) {
    let positions = stage.positions(stage.output);
    let mut domain = Domain::new(positions);
    let mut receivers: Vec<Vec<u32>> = Vec::new();
    let mut add = |pair: Pair, receiver: usize| {
        let source = domain.insert(pair) as usize;
        receivers.resize_with(receivers.len().max(source + 1), Vec::new);
        receivers[source].push(receiver as u32);
    };
    let mut weight = 1.0;
    for (receiver, [p, other]) in arrival.pairs.iter().enumerate() {
        match &stage.end {
            End::Flatten | End::Outputs => {
                weight = 1.0 / positions as f64;
                (0..positions as u32).for_each(|p| add([p, p], receiver));
            }
            End::Average(taps) => {
                weight = 1.0 / (taps.count * taps.count) as f64;
                for p in taps.of(*p as usize).iter().flatten() {
                    taps.of(*other as usize).iter().flatten().for_each(|other| add([*p, *other], receiver));
                }
            }
        }
    }
    let mut lists = Lists::default();
    receivers.into_iter().for_each(|list| lists.push(list));
    (domain.pairs, lists, weight)
}

fn part(stage: &Stage, wanted: Vec<Pair>, has_arrival: bool, classes: Classes) -> Part {
    let arrival = has_arrival.then(|| {
        let mut arrival = Domain::new(stage.positions(0));
        let needed = Program::new(stage, wanted.iter().copied(), None);
        for pair in &needed.pairs[0] {
            arrival.insert(*pair);
        }
        arrival
    });
    let mut by_offset: BTreeMap<[i64; 2], Vec<u32>> = BTreeMap::new();
    for (entry, pair) in wanted.iter().enumerate() {
        by_offset.entry(key(stage, *pair, classes)).or_default().push(entry as u32);
    }
    let classes: Vec<Vec<u32>> = by_offset.into_values().collect();
    let mut programs = Vec::new();
    let mut numbers = 0;
    for class in &classes {
        let program = program(stage, &wanted, class, arrival.as_ref());
        numbers += program.len();
        if numbers > KEPT {
            break;
        }
        programs.push(program);
    }
    let programs = (numbers <= KEPT).then_some(programs);
    Part { wanted, classes, programs, receivers: Lists::default(), weight: 1.0, arrival }
}

/// The class of a pair: its offset, on the torus where windows are circular.
fn key(stage: &Stage, [p, other]: Pair, classes: Classes) -> [i64; 2] {
    match classes {
        Classes::Offsets => {
            let [rows, columns] = stage.nodes[stage.output].map(|size| size as i64);
            let (p, other) = (i64::from(p), i64::from(other));
            let offset = [other / columns - p / columns, other % columns - p % columns];
            if stage.is_circular { [offset[0].rem_euclid(rows), offset[1].rem_euclid(columns)] } else { offset }
        }
        #[cfg(test)]
        Classes::One => [0, 0],
    }
}

fn program(stage: &Stage, wanted: &[Pair], class: &[u32], arrival: Option<&Domain>) -> Program {
    Program::new(stage, class.iter().map(|entry| wanted[*entry as usize]), arrival)
}
