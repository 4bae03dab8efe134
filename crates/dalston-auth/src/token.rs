//! Secrets of others that the service holds: the bot's token, the key of a language model.

use std::fmt;
use zeroize::Zeroizing;

/// A text that is shown to nobody but whom it is for.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// From the setting.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself: for the one request that must carry it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Shows nothing.
impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}
