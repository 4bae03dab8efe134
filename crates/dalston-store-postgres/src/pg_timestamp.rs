//! A [`Timestamp`] as a `timestamptz`: both count microseconds, from 1970 and from 2000.

use dalston_model::Timestamp;
use sqlx::{
    Decode, Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef, types::Oid},
};

/// 2000-01-01 in microseconds since 1970.
const EPOCH: i64 = 946_684_800_000_000;

/// A timestamp on its way to or from Postgres. Of its own, since dates of the `time` crate end with the year 9999.
#[derive(Clone, Copy)]
pub(crate) struct PgTimestamp(pub(crate) Timestamp);

impl PgTimestamp {
    /// Before all that Postgres can hold (4713 BC) there is nothing to find: the bound of a page may stand here.
    pub(crate) const EARLIEST: Timestamp = Timestamp::from_micros(-210_866_803_200_000_000);
    /// After all that is stored.
    pub(crate) const LATEST: Timestamp = Timestamp::from_micros(i64::MAX);
}

impl Type<Postgres> for PgTimestamp {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1184))
    }
}

impl PgHasArrayType for PgTimestamp {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1185))
    }
}

impl Encode<'_, Postgres> for PgTimestamp {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let micros = self.0.as_micros().checked_sub(EPOCH).ok_or("a time before all that Postgres can hold")?;
        Encode::<Postgres>::encode(micros, buffer)
    }
}

impl<'r> Decode<'r, Postgres> for PgTimestamp {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        if value.format() != PgValueFormat::Binary {
            return Err("a time that is not in binary form".into());
        }
        let micros = <i64 as Decode<Postgres>>::decode(value)?;
        // Also refuses `infinity`, which stands at the end of the range.
        let since_1970 = micros.checked_add(EPOCH).ok_or("a time out of range")?;
        Ok(Self(Timestamp::from_micros(since_1970)))
    }
}
