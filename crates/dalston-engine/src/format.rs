//! The table of audio formats: name, file extension, media type, and magic bytes.

/// A format of audio, or of video with audio.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AudioFormat {
    /// The name in `audio.format` of a job.
    pub(crate) name: &'static str,
    /// The file extension, without the dot.
    pub(crate) ending: &'static str,
    pub(crate) media_type: &'static str,
    /// Display name of a format that this program does not decode, which is detected by its magic bytes only. `None`:
    /// it decodes the format.
    pub(crate) foreign: Option<&'static str>,
    /// Alternative sets of magic bytes. All of a set must match.
    marks: &'static [&'static [MagicBytes]],
}

/// Offset in the file, and the bytes there.
type MagicBytes = (usize, &'static [u8]);

/// A format that this program decodes.
const fn own(name: &'static str, ending: &'static str, media_type: &'static str) -> AudioFormat {
    AudioFormat { name, ending, media_type, foreign: None, marks: &[] }
}

/// A format that this program does not decode, detected by any of these sets of magic bytes.
const fn foreign(
    name: &'static str,
    ending: &'static str,
    media_type: &'static str,
    title: &'static str,
    marks: &'static [&'static [MagicBytes]],
) -> AudioFormat {
    AudioFormat { name, ending, media_type, foreign: Some(title), marks }
}

/// Bytes of an MPEG-TS packet, and of one with a timestamp in front.
const TS: usize = 188;
const M2TS: usize = 192;

const FORMATS: &[AudioFormat] = &[
    own("wav", "wav", "audio/wav"),
    own("aiff", "aiff", "audio/aiff"),
    own("caf", "caf", "audio/x-caf"),
    own("flac", "flac", "audio/flac"),
    own("mp1", "mp1", "audio/mpeg"),
    own("mp2", "mp2", "audio/mpeg"),
    own("mp3", "mp3", "audio/mpeg"),
    own("aac", "aac", "audio/aac"),
    own("ogg", "ogg", "audio/ogg"),
    own("mp4", "mp4", "audio/mp4"),
    own("webm", "webm", "audio/webm"),
    own("matroska", "mkv", "video/x-matroska"),
    // MPEG-TS comes first: the bytes in its packets may look like another format.
    foreign(
        "mpegts",
        "ts",
        "video/mp2t",
        "MPEG-TS",
        &[
            &[(0, b"G"), (TS, b"G"), (2 * TS, b"G"), (3 * TS, b"G")],
            &[(4, b"G"), (4 + M2TS, b"G"), (4 + 2 * M2TS, b"G"), (4 + 3 * M2TS, b"G")],
        ],
    ),
    foreign("mpeg", "mpg", "video/mpeg", "an MPEG program stream", &[&[(0, b"\0\0\x01\xba")]]),
    foreign("amr", "amr", "audio/amr", "AMR", &[&[(0, b"#!AMR")]]),
    foreign("silk", "silk", "audio/silk", "SILK", &[&[(0, b"#!SILK_V3")], &[(0, b"\x02#!SILK_V3")]]),
    foreign("ilbc", "lbc", "audio/ilbc", "iLBC", &[&[(0, b"#!iLBC20\n")], &[(0, b"#!iLBC30\n")]]),
    foreign("dss", "dss", "audio/x-dss", "DSS of a dictation machine", &[&[(0, b"\x02dss")], &[(0, b"\x03dss")]]),
    foreign(
        "ds2",
        "ds2",
        "audio/x-ds2",
        "DS2 of a dictation machine",
        &[&[(0, b"\x01ds2")], &[(0, b"\x03ds2")], &[(0, b"\x07ds2")]],
    ),
    foreign("evrc", "evc", "audio/evrc", "EVRC", &[&[(0, b"#!EVRC")]]),
    foreign("qcp", "qcp", "audio/qcelp", "QCELP", &[&[(0, b"RIFF"), (8, b"QLCM")]]),
    foreign("au", "au", "audio/basic", "AU", &[&[(0, b".snd")], &[(0, b"dns.")]]),
    foreign(
        "w64",
        "w64",
        "audio/x-w64",
        "W64",
        &[&[(0, b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0"), (24, b"wave")]],
    ),
    foreign("rifx", "wav", "audio/wav", "RIFX", &[&[(0, b"RIFX"), (8, b"WAVE")]]),
    foreign("xwma", "xwma", "audio/x-xwma", "xWMA", &[&[(0, b"RIFF"), (8, b"XWMA")]]),
    foreign("8svx", "iff", "audio/x-8svx", "8SVX", &[&[(0, b"FORM"), (8, b"8SVX")]]),
    foreign("voc", "voc", "audio/x-voc", "VOC", &[&[(0, b"Creative Voice File\x1a")]]),
    foreign("sphere", "sph", "audio/x-nist", "SPHERE", &[&[(0, b"NIST_1A\n")]]),
    foreign("sox", "sox", "audio/x-sox", "SoX", &[&[(0, b".SoX")], &[(0, b"XoS.")]]),
    foreign("nut", "nut", "video/x-nut", "NUT", &[&[(0, b"nut/multimedia container")]]),
    foreign(
        "mxf",
        "mxf",
        "application/mxf",
        "MXF",
        &[&[(0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02")]],
    ),
    foreign(
        "wtv",
        "wtv",
        "video/x-ms-wtv",
        "Windows television",
        &[&[(0, b"\xb7\xd8\x00\x20\x37\x49\xda\x11\xa6\x4e\x00\x07\xe9\x5e\xad\x8d")]],
    ),
    foreign(
        "truehd",
        "thd",
        "audio/vnd.dolby.mlp",
        "TrueHD",
        &[&[(4, b"\xf8\x72\x6f\xba")], &[(4, b"\xf8\x72\x6f\xbb")]],
    ),
    foreign("avi", "avi", "video/x-msvideo", "AVI", &[&[(0, b"RIFF"), (8, b"AVI ")]]),
    foreign("flv", "flv", "video/x-flv", "FLV", &[&[(0, b"FLV\x01")]]),
    foreign(
        "asf",
        "wma",
        "audio/x-ms-wma",
        "Windows Media",
        &[&[(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c")]],
    ),
    foreign("realmedia", "rm", "audio/vnd.rn-realaudio", "RealMedia", &[&[(0, b".RMF")], &[(0, b".ra\xfd")]]),
    foreign(
        "dts",
        "dts",
        "audio/vnd.dts",
        "DTS",
        &[
            &[(0, b"\x7f\xfe\x80\x01")],
            &[(0, b"\xfe\x7f\x01\x80")],
            &[(0, b"\x1f\xff\xe8\0\x07")],
            &[(0, b"\xff\x1f\0\xe8\xf1\x07")],
            &[(0, b"DTSHDHDR")],
        ],
    ),
    foreign("wavpack", "wv", "audio/x-wavpack", "WavPack", &[&[(0, b"wvpk")]]),
    foreign("tta", "tta", "audio/x-tta", "TTA", &[&[(0, b"TTA1")], &[(0, b"TTA2")]]),
    foreign("ape", "ape", "audio/x-ape", "Monkey's Audio", &[&[(0, b"MAC ")], &[(0, b"MACF")]]),
    foreign("musepack", "mpc", "audio/x-musepack", "Musepack", &[&[(0, b"MPCK")], &[(0, b"MP+")]]),
    foreign("shorten", "shn", "audio/x-shorten", "Shorten", &[&[(0, b"ajkg")]]),
    foreign("tak", "tak", "audio/x-tak", "TAK", &[&[(0, b"tBaK")]]),
    foreign("dsf", "dsf", "audio/x-dsf", "DSD", &[&[(0, b"DSD "), (28, b"fmt ")]]),
    foreign("dff", "dff", "audio/x-dff", "DSD", &[&[(0, b"FRM8"), (12, b"DSD ")]]),
    foreign("adif", "aac", "audio/aac", "AAC in ADIF", &[&[(0, b"ADIF")]]),
    // Two magic bytes are not enough: `framed` also checks the frames that follow.
    foreign("ac3", "ac3", "audio/ac3", "AC-3", &[]),
    foreign("eac3", "eac3", "audio/eac3", "E-AC-3", &[]),
    foreign("loas", "aac", "audio/aac", "AAC in LATM", &[]),
    // The container alone is not enough: this program decodes some of its codecs.
    foreign("3gp", "3gp", "audio/3gpp", "3GP", &[]),
];

impl AudioFormat {
    /// Returns the format with this name, as a job shows it.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name)
    }

    /// Returns the format that this program does not decode and that matches the beginning of a file.
    pub(crate) fn foreign(head: &[u8]) -> Option<&'static Self> {
        let is_at = |(at, bytes): &MagicBytes| head.get(*at..).is_some_and(|rest| rest.starts_with(bytes));
        let marked = FORMATS.iter().find(|format| format.marks.iter().any(|marks| marks.iter().all(is_at)));
        marked.or_else(|| Self::named(framed(head)?))
    }
}

/// Returns the format of a stream of frames if its first three frames follow one another.
fn framed(head: &[u8]) -> Option<&'static str> {
    let (name, mut at) = frame(head)?;
    // A file may have fewer than three frames.
    for _ in 0..2 {
        match head.get(at..).filter(|rest| !rest.is_empty()) {
            Some(rest) => at += frame(rest).filter(|(other, _)| *other == name)?.1,
            None => break,
        }
    }
    Some(name)
}

/// Returns the format and the length of the frame at the beginning of these bytes.
fn frame(bytes: &[u8]) -> Option<(&'static str, usize)> {
    match bytes {
        [0x0b, 0x77, ..] => dolby(bytes),
        // ISO/IEC 14496-3, 1.7.2.
        [0x56, second, third, ..] if second & 0xe0 == 0xe0 => {
            Some(("loas", (usize::from(second & 31) << 8 | usize::from(*third)) + 3))
        }
        _ => None,
    }
}

/// Parses a frame header of AC-3 or E-AC-3 (ETSI TS 102 366).
fn dolby(bytes: &[u8]) -> Option<(&'static str, usize)> {
    /// Bit rates in kilobits per second.
    const KILOBITS: [usize; 19] =
        [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
    let [_, _, third, fourth, fifth, sixth, ..] = *bytes else { return None };
    match sixth >> 3 {
        0..=10 => {
            let kilobits = KILOBITS.get(usize::from(fifth >> 1 & 31))?;
            let words = match fifth >> 6 {
                0 => kilobits * 2,
                1 => kilobits * 320 / 147 + usize::from(fifth & 1),
                2 => kilobits * 3,
                _ => return None,
            };
            Some(("ac3", words * 2))
        }
        11..=16 => Some(("eac3", (usize::from(third & 7) << 8 | usize::from(fourth)) * 2 + 2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(head: &[u8]) -> Option<&'static str> {
        AudioFormat::foreign(head).map(|format| format.name)
    }

    #[test]
    fn each_format_has_a_name_of_its_own() {
        let mut names: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
        names.sort_unstable();
        assert!(names.is_sorted_by(|one, other| one < other), "{names:?}");
        for format in FORMATS {
            assert_eq!(AudioFormat::named(format.name), Some(format));
            assert!(format.media_type.contains('/') && !format.ending.contains('.'), "{format:?}");
        }
    }

    #[test]
    fn a_file_is_known_by_all_of_its_marks() {
        for format in FORMATS {
            for marks in format.marks {
                let mut file = vec![0; 1_000];
                for (at, bytes) in *marks {
                    file[*at..at + bytes.len()].copy_from_slice(bytes);
                }
                assert_eq!(found(&file), Some(format.name));
                for (at, _) in *marks {
                    let mut other = file.clone();
                    other[*at] ^= 0x40;
                    assert_ne!(found(&other), Some(format.name), "{at}");
                }
            }
        }
    }

    #[test]
    fn two_bytes_are_a_format_only_where_frames_follow_one_another() {
        let frame = |head: &[u8], length| {
            let mut frame = head.to_vec();
            frame.resize(length, 7);
            frame
        };
        let ac3 = frame(b"\x0b\x77\0\0\x08\x40", 256);
        let eac3 = frame(b"\x0b\x77\0\x3f\x08\x80", 128);
        for (name, right, file) in [
            ("AC-3", Some("ac3"), ac3.repeat(3)),
            ("one frame", Some("ac3"), ac3.clone()),
            ("E-AC-3", Some("eac3"), eac3.repeat(5)),
            ("noise behind", None, [&ac3[..], &[7; 99]].concat()),
            ("noise behind two", None, [&eac3[..], &eac3, &[7; 99]].concat()),
            ("LATM", Some("loas"), frame(b"\x56\xe0\x20", 35).repeat(3)),
            ("LATM and noise", None, [frame(b"\x56\xe0\x20", 35), vec![7; 99]].concat()),
            ("AC-3 and LATM", None, [&ac3[..], b"\x56\xe0\x20"].concat()),
            ("two bytes", None, frame(b"\x0b\x77", 2)),
            ("a rate that there is not", None, frame(b"\x0b\x77\0\0\xc8\x40", 256)),
            ("a later version", None, frame(b"\x0b\x77\0\0\x08\xf8", 256)),
        ] {
            assert_eq!(found(&file), right, "{name}");
        }
    }
}
