//! Builds container files from given packets, with tables that state whatever a test needs.

/// Builds an MP4 atom.
pub(crate) fn atom(name: &str, body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    [&u32::try_from(body.len() + 8).unwrap().to_be_bytes(), name.as_bytes(), &body].concat()
}

pub(crate) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Returns the lowest seven bits.
pub(crate) fn low(number: usize) -> u8 {
    u8::try_from(number & 127).unwrap()
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap()
}

/// What an MP4 states about its samples.
#[derive(Clone)]
pub(crate) struct Mp4 {
    /// The entry of the sample description: its name, sample rate, bits per sample, and inner atoms.
    pub(crate) entry: (&'static str, u32, u16, Vec<u8>),
    /// Ticks per second.
    pub(crate) scale: u32,
    /// Entries of `stts`: the number of samples, and the ticks of each.
    pub(crate) times: Vec<(u32, u32)>,
}

impl Mp4 {
    /// Builds a file with these samples. The sizes are stored in a table, or as a single number if all are equal.
    pub(crate) fn file(&self, samples: &[Vec<u8>]) -> Vec<u8> {
        let sizes: Vec<u32> = samples.iter().map(|sample| number(sample.len())).collect();
        let (name, rate, bits, more) = &self.entry;
        let sound = [words(&[0, 1, 0, 0, 0x1_0000 | u32::from(*bits), 0, rate << 16]), more.clone()].concat();
        let times: Vec<u32> = self.times.iter().flat_map(|(count, ticks)| [*count, *ticks]).collect();
        let is_even = sizes.iter().all(|size| *size == sizes[0]);
        let table = if is_even { words(&[sizes[0], number(sizes.len())]) } else { words(&[0, number(sizes.len())]) };
        let sizes = if is_even { Vec::new() } else { words(&sizes) };
        let data = samples.concat();
        let ftyp = atom("ftyp", &[b"isom\0\0\0\0isom"]);
        let tables = [
            atom("stsd", &[&words(&[0, 1]), &atom(name, &[&sound])]),
            atom("stts", &[&words(&[0, number(self.times.len())]), &words(&times)]),
            atom("stsc", &[&words(&[0, 1, 1, number(samples.len()), 1])]),
            atom("stsz", &[&words(&[0]), &table, &sizes]),
            atom("stco", &[&words(&[0, 1, number(ftyp.len() + 8)])]),
        ]
        .concat();
        let length = self.times.iter().map(|(count, ticks)| count * ticks).sum();
        let dinf = atom("dinf", &[&atom("dref", &[&words(&[0, 1]), &atom("url ", &[&words(&[1])])])]);
        let minf = atom("minf", &[&atom("smhd", &[&[0; 8]]), &dinf, &atom("stbl", &[&tables])]);
        let mdhd = atom("mdhd", &[&words(&[0, 0, 0, self.scale, length, 0x55c4_0000])]);
        let hdlr = atom("hdlr", &[&words(&[0, 0]), b"soun", &[0; 13]]);
        let tkhd = atom("tkhd", &[&words(&[7, 0, 0, 1, 0, length]), &[0; 60]]);
        let trak = atom("trak", &[&tkhd, &atom("mdia", &[&mdhd, &hdlr, &minf])]);
        let movie = atom("mvhd", &[&words(&[0, 0, 0, self.scale, length, 0x1_0000]), &[0; 72], &words(&[2])]);
        [ftyp, atom("mdat", &[&data]), atom("moov", &[&movie, &trak])].concat()
    }
}

/// Builds an EBML element with a size field of eight bytes.
fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    [id, &(1 << 56 | body.len() as u64).to_be_bytes(), body].concat()
}

/// Builds a Matroska file of one track from its codec, codec private data and sample rate, with one channel and 16
/// bits. `says` is the duration that each block states, in milliseconds; `step` is the time between the beginnings of
/// two blocks, in milliseconds.
pub(crate) fn mkv(codec: &str, private: &[u8], rate: f64, says: Option<u8>, step: f64, samples: &[Vec<u8>]) -> Vec<u8> {
    let clusters: Vec<u8> = (0..).zip(samples).flat_map(|(at, sample)| cluster(1, at, says, step, sample)).collect();
    matroska(&[(codec, private)], rate, &clusters)
}

/// Builds a Matroska file of several tracks with their blocks. A block begins 16 milliseconds after the one before.
pub(crate) fn mkv_of(codecs: &[(&str, &[u8])], rate: f64, tracks: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut clusters = Vec::new();
    for at in 0..tracks.iter().map(Vec::len).max().unwrap() {
        for (track, samples) in (1..).zip(tracks) {
            if let Some(sample) = samples.get(at) {
                clusters.extend(cluster(track, number(at), None, 16.0, sample));
            }
        }
    }
    matroska(codecs, rate, &clusters)
}

fn matroska(codecs: &[(&str, &[u8])], rate: f64, clusters: &[u8]) -> Vec<u8> {
    let head = element(b"\x1a\x45\xdf\xa3", &element(b"\x42\x82", b"matroska"));
    let audio = [element(b"\xb5", &rate.to_be_bytes()), element(b"\x9f", &[1]), element(b"\x62\x64", &[16])].concat();
    let track = |(number, (codec, private)): (u8, &(&str, &[u8]))| {
        let private = if private.is_empty() { Vec::new() } else { element(b"\x63\xa2", private) };
        let track = [
            element(b"\xd7", &[number]),
            element(b"\x73\xc5", &[number]),
            element(b"\x83", &[2]),
            element(b"\x86", codec.as_bytes()),
            private,
            element(b"\xe1", &audio),
        ]
        .concat();
        element(b"\xae", &track)
    };
    let scale = element(b"\x2a\xd7\xb1", &1_000_000_u32.to_be_bytes());
    let info = [scale, element(b"\x4d\x80", b"a"), element(b"\x57\x41", b"a")].concat();
    let info = element(b"\x15\x49\xa9\x66", &info);
    let tracks = element(b"\x16\x54\xae\x6b", &(1..).zip(codecs).flat_map(track).collect::<Vec<_>>());
    [head, element(b"\x18\x53\x80\x67", &[&info, &tracks, clusters].concat())].concat()
}

/// Builds a cluster of one block.
fn cluster(track: u8, at: u32, says: Option<u8>, step: f64, sample: &[u8]) -> Vec<u8> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a short file")]
    let time = (f64::from(at) * step) as u32;
    let bytes = [&[0x80 | track, 0, 0, 0x80][..], sample].concat();
    let block = match says {
        Some(says) => element(b"\xa0", &[element(b"\xa1", &bytes), element(b"\x9b", &[says])].concat()),
        None => element(b"\xa3", &bytes),
    };
    element(b"\x1f\x43\xb6\x75", &[element(b"\xe7", &time.to_be_bytes()), block].concat())
}

/// Builds a CAF of one channel. `about` has the format flags, the bytes per packet, the frames per packet and the bits
/// per sample; `says` is the number of frames that the packet table states for each packet.
pub(crate) fn caf(format: &str, about: [u32; 4], cookie: &[u8], says: Option<u8>, packets: &[Vec<u8>]) -> Vec<u8> {
    let chunk = |name: &str, body: &[u8]| [name.as_bytes(), &(body.len() as u64).to_be_bytes(), body].concat();
    let [flags, bytes, frames, bits] = about;
    let desc = [&16_000_f64.to_be_bytes()[..], format.as_bytes(), &words(&[flags, bytes, frames, 1, bits])].concat();
    let table: Vec<u8> = packets
        .iter()
        .flat_map(|packet| {
            let length = packet.len();
            let size = [0x80 | u8::try_from(length >> 14).unwrap(), 0x80 | low(length >> 7), low(length)];
            [&size[..], says.as_slice()].concat()
        })
        .collect();
    let frames = u64::from(says.unwrap_or(1)) * packets.len() as u64;
    let pakt = [&(packets.len() as u64).to_be_bytes()[..], &frames.to_be_bytes(), &[0; 8], &table].concat();
    let pakt = if bytes == 0 { chunk("pakt", &pakt) } else { Vec::new() };
    let kuki = if cookie.is_empty() { Vec::new() } else { chunk("kuki", cookie) };
    let data = chunk("data", &[&[0; 4][..], &packets.concat()].concat());
    [b"caff\0\x01\0\0".to_vec(), chunk("desc", &desc), kuki, pakt, data].concat()
}

/// Returns the packets of an Ogg file.
pub(crate) fn ogg(mut file: &[u8]) -> Vec<Vec<u8>> {
    let (mut packets, mut packet) = (Vec::new(), Vec::new());
    while file.starts_with(b"OggS") {
        let count = usize::from(file[26]);
        let mut at = 27 + count;
        for length in &file[27..27 + count] {
            packet.extend(&file[at..at + usize::from(*length)]);
            at += usize::from(*length);
            if *length < 255 {
                packets.push(std::mem::take(&mut packet));
            }
        }
        file = &file[at..];
    }
    packets
}
