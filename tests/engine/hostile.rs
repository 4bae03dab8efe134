//! Files that are no audio, or only in part.

use super::{Desk, vad};
use dalston_engine::EngineError;
use kit::wav;

#[tokio::test]
async fn what_cannot_be_decoded_is_rejected_for_good() {
    for (name, bytes) in [("nothing", vec![]), ("a text", b"hello ".repeat(4_000)), ("zeros", vec![0; 100_000])] {
        let desk = Desk::new(&bytes);
        let (summary, kept) = desk.transcribe(&vad(), &desk.work()).await;
        assert!(matches!(summary, Err(EngineError::Rejected(..))), "{name}: {summary:?}");
        assert!(kept.segments.is_empty());
    }
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_as_long_as_it_is() {
    let audio = wav::tone(10);
    let desk = Desk::new(&audio[..44 + 32_000 * 2]);
    let (summary, _) = desk.transcribe(&vad(), &desk.work()).await;
    let duration = summary.unwrap().duration.unwrap();
    assert!((1.9..=2.1).contains(&duration), "{duration}");
}

#[tokio::test]
async fn no_byte_that_is_changed_ends_the_process() {
    let audio = wav::tone(1);
    for at in 0..44 {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut changed = audio[..8_000].to_vec();
            changed[at] = value;
            let desk = Desk::new(&changed);
            // Whatever it says: it says it.
            let (_, kept) = desk.transcribe(&vad(), &desk.work()).await;
            assert!(kept.segments.len() < 10);
        }
    }
}
