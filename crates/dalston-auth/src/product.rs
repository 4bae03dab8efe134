//! The names of a service, as its clients see them.

use std::fmt;
use thiserror::Error;

/// Maximum length of a name in characters.
const LONGEST: usize = 32;

/// The names of a service that its clients see: the realm of challenges, the type of problems, the header of a tenant,
/// and the subprotocol of a ticket.
///
/// The prefix of keys is part of the [`KeyFormat`](crate::KeyFormat) instead.
///
/// ```
/// use dalston_auth::Product;
///
/// let product = Product::named("notes")?.with_problem_type("https://notes.example/problems/")?;
/// assert_eq!(product.realm(), "notes");
/// assert_eq!(product.problem_type(), "https://notes.example/problems/");
/// assert_eq!(product.tenant_header(), "x-notes-tenant");
/// assert_eq!(product.ticket_protocol(), "notes.ticket.");
/// # Ok::<(), dalston_auth::ProductError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Product {
    realm: String,
    problem_type: String,
    tenant_header: String,
    ticket_protocol: String,
}

/// Why a name was rejected.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum ProductError {
    /// The name is not 1 to 32 lower-case letters, digits and hyphens.
    #[error("the name of a product is 1 to 32 lower-case letters, digits and hyphens")]
    Name,
    /// The problem type is empty, or contains a character that is not visible ASCII, or a quote, a backslash or an
    /// angle bracket.
    #[error("a problem type is a URI of visible ASCII characters without quotes, to which the error code is added")]
    ProblemType,
}

impl Product {
    /// Creates a product with this name, from which all other names are derived.
    pub fn named(name: &str) -> Result<Self, ProductError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > LONGEST || !name.bytes().all(fits) {
            return Err(ProductError::Name);
        }
        Ok(Self::of(name))
    }

    fn of(name: &str) -> Self {
        Self {
            realm: name.to_owned(),
            problem_type: format!("urn:{name}:problem:"),
            tenant_header: format!("x-{name}-tenant"),
            ticket_protocol: format!("{name}.ticket."),
        }
    }

    /// Sets the prefix of problem types, to which the error code is appended (RFC 9457 §3.1.1).
    pub fn with_problem_type(self, problem_type: &str) -> Result<Self, ProductError> {
        let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'<' | b'>');
        if problem_type.is_empty() || !problem_type.bytes().all(fits) {
            return Err(ProductError::ProblemType);
        }
        Ok(Self { problem_type: problem_type.to_owned(), ..self })
    }

    /// Returns the realm of `WWW-Authenticate` (RFC 9110 §11.5).
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Returns the prefix of problem types. The error code follows it.
    pub fn problem_type(&self) -> &str {
        &self.problem_type
    }

    /// Returns the header in which a platform caller names a tenant, in lower case.
    pub fn tenant_header(&self) -> &str {
        &self.tenant_header
    }

    /// Returns the prefix of the WebSocket subprotocol that carries a ticket. The ticket follows it.
    pub fn ticket_protocol(&self) -> &str {
        &self.ticket_protocol
    }
}

/// The product with the name `dalston`.
impl Default for Product {
    fn default() -> Self {
        Self::of("dalston")
    }
}

impl fmt::Debug for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Product").field(&self.realm).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_header_cannot_carry_is_refused() {
        for name in ["", "Notes", "no tes", "né", "a\"b", "a_b", &"a".repeat(33)] {
            assert_eq!(Product::named(name), Err(ProductError::Name), "{name:?}");
        }
        for name in ["a", "notes-2", &"a".repeat(32)] {
            assert!(Product::named(name).is_ok(), "{name:?}");
        }
        for uri in ["", "urn:a b:", "urn:\"", "urn:\n", "urn:é:"] {
            assert_eq!(Product::default().with_problem_type(uri), Err(ProductError::ProblemType), "{uri:?}");
        }
    }
}
