//! Reads the settings and collects all errors.

use crate::{
    SETTINGS, SettingRow, SettingValue, SettingsError, VariableLookup, setting::Setting, settings_table::PEPPER,
};
use std::collections::HashMap;

/// Reads settings one by one and collects all errors.
pub(crate) struct SettingsReader<'a> {
    lookup: &'a VariableLookup<'a>,
    /// The values by the main variable of each setting. Each is read once: a file may be a pipe.
    values: HashMap<&'static str, SettingValue>,
    wrong: Vec<String>,
}

impl<'a> SettingsReader<'a> {
    pub(crate) fn new(lookup: &'a VariableLookup<'a>) -> Self {
        let mut reader = Self { lookup, values: HashMap::new(), wrong: Vec::new() };
        for row in SETTINGS {
            match row.value(lookup) {
                Ok(value) => reader.values.extend(value.map(|value| (row.variable(), value))),
                Err(wrong) => reader.wrong.push(wrong),
            }
        }
        reader
    }

    /// Returns the value that is set. Records a wrong one as an error and treats it as not set.
    pub(crate) fn read_optional<T>(&mut self, setting: &Setting<T>) -> Option<T> {
        let parsed = setting.parse(self.text(&setting.row)?);
        parsed.map_err(|wrong| self.record_error(setting, &wrong)).ok()
    }

    /// Returns the value that is set, or the default. Records a wrong one as an error and returns the default instead,
    /// so that all errors are found at once. `Err`: the default is invalid.
    pub(crate) fn read<T>(&mut self, setting: &Setting<T>) -> Result<T, SettingsError> {
        let SettingRow { default, .. } = setting.row;
        self.read_optional(setting).map_or_else(|| setting.parse(default), Ok).map_err(|wrong| {
            SettingsError(vec![format!("{} is not set, and its default {wrong}", setting.row.variable())])
        })
    }

    /// Records that the value of a setting is wrong. Names the variable that was set, because that one must be
    /// corrected.
    pub(crate) fn record_error<T>(&mut self, setting: &Setting<T>, wrong: &str) {
        let value = self.values.get(setting.row.variable());
        let variable = value.map_or(setting.row.variable(), |value| &value.variable);
        self.wrong.push(format!("{variable} {wrong}"));
    }

    /// Returns `read` if there were no errors.
    pub(crate) fn finish<T>(self, read: T) -> Result<T, SettingsError> {
        if self.wrong.is_empty() { Ok(read) } else { Err(SettingsError(self.wrong)) }
    }

    /// Returns an environment variable that is not a setting.
    pub(crate) fn raw(&self, variable: &str) -> Option<String> {
        (self.lookup)(variable)
    }

    /// Returns the text that is set by flag, variable or file.
    pub(crate) fn text(&self, row: &SettingRow) -> Option<&str> {
        self.values.get(row.variable()).map(|value| value.text.as_str())
    }

    /// Warnings about settings that are valid but suspicious.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let trimmed = self.values.get(PEPPER.row.variable()).filter(|pepper| pepper.was_trimmed);
        let said = |pepper: &SettingValue| {
            format!(
                "white space around {} is no part of it: keys that an earlier version made with it are not accepted",
                pepper.variable
            )
        };
        trimmed.map(said).into_iter().collect()
    }

    /// The effective settings for display; of a secret only whether it is set.
    pub(crate) fn shown(&self) -> serde_json::Map<String, serde_json::Value> {
        let shown = |row: &SettingRow| match (row.secret, self.text(row)) {
            (true, value) => value.is_some().then_some("(set)").into(),
            (false, value) => value.unwrap_or(row.default).into(),
        };
        SETTINGS.iter().map(|row| (row.variable().to_owned(), shown(row))).collect()
    }
}
