/// Reads a stored signal for ever without repeating itself: a piece from one place, then one from another, each faded
/// into the next.
#[derive(Clone, Debug)]
pub(super) struct Grains {
    fade: usize,
    piece: usize,
    at: usize,
    next: usize,
    /// Samples of this piece played.
    passed: usize,
    random: u32,
}

impl Grains {
    pub fn new(samples_per_ms: usize) -> Self {
        Grains { fade: 4 * samples_per_ms, piece: 12 * samples_per_ms, at: 0, next: 0, passed: 0, random: 0x9E37_79B9 }
    }

    /// One sample of `stored`, which is longer than two pieces.
    pub fn next(&mut self, stored: &[i16]) -> f32 {
        let last = stored.len().saturating_sub(self.piece + self.fade + 1);
        if self.passed == self.piece - self.fade {
            self.next = self.draw() as usize % last.max(1);
        }
        let sample = |at: usize| stored.get(at).copied().map_or(0.0, f32::from);
        let into = (self.passed + self.fade).checked_sub(self.piece);
        let out = match into {
            None => sample(self.at + self.passed),
            Some(n) => {
                let weight = (n + 1) as f32 / (self.fade + 1) as f32;
                // Unlike signals keep their loudness when their powers add up to one.
                sample(self.at + self.passed) * (1.0 - weight).sqrt() + sample(self.next + n) * weight.sqrt()
            }
        };
        self.passed += 1;
        if self.passed == self.piece {
            self.at = self.next;
            self.passed = self.fade;
        }
        out
    }

    /// Xorshift: only spreads the pieces.
    fn draw(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }
}
