//! The list of nodes, and the places by which they go.

use super::{Rule, Rules};
use stateright::{Model, Property};

pub(super) const SUM: &str = "the shares of the nodes on the list add up to the limit at most";

const NODES: usize = 3;
/// Registrations that are looked at.
const TURNS: u8 = 6;
/// Answers on their way to a node at once.
const ANSWERS: usize = 2;

#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    pub(super) limit: u8,
    pub(super) rules: Rules,
}

/// What the counter says to a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    turn: u8,
    nodes: u8,
    rank: Option<u8>,
}

/// A node on the list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Entry {
    joined: u8,
    turn: u8,
    seen: u8,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Node {
    entry: Option<Entry>,
    place: Option<Place>,
    /// Answers that it has not heard.
    answers: Vec<Place>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct World {
    turn: u8,
    nodes: [Node; NODES],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A node registers. Its answer is heard later, or never.
    Enlist(usize),
    /// It hears one of the answers.
    Hear(usize, usize),
    /// It leaves, and is not seen again.
    Leave(usize),
}

impl Places {
    fn enlist(&self, world: &mut World, node: usize) {
        world.turn += 1;
        let turn = world.turn;
        let own = &mut world.nodes[node];
        let seen = own.place.map_or(0, |place| place.turn);
        let joined = own.entry.as_ref().map_or(turn, |entry| entry.joined);
        own.entry = Some(Entry { joined, turn, seen });
        let earlier: Vec<&Entry> =
            world.nodes.iter().filter_map(|other| other.entry.as_ref()).filter(|it| it.joined < joined).collect();
        let knows = |entry: &&Entry| if self.rules.hold(Rule::Said) { entry.seen } else { entry.turn } >= joined;
        let is_known = earlier.iter().all(knows) || !self.rules.hold(Rule::Known);
        let rank = is_known.then(|| u8::try_from(earlier.len()).unwrap());
        let nodes = u8::try_from(world.nodes.iter().filter(|node| node.entry.is_some()).count()).unwrap();
        let answers = &mut world.nodes[node].answers;
        answers.push(Place { turn, nodes, rank });
        if answers.len() > ANSWERS {
            answers.remove(0);
        }
    }

    fn hear(&self, node: &mut Node, answer: usize) {
        let place = node.answers.remove(answer);
        if node.place.is_none_or(|before| before.turn < place.turn) || !self.rules.hold(Rule::Newer) {
            node.place = Some(place);
        }
    }

    fn share(&self, node: &Node) -> u8 {
        match (&node.entry, node.place) {
            (Some(_), Some(Place { nodes, rank: Some(rank), .. })) => self.limit.saturating_sub(rank).div_ceil(nodes),
            _ => 0,
        }
    }

    fn sum(&self, world: &World) -> u8 {
        world.nodes.iter().map(|node| self.share(node)).sum()
    }
}

impl Model for Places {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::default()]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        for (place, node) in world.nodes.iter().enumerate() {
            if world.turn < TURNS {
                steps.push(Step::Enlist(place));
            }
            steps.extend((0..node.answers.len()).map(|answer| Step::Hear(place, answer)));
            if node.entry.is_some() {
                steps.push(Step::Leave(place));
            }
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        match step {
            Step::Enlist(node) => self.enlist(&mut next, node),
            Step::Hear(node, answer) => self.hear(&mut next.nodes[node], answer),
            Step::Leave(node) => next.nodes[node] = Node::default(),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(SUM, |it: &Self, world: &World| it.sum(world) <= it.limit),
            Property::sometimes("two nodes share the limit", |it: &Self, world: &World| {
                let is_of_two = |node: &&Node| node.place.is_some_and(|place| place.nodes == 2);
                it.sum(world) == it.limit && world.nodes.iter().filter(is_of_two).count() == 2
            }),
        ]
    }
}
