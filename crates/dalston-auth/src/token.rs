//! Third-party secrets that the service holds: the bot's token, the key of a language model.

use std::fmt;
use zeroize::Zeroizing;

/// A secret text, which is wiped when dropped and not shown by `Debug`.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Creates a secret from the text of a setting.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Returns the text, for the one request that must carry it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Does not show the secret.
impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}
