//! Formats durations, sizes and ratios for people.

use dalston_model::Timestamp;
use std::time::Duration;

/// Units of time in seconds, with their names.
const UNITS: [(u64, &str, &str); 4] =
    [(86_400, "d", "day"), (3_600, "h", "hour"), (60, "min", "minute"), (1, "s", "second")];

/// Number of cells of a bar.
const CELLS: u64 = 10;

/// Formats a duration in its two greatest units: `3 d 4 h`, `12 s`.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let first = UNITS.iter().position(|(unit, ..)| seconds >= *unit).unwrap_or(UNITS.len() - 1);
    let (unit, name, _) = UNITS[first];
    let whole = format!("{} {name}", seconds / unit);
    match UNITS.get(first + 1) {
        Some((next, name, _)) if seconds % unit >= *next => format!("{whole} {} {name}", seconds % unit / next),
        _ => whole,
    }
}

/// Formats a duration in its greatest unit, written out: `3 days`, `1 hour`.
pub(crate) fn about(time: Duration) -> String {
    let seconds = time.as_secs();
    let (unit, _, name) = UNITS.into_iter().find(|(unit, ..)| seconds >= *unit).unwrap_or(UNITS[UNITS.len() - 1]);
    let whole = seconds / unit;
    format!("{whole} {name}{}", if whole == 1 { "" } else { "s" })
}

/// Formats how long ago a time was.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    let time = now.since(at);
    if time.as_secs() == 0 { "just now".to_owned() } else { format!("{} ago", about(time)) }
}

/// Formats a size in mebibytes: `12.3 MiB`.
pub(crate) fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) / (1 << 20);
    format!("{}.{} MiB", grouped(tenths / 10), tenths % 10)
}

/// Formats microseconds as milliseconds: `0.42 ms`.
pub(crate) fn milliseconds(micros: u64) -> String {
    format!("{}.{:02} ms", grouped(micros / 1_000), micros % 1_000 / 10)
}

/// Formats a number with commas between thousands: `1,204`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let comma = |index: usize| index > 0 && (digits.len() - index).is_multiple_of(3);
    digits.char_indices().flat_map(|(index, digit)| comma(index).then_some(',').into_iter().chain([digit])).collect()
}

/// Formats a share as a bar of ten cells. Any share above 0 fills at least one.
pub(crate) fn bar(part: u64, whole: u64) -> String {
    let full = if whole == 0 { 0 } else { part.min(whole).saturating_mul(CELLS).div_ceil(whole) };
    (0..CELLS).map(|cell| if cell < full { '▰' } else { '▱' }).collect()
}

/// Formats a share as a percentage: `0.2 %`.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let tenths = part.min(whole).saturating_mul(1_000) / whole.max(1);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_its_greatest_units() {
        let span = |seconds| span(Duration::from_secs(seconds));
        assert_eq!([0, 59, 60, 61].map(span), ["0 s", "59 s", "1 min", "1 min 1 s"]);
        assert_eq!([3_600, 3_659, 90_000, 273_600].map(span), ["1 h", "1 h", "1 d 1 h", "3 d 4 h"]);
        let about = |seconds| about(Duration::from_secs(seconds));
        assert_eq!([0, 1, 7_199, 259_200].map(about), ["0 seconds", "1 second", "1 hour", "3 days"]);
    }

    #[test]
    fn figures_are_cut_never_rounded_up() {
        assert_eq!([0, 999, 1_000, 12_345_678].map(grouped), ["0", "999", "1,000", "12,345,678"]);
        assert_eq!([0, 1_048_576, 12_999_999].map(mebibytes), ["0.0 MiB", "1.0 MiB", "12.3 MiB"]);
        assert_eq!([0, 420, 12_345].map(milliseconds), ["0.00 ms", "0.42 ms", "12.34 ms"]);
        assert_eq!(
            [(0, 0), (1, 3), (3, 3), (u64::MAX, 1)].map(|(part, whole)| percent(part, whole)),
            ["0.0 %", "33.3 %", "100.0 %", "100.0 %"]
        );
    }

    #[test]
    fn a_bar_shows_whatever_there_is() {
        assert_eq!(bar(0, 0), "▱▱▱▱▱▱▱▱▱▱");
        assert_eq!(bar(1, 1_000), "▰▱▱▱▱▱▱▱▱▱");
        assert_eq!(bar(5, 10), "▰▰▰▰▰▱▱▱▱▱");
        assert_eq!(bar(7, 5), "▰▰▰▰▰▰▰▰▰▰");
    }
}
