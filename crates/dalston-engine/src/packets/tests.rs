use super::Packets;
use super::fixtures::{Mp4, atom, caf, low, mkv, ogg, words};
use crate::probe::{Bounded, count, open, probe};
use std::{
    fs::File,
    io::{Seek, Write},
};
use symphonia::core::codecs::audio::{
    AudioCodecParameters,
    well_known::{CODEC_ID_ALAC, CODEC_ID_FLAC, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_PCM_S16LE, CODEC_ID_VORBIS},
};

const MP3: &[u8] = include_bytes!("../../../../tests/fixtures/vbr-no-xing.mp3");
const FLAC: &[u8] = include_bytes!("../../../../tests/fixtures/flac-says-1-sample.flac");
const VORBIS: &[u8] = include_bytes!("../../../../tests/fixtures/tone.ogg");
const OPUS: &[u8] = include_bytes!("../../../../tests/fixtures/telegram-voice.oga");

fn stored(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

/// Asserts the duration of several files with the same audio, whatever their tables state.
fn assert_lengths(right: f64, files: impl IntoIterator<Item = (&'static str, Vec<u8>)>) {
    let mut wrong = Vec::new();
    for (name, bytes) in files {
        let probed = probe(stored(&bytes)).unwrap().and_then(|found| found.audio.duration_seconds);
        let counted = count(stored(&bytes), f64::INFINITY).unwrap();
        let is_right = |seconds: Option<f64>| seconds.is_some_and(|seconds| (seconds - right).abs() <= right / 100.0);
        if !is_right(probed) || !is_right(counted) {
            wrong.push(format!("{name}: {probed:?}, {counted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{right}: {wrong:#?}");
}

/// Asserts the duration of a file without decoding it, as decoders may reject it.
fn assert_counted(right: f64, name: &str, file: &[u8]) {
    let seconds = count(stored(file), f64::INFINITY).unwrap();
    assert!(seconds.is_some_and(|seconds| (seconds - right).abs() <= right / 100.0), "{name}: {seconds:?} for {right}");
}

/// Returns the packets of a file without tables.
fn packets(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut format = open(Bounded::new(stored(bytes), u64::MAX).unwrap()).unwrap();
    std::iter::from_fn(|| format.next_packet().unwrap()).map(|packet| packet.data.to_vec()).collect()
}

/// Builds an MP4 of these samples with correct times, and variants: all too short, all but one too short, the last ones
/// missing, finer ticks, far too long, and a different sample rate.
fn mp4s(entry: (&'static str, u32, u16, Vec<u8>), ticks: u32, samples: &[Vec<u8>]) -> Vec<(&'static str, Vec<u8>)> {
    let count = u32::try_from(samples.len()).unwrap();
    let (name, rate, bits, more) = entry.clone();
    let honest = Mp4 { scale: rate, times: vec![(count, ticks)], entry };
    let times = |name, times| (name, Mp4 { times, ..honest.clone() }.file(samples));
    let mut files = vec![
        times("honest", honest.times.clone()),
        times("of one tick", vec![(1, 1), (count - 1, 1)]),
        times("of no time", vec![(count, 0)]),
        times("one right", vec![(1, ticks), (count - 1, ticks / 8)]),
        times("half of them", vec![(count / 2, ticks)]),
        times("five of them and short", vec![(3, 1), (2, 2)]),
        times("too long", vec![(count, ticks * 16)]),
        ("other ticks", Mp4 { scale: rate * 10, ..honest.clone() }.file(samples)),
    ];
    // Samples without headers are played at the stated rate.
    if bits == 16 && name != "sowt" {
        files.push(("another rate", Mp4 { entry: (name, 48_000, bits, more), ..honest }.file(samples)));
    }
    files
}

/// Builds the same for Matroska: blocks without a duration, and with one that is too short.
fn mkvs(codec: &str, private: &[u8], rate: f64, samples: &[Vec<u8>], right: f64) -> Vec<(&'static str, Vec<u8>)> {
    #[expect(clippy::cast_precision_loss, reason = "few samples")]
    let step = right * 1_000.0 / samples.len() as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "less than 256 milliseconds")]
    let long = step.round().min(255.0) as u8;
    [
        ("honest", Some(long), step),
        ("without lengths", None, step),
        ("without lengths and times", None, 0.0),
        ("of a millisecond", Some(1), step),
        ("of a millisecond and close", Some(1), 1.0),
        ("of no time", Some(0), 0.0),
    ]
    .into_iter()
    .map(|(name, says, step)| (name, mkv(codec, private, rate, says, step, samples)))
    .collect()
}

fn esds(object: u8, config: &[u8]) -> Vec<u8> {
    let length = |length: usize| [0x80 | u8::try_from(length >> 7).unwrap(), low(length)];
    let config = if config.is_empty() { Vec::new() } else { [&[5][..], &length(config.len()), config].concat() };
    let decoder = [&[4][..], &length(13 + config.len()), &[object, 0x15], &[0; 11], &config].concat();
    let stream = [&[3][..], &length(3 + decoder.len() + 3), &[0, 1, 0], &decoder, &[6, 1, 2]].concat();
    atom("esds", &[&[0; 4], &stream])
}

#[test]
fn mp3_is_counted_by_the_headers_of_its_frames() {
    let frames = packets(MP3);
    let right = 63.0 * 1_152.0 / 44_100.0;
    assert_eq!(frames.len(), 63);
    let entry = ("mp4a", 44_100, 16, esds(0x6b, &[]));
    assert_lengths(right, mp4s(entry.clone(), 1_152, &frames));
    assert_lengths(right, mkvs("A_MPEG/L3", &[], 44_100.0, &frames, right));
    // Players find MPEG frames however they are split into packets.
    let stream = frames.concat();
    let cut = |size: usize| stream.chunks(size).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let pairs: Vec<Vec<u8>> = frames.chunks(3).map(<[_]>::concat).collect();
    for samples in [pairs, cut(1_000), cut(157)] {
        let count = u32::try_from(samples.len()).unwrap();
        let file = Mp4 { scale: 44_100, times: vec![(count, 2)], entry: entry.clone() }.file(&samples);
        assert_counted(right, &format!("{count} packets"), &file);
    }
}

#[test]
fn flac_is_counted_by_the_headers_of_its_frames() {
    let (info, frames) = (&FLAC[8..42], packets(FLAC));
    let dfla = atom("dfLa", &[&[0; 4], b"\x80\0\0\x22", info]);
    let private = [b"fLaC\x80\0\0\x22", info].concat();
    assert_lengths(1.6, [("FLAC", FLAC.to_vec())]);
    assert_lengths(1.6, mp4s(("fLaC", 16_000, 16, dfla), 4_096, &frames));
    assert_lengths(1.6, mkvs("A_FLAC", &private, 16_000.0, &frames, 1.6));
    assert_lengths(1.6, mkvs("A_FLAC", &private, 96_000.0, &frames, 1.6));
    let glued: Vec<Vec<u8>> = frames.chunks(2).map(<[_]>::concat).collect();
    assert_lengths(1.6, mkvs("A_FLAC", &private, 16_000.0, &glued, 1.6));
}

#[test]
fn an_mp4_of_two_movies_is_none() {
    let frames = packets(FLAC);
    let dfla = atom("dfLa", &[&[0; 4], b"\x80\0\0\x22", &FLAC[8..42]]);
    let mut file = Mp4 { scale: 16_000, times: vec![(7, 4_096)], entry: ("fLaC", 16_000, 16, dfla) }.file(&frames);
    assert_counted(1.6, "of one", &file);
    let movie = file.windows(4).position(|name| name == b"moov").unwrap() - 4;
    file.extend_from_within(movie..);
    assert_eq!(probe(stored(&file)).unwrap(), None);
    assert_eq!(count(stored(&file), f64::INFINITY).unwrap(), None);
}

#[test]
fn a_sample_that_is_not_there_makes_the_length_of_a_whole_mp4_unknown() {
    let frames = packets(FLAC);
    let dfla = atom("dfLa", &[&[0; 4], b"\x80\0\0\x22", &FLAC[8..42]]);
    let whole = Mp4 { scale: 16_000, times: vec![(7, 4_096)], entry: ("fLaC", 16_000, 16, dfla) }.file(&frames);
    assert_counted(1.6, "honest", &whole);
    let sizes = whole.windows(4).position(|name| name == b"stsz").unwrap() + 16;
    let mut lies = whole.clone();
    // The fifth entry of the size table: other programs continue behind it.
    lies[sizes + 16] = 1;
    assert_eq!(count(stored(&lies), f64::INFINITY).unwrap(), None);
}

/// Builds an uncompressed ALAC packet, mono, 16 bits. With `says` it states its number of frames.
fn alac(frames: u32, says: bool) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    let mut put = |value: u32, count: u32| bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    put(0, 3 + 4 + 12);
    put(u32::from(says), 1);
    put(1, 3);
    if says {
        put(frames, 32);
    }
    (0..frames).for_each(|frame| put(frame * 999 % 4_096, 16));
    put(7, 3);
    bits.chunks(8).map(|bits| (0..8).fold(0, |byte, bit| byte << 1 | u8::from(bits.get(bit) == Some(&true)))).collect()
}

#[test]
fn alac_is_counted_by_its_cookie_and_by_what_a_packet_says() {
    let cookie = [&words(&[1_024])[..], &[0, 16, 40, 10, 14, 1, 0, 255], &words(&[0, 0, 16_000])].concat();
    let mut samples = vec![alac(1_024, false); 20];
    samples.extend([alac(1_024, true), alac(100, true)]);
    let right = (21.0 * 1_024.0 + 100.0) / 16_000.0;
    let entry = ("alac", 16_000, 16, atom("alac", &[&[0; 4], &cookie]));
    assert_lengths(right, mp4s(entry, 1_024, &samples));
    assert_lengths(right, mkvs("A_ALAC", &cookie, 16_000.0, &samples, right));
    assert_lengths(right, mkvs("A_ALAC", &cookie, 48_000.0, &samples, right));
    let wrapped = [&words(&[12])[..], b"frmaalac", &words(&[36]), b"alac\0\0\0\0", &cookie].concat();
    for cookie in [cookie, wrapped] {
        assert_lengths(
            right,
            [
                ("CAF, honest", caf("alac", [0, 0, 1_024, 0], &cookie, None, &samples)),
                ("CAF, packets of one frame", caf("alac", [0, 0, 1, 0], &cookie, None, &samples)),
                ("CAF, a table of one frame each", caf("alac", [0, 0, 0, 0], &cookie, Some(1), &samples)),
            ],
        );
    }
}

#[test]
fn pcm_is_counted_by_its_bytes() {
    let frame = |number: u16| (number % 100 * 200).to_le_bytes().to_vec();
    let frames: Vec<Vec<u8>> = (0..16_000).map(frame).collect();
    let many: Vec<Vec<u8>> = frames.chunks(160).map(<[_]>::concat).collect();
    assert_lengths(1.0, mp4s(("sowt", 16_000, 16, Vec::new()), 1, &frames));
    assert_lengths(1.0, mp4s(("sowt", 16_000, 16, Vec::new()), 160, &many));
    let three: Vec<Vec<u8>> = (0..250).cycle().take(16_000).map(|number| vec![0, number, 0]).collect();
    assert_lengths(1.0, mp4s(("in24", 16_000, 24, Vec::new()), 1, &three));
    assert_lengths(1.0, mkvs("A_PCM/INT/LIT", &[], 16_000.0, &many, 1.0));
    assert_lengths(1.0, [("CAF", caf("lpcm", [2, 2, 1, 16], &[], None, &many))]);
    let mut short =
        Mp4 { scale: 16_000, times: vec![(16_000, 1)], entry: ("sowt", 16_000, 16, Vec::new()) }.file(&frames);
    let table = short.windows(4).position(|name| name == b"stsz").unwrap();
    short[table + 8..table + 12].copy_from_slice(&words(&[1]));
    for (name, file) in [
        ("CAF, packets of 200 bytes and a frame", caf("lpcm", [2, 200, 1, 16], &[], None, &many)),
        ("CAF, packets of 4,000 bytes and a frame", caf("lpcm", [2, 4_000, 1, 16], &[], None, &many)),
        ("CAF, a table of one frame each", caf("lpcm", [2, 0, 0, 16], &[], Some(1), &many)),
        ("MP4, samples of one byte", short),
    ] {
        assert_counted(1.0, name, &file);
    }
}

#[test]
fn vorbis_is_counted_by_the_blocks_of_its_modes() {
    let packets = ogg(VORBIS);
    let [identification, comment, setup, samples @ ..] = &packets[..] else { panic!() };
    let length = [2, u8::try_from(identification.len()).unwrap(), u8::try_from(comment.len()).unwrap()];
    let private = [&length[..], identification, comment, setup].concat();
    let right = 11_264.0 / 22_050.0;
    assert_lengths(right, mkvs("A_VORBIS", &private, 22_050.0, samples, right));
    assert_lengths(right, mkvs("A_VORBIS", &private, 88_200.0, samples, right));
    // In MP4 its object type is unknown here, so its duration is unknown, too.
    for (name, file) in mp4s(("mp4a", 22_050, 16, esds(0xdd, &private)), 512, samples) {
        assert_eq!(count(stored(&file), f64::INFINITY).unwrap(), None, "{name}");
    }
    assert_lengths(0.5, [("Ogg", VORBIS.to_vec())]);
}

#[test]
fn opus_is_counted_by_its_packets() {
    let packets = ogg(OPUS);
    let (header, samples) = (&packets[0], &packets[2..]);
    let right = 1.62 - 312.0 / 48_000.0;
    assert_lengths(right, mkvs("A_OPUS", header, 48_000.0, samples, right));
    assert_lengths(1.6, [("Ogg", OPUS.to_vec())]);
}

proptest::proptest! {
    #[test]
    fn no_packet_of_any_codec_does_harm(
        headers in proptest::collection::vec(0_u8.., 0..99),
        packets in proptest::collection::vec(proptest::collection::vec(0xf0_u8.., 0..99), 0..9),
    ) {
        for codec in [CODEC_ID_ALAC, CODEC_ID_FLAC, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_PCM_S16LE, CODEC_ID_VORBIS] {
            let mut params = AudioCodecParameters::new();
            params.for_codec(codec).with_sample_rate(8_000).with_extra_data(headers.clone().into_boxed_slice());
            let mut own = Packets::of(&params);
            for seconds in packets.iter().filter_map(|packet| own.as_mut()?.seconds(packet)) {
                proptest::prop_assert!(seconds.is_finite() && seconds >= 0.0);
            }
        }
    }
}
