//! Normalises paths, since clients join them to a base URL with two slashes, or with a slash too many at the end.

use actix_web::http::uri::Uri;

/// Returns the normalised target for a path of OpenAI's API, or `None` if it stays as it is.
///
/// All other paths stay as they are: what a proxy in front forbids by its path must not be reachable by another
/// spelling.
pub(crate) fn tidied(target: &Uri) -> Option<Uri> {
    let path = meant(target.path())?;
    let path = target.query().map_or(path.clone(), |query| format!("{path}?{query}"));
    let mut parts = target.clone().into_parts();
    parts.path_and_query = Some(path.try_into().ok()?);
    Uri::from_parts(parts).ok()
}

/// Returns the path without empty segments, or `None` if it has none or does not belong to OpenAI's API.
fn meant(path: &str) -> Option<String> {
    // Fast path: the first letter rules out most paths.
    if !matches!(path.as_bytes(), [b'/', b'o' | b'v' | b'/', ..]) || !path.ends_with('/') && !path.contains("//") {
        return None;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is_theirs =
        matches!(*parts.as_slice(), ["openai", "v1", ..] | ["v1", "models", ..] | ["v1", "audio", "transcriptions"]);
    is_theirs.then(|| format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_openais_api_are_tidied() {
        for (path, tidied) in [
            ("/openai/v1//audio/transcriptions", Some("/openai/v1/audio/transcriptions")),
            ("//openai/v1/models/", Some("/openai/v1/models")),
            ("/openai//v1///models//whisper-1/", Some("/openai/v1/models/whisper-1")),
            ("/v1/models/", Some("/v1/models")),
            ("/v1//audio/transcriptions/", Some("/v1/audio/transcriptions")),
            ("/openai/v1/models", None),
            ("/openai/v10//models", None),
            ("/v1/audio/transcriptions/job_1/", None),
            ("//auth/keys", None),
            ("/health/", None),
            ("/", None),
            ("//", None),
        ] {
            assert_eq!(meant(path).as_deref(), tidied, "{path}");
        }
    }
}
