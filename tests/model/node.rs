//! A node: its directory with room for one answer, its mark, and what it has on the way to the store.

use super::{
    rule::{Rule, Rules},
    store::{Heard, Mark, Row},
};

/// `DALSTON_FRESHNESS`, in ticks.
pub(super) const FRESHNESS: u8 = 2;

/// A request that asks the store for the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Read {
    /// With the node's generation when it began, and the number up to which the node had heard then.
    Asked { stamp: u8, heard: Option<u8> },
    /// The answer is on its way: the key is live. `keep`: the node had heard of the key's last change when it asked.
    Live { stamp: u8, keep: bool },
}

/// A question for what changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Poll {
    /// Ticks since it began.
    age: u8,
    pub(super) asked: Option<Mark>,
    /// The answer, when it is on its way.
    pub(super) heard: Option<Heard>,
}

/// What a request comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Admitted,
    Refused,
    /// 503.
    Unavailable,
    /// The key changed while it was read: it is read once more.
    Again,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Node {
    /// Goes up with each invalidation.
    generation: u8,
    /// The generation of the last invalidation of the key, or of all.
    invalidated: u8,
    /// The directory: the stamp of the answer "the key is live", when it is there.
    held: Option<u8>,
    /// How far the node has heard; nothing before its first poll.
    mark: Option<Mark>,
    /// Ticks since that poll began by which the node has heard of all changes.
    silence: u8,
    pub(super) read: Option<Read>,
    pub(super) polls: Vec<Poll>,
    /// The store has taken a revocation that a client made on this node, and the client has not heard of it yet.
    pub(super) revoking: bool,
    /// A client heard from this node that the key is revoked, and it still is. For the properties: no node knows.
    pub(super) told: bool,
}

impl Node {
    /// A node that has just started. `old`: the age from which on all are one.
    pub(super) fn start(old: u8) -> Self {
        Self {
            generation: 0,
            invalidated: 0,
            held: None,
            mark: None,
            silence: old,
            read: None,
            polls: Vec::new(),
            revoking: false,
            told: false,
        }
    }

    pub(super) fn tick(&mut self, old: u8) {
        self.silence = old.min(self.silence + 1);
        for poll in &mut self.polls {
            poll.age = old.min(poll.age + 1);
        }
    }

    /// Whether a request that comes now is admitted without a question to the store.
    pub(super) fn admits(&self, rules: Rules) -> bool {
        self.holds(rules) && (self.silence < FRESHNESS || !rules.hold(Rule::Freshness))
    }

    /// Whether the directory has an answer that nothing made void.
    pub(super) fn holds(&self, rules: Rules) -> bool {
        self.held.is_some_and(|stamp| self.stands(stamp, rules))
    }

    fn stands(&self, stamp: u8, rules: Rules) -> bool {
        stamp >= self.invalidated || !rules.hold(Rule::Stamp)
    }

    /// A request comes whose key is not in the directory, or not for sure.
    pub(super) fn begin_read(&mut self) {
        self.read = Some(Read::Asked { stamp: self.generation, heard: self.mark.map(|mark| mark.seq) });
    }

    /// The store answers it: the key is live, or the request is refused.
    pub(super) fn answer_read(&mut self, row: Row, rules: Rules) {
        let Some(Read::Asked { stamp, heard }) = self.read else { return };
        let keep = heard.is_some_and(|heard| row.seq <= heard) || !rules.hold(Rule::HeardOf);
        self.read = row.live.then_some(Read::Live { stamp, keep });
    }

    /// What the request comes to if the answer comes now.
    pub(super) fn decision(&self, rules: Rules) -> Option<Verdict> {
        match self.read.as_ref()? {
            Read::Asked { .. } => None,
            Read::Live { stamp, .. } if self.stands(self.stamp(*stamp, rules), rules) => Some(Verdict::Admitted),
            Read::Live { .. } => Some(Verdict::Again),
        }
    }

    /// What a request comes to if its read fails now: the question or the answer is lost, or the store is down.
    /// `stale`: the setting by which an answer outlives an outage for as long again as the freshness.
    pub(super) fn verdict_in_outage(&self, stale: bool, rules: Rules) -> Verdict {
        if stale && self.holds(rules) && self.silence < 2 * FRESHNESS {
            Verdict::Admitted
        } else if rules.hold(Rule::Outage) {
            Verdict::Unavailable
        } else {
            Verdict::Refused
        }
    }

    /// The answer of the store comes.
    pub(super) fn end_read(&mut self, rules: Rules) {
        let decision = self.decision(rules);
        if let Some(Read::Live { stamp, keep: true }) = self.read.take()
            && decision == Some(Verdict::Admitted)
        {
            self.held = Some(self.stamp(stamp, rules));
        }
    }

    /// No answer comes.
    pub(super) fn lose_read(&mut self) {
        self.read = None;
    }

    fn stamp(&self, before: u8, rules: Rules) -> u8 {
        if rules.hold(Rule::StampBefore) { before } else { self.generation }
    }

    /// Asks what changed: because it is time, or because of a wake-up.
    pub(super) fn begin_poll(&mut self) {
        self.polls.push(Poll { age: 0, asked: self.mark, heard: None });
    }

    /// The answer to this poll comes.
    pub(super) fn end_poll(&mut self, poll: &Poll, rules: Rules) {
        if poll.asked != self.mark && rules.hold(Rule::InTurn) {
            return;
        }
        let whole = match &poll.heard {
            None => return,
            Some(Heard::Changes { touches, mark, all }) => {
                if *touches {
                    self.invalidate();
                }
                self.mark = Some(*mark);
                *all || !rules.hold(Rule::WholeRecord)
            }
            Some(Heard::Diverged(end)) => {
                self.invalidate();
                self.mark = Some(*end);
                true
            }
        };
        if whole {
            self.silence = self.silence.min(if rules.hold(Rule::HeardBefore) { poll.age } else { 0 });
        }
    }

    /// The node hears that the store has taken the revocation, and tells the client.
    pub(super) fn acknowledge(&mut self, rules: Rules) {
        if rules.hold(Rule::OwnChange) {
            self.invalidate();
        }
        self.revoking = false;
        self.told = true;
    }

    fn invalidate(&mut self) {
        self.generation += 1;
        self.invalidated = self.generation;
    }

    /// It crashes and starts again.
    pub(super) fn crash(&mut self, old: u8) {
        *self = Self { told: self.told, ..Self::start(old) };
    }

    /// Forgets what has no effect any more, and keeps the generations small: of a stamp it only matters whether it is
    /// void. So there are few states.
    pub(super) fn settle(&mut self, rules: Rules) {
        self.held = self.held.filter(|stamp| self.stands(*stamp, rules));
        self.polls.retain(|poll| poll.asked == self.mark || !rules.hold(Rule::InTurn));
        self.polls.sort();
        let surplus = self.invalidated.saturating_sub(1);
        let read = self.read.as_mut().map(|(Read::Asked { stamp, .. } | Read::Live { stamp, .. })| stamp);
        let own = [&mut self.generation, &mut self.invalidated];
        for stamp in own.into_iter().chain(&mut self.held).chain(read) {
            *stamp = stamp.saturating_sub(surplus);
        }
    }
}
