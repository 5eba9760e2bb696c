/// PCM in the order of time: the last that was played, then what waits to be played. Nothing allocates after `new`.
pub(super) struct Line {
    samples: Box<[i16]>,
    /// Played samples kept before `head`.
    past: usize,
    /// The next to be played.
    head: usize,
    end: usize,
}

impl Line {
    /// Keeps `past` samples and takes `ahead` more.
    pub fn new(past: usize, ahead: usize) -> Self {
        Line { samples: vec![0; past + ahead + past.max(ahead) / 2].into_boxed_slice(), past, head: past, end: past }
    }

    /// Samples that wait.
    pub fn ahead(&self) -> usize {
        self.end - self.head
    }

    /// All that is known before the end: played, and waiting.
    pub fn known(&self) -> &[i16] {
        &self.samples[self.head - self.past..self.end]
    }

    /// What is known, the place of the head in it, and room for up to `more` samples behind it.
    pub fn stretchable(&mut self, more: usize) -> (&mut [i16], usize, usize) {
        let more = self.make_room(more);
        let len = self.past + self.ahead();
        (&mut self.samples[self.head - self.past..self.end + more], self.past, len)
    }

    /// Says that the waiting samples became more, or fewer.
    pub fn stretched(&mut self, by: i64) {
        let end = self.end as i64 + by;
        self.end = (end.max(self.head as i64) as usize).min(self.samples.len());
    }

    /// Appends as much of `pcm` as there is room for.
    pub fn append(&mut self, pcm: &[i16]) {
        let n = self.make_room(pcm.len());
        self.samples[self.end..self.end + n].copy_from_slice(&pcm[..n]);
        self.end += n;
    }

    /// Takes the next samples; `out` is filled up with silence where there are too few. Returns how many there were.
    pub fn take(&mut self, out: &mut [i16]) -> usize {
        let n = self.ahead().min(out.len());
        out[..n].copy_from_slice(&self.samples[self.head..self.head + n]);
        out[n..].fill(0);
        self.head += n;
        n
    }

    /// Moves everything to the front when the end is near; returns the room there is, `wanted` at most.
    fn make_room(&mut self, wanted: usize) -> usize {
        if self.samples.len() - self.end < wanted {
            let from = self.head - self.past;
            self.samples.copy_within(from..self.end, 0);
            self.head -= from;
            self.end -= from;
        }
        wanted.min(self.samples.len() - self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_leave_in_their_order_and_the_last_stay_known() {
        let mut line = Line::new(10, 30);
        let (mut next, mut expected) = (1_i16, 1_i16);
        for n in 0..200 {
            let pcm: Vec<i16> = (0..(n * 7) % 20).map(|i| next + i).collect();
            next += pcm.len() as i16;
            line.append(&pcm);
            let mut out = [0; 10];
            let got = line.take(&mut out);
            assert_eq!(out[..got], (expected..expected + got as i16).collect::<Vec<_>>());
            assert!(out[got..].iter().all(|&s| s == 0));
            expected += got as i16;
            let before = line.known()[..10].iter().rev().zip(1..).all(|(&s, n)| s == (expected - n).max(0));
            assert!(before, "{:?}", line.known());
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut line = Line::new(4, 8);
        line.append(&[1; 100]);
        assert!((8..=12).contains(&line.ahead()));
    }
}
