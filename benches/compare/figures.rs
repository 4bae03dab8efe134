//! What was measured, and its medians.

/// One turn of one server.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    /// Requests a second.
    pub(crate) rate: f64,
    /// Median latency, in microseconds.
    pub(crate) p50: f64,
    /// Of a hundred requests one took longer, in microseconds.
    pub(crate) p99: f64,
    /// Processor seconds of the server for 100,000 requests.
    pub(crate) cpu: f64,
    /// Those of its store.
    pub(crate) store_cpu: f64,
    /// Resident memory of the server, in bytes.
    pub(crate) resident: u64,
    /// That of its store.
    pub(crate) store_resident: u64,
    /// How much of the core both used: below 1 the load was not heavy enough, or the server waited.
    pub(crate) busy: f64,
}

/// A peer's turn and that of the bare handler beside it.
pub(crate) struct Pair {
    /// The bare handler.
    pub(crate) bare: Figures,
    /// The peer.
    pub(crate) peer: Figures,
}

/// A peer's turns.
pub(crate) struct Row {
    /// The peer.
    pub(crate) name: &'static str,
    /// One for each round.
    pub(crate) rounds: Vec<Pair>,
}

/// The middle, the least and the greatest of a row.
pub(crate) struct Spread {
    /// The median.
    pub(crate) middle: f64,
    /// The least.
    pub(crate) least: f64,
    /// The greatest.
    pub(crate) greatest: f64,
}

impl Pair {
    /// For the one who waits.
    pub(crate) fn line(&self) -> String {
        format!(
            "{:.0} requests/s, {:.2} of the bare handler's {:.0}; {:.2} times its processor time",
            self.peer.rate,
            self.ratio(|figures| figures.rate),
            self.bare.rate,
            self.ratio(Figures::all_cpu),
        )
    }

    /// A figure of the peer for each one of the bare handler.
    pub(crate) fn ratio(&self, figure: impl Fn(&Figures) -> f64) -> f64 {
        figure(&self.peer) / figure(&self.bare)
    }
}

impl Row {
    /// A figure of the peer over its turns.
    pub(crate) fn figure(&self, figure: impl Fn(&Figures) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(|pair| figure(&pair.peer)))
    }

    /// A ratio to the bare handler, taken within each round.
    pub(crate) fn ratio(&self, figure: impl Fn(&Figures) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(|pair| pair.ratio(&figure)))
    }
}

impl Figures {
    /// Processor seconds of the server and its store for 100,000 requests.
    pub(crate) fn all_cpu(&self) -> f64 {
        self.cpu + self.store_cpu
    }

    /// Resident memory of the server and its store, in MiB.
    pub(crate) fn all_resident(&self) -> f64 {
        mebibytes(self.resident + self.store_resident)
    }

    /// Resident memory of its store, in MiB.
    pub(crate) fn stored(&self) -> f64 {
        mebibytes(self.store_resident)
    }
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut all: Vec<f64> = values.collect();
        all.sort_by(f64::total_cmp);
        let (low, high) = (all.len().saturating_sub(1) / 2, all.len() / 2);
        let at = |place: usize| all.get(place).copied().unwrap_or(f64::NAN);
        Self { middle: f64::midpoint(at(low), at(high)), least: at(0), greatest: at(all.len().saturating_sub(1)) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_row_lies_between_two() {
        let spread = Spread::of([4.0, 1.0, 3.0, 8.0].into_iter());
        assert_eq!([spread.least, spread.middle, spread.greatest].map(|it| it.to_string()), ["1", "3.5", "8"]);
    }

    #[test]
    fn the_middle_of_an_odd_row_is_one_of_it() {
        assert_eq!(Spread::of([9.0, 1.0, 2.0].into_iter()).middle.to_string(), "2");
    }
}
