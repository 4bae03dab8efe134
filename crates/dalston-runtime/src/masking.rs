//! Collects the secrets of the settings for the mask of logs, chats and language models.

use crate::{SETTINGS, settings_reader::SettingsReader, settings_table::BOT_TOKEN};
use dalston_auth::{Mask, SecretText};
use dalston_chat::webhook_secret;

impl SettingsReader<'_> {
    /// Builds a mask of every secret of the settings. The mask keeps only digests.
    pub(crate) fn mask(&self) -> Mask {
        let mut mask = Mask::default();
        for text in SETTINGS.iter().filter(|row| row.secret).filter_map(|row| self.text(row)) {
            for secret in text.split(',').map(str::trim).chain([text.trim()]) {
                match secret.split_once("://") {
                    Some((_, rest)) => parts(rest).for_each(|part| mask.hide(part)),
                    None => mask.hide(secret),
                }
            }
        }
        if let Some(token) = self.text(&BOT_TOKEN.row) {
            mask.hide(&webhook_secret(&SecretText::new(token.to_owned())));
        }
        mask
    }
}

/// The secret parts of a URL: its password and its query. Nothing else in it is secret.
fn parts(url: &str) -> impl Iterator<Item = &str> {
    let (before, query) = url.split_once('?').unwrap_or((url, ""));
    let password = before.rsplit_once('@').and_then(|(user, _)| user.split_once(':')).map(|(_, password)| password);
    let is_secret = move |part: &&str| url.matches(*part).count() == 1;
    password.into_iter().chain(query.split('&').filter_map(|pair| Some(pair.split_once('=')?.1))).filter(is_secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_of_the_settings_is_masked_and_nothing_else() {
        let secrets = [
            ("DALSTON_STORE", "postgres://dalston:s3cret-of-the-store@db/dalston?sslmode=require"),
            ("DALSTON_RATE_STORE", "redis://:s3cret-of-the-counter@cache:6379/0"),
            ("DALSTON_MASTER_KEY", "s3cret-of-the-old-master-0123456789,s3cret-of-the-new-master-0123456789"),
            ("DALSTON_PEPPER", "s3cret-of-the,pepper"),
            ("TELEGRAM_BOT_TOKEN", "123456:s3cret-of-the-bot"),
            ("DALSTON_LLM_API_KEY", "s3cret-of-the-model"),
            ("DALSTON_ENGINE_API_KEY", "s3cret-of-the-engine"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret/of/the/bucket"),
            ("DALSTON_WORKERS", "ws://a:s3cret-of-a@h/session#4,ws://h/session?token=s3cret-of-b"),
        ];
        let lookup = |variable: &str| {
            let found = secrets.iter().find(|(name, _)| *name == variable);
            found.map(|(_, value)| (*value).to_owned())
        };
        let mask = SettingsReader::new(&lookup).mask();
        for setting in SETTINGS.iter().filter(|setting| setting.secret) {
            let (name, value) = secrets.iter().find(|(name, _)| *name == setting.variable()).expect("a case for each");
            let out = mask.text(value).into_owned();
            assert!(!out.contains("s3cret"), "{name} {out}");
        }
        let pieces =
            ["s3cret-of-the-store", "s3cret-of-the-counter", "s3cret-of-the-new-master-0123456789", "s3cret-of-b"];
        for piece in pieces {
            assert_eq!(mask.text(&format!("is {piece} good?")), format!("is {} good?", "*".repeat(piece.len())));
        }
        let told = mask.text(&webhook_secret(&SecretText::new("123456:s3cret-of-the-bot".to_owned()))).into_owned();
        assert!(told.bytes().all(|byte| byte == b'*'), "{told}");
        let weak = |_: &str| Some("postgres://postgres:postgres@h/d".to_owned());
        assert_eq!(SettingsReader::new(&weak).mask().text("store=postgres"), "store=postgres");
    }
}
