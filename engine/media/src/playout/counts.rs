/// What playing came to. Samples are at the rate of the player that counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayoutCounts {
    /// Samples handed on, whatever they were made of.
    pub played: u64,
    /// Of those, made up for what did not come, by the codec or on PCM. In-band redundancy is not counted: it came.
    pub concealed: u64,
    /// Of those, comfort noise while the sender paused.
    pub noise: u64,
    /// Left out by shortening.
    pub accelerated: u64,
    /// Added by lengthening.
    pub expanded: u64,
    /// Packets something was made up for.
    pub packets_concealed: u64,
    /// Packets that were recovered from the redundancy in the next.
    pub packets_recovered: u64,
    /// Packets that came and were left out to keep the delay within its maximum.
    pub packets_discarded: u64,
    /// Packets that the decoder refused.
    pub undecodable: u64,
}

impl PlayoutCounts {
    pub fn add(&mut self, more: &PlayoutCounts) {
        self.played += more.played;
        self.concealed += more.concealed;
        self.noise += more.noise;
        self.accelerated += more.accelerated;
        self.expanded += more.expanded;
        self.packets_concealed += more.packets_concealed;
        self.packets_recovered += more.packets_recovered;
        self.packets_discarded += more.packets_discarded;
        self.undecodable += more.undecodable;
    }

    /// Made-up samples as a share of all, 0..=1.
    pub fn concealed_share(&self) -> f32 {
        self.concealed as f32 / self.played.max(1) as f32
    }
}
