//! Paths as clients join them to a base URL: with two slashes, or one too many at the end.

use actix_web::{
    dev::ServiceRequest,
    http::uri::{PathAndQuery, Uri},
};

/// Gives a request to OpenAI's API the path that is meant. Other paths stay as they are: what a proxy in front forbids by
/// its path must not be reached by another spelling.
pub(crate) fn tidy(request: &mut ServiceRequest) {
    let Some(path) = meant(request.path()) else { return };
    let uri = request.uri();
    let target = uri.query().map_or(path.clone(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    let Ok(target) = PathAndQuery::try_from(target) else { return };
    parts.path_and_query = Some(target);
    let Ok(uri) = Uri::from_parts(parts) else { return };
    request.match_info_mut().get_mut().update(&uri);
    request.head_mut().uri = uri;
}

/// The path without empty parts, if it has any and is one of OpenAI's API. `None`: it stays.
fn meant(path: &str) -> Option<String> {
    if !path.ends_with('/') && !path.contains("//") {
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
