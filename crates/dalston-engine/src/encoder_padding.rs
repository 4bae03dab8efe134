//! Encoder delay and padding: samples that an encoder adds before and behind the audio and that players skip. Without
//! skipping them, all times would be late.

use symphonia::core::{codecs::audio::AudioCodecParameters, formats::Track};

/// Maximum delay or padding that is believed, in frames and in seconds. The container states it without proof, and
/// skipped audio is not counted.
const MOST: f64 = 8_192.0;
const MOST_SECONDS: f64 = 1.0;
/// Maximum delay or padding of a LAME tag, in frames.
const LAME: u32 = 4_095;

/// Delay and padding of a track, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Edges {
    pub(crate) front: f64,
    /// The padding at the end of a complete file.
    pub(crate) back: f64,
    /// Total duration of all packets of a complete file; 0 when it is unknown.
    pub(crate) whole: f64,
}

/// Tolerance in seconds when the duration of a complete file is compared.
const ROUNDED: f64 = 0.001;

/// The part of a track that is presented, from the edit list of an MP4.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Edit {
    /// The number of the track.
    pub(crate) track: u32,
    /// Seconds of the track before the presented part.
    pub(crate) front: f64,
    /// Duration of the presented part in seconds, if it is known.
    pub(crate) length: Option<f64>,
}

impl Edges {
    /// Returns the padding at the end of a file whose packets have this many seconds. A file that was cut off has none.
    pub(crate) fn back(&self, seconds: f64) -> f64 {
        if seconds + ROUNDED >= self.whole { self.back } else { 0.0 }
    }

    /// Returns the edges of a track, from its own headers or an MP4 edit list. Those of Ogg and Matroska are not needed
    /// here: their codecs handle them.
    pub(crate) fn of(container: &str, track: &Track, params: &AudioCodecParameters, edits: &[Edit]) -> Self {
        let Some(rate) = params.sample_rate.filter(|rate| *rate > 0).map(f64::from) else { return Self::default() };
        let is_own = params.extra_data.as_deref().is_some_and(|header| header.starts_with(b"OpusHead"));
        let (front, back, whole) = match container {
            "mp3" | "caf" if !is_own => {
                let [delay, padding] = [track.delay, track.padding].map(|frames| frames.unwrap_or_default().min(LAME));
                let (front, back) = (f64::from(delay) / rate, f64::from(padding) / rate);
                (front, back, frames(track).map_or(0.0, |frames| front + frames / rate + back))
            }
            "isomp4" if !is_own => match edits.iter().find(|edit| edit.track == track.id) {
                Some(Edit { front, length, .. }) => {
                    let held = held(track);
                    let back = length.zip(held).map_or(0.0, |(length, held)| held - front - length);
                    (*front, back, held.unwrap_or_default())
                }
                None => return Self::default(),
            },
            _ => return Self::default(),
        };
        let most = (MOST / rate).min(MOST_SECONDS);
        let believed = |seconds: f64| if (0.0..=most).contains(&seconds) { seconds } else { 0.0 };
        Self { front: believed(front), back: believed(back), whole }
    }
}

/// Returns the number of audible frames of a track, from its header.
#[expect(clippy::cast_precision_loss, reason = "2^53 frames are 1,500 years of audio")]
fn frames(track: &Track) -> Option<f64> {
    track.num_frames.map(|frames| frames as f64)
}

/// Returns the duration of all samples of a track in seconds, from its time-to-sample table.
#[expect(clippy::cast_precision_loss, reason = "2^53 ticks are no file")]
fn held(track: &Track) -> Option<f64> {
    let base = track.time_base?;
    let ticks = track.duration.filter(|ticks| ticks.get() > 0)?;
    Some(ticks.get() as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphonia::core::{
        codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_OPUS},
        units::{Duration, TimeBase},
    };

    #[test]
    fn what_an_encoder_adds_is_believed_and_no_more() {
        let mut track = Track::new(7);
        track.with_time_base(TimeBase::try_new(1, 16_000).unwrap()).with_duration(Duration::from(32_000_u64));
        track.with_delay(1_600).with_padding(800);
        let mut aac = AudioCodecParameters::new();
        aac.for_codec(CODEC_ID_AAC).with_sample_rate(16_000);
        let mut opus = AudioCodecParameters::new();
        opus.for_codec(CODEC_ID_OPUS).with_sample_rate(16_000).with_extra_data(b"OpusHead".to_vec().into());
        let edit = |track, front, length| vec![Edit { track, front, length }];
        for (container, params, edits, front, back) in [
            ("mp3", &aac, vec![], 0.1, 0.05),
            ("caf", &aac, vec![], 0.1, 0.05),
            ("caf", &opus, vec![], 0.0, 0.0),
            ("ogg", &aac, vec![], 0.0, 0.0),
            ("isomp4", &aac, vec![], 0.0, 0.0),
            ("isomp4", &aac, edit(7, 0.25, Some(1.5)), 0.25, 0.25),
            ("isomp4", &aac, edit(7, 0.25, Some(1.75)), 0.25, 0.0),
            ("isomp4", &aac, edit(7, 0.25, Some(9.0)), 0.25, 0.0),
            ("isomp4", &aac, edit(7, 0.25, Some(0.5)), 0.25, 0.0),
            ("isomp4", &aac, edit(7, 0.25, None), 0.25, 0.0),
            ("isomp4", &aac, edit(7, 1.75, None), 0.0, 0.0),
            ("isomp4", &aac, edit(7, f64::NAN, Some(f64::NAN)), 0.0, 0.0),
            ("isomp4", &aac, edit(8, 0.25, None), 0.0, 0.0),
            ("isomp4", &opus, edit(7, 0.25, None), 0.0, 0.0),
        ] {
            let edges = Edges::of(container, &track, params, &edits);
            let is_right = (edges.front - front).abs() < 1e-9 && (edges.back - back).abs() < 1e-9;
            assert!(is_right, "{container} {edits:?}: {edges:?}");
        }
        let edges = Edges::of("isomp4", &track, &aac, &edit(7, 0.25, Some(1.5)));
        assert_eq!([1.9, 2.0, 3.0].map(|seconds| edges.back(seconds) > 0.0), [false, true, true]);
    }
}
