//! Trims encoder delay and padding from decoded audio.

use crate::encoder_padding::Edges;
use std::collections::VecDeque;

/// A piece of decoded audio.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    pub(crate) rate: u32,
    pub(crate) channels: usize,
    /// Interleaved samples, in general from -1 to 1.
    pub(crate) samples: Vec<f32>,
}

/// A queue of pieces that trims both ends of the audio. The padding at the end is known only when the audio ends, so
/// the queue holds back as much audio as the padding may have, and one piece.
#[derive(Default)]
pub(crate) struct Trim {
    /// Seconds that remain to be trimmed.
    edges: Edges,
    /// Seconds received.
    taken: f64,
    kept: VecDeque<Piece>,
    is_over: bool,
}

impl Piece {
    fn frames(&self) -> usize {
        self.samples.len() / self.channels.max(1)
    }

    #[expect(clippy::cast_precision_loss, reason = "a piece is short")]
    fn seconds(&self) -> f64 {
        self.frames() as f64 / f64::from(self.rate.max(1))
    }

    /// Returns the number of frames in this many seconds, at most all.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    fn within(&self, seconds: f64) -> usize {
        ((seconds * f64::from(self.rate)).round() as usize).min(self.frames())
    }
}

impl Trim {
    pub(crate) fn new(edges: Edges) -> Self {
        Self { edges, ..Self::default() }
    }

    /// Adds the next piece, without the frames that are encoder delay.
    pub(crate) fn push(&mut self, mut piece: Piece) {
        let seconds = piece.seconds();
        let skipped = piece.within(self.edges.front);
        piece.samples.drain(..skipped * piece.channels);
        self.edges.front = (self.edges.front - seconds).max(0.0);
        self.taken += seconds;
        self.kept.push_back(piece);
    }

    /// Ends the audio. If the file is complete, trims the padding at its end.
    pub(crate) fn end(&mut self, is_whole: bool) {
        self.is_over = true;
        let mut back = if is_whole { self.edges.back(self.taken) } else { 0.0 };
        for piece in self.kept.iter_mut().rev() {
            let seconds = piece.seconds();
            piece.samples.truncate((piece.frames() - piece.within(back)) * piece.channels);
            back = (back - seconds).max(0.0);
        }
    }

    /// Returns the next piece that is not empty. `None`: more audio must be pushed first, or the audio is over.
    pub(crate) fn pop(&mut self) -> Option<Piece> {
        loop {
            let behind: f64 = self.kept.iter().skip(1).map(Piece::seconds).sum();
            if !self.is_over && behind < self.edges.back {
                return None;
            }
            let piece = self.kept.pop_front()?;
            if !piece.samples.is_empty() {
                return Some(piece);
            }
        }
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns pieces of two channels with numbered frames, ten per second.
    fn pieces(lengths: &[u8]) -> Vec<Piece> {
        let mut number = 0;
        let piece = |length: &u8| {
            let frames = (number..number + length).flat_map(|frame| [f32::from(frame); 2]).collect();
            number += length;
            Piece { rate: 10, channels: 2, samples: frames }
        };
        lengths.iter().map(piece).collect()
    }

    /// Returns the frames that remain, and checks that no channel is lost.
    fn heard(edges: Edges, pieces: Vec<Piece>, is_whole: bool) -> Vec<u8> {
        let (mut trim, mut heard) = (Trim::new(edges), Vec::new());
        let mut take = |trim: &mut Trim| {
            while let Some(piece) = trim.pop() {
                heard.extend(piece.samples.chunks(2).map(|frame| {
                    let number =
                        (0..20).find(|number| frame.iter().all(|sample| (sample - f32::from(*number)).abs() < 0.1));
                    number.expect("both channels of a frame")
                }));
            }
        };
        for piece in pieces {
            trim.push(piece);
            take(&mut trim);
        }
        assert!(!trim.is_over());
        trim.end(is_whole);
        take(&mut trim);
        heard
    }

    #[test]
    fn edges_are_left_out_however_the_audio_is_cut_into_pieces() {
        for lengths in [&[20][..], &[1; 20], &[3, 9, 1, 0, 7], &[19, 1], &[1, 19]] {
            for (front, back, right) in [
                (0.0, 0.0, 0..20),
                (0.3, 0.0, 3..20),
                (0.0, 0.4, 0..16),
                (0.5, 1.2, 5..8),
                (1.5, 0.5, 15..15),
                (1.5, 1.5, 15..15),
                (9.0, 9.0, 0..0),
            ] {
                let edges = Edges { front, back, whole: 2.0 };
                let whole = heard(edges, pieces(lengths), true);
                assert_eq!(whole, right.clone().collect::<Vec<_>>(), "{lengths:?} {edges:?}");
                let cut = heard(edges, pieces(lengths), false);
                let right = if front > 2.0 { 20..20 } else { right.start..20 };
                assert_eq!(cut, right.clone().collect::<Vec<_>>(), "{lengths:?} {edges:?}, cut");
                let short = heard(Edges { whole: 2.1, ..edges }, pieces(lengths), true);
                assert_eq!(short, right.collect::<Vec<_>>(), "{lengths:?} {edges:?}, cut between packets");
            }
        }
        assert!(heard(Edges { front: 1.0, back: 1.0, whole: 0.0 }, Vec::new(), true).is_empty());
    }
}
