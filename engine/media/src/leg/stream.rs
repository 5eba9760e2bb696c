use std::collections::VecDeque;

use tandem_model::SampleRate;
use tandem_model::limits::{STREAM_ITEMS_MAX, STREAM_SECS_MAX};

use super::send::encoder_rate;
use super::turn::TICK_SAMPLES_MAX;
use super::{Leg, Turn, tick_samples};
use crate::control::{Event, MarkId, PlayId};
use crate::resample::RateFifo;

/// Audio that comes piece by piece and is played in that order, with marks between.
pub(super) struct Stream {
    play: PlayId,
    rate: SampleRate,
    items: VecDeque<Item>,
    /// Samples of the first item that were taken.
    taken: usize,
    /// Samples that wait, at `rate`.
    waiting: usize,
    /// Towards the encoder.
    fifo: RateFifo,
}

enum Item {
    Audio(Vec<i16>),
    Mark(MarkId),
}

impl Stream {
    pub fn new(play: PlayId, rate: SampleRate) -> Self {
        let rate = SampleRate(rate.0.clamp(8_000, 48_000));
        let fifo = RateFifo::new(rate, rate, TICK_SAMPLES_MAX * 2);
        Stream { play, rate, items: VecDeque::new(), taken: 0, waiting: 0, fifo }
    }

    pub fn id(&self) -> PlayId {
        self.play
    }

    /// False when there is no room for it.
    pub fn push(&mut self, audio: Vec<i16>) -> bool {
        let room = self.rate.0 as usize * STREAM_SECS_MAX as usize;
        if self.items.len() >= STREAM_ITEMS_MAX || self.waiting + audio.len() > room {
            return false;
        }
        if !audio.is_empty() {
            self.waiting += audio.len();
            self.items.push_back(Item::Audio(audio));
        }
        true
    }

    /// False when there is no room for it.
    pub fn mark(&mut self, mark: MarkId) -> bool {
        if self.items.len() >= STREAM_ITEMS_MAX {
            return false;
        }
        self.items.push_back(Item::Mark(mark));
        true
    }

    /// Drops what waits; the marks in it.
    pub fn clear(&mut self) -> impl Iterator<Item = MarkId> + use<> {
        (self.taken, self.waiting) = (0, 0);
        self.fifo.clear();
        std::mem::take(&mut self.items).into_iter().filter_map(|item| match item {
            Item::Audio(_) => None,
            Item::Mark(mark) => Some(mark),
        })
    }

    /// Nothing to play. Marks may still wait for what was played before them.
    pub fn is_silent(&self) -> bool {
        self.waiting == 0 && self.fifo.is_empty()
    }

    /// Fills one tick at the encoder's rate, silence behind the end; reached marks are told. False when there was nothing.
    fn fill(&mut self, rate: SampleRate, pcm: &mut [i16], mut reached: impl FnMut(MarkId)) -> bool {
        if self.fifo.rate() != rate {
            self.fifo = RateFifo::new(self.rate, rate, TICK_SAMPLES_MAX * 2);
        }
        let input = tick_samples(self.rate);
        while self.fifo.len() < pcm.len() {
            match self.items.front() {
                Some(Item::Audio(audio)) => {
                    let rest = &audio[self.taken.min(audio.len())..];
                    let now = &rest[..rest.len().min(input)];
                    self.fifo.push(now);
                    self.taken += now.len();
                    self.waiting = self.waiting.saturating_sub(now.len());
                    if self.taken >= audio.len() {
                        self.items.pop_front();
                        self.taken = 0;
                    }
                }
                Some(Item::Mark(mark)) => {
                    reached(*mark);
                    self.items.pop_front();
                }
                None => break,
            }
        }
        let filled = self.fifo.take(pcm);
        pcm[filled..].fill(0);
        filled > 0
    }
}

impl Leg {
    /// One tick of the stream, while nothing else plays.
    pub(super) fn advance_stream(&mut self, turn: &mut Turn<'_>) {
        // Before media is agreed it waits.
        let Some(spec) = self.spec.as_deref() else { return };
        let Some(mut stream) = self.stream.take() else { return };
        let rate = encoder_rate(spec.codec, stream.rate);
        let mut pcm = [0; TICK_SAMPLES_MAX];
        let pcm = &mut pcm[..tick_samples(rate).min(TICK_SAMPLES_MAX)];
        let (leg, play) = (self.id, stream.play);
        if stream.fill(rate, pcm, |mark| turn.events.push(Event::Marked { leg, play, mark, played: true })) {
            self.send_pcm(turn, pcm, rate);
        }
        self.stream = Some(stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(stream: &mut Stream, rate: SampleRate) -> (bool, Vec<u64>, Vec<i16>) {
        let mut pcm = vec![-1; tick_samples(rate)];
        let mut marks = Vec::new();
        let goes_on = stream.fill(rate, &mut pcm, |mark| marks.push(mark.0));
        (goes_on, marks, pcm)
    }

    #[test]
    fn pieces_of_any_length_come_out_in_order_and_marks_where_they_stood() {
        let mut stream = Stream::new(PlayId(1), SampleRate::HZ_8000);
        assert!(stream.push(vec![1; 100]) && stream.push(vec![]) && stream.push(vec![2; 100]));
        assert!(stream.mark(MarkId(7)) && stream.push(vec![3; 10]) && stream.mark(MarkId(8)));
        let (goes_on, marks, pcm) = fill(&mut stream, SampleRate::HZ_8000);
        assert_eq!((goes_on, marks.as_slice(), &pcm[..100], &pcm[100..]), (true, &[][..], &[1; 100][..], &[2; 60][..]));
        let (goes_on, marks, pcm) = fill(&mut stream, SampleRate::HZ_8000);
        assert_eq!((goes_on, marks.as_slice()), (true, &[7, 8][..]));
        assert_eq!((&pcm[..40], &pcm[40..50], &pcm[50..]), (&[2; 40][..], &[3; 10][..], &[0; 110][..]));
        assert!(stream.is_silent() && !fill(&mut stream, SampleRate::HZ_8000).0);
    }

    #[test]
    fn a_mark_after_everything_was_played_is_reached_at_once_and_clearing_gives_the_others_back() {
        let mut stream = Stream::new(PlayId(1), SampleRate::HZ_16000);
        stream.mark(MarkId(1));
        assert_eq!(fill(&mut stream, SampleRate::HZ_8000).1, [1]);
        stream.push(vec![1; 100_000]);
        stream.mark(MarkId(2));
        assert_eq!(fill(&mut stream, SampleRate::HZ_8000).1, []);
        assert_eq!(stream.clear().map(|m| m.0).collect::<Vec<_>>(), [2]);
        assert!(stream.is_silent());
    }

    #[test]
    fn what_does_not_fit_is_refused_whole() {
        let mut stream = Stream::new(PlayId(1), SampleRate::HZ_8000);
        assert!(stream.push(vec![0; 8_000 * STREAM_SECS_MAX as usize]));
        assert!(!stream.push(vec![0; 1]));
        fill(&mut stream, SampleRate::HZ_8000);
        assert!(stream.push(vec![0; 1]), "room came back as it was played");
        while stream.mark(MarkId(1)) {}
        assert_eq!(stream.items.len(), STREAM_ITEMS_MAX);
    }
}
