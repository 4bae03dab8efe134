//! The HTTP status and the title of each error code.

use dalston_model::ErrorCode;

/// Returns the HTTP status of an error code. This is the only mapping of codes to HTTP.
pub const fn status_of(code: ErrorCode) -> u16 {
    match code {
        ErrorCode::MissingCredential | ErrorCode::InvalidCredential => 401,
        ErrorCode::AmbiguousCredential => 400,
        ErrorCode::InsufficientScope | ErrorCode::OriginNotAllowed => 403,
        ErrorCode::RateLimited => 429,
        ErrorCode::Unavailable => 503,
        ErrorCode::NotFound => 404,
        ErrorCode::InvalidRequest => 422,
        ErrorCode::MethodNotAllowed => 405,
        ErrorCode::Timeout => 408,
        ErrorCode::Conflict => 409,
        ErrorCode::TooLarge => 413,
        ErrorCode::UnsupportedMedia => 415,
        ErrorCode::Misdirected => 421,
        ErrorCode::UpgradeRequired => 426,
        ErrorCode::Undelivered => 502,
        ErrorCode::Internal => 500,
        ErrorCode::StorageFull => 507,
    }
}

/// Returns the title of such a status: its reason phrase in IANA's registry, as HTTP libraries spell it.
pub(super) const fn title_of(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Payload Too Large",
        415 => "Unsupported Media Type",
        421 => "Misdirected Request",
        422 => "Unprocessable Entity",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        507 => "Insufficient Storage",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_status_with_a_title() {
        for code in ErrorCode::ALL {
            let status = status_of(*code);
            assert!((400..600).contains(&status) && title_of(status) != "Error", "{code}: {status}");
        }
    }
}
