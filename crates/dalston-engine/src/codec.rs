//! Display names of the codecs that this program does not decode, and detection of the codec in a container.

use symphonia::core::codecs::audio::{
    AudioCodecId,
    well_known::{
        CODEC_ID_AAC, CODEC_ID_AC3, CODEC_ID_ADPCM_G722, CODEC_ID_ADPCM_G726, CODEC_ID_ADPCM_G726LE, CODEC_ID_ATRAC1,
        CODEC_ID_ATRAC3, CODEC_ID_COOK, CODEC_ID_DCA, CODEC_ID_EAC3, CODEC_ID_MONKEYS_AUDIO, CODEC_ID_MUSEPACK,
        CODEC_ID_RA10, CODEC_ID_RA20, CODEC_ID_RALF, CODEC_ID_SIPR, CODEC_ID_SPEEX, CODEC_ID_TRUEHD, CODEC_ID_TTA,
        CODEC_ID_WAVPACK, CODEC_ID_WMA,
    },
};

/// Maximum characters of a codec name that a file states.
const MOST: usize = 32;
/// Prefixes of the codecs that are decoded here: a file that names one and that no demuxer accepts is damaged.
const DECODED: [&str; 11] =
    ["A_AAC", "A_ALAC", "A_FLAC", "A_MPEG", "A_OPUS", "A_PCM", "A_VORBIS", "Opus", "alac", "fLaC", "mp4a"];
/// Maximum number of pages at the beginning of an Ogg that are searched for streams.
const PAGES: usize = 16;

/// Returns the display name of a codec that the demuxer knows.
pub(crate) const fn title(codec: AudioCodecId) -> &'static str {
    match codec {
        CODEC_ID_AAC => "this profile of AAC",
        CODEC_ID_AC3 => "AC-3",
        CODEC_ID_ADPCM_G722 => "G.722",
        CODEC_ID_ADPCM_G726 | CODEC_ID_ADPCM_G726LE => "G.726",
        CODEC_ID_ATRAC1 | CODEC_ID_ATRAC3 => "ATRAC",
        CODEC_ID_DCA => "DTS",
        CODEC_ID_EAC3 => "E-AC-3",
        CODEC_ID_MONKEYS_AUDIO => "Monkey's Audio",
        CODEC_ID_MUSEPACK => "Musepack",
        CODEC_ID_COOK | CODEC_ID_RA10 | CODEC_ID_RA20 | CODEC_ID_RALF | CODEC_ID_SIPR => "RealAudio",
        CODEC_ID_SPEEX => "Speex",
        CODEC_ID_TRUEHD => "TrueHD",
        CODEC_ID_TTA => "TTA",
        CODEC_ID_WAVPACK => "WavPack",
        CODEC_ID_WMA => "Windows Media Audio",
        _ => "its codec",
    }
}

/// Detects format and codec from the beginning of a file that no demuxer accepted. `sample` is the sample format
/// (four-character code) of an MP4. `None`: it is no known audio.
pub(crate) fn unread(head: &[u8], sample: Option<[u8; 4]>) -> Option<(&'static str, String)> {
    let is = |at: usize, bytes: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(bytes));
    if is(0, b"RIFF") && is(8, b"WAVE") {
        Some(("wav", wave(head)?))
    } else if is(0, b"OggS") {
        Some(("ogg", ogg(head)?.to_owned()))
    } else if is(0, b"caff") {
        Some(("caf", four(head.get(28..)?)?))
    } else if is(0, b"FORM") && is(8, b"AIFC") {
        let common = find(head, b"COMM")?;
        Some(("aiff", four(head.get(common + 26..)?)?))
    } else if is(0, b"\x1a\x45\xdf\xa3") {
        let name = find(head, b"A_")?;
        // The length precedes the name, in most files as one byte.
        let length = usize::from(head.get(name.checked_sub(1)?)? & 0x7f);
        Some((matroska(head), named(head.get(name..)?.get(..length)?)))
    } else {
        let format = if is(4, b"ftyp3g") { "3gp" } else { "mp4" };
        match &sample? {
            // QuickTime wraps its description in an atom of its own.
            b"alac" if is(4, b"ftypqt") => Some((format, "ALAC in QuickTime".to_owned())),
            sample => Some((format, four(sample)?)),
        }
    }
}

/// Returns the document type of a Matroska file: `webm` or `matroska`.
pub(crate) fn matroska(head: &[u8]) -> &'static str {
    let kind = find(head, b"\x42\x82").and_then(|at| head.get(at + 3..));
    if kind.is_some_and(|kind| kind.starts_with(b"webm")) { "webm" } else { "matroska" }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|part| part == what)
}

/// Returns the codec of a WAV, unless it is one that is decoded here.
fn wave(head: &[u8]) -> Option<String> {
    let format = head.get(find(head, b"fmt ")? + 8..)?;
    let tag = |at: usize| format.get(at..)?.first_chunk().map(|tag| u16::from_le_bytes(*tag));
    // The extensible format has the tag at the beginning of its GUID.
    let tag = match tag(0)? {
        0xfffe => tag(24)?,
        tag => tag,
    };
    Some(match tag {
        0x01..=0x03 | 0x06 | 0x07 | 0x11 => return None,
        0x08 | 0x2001 => "DTS".to_owned(),
        0x14 | 0x40 | 0x45 | 0x64 => "G.726".to_owned(),
        0x22 => "TrueSpeech".to_owned(),
        0x28f | 0x65 => "G.722".to_owned(),
        0x31 => "GSM 6.10".to_owned(),
        0x42 | 0x111 => "G.723".to_owned(),
        0x50 => "MP2".to_owned(),
        0x55 => "MP3".to_owned(),
        0x83 | 0x123 => "G.729".to_owned(),
        0xff | 0x1610 => "AAC".to_owned(),
        0x160..=0x163 => "Windows Media Audio".to_owned(),
        0x2000 => "AC-3".to_owned(),
        0xa109 => "Speex".to_owned(),
        other => format!("format {other:#06x} of WAV"),
    })
}

/// Returns the audio codec of an Ogg, from the first bytes of its streams.
fn ogg(mut head: &[u8]) -> Option<&'static str> {
    const FIRST: u8 = 2;
    for _ in 0..PAGES {
        let (about, rest) = head.strip_prefix(b"OggS")?.split_at_checked(23)?;
        if about[1] & FIRST == 0 {
            break;
        }
        let (lengths, rest) = rest.split_at_checked(usize::from(about[22]))?;
        let known = [(&b"Speex   "[..], "Speex"), (b"CELT    ", "CELT"), (b"PCM     ", "PCM")];
        if let Some((_, name)) = known.into_iter().find(|(mark, _)| rest.starts_with(mark)) {
            return Some(name);
        }
        head = rest.get(lengths.iter().map(|length| usize::from(*length)).sum()..)?;
    }
    None
}

/// Returns the display name of a codec from its four-character code.
fn four(bytes: &[u8]) -> Option<String> {
    let four = bytes.first_chunk::<4>()?;
    Some(match four {
        b"samr" => "AMR".to_owned(),
        b"sawb" | b"sawp" => "AMR-WB".to_owned(),
        b"ac-3" => "AC-3".to_owned(),
        b"ec-3" => "E-AC-3".to_owned(),
        b"GSM " | b"agsm" => "GSM 6.10".to_owned(),
        b"ilbc" => "iLBC".to_owned(),
        b"QDM2" | b"QDMC" => "QDesign".to_owned(),
        b"sevc" => "EVRC".to_owned(),
        b"sqcp" | b"Qclp" | b"QclQ" => "QCELP".to_owned(),
        other => named(other),
    })
}

/// Cleans a codec name that a file states: drops characters that cannot be part of one.
fn named(bytes: &[u8]) -> String {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./ ".contains(byte);
    let name: String = bytes.iter().copied().take_while(is_part).take(MOST).map(char::from).collect();
    match name.trim() {
        "" => "its codec".to_owned(),
        decoded if DECODED.iter().any(|begin| decoded.starts_with(begin)) => "damaged audio".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(tag: u16, rest: &[u8]) -> Vec<u8> {
        [b"RIFF\0\0\0\0WAVEJUNK\x02\0\0\0\0\0fmt \x28\0\0\0", &tag.to_le_bytes()[..], rest].concat()
    }

    #[test]
    fn the_codec_is_named_that_a_container_holds() {
        let page = |kind: u8, body: &[u8]| {
            let length = u8::try_from(body.len()).unwrap();
            [b"OggS\0", &[kind][..], &[0; 20], &[1, length], body].concat()
        };
        let extensible = [&[0; 22][..], &[0x55, 0, 0, 0, 0, 0, 0x10, 0]].concat();
        let sample = |name: &[u8; 4]| (Vec::from(*b"\0\0\0\x20ftypisom"), Some(*name));
        for ((head, sample), right) in [
            ((wav(0x31, &[]), None), Some(("wav", "GSM 6.10"))),
            ((wav(0x1234, &[]), None), Some(("wav", "format 0x1234 of WAV"))),
            ((wav(0xfffe, &extensible), None), Some(("wav", "MP3"))),
            ((wav(1, &[]), None), None),
            ((wav(0xfffe, &[]), None), None),
            ((page(2, b"Speex   1.2"), None), Some(("ogg", "Speex"))),
            (([page(2, b"\x80theora"), page(2, b"CELT    ")].concat(), None), Some(("ogg", "CELT"))),
            (([page(2, b"\x80theora"), page(0, b"Speex   ")].concat(), None), None),
            ((b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20\0\0\0\0\0\0\0\0ilbc".to_vec(), None), Some(("caf", "iLBC"))),
            ((b"\x1a\x45\xdf\xa3\x42\x82\x84webm\x86\x88A_MS/ACM\xe1".to_vec(), None), Some(("webm", "A_MS/ACM"))),
            ((b"\x1a\x45\xdf\xa3\x42\x82\x88matroska".to_vec(), None), None),
            (sample(b"sawb"), Some(("mp4", "AMR-WB"))),
            (sample(b"ab\n\0"), Some(("mp4", "ab"))),
            (sample(b"\0\0\0\0"), Some(("mp4", "its codec"))),
            (sample(b"mp4a"), Some(("mp4", "damaged audio"))),
            (sample(b"alac"), Some(("mp4", "damaged audio"))),
            ((b"\0\0\0\x20ftypqt  ".to_vec(), Some(*b"alac")), Some(("mp4", "ALAC in QuickTime"))),
            ((b"\x1a\x45\xdf\xa3\x86\x86A_OPUS\xe1".to_vec(), None), Some(("matroska", "damaged audio"))),
            ((b"\0\0\0\x20ftyp3gp4".to_vec(), Some(*b"samr")), Some(("3gp", "AMR"))),
            ((b"\0\0\0\x20ftypisom".to_vec(), None), None),
            ((b"<html>".to_vec(), None), None),
        ] {
            let named = unread(&head, sample);
            assert_eq!(named.as_ref().map(|(format, codec)| (*format, codec.as_str())), right, "{head:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_head_does_harm(mark in 0_usize..6, head in proptest::collection::vec(0_u8.., 0..200)) {
            let marks = [&b"RIFF\0\0\0\0WAVEfmt "[..], b"OggS\0\x02", b"caff", b"FORM\0\0\0\0AIFCCOMM", b"\x1a\x45\xdf\xa3A_", b""];
            let head = [marks[mark], &head].concat();
            let _named = unread(&head, None);
            let _foreign = crate::format::AudioFormat::foreign(&head);
        }
    }
}
