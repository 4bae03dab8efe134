//! The built-in voice activity detection.

use super::{Desk, Kept, vad};
use dalston_engine::{AudioBound, DAY_IS_OVER, Engine, EngineError};
use kit::wav;
use tokio::sync::watch;

#[tokio::test]
async fn two_sentences_between_silence_are_two_segments_without_text_that_say_so() {
    let (audio, sentences) = wav::spoken();
    let desk = Desk::new(&audio);
    let (summary, kept) = desk.transcribe(&vad(), &desk.work()).await;
    let summary = summary.unwrap();
    let times = kept.times();
    assert_eq!(times.len(), 2, "{times:?} for {sentences:?}");
    for ((start, end), (from, until)) in times.iter().zip(sentences) {
        assert!((start - from).abs() < 0.25 && (end - until).abs() < 0.35, "{times:?} for {sentences:?}");
    }
    assert_eq!(kept.texts(), ["", ""]);
    let seconds = (audio.len() - 44) as f64 / 44_100.0;
    assert!((summary.duration.unwrap() - seconds).abs() < 0.002, "{summary:?} for {seconds}");
    let speech: f64 = times.iter().map(|(start, end)| end - start).sum();
    assert!((summary.speech_duration - speech).abs() < 1e-6);
    assert_eq!((summary.engine.as_str(), summary.segments, summary.language), ("vad", 2, None));
    assert!(summary.note.unwrap().contains("text is empty"));
    assert!(kept.progress.is_sorted() && kept.progress.last() == Some(&1_000), "{:?}", kept.progress);
}

#[tokio::test]
async fn silence_has_no_segments() {
    let mut audio = wav::header(16_000 * 2 * 5);
    audio.resize(audio.len() + 16_000 * 2 * 5, 0);
    let desk = Desk::new(&audio);
    let (summary, kept) = desk.transcribe(&vad(), &desk.work()).await;
    assert_eq!((summary.unwrap().duration, kept.times()), (Some(5.0), vec![]));
}

#[tokio::test]
async fn it_stops_where_there_is_more_audio_than_it_may_take() {
    let desk = Desk::new(&wav::tone(4));
    let mut work = desk.work();
    work.most = AudioBound { seconds: 3.0, exceeded: DAY_IS_OVER };
    let (stopped, _) = desk.transcribe(&vad(), &work).await;
    assert!(matches!(stopped, Err(EngineError::Rejected(DAY_IS_OVER, _))), "{stopped:?}");
    work.most.seconds = 4.0;
    assert!(desk.transcribe(&vad(), &work).await.0.is_ok());
}

#[tokio::test]
async fn it_stops_when_it_is_told_to() {
    let desk = Desk::new(&wav::spoken().0);
    let (stop, told) = watch::channel(false);
    stop.send_replace(true);
    let stopped = vad().transcribe(&desk.work(), &mut Kept::default(), told).await;
    assert!(matches!(stopped, Err(EngineError::Stopped)), "{stopped:?}");
}
