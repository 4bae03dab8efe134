//! Every format that people send: whether it is taken, how long it is, and whether the built-in engine hears the speech in
//! it. An engine of one's own has what is audio, whatever the codec.

use super::PATH;
use dalston_engine::EngineCommand;
use futures_util::{StreamExt, stream};
use kit::{app::Start, client::Client, patience::patiently};
use serde_json::Value;
use std::{fs, path::Path, process::Command, sync::Arc};

/// A file of the matrix.
struct Row {
    name: &'static str,
    /// A shell script that makes it of `a.wav`: `F` and `V` run ffmpeg, the latter with pictures.
    recipe: &'static str,
    /// What is done to its bytes then.
    then: fn(Vec<u8>) -> Vec<u8>,
    /// `audio.format`.
    format: &'static str,
    own: Own,
}

/// What the built-in engine makes of it.
#[derive(Clone, Copy)]
enum Own {
    /// The phrase, once.
    Once,
    /// Twice, one behind the other.
    Twice,
    /// The beginning of it.
    Part,
    /// Another phrase.
    Other,
    /// It cannot decode the codec, which it names.
    Cannot(&'static str),
    /// It is no audio, to no engine.
    Nothing,
}
use Own::{Cannot, Nothing, Once, Other, Part, Twice};

const fn row(name: &'static str, recipe: &'static str, format: &'static str, own: Own) -> Row {
    Row { name, recipe, then: |bytes| bytes, format, own }
}

const fn made(
    name: &'static str,
    recipe: &'static str,
    then: fn(Vec<u8>) -> Vec<u8>,
    format: &'static str,
    own: Own,
) -> Row {
    Row { name, recipe, then, format, own }
}

const WAV: &str = "F -f wav";
const MP3: &str = "F -c:a libmp3lame -f mp3";
const PLAIN_MP3: &str = "F -c:a libmp3lame -write_xing 0 -id3v2_version 0 -f mp3";
const AAC: &str = "F -c:a aac -f adts";
const M4A: &str = "F -c:a aac -f ipod";
const FAST: &str = "F -c:a aac -movflags faststart -f ipod";
const OPUS: &str = "F -c:a libopus -f ogg";
const VORBIS: &str = "F -c:a libvorbis -f ogg";
const SECOND: &str = "ffmpeg -v error -f lavfi -t 3 -i anullsrc=r=16000:cl=mono -i a.wav -map 0 -map 1 -c:a libopus \
    -disposition:a:0 0 -disposition:a:1 default -f matroska out";
const WEBM: &str = "F -c:a libopus -f webm";

fn rows() -> Vec<Row> {
    vec![
        row("WAV, PCM 16", WAV, "wav", Once),
        row("WAV, PCM 8", "F -c:a pcm_u8 -f wav", "wav", Once),
        row("WAV, PCM 24", "F -c:a pcm_s24le -f wav", "wav", Once),
        row("WAV, PCM 32", "F -c:a pcm_s32le -f wav", "wav", Once),
        row("WAV, float 32", "F -c:a pcm_f32le -f wav", "wav", Once),
        row("WAV, float 64", "F -c:a pcm_f64le -f wav", "wav", Once),
        row("WAV, µ-law", "F -c:a pcm_mulaw -f wav", "wav", Once),
        row("WAV, A-law", "F -c:a pcm_alaw -f wav", "wav", Once),
        row("WAV, MS ADPCM", "F -c:a adpcm_ms -f wav", "wav", Once),
        row("WAV, IMA ADPCM", "F -c:a adpcm_ima_wav -f wav", "wav", Once),
        row("WAV, GSM 6.10", "sox a.wav -r 8000 -e gsm-full-rate -t wav out", "wav", Cannot("GSM 6.10")),
        row("WAV, G.722", "F -c:a g722 -f wav", "wav", Cannot("G.722")),
        row("WAV, G.726", "F -ar 8000 -c:a g726 -f wav", "wav", Cannot("G.726")),
        row("WAV, MP3", "F -c:a libmp3lame -f wav", "wav", Cannot("MP3")),
        row("WAV, AC-3", "F -ar 48000 -c:a ac3 -f wav", "wav", Cannot("AC-3")),
        made("WAV, extensible, mask 0", "F -c:a pcm_s24le -f wav", |wav| put(wav, 40, &[0; 4]), "wav", Once),
        made("WAV, extensible, mask of 2", "F -c:a pcm_s24le -f wav", |wav| put(wav, 40, &[3, 0, 0, 0]), "wav", Once),
        made("WAV, LIST first", WAV, |wav| with(wav, b"LIST\x10\0\0\0INFOISFT\x04\0\0\0Lavf"), "wav", Once),
        made("WAV, JUNK and FLLR", WAV, |wav| with(with(wav, b"JUNK\x02\0\0\0ab"), b"FLLR\x04\0\0\0abcd"), "wav", Once),
        made("WAV, an odd chunk", WAV, |wav| with(wav, b"bext\x03\0\0\0abc\0"), "wav", Once),
        made("WAV, a LIST in a LIST", WAV, |wav| with(wav, b"LIST\x10\0\0\0INFOISFT\xff\xff\0\0Lavf"), "wav", Once),
        made("WAV, a LIST past its end", WAV, |wav| with(wav, b"LIST\xff\xff\xff\0INFOISFT\xff\0\0\0ab"), "wav", Once),
        made("WAV, a tag in front", WAV, |wav| tagged(wav, 20_000), "wav", Once),
        row("WAV, 6 channels", "F -ac 6 -f wav", "wav", Once),
        row("WAV, 16 channels", "F -ac 16 -f wav", "wav", Once),
        row("WAV, 8 kHz", "F -ar 8000 -f wav", "wav", Once),
        row("WAV, 11.025 kHz", "F -ar 11025 -f wav", "wav", Once),
        row("WAV, 22.05 kHz", "F -ar 22050 -f wav", "wav", Once),
        row("WAV, 44.1 kHz", "F -ar 44100 -f wav", "wav", Once),
        row("WAV, 48 kHz", "F -ar 48000 -f wav", "wav", Once),
        row("WAV, 96 kHz", "F -ar 96000 -f wav", "wav", Once),
        row("WAV, 192 kHz", "F -ar 192000 -f wav", "wav", Once),
        row("WAV, a pipe of ffmpeg", "ffmpeg -v error -i a.wav -f wav - | cat > out", "wav", Once),
        row("WAV, a pipe of sox", "sox a.wav -t wav - | cat > out", "wav", Once),
        made("WAV, sizes ffffffff", WAV, |wav| sized(wav, u32::MAX, u32::MAX), "wav", Once),
        made("WAV, sizes 7fffffff", WAV, |wav| sized(wav, 0x7fff_ffff, 0x7fff_ffff), "wav", Once),
        made("WAV, sizes 0", WAV, |wav| sized(wav, 0, 0), "wav", Once),
        made("WAV, sizes 2e9", WAV, |wav| sized(wav, 2_000_000_036, 2_000_000_000), "wav", Once),
        made("WAV, the whole 0", WAV, |wav| put(wav, 4, &[0; 4]), "wav", Once),
        made("WAV, the whole too small", WAV, |wav| put(wav, 4, &[99, 0, 0, 0]), "wav", Once),
        made("WAV, the audio ffffffff", WAV, |wav| put(wav, 74, &[0xff; 4]), "wav", Once),
        made("WAV, cut", WAV, |wav| part(wav, 50), "wav", Part),
        made("WAV, nothing but a header", WAV, |wav| wav[..78].to_vec(), "wav", Nothing),
        row("RF64", "F -rf64 always -f wav", "wav", Once),
        made("BW64", "F -rf64 always -f wav", |wav| put(wav, 0, b"BW64"), "wav", Once),
        row("W64", "F -f w64", "w64", Cannot("W64")),
        row("RIFX", "sox a.wav -B -t wav out", "rifx", Cannot("RIFX")),
        row("AIFF", "F -f aiff", "aiff", Once),
        made("AIFF, a tag in front", "F -f aiff", |aiff| tagged(aiff, 20_000), "aiff", Once),
        made("AIFF, cut", "F -f aiff", |aiff| part(aiff, 50), "aiff", Part),
        row("AIFF, a pipe of ffmpeg", "ffmpeg -v error -i a.wav -f aiff - | cat > out", "aiff", Once),
        row("AIFF, a pipe of sox", "sox a.wav -t aiff - 2>/dev/null | cat > out", "aiff", Once),
        made("AIFC, little-endian, cut", "F -c:a pcm_s16le -f aiff", |aiff| part(aiff, 50), "aiff", Part),
        row("AU, PCM", "F -f au", "au", Cannot("AU")),
        row("AU, µ-law", "F -c:a pcm_mulaw -f au", "au", Cannot("AU")),
        row("CAF, PCM", "F -f caf", "caf", Once),
        row("CAF, ALAC", "F -c:a alac -f caf", "caf", Once),
        row("CAF, Opus", "F -c:a libopus -f caf", "caf", Once),
        row("CAF, µ-law", "F -c:a pcm_mulaw -f caf", "caf", Once),
        row("CAF, A-law", "F -c:a pcm_alaw -f caf", "caf", Once),
        row("CAF, a pipe of ffmpeg", "ffmpeg -v error -i a.wav -f caf - | cat > out", "caf", Once),
        made("CAF, cut", "F -f caf", |caf| part(caf, 50), "caf", Part),
        row("MP3", MP3, "mp3", Once),
        row("MP3, no header of its length", PLAIN_MP3, "mp3", Once),
        row("MP3, a changing rate", "F -c:a libmp3lame -q:a 4 -write_xing 0 -f mp3", "mp3", Once),
        row("MP3, 8 kHz", "F -ar 8000 -c:a libmp3lame -f mp3", "mp3", Once),
        made("MP3, begins in a frame", PLAIN_MP3, |mp3| mp3[50..].to_vec(), "mp3", Once),
        made("MP3, zeros first", PLAIN_MP3, |mp3| [vec![0; 3_000], mp3].concat(), "mp3", Once),
        made("MP3, a cover of 20 KB", MP3, |mp3| tagged(mp3, 20_000), "mp3", Once),
        made("MP3, a cover of 400 KB", MP3, |mp3| tagged(mp3, 400_000), "mp3", Once),
        made("MP3, a cover of 5 MB", MP3, |mp3| tagged(mp3, 5_000_000), "mp3", Once),
        made("MP3, two tags", MP3, |mp3| tagged(tagged(mp3, 20_000), 30_000), "mp3", Once),
        made("MP3, a tag and padding", MP3, |mp3| tagged([vec![0; 100_000], mp3].concat(), 20_000), "mp3", Once),
        made("MP3, a tag of APE in front", MP3, |mp3| [ape(40_000), mp3].concat(), "mp3", Once),
        made("MP3, cut", MP3, |mp3| part(mp3, 50), "mp3", Part),
        made("MP3, two in one", MP3, |mp3| mp3.repeat(2), "mp3", Twice),
        row("MP2", "F -c:a mp2 -f mp2", "mp2", Once),
        row("ADTS, AAC", AAC, "aac", Once),
        made("ADTS, a tag in front", AAC, |aac| tagged(aac, 20_000), "aac", Once),
        row("LATM, AAC", "F -c:a aac -f latm", "loas", Cannot("AAC in LATM")),
        row("MPEG-TS, AAC", "F -c:a aac -f mpegts", "mpegts", Cannot("MPEG-TS")),
        row("M4A, AAC", M4A, "mp4", Once),
        row("M4A, AAC, index in front", FAST, "mp4", Once),
        row("MP4, AAC, fragmented", "F -c:a aac -movflags frag_keyframe+empty_moov -f mp4", "mp4", Once),
        made("M4A, HE-AAC", "", |_| include_bytes!("../../fixtures/he-aac-explicit.m4a").to_vec(), "mp4", Other),
        row("M4A, ALAC", "F -c:a alac -f ipod", "mp4", Once),
        row("MP4, FLAC", "F -c:a flac -strict -2 -f mp4", "mp4", Once),
        row("MP4, MP3", "F -c:a libmp3lame -f mp4", "mp4", Once),
        row("MP4, Opus", "F -c:a libopus -strict -2 -f mp4", "mp4", Once),
        row("MP4, AC-3", "F -ar 48000 -c:a ac3 -f mp4", "mp4", Cannot("AC-3")),
        made("M4A, cut behind its index", FAST, |m4a| part(m4a, 60), "mp4", Part),
        made("M4A, cut before its index", M4A, |m4a| part(m4a, 80), "mp4", Nothing),
        row("3GP, AAC", "F -c:a aac -f 3gp", "mp4", Once),
        row("3GP, AMR", "ffmpeg -v error -i phone.amr -c copy -f 3gp out", "3gp", Cannot("AMR")),
        row("AMR", "cp phone.amr out", "amr", Cannot("AMR")),
        row("MOV, AAC", "F -c:a aac -f mov", "mp4", Once),
        row("MOV, PCM 24", "F -c:a pcm_s24be -f mov", "mp4", Once),
        row("MOV, PCM 24, little-endian", "F -c:a pcm_s24le -f mov", "mp4", Once),
        row("MOV, float 32", "F -c:a pcm_f32be -f mov", "mp4", Once),
        row("MOV, ALAC", "F -c:a alac -f mov", "mp4", Cannot("ALAC in QuickTime")),
        row("MP4, H.264 and AAC", "V -c:v libx264 -c:a aac -f mp4", "mp4", Once),
        row("MOV, H.264 and AAC", "V -c:v libx264 -c:a aac -f mov", "mp4", Once),
        row("MP4, no audio", "V -an -c:v libx264 -f mp4", "mp4", Nothing),
        row("Ogg, Opus", OPUS, "ogg", Once),
        row("Ogg, Opus of opusenc", "opusenc --quiet --bitrate 6 a.wav out", "ogg", Once),
        row("Ogg, Opus, stereo, 60 ms", "F -ac 2 -c:a libopus -frame_duration 60 -f ogg", "ogg", Once),
        row("Ogg, Opus, 6 channels", "F -ac 6 -c:a libopus -mapping_family 1 -f ogg", "ogg", Once),
        made("Ogg, Opus, cut", OPUS, |ogg| part(ogg, 60), "ogg", Part),
        made("Ogg, Opus, chained", OPUS, |ogg| ogg.repeat(2), "ogg", Twice),
        row("Ogg, Vorbis", VORBIS, "ogg", Once),
        made("Ogg, Vorbis, cut", VORBIS, |ogg| part(ogg, 70), "ogg", Part),
        made("Ogg, Vorbis, chained", VORBIS, |ogg| ogg.repeat(2), "ogg", Twice),
        row("Ogg, FLAC", "F -c:a flac -f ogg", "ogg", Once),
        made("Ogg, FLAC, chained", "F -c:a flac -f ogg", |ogg| ogg.repeat(2), "ogg", Twice),
        row("Ogg, Speex", "F -c:a libspeex -f ogg", "ogg", Cannot("Speex")),
        row("FLAC", "F -f flac", "flac", Once),
        row("FLAC, a pipe", "ffmpeg -v error -i a.wav -f flac - | cat > out", "flac", Once),
        made("FLAC, a tag in front", "F -f flac", |flac| tagged(flac, 20_000), "flac", Once),
        made("FLAC, cut", "F -f flac", |flac| part(flac, 50), "flac", Part),
        row("WebM, Opus", WEBM, "webm", Once),
        row("WebM, Opus, live", "ffmpeg -v error -i a.wav -c:a libopus -f webm -live 1 - | cat > out", "webm", Once),
        made("WebM, of a browser", "", |_| include_bytes!("../../fixtures/mediarecorder.webm").to_vec(), "webm", Other),
        row("WebM, Vorbis", "F -c:a libvorbis -f webm", "webm", Once),
        made("WebM, zeros behind", WEBM, |webm| [webm, vec![0; 5_000]].concat(), "webm", Once),
        made("WebM, cut", WEBM, |webm| part(webm, 60), "webm", Part),
        row("WebM, VP8 and Opus", "V -c:v libvpx -c:a libopus -f webm", "webm", Once),
        row("Matroska, AAC", "F -c:a aac -f matroska", "matroska", Once),
        row("Matroska, FLAC", "F -c:a flac -f matroska", "matroska", Once),
        row("Matroska, AC-3", "F -ar 48000 -c:a ac3 -f matroska", "matroska", Cannot("AC-3")),
        row("Matroska, ADPCM", "F -c:a adpcm_ms -f matroska", "matroska", Cannot("A_MS/ACM")),
        row("Matroska, H.264 and AAC", "V -c:v libx264 -c:a aac -f matroska", "matroska", Once),
        row("Matroska, the second track the default one", SECOND, "matroska", Once),
        row("AVI, MPEG-4 and MP3", "V -c:v mpeg4 -c:a libmp3lame -f avi", "avi", Cannot("AVI")),
        row("FLV, AAC", "F -c:a aac -f flv", "flv", Cannot("FLV")),
        row("ASF, WMA", "F -c:a wmav2 -f asf", "asf", Cannot("Windows Media")),
        row("AC-3", "F -ar 48000 -c:a ac3 -f ac3", "ac3", Cannot("AC-3")),
        row("E-AC-3", "F -ar 48000 -c:a eac3 -f eac3", "eac3", Cannot("E-AC-3")),
        row("DTS", "F -ar 48000 -ac 2 -c:a dca -strict -2 -f dts", "dts", Cannot("DTS")),
        row("WavPack", "F -c:a wavpack -f wv", "wavpack", Cannot("WavPack")),
        row("TTA", "F -c:a tta -f tta", "tta", Cannot("TTA")),
        row("SoX", "sox a.wav -t sox out", "sox", Cannot("SoX")),
        row("NUT", "F -f nut", "nut", Cannot("NUT")),
        made("SILK of a chat", "", |_| b"\x02#!SILK_V3\x10\0".to_vec(), "silk", Cannot("SILK")),
        made("DSS", "", |_| b"\x02dss\x01\0\0\0".to_vec(), "dss", Cannot("DSS of a dictation machine")),
        row("a text", "echo '<html>RIFF</html>' > out", "", Nothing),
        row(
            "a picture",
            "ffmpeg -v error -f lavfi -i testsrc=s=64x64 -frames:v 1 -c:v png -f image2pipe out",
            "",
            Nothing,
        ),
    ]
}

/// With other bytes at a place.
fn put(mut file: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// A WAV with these sizes of the whole and of the audio, behind what ffmpeg notes.
fn sized(wav: Vec<u8>, whole: u32, audio: u32) -> Vec<u8> {
    assert_eq!(&wav[70..74], b"data");
    put(put(wav, 4, &whole.to_le_bytes()), 74, &audio.to_le_bytes())
}

/// A WAV with a chunk in front of the others.
fn with(wav: Vec<u8>, chunk: &[u8]) -> Vec<u8> {
    let size = u32::from_le_bytes(wav[4..8].try_into().unwrap()) + u32::try_from(chunk.len()).unwrap();
    let wav = put(wav, 4, &size.to_le_bytes());
    [&wav[..12], chunk, &wav[12..]].concat()
}

/// A file with a tag of so many bytes in front, in which frames of MP3 and AAC seem to begin.
fn tagged(file: Vec<u8>, length: usize) -> Vec<u8> {
    let seven = |shift: usize| u8::try_from(length >> shift & 127).unwrap();
    let picture = b"\xff\xfb\x90\x64\xff\xf1\x4c\x80".iter().cycle().take(length).copied().collect::<Vec<_>>();
    [&b"ID3\x03\0\0"[..], &[seven(21), seven(14), seven(7), seven(0)], &picture, &file].concat()
}

/// A tag of APE of so many bytes behind its head.
fn ape(length: usize) -> Vec<u8> {
    let size = u32::try_from(length).unwrap().to_le_bytes();
    [&b"APETAGEX\xd0\x07\0\0"[..], &size, &[0; 16], &vec![7; length]].concat()
}

/// The first hundredths of a file.
fn part(mut file: Vec<u8>, hundredths: usize) -> Vec<u8> {
    file.truncate(file.len() * hundredths / 100);
    file
}

/// Runs a script in a folder; what it leaves in `out`.
fn run(folder: &Path, script: &str) -> Vec<u8> {
    const PICTURES: &str = "-f lavfi -t 3 -i testsrc=s=64x64:r=5";
    let functions = format!(
        "set -e\nF() {{ ffmpeg -v error -i a.wav \"$@\" out; }}\nV() {{ ffmpeg -v error {PICTURES} -i a.wav \"$@\" out; }}\n"
    );
    let done = Command::new("sh").args(["-c", &(functions + script)]).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
    fs::read(folder.join("out")).unwrap_or_default()
}

/// A folder with `a.wav`: silence, a phrase, silence. The same each time: without `-R` the dither is random.
fn source() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    run(
        folder.path(),
        "espeak-ng -w said.wav 'go forward ten meters and leaders'\nsox -R said.wav -r 16000 a.wav pad 0.5 0.6",
    );
    fs::write(folder.path().join("phone.amr"), include_bytes!("../../fixtures/phone.amr")).unwrap();
    folder
}

/// A file, and its length in seconds as ffmpeg decodes it.
fn file(source: &Path, row: &Row) -> (Vec<u8>, f64) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.wav", "phone.amr"] {
        fs::copy(source.join(name), folder.path().join(name)).unwrap();
    }
    let file = (row.then)(run(folder.path(), row.recipe));
    fs::write(folder.path().join("made"), &file).unwrap();
    let _ = fs::remove_file(folder.path().join("out"));
    // What it cannot read has no length.
    let decode = "ffmpeg -v quiet -i made -map 0:a:0 -f s16le -ac 1 -ar 16000 out || true";
    (file, run(folder.path(), decode).len() as f64 / 32_000.0)
}

/// Somebody who uploads, and the job once it has ended.
async fn done(client: &Client, file: &[u8]) -> (u16, Value) {
    let made = client.upload(file.to_vec(), "a.bin").await;
    if made.code() != 201 {
        return (made.code(), made.json);
    }
    let path = format!("{PATH}/{}?wait=60", made.json["id"].as_str().unwrap());
    let ended = patiently(async {
        loop {
            let shown = client.get(&path).await.expect(200).json;
            if !shown["completed_at"].is_null() {
                return shown;
            }
        }
    });
    (201, ended.await)
}

/// What is wrong with what became of a file.
fn judged(row: &Row, seconds: f64, whole: f64, own: &(u16, Value), other: &(u16, Value)) -> Option<String> {
    let (code, job) = own;
    let detail = job["detail"].as_str().unwrap_or_default();
    let taken = match row.own {
        Nothing => other.0 == 415,
        _ => other.0 == 201 && other.1["audio"]["format"] == row.format,
    };
    if !taken {
        return Some(format!("an engine of one's own: {} {}", other.0, other.1));
    }
    match row.own {
        Nothing => (*code != 415).then(|| format!("{code}, {job}")),
        Cannot(codec) => {
            let told = other.1["audio"]["duration_seconds"].is_null() && detail.contains(&format!("decode {codec};"));
            (*code != 415 || !told).then(|| format!("{code} {detail}, {}", other.1["audio"]))
        }
        Once | Twice | Part | Other => {
            let segments = job["result"]["segments"].as_array().cloned().unwrap_or_default();
            let times: Vec<_> =
                segments.iter().map(|one| [&one["start"], &one["end"]].map(|at| at.as_f64().unwrap())).collect();
            // A frame that was cut off is decoded by some.
            let slack = if matches!(row.own, Part) { 0.04 } else { 0.0 };
            let near = |one: f64, right: f64| (one - right).abs() <= right / 100.0 + slack;
            let lengths =
                [&job["audio"]["duration_seconds"], &job["result"]["duration"]].map(|one| one.as_f64().unwrap_or(-1.0));
            let is_long =
                lengths.iter().all(|one| near(*one, seconds) || (matches!(row.own, Once) && near(*one, whole)));
            let is_at = |times: &[f64; 2], from: f64| (times[0] - from - 0.45).abs() < 0.15;
            let ends = |times: &[f64; 2], from: f64| (times[1] - from - whole + 0.7).abs() < 0.25;
            let is_heard = match row.own {
                Once => times.len() == 1 && is_at(&times[0], 0.0) && ends(&times[0], 0.0),
                Twice => times.len() == 2 && is_at(&times[1], seconds / 2.0) && ends(&times[1], seconds / 2.0),
                Part => times.len() == 1 && is_at(&times[0], 0.0),
                _ => !times.is_empty(),
            };
            (*code != 201 || !is_long || !is_heard).then(|| {
                format!("{code} {detail}, lengths {lengths:?} for {seconds}, speech {times:?}: {}", job["error"])
            })
        }
    }
}

#[tokio::test]
async fn every_format_is_read_or_refused_by_its_name_and_an_engine_of_ones_own_has_it() {
    let command = EngineCommand::new(vec!["echo".to_owned(), r#"{"text": "a"}"#.to_owned()], None, Vec::new());
    let built_in = Start::default().working().start().await;
    let own = Start::default().engine(Arc::new(command)).start().await;
    let (built_in, own) = (built_in.key("jobs:read,jobs:write").await, own.key("jobs:read,jobs:write").await);
    let source = source();
    let rows = rows();
    let whole = fs::metadata(source.path().join("a.wav")).unwrap().len() as f64 / 32_000.0;
    let tried = rows.iter().map(async |row| {
        let (file, seconds) = file(source.path(), row);
        let (heard, taken) = (done(&built_in, &file).await, done(&own, &file).await);
        judged(row, seconds, whole, &heard, &taken).map(|wrong| format!("{}: {wrong}", row.name))
    });
    let wrong: Vec<_> = stream::iter(tried).buffer_unordered(4).filter_map(async |wrong| wrong).collect().await;
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), rows.len());
}
