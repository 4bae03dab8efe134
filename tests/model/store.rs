//! The store: a record of changes with numbers in commit order, and one key whose state they make.

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Change {
    /// The key is revoked or disabled.
    Off,
    /// The key is made, or enabled again.
    On,
    /// Another key changes.
    Other,
}

/// A place in the record. That a fail-over came between stands for the link of the chain: the record that was written
/// after it has other links at the same numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Mark {
    pub(super) seq: u8,
    history: u8,
}

/// What a node hears when it asks what changed after a mark.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Heard {
    /// The mark is in the record. Whether the key is among the changes behind it, and the mark at the last of these;
    /// `all`: there were no more.
    Changes { touches: bool, mark: Mark, all: bool },
    /// The mark is not in the record. The end of the record.
    Diverged(Mark),
}

/// The key as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Row {
    pub(super) live: bool,
    /// The number of the key's last change; 0 before the first.
    pub(super) seq: u8,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Store {
    record: Vec<(Change, Mark)>,
    history: u8,
    /// What the server says that was the primary before and hears of no change any more, if there is one.
    demoted: Option<Vec<(Change, Mark)>>,
}

impl Store {
    pub(super) fn length(&self) -> usize {
        self.record.len()
    }

    pub(super) fn failovers(&self) -> u8 {
        self.history
    }

    pub(super) fn row(&self) -> Row {
        let last = self.record.iter().rev().find(|(change, _)| *change != Change::Other);
        last.map_or(Row { live: true, seq: 0 }, |(change, mark)| Row { live: *change == Change::On, seq: mark.seq })
    }

    pub(super) fn commit(&mut self, change: Change) {
        let mark = Mark { seq: self.end().seq + 1, history: self.history };
        self.record.push((change, mark));
    }

    /// A replica takes over that has heard of the first `kept` changes only.
    pub(super) fn fail_over(&mut self, kept: usize) {
        self.record.truncate(kept);
        self.history += 1;
    }

    /// Another server takes over that has heard of all changes. The one before is no primary any more, and some
    /// connections still lead there.
    pub(super) fn demote(&mut self) {
        self.demoted = Some(self.record.clone());
    }

    /// The server that was the primary before.
    pub(super) fn demoted(&self) -> Option<Self> {
        let record = self.demoted.clone()?;
        Some(Self { record, history: self.history, demoted: None })
    }

    fn has(&self, mark: Mark) -> bool {
        mark.seq == 0 || self.record.iter().any(|(_, own)| *own == mark)
    }

    /// One page of what is behind the mark: a single change, so that there are several pages. `linked`: the link is
    /// looked at, not the number alone.
    pub(super) fn after(&self, mark: Option<Mark>, linked: bool) -> Heard {
        let known = mark.filter(|mark| if linked { self.has(*mark) } else { mark.seq <= self.end().seq });
        let Some(known) = known else { return Heard::Diverged(self.end()) };
        let next = self.record.get(usize::from(known.seq));
        let (touches, mark) = next.map_or((false, known), |(change, mark)| (*change != Change::Other, *mark));
        Heard::Changes { touches, mark, all: mark.seq == self.end().seq }
    }

    fn end(&self) -> Mark {
        self.record.last().map(|(_, mark)| *mark).unwrap_or_default()
    }
}
