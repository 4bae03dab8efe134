//! Parsers of setting values.

use crate::setting::Parser;
use dalston_auth::SecretText;
use dalston_service::FixedWorker;
use ipnet::IpNet;
use std::{net::IpAddr, ops::RangeBounds, str::FromStr, time::Duration};

/// Any text.
pub(crate) const TEXT: Parser<String> = Parser::By(|text| Ok(text.to_owned()));

/// Any secret.
pub(crate) const SECRET: Parser<SecretText> = Parser::By(|text| Ok(SecretText::new(text.to_owned())));

/// A secret that is sent in a request header.
pub(crate) const VISIBLE: Parser<SecretText> = Parser::Must("of visible ASCII characters", |text| {
    text.bytes().all(|byte| byte.is_ascii_graphic()).then(|| SecretText::new(text.to_owned()))
});

/// Parses a number, or any other type that implements `FromStr`.
pub(crate) fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Parses a number within these bounds.
pub(crate) fn within<T: FromStr + PartialOrd>(text: &str, bounds: impl RangeBounds<T>) -> Option<T> {
    number(text).filter(|number| bounds.contains(number))
}

/// Parses whole seconds within these bounds.
pub(crate) fn seconds(text: &str, bounds: impl RangeBounds<u64>) -> Option<Duration> {
    within(text, bounds).map(Duration::from_secs)
}

/// Parses one of two words, in any case. Returns whether it is the first.
pub(crate) fn either(text: &str, first: &str, second: &str) -> Option<bool> {
    let is_first = text.eq_ignore_ascii_case(first);
    (is_first || text.eq_ignore_ascii_case(second)).then_some(is_first)
}

/// Splits at commas.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// Parses comma-separated values. `None` if one of them is wrong.
pub(crate) fn list<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    words(text).map(parse).collect()
}

/// Parses a base URL: http or https, a host, no credentials, no query. Removes a trailing slash.
pub(crate) fn base_url(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"@?#\\\"<>".contains(&byte);
    let has_host = !rest.is_empty() && !rest.starts_with(['/', ':']);
    (has_host && rest.bytes().all(fits)).then(|| text.trim_end_matches('/').to_owned())
}

/// Parses the origin of a page: a scheme, a host and perhaps a port. Converts it to lower case.
pub(crate) fn origin(text: &str) -> Option<String> {
    let is_http = text.starts_with("http://") || text.starts_with("https://");
    (is_http && text.matches('/').count() == 2).then(|| text.to_ascii_lowercase())
}

/// Parses a host name without a port, or `*.` and a host name. Converts it to lower case.
pub(crate) fn host(text: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let name = text.strip_prefix("*.").unwrap_or(text);
    (!name.is_empty() && name.bytes().all(fits)).then(|| text.to_ascii_lowercase())
}

/// Parses a network or a single address.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    number(text).or_else(|| number::<IpAddr>(text).map(IpNet::from))
}

/// Parses a bot token. It becomes a part of a URL path.
pub(crate) fn bot_token(text: &str) -> Option<SecretText> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b":_-".contains(&byte);
    (text.contains(':') && text.bytes().all(fits)).then(|| SecretText::new(text.to_owned()))
}

/// Splits a command line at spaces outside quotes. A word after the program must contain `{audio}`.
pub(crate) fn command(text: &str) -> Option<Vec<String>> {
    let words = dalston_command::split(text)?;
    let has_audio = words.iter().skip(1).any(|word| word.contains("{audio}"));
    has_audio.then_some(words)
}

/// Parses a bucket and the prefix of its object names.
pub(crate) fn bucket(text: &str) -> Option<(String, String)> {
    let path = text.strip_prefix("s3://")?;
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    (!bucket.is_empty()).then(|| (bucket.to_owned(), prefix.trim_matches('/').to_owned()))
}

/// Parses the URL of a stream worker with its capacity after `#`.
pub(crate) fn worker(text: &str) -> Option<FixedWorker> {
    let (url, capacity) = text.split_once('#').unwrap_or((text, "1"));
    FixedWorker::new(url, within(capacity, 1..)?)
}
