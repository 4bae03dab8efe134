//! Lenient deserialization: accepts JSON values of another type than expected.

use serde::{
    Deserialize,
    de::{
        DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer,
    },
};
use std::{fmt, marker::PhantomData};

/// Handles the JSON types that it expects. Values of other types are ignored.
pub(super) trait Expects<'de>: Sized {
    type Read;

    /// Returns the result for a value of another type.
    fn other(self) -> Self::Read;

    fn text(self, _text: &str) -> Self::Read {
        self.other()
    }

    fn list<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Read, A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.other())
    }

    fn object<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Read, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self.other())
    }
}

/// Deserializes a value of any JSON type through an [`Expects`].
pub(super) struct Lenient<E>(pub(super) E);

impl<'de, E: Expects<'de>> DeserializeSeed<'de> for Lenient<E> {
    type Value = E::Read;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<E::Read, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, E: Expects<'de>> Visitor<'de> for Lenient<E> {
    type Value = E::Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<F>(self) -> Result<E::Read, F> {
        Ok(self.0.other())
    }

    fn visit_bool<F>(self, _: bool) -> Result<E::Read, F> {
        Ok(self.0.other())
    }

    fn visit_u64<F>(self, _: u64) -> Result<E::Read, F> {
        Ok(self.0.other())
    }

    fn visit_i64<F>(self, _: i64) -> Result<E::Read, F> {
        Ok(self.0.other())
    }

    fn visit_f64<F>(self, _: f64) -> Result<E::Read, F> {
        Ok(self.0.other())
    }

    fn visit_str<F>(self, text: &str) -> Result<E::Read, F> {
        Ok(self.0.text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<E::Read, A::Error> {
        self.0.list(elements)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<E::Read, A::Error> {
        self.0.object(members)
    }
}

/// A value that should be an object. A string is converted by its [`Part`] implementation; any other type becomes the
/// default.
#[derive(Debug, Default)]
pub(super) struct Object<T>(pub(super) T);

/// A type that is deserialized from an object.
pub(super) trait Part: Default {
    /// Converts a string that stands in place of the object.
    fn from_text(_text: &str) -> Self {
        Self::default()
    }
}

struct Whole<T>(PhantomData<T>);

impl<'de, T: Part + Deserialize<'de>> Expects<'de> for Whole<T> {
    type Read = Object<T>;

    fn other(self) -> Object<T> {
        Object::default()
    }

    fn text(self, text: &str) -> Object<T> {
        Object(T::from_text(text))
    }

    fn object<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Object)
    }
}

impl<'de, T: Part + Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        Lenient(Whole(PhantomData)).deserialize(json)
    }
}

/// Calls a function with each element of a list and returns their number. `None`: the value is no list.
pub(super) struct Elements<F, T>(F, PhantomData<T>);

impl<F, T> Elements<F, T> {
    /// The function returns `false` to abort. The error has a fixed text, so the caller must keep the reason itself.
    pub(super) fn to(take: F) -> Lenient<Self> {
        Lenient(Self(take, PhantomData))
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> bool> Expects<'de> for Elements<F, T> {
    type Read = Option<u64>;

    fn other(self) -> Option<u64> {
        None
    }

    fn list<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Option<u64>, A::Error> {
        let mut count = 0;
        while let Some(element) = elements.next_element()? {
            count += 1;
            if !(self.0)(element) {
                return Err(A::Error::custom("not taken"));
            }
        }
        Ok(Some(count))
    }
}

/// The first `MOST` elements of a list. Empty when the value is no list.
#[derive(Debug)]
pub(super) struct Few<T, const MOST: usize>(pub(super) Vec<T>);

impl<T, const MOST: usize> Default for Few<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Few<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let mut kept = Vec::new();
        let keep = |element: T| {
            if kept.len() < MOST {
                kept.push(element);
            }
            true
        };
        Elements::to(keep).deserialize(json)?;
        Ok(Self(kept))
    }
}
