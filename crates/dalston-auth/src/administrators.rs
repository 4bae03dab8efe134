//! The administrators in the chat.

/// The ids of the chat's administrators, as the chat assigns them.
///
/// The default is empty: without a setting there are no administrators.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Administrators(Vec<i64>);

impl Administrators {
    /// Creates the list from the ids of the settings.
    pub fn new(ids: Vec<i64>) -> Self {
        Self(ids)
    }

    /// Returns the ids, in the order of the settings.
    pub fn ids(&self) -> &[i64] {
        &self.0
    }
}
