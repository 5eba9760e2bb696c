use tandem_model::SampleRate;

/// A WAV file of 16-bit mono.
pub(super) fn write_wav(samples: &[i16], rate: SampleRate) -> Vec<u8> {
    let bytes = u32::try_from(samples.len() * 2).unwrap_or(u32::MAX - 36);
    let mut out = Vec::with_capacity(samples.len() * 2 + 44);
    out.extend(b"RIFF");
    out.extend((36 + bytes).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    out.extend(rate.0.to_le_bytes());
    out.extend((rate.0 * 2).to_le_bytes());
    out.extend(b"\x02\0\x10\0data");
    out.extend(bytes.to_le_bytes());
    out.extend(little_endian(samples));
    out
}

pub(super) fn little_endian(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

/// A recording's file as mono samples at `rate`. Blocks: for the blocking pool.
pub(crate) fn read_wav(path: &std::path::Path, rate: SampleRate) -> Result<Vec<i16>, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    // Decoding makes one channel of several.
    let clip = tandem_media::file::decode(Some("audio/wav"), &bytes).map_err(|error| error.to_string())?;
    let room = (clip.samples.len() as u64 * u64::from(rate.0) / u64::from(clip.rate.0.max(1))) as usize + 1_024;
    let mut fifo = tandem_media::resample::RateFifo::new(clip.rate, rate, room);
    fifo.push(&clip.samples);
    let mut out = vec![0; fifo.len()];
    fifo.take(&mut out);
    Ok(out)
}
