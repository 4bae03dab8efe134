//! The administrators in the chat.

/// The ids of the administrators, as the chat gives them. Nobody, unless the settings name somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Administrators(Vec<i64>);

impl Administrators {
    /// These.
    pub fn new(ids: Vec<i64>) -> Self {
        Self(ids)
    }

    /// Their ids, in the order of the settings.
    pub fn ids(&self) -> &[i64] {
        &self.0
    }
}
