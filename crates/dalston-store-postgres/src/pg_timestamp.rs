//! A [`Timestamp`] as `timestamptz`. Both count microseconds: the former since 1970, the latter since 2000.

use dalston_model::Timestamp;
use sqlx::{
    Decode, Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef, types::Oid},
};

/// 2000-01-01 in microseconds since 1970.
const EPOCH: i64 = 946_684_800_000_000;

/// A timestamp that is sent to or read from Postgres. The `time` crate's type does not suffice: its dates end with the
/// year 9999.
#[derive(Clone, Copy)]
pub(crate) struct PgTimestamp(pub(crate) Timestamp);

impl PgTimestamp {
    /// The earliest time that Postgres can hold (4713 BC). An earlier page bound is replaced by it, since no row is
    /// older.
    pub(crate) const EARLIEST: Timestamp = Timestamp::from_micros(-210_866_803_200_000_000);
    /// Later than all stored times.
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
        // Also refuses `infinity`, which is the end of the range.
        let since_1970 = micros.checked_add(EPOCH).ok_or("a time out of range")?;
        Ok(Self(Timestamp::from_micros(since_1970)))
    }
}
