//! The rules that make the protocol hold. The tests take each away.

/// A rule of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// An answer is used only if nothing made it void since its stamp.
    Stamp,
    /// The stamp is taken before the store is asked, not when the answer comes.
    StampBefore,
    /// An answer is kept only if the node had heard of the key's last change before it asked for the key. What it has
    /// not heard of, a fail-over can take back without its notice; and before its first poll it has heard of nothing.
    HeardOf,
    /// A kept answer is used only while the node has heard from the store less than the freshness ago.
    Freshness,
    /// A poll tells what the store had when the poll began, however late its answer comes.
    HeardBefore,
    /// A node has heard from the store when a poll brought the last change, not a page of those before it.
    WholeRecord,
    /// A poll's answer is taken only if the node's mark is still the one that it asked with.
    InTurn,
    /// A mark is in the record only if its link is.
    Link,
    /// What a server says that is no primary counts as no answer.
    Role,
    /// A node hears of its own change before its client does.
    OwnChange,
    /// An outage is no refusal.
    Outage,
}

/// All rules, or all but one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rules {
    pub(super) without: Option<Rule>,
}

impl Rules {
    pub(super) fn hold(self, rule: Rule) -> bool {
        self.without != Some(rule)
    }
}
