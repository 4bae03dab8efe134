//! Audio: a RIFF WAVE file of a tone.

/// `seconds` of a 440 Hz tone, 16 bits, mono, 16,000 samples a second.
pub fn tone(seconds: u32) -> Vec<u8> {
    let samples = seconds * 16_000;
    let mut wav = header(samples * 2);
    for sample in 0..samples {
        let angle = f64::from(sample) * 440.0 * std::f64::consts::TAU / 16_000.0;
        let value = (angle.sin() * 8_000.0) as i16;
        wav.extend_from_slice(&value.to_le_bytes());
    }
    wav
}

/// The 44 bytes before `data` bytes of samples.
pub fn header(data: u32) -> Vec<u8> {
    let mut wav = Vec::with_capacity(44);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + data).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16_u32.to_le_bytes());
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&16_000_u32.to_le_bytes());
    wav.extend_from_slice(&32_000_u32.to_le_bytes());
    wav.extend_from_slice(&2_u16.to_le_bytes());
    wav.extend_from_slice(&16_u16.to_le_bytes());
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&data.to_le_bytes());
    wav
}
