//! Audio: FLAC of silence, in as few bytes as the format lets it.

/// So many frames of 65,535 samples of silence, 16 bits, mono, without a length in its header.
pub fn silence(frames: u32, rate: u32) -> Vec<u8> {
    let mut flac = b"fLaC\x80\0\0\x22".to_vec();
    flac.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0]);
    // Rate, one channel, 16 bits, no length.
    let about = u64::from(rate) << 44 | 15 << 36;
    flac.extend_from_slice(&about.to_be_bytes());
    flac.extend_from_slice(&[0; 16]);
    for number in 0..frames {
        let from = flac.len();
        flac.extend_from_slice(&[0xff, 0xf8, 0x70, 0x08]);
        flac.extend_from_slice(coded(number).as_bytes());
        flac.extend_from_slice(&[0xff, 0xfe]);
        flac.push(crc8(&flac[from..]));
        flac.extend_from_slice(&[0, 0, 0]);
        let crc = crc16(&flac[from..]);
        flac.extend_from_slice(&crc.to_be_bytes());
    }
    flac
}

/// The number of a frame, which is coded as a character is in UTF-8.
fn coded(number: u32) -> String {
    char::from_u32(number).expect("no surrogate").to_string()
}

fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc: u8, _| if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 0x07 })
    })
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        let crc: u16 = crc ^ u16::from(*byte) << 8;
        (0..8).fold(crc, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x8005 })
    })
}
