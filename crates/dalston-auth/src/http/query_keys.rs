//! Where a key in the query is taken.

/// Where a key in the query is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueryKeys {
    /// On the stream's route only.
    #[default]
    Stream,
    /// On every route.
    All,
    /// Nowhere.
    Off,
}
