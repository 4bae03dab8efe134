//! The menu: the commands of the registry, for guests and for each administrator.

use super::{bot::Bot, bot_api_error::BotApiError};
use dalston_command::{Registry, CommandSpec};
use dalston_model::ScopeSet;
use serde_json::{Value, json};

/// The chat's limits.
const NAME: usize = 32;
const DESCRIPTION: usize = 256;
const COMMANDS: usize = 100;

impl Bot {
    /// Sets the menus: what guests may use for everybody, what administrators may use for each of them.
    pub(crate) async fn set_menus(&self) -> Result<(), BotApiError> {
        // A guest whom nothing names: what any guest may use.
        let guests = menu(self.dialogue.registry(), ScopeSet::NONE);
        self.telegram.set_commands(&guests, &json!({"type": "default"})).await?;
        for user in self.administrators.ids() {
            let commands = menu(self.dialogue.registry(), self.caller(*user, None).scopes());
            let scope = json!({"type": "chat", "chat_id": user});
            match self.telegram.set_commands(&commands, &scope).await {
                // Whoever never spoke to the bot has no chat with it yet, and sees what guests see.
                Err(BotApiError::Refused { code, .. }) => tracing::info!(user, code, "an administrator has no menu"),
                other => other?,
            }
        }
        Ok(())
    }
}

/// The commands that a caller with these scopes may use, as the Bot API takes them.
fn menu(registry: &Registry, scopes: ScopeSet) -> Value {
    registry.of(scopes).filter(|row| row.slash().len() <= NAME).take(COMMANDS).map(item).collect()
}

fn item(row: &CommandSpec) -> Value {
    let arguments = if row.example.is_empty() { String::new() } else { format!(" For example: {}", row.example) };
    let description: String = row.summary.chars().chain(arguments.chars()).take(DESCRIPTION).collect();
    json!({"command": row.slash().trim_start_matches('/'), "description": description})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_fits_into_the_menu() {
        let registry = Registry::new();
        for row in registry.rows() {
            let item = item(row);
            let name = item["command"].as_str().unwrap();
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            assert!((1..=NAME).contains(&name.len()) && name.bytes().all(plain), "{name}");
            assert!((1..=DESCRIPTION).contains(&item["description"].as_str().unwrap().chars().count()), "{name}");
        }
    }
}
