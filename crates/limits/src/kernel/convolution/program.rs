//! The pairs of positions that a stage needs are found backward from its result; what is found is a list of sums over slots.
//!
//! (docs/theory/convolutions.md §3.2.)

use std::collections::HashMap;

use widenet_core::scaling::KernelLayer;

use super::stages::{Stage, Step};
use crate::kernel::dual::Dual;

/// Positions p of x and p' of x'.
pub(super) type Pair = [u32; 2];

/// Pairs at one node, numbered in the order in which they came. Of one offset, a position has one partner: these are found without hashing.
#[derive(Debug)]
pub(super) struct Domain {
    pub(super) pairs: Vec<Pair>,
    /// Per position p: the first partner and its slot.
    first: Vec<Option<Pair>>,
    others: HashMap<Pair, u32>,
}

impl Domain {
    pub(super) fn new(positions: usize) -> Domain {
        Domain { pairs: Vec::new(), first: vec![None; positions], others: HashMap::new() }
    }

    pub(super) fn insert(&mut self, pair: Pair) -> u32 {
        let next = self.pairs.len() as u32;
        let slot = match &mut self.first[pair[0] as usize] {
            Some([partner, slot]) if *partner == pair[1] => *slot,
            Some(_) => *self.others.entry(pair).or_insert(next),
            empty => {
                *empty = Some([pair[1], next]);
                next
            }
        };
        if slot == next {
            self.pairs.push(pair);
        }
        slot
    }

    fn find(&self, pair: Pair) -> Option<u32> {
        match self.first[pair[0] as usize] {
            Some([partner, slot]) if partner == pair[1] => Some(slot),
            _ => self.others.get(&pair).copied(),
        }
    }
}

/// Lists of slots, one for each entry of a result.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// Ends of the lists.
    ends: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    /// Numbers that are held.
    pub(super) fn len(&self) -> usize {
        self.ends.len() + self.items.len()
    }

    pub(super) fn push(&mut self, list: impl IntoIterator<Item = u32>) {
        self.items.extend(list);
        self.ends.push(self.items.len() as u32);
    }

    pub(super) fn of(&self, entry: usize) -> &[u32] {
        let start = if entry == 0 { 0 } else { self.ends[entry - 1] as usize };
        &self.items[start..self.ends[entry] as usize]
    }
}

/// What the taps of the entries of a weight step see.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// Slots at `(p + t, p' + t)`, where both are inside.
    pub(super) both: Lists,
    /// Positions `p + t` where only this one is inside, and `p' + t` where only that one is.
    pub(super) alone: [Lists; 2],
    /// `1/q`.
    pub(super) scale: f64,
}

/// A step of a program.
#[derive(Debug)]
pub(super) enum Instruction {
    Weights { from: usize, to: usize, sums: Sums, layer: KernelLayer },
    Activation { from: usize, to: usize, slots: Vec<u32>, dual: Dual },
    Sum { branches: [usize; 2], to: usize, slots: [Vec<u32>; 2] },
}

impl Instruction {
    /// The dual activation and how often it is computed.
    pub(super) fn duals(&self) -> Option<(Dual, u64)> {
        match self {
            Instruction::Activation { slots, dual, .. } => Some((*dual, slots.len() as u64)),
            Instruction::Weights { .. } | Instruction::Sum { .. } => None,
        }
    }
}

/// The steps of a stage on some of its pairs.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) instructions: Vec<Instruction>,
    /// Pairs of every node.
    pub(super) pairs: Vec<Vec<Pair>>,
    /// Where the input pairs stand in what the stage before has made; empty in the first stage.
    pub(super) origin: Vec<u32>,
    /// Node with the results.
    pub(super) output: usize,
    /// Slots of the wanted pairs at the output.
    pub(super) results: Vec<u32>,
}

impl Program {
    /// Finds what is needed for `wanted` pairs of the output. `arrival` are the pairs that the stage before makes, if there is one.
    pub(super) fn new(stage: &Stage, wanted: impl Iterator<Item = Pair>, arrival: Option<&Domain>) -> Program {
        let mut domains: Vec<Domain> = (0..stage.nodes.len()).map(|node| Domain::new(stage.positions(node))).collect();
        let results = wanted.map(|pair| domains[stage.output].insert(pair)).collect();
        let mut instructions: Vec<Instruction> =
            stage.steps.iter().rev().map(|step| instruction(step, &mut domains)).collect();
        instructions.reverse();
        let inputs = domains[0].pairs.iter();
        let origin = arrival.map(|arrival| inputs.filter_map(|pair| arrival.find(*pair)).collect()).unwrap_or_default();
        let pairs = domains.into_iter().map(|domain| domain.pairs).collect();
        Program { instructions, pairs, origin, output: stage.output, results }
    }

    /// Numbers that the program holds: a measure of its memory.
    pub(super) fn len(&self) -> usize {
        let of_instructions = self.instructions.iter().map(|instruction| match instruction {
            Instruction::Weights { sums, .. } => sums.both.len() + sums.alone.iter().map(Lists::len).sum::<usize>(),
            Instruction::Activation { slots, .. } => slots.len(),
            Instruction::Sum { slots, .. } => 2 * slots[0].len(),
        });
        let pairs: usize = self.pairs.iter().map(|pairs| 2 * pairs.len()).sum();
        of_instructions.sum::<usize>() + pairs + self.results.len() + self.origin.len()
    }
}

/// Enters what a step needs into the domains of its inputs.
fn instruction(step: &Step, domains: &mut [Domain]) -> Instruction {
    match step {
        Step::Weights { from, to, taps, layer } => {
            let mut sums = Sums { scale: taps.as_ref().map_or(1.0, |taps| 1.0 / taps.count as f64), ..Sums::default() };
            let wanted = std::mem::take(&mut domains[*to].pairs);
            let input = &mut domains[*from];
            for [p, other] in &wanted {
                let Some(taps) = taps else {
                    let slot = input.insert([*p, *other]);
                    sums.both.push([slot]);
                    sums.alone.iter_mut().for_each(|alone| alone.push([]));
                    continue;
                };
                let seen = || taps.of(*p as usize).iter().zip(taps.of(*other as usize));
                sums.both.push(seen().filter_map(|(p, other)| Some(input.insert([(*p)?, (*other)?]))));
                sums.alone[0].push(seen().filter_map(|(p, other)| p.filter(|_| other.is_none())));
                sums.alone[1].push(seen().filter_map(|(p, other)| other.filter(|_| p.is_none())));
            }
            domains[*to].pairs = wanted;
            Instruction::Weights { from: *from, to: *to, sums, layer: *layer }
        }
        Step::Activation { from, to, dual } => {
            Instruction::Activation { from: *from, to: *to, slots: slots(domains, *to, *from), dual: *dual }
        }
        Step::Sum { branches, to } => {
            Instruction::Sum { branches: *branches, to: *to, slots: branches.map(|from| slots(domains, *to, from)) }
        }
    }
}

/// Enters the pairs of a node into another one.
fn slots(domains: &mut [Domain], to: usize, from: usize) -> Vec<u32> {
    let wanted = std::mem::take(&mut domains[to].pairs);
    let slots = wanted.iter().map(|pair| domains[from].insert(*pair)).collect();
    domains[to].pairs = wanted;
    slots
}
