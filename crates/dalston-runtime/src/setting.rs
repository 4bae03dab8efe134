//! A setting: how it is listed, and how its text is read.

/// A setting as it is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingRow {
    /// The variables that hold it; the first that is set counts.
    pub variables: &'static [&'static str],
    /// What it is unless set, as text. Empty: nothing.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Whether it must not be shown. It may then lie in a file.
    pub secret: bool,
    /// Whether quotes around it have a meaning.
    pub(crate) takes_quotes: bool,
    /// The name of its flag, where that of its variable is the name of a parameter.
    flag: Option<&'static str>,
}

/// The row of a setting that these variables hold.
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

    /// The variable that names a file with the value of this one; only secrets have it.
    pub fn file_variable(&self, variable: &str) -> Option<String> {
        self.secret.then(|| format!("{variable}_FILE"))
    }

    /// The variable that it is known by.
    pub const fn variable(&self) -> &'static str {
        self.variables[0]
    }

    /// The name of its flag: `listen` of `DALSTON_LISTEN`.
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

/// Reads the text of a setting.
pub(crate) enum Parser<T> {
    /// With one sentence for all that is wrong: what the text must be.
    Must(&'static str, fn(&str) -> Option<T>),
    /// With an error of its own for each thing that may be wrong.
    By(fn(&str) -> Result<T, String>),
}

impl<T> Setting<T> {
    /// The value of this text. `Err`: what is wrong, to stand behind the name of the variable, without the text.
    pub(crate) fn parse(&self, text: &str) -> Result<T, String> {
        match self.parser {
            Parser::Must(wanted, parse) => parse(text).ok_or_else(|| format!("must be {wanted}")),
            Parser::By(parse) => parse(text),
        }
    }
}
