//! Any bytes as an audio file under any name: what is decoded is bounded by the file's size, and can be played.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tandem_media::file::decode;
use tandem_media::record::WavFormat;

const TYPES: [Option<&str>; 8] = [
    None,
    Some("application/octet-stream"),
    Some("audio/wav"),
    Some("audio/aiff"),
    Some("audio/basic"),
    Some("audio/mpeg"),
    Some("audio/gsm"),
    Some("text/html"),
];

fuzz_target!(|input: &[u8]| {
    let Some((kind, file)) = input.split_first() else { return };
    let decoded = decode(TYPES[usize::from(*kind) % TYPES.len()], file);
    if let Ok(clip) = &decoded {
        assert!((8_000..=48_000).contains(&clip.rate.0) && !clip.samples.is_empty());
        // The most that a byte can hold: MPEG-2 at 8 kbit/s and 24 kHz gives 576 samples of 24 bytes, and a frame cut off one more.
        assert!(
            clip.samples.len() <= file.len() * 48 + 2_304,
            "{} samples of {} bytes",
            clip.samples.len(),
            file.len()
        );
    }
    // Our own files, as the next start finds them.
    let _ = WavFormat::of_header(file);
});
