//! Definition of a setting: its documentation and its parser.

/// The documentation of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingRow {
    /// The environment variables that hold it; the first that is set takes precedence.
    pub variables: &'static [&'static str],
    /// The default as text; empty for none.
    pub default: &'static str,
    /// Its description.
    pub meaning: &'static str,
    /// Whether it is secret: it is never shown, and may be read from a file.
    pub secret: bool,
    /// Whether quotes around the value are significant.
    pub(crate) takes_quotes: bool,
    /// The name of its flag, if that of its variable collides with a command parameter.
    flag: Option<&'static str>,
}

/// A row for a setting in these variables.
pub(crate) const fn row(variables: &'static [&'static str]) -> SettingRow {
    SettingRow { variables, default: "", meaning: "", secret: false, takes_quotes: false, flag: None }
}

impl SettingRow {
    pub(crate) const fn or(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    pub(crate) const fn means(self, meaning: &'static str) -> Self {
        Self { meaning, ..self }
    }

    pub(crate) const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    pub(crate) const fn takes_quotes(self) -> Self {
        Self { takes_quotes: true, ..self }
    }

    pub(crate) const fn flagged(self, flag: &'static str) -> Self {
        Self { flag: Some(flag), ..self }
    }

    /// The variable that names a file with the value of this one; `None` unless it is a secret.
    pub fn file_variable(&self, variable: &str) -> Option<String> {
        self.secret.then(|| format!("{variable}_FILE"))
    }

    /// The main variable.
    pub const fn variable(&self) -> &'static str {
        self.variables[0]
    }

    /// The name of its flag: `listen` for `DALSTON_LISTEN`.
    pub fn flag(&self) -> String {
        self.flag.map_or_else(|| self.plain_flag(), str::to_owned)
    }

    fn plain_flag(&self) -> String {
        self.variable().trim_start_matches("DALSTON_").to_ascii_lowercase().replace('_', "-")
    }
}

/// A setting whose value has the type `T`.
pub(crate) struct Setting<T> {
    pub(crate) row: SettingRow,
    pub(crate) parser: Parser<T>,
}

/// Parses the text of a setting.
pub(crate) enum Parser<T> {
    /// With one error text for every wrong value: what the text must be.
    Must(&'static str, fn(&str) -> Option<T>),
    /// With a specific error text for each wrong value.
    By(fn(&str) -> Result<T, String>),
}

impl<T> Setting<T> {
    /// Parses this text. `Err`: what is wrong, phrased to follow the name of the variable, without the text.
    pub(crate) fn parse(&self, text: &str) -> Result<T, String> {
        match self.parser {
            Parser::Must(wanted, parse) => parse(text).ok_or_else(|| format!("must be {wanted}")),
            Parser::By(parse) => parse(text),
        }
    }
}
