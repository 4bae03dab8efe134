//! Computes the duration of a file from its packets: that of its longest track, if all bytes are accounted for.

use crate::{
    about::{About, FileEnding},
    encoder_padding::Edges,
    length::TrackLength,
};
use std::io;
use symphonia::core::{codecs::CodecParameters, errors::Error, formats::FormatReader, packet::Packet};

/// Maximum number of tracks that are counted. Recordings do not have more.
const TRACKS: usize = 16;
/// Maximum number of bytes outside of packets (tags, tables), beside a share of the bytes of all packets.
const TABLES: u64 = 64 * 1024;

/// How far a file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// To its end, or to where it was cut off.
    Whole,
    /// To the limit of packets, seconds or bytes.
    Partly,
    /// To where it is damaged. Programs differ in how they read the rest.
    Damaged,
}

/// Counts the packets of a file.
pub(crate) struct PacketCount {
    /// One entry for each audio track; `None` for one that cannot be counted.
    tracks: Vec<Option<TrackLength>>,
    /// Seconds of the chained streams before the current one.
    before: f64,
    about: About,
    /// Bytes of all packets of all tracks.
    held: u64,
    packets: u64,
    is_dense: bool,
    /// Whether an index gives the offset of each packet: then a missing packet does not mean that the file ends there.
    is_indexed: bool,
}

impl PacketCount {
    /// Creates a counter for the tracks of a file.
    pub(crate) fn of(format: &dyn FormatReader, about: About) -> Self {
        // These containers store no data between packets.
        let container = format.format_info().short_name;
        let (is_dense, is_indexed) = (matches!(container, "wave" | "aiff"), container == "isomp4");
        Self { tracks: tallies(format, &about), before: 0.0, about, held: 0, packets: 0, is_dense, is_indexed }
    }

    pub(crate) fn add(&mut self, packet: &Packet) {
        self.packets += 1;
        self.held += packet.data.len() as u64;
        self.tracks.iter_mut().flatten().for_each(|track| track.add(packet));
    }

    /// Reads to the end of the file, or stops at `packets` packets or `seconds` seconds.
    pub(crate) fn finish(&mut self, format: &mut dyn FormatReader, packets: u64, seconds: f64) -> Read {
        while self.packets < packets && self.counted() <= seconds {
            match format.next_packet() {
                Ok(Some(packet)) => self.add(&packet),
                Ok(None) => return Read::Whole,
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    if self.is_indexed && self.about.ending != FileEnding::CutOff {
                        return Read::Damaged;
                    }
                    let length = self.about.length;
                    self.tracks.iter_mut().flatten().for_each(|track| track.cut_off(length));
                    return Read::Whole;
                }
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::QuotaExceeded => return Read::Partly,
                // A chained stream begins behind the current one.
                Err(Error::ResetRequired) => {
                    self.before = self.counted();
                    self.tracks = tallies(format, &self.about);
                }
                Err(_) => return Read::Damaged,
            }
        }
        Read::Partly
    }

    /// Returns the seconds counted so far.
    pub(crate) fn counted(&self) -> f64 {
        self.before + self.tracks.iter().flatten().map(TrackLength::seconds).fold(0.0, f64::max)
    }

    /// Returns the duration in seconds, if it is certain: all packets state their duration, and no other program would
    /// find more audio in the file. For a file that was read partly, returns the duration that its header claims
    /// (`claimed`), as far as it is plausible.
    pub(crate) fn seconds(&self, read: Read, claimed: Option<f64>) -> Option<f64> {
        let is_told = self.about.is_even
            && self.about.ending != FileEnding::Followed
            && self.tracks.iter().all(|track| track.as_ref().is_some_and(TrackLength::is_certain));
        let seconds =
            match read {
                Read::Whole if self.is_accounted_for() => Some(self.counted()),
                Read::Partly if self.before > 0.0 => None,
                Read::Partly => self.tracks.iter().flatten().try_fold(0.0_f64, |most, track| {
                    Some(most.max(track.plausible_claim(claimed, self.about.length)?))
                }),
                Read::Whole | Read::Damaged => None,
            };
        seconds.filter(|seconds| is_told && *seconds > 0.0)
    }

    /// Whether the packets account for the bytes of the file. Other bytes may be audio to other programs: a second data
    /// chunk, a file embedded in the file.
    fn is_accounted_for(&self) -> bool {
        let beside = if self.is_dense { self.held / 16 } else { self.held };
        self.about.length.saturating_sub(self.held) <= beside + TABLES
    }
}

fn tallies(format: &dyn FormatReader, about: &About) -> Vec<Option<TrackLength>> {
    let audio = format.tracks().iter().filter_map(|track| Some((track, track.codec_params.as_ref()?)));
    let audio = audio.filter_map(|(track, params)| match params {
        CodecParameters::Audio(params) => {
            let edges = Edges::of(format.format_info().short_name, track, params, &about.edits);
            Some(TrackLength::of(track, params, edges))
        }
        _ => None,
    });
    let mut tallies: Vec<_> = audio.take(TRACKS + 1).collect();
    if tallies.len() > TRACKS {
        tallies.push(None);
    }
    tallies
}

#[cfg(test)]
mod tests {
    use crate::{
        packets::fixtures::{caf, mkv, mkv_of},
        probe::{count, probe},
    };
    use std::{
        fs::File,
        io::{Seek, Write},
    };

    fn stored(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    /// Returns the duration of a file as probed at its upload, and as counted later from the whole file: both must be
    /// equal.
    fn length(file: &[u8]) -> Option<f64> {
        let seconds = probe(stored(file)).unwrap().and_then(|found| found.audio.duration_seconds);
        let counted = count(stored(file), f64::INFINITY).unwrap();
        let thousandths = |seconds: f64| (seconds * 1_000.0).round();
        assert_eq!(seconds.map(thousandths), counted.map(thousandths));
        seconds
    }

    fn chunk(name: &str, body: &[u8]) -> Vec<u8> {
        [name.as_bytes(), &u32::try_from(body.len()).unwrap().to_le_bytes(), body].concat()
    }

    /// Returns a WAV file of 16,000 bytes per second with these chunks.
    fn wav(chunks: &[Vec<u8>]) -> Vec<u8> {
        let format = chunk("fmt ", b"\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0");
        chunk("RIFF", &[b"WAVE".to_vec(), format, chunks.concat()].concat())
    }

    /// Returns blocks of 256 bytes of PCM, 16 milliseconds each.
    fn blocks(count: usize) -> Vec<Vec<u8>> {
        vec![vec![0; 256]; count]
    }

    #[test]
    fn a_chunk_of_data_behind_the_first_makes_the_length_unknown() {
        let (one, many) = (vec![0; 16_000], vec![0; 960_000]);
        assert_eq!(length(&wav(&[chunk("data", &one)])), Some(1.0));
        assert_eq!(length(&wav(&[chunk("LIST", &one), chunk("data", &one), chunk("id3 ", &one)])), Some(1.0));
        assert_eq!(length(&wav(&[chunk("data", &one), chunk("data", &many)])), None);
        assert_eq!(length(&wav(&[chunk("data", &one), chunk("LIST", &one), chunk("data", &many)])), None);
        assert_eq!(length(&wav(&[chunk("junk", &many), chunk("data", &one)])), None);
    }

    #[test]
    fn a_file_in_another_makes_the_length_unknown() {
        let inner = wav(&[chunk("data", &[0; 16_000])]);
        for front in [&b".snd\0\0\x40\0"[..], b"FLV\x01\x04\0\0\x3f\0", b"G\x1f\xff\x10"] {
            let file = [front, &inner, &vec![0x80; 960_000]].concat();
            assert_eq!(length(&file), None, "{front:?}");
        }
    }

    #[test]
    fn tags_in_front_are_no_audio_to_anybody() {
        let mp3 = include_bytes!("../../../tests/fixtures/vbr-no-xing.mp3");
        let padding = vec![0; 1 << 20];
        let tag = |size: [u8; 4]| [&b"ID3\x03\0\0"[..], &size, &padding].concat();
        let right = length(mp3);
        assert!(right.is_some());
        assert_eq!(length(&[&tag([0, 64, 0, 0])[..], mp3].concat()), right);
        assert_eq!(length(&[&tag([0, 64, 0, 0])[..], &tag([0, 64, 0, 0]), mp3].concat()), right, "two");
        let ape = [&b"APETAGEX\xd0\x07\0\0\0\0\x10\0"[..], &[0; 16], &padding].concat();
        assert_eq!(length(&[&ape[..], mp3].concat()), right, "of APE");
        assert_eq!(length(&[&tag([0, 64, 0, 0])[..], &padding, mp3].concat()), right, "zeros behind");
        assert_eq!(length(&[&padding[..], mp3].concat()), right, "zeros alone");
        let mp4 = include_bytes!("../../../tests/fixtures/safari-fragmented.mp4");
        assert_eq!(length(&[&padding[..], mp4].concat()), length(mp4), "and an MP4");
        assert_eq!(length(&padding), None);
    }

    #[test]
    fn the_longest_track_counts_whichever_comes_first() {
        let codec = ("A_PCM/INT/LIT", &[][..]);
        for counts in [[60, 1], [1, 60], [60, 60]] {
            let file = mkv_of(&[codec, codec], 8_000.0, &[blocks(counts[0]), blocks(counts[1])]);
            assert_eq!(length(&file), Some(0.96), "{counts:?}");
        }
        let other = ("A_AC3", &[][..]);
        assert_eq!(length(&mkv_of(&[codec, other], 8_000.0, &[blocks(1), blocks(60)])), None, "one that tells nothing");
    }

    #[test]
    fn what_only_a_container_tells_is_unknown() {
        for codec in ["A_AC3", "A_EAC3", "A_DTS", "A_WAVPACK4", "A_TTA1"] {
            assert_eq!(count(stored(&mkv(codec, &[], 8_000.0, None, 1.0, &blocks(60))), f64::INFINITY).unwrap(), None);
        }
    }

    #[test]
    fn what_stands_behind_damage_makes_the_length_unknown() {
        let honest = mkv("A_PCM/INT/LIT", &[], 8_000.0, None, 16.0, &blocks(600));
        assert_eq!(length(&honest), Some(9.6));
        for (name, junk) in [("nothing", &[0; 16][..]), ("an element of no known kind", b"\x10\x00\x00\x01\xff")] {
            let mut file = honest.clone();
            let at = file.windows(4).position(|bytes| bytes == b"\x1f\x43\xb6\x75").unwrap() + 2_000;
            file.splice(at..at, junk.iter().copied());
            assert!(length(&file).is_none_or(|seconds| seconds > 9.5), "{name}");
        }
    }

    #[test]
    fn zeros_behind_a_file_are_nothing_and_another_file_makes_the_length_unknown() {
        let file = mkv("A_PCM/INT/LIT", &[], 8_000.0, None, 16.0, &blocks(60));
        let right = length(&file);
        assert!(right.is_some());
        assert_eq!(length(&[&file[..], &[0; 5_000]].concat()), right);
        assert_eq!(length(&file.repeat(2)), None);
    }

    #[test]
    fn packets_of_adpcm_are_as_long_as_their_bytes() {
        for frames in [64, 1] {
            let file = caf("ima4", [0, 34, frames, 0], &[], None, &vec![vec![0; 34]; 1_000]);
            let seconds = count(stored(&file), f64::INFINITY).unwrap();
            assert!(seconds.is_some_and(|seconds| (3.96..4.04).contains(&seconds)), "{frames}: {seconds:?}");
        }
    }
}
