//! Audio: RIFF WAVE files of a tone, and of speech.

use std::process::Command;

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

/// Somebody who says two sentences: see [`said`].
pub fn spoken() -> (Vec<u8>, [(f64, f64); 2]) {
    said(["Good morning, this is a test of speech.", "Nobody knows what happens next."])
}

/// Somebody who says these sentences, made by espeak-ng: a second of silence, a sentence, a second and a half of silence, a
/// sentence, a second of silence. The times of the sentences, in seconds, stand beside.
pub fn said(sentences: [&str; 2]) -> (Vec<u8>, [(f64, f64); 2]) {
    let rate = 22_050;
    let silence = |seconds: f64| vec![0_u8; (f64::from(rate) * seconds) as usize * 2];
    let sentences = sentences.map(sentence);
    let mut samples = silence(1.0);
    let mut times = [(0.0, 0.0); 2];
    for (sentence, time) in sentences.iter().zip(&mut times) {
        let seconds = |bytes: usize| bytes as f64 / f64::from(rate) / 2.0;
        time.0 = seconds(samples.len());
        samples.extend_from_slice(sentence);
        time.1 = seconds(samples.len());
        samples.extend(silence(1.5));
    }
    samples.truncate(samples.len() - silence(0.5).len());
    let mut wav = header(u32::try_from(samples.len()).unwrap());
    wav[24..28].copy_from_slice(&22_050_u32.to_le_bytes());
    wav[28..32].copy_from_slice(&44_100_u32.to_le_bytes());
    wav.extend(samples);
    (wav, times)
}

/// Samples of a sentence: 16 bits, mono, 22,050 a second, without the silence at its ends.
fn sentence(text: &str) -> Vec<u8> {
    let said = Command::new("espeak-ng").args(["--stdout", text]).output().expect("apt-get install espeak-ng");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let samples = &said.stdout[44..];
    let loud = |sample: &[u8]| i16::from_le_bytes([sample[0], sample[1]]).abs() > 100;
    let first = samples.chunks_exact(2).position(loud).unwrap();
    let last = samples.chunks_exact(2).rposition(loud).unwrap();
    samples[first * 2..last * 2 + 2].to_vec()
}
