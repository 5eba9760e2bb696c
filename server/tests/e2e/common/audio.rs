//! Sound as 8 kHz mono samples: made, read, and compared.

use std::f64::consts::TAU;
use std::path::Path;
use std::process::Command;

pub const RATE: usize = 8_000;

/// A tone that never repeats itself within a second, so that an alignment is unique: a slow sweep between two pitches.
pub fn sweep(seconds: f64, from_hz: f64, to_hz: f64) -> Vec<i16> {
    let n = (seconds * RATE as f64) as usize;
    let mut phase = 0.0;
    (0..n)
        .map(|i| {
            let share = i as f64 / n as f64;
            phase += TAU * (from_hz + (to_hz - from_hz) * share) / RATE as f64;
            (phase.sin() * 8_000.0) as i16
        })
        .collect()
}

/// Speech, by the system's synthesiser: `voice` such as `en` or `en+f3`.
pub fn speech(text: &str, voice: &str, to: &Path, rate: u32, channels: u32) {
    let raw = to.with_extension("raw.wav");
    run(Command::new("espeak-ng").args(["-v", voice, "-s", "150", "-w"]).arg(&raw).arg(text));
    run(Command::new("sox")
        .arg(&raw)
        .args(["-r", &rate.to_string(), "-c", &channels.to_string(), "-b", "16"])
        .arg(to)
        // Nothing for codecs to argue about: within the narrow band, and at one level.
        .args(["sinc", "200-3400", "gain", "-n", "-6"]));
}

/// Any sound file as 8 kHz mono.
pub fn read(path: &Path) -> Vec<i16> {
    let out = path.with_extension("8k.raw");
    run(Command::new("sox")
        .arg(path)
        .args(["-r", "8000", "-c", "1", "-b", "16", "-e", "signed", "-t", "raw"])
        .arg(&out));
    let bytes = std::fs::read(&out).expect("what sox wrote");
    bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// A WAV file of 16-bit mono at 8 kHz.
pub fn wav(samples: &[i16]) -> Vec<u8> {
    let bytes = u32::try_from(samples.len() * 2).expect("a short file");
    let mut out = Vec::new();
    out.extend(b"RIFF");
    out.extend((36 + bytes).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    out.extend(8_000u32.to_le_bytes());
    out.extend(16_000u32.to_le_bytes());
    out.extend(b"\x02\0\x10\0data");
    out.extend(bytes.to_le_bytes());
    out.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
    out
}

/// How much of `played` is in `heard`: the mean correlation of its one-second pieces, each found where it fits best
/// near the place the whole was found at. Silent pieces do not count, nor does what was played before `heard` begins,
/// of which there may be a third. 1.0 is all of it.
pub fn likeness(played: &[i16], heard: &[i16]) -> f64 {
    let pieces = (0..).map(|i| i * RATE).zip(played.chunks_exact(RATE));
    let loud: Vec<(usize, &[i16])> = pieces.filter(|(_, p)| level(p) > 300.0).collect();
    // The piece that is found best says where the whole is.
    let found = loud.iter().filter_map(|(at, piece)| {
        let (place, alike) = place(piece, heard, 0, heard.len())?;
        Some((place as i64 - *at as i64, alike))
    });
    let Some((offset, _)) = found.max_by(|a, b| a.1.total_cmp(&b.1)) else { return 0.0 };
    // Jitter buffers and clocks move pieces a little; no farther than this.
    let slack = RATE as i64 / 4;
    let (mut sum, mut count) = (0.0, 0);
    for (at, piece) in &loud {
        let expected = *at as i64 + offset;
        if expected < 0 {
            continue;
        }
        let from = usize::try_from(expected - slack).unwrap_or(0);
        let to = usize::try_from(expected + slack).unwrap_or(0);
        sum += place(piece, heard, from, to).map_or(0.0, |(_, alike)| alike);
        count += 1;
    }
    if count * 3 < loud.len() * 2 { 0.0 } else { sum / f64::from(count as u32) }
}

/// Where in `heard[from..]`, beginning before `to`, `piece` fits best, and how well.
fn place(piece: &[i16], heard: &[i16], from: usize, to: usize) -> Option<(usize, f64)> {
    let last = heard.len().checked_sub(piece.len())?;
    let to = to.min(last + 1);
    let mut best = None;
    let try_at = |at: usize, best: &mut Option<(usize, f64)>| {
        let c = correlation(piece, &heard[at..at + piece.len()], 1);
        if best.is_none_or(|(_, b)| c > b) {
            *best = Some((at, c));
        }
    };
    // Coarse over every eighth sample at every other place, then fine around the best few.
    let mut coarse: Vec<(f64, usize)> =
        (from..to).step_by(2).map(|at| (correlation(piece, &heard[at..at + piece.len()], 8), at)).collect();
    coarse.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (_, at) in coarse.iter().take(8) {
        for near in at.saturating_sub(2).max(from)..(at + 3).min(to) {
            try_at(near, &mut best);
        }
    }
    best
}

/// Pearson's correlation, over every `step`-th sample.
fn correlation(a: &[i16], b: &[i16], step: usize) -> f64 {
    let (mut n, mut sa, mut sb, mut saa, mut sbb, mut sab) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b).step_by(step) {
        let (x, y) = (f64::from(*x), f64::from(*y));
        n += 1.0;
        sa += x;
        sb += y;
        saa += x * x;
        sbb += y * y;
        sab += x * y;
    }
    let spread = ((saa - sa * sa / n) * (sbb - sb * sb / n)).sqrt();
    if spread < 1.0 { 0.0 } else { (sab - sa * sb / n) / spread }
}

/// Root mean square.
pub fn level(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    (sum / samples.len().max(1) as f64).sqrt()
}

/// G.711 µ-law.
pub fn ulaw_encode(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(32_635) + 132;
    let exponent = (7..15).rev().find(|e| magnitude & (1 << e) != 0).unwrap_or(7) - 7;
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !(sign | u8::try_from((exponent << 4) | mantissa).unwrap_or(0))
}

pub fn ulaw_decode(code: u8) -> i16 {
    let code = !code;
    let exponent = i32::from((code >> 4) & 7);
    let magnitude = (((i32::from(code & 0x0f)) << 3) + 132) << exponent;
    let value = magnitude - 132;
    i16::try_from(if code & 0x80 != 0 { -value } else { value }).unwrap_or(0)
}

fn run(command: &mut Command) {
    let out = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn a_delayed_copy_with_a_shift_in_the_middle_is_alike_and_another_sound_is_not() {
    let played = sweep(4.0, 300.0, 2_000.0);
    let mut heard = vec![0; 1_234];
    heard.extend(&played[..2 * RATE]);
    heard.extend([0; 160]);
    heard.extend(&played[2 * RATE..]);
    heard.extend([0; 999]);
    assert!(likeness(&played, &heard) > 0.95);
    let coded: Vec<i16> = heard.iter().map(|s| ulaw_decode(ulaw_encode(*s))).collect();
    assert!(likeness(&played, &coded) > 0.95);
    assert!(likeness(&sweep(4.0, 2_500.0, 500.0), &heard) < 0.5);
    // Half a second of the beginning was missed, which is no fault; a hole in the middle is one.
    assert!(likeness(&played, &heard[1_234 + 4_000..]) > 0.95);
    let mut holed = heard.clone();
    holed[1_234 + RATE..1_234 + 2 * RATE].fill(0);
    assert!(likeness(&played, &holed) < 0.8);
}
