//! A plan is run on blocks of image pairs, a few blocks at a time, so that a program made for one serves all of them.
//!
//! The division of the work depends on the sizes alone, so the numbers do not depend on the number of threads.

use rayon::prelude::*;

use super::{
    images::{Images, StageVariances},
    lanes::{Activated, Values, Variances, activation, sum, weights},
    plan::Plan,
    program::{Instruction, Program},
    stages::{End, Stage, Step},
};
use crate::kernel::dual::{
    Dual,
    arc::{LANES, Lanes},
};

/// Blocks that share a program.
const BLOCKS: usize = 4;

/// Image pairs of one task.
pub(super) const TASK: usize = BLOCKS * LANES;

/// What a run reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) images: &'a Images,
    /// Those of the stages that are run.
    pub(super) variances: &'a [StageVariances],
}

/// The result for a block of pairs, a pair in each lane.
#[derive(Debug)]
pub(super) struct BlockResult {
    /// Both kernels at the plan's targets.
    pub(super) values: Values,
    /// Lanes in use.
    pub(super) pairs: usize,
}

/// Bytes that a thread needs for a task of a plan.
pub(super) fn task_bytes(plan: &Plan<'_>) -> u64 {
    let (of_class, of_average) = plan.entries();
    let variances =
        plan.stages.iter().map(|stage| (0..stage.nodes.len()).map(|node| stage.positions(node)).sum::<usize>());
    // K, Θ and g of nodes and of two averages, and variances and roots of both sides.
    let entries = 3 * of_class + BLOCKS * (6 * of_average + 4 * variances.max().unwrap_or(0));
    (entries * size_of::<Lanes>()) as u64
}

/// Runs a plan on pairs of images, in parallel; the results are in the order of the pairs.
pub(super) fn along(context: &Context<'_>, plan: &Plan<'_>, pairs: &[[usize; 2]]) -> Vec<BlockResult> {
    let tasks: Vec<Vec<BlockResult>> = pairs.par_chunks(TASK).map(|pairs| task(context, plan, pairs)).collect();
    tasks.into_iter().flatten().collect()
}

/// The images of a block, lane by lane.
struct Block {
    images: [[usize; LANES]; 2],
    /// Per side: positions × channels.
    pixels: [Vec<Lanes>; 2],
    /// Lanes in use.
    pairs: usize,
}

impl Block {
    /// Lanes without a pair repeat the first.
    fn new(images: &Images, pairs: &[[usize; 2]]) -> Block {
        let of_side = |side: usize| std::array::from_fn(|l| pairs.get(l).unwrap_or(&pairs[0])[side]);
        let of_lanes: [[usize; LANES]; 2] = [of_side(0), of_side(1)];
        let size = images.shape.size();
        let pixels = of_lanes.map(|lanes| pack(&images.pixels, size, &lanes));
        Block { images: of_lanes, pixels, pairs: pairs.len() }
    }
}

/// `size` numbers of the image of every lane, side by side.
fn pack(numbers: &[f64], size: usize, images: &[usize; LANES]) -> Vec<Lanes> {
    (0..size).map(|k| images.map(|image| numbers[image * size + k])).collect()
}

/// Variances of all nodes of a stage for a block.
fn packed(stage: &Stage, variances: &StageVariances, block: &Block) -> Vec<Variances> {
    let mut nodes: Vec<Variances> = (0..stage.nodes.len()).map(|_| Variances::default()).collect();
    for (number, (node, values)) in nodes.iter_mut().zip(&variances.nodes).enumerate() {
        node.values = block.images.each_ref().map(|images| pack(values, stage.positions(number), images));
    }
    for step in &stage.steps {
        if let Step::Activation { from, dual: Dual::ArcCosine(_), .. } = step {
            let root = |side: &Vec<Lanes>| side.iter().map(|lanes| lanes.map(f64::sqrt)).collect();
            nodes[*from].roots = nodes[*from].values.each_ref().map(root);
        }
    }
    nodes
}

fn task(context: &Context<'_>, plan: &Plan<'_>, pairs: &[[usize; 2]]) -> Vec<BlockResult> {
    let blocks: Vec<Block> = pairs.chunks(LANES).map(|pairs| Block::new(context.images, pairs)).collect();
    let mut arrived: Vec<Values> = vec![Values::default(); blocks.len()];
    let mut nodes: Vec<Values> = Vec::new();
    for (s, (stage, part)) in plan.stages.iter().zip(&plan.parts).enumerate() {
        // Angles come from squared distances.
        let has_distance = stage.bends().next().is_some();
        let variances: Vec<Vec<Variances>> =
            blocks.iter().map(|block| packed(stage, &context.variances[s], block)).collect();
        if let Some(arrival) = part.arrival.as_ref().filter(|_| has_distance) {
            for ((values, block), variances) in arrived.iter_mut().zip(&blocks).zip(&variances) {
                complete_distances(values, &arrival.pairs, block, &variances[0]);
            }
        }
        let receives =
            plan.parts.get(s + 1).and_then(|next| next.arrival.as_ref()).map_or(&plan.targets, |next| &next.pairs);
        // Of a mean over equal positions distances are means too.
        let averages_distance = has_distance && matches!(stage.end, End::Flatten);
        let mut next: Vec<Values> = vec![Values::zeros(receives.len(), averages_distance); blocks.len()];
        nodes.resize_with(nodes.len().max(stage.nodes.len()), Values::default);
        let mut place = None;
        for (class, entries) in part.classes.iter().enumerate() {
            let program = plan.program(s, class, &mut place);
            for (b, block) in blocks.iter().enumerate() {
                for (node, pairs) in nodes.iter_mut().zip(&program.pairs) {
                    node.resize(pairs.len(), has_distance);
                }
                if s == 0 {
                    start(block, context.images.shape.channels, &program.pairs[0], &mut nodes[0]);
                } else {
                    load(&arrived[b], &program.origin, &mut nodes[0]);
                }
                execute(
                    program,
                    &Inputs { variances: &variances[b], of_stage: &context.variances[s], stage, block },
                    &mut nodes,
                );
                let output = &nodes[program.output];
                for (entry, slot) in entries.iter().zip(&program.results) {
                    for receiver in part.receivers.of(*entry as usize) {
                        average(output, *slot as usize, part.weight, &mut next[b], *receiver as usize);
                    }
                }
            }
        }
        arrived = next;
    }
    arrived.into_iter().zip(&blocks).map(|(values, block)| BlockResult { values, pairs: block.pairs }).collect()
}

/// `K = x·x'/C`, `Θ = 0` and `g = ‖x − x'‖²/C` of pixels.
fn start(block: &Block, channels: usize, pairs: &[[u32; 2]], values: &mut Values) {
    let scale = 1.0 / channels as f64;
    for (entry, pair) in pairs.iter().enumerate() {
        let pixel = |side: usize| &block.pixels[side][pair[side] as usize * channels..][..channels];
        let (mut covariance, mut distance) = ([0.0; LANES], [0.0; LANES]);
        for (x, y) in pixel(0).iter().zip(pixel(1)) {
            for l in 0..LANES {
                covariance[l] += scale * x[l] * y[l];
                distance[l] += scale * (x[l] - y[l]) * (x[l] - y[l]);
            }
        }
        values.covariance[entry] = covariance;
        values.tangent[entry] = [0.0; LANES];
        if let Some(to) = values.distance.get_mut(entry) {
            *to = distance;
        }
    }
}

/// Gives averages their squared distances where these were not averaged themselves: 0 for a window with itself.
fn complete_distances(values: &mut Values, pairs: &[[u32; 2]], block: &Block, variances: &Variances) {
    if !values.distance.is_empty() {
        return;
    }
    values.distance.resize(pairs.len(), [0.0; LANES]);
    for (entry, [p, other]) in pairs.iter().enumerate() {
        let (left, right) = (&variances.values[0][*p as usize], &variances.values[1][*other as usize]);
        for l in 0..LANES {
            let is_same = p == other && block.images[0][l] == block.images[1][l];
            let distance = (left[l] + right[l] - 2.0 * values.covariance[entry][l]).max(0.0);
            values.distance[entry][l] = if is_same { 0.0 } else { distance };
        }
    }
}

fn load(from: &Values, origin: &[u32], to: &mut Values) {
    let arrays =
        [(&from.covariance, &mut to.covariance), (&from.tangent, &mut to.tangent), (&from.distance, &mut to.distance)];
    for (from, to) in arrays {
        for (to, slot) in to.iter_mut().zip(origin) {
            *to = from[*slot as usize];
        }
    }
}

fn average(from: &Values, slot: usize, weight: f64, to: &mut Values, receiver: usize) {
    let arrays =
        [(&from.covariance, &mut to.covariance), (&from.tangent, &mut to.tangent), (&from.distance, &mut to.distance)];
    for (from, to) in arrays {
        if let Some(to) = to.get_mut(receiver) {
            for l in 0..LANES {
                to[l] += weight * from[slot][l];
            }
        }
    }
}

/// What the instructions of a program read beside the nodes.
struct Inputs<'a> {
    variances: &'a [Variances],
    of_stage: &'a StageVariances,
    stage: &'a Stage,
    block: &'a Block,
}

fn execute(program: &Program, inputs: &Inputs<'_>, nodes: &mut [Values]) {
    for instruction in &program.instructions {
        // The result is taken out while the others are read.
        let to = match instruction {
            Instruction::Weights { to, .. } | Instruction::Activation { to, .. } | Instruction::Sum { to, .. } => *to,
        };
        let mut result = std::mem::take(&mut nodes[to]);
        match instruction {
            Instruction::Weights { from, sums, layer, .. } => {
                weights(sums, layer, &inputs.variances[*from], &nodes[*from], &mut result);
            }
            Instruction::Activation { from, slots, dual, .. } => {
                let positions = inputs.stage.positions(*from);
                let offsets = inputs.block.images.map(|images| images.map(|image| image * positions));
                let series = inputs.of_stage.series[*from].as_ref().map(|coefficients| (coefficients, &offsets));
                let input = Activated {
                    from: &nodes[*from],
                    pairs: &program.pairs[*from],
                    slots,
                    before: &inputs.variances[*from],
                    behind: &inputs.variances[to],
                    series,
                };
                activation(*dual, &input, &mut result);
            }
            Instruction::Sum { branches, slots, .. } => {
                sum(slots, branches.map(|branch| &nodes[branch]), &mut result);
            }
        }
        nodes[to] = result;
    }
}
