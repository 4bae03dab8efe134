//! Resamples audio of any sample rate and number of channels to the input of the voice activity detection: 16 kHz,
//! mono.

use rubato::{Fft, FixedSync, Resampler as _, audioadapter_buffers::direct::InterleavedSlice};

/// Output sample rate in hertz.
pub const SPEECH_RATE: u32 = 16_000;
/// Supported input rates. A header may claim any rate, and the resampler's tables grow with it.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=384_000;
/// Maximum number of input channels.
const MOST_CHANNELS: usize = 64;
/// Blocks per second: a filter of ten milliseconds, and a delay of five.
const BLOCKS: u32 = 100;

/// Streaming resampler: mixes interleaved samples to one channel and converts them to [`SPEECH_RATE`]. It buffers ten
/// milliseconds (up to a second at rates without a common divisor with 16,000) and nothing else.
pub struct Resampler {
    rate: u32,
    channels: usize,
    change: Option<Box<RateChange>>,
    mixed: Vec<f32>,
    out: Vec<f32>,
    taken: u64,
    given: u64,
}

/// Rate conversion, block by block.
struct RateChange {
    fft: Fft<f32>,
    block: Vec<f32>,
    /// Output samples to drop at the start, which only fill the filter.
    delay: usize,
}

impl Resampler {
    /// Creates a resampler for interleaved samples of this rate and number of channels. `None` if unsupported: rates
    /// outside 1,000 to 384,000, no channel, or more than 64.
    pub fn new(rate: u32, channels: usize) -> Option<Self> {
        if !RATES.contains(&rate) || !(1..=MOST_CHANNELS).contains(&channels) {
            return None;
        }
        let change = if rate == SPEECH_RATE { None } else { Some(Box::new(RateChange::new(rate)?)) };
        Some(Self { rate, channels, change, mixed: Vec::new(), out: Vec::new(), taken: 0, given: 0 })
    }

    /// Whether this resampler is for this rate and number of channels.
    pub fn takes(&self, rate: u32, channels: usize) -> bool {
        (self.rate, self.channels) == (rate, channels)
    }

    /// Resets the state for new audio. Keeps the tables, which are the most expensive part.
    pub fn reset(&mut self) {
        if let Some(change) = &mut self.change {
            change.reset();
        }
        (self.taken, self.given) = (0, 0);
    }

    /// Processes whole frames and returns the resulting output. Samples that are not finite count as silence.
    pub fn push(&mut self, samples: &[f32]) -> &[f32] {
        self.mixed.clear();
        self.out.clear();
        #[expect(clippy::cast_precision_loss, reason = "at most 64")]
        let channels = self.channels as f32;
        let mono = samples.chunks_exact(self.channels).map(|frame| {
            let sum: f32 = frame.iter().map(|sample| if sample.is_finite() { *sample } else { 0.0 }).sum();
            (sum / channels).clamp(-1.0, 1.0)
        });
        self.mixed.extend(mono);
        self.taken += self.mixed.len() as u64;
        match &mut self.change {
            Some(change) => change.push(&self.mixed, &mut self.out),
            None => self.out.extend_from_slice(&self.mixed),
        }
        self.given += self.out.len() as u64;
        &self.out
    }

    /// Flushes the filter and returns the rest of the output. The total output is then as long as the input.
    pub fn finish(&mut self) -> &[f32] {
        self.out.clear();
        let wanted = self.taken * u64::from(SPEECH_RATE) / u64::from(self.rate);
        let missing = usize::try_from(wanted.saturating_sub(self.given)).unwrap_or(0);
        if let Some(change) = &mut self.change {
            // Push silence to flush the filter, which is shorter than two blocks.
            let silence = vec![0.0; change.block.capacity() * 2];
            change.push(&silence, &mut self.out);
        }
        self.out.truncate(missing);
        self.given += self.out.len() as u64;
        &self.out
    }
}

impl RateChange {
    fn reset(&mut self) {
        self.fft.reset();
        self.block.clear();
        self.delay = self.fft.output_delay();
    }

    fn new(rate: u32) -> Option<Self> {
        let block = usize::try_from(rate / BLOCKS).ok()?;
        let fft = Fft::new(usize::try_from(rate).ok()?, usize::try_from(SPEECH_RATE).ok()?, block, 1, FixedSync::Both);
        let fft = fft.ok()?;
        let (block, delay) = (Vec::with_capacity(fft.input_frames_next()), fft.output_delay());
        Some(Self { fft, block, delay })
    }

    fn push(&mut self, mut samples: &[f32], out: &mut Vec<f32>) {
        let size = self.fft.input_frames_next();
        while !samples.is_empty() {
            let (some, rest) = samples.split_at(samples.len().min(size - self.block.len()));
            self.block.extend_from_slice(some);
            samples = rest;
            if self.block.len() == size {
                self.turn(out);
                self.block.clear();
            }
        }
    }

    fn turn(&mut self, out: &mut Vec<f32>) {
        let (from, frames) = (out.len(), self.fft.output_frames_next());
        out.resize(from + frames, 0.0);
        // The sizes are those that the resampler asks for, so neither call can fail; if one did, the block would be
        // silent.
        if let (Ok(block), Ok(mut room)) = (
            InterleavedSlice::new(&self.block, 1, self.block.len()),
            InterleavedSlice::new_mut(&mut out[from..], 1, frames),
        ) {
            let _done = self.fft.process_into_buffer(&block, &mut room, None);
        }
        let skip = self.delay.min(frames);
        out.drain(from..from + skip);
        self.delay -= skip;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    /// Returns a second of a tone of 440 Hz.
    #[expect(clippy::cast_precision_loss, reason = "less than 2^23")]
    fn tone(rate: u32) -> Vec<f32> {
        (0..rate).map(|n| (TAU * 440.0 * n as f32 / rate as f32).sin() * 0.5).collect()
    }

    #[test]
    fn a_tone_stays_the_tone_that_it_was_at_every_rate_and_in_pieces_of_any_size() {
        let wanted = tone(SPEECH_RATE);
        for rate in [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000] {
            let mut resampler = Resampler::new(rate, 1).unwrap();
            let mut got = Vec::new();
            for piece in tone(rate).chunks(777) {
                got.extend_from_slice(resampler.push(piece));
            }
            got.extend_from_slice(resampler.finish());
            assert_eq!(got.len(), wanted.len(), "{rate}");
            // The edges ring, and at some rates the middle of the filter is off by half a sample: 45 µs at most.
            for n in 400..wanted.len() - 400 {
                assert!((got[n] - wanted[n]).abs() < 0.07, "{rate}: sample {n} is {} for {}", got[n], wanted[n]);
            }
        }
    }

    #[test]
    fn channels_are_mixed_and_nonsense_is_silence() {
        let mut resampler = Resampler::new(SPEECH_RATE, 2).unwrap();
        assert_eq!(resampler.push(&[0.5, 0.25, f32::NAN, 1.0, f32::INFINITY, 9.0]), [0.375, 0.5, 1.0]);
        for (rate, channels) in [(0, 1), (999, 1), (400_000, 1), (u32::MAX, 1), (48_000, 0), (48_000, 65)] {
            assert!(Resampler::new(rate, channels).is_none(), "{rate} Hz, {channels} channels");
        }
    }
}
