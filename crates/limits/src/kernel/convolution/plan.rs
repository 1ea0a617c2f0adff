//! A plan says which pairs of positions each stage computes, one class of offsets after the other, and where they are averaged into.
//!
//! ```text
//! class d: pairs (p, p + d).     weights keep it: (p, p + d) needs (s p + t, s p + t + s d) alone
//! ```
//!
//! (docs/theory/convolutions.md §3.3.) Classes are a matter of speed: any other partition of the pairs gives the same numbers to rounding.

use std::collections::BTreeMap;

use super::{
    program::{Domain, Instruction, Lists, Pair, Program},
    stages::{End, Stage},
};
use crate::kernel::{
    dual::Dual,
    error::{Result, invalid},
};

/// Most pairs of positions of one average: their lists take 20 bytes each.
const MAX_PAIRS: usize = 1 << 27;

/// Numbers of programs that a plan keeps at most (4 bytes each); beyond that they are made again where they are needed.
const KEPT: usize = 8 << 20;

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
    /// Dual activations of a pair of images, step by step.
    duals: Vec<(Dual, u64)>,
    /// Entries of all nodes of the largest class.
    largest: usize,
    /// Numbers that the part holds, of 4 bytes each.
    numbers: usize,
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
    ///
    /// # Errors
    /// More pairs of positions than are taken.
    pub(super) fn diagonal(stages: &'a [Stage], positions: usize) -> Result<Plan<'a>> {
        let mut arrival = Domain::new(positions);
        for p in 0..positions as u32 {
            arrival.insert([p, p]);
        }
        Ok(Plan { stages, parts: parts(stages, &arrival)?, targets: arrival.pairs })
    }

    /// Finds what the outputs of a network need.
    ///
    /// # Errors
    /// More pairs of positions than are taken.
    pub(super) fn outputs(stages: &'a [Stage]) -> Result<Plan<'a>> {
        let mut arrival = Domain::new(1);
        arrival.insert([0, 0]);
        Ok(Plan { stages, parts: parts(stages, &arrival)?, targets: arrival.pairs })
    }

    /// Dual activations of a pair of images, step by step.
    pub(super) fn duals(&self) -> impl Iterator<Item = (Dual, u64)> + '_ {
        self.parts.iter().flat_map(|part| part.duals.iter().copied())
    }

    /// Bytes of the plan.
    pub(super) fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| 4 * part.numbers as u64).sum()
    }

    /// Most entries of all nodes of a class, and most of an average.
    pub(super) fn entries(&self) -> (usize, usize) {
        let largest = |sizes: &mut dyn Iterator<Item = usize>| sizes.max().unwrap_or(0);
        let averages =
            &mut self.parts.iter().map(|part| part.arrival.as_ref().map_or(1, |arrival| arrival.pairs.len()));
        (largest(&mut self.parts.iter().map(|part| part.largest)), largest(averages))
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
fn parts(stages: &[Stage], arrival: &Domain) -> Result<Vec<Part>> {
    let Some((last, before)) = stages.split_last() else { return Ok(Vec::new()) };
    check_pairs(last, arrival.pairs.len())?;
    let (wanted, receivers, weight) = sources(last, arrival);
    let mut last = part(last, wanted, !before.is_empty());
    last.numbers += receivers.len();
    (last.receivers, last.weight) = (receivers, weight);
    let mut parts = match &last.arrival {
        Some(arrival) => parts(before, arrival)?,
        None => Vec::new(),
    };
    parts.push(last);
    Ok(parts)
}

/// Refuses stages with more pairs of positions than are taken.
fn check_pairs(stage: &Stage, arrival: usize) -> Result<()> {
    let [rows, columns] = stage.nodes[stage.output];
    let positions = stage.positions(stage.output);
    let pairs = match &stage.end {
        End::Flatten | End::Outputs => arrival.saturating_mul(positions),
        End::Average(taps) => arrival.saturating_mul(taps.count.saturating_mul(taps.count)),
    };
    let pairs = pairs.min(positions.saturating_mul(positions));
    if pairs > MAX_PAIRS {
        return Err(invalid(format!(
            "network.image: the average over {rows} × {columns} positions needs {pairs} pairs of positions for each pair of images, and at most \
             {MAX_PAIRS} are taken; use smaller images, a stride, or the head \"flatten\""
        )));
    }
    Ok(())
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

fn part(stage: &Stage, wanted: Vec<Pair>, has_arrival: bool) -> Part {
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
        by_offset.entry(key(stage, *pair)).or_default().push(entry as u32);
    }
    let classes: Vec<Vec<u32>> = by_offset.into_values().collect();
    let mut programs = Some(Vec::new());
    let (mut duals, mut largest, mut kept) = (Vec::new(), 0, 0);
    for class in &classes {
        let program = program(stage, &wanted, class, arrival.as_ref());
        kept += program.len();
        largest = largest.max(program.pairs.iter().map(Vec::len).sum());
        duals.extend(program.instructions.iter().filter_map(Instruction::duals));
        match &mut programs {
            Some(programs) if kept <= KEPT => programs.push(program),
            _ => programs = None,
        }
    }
    // Pairs are two numbers, and of the arrival they stand in a map too.
    let lists = 3 * wanted.len() + arrival.as_ref().map_or(0, |arrival| 8 * arrival.pairs.len());
    let numbers = lists + if programs.is_some() { kept } else { 0 };
    Part { wanted, classes, programs, receivers: Lists::default(), weight: 1.0, arrival, duals, largest, numbers }
}

/// The class of a pair: its offset, on the torus where windows are circular.
fn key(stage: &Stage, [p, other]: Pair) -> [i64; 2] {
    let [rows, columns] = stage.nodes[stage.output].map(|size| size as i64);
    let (p, other) = (i64::from(p), i64::from(other));
    let offset = [other / columns - p / columns, other % columns - p % columns];
    if stage.is_circular { [offset[0].rem_euclid(rows), offset[1].rem_euclid(columns)] } else { offset }
}

fn program(stage: &Stage, wanted: &[Pair], class: &[u32], arrival: Option<&Domain>) -> Program {
    Program::new(stage, class.iter().map(|entry| wanted[*entry as usize]), arrival)
}
