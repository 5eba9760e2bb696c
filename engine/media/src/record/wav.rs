use tandem_model::SampleRate;

/// Bytes before the samples.
pub const WAV_HEADER_BYTES: usize = 44;
/// The most data that the header's 32-bit sizes can state, in whole samples of two channels.
pub const DATA_BYTES_MAX: u64 = (u32::MAX as u64 - WAV_HEADER_BYTES as u64) & !3;

/// RIFF WAVE of 16-bit PCM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WavFormat {
    /// 1 or 2.
    pub channels: u16,
    pub rate: SampleRate,
}

impl WavFormat {
    /// One sample of every channel.
    pub fn frame_bytes(self) -> u64 {
        u64::from(self.channels) * 2
    }

    /// The header of a file with so much data, which may be written anew as the file grows.
    pub fn header(self, data_bytes: u64) -> [u8; WAV_HEADER_BYTES] {
        let data_bytes = data_bytes.min(DATA_BYTES_MAX) as u32;
        let frame_bytes = self.channels * 2;
        let bytes_per_second = self.rate.0.saturating_mul(u32::from(frame_bytes));
        let mut header = *b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0data\0\0\0\0";
        // Both sizes count what follows them.
        header[4..8].copy_from_slice(&(data_bytes + WAV_HEADER_BYTES as u32 - 8).to_le_bytes());
        header[22..24].copy_from_slice(&self.channels.to_le_bytes());
        header[24..28].copy_from_slice(&self.rate.0.to_le_bytes());
        header[28..32].copy_from_slice(&bytes_per_second.to_le_bytes());
        header[32..34].copy_from_slice(&frame_bytes.to_le_bytes());
        header[40..44].copy_from_slice(&data_bytes.to_le_bytes());
        header
    }

    /// The format of a header that [`header`](Self::header) wrote; None for any other.
    pub fn of_header(header: &[u8]) -> Option<WavFormat> {
        let header = header.first_chunk::<WAV_HEADER_BYTES>()?;
        let channels = u16::from_le_bytes([header[22], header[23]]);
        let rate = SampleRate(u32::from_le_bytes([header[24], header[25], header[26], header[27]]));
        let data_bytes = u64::from(u32::from_le_bytes([header[40], header[41], header[42], header[43]]));
        let format = WavFormat { channels, rate };
        ((1..=2).contains(&channels) && format.header(data_bytes) == *header).then_some(format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_states_its_sizes_and_is_known_again() {
        for channels in [1, 2] {
            let format = WavFormat { channels, rate: SampleRate(24_000) };
            let header = format.header(4_000);
            assert_eq!((&header[4..8], &header[40..]), (&4_036u32.to_le_bytes()[..], &4_000u32.to_le_bytes()[..]));
            assert_eq!(WavFormat::of_header(&header), Some(format));
            assert_eq!(WavFormat::of_header(&format.header(u64::MAX)), Some(format));
            for at in [0, 9, 20, 22, 30, 34, 37] {
                let mut other = header;
                other[at] ^= 0x10;
                assert_eq!(WavFormat::of_header(&other), None, "{at}");
            }
        }
        assert_eq!(WavFormat::of_header(b"RIFF"), None);
    }
}
