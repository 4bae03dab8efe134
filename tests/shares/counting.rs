//! Two nodes and the counter that they share.

use super::{Rule, Rules, WINDOW};
use stateright::{Model, Property};

/// While both are cut off, their shares are all that is admitted.
pub(super) const SHARES: &str = "what nodes admit alone adds up to the limit at most";
/// What a node was given is part of its share.
pub(super) const SHARE: &str = "a node adds no more than its share to the limit, less what it was given";
pub(super) const GIVEN: &str = "the counter gives no more than the limit";
/// But for questions whose answers were late, of which nothing was admitted.
pub(super) const ONCE: &str = "the counter counts nothing twice";
pub(super) const STRICT: &str = "strict nodes admit no more than the limit";

/// Units by their age in ticks. What is older than a window is forgotten.
type Ages = [u8; WINDOW];

#[derive(Debug, Clone, Copy)]
pub(super) struct Counting {
    pub(super) limit: u8,
    pub(super) strict: bool,
    pub(super) rules: Rules,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Node {
    /// What it admitted because the counter said so, and without it.
    given: Ages,
    alone: Ages,
    /// What the counter knows of the latter.
    known: Ages,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct World {
    nodes: [Node; 2],
    counted: Ages,
    /// What was counted for a question whose answer nobody heard.
    vain: Ages,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Time passes.
    Tick,
    /// A request comes to a node, and the counter answers in time.
    Ask(usize),
    /// The counter counts it, and the answer comes too late.
    AskLate(usize),
    /// The question does not arrive.
    AskInVain(usize),
    /// The counter hears what a node admitted alone. Whether the node hears of that changes nothing: it may report the
    /// same again.
    Report(usize),
}

fn sum(ages: &Ages) -> u8 {
    ages.iter().sum()
}

fn tick(ages: &mut Ages) {
    ages.rotate_right(1);
    ages[0] = 0;
}

impl Counting {
    /// The share of a node, as it should be.
    fn share(&self, node: usize) -> u8 {
        (self.limit - u8::try_from(node).unwrap().min(self.limit)).div_ceil(2)
    }

    fn report(&self, world: &mut World, node: usize) {
        let World { nodes, counted, .. } = world;
        let Node { alone, known, .. } = &mut nodes[node];
        for age in 0..WINDOW {
            let more = if self.rules.hold(Rule::Once) { alone[age] - known[age] } else { alone[age] };
            let place = if self.rules.hold(Rule::Age) { age } else { age + 1 };
            if let Some(units) = counted.get_mut(place) {
                // More than four times the limit is as good as more.
                *units = (*units + more).min(4 * self.limit);
            }
            known[age] = alone[age];
        }
    }

    fn take(&self, world: &mut World) -> bool {
        let admits = sum(&world.counted) < self.limit;
        world.counted[0] += u8::from(admits);
        admits
    }

    fn ask(&self, world: &mut World, node: usize) {
        if self.rules.hold(Rule::ReportFirst) {
            self.report(world, node);
        }
        let admits = self.take(world);
        world.nodes[node].given[0] += u8::from(admits);
    }

    /// The node decides without the counter.
    fn decide(&self, world: &mut World, node: usize) {
        let share = match self.strict && self.rules.hold(Rule::Strict) {
            true => 0,
            false if self.rules.hold(Rule::Rest) => self.share(node),
            false => self.limit.div_ceil(2),
        };
        let Node { given, alone, .. } = &mut world.nodes[node];
        let used = sum(alone) + if self.rules.hold(Rule::OwnUse) { sum(given) } else { 0 };
        alone[0] += u8::from(used < share);
    }

    fn admitted(world: &World) -> u8 {
        world.nodes.iter().map(|node| sum(&node.given) + sum(&node.alone)).sum()
    }

    fn adds_its_share(&self, world: &World) -> bool {
        let left = |(place, node): (usize, &Node)| self.share(place).saturating_sub(sum(&node.given));
        Self::admitted(world) <= self.limit + world.nodes.iter().enumerate().map(left).sum::<u8>()
    }

    fn counts_once(world: &World) -> bool {
        sum(&world.counted) <= Self::admitted(world) + sum(&world.vain)
    }
}

impl Model for Counting {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::default()]
    }

    fn actions(&self, _: &World, steps: &mut Vec<Step>) {
        steps.push(Step::Tick);
        for node in 0..2 {
            steps.extend([Step::Ask(node), Step::AskLate(node), Step::AskInVain(node), Step::Report(node)]);
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        match step {
            Step::Tick => {
                let World { nodes, counted, vain } = &mut next;
                let of_nodes = nodes.iter_mut().flat_map(|node| [&mut node.given, &mut node.alone, &mut node.known]);
                of_nodes.chain([counted, vain]).for_each(tick);
            }
            Step::Ask(node) => self.ask(&mut next, node),
            Step::AskLate(node) => {
                let counts = self.take(&mut next);
                next.vain[0] += u8::from(counts);
                self.decide(&mut next, node);
            }
            Step::AskInVain(node) => self.decide(&mut next, node),
            Step::Report(node) => self.report(&mut next, node),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(GIVEN, |it: &Self, world: &World| {
                world.nodes.iter().map(|node| sum(&node.given)).sum::<u8>() <= it.limit
            }),
            Property::always(SHARES, |it: &Self, world: &World| {
                world.nodes.iter().map(|node| sum(&node.alone)).sum::<u8>() <= it.limit
            }),
            Property::always(SHARE, Self::adds_its_share),
            Property::always(ONCE, |_: &Self, world: &World| Self::counts_once(world)),
            Property::always(STRICT, |it: &Self, world: &World| !it.strict || Self::admitted(world) <= it.limit),
            Property::sometimes("the limit is admitted", |it: &Self, world: &World| Self::admitted(world) == it.limit),
            Property::sometimes("a node that is cut off adds its share", |it: &Self, world: &World| {
                it.strict || Self::admitted(world) == it.limit + it.share(0)
            }),
        ]
    }
}
