//! The store and a node, what can happen next, and what must hold.

use super::{
    node::{FRESHNESS, Node, Poll, Read, Verdict},
    rule::{Rule, Rules},
    store::{Change, Heard, Store},
};
use stateright::{Model, Property};

/// However late messages are, or lost: nobody is admitted that comes later than this after the key's end. It is counted
/// from the end in the store, which is before the client hears of it.
pub(super) const SOON: &str = "nobody is admitted later than the freshness after the key's end";
/// The node that made the change needs no message.
pub(super) const AT_ONCE: &str = "a key that a node revoked is not admitted there once the client knows";
/// With the setting, an answer outlives an outage for as long again as the freshness.
pub(super) const OUTAGE: &str = "an outage refuses nobody, and admits nobody beyond its bound";

/// Within these bounds all that can happen is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// How long the record can be.
    pub(super) changes: usize,
    /// How often a replica takes over.
    pub(super) failovers: u8,
    /// Whether another server takes over while the one before goes on answering, as a replica that hears of nothing.
    pub(super) demotes: bool,
    /// Whether a client revokes keys on the node itself.
    pub(super) revokes: bool,
    /// How many polls are on the way at the same time, with those whose answer comes again.
    pub(super) polls: usize,
    /// Whether an answer outlives an outage for as long again as the freshness.
    pub(super) stale: bool,
    pub(super) rules: Rules,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct World {
    store: Store,
    node: Node,
    /// Ticks for which the store has had the key as not live.
    dead_for: u8,
}

/// What can happen. Nothing must: any time passes between two steps. A message that is lost, or that a store which is
/// down does not answer, is one that never comes; and since a question changes nothing, it is as if it was not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Time passes.
    Tick,
    /// Somebody changes a key: another node does not differ from others here.
    Change(Change),
    /// A replica takes over that knows only so many changes.
    FailOver(usize),
    /// Another server takes over that knows all changes, and the one before goes on answering.
    Demote,
    /// That one looks, on a connection that still leads there.
    AnswerReadAsReplica,
    /// That one looks.
    AnswerPollAsReplica(usize),
    /// A client revokes the key on the node, and the store takes it.
    Revoke,
    /// The node hears that it did, and tells the client.
    Acknowledge,
    /// A request comes that has to ask the store.
    Read,
    /// The store looks.
    AnswerRead,
    /// The node hears.
    EndRead,
    /// The node asks what changed.
    Poll,
    /// The store looks.
    AnswerPoll(usize),
    /// The node hears.
    EndPoll(usize),
    /// The node hears, and may hear the same again.
    RepeatPoll(usize),
    /// The node crashes and starts again.
    Crash,
}

impl Bounds {
    /// The age from which on all are one.
    fn old(&self) -> u8 {
        if self.stale { 2 * FRESHNESS } else { FRESHNESS }
    }

    fn soon(&self, World { node, dead_for, .. }: &World) -> bool {
        *dead_for < FRESHNESS || !node.admits(self.rules)
    }

    fn at_once(&self, World { node, .. }: &World) -> bool {
        let read = node.decision(self.rules) == Some(Verdict::Admitted);
        let unread = node.verdict_in_outage(self.stale, self.rules) == Verdict::Admitted;
        !node.told || !(node.admits(self.rules) || read || unread)
    }

    fn outage(&self, World { node, dead_for, .. }: &World) -> bool {
        match node.verdict_in_outage(self.stale, self.rules) {
            Verdict::Admitted => *dead_for < 2 * FRESHNESS,
            decision => decision == Verdict::Unavailable,
        }
    }

    fn spares_the_store(&self, World { store, node, .. }: &World) -> bool {
        store.row().live && node.admits(self.rules)
    }

    fn hears_early(&self, World { store, node, .. }: &World) -> bool {
        let ended = |poll: &Poll| matches!(poll.heard, Some(Heard::Changes { touches: true, .. }));
        !store.row().live && node.admits(self.rules) && node.polls.iter().any(ended)
    }

    fn notices(&self, World { node, .. }: &World) -> bool {
        let diverged = |poll: &Poll| poll.asked.is_some() && matches!(poll.heard, Some(Heard::Diverged(_)));
        node.admits(self.rules) && node.polls.iter().any(diverged)
    }
}

impl Model for Bounds {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World { store: Store::default(), node: Node::start(self.old()), dead_for: 0 }]
    }

    fn actions(&self, World { store, node, .. }: &World, steps: &mut Vec<Step>) {
        let live = store.row().live;
        steps.extend([Step::Tick, Step::Crash]);
        if store.length() < self.changes {
            steps.extend([Step::Change(if live { Change::Off } else { Change::On }), Step::Change(Change::Other)]);
            if live && self.revokes && !node.revoking {
                steps.push(Step::Revoke);
            }
        }
        if store.failovers() < self.failovers {
            steps.extend((0..store.length()).map(Step::FailOver));
        }
        let demoted = store.demoted().is_some();
        if self.demotes && !demoted {
            steps.push(Step::Demote);
        }
        if node.revoking {
            steps.push(Step::Acknowledge);
        }
        match node.read {
            None if node.admits(self.rules) => {}
            None => steps.push(Step::Read),
            Some(Read::Asked { .. }) => {
                steps.push(Step::AnswerRead);
                steps.extend(demoted.then_some(Step::AnswerReadAsReplica));
            }
            Some(Read::Live { .. }) => steps.push(Step::EndRead),
        }
        if node.polls.len() < self.polls {
            steps.push(Step::Poll);
        }
        for (index, poll) in node.polls.iter().enumerate() {
            match poll.heard {
                None => {
                    steps.push(Step::AnswerPoll(index));
                    steps.extend(demoted.then_some(Step::AnswerPollAsReplica(index)));
                }
                Some(_) => steps.extend([Step::EndPoll(index), Step::RepeatPoll(index)]),
            }
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        let World { store, node, dead_for } = &mut next;
        match step {
            Step::Tick => {
                *dead_for = self.old().min(*dead_for + 1);
                node.tick(self.old());
            }
            Step::Change(change) => store.commit(change),
            Step::FailOver(kept) => store.fail_over(kept),
            Step::Demote => store.demote(),
            Step::AnswerReadAsReplica if self.rules.hold(Rule::Role) => node.lose_read(),
            Step::AnswerReadAsReplica => node.answer_read(store.demoted()?.row(), self.rules),
            Step::AnswerPollAsReplica(index) if self.rules.hold(Rule::Role) => drop(node.polls.remove(index)),
            Step::AnswerPollAsReplica(index) => {
                let poll = &mut node.polls[index];
                poll.heard = Some(store.demoted()?.after(poll.asked, self.rules.hold(Rule::Link)));
            }
            Step::Revoke => {
                store.commit(Change::Off);
                node.revoking = true;
            }
            Step::Acknowledge => node.acknowledge(self.rules),
            Step::Read => node.begin_read(),
            Step::AnswerRead => node.answer_read(store.row(), self.rules),
            Step::EndRead => node.end_read(self.rules),
            Step::Poll => node.begin_poll(),
            Step::AnswerPoll(index) => {
                let poll = &mut node.polls[index];
                poll.heard = Some(store.after(poll.asked, self.rules.hold(Rule::Link)));
            }
            Step::EndPoll(index) => {
                let poll = node.polls.remove(index);
                node.end_poll(&poll, self.rules);
            }
            Step::RepeatPoll(index) => node.end_poll(&node.polls[index].clone(), self.rules),
            Step::Crash => node.crash(self.old()),
        }
        if store.row().live {
            *dead_for = 0;
            node.told = false;
        }
        node.settle(self.rules);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(SOON, Self::soon),
            Property::always(AT_ONCE, Self::at_once),
            Property::always(OUTAGE, Self::outage),
            Property::sometimes("a request is admitted without a question to the store", Self::spares_the_store),
            Property::sometimes("a node hears of a key's end before the freshness is over", Self::hears_early),
            Property::sometimes("a node that holds an answer notices a fail-over", |bounds, world| {
                bounds.failovers == 0 || bounds.notices(world)
            }),
        ]
    }
}
