//! Files that are small and ask for much: memory, time, or a death of whoever decodes them.

/// A hostile file.
#[derive(Debug, Clone)]
pub struct Bomb {
    /// What it is.
    pub name: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

/// The four that were found first: a packet of 2^32 frames as PCM and as ADPCM, code books, channels.
pub fn found() -> [Bomb; 4] {
    [
        Bomb { name: "CAF of PCM, 2^32 frames a packet", bytes: caf(b"lpcm", 3, 16, u32::MAX, 2, 64, &[0; 64]) },
        Bomb { name: "CAF of ADPCM, 2^32 frames a packet", bytes: caf(b"ima4", 0, 34, u32::MAX, 1, 0, &[0; 340]) },
        Bomb { name: "Ogg of Vorbis, 64 code books", bytes: ogg(&[&identification(1), &comment(), &setup(64)]) },
        Bomb { name: "AIFF of 65,280 channels", bytes: aiff(65_280) },
    ]
}

/// The same by other ways: other codecs, other containers, other fields.
pub fn others() -> Vec<Bomb> {
    let many = |name, bytes| Bomb { name, bytes };
    vec![
        many("CAF of A-law, 2^31 frames a packet", caf(b"alaw", 0, 64, 1 << 31, 1, 8, &[0; 256])),
        many("CAF of floats, 2^24 frames a packet, 24 channels", caf(b"lpcm", 1, 768, 1 << 24, 24, 64, &[0; 1536])),
        many("CAF of ADPCM, 2^26 frames a packet, two channels", caf(b"ima4", 0, 68, 1 << 26, 2, 0, &[0; 6800])),
        many("MP4 of ALAC, 2^32 frames a packet", mp4(&cookie(u32::MAX, 2), 1, 1)),
        many("MP4 of ALAC, 2^26 frames a packet", mp4(&cookie(1 << 26, 8), 1, 1)),
        many("MP4 with 2^32 samples of no bytes", mp4(&cookie(4_096, 2), u32::MAX, 0)),
        many("Matroska of ALAC, 2^32 frames a packet", mkv(b"A_ALAC", &cookie(u32::MAX, 2), 2)),
        many("Matroska of PCM, 2^31 channels", mkv(b"A_PCM/INT/LIT", &[], 1 << 31)),
        many("Matroska of PCM, 65,535 channels", mkv(b"A_PCM/INT/LIT", &[], 65_535)),
        many("Matroska of Vorbis, 256 code books", mkv(b"A_VORBIS", &laced(256), 1)),
        many("Matroska of Opus, 255 channels of 255 streams", mkv(b"A_OPUS", &opus(255, 255, 0), 2)),
        many("Matroska of Opus, 64 channels of 254 streams", mkv(b"A_OPUS", &opus(64, 254, 1), 2)),
        many(
            "Ogg of Opus, 255 channels of one stream",
            ogg(&[&opus(255, 1, 0), b"OpusTags\0\0\0\0\0\0\0\0", &[0xff; 9]]),
        ),
        many("Ogg of Vorbis, 3 code books", ogg(&[&identification(32), &comment(), &setup(3)])),
        many("WAV of 65,535 channels", wav(1, 65_535, 65_535, 8, &[])),
        many("WAV of ADPCM, blocks of 65,535 bytes", wav(2, 2, 65_535, 4, &[0xff; 34])),
        many("WAV of IMA ADPCM, 65,535 frames in a block", wav(0x11, 1, 36, 4, &[2, 0, 0xff, 0xff])),
        many("FLAC of 2^36 samples in blocks of 65,535", flac()),
        many("MP3 with an ID3 tag of 256 MiB", [&b"ID3\x04\0\0\x7f\x7f\x7f\x7f"[..], &[0; 4096]].concat()),
    ]
}

/// A header of Opus: channels, streams, and how many of these have two; every channel is the first of them.
fn opus(channels: u8, streams: u8, coupled: u8) -> Vec<u8> {
    let about = [b"OpusHead\x01", &[channels][..], &[0; 8], &[255, streams, coupled]].concat();
    [about, vec![0; channels.into()]].concat()
}

/// A CAF: the words of its description, and the data.
pub fn caf(codec: &[u8; 4], flags: u32, packet: u32, frames: u32, channels: u32, bits: u32, data: &[u8]) -> Vec<u8> {
    let mut file = b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20".to_vec();
    file.extend(16_000_f64.to_be_bytes());
    file.extend(codec);
    for word in [flags, packet, frames, channels, bits] {
        file.extend(word.to_be_bytes());
    }
    file.extend(b"data");
    file.extend((data.len() as u64 + 4).to_be_bytes());
    file.extend([0; 4]);
    file.extend(data);
    file
}

/// An AIFF of one frame.
pub fn aiff(channels: u16) -> Vec<u8> {
    let data = vec![0; 2 * usize::from(channels)];
    let rate = [0x40, 0x0c, 0xfa, 0, 0, 0, 0, 0, 0, 0];
    let comm = [&channels.to_be_bytes()[..], &1_u32.to_be_bytes(), &16_u16.to_be_bytes(), &rate].concat();
    let ssnd = [&[0; 8][..], &data].concat();
    let chunk = |name: &[u8], body: &[u8]| [name, &(body.len() as u32).to_be_bytes(), body].concat();
    chunk(b"FORM", &[b"AIFF".to_vec(), chunk(b"COMM", &comm), chunk(b"SSND", &ssnd)].concat())
}

/// A WAV: the words of its format, what follows them, and four blocks.
pub fn wav(codec: u16, channels: u16, block: u16, bits: u16, more: &[u8]) -> Vec<u8> {
    let mut format = Vec::new();
    for word in [codec, channels] {
        format.extend(word.to_le_bytes());
    }
    for word in [8_000_u32, 8_000 * u32::from(block)] {
        format.extend(word.to_le_bytes());
    }
    for word in [block, bits] {
        format.extend(word.to_le_bytes());
    }
    format.extend(more);
    let chunk = |name: &[u8], body: &[u8]| [name, &(body.len() as u32).to_le_bytes(), body].concat();
    let data = vec![0; 4 * usize::from(block)];
    chunk(b"RIFF", &[b"WAVE".to_vec(), chunk(b"fmt ", &format), chunk(b"data", &data)].concat())
}

/// Silence of constant subframes: a few bytes for each half million samples.
fn flac() -> Vec<u8> {
    let mut file = b"fLaC\x80\0\0\x22".to_vec();
    file.extend([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0]);
    // 8,000 a second, eight channels, 16 bits, 2^36 - 1 samples.
    file.extend((8_000_u64 << 44 | 7 << 41 | 15 << 36 | ((1 << 36) - 1)).to_be_bytes());
    file.extend([0; 16]);
    for number in 0..8_u8 {
        // A block of 65,535 frames, eight channels.
        let mut frame = vec![0xff, 0xf8, 0x74, 0x78, number, 0xfe, 0xff];
        frame.push(crc(&frame, 0x07, 8) as u8);
        for _ in 0..8 {
            frame.extend([0, 0, 0]);
        }
        frame.extend((crc(&frame, 0x8005, 16) as u16).to_be_bytes());
        file.extend(frame);
    }
    file
}

/// A checksum of so many bits, the highest first.
pub fn crc(bytes: &[u8], polynomial: u32, bits: u32) -> u32 {
    let mask = u32::MAX >> (32 - bits);
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << (bits - 8), |sum, _| {
            let shifted = sum << 1 & mask;
            if sum >> (bits - 1) & 1 == 1 { shifted ^ polynomial } else { shifted }
        })
    })
}

/// Bits, the lowest of a byte first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        self.0.extend((0..count).map(|bit| value >> bit & 1 == 1));
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
    }
}

/// The first header of a Vorbis stream.
pub fn identification(channels: u8) -> Vec<u8> {
    let mut header = b"\x01vorbis\0\0\0\0".to_vec();
    header.push(channels);
    header.extend(22_050_u32.to_le_bytes());
    header.extend([0; 12]);
    header.extend([0xb8, 1]);
    header
}

/// The second.
pub fn comment() -> Vec<u8> {
    b"\x03vorbis\0\0\0\0\0\0\0\0\x01".to_vec()
}

/// A setup header of so many code books, of the greatest that there are in the fewest bits.
pub fn setup(books: u32) -> Vec<u8> {
    books_of(books, 17, 31)
}

/// A setup header of so many code books, each of 2 to the power of `length` entries of so many numbers.
pub fn books_of(books: u32, length: u32, dimensions: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(books.wrapping_sub(1), 8);
    let entries = 1 << length;
    for _ in 0..books {
        for (value, count) in
            [(0x56_43_42, 24), (dimensions, 16), (entries, 24), (1, 1), (length - 1, 5), (entries, length + 1)]
        {
            bits.put(value, count);
        }
        for (value, count) in [(1, 4), (0, 32), (0, 32), (0, 4), (0, 1), (1, 1)] {
            bits.put(value, count);
        }
    }
    [b"\x05vorbis".to_vec(), bits.bytes(), vec![0; 64]].concat()
}

/// All three, as Matroska has them.
pub fn laced(books: u32) -> Vec<u8> {
    let (first, second) = (identification(1), comment());
    [&[2, first.len() as u8, second.len() as u8][..], &first, &second, &setup(books)].concat()
}

/// An Ogg stream: the first packet on a page of its own, then the others, then a page of nothing.
pub fn ogg(packets: &[&[u8]]) -> Vec<u8> {
    let mut file = Vec::new();
    for (number, some) in [&packets[..1], &packets[1..], &[&[0; 64][..]]].into_iter().enumerate() {
        let flags = if number == 0 { 2 } else { 0 };
        let mut lengths = Vec::new();
        for packet in some {
            lengths.extend(std::iter::repeat_n(255, packet.len() / 255));
            lengths.push((packet.len() % 255) as u8);
        }
        let mut page = b"OggS\0".to_vec();
        page.push(flags);
        page.extend([0; 8]);
        page.extend(7_u32.to_le_bytes());
        page.extend((number as u32).to_le_bytes());
        page.extend([0; 4]);
        page.push(lengths.len() as u8);
        page.extend(&lengths);
        page.extend(some.concat());
        let sum = crc(&page, 0x04c1_1db7, 32);
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        file.extend(page);
    }
    file
}

/// What an ALAC stream says of itself.
pub fn cookie(frames: u32, channels: u8) -> Vec<u8> {
    let mut cookie = frames.to_be_bytes().to_vec();
    cookie.extend([0, 16, 40, 10, 14, channels, 0, 255]);
    for word in [0_u32, 0, 44_100] {
        cookie.extend(word.to_be_bytes());
    }
    cookie
}

fn atom(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes(), &name[..], body].concat()
}

/// An MP4 of ALAC with so many samples of so many bytes.
pub fn mp4(cookie: &[u8], samples: u32, size: u32) -> Vec<u8> {
    let head = |offset: usize| {
        let tables = [
            atom(b"stsd", &[words(&[0, 1]), atom(b"alac", &sound(cookie))].concat()),
            atom(b"stts", &words(&[0, 1, samples, 4_096])),
            atom(b"stsc", &words(&[0, 1, 1, samples, 1])),
            atom(b"stsz", &words(&[0, size, samples])),
            atom(b"stco", &words(&[0, 1, offset as u32])),
        ]
        .concat();
        let minf = [atom(b"smhd", &[0; 8]), atom(b"stbl", &tables)].concat();
        let mdhd = atom(b"mdhd", &words(&[0, 0, 0, 44_100, 44_100, 0]));
        let hdlr = atom(b"hdlr", &[words(&[0, 0]), b"soun".to_vec(), vec![0; 13]].concat());
        let mdia = [mdhd, hdlr, atom(b"minf", &minf)].concat();
        let tkhd = atom(b"tkhd", &[words(&[7, 0, 0, 1, 0, 44_100]), vec![0; 60]].concat());
        let trak = [tkhd, atom(b"mdia", &mdia)].concat();
        let mvhd = atom(b"mvhd", &[words(&[0, 0, 0, 44_100, 44_100]), vec![0; 80]].concat());
        let moov = atom(b"moov", &[mvhd, atom(b"trak", &trak)].concat());
        [atom(b"ftyp", b"M4A \0\0\0\0M4A "), moov].concat()
    };
    let offset = head(0).len() + 8;
    [head(offset), atom(b"mdat", &[0; 256])].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// An entry of a sample description: two channels, 16 bits, 44,100 a second.
fn sound(cookie: &[u8]) -> Vec<u8> {
    let fields = [&words(&[0, 1, 0, 0])[..], &[0, 2, 0, 16, 0, 0, 0, 0], &words(&[44_100 << 16])].concat();
    [fields, atom(b"alac", &[&[0; 4][..], cookie].concat())].concat()
}

/// An element of EBML, its length in eight bytes.
fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    [id, &(1 << 56 | body.len() as u64).to_be_bytes(), body].concat()
}

/// A Matroska file of one track and one block.
pub fn mkv(codec: &[u8], private: &[u8], channels: u32) -> Vec<u8> {
    let head = element(b"\x1a\x45\xdf\xa3", &element(b"\x42\x82", b"matroska"));
    let audio = [
        element(b"\xb5", &8_000_f64.to_be_bytes()),
        element(b"\x9f", &channels.to_be_bytes()),
        element(b"\x62\x64", &[16]),
    ]
    .concat();
    let track = [
        element(b"\xd7", &[1]),
        element(b"\x73\xc5", &[1]),
        element(b"\x83", &[2]),
        element(b"\x86", codec),
        element(b"\x63\xa2", private),
        element(b"\xe1", &audio),
    ]
    .concat();
    // Without who wrote it, the reader turns it away before it comes to the track.
    let scale = element(b"\x2a\xd7\xb1", &1_000_000_u32.to_be_bytes());
    let info = [scale, element(b"\x4d\x80", b"a"), element(b"\x57\x41", b"a")].concat();
    let info = element(b"\x15\x49\xa9\x66", &info);
    let block = element(b"\xa3", &[&[0x81, 0, 0, 0x80][..], &[0; 4_096]].concat());
    let cluster = element(b"\x1f\x43\xb6\x75", &[element(b"\xe7", &[0]), block].concat());
    let tracks = element(b"\x16\x54\xae\x6b", &element(b"\xae", &track));
    [head, element(b"\x18\x53\x80\x67", &[info, tracks, cluster].concat())].concat()
}
