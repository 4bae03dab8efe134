//! Reads the raw value of a setting. Only this module reads, trims and rejects raw values.

use crate::{SettingRow, VariableLookup};
use dalston_model::is_invisible;
use std::{fs::File, io::Read};

/// Maximum size of a secret file in bytes.
const LONGEST: u64 = 64 * 1_024;
/// Quotation marks that some readers of environment files do not remove.
const QUOTES: [(char, char); 7] =
    [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('„', '“'), ('‘', '’'), ('«', '»')];

/// The raw value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingValue {
    /// The variable that holds it, or that names the file with it.
    pub variable: String,
    /// The text, without white space around it. Never empty.
    pub text: String,
    /// Whether there was white space around it.
    pub was_trimmed: bool,
}

impl SettingRow {
    /// Returns the value of the setting's first variable that is set. A secret may be in a file, which the variable
    /// with the suffix `_FILE` names. The error names the variable and what is wrong, and never contains the value.
    pub fn value(&self, lookup: &VariableLookup<'_>) -> Result<Option<SettingValue>, String> {
        for variable in self.variables {
            let twin = self.file_variable(variable);
            let path = twin.as_ref().and_then(|twin| lookup(twin));
            return match (lookup(variable), twin.zip(path)) {
                (None, None) => continue,
                (Some(text), None) => self.plain(variable, &text).map(Some),
                (None, Some((twin, path))) => {
                    let text = content(&self.plain(&twin, &path)?.text).map_err(|wrong| format!("{twin} {wrong}"))?;
                    self.plain(&twin, &text).map(|given| Some(SettingValue { was_trimmed: false, ..given }))
                }
                (Some(_), Some((twin, _))) => Err(format!("{twin} must not be set beside {variable}")),
            };
        }
        Ok(None)
    }

    fn plain(&self, variable: &str, given: &str) -> Result<SettingValue, String> {
        let text = given.trim();
        let is_quoted = QUOTES.iter().any(|(open, close)| {
            text.strip_prefix(*open).is_some_and(|rest| rest.ends_with(*close)) && !self.takes_quotes
        });
        let wrong = if text.is_empty() {
            "is empty: unset it, or give it a value"
        } else if text.contains(char::REPLACEMENT_CHARACTER) {
            "must be UTF-8"
        } else if text.contains(is_invisible) {
            "must be without control characters and invisible ones"
        } else if is_quoted {
            "must be without the quotes around it"
        } else {
            let (variable, was_trimmed) = (variable.to_owned(), text.len() < given.len());
            return Ok(SettingValue { variable, text: text.to_owned(), was_trimmed });
        };
        Err(format!("{variable} {wrong}"))
    }
}

/// Reads a file. The error contains neither its content nor its path, which may be a secret that was put in the wrong
/// variable.
fn content(path: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("names a file that cannot be read: {}", error.kind()))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LONGEST) {
        return Err("names a file that is too large for a secret".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "names a file that is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SETTINGS;
    use std::fs;

    fn given(pairs: &[(&str, &str)], variable: &str) -> Result<Option<SettingValue>, String> {
        let setting = SETTINGS.iter().find(|setting| setting.variable() == variable).unwrap();
        setting.value(&|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned()))
    }

    fn text(pairs: &[(&str, &str)], variable: &str) -> Result<Option<String>, String> {
        given(pairs, variable).map(|given| given.map(|given| given.text))
    }

    /// Creates a file with this content, and returns the folder and the path.
    fn file(content: &[u8]) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, content).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (folder, path)
    }

    #[test]
    fn white_space_around_a_value_does_not_count() {
        for around in ["pepper", "pepper\n", "pepper\r\n", "\t pepper ", "\u{a0}pepper\u{2003}"] {
            assert_eq!(text(&[("DALSTON_PEPPER", around)], "DALSTON_PEPPER"), Ok(Some("pepper".to_owned())));
        }
        assert_eq!(text(&[("DALSTON_DATA_DIR", "/srv/d\r")], "DALSTON_DATA_DIR"), Ok(Some("/srv/d".to_owned())));
        let given = given(&[("DALSTON_PEPPER", "pepper\n")], "DALSTON_PEPPER");
        assert!(given.unwrap().unwrap().was_trimmed);
        assert_eq!(text(&[], "DALSTON_PEPPER"), Ok(None));
    }

    #[test]
    fn what_no_setting_holds_is_refused_without_being_said() {
        let odd = [
            "",
            " ",
            "\r\n",
            "hunter\n2",
            "hunter\u{0}2",
            "hunter\u{1b}[31m2",
            "hunter\u{200b}2",
            "\u{feff}hunter2",
            "\"hunter2\"",
            "'hunter2'",
            "`hunter2`",
            "“hunter2”",
            "«hunter2»",
            "hunter\u{fffd}2",
            "\"\"",
        ];
        for variable in ["DALSTON_PEPPER", "DALSTON_DATA_DIR", "DALSTON_MASTER_KEY", "DALSTON_LOG", "DALSTON_NODES"] {
            for value in odd {
                let wrong = text(&[(variable, value)], variable).unwrap_err();
                assert!(wrong.starts_with(variable) && !wrong.contains("hunter"), "{value:?}: {wrong}");
            }
        }
        for plain in ["\"", "hunter\"2", "\"hunter2", "it's"] {
            assert_eq!(text(&[("DALSTON_PEPPER", plain)], "DALSTON_PEPPER"), Ok(Some(plain.to_owned())));
        }
        let command = "'/opt/my whisper' -f '{audio}'";
        let variable = "DALSTON_ENGINE_COMMAND";
        assert_eq!(text(&[(variable, command)], variable), Ok(Some(command.to_owned())), "quotes have a meaning there");
    }

    #[test]
    fn every_secret_may_lie_in_a_file() {
        let (_folder, path) = file(b"hunter2\n");
        for setting in SETTINGS {
            for variable in setting.variables {
                let twin = format!("{variable}_FILE");
                let text = text(&[(&twin, &path)], setting.variable());
                assert_eq!(text, Ok(setting.secret.then(|| "hunter2".to_owned())), "{twin}");
            }
        }
        let given = given(&[("NUDGE_SECRET_FILE", &path)], "DALSTON_MASTER_KEY").unwrap().unwrap();
        assert_eq!((given.variable.as_str(), given.was_trimmed), ("NUDGE_SECRET_FILE", false));
    }

    #[test]
    fn a_file_that_holds_no_secret_is_refused_without_being_said() {
        let long = vec![b'x'; 70_000];
        let contents: [&[u8]; 7] =
            [b"", b"\n", b"hunter2\nhunter3", b"\"hunter2\"", b"hunter2\xff", b"\xef\xbb\xbfhunter2", &long];
        let variable = "DALSTON_PEPPER_FILE";
        for content in contents {
            let (_folder, path) = file(content);
            let wrong = text(&[(variable, &path)], "DALSTON_PEPPER").unwrap_err();
            assert!(wrong.starts_with(variable) && !wrong.contains("hunter") && !wrong.contains(&path), "{wrong}");
        }
        let (folder, path) = file(b"hunter2");
        for unreadable in ["hunter4-is-no-file", "", folder.path().to_str().unwrap()] {
            let wrong = text(&[(variable, unreadable)], "DALSTON_PEPPER").unwrap_err();
            assert!(wrong.starts_with(variable) && !wrong.contains("hunter"), "{wrong}");
        }
        let both = [(variable, path.as_str()), ("DALSTON_PEPPER", "hunter2")];
        let wrong = text(&both, "DALSTON_PEPPER").unwrap_err();
        assert!(wrong.contains("DALSTON_PEPPER_FILE") && wrong.contains("beside DALSTON_PEPPER"), "{wrong}");
    }
}
