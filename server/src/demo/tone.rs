use std::f64::consts::TAU;

const RATE_HZ: u32 = 8_000;
/// Ramp at both ends of a note, in samples: an edge would click.
const RAMP: usize = 80;
const AMPLITUDE: f64 = 9_000.0;

/// One stretch of a tone: two frequencies (0: none) in Hz, and its length in milliseconds.
type Note = (u32, u32, u32);

const SILENCE_MS: u32 = 200;

/// Tones by name, for callers that cannot be spoken to and to tell outcomes apart by ear.
const TONES: &[(&str, &[Note])] = &[
    ("greeting", &[(523, 0, 180), (659, 0, 180), (784, 0, 320)]),
    ("question", &[(659, 0, 150), (880, 0, 300)]),
    ("goodbye", &[(784, 0, 180), (659, 0, 180), (523, 0, 320)]),
    ("completed", &[(784, 0, 150), (1_047, 0, 350)]),
    ("busy", &[(480, 620, 400), (0, 0, 400), (480, 620, 400)]),
    ("no-answer", &[(440, 480, 900), (0, 0, 300), (330, 0, 300)]),
    ("failed", &[(950, 0, 330), (1_400, 0, 330), (1_800, 0, 330)]),
    ("canceled", &[(400, 0, 200)]),
];

/// Frequencies of the keys (ITU-T Q.23), row by row.
const ROWS_HZ: [u32; 4] = [697, 770, 852, 941];
const COLUMNS_HZ: [u32; 4] = [1_209, 1_336, 1_477, 1_633];
const KEYS: [&str; 4] = ["123A", "456B", "789C", "*0#D"];

/// The name of the tone of a key, as it can stand in a URL.
pub(super) fn of_key(key: char) -> Option<String> {
    let name = match key {
        '*' => "star".to_owned(),
        '#' => "pound".to_owned(),
        '0'..='9' | 'A'..='D' => key.to_string(),
        _ => return None,
    };
    Some(format!("key-{name}"))
}

/// The tone of this name as a WAV file (16-bit PCM, mono, 8 kHz); None for a name that is not known.
pub(super) fn wav(name: &str) -> Option<Vec<u8>> {
    if let Some((_, notes)) = TONES.iter().find(|(n, _)| *n == name) {
        return Some(file(notes));
    }
    for (row, keys) in KEYS.iter().enumerate() {
        for (column, key) in keys.chars().enumerate() {
            if of_key(key).as_deref() == Some(name) {
                return Some(file(&[(ROWS_HZ[row], COLUMNS_HZ[column], 400)]));
            }
        }
    }
    None
}

fn file(notes: &[Note]) -> Vec<u8> {
    let mut samples = Vec::new();
    for &note in notes {
        play(note, &mut samples);
    }
    play((0, 0, SILENCE_MS), &mut samples);
    let data_len = (samples.len() * 2) as u32;
    let mut out = Vec::with_capacity(44 + samples.len() * 2);
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&(36 + data_len).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt ");
    out.extend_from_slice(&16u32.to_le_bytes());
    // PCM, one channel.
    out.extend_from_slice(&[1, 0, 1, 0]);
    out.extend_from_slice(&RATE_HZ.to_le_bytes());
    out.extend_from_slice(&(RATE_HZ * 2).to_le_bytes());
    // Bytes a frame, bits a sample.
    out.extend_from_slice(&[2, 0, 16, 0]);
    out.extend_from_slice(b"data");
    out.extend_from_slice(&data_len.to_le_bytes());
    for sample in samples {
        out.extend_from_slice(&sample.to_le_bytes());
    }
    out
}

fn play((low_hz, high_hz, ms): Note, out: &mut Vec<i16>) {
    let length = (RATE_HZ * ms / 1_000) as usize;
    let voices = [low_hz, high_hz].into_iter().filter(|hz| *hz > 0).count().max(1) as f64;
    for i in 0..length {
        let at = i as f64 / f64::from(RATE_HZ);
        let edge = i.min(length - i).min(RAMP) as f64 / RAMP as f64;
        let wave = (TAU * f64::from(low_hz) * at).sin() + (TAU * f64::from(high_hz) * at).sin();
        out.push((wave / voices * edge * AMPLITUDE) as i16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_a_wav_file_of_the_length_it_claims() {
        let keys = KEYS.iter().flat_map(|k| k.chars()).map(|k| of_key(k).unwrap());
        for name in TONES.iter().map(|(name, _)| (*name).to_owned()).chain(keys) {
            let wav = wav(&name).unwrap();
            assert_eq!(&wav[..4], b"RIFF", "{name}");
            assert_eq!(u32::from_le_bytes(wav[4..8].try_into().unwrap()) as usize, wav.len() - 8, "{name}");
            assert_eq!(u32::from_le_bytes(wav[40..44].try_into().unwrap()) as usize, wav.len() - 44, "{name}");
            let loudest = wav[44..].chunks(2).map(|s| i16::from_le_bytes([s[0], s[1]]).unsigned_abs()).max().unwrap();
            assert!((4_000..16_000).contains(&loudest), "{name}: {loudest}");
        }
        assert_eq!(wav("../tone"), None);
        assert_eq!(of_key('x'), None);
    }
}
