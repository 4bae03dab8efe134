//! Reads from MP4 headers what the demuxer does not report: the sample format of the audio (also for unknown codecs)
//! and the edit lists of the tracks. It also corrects the time-to-sample table (`stts`): if that has fewer samples than
//! the size table (`stsz`), players play all samples but the demuxer ends early, so the last `stts` entry is extended
//! to the rest.

use crate::{correction::Correction, encoder_padding::Edit, endian::is_big_endian};
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Maximum number of atoms that are scanned. Recordings do not have more.
const ATOMS: usize = 1 << 16;
/// Maximum number of tracks whose tables are corrected.
const TRACKS: usize = 64;
/// Maximum number of `stts` entries, of all tracks together.
const ENTRIES: u64 = 8 << 20;
/// Bytes of an atom header.
const HEAD: u64 = 8;
/// Bytes in which the first atom is searched, the same as for the probe.
const DEPTH: u64 = 16 * 1024;
/// Bytes of a sample description that are read.
const DESCRIPTION: u64 = 1_024;
/// The path of atoms to the sample tables.
const PATH: [&[u8; 4]; 5] = [b"moov", b"trak", b"mdia", b"minf", b"stbl"];

/// What was read of the `moov` atom.
#[derive(Default)]
pub(crate) struct Movie {
    pub(crate) corrections: Vec<Correction>,
    /// Sample format (four-character code) of the first audio track.
    pub(crate) sample: Option<[u8; 4]>,
    /// Whether the samples are big-endian although the demuxer takes them for little-endian.
    pub(crate) is_big_endian: bool,
    pub(crate) edits: Vec<Edit>,
}

/// Reads a file of `length` bytes that begins at `start`. The result is empty if it is no MP4.
pub(crate) fn movie<F: Read + Seek>(file: &mut F, start: u64, length: u64) -> io::Result<Movie> {
    file.seek(SeekFrom::Start(start))?;
    let mut head = Vec::new();
    file.by_ref().take(DEPTH).read_to_end(&mut head)?;
    let Some(from) = head.windows(8).position(|bytes| &bytes[4..] == b"ftyp") else {
        return Ok(Movie::default());
    };
    let mut found = MovieScan::default();
    let mut file = BufReader::with_capacity(4_096, file);
    match found.look(&mut file, start + from as u64, length, 0) {
        // The file is cut off within a table, which no program can read then.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        looked => looked?,
    }
    Ok(found.movie)
}

/// State of the scan.
#[derive(Default)]
struct MovieScan {
    atoms: usize,
    entries: u64,
    movies: usize,
    /// Of the current track: number of samples in `stsz`, and offset of `stts`.
    sizes: Option<u32>,
    times: Option<u64>,
    /// Whether the current track is audio.
    sounds: bool,
    /// Ticks per second of the movie, and of the current track.
    scale: u32,
    track_scale: u32,
    /// Number of the current track, and its edit.
    number: u32,
    edit: Option<PresentedPart>,
    movie: Movie,
}

/// The only part of a track that its edit list presents.
struct PresentedPart {
    /// Ticks of the track before the part.
    from: u64,
    /// Its length in ticks of the movie.
    length: u64,
}

impl MovieScan {
    /// Scans the atoms between two offsets, and recurses into those of [`PATH`].
    fn look<F: Read + Seek>(&mut self, file: &mut BufReader<F>, mut at: u64, end: u64, depth: usize) -> io::Result<()> {
        while at.saturating_add(HEAD) <= end {
            self.atoms += 1;
            // Reject a second `moov`: players use the first, our demuxer the second.
            if self.atoms > ATOMS || self.movies > 1 || self.movie.corrections.len() > TRACKS {
                return Err(io::ErrorKind::InvalidData.into());
            }
            go(file, at)?;
            let (size, name) = (u64::from(word(file)?), word(file)?.to_be_bytes());
            let (head, size) = match size {
                0 => (HEAD, end - at),
                1 => (2 * HEAD, u64::from(word(file)?) << 32 | u64::from(word(file)?)),
                size => (HEAD, size),
            };
            let (body, next) = (at + head, at.saturating_add(size.max(head)));
            if PATH.get(depth) == Some(&&name) {
                self.movies += usize::from(depth == 0);
                (self.sizes, self.times) = (None, None);
                self.look(file, body, next.min(end), depth + 1)?;
                self.compare(file)?;
                if depth == 1 {
                    self.note_edit();
                }
            }
            match &name {
                b"stsz" => {
                    go(file, body + 8)?;
                    self.sizes = Some(word(file)?);
                }
                b"stts" => self.times = Some(body),
                b"mvhd" => self.scale = field(file, body, 12, 20)?,
                b"tkhd" => self.number = field(file, body, 12, 20)?,
                b"mdhd" => self.track_scale = field(file, body, 12, 20)?,
                b"edts" if depth == 2 => self.edit = presented(file, body)?,
                // QuickTime has another `hdlr` at a deeper level.
                b"hdlr" if depth == 3 => {
                    go(file, body + 8)?;
                    self.sounds = &word(file)?.to_be_bytes() == b"soun";
                }
                b"stsd" if self.sounds && self.movie.sample.is_none() => {
                    go(file, body + 12)?;
                    let sample = word(file)?.to_be_bytes();
                    let mut description = Vec::new();
                    file.take(size.saturating_sub(head + 16).min(DESCRIPTION)).read_to_end(&mut description)?;
                    self.movie.is_big_endian = is_big_endian(sample, &description);
                    self.movie.sample = Some(sample);
                }
                // Sample data and fragments follow the `moov`.
                b"mdat" | b"moof" if self.movies > 0 => break,
                _ => {}
            }
            at = next;
        }
        Ok(())
    }

    /// Stores the edit of the current track.
    fn note_edit(&mut self) {
        let seconds = |ticks: u64, scale: u32| {
            #[expect(clippy::cast_precision_loss, reason = "2^53 ticks are no file")]
            Some(ticks as f64 / f64::from(scale)).filter(|seconds| seconds.is_finite())
        };
        let Some(PresentedPart { from, length }) = self.edit.take() else { return };
        if let Some(front) = seconds(from, self.track_scale) {
            let length = seconds(length, self.scale).filter(|length| *length > 0.0);
            self.movie.edits.push(Edit { track: self.number, front, length });
        }
    }

    /// Compares `stsz` and `stts` of a track, and corrects `stts` if it has fewer samples.
    fn compare<F: Read + Seek>(&mut self, file: &mut BufReader<F>) -> io::Result<()> {
        let (Some(sizes), Some(times)) = (self.sizes.take(), self.times.take()) else { return Ok(()) };
        go(file, times + 4)?;
        let entries = u64::from(word(file)?);
        self.entries = self.entries.saturating_add(entries);
        if self.entries > ENTRIES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let (mut samples, mut last) = (0_u64, 0);
        for _ in 0..entries {
            last = word(file)?;
            samples += u64::from(last);
            // Skip the duration of the samples.
            word(file)?;
        }
        let missing = u64::from(sizes).saturating_sub(samples);
        if let (1.., Ok(count)) = (entries.min(missing), u32::try_from(u64::from(last) + missing)) {
            self.movie.corrections.push(Correction::new(times + 8 * entries, count.to_be_bytes()));
        }
        Ok(())
    }
}

/// Parses the edit list of an `edts` atom. Returns `None` if it presents more than one part.
fn presented<F: Read + Seek>(file: &mut BufReader<F>, edits: u64) -> io::Result<Option<PresentedPart>> {
    /// Maximum number of entries: the presented part may be preceded by silence.
    const PARTS: u32 = 4;
    go(file, edits + 4)?;
    if &word(file)?.to_be_bytes() != b"elst" {
        return Ok(None);
    }
    let is_long = word(file)? >> 24 == 1;
    let count = word(file)?;
    if count > PARTS {
        return Ok(None);
    }
    let mut found = None;
    for _ in 0..count {
        let mut number = || -> io::Result<u64> {
            let high = word(file)?;
            // -1 in either width: an empty edit.
            let none = if high == u32::MAX { u64::MAX } else { u64::from(high) };
            if is_long { Ok(u64::from(high) << 32 | u64::from(word(file)?)) } else { Ok(none) }
        };
        let (length, from) = (number()?, number()?);
        // Skip the media rate.
        word(file)?;
        if from == u64::MAX {
            continue;
        }
        if found.replace(PresentedPart { from, length }).is_some() {
            return Ok(None);
        }
    }
    Ok(found)
}

/// Reads a field of an atom; its offset depends on the atom's version.
fn field<F: Read + Seek>(file: &mut BufReader<F>, body: u64, short: u64, long: u64) -> io::Result<u32> {
    go(file, body)?;
    let is_long = word(file)? >> 24 == 1;
    go(file, body + if is_long { long } else { short })?;
    word(file)
}

fn go<F: Read + Seek>(file: &mut BufReader<F>, to: u64) -> io::Result<()> {
    let here = file.stream_position()?;
    match to.checked_signed_diff(here) {
        Some(by) => file.seek_relative(by),
        None => file.seek(SeekFrom::Start(to)).map(|_| ()),
    }
}

fn word<F: Read>(file: &mut F) -> io::Result<u32> {
    let mut word = [0; 4];
    file.read_exact(&mut word)?;
    Ok(u32::from_be_bytes(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn atom(name: &str, body: &[u8]) -> Vec<u8> {
        [&u32::try_from(body.len() + 8).unwrap().to_be_bytes(), name.as_bytes(), body].concat()
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    /// Builds a movie with one track for each pair of tables: the number of samples in `stsz`, and the counts in
    /// `stts`.
    fn movie(tracks: &[(u32, &[u32])]) -> Vec<u8> {
        let track = |(sizes, times): &(u32, &[u32])| {
            let times: Vec<u32> = times.iter().flat_map(|count| [*count, 7]).collect();
            let stts = atom("stts", &[words(&[0, u32::try_from(times.len() / 2).unwrap()]), words(&times)].concat());
            let stbl = atom("stbl", &[stts, atom("stsz", &words(&[0, 1, *sizes]))].concat());
            atom("trak", &atom("mdia", &atom("minf", &stbl)))
        };
        atom("moov", &tracks.iter().flat_map(track).collect::<Vec<_>>())
    }

    fn movie_of(file: &[u8]) -> io::Result<Movie> {
        super::movie(&mut Cursor::new(file), 0, file.len() as u64)
    }

    fn read(file: &[u8]) -> io::Result<Vec<u8>> {
        let mut read = file.to_vec();
        for correction in movie_of(file)?.corrections {
            // Apply the corrections chunk by chunk, as a reader does.
            for (number, piece) in read.chunks_mut(3).enumerate() {
                correction.apply(number as u64 * 3, piece);
            }
        }
        Ok(read)
    }

    #[test]
    fn a_table_of_times_that_ends_early_is_read_as_if_it_did_not() {
        let ftyp = atom("ftyp", b"isom");
        let (lies, right) =
            (movie(&[(9, &[2, 3]), (8, &[8]), (5, &[1])]), movie(&[(9, &[2, 7]), (8, &[8]), (5, &[5])]));
        for before in [&[][..], &atom("free", &[0; 99]), b"junk"] {
            for between in [Vec::new(), atom("mdat", &[0; 50])] {
                let file = |movie: &[u8]| [before, &ftyp, &between, movie].concat();
                assert_eq!(read(&file(&lies)).unwrap(), file(&right));
                assert_eq!(read(&file(&right)).unwrap(), file(&right));
            }
        }
    }

    #[test]
    fn the_first_track_of_audio_tells_what_it_is_called() {
        let track = |kind: &str, name: &str| {
            let stsd = atom("stsd", &[words(&[0, 1, 16]), name.as_bytes().to_vec(), vec![0; 8]].concat());
            let inner = atom("hdlr", &[&words(&[0, 0])[..], b"alis"].concat());
            let minf = atom("minf", &[inner, atom("stbl", &stsd)].concat());
            let hdlr = atom("hdlr", &[&words(&[0, 0])[..], kind.as_bytes(), &[0; 12]].concat());
            atom("trak", &atom("mdia", &[hdlr, minf].concat()))
        };
        for (tracks, name) in [
            (vec![track("soun", "samr")], Some(b"samr")),
            (vec![track("vide", "avc1"), track("soun", "ac-3"), track("soun", "mp4a")], Some(b"ac-3")),
            (vec![track("vide", "avc1")], None),
            (vec![], None),
        ] {
            let file = [atom("ftyp", b"isom"), atom("moov", &tracks.concat())].concat();
            assert_eq!(movie_of(&file).unwrap().sample.as_ref(), name);
        }
        assert_eq!(movie_of(b"RIFF").unwrap().sample, None);
    }

    #[test]
    fn the_part_of_a_track_that_is_presented_is_told() {
        let edits = |list: &[u8]| atom("edts", &atom("elst", list));
        let track = |number: u32, edits: Vec<u8>| {
            let mdhd = atom("mdhd", &words(&[0, 0, 0, 16_000, 0]));
            let tkhd = atom("tkhd", &words(&[0, 0, 0, number]));
            atom("trak", &[tkhd, edits, atom("mdia", &mdhd)].concat())
        };
        let long =
            [&words(&[0x100_0000, 1])[..], &3_000_u64.to_be_bytes(), &1_600_u64.to_be_bytes(), &words(&[1])].concat();
        let one = |track, front, length| vec![Edit { track, front, length }];
        for (list, right) in [
            (words(&[0, 1, 3_000, 1_600, 1]), one(7, 0.1, Some(3.0))),
            (long, one(7, 0.1, Some(3.0))),
            (words(&[0, 1, 0, 1_600, 1]), one(7, 0.1, None)),
            (words(&[0, 2, 500, u32::MAX, 1, 3_000, 1_600, 1]), one(7, 0.1, Some(3.0))),
            (words(&[0, 2, 500, 0, 1, 3_000, 1_600, 1]), vec![]),
            (words(&[0, 1, 500, u32::MAX, 1]), vec![]),
            (words(&[0, 0]), vec![]),
            (words(&[0, 0xffff_ffff]), vec![]),
        ] {
            let mvhd = atom("mvhd", &words(&[0, 0, 0, 1_000]));
            let tracks = [track(7, edits(&list)), track(8, Vec::new())].concat();
            let file = [atom("ftyp", b"isom"), atom("moov", &[mvhd, tracks].concat())].concat();
            assert_eq!(movie_of(&file).unwrap().edits, right, "{list:?}");
        }
    }

    #[test]
    fn what_is_hostile_ends_soon_and_what_is_cut_off_is_left_alone() {
        let ftyp = atom("ftyp", b"isom");
        let lies = movie(&[(9, &[2, 3])]);
        assert!(read(&[&ftyp[..], &lies, &lies].concat()).is_err(), "two movies");
        assert!(read(&[&ftyp[..], &atom("free", &[]).repeat(70_000), &lies].concat()).is_err(), "many atoms");
        assert!(read(&[&ftyp[..], &movie(&vec![(9, &[1][..]); 70])].concat()).is_err(), "many tracks");
        let nested =
            (0..20_000).fold(Vec::new(), |inner, _| if inner.len() > 40_000 { inner } else { atom("moov", &inner) });
        assert!(read(&[&ftyp[..], &nested].concat()).is_ok(), "atoms in atoms");
        let file = [ftyp, lies].concat();
        for end in 0..file.len() {
            assert_eq!(read(&file[..end]).unwrap(), file[..end], "{end}");
        }
        let mut long = file.clone();
        let at = long.windows(4).position(|name| name == b"stts").unwrap();
        long[at + 8..at + 12].copy_from_slice(&[0xff; 4]);
        assert!(read(&long).is_err(), "2^32 times");
    }
}
