/// What an operator may choose of Opus. Whatever is said here, the remote's parameters bound it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusTuning {
    /// Encoder effort, 0..10. 5 is near transparent at a third of the cost of 10 (docs/performance.md).
    pub complexity: u8,
    /// Bits per second, 6,000..510,000, for audio of telephone bandwidth, of up to 8 kHz, and above. In-band redundancy comes on top.
    pub bitrate_narrowband: u32,
    pub bitrate_wideband: u32,
    pub bitrate_fullband: u32,
    /// Hz, 8,000..48,000: the most we say we play. Peers send no more, which is cheaper to decode.
    pub playback_rate: u32,
    /// Ask peers to send nothing while nobody speaks. Our own encoder does so whenever a peer asks.
    pub dtx: bool,
}

impl Default for OpusTuning {
    fn default() -> Self {
        OpusTuning {
            complexity: 5,
            bitrate_narrowband: 20_000,
            bitrate_wideband: 24_000,
            bitrate_fullband: 32_000,
            playback_rate: 48_000,
            dtx: false,
        }
    }
}
