//! Packet durations of Opus (RFC 6716).

/// Frames in the longest packet (120 milliseconds), at 48,000 per second.
pub(crate) const MOST: u64 = 5_760;

/// Returns the duration of a packet in seconds.
#[expect(clippy::cast_precision_loss, reason = "a packet has few frames")]
pub(super) fn seconds(packet: &[u8]) -> f64 {
    frames(packet) as f64 / 48_000.0
}

/// Returns the frames of a packet, from its first two bytes (RFC 6716, 3.1).
fn frames(packet: &[u8]) -> u64 {
    let Some(first) = packet.first().copied() else { return 0 };
    let (kind, code) = (usize::from(first >> 3), first & 3);
    let frame = match kind {
        0..12 => [480, 960, 1_920, 2_880][kind % 4],
        12..16 => [480, 960][kind % 2],
        _ => [120, 240, 480, 960][kind % 4],
    };
    let count = match code {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1).map_or(0, |count| u64::from(count & 63)),
    };
    (count * frame).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_as_long_as_its_first_bytes_say() {
        for (packet, right) in [
            (&[][..], 0),
            (&[0b0000_0000], 480),
            (&[0b0001_1000], 2_880),
            (&[0b0111_1001], 1_920),
            (&[0b1111_1000], 960),
            (&[0b1000_0011, 0b1100_0011], 360),
            (&[0b0001_1011, 63], MOST),
            (&[0b1111_1011], 0),
        ] {
            assert_eq!(frames(packet), right, "{packet:?}");
        }
    }
}
