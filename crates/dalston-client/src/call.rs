//! Call of a route: method, path and arguments.

use crate::ClientError;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Map, Value};

/// A call of a route. Arguments named in braces go into the path. The others go into the query of GET and DELETE, and
/// into a JSON body of other methods.
///
/// ```
/// use dalston_client::{Call, Method};
///
/// let call = Call::new(Method::PATCH, "/auth/keys/{key_id}").with("key_id", "0192…").with("enabled", false);
/// # let _ = call;
/// ```
#[derive(Debug, Clone)]
pub struct Call {
    pub(crate) method: Method,
    pattern: String,
    arguments: Map<String, Value>,
}

/// The output of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply<T> {
    /// The parsed answer.
    pub output: T,
    /// The cursor of the next page of a list; `None` on the last page.
    pub next: Option<String>,
}

impl Call {
    /// A call of the route with this pattern, such as `/auth/keys/{key_id}`.
    pub fn new(method: Method, pattern: &str) -> Self {
        Self { method, pattern: pattern.to_owned(), arguments: Map::new() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.arguments.insert(name.to_owned(), value.into());
        self
    }

    /// Adds these arguments.
    #[must_use]
    pub fn with_all(mut self, arguments: Map<String, Value>) -> Self {
        self.arguments.extend(arguments);
        self
    }

    /// Returns the path with its query, and the arguments of the body if the method has one.
    pub(crate) fn target(mut self) -> Result<(String, Option<Map<String, Value>>), ClientError> {
        let mut path = String::new();
        for segment in self.pattern.split('/').skip(1) {
            path.push('/');
            match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                None => path.push_str(segment),
                Some(name) => {
                    let value = self.arguments.shift_remove(name);
                    let value = value.ok_or_else(|| ClientError::MissingArgument(name.to_owned()))?;
                    path.push_str(&encoded(&value));
                }
            }
        }
        if self.method != Method::GET && self.method != Method::DELETE {
            return Ok((path, Some(self.arguments)));
        }
        for (at, (name, value)) in self.arguments.iter().enumerate() {
            path.push(if at == 0 { '?' } else { '&' });
            path.push_str(name);
            path.push('=');
            path.push_str(&encoded(value));
        }
        Ok((path, None))
    }
}

fn encoded(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_go_into_the_path_the_query_or_the_body() {
        let target =
            |method, pattern| Call::new(method, pattern).with("id", "a/b?c").with("limit", 3).with("q", "é&x").target();
        assert_eq!(target(Method::GET, "/k/{id}"), Ok(("/k/a%2Fb%3Fc?limit=3&q=%C3%A9%26x".to_owned(), None)));
        let (path, body) = target(Method::POST, "/k/{id}/r").unwrap();
        assert_eq!((path.as_str(), Value::from(body.unwrap())), ("/k/a%2Fb%3Fc/r", json!({"limit": 3, "q": "é&x"})));
        assert_eq!(target(Method::GET, "/k/{key}"), Err(ClientError::MissingArgument("key".to_owned())));
    }
}
