//! State of a key in lists: expiry and use.

use crate::{
    Span, Style, TextLine,
    humanize::{about, ago},
};
use dalston_model::Timestamp;
use dalston_service::{KeyView, KeysReport};

/// Formats the state of a key at `now`, most serious first.
pub(super) fn state(key: &KeyView, now: Timestamp) -> TextLine {
    let notes = notes(key, now);
    let comma = |(index, note)| (index > 0).then(|| Span::plain(", ")).into_iter().chain([note]);
    notes.into_iter().enumerate().flat_map(comma).collect()
}

fn notes(key: &KeyView, now: Timestamp) -> Vec<Span> {
    if key.revoked_at.is_some() {
        return vec![Span::new(Style::Bad, "revoked")];
    }
    let mut notes = Vec::new();
    let (expires, is_disabled) = (key.expires_at, !key.enabled);
    if expires.is_some_and(|at| at <= now) {
        notes.push(Span::new(Style::Bad, "expired"));
    }
    if is_disabled {
        notes.push(Span::new(Style::Warning, "disabled"));
    }
    if let Some(left) = expires.filter(|at| *at > now).map(|at| at.since(now)) {
        let tone = if left <= KeysReport::SOON { Style::Warning } else { Style::Plain };
        notes.push(Span::new(tone, &format!("expires in {}", about(left))));
    }
    if !is_disabled && is_idle(key, now) {
        notes.push(Span::new(Style::Warning, &format!("unused for {}", about(KeysReport::IDLE))));
    }
    if notes.is_empty() {
        notes.push(Span::new(Style::Good, "active"));
    }
    notes
}

/// Formats when a key was last used.
pub(super) fn last_used(at: Option<Timestamp>, now: Timestamp) -> TextLine {
    vec![at.map_or_else(|| Span::new(Style::Faint, "never"), |at| Span::plain(&ago(at, now)))]
}

/// Returns whether the key was created long ago and has not been used since, or not for as long.
fn is_idle(key: &KeyView, now: Timestamp) -> bool {
    let is_long_ago = |at: Timestamp| now.since(at) > KeysReport::IDLE;
    is_long_ago(key.created_at) && key.last_used_at.is_none_or(is_long_ago)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: &str = "2026-03-01T00:00:00Z";

    fn of(change: &Value) -> (String, Style) {
        let mut key = json!({
            "id": "", "prefix": "", "name": "", "tenant_id": "", "scopes": [], "metadata": {},
            "enabled": true, "created_at": "2026-01-01T00:00:00Z", "last_used_at": "2026-02-28T00:00:00Z",
            "expires_at": null, "revoked_at": null,
        });
        key.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let key: KeyView = serde_json::from_value(key).unwrap();
        let line = state(&key, Timestamp::parse(NOW).unwrap());
        (line.iter().map(|span| span.text.as_str()).collect(), line[0].tone)
    }

    #[test]
    fn a_key_is_shown_with_its_end_and_its_use() {
        for (change, text, tone) in [
            (json!({}), "active", Style::Good),
            (json!({"expires_at": "2026-03-04T00:00:00Z"}), "expires in 3 days", Style::Warning),
            (json!({"expires_at": "2026-06-01T00:00:00Z"}), "expires in 92 days", Style::Plain),
            (json!({"expires_at": NOW}), "expired", Style::Bad),
            (json!({"last_used_at": null}), "unused for 30 days", Style::Warning),
            (json!({"last_used_at": "2026-01-29T23:59:59Z"}), "unused for 30 days", Style::Warning),
            (json!({"last_used_at": "2026-01-30T00:00:00Z"}), "active", Style::Good),
            (json!({"last_used_at": null, "created_at": "2026-02-01T00:00:00Z"}), "active", Style::Good),
            (json!({"enabled": false, "last_used_at": null}), "disabled", Style::Warning),
            (json!({"enabled": false, "expires_at": "2026-02-01T00:00:00Z"}), "expired, disabled", Style::Bad),
            (json!({"revoked_at": NOW, "enabled": false}), "revoked", Style::Bad),
        ] {
            assert_eq!(of(&change), (text.to_owned(), tone), "{change}");
        }
    }
}
