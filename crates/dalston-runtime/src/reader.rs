//! Reads settings one after another, and collects what is wrong.

use crate::{
    Given, LlmSettings, Lookup, SETTINGS, Setting, TelegramSettings,
    store_url::{UNEXPANDED, is_unexpanded},
};
use dalston_auth::{KeyFormat, MasterKeyError, MasterKeys, Memory, SecretText};
use dalston_model::KnownScopes;
use std::{collections::HashMap, path::PathBuf, time::Duration};

/// A language model that does not answer in this time is given up.
const LLM_PATIENCE: Duration = Duration::from_mins(1);

/// Reads one setting after another and collects what is wrong.
pub(crate) struct Reader<'a> {
    lookup: &'a Lookup<'a>,
    /// By the variable that a setting is known by. Read once: a file may be a pipe.
    given: HashMap<&'static str, Given>,
    pub(crate) wrong: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(lookup: &'a Lookup<'a>) -> Self {
        let mut reader = Self { lookup, given: HashMap::new(), wrong: Vec::new() };
        for setting in SETTINGS {
            match setting.given(lookup) {
                Ok(given) => reader.given.extend(given.map(|given| (setting.variable(), given))),
                Err(wrong) => reader.wrong.push(wrong),
            }
        }
        reader
    }

    /// What is set, be it by flag, variable or file.
    pub(crate) fn value(&self, variable: &str) -> Option<String> {
        self.given.get(variable).map(|given| given.text.clone())
    }

    /// A variable of the environment that is no setting.
    pub(crate) fn raw(&self, variable: &str) -> Option<String> {
        (self.lookup)(variable)
    }

    /// What is set, or the default.
    pub(crate) fn text(&self, variable: &str) -> String {
        let default = SETTINGS.iter().find(|setting| setting.variable() == variable).map_or("", |it| it.default);
        self.value(variable).unwrap_or_else(|| default.to_owned())
    }

    /// What is set, or the default, as a path.
    pub(crate) fn path(&mut self, variable: &str) -> PathBuf {
        let text = self.text(variable);
        if is_unexpanded(&text) {
            self.refuse(variable, UNEXPANDED);
        }
        text.into()
    }

    /// What is not wrong, and is to be said all the same.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let trimmed = self.given.get("DALSTON_PEPPER").filter(|pepper| pepper.was_trimmed);
        let said = |pepper: &Given| {
            format!(
                "white space around {} is no part of it: keys that an earlier version made with it are not accepted",
                pepper.variable
            )
        };
        trimmed.map(said).into_iter().collect()
    }

    /// Names the variable that was set: it is the one to be mended.
    pub(crate) fn refuse(&mut self, variable: &str, wanted: &str) {
        let variable = self.given.get(variable).map_or(variable, |given| &given.variable);
        self.wrong.push(format!("{variable} {wanted}"));
    }

    pub(crate) fn given<T>(&mut self, variable: &str, wanted: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.value(variable)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            self.refuse(variable, wanted);
        }
        parsed
    }

    pub(crate) fn read<T>(&mut self, variable: &str, wanted: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let parsed = parse(&self.text(variable));
        if parsed.is_none() {
            self.refuse(variable, wanted);
        }
        parsed
    }

    pub(crate) fn choice(&mut self, variable: &str, wanted: &str, choices: &[&str]) -> String {
        let text = self.text(variable).to_ascii_lowercase();
        if !choices.contains(&text.as_str()) {
            self.refuse(variable, wanted);
        }
        text
    }

    pub(crate) fn list<T>(&mut self, variable: &str, wanted: &str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let text = self.text(variable);
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let parsed: Option<Vec<T>> = words.map(parse).collect();
        parsed.unwrap_or_else(|| {
            self.refuse(variable, wanted);
            Vec::new()
        })
    }

    /// How live keys are kept in memory.
    pub(crate) fn memory(&mut self) -> Option<Memory> {
        let freshness = self.read("DALSTON_FRESHNESS", "must be a number of seconds from 0 to 60", |text| {
            let seconds = text.parse().ok().filter(|seconds| (0.0..=60.0).contains(seconds))?;
            Duration::try_from_secs_f64(seconds).ok()
        });
        let stale = self.choice("DALSTON_STALE", "must be true or false", &["true", "false"]) == "true";
        let keys = self.read("DALSTON_CACHED_KEYS", "must be a number from 1 on", |text| {
            text.parse().ok().filter(|keys| *keys > 0)
        });
        Some(Memory { keys: keys?, freshness: freshness?, stale })
    }

    /// The scopes that are known: the built-in ones, and those that are named.
    pub(crate) fn scopes(&mut self) -> KnownScopes {
        let variable = "DALSTON_SCOPES";
        let text = self.text(variable);
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        KnownScopes::with(names).unwrap_or_else(|error| {
            self.refuse(variable, &format!("is refused: {error}"));
            KnownScopes::default()
        })
    }

    pub(crate) fn masters(&mut self) -> MasterKeys {
        let variable = "DALSTON_MASTER_KEY";
        let Some(text) = self.value(variable) else { return MasterKeys::default() };
        MasterKeys::parse(&text, &KeyFormat::default()).unwrap_or_else(|error: MasterKeyError| {
            self.refuse(variable, &format!("is refused: {error}"));
            MasterKeys::default()
        })
    }

    /// The bot, if it has a token.
    pub(crate) fn telegram(&mut self, has_public_url: bool) -> Option<TelegramSettings> {
        let api_url = self.read("TELEGRAM_API_URL", "must be a URL: https://api.telegram.org", base_url);
        let updates = self.choice("TELEGRAM_UPDATES", "must be poll or webhook", &["poll", "webhook"]);
        let shape = "must be a token as BotFather gives it: 123456:ABC…";
        let token = self.given("TELEGRAM_BOT_TOKEN", shape, |text| {
            // It becomes a part of a path.
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b":_-".contains(&byte);
            (text.contains(':') && text.bytes().all(fits)).then(|| SecretText::new(text.to_owned()))
        })?;
        let webhook = updates == "webhook";
        if webhook && !has_public_url {
            self.refuse("TELEGRAM_UPDATES", "is webhook: DALSTON_PUBLIC_URL must say where");
        }
        Some(TelegramSettings { token, api_url: api_url?, webhook })
    }

    /// The language model, if there is a server.
    pub(crate) fn llm(&mut self) -> Option<LlmSettings> {
        let key = self.given("DALSTON_LLM_API_KEY", "must be of visible ASCII characters", |text| {
            text.bytes().all(|byte| byte.is_ascii_graphic()).then(|| SecretText::new(text.to_owned()))
        });
        let url = self.given("DALSTON_LLM_URL", "must be a URL: https://api.example.com/v1", base_url)?;
        let model = self.value("DALSTON_LLM_MODEL");
        if model.is_none() {
            self.refuse("DALSTON_LLM_MODEL", "must name the model to ask at DALSTON_LLM_URL");
        }
        Some(LlmSettings { url, model: model?, key, patience: LLM_PATIENCE })
    }

    /// The settings in force, for people to see: of a secret only whether it is set.
    pub(crate) fn shown(&self) -> serde_json::Map<String, serde_json::Value> {
        let shown = |setting: &Setting| match (setting.secret, self.value(setting.variable())) {
            (true, value) => value.is_some().then_some("(set)").into(),
            (false, value) => value.unwrap_or_else(|| setting.default.to_owned()).into(),
        };
        SETTINGS.iter().map(|setting| (setting.variable().to_owned(), shown(setting))).collect()
    }
}

/// A URL to put paths behind: http or https, a host, no credentials, no query; without a slash at the end.
pub(crate) fn base_url(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"@?#\\\"<>".contains(&byte);
    let has_host = !rest.is_empty() && !rest.starts_with(['/', ':']);
    (has_host && rest.bytes().all(fits)).then(|| text.trim_end_matches('/').to_owned())
}
