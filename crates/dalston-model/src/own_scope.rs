//! Custom scopes: the grammar of their names, and the table of the names used in this process.

use crate::Scope;
use std::{fmt, sync::OnceLock};

/// The number of bits in a scope set that are left for custom scopes.
const ROOM: usize = 128 - Scope::BUILT_IN.len();
/// Maximum length of a part of a name.
const PART: usize = 32;
/// Maximum number of parts of a name.
const PARTS: usize = 3;

/// The registered names by number. A name is registered once and never removed, so a bit of a set means the same in the
/// whole process. Names are registered at startup, and read without a lock.
static NAMES: [OnceLock<Box<str>>; ROOM] = [const { OnceLock::new() }; ROOM];

/// A custom scope, as the number of its name in this process.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnScope(u8);

impl OwnScope {
    /// Whether this is a valid name of a custom scope: `[a-z][a-z0-9_-]{0,31}` with up to two more such parts separated
    /// by colons, and not the name of a built-in scope.
    pub const fn is_name(name: &str) -> bool {
        let bytes = name.as_bytes();
        let (mut index, mut length, mut parts) = (0, 0, 1);
        while index < bytes.len() {
            match bytes[index] {
                b'a'..=b'z' => length += 1,
                b'0'..=b'9' | b'_' | b'-' if length > 0 => length += 1,
                b':' if length > 0 && parts < PARTS => (length, parts) = (0, parts + 1),
                _ => return false,
            }
            if length > PART {
                return false;
            }
            index += 1;
        }
        length > 0 && !Scope::is_built_in(name)
    }

    /// The custom scope with this name, which is registered if it is new and stays for the life of the process: never
    /// call this with names from clients. Returns `None` if the name is invalid or the process has no room for another
    /// one.
    pub fn named(name: &str) -> Option<Self> {
        if !Self::is_name(name) {
            return None;
        }
        let held = |slot: &OnceLock<Box<str>>| **slot.get_or_init(|| name.into()) == *name;
        (0..).zip(&NAMES).find(|(_, slot)| held(slot)).map(|(number, _)| Self(number))
    }

    /// The scope with this name, if it is registered.
    pub(crate) fn find(name: &str) -> Option<Self> {
        let held = |slot: &OnceLock<Box<str>>| slot.get().is_some_and(|held| **held == *name);
        (0..).zip(&NAMES).find(|(_, slot)| held(slot)).map(|(number, _)| Self(number))
    }

    /// The scope with this number, if it is registered.
    pub(crate) fn numbered(number: u8) -> Option<Self> {
        NAMES.get(usize::from(number))?.get().map(|_| Self(number))
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        NAMES.get(usize::from(self.0)).and_then(OnceLock::get).map_or("", |name| name)
    }

    /// The scope's bit in a set.
    pub(crate) const fn bit(self) -> u128 {
        1 << (Scope::BUILT_IN.len() + self.0 as usize)
    }
}

impl fmt::Debug for OwnScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_to_three_parts_of_small_letters() {
        let part = "a".repeat(PART);
        let longest = [part.as_str(); PARTS].join(":");
        for name in ["n", "notes", "notes:read", "a:b:c", "n0_-", "admin:read", "jobs", "jobs:read:all", &longest] {
            assert!(OwnScope::is_name(name), "{name}");
        }
        let long = "a".repeat(PART + 1);
        let wrong = [
            "",
            ":",
            "a:",
            ":a",
            "a::b",
            "a:b:c:d",
            "Notes:read",
            "notes:Read",
            "0a",
            "_a",
            "-a",
            "a:0b",
            "a b",
            "a,b",
            " a",
            "a ",
            "a.b",
            "a/b",
            "notes:*",
            "*",
            "a\0",
            "a\n",
            "nоtes:read",
            "notes：read",
            "nötes",
            "ｎotes",
            "notes:read\u{200b}",
            "admin",
            "jobs:read",
            "platform",
            "metrics",
            "verify",
            &long,
        ];
        for name in wrong {
            assert!(!OwnScope::is_name(name) && OwnScope::named(name).is_none(), "{name:?}");
        }
    }

    #[test]
    fn a_name_has_one_number_however_many_enter_it_at_once() {
        const NAMES: [&str; 3] = ["notes:read", "notes:write", "notes"];
        let enter = || NAMES.map(|name| OwnScope::named(name).unwrap());
        let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(enter)).collect();
        let first = enter();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), first);
        }
        assert_eq!(first.map(OwnScope::as_str), NAMES);
        assert_eq!(NAMES.map(|name| OwnScope::find(name).unwrap()), first);
        assert!(OwnScope::find("nobody:entered:it").is_none());
    }
}
