//! Where the parts of a file are: chunks, atoms, elements, pages, and the numbers in their heads.

/// A part of a file: its head, with the number that says how long it is, and its body.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    pub start: usize,
    pub end: usize,
    /// Where the length stands, and in how many bytes. Little-endian in RIFF, big-endian elsewhere.
    pub length: (usize, usize),
}

/// All parts, also those within others.
pub fn parts(file: &[u8]) -> Vec<Part> {
    let mut found = Vec::new();
    match file {
        [b'R', b'I', b'F', b'F', ..] => chunks(file, 12, file.len(), 4, true, &mut found),
        [b'F', b'O', b'R', b'M', ..] => chunks(file, 12, file.len(), 4, false, &mut found),
        [b'c', b'a', b'f', b'f', ..] => chunks(file, 8, file.len(), 8, false, &mut found),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => elements(file, 0, file.len(), 0, &mut found),
        [b'f', b'L', b'a', b'C', ..] => blocks(file, &mut found),
        [b'O', b'g', b'g', b'S', ..] => pages(file, &mut found),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => atoms(file, 0, file.len(), 0, &mut found),
        _ => frames(file, &mut found),
    }
    found
}

fn number(bytes: &[u8], is_little: bool) -> u64 {
    let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    if is_little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) }
}

fn chunks(file: &[u8], mut at: usize, end: usize, width: usize, is_little: bool, found: &mut Vec<Part>) {
    while at + 4 + width <= end {
        let length = number(&file[at + 4..at + 4 + width], is_little);
        let stop = usize::try_from(length).map_or(end, |length| (at + 4 + width).saturating_add(length)).min(end);
        found.push(Part { start: at, end: stop, length: (at + 4, width) });
        at = if width == 4 { stop + (stop - at) % 2 } else { stop };
    }
}

fn atoms(file: &[u8], mut at: usize, end: usize, depth: usize, found: &mut Vec<Part>) {
    while at + 8 <= end && depth < 12 {
        let length = number(&file[at..at + 4], false) as usize;
        let stop = if length < 8 { end } else { at.saturating_add(length).min(end) };
        found.push(Part { start: at, end: stop, length: (at, 4) });
        let skip = match &file[at + 4..at + 8] {
            b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" | b"moof" | b"traf" | b"mvex" | b"edts" | b"dinf" => 8,
            b"stsd" => 16,
            b"mp4a" | b"alac" | b"fLaC" if stop - at > 44 => 36,
            _ => 0,
        };
        if skip > 0 {
            atoms(file, at + skip, stop, depth + 1, found);
        }
        at = stop;
    }
}

fn elements(file: &[u8], mut at: usize, end: usize, depth: usize, found: &mut Vec<Part>) {
    while at < end && depth < 8 {
        let id = file[at].leading_zeros() as usize + 1;
        let Some(first) = file.get(at + id).filter(|_| id <= 4) else { return };
        let width = first.leading_zeros() as usize + 1;
        if width > 8 || at + id + width > end {
            return;
        }
        let coded = number(&file[at + id..at + id + width], false);
        let unknown = (1 << (7 * width)) - 1;
        let length = coded & unknown;
        let body = at + id + width;
        let stop = if length == unknown { end } else { body.saturating_add(length as usize).min(end) };
        found.push(Part { start: at, end: stop, length: (at + id, width) });
        let master: [&[u8]; 9] = [
            &[0x1a, 0x45, 0xdf, 0xa3],
            &[0x18, 0x53, 0x80, 0x67],
            &[0x15, 0x49, 0xa9, 0x66],
            &[0x16, 0x54, 0xae, 0x6b],
            &[0xae],
            &[0xe1],
            &[0x1f, 0x43, 0xb6, 0x75],
            &[0xa0],
            &[0x1c, 0x53, 0xbb, 0x6b],
        ];
        if master.contains(&&file[at..at + id]) {
            elements(file, body, stop, depth + 1, found);
        }
        at = stop.max(at + 1);
    }
}

fn blocks(file: &[u8], found: &mut Vec<Part>) {
    let mut at = 4;
    while at + 4 <= file.len() {
        let length = number(&file[at + 1..at + 4], false) as usize;
        let stop = (at + 4 + length).min(file.len());
        found.push(Part { start: at, end: stop, length: (at + 1, 3) });
        let is_last = file[at] & 0x80 != 0;
        at = stop;
        if is_last {
            break;
        }
    }
    // Frames begin with a sync word; where the next begins is only guessed.
    let starts: Vec<usize> =
        (at..file.len().saturating_sub(1)).filter(|at| file[*at] == 0xff && file[at + 1] & 0xfe == 0xf8).collect();
    for (number, start) in starts.iter().enumerate() {
        let end = starts.get(number + 1).copied().unwrap_or(file.len());
        found.push(Part { start: *start, end, length: (start + 2, 2) });
    }
}

fn pages(file: &[u8], found: &mut Vec<Part>) {
    let mut at = 0;
    while at + 27 <= file.len() && file[at..].starts_with(b"OggS") {
        let count = usize::from(file[at + 26]);
        let lengths = file.get(at + 27..at + 27 + count).unwrap_or_default();
        let body: usize = lengths.iter().map(|byte| usize::from(*byte)).sum();
        let end = (at + 27 + count + body).min(file.len());
        found.push(Part { start: at, end, length: (at + 26, 1) });
        at = end;
    }
}

/// Of MPEG audio, whose lengths are not said: from one sync word to the next.
fn frames(file: &[u8], found: &mut Vec<Part>) {
    let is_sync = |at: &usize| file[*at] == 0xff && file[at + 1] & 0xe0 == 0xe0;
    let starts: Vec<usize> = (0..file.len().saturating_sub(4)).filter(is_sync).collect();
    for pair in starts.windows(2) {
        found.push(Part { start: pair[0], end: pair[1], length: (pair[0] + 1, 3) });
    }
}
