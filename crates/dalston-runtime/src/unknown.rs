//! Detects environment variables that look like settings but are not.

use crate::{CLIENT_SETTINGS, SETTINGS};
use strsim::damerau_levenshtein;

/// Returns a warning for each name that begins with `DALSTON_` and is not a setting, with the closest setting name.
/// `names` are the names of the environment variables.
pub fn unknown_settings(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let known: Vec<String> = SETTINGS
        .iter()
        .chain(CLIENT_SETTINGS)
        .flat_map(|setting| setting.variables.iter().map(move |variable| (setting, *variable)))
        .flat_map(|(setting, variable)| [Some(variable.to_owned()), setting.file_variable(variable)])
        .flatten()
        .collect();
    let mut names: Vec<String> = names.into_iter().filter(|name| name.starts_with("DALSTON_")).collect();
    names.sort();
    let said = names.iter().filter(|name| !known.contains(name)).map(|name| {
        let nearest = known.iter().min_by_key(|known| damerau_levenshtein(name, known)).map_or("", String::as_str);
        format!("{} is no setting and has no effect; the nearest is {nearest}", name.escape_debug())
    });
    said.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_said_with_the_nearest_setting() {
        for (name, nearest) in [
            ("DALSTON_LOGG", "DALSTON_LOG"),
            ("DALSTON_ALLOWED_HOST", "DALSTON_ALLOWED_HOSTS"),
            ("DALSTON_SEVRER", "DALSTON_SERVER"),
            ("DALSTON_PEPPER_FIEL", "DALSTON_PEPPER_FILE"),
            ("DALSTON_LISTEN_FILE", "DALSTON_LISTEN"),
            ("DALSTON_TELEGRAM_BOT_TOKEN", "TELEGRAM_BOT_TOKEN"),
        ] {
            let said = unknown_settings([name.to_owned()]);
            assert!(said[0].starts_with(name) && said[0].ends_with(&format!(" {nearest}")), "{said:?}");
        }
    }

    #[test]
    fn known_names_and_those_of_others_are_passed_over() {
        let names =
            ["DALSTON_LOG", "DALSTON_MASTER_KEY_FILE", "DALSTON_API_KEY", "DALSTON_API_KEY_FILE", "PATH", "LOGG"];
        assert_eq!(unknown_settings(names.map(str::to_owned)), [""; 0]);
        assert_eq!(unknown_settings(["DALSTON_B\u{1b}".to_owned(), "DALSTON_A".to_owned()]).len(), 2);
        assert!(!unknown_settings(["DALSTON_B\u{1b}".to_owned()])[0].contains('\u{1b}'));
    }
}
