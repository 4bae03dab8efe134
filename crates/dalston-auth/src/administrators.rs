//! The administrators in the chat.

use crate::{Caller, Identity};
use dalston_model::Source;

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

    /// Who a user of the chat is. The chat itself must vouch for the id: one that somebody writes into a header or a
    /// body proves nothing.
    pub fn caller(&self, user: i64, source: Source) -> Caller {
        let is_admin = self.0.contains(&user);
        Caller::new(if is_admin { Identity::ChatAdmin(user) } else { Identity::ChatGuest(user) }, source)
    }
}
