//! The bot's command menus, from the registry: one for guests, one for each administrator.

use super::{bot::Bot, bot_api_error::BotApiError};
use dalston_command::{CommandSpec, Registry};
use dalston_model::ScopeSet;
use serde_json::{Value, json};

/// Limits of the Bot API.
const NAME: usize = 32;
const DESCRIPTION: usize = 256;
const COMMANDS: usize = 100;

impl Bot {
    /// Sets the command menus: the default one for guests, and one for each administrator.
    pub(crate) async fn set_menus(&self) -> Result<(), BotApiError> {
        // The default menu: commands that any guest may use.
        let guests = menu(self.dialogue.registry(), ScopeSet::NONE);
        self.telegram.set_commands(&guests, &json!({"type": "default"})).await?;
        for user in self.administrators.ids() {
            let commands = menu(self.dialogue.registry(), self.caller(*user, None).scopes());
            let scope = json!({"type": "chat", "chat_id": user});
            match self.telegram.set_commands(&commands, &scope).await {
                // An administrator who never wrote to the bot has no chat with it yet, and sees the guests' menu.
                Err(BotApiError::Refused { code, .. }) => {
                    tracing::info!(
                        event = "telegram.menu_refused",
                        user,
                        code,
                        "could not set an administrator's menu"
                    );
                }
                other => other?,
            }
        }
        Ok(())
    }
}

/// The commands that a caller with these scopes may use, in the Bot API's JSON.
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
