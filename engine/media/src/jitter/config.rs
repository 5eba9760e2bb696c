/// Bounds of the delay a jitter buffer adds to that of the best path, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JitterConfig {
    /// The delay aimed at where nothing arrives late.
    pub min_ms: u16,
    /// What the buffer may add at most: older audio is left out, however late it came.
    pub max_ms: u16,
    /// The delay aimed at until arrivals have told more, held within the bounds.
    pub start_ms: u16,
}

impl Default for JitterConfig {
    /// One packet to two of the usual 20 ms. The maximum leaves a path of 100 ms within what G.114 calls usable and
    /// keeps what the buffer adds below the knee of G.107, at 177 ms, where delay begins to be heard as such.
    fn default() -> Self {
        JitterConfig { min_ms: 20, max_ms: 180, start_ms: 40 }
    }
}

impl JitterConfig {
    /// The same with every bound in its order: a maximum below the minimum gives way.
    pub(super) fn ordered(self) -> Self {
        let max_ms = self.max_ms.max(self.min_ms).max(20);
        let min_ms = self.min_ms.min(max_ms);
        JitterConfig { min_ms, max_ms, start_ms: self.start_ms.clamp(min_ms, max_ms) }
    }
}
