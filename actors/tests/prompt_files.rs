//! Audio files of other programs, and files that no program should make, through the one door of prompts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::f64::consts::TAU;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use proptest::prelude::*;
use tandem_media::control::Clip;
use tandem_media::file::decode;

/// Counts bytes in use, to hold a decoder to its bound.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
/// Tests of one process share the counters.
static ALONE: Mutex<()> = Mutex::new(());

/// Two moving voices: something that every codec has to work for.
fn sound(rate: u32, seconds: f64) -> Vec<i16> {
    let at = |n: u32| f64::from(n) / f64::from(rate);
    let wave = |t: f64| {
        let swell = 0.6 + 0.4 * (TAU * 3.0 * t).sin();
        swell * (9_000.0 * (TAU * 220.0 * t).sin() + 5_000.0 * (TAU * (700.0 + 200.0 * t) * t).sin())
    };
    (0..(f64::from(rate) * seconds) as u32).map(|n| wave(at(n)) as i16).collect()
}

fn raw(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// What a program makes of `input`; None, with the reason printed, where it is not installed.
fn run(program: &str, arguments: &[String], input: &[u8]) -> Option<Vec<u8>> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        println!("skipped: {program} is not installed");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{program} {arguments:?}: {}", output.status);
    Some(output.stdout)
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// A file in the format that `options` name, of raw samples.
fn sox(rate: u32, channels: u16, options: &str, samples: &[i16]) -> Option<Vec<u8>> {
    let mut arguments = words(&format!("-D -t raw -r {rate} -e signed -b 16 -c {channels} -"));
    arguments.extend(words(options));
    run("sox", &arguments, &raw(samples))
}

/// What sox hears in a file.
fn heard(kind: &str, file: &[u8]) -> Option<Vec<i16>> {
    let bytes = run("sox", &words(&format!("-D -t {kind} - -t raw -e signed -b 16 -")), file)?;
    Some(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}

fn snr_db(reference: &[i16], found: &[i16]) -> f64 {
    let energy = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let signal = energy(&mut reference.iter().map(|s| f64::from(*s)));
    let noise = energy(&mut reference.iter().zip(found).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    10.0 * (signal / noise.max(1e-9)).log10()
}

#[test]
fn gsm_in_either_packing_decodes_bit_for_bit_as_the_reference_does() {
    let speech = sound(8_000, 3.0);
    let Some(frames) = sox(8_000, 1, "-t gsm -", &speech) else { return };
    let expected = heard("gsm", &frames).unwrap();
    for content_type in [Some("audio/x-gsm"), Some("audio/gsm"), None] {
        let clip = decode(content_type, &frames).unwrap();
        assert_eq!((clip.rate.0, &clip.samples), (8_000, &expected));
    }
    assert!(snr_db(&speech, &expected) > 5.0, "the reference hears {}", snr_db(&speech, &expected));
    let wav49 = sox(8_000, 1, "-t wav -e gsm-full-rate -", &speech).unwrap();
    let clip = decode(Some("audio/wav"), &wav49).unwrap();
    let expected = heard("wav", &wav49).unwrap();
    // The reference stops at the length of the header; the last block's rest is silence that the encoder put there.
    assert_eq!(clip.samples[..expected.len()], expected);
    assert!(clip.samples.len() < expected.len() + 320);
}

#[test]
fn aiff_and_au_files_of_another_writer_are_read_sample_by_sample() {
    for rate in [8_000, 22_050, 44_100, 48_000] {
        let speech = sound(rate, 0.5);
        for (options, content_type) in [
            ("-t aiff -", "audio/aiff"),
            ("-t aiff -b 24 -", "audio/x-aiff"),
            ("-t aiff -b 32 -", "audio/x-aiff"),
            ("-t aifc -", "audio/x-aifc"),
            ("-t au -", "audio/basic"),
            ("-t au -b 24 -", "audio/ulaw"),
            ("-t au -e float -b 32 -", "audio/basic"),
            ("-t wav -b 24 -", "audio/x-wav"),
        ] {
            let Some(file) = sox(rate, 1, options, &speech) else { return };
            let clip = decode(Some(content_type), &file).unwrap_or_else(|e| panic!("{options}: {e}"));
            assert_eq!((clip.rate.0, &clip.samples), (rate, &speech), "{options}");
        }
    }
}

#[test]
fn laws_and_eight_bits_of_another_writer_are_read_as_it_reads_them() {
    let speech = sound(8_000, 0.5);
    for (options, kind, content_type) in [
        ("-t ul -", "ul -r 8000 -c 1", "audio/ulaw"),
        ("-t au -e mu-law -b 8 -", "au", "audio/basic"),
        ("-t au -e a-law -b 8 -", "au", "audio/basic"),
        ("-t wav -e mu-law -b 8 -", "wav", "audio/wav"),
        ("-t wav -e a-law -b 8 -", "wav", "audio/wav"),
        ("-t aiff -b 8 -", "aiff", "audio/aiff"),
    ] {
        let Some(file) = sox(8_000, 1, options, &speech) else { return };
        assert_eq!(decode(Some(content_type), &file).unwrap().samples, heard(kind, &file).unwrap(), "{options}");
    }
}

/// Written to a file: the encoder goes back to its beginning to note the length there.
fn lame(rate: u32, channels: u16, options: &str, samples: &[i16]) -> Option<Vec<u8>> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("tandem-prompt-files-{}-{number}.mp3", std::process::id()));
    let mode = if channels == 1 { "m" } else { "j" };
    let khz = f64::from(rate) / 1_000.0;
    let mut arguments = words(&format!(
        "-r -s {khz} --resample {khz} --signed --bitwidth 16 --little-endian --scale 1 -m {mode} --quiet {options} -"
    ));
    arguments.push(path.display().to_string());
    run("lame", &arguments, &raw(samples))?;
    let file = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    Some(file)
}

#[test]
fn mp3_files_of_every_generation_sound_like_what_was_encoded_from_the_first_sample_to_the_last() {
    for (rate, options, snr_min) in [
        (44_100, "-b 128", 20.0),
        (44_100, "-V 4", 20.0),
        (48_000, "--abr 96", 20.0),
        (32_000, "-b 64", 20.0),
        (22_050, "-b 64", 25.0),
        (16_000, "-b 48", 20.0),
        (8_000, "-b 24", 15.0),
    ] {
        let speech = sound(rate, 2.0);
        let Some(file) = lame(rate, 1, options, &speech) else { return };
        let clip = decode(Some("audio/mpeg"), &file).unwrap();
        assert_eq!((clip.rate.0, clip.samples.len()), (rate, speech.len()), "{rate} {options}");
        let snr = snr_db(&speech, &clip.samples);
        assert!(snr > snr_min, "{rate} {options}: {snr:.1} dB");
        assert_eq!(decode(None, &file).unwrap(), clip, "known by its frames");
    }
}

#[test]
fn mp3_in_stereo_with_a_tag_or_without_an_encoders_note_is_read() {
    let speech = sound(44_100, 1.0);
    let stereo: Vec<i16> = speech.iter().flat_map(|s| [*s, *s]).collect();
    let Some(file) = lame(44_100, 2, "-b 192 --add-id3v2 --tt title", &stereo) else { return };
    assert!(file.starts_with(b"ID3"));
    let clip = decode(Some("audio/mp3"), &file).unwrap();
    assert_eq!(clip.samples.len(), speech.len());
    let snr = snr_db(&speech, &clip.samples);
    assert!(snr > 25.0, "{snr:.1} dB");
    // Variable rate without a note (-t): nothing tells the length, and nothing may be cut off.
    let plain = lame(44_100, 1, "-V 2 -t", &sound(44_100, 3.0)).unwrap();
    let length = decode(Some("audio/mpeg"), &plain).unwrap().samples.len();
    assert!((3 * 44_100..3 * 44_100 + 4_000).contains(&length), "{length}");
    // Two files joined: the first one's note is not true of both.
    let first = lame(8_000, 1, "-b 24", &sound(8_000, 1.0)).unwrap();
    let joined = decode(Some("audio/mpeg"), &[first.clone(), first].concat()).unwrap().samples.len();
    assert!(joined > 16_000, "{joined}");
}

#[test]
fn an_mp3_of_hours_is_kept_within_the_bound() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(minute) = lame(48_000, 1, "-b 32 -t", &sound(48_000, 60.0)) else { return };
    let measure = |minutes: usize| {
        let file = minute.repeat(minutes);
        let before = NOW.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        (decode(Some("audio/mpeg"), &file), PEAK.load(Ordering::Relaxed) - before)
    };
    let (long, peak) = measure(20);
    let long = long.unwrap();
    assert_eq!(long.rate.0, 16_000);
    assert!((19 * 60 * 16_000..=21 * 60 * 16_000).contains(&long.samples.len()));
    assert!(peak < 240 << 20, "{} MB", peak >> 20);
    let (longer, peak) = measure(60);
    assert!(longer.unwrap_err().contains("longer than the 40 minutes"));
    assert!(peak < 240 << 20, "{} MB", peak >> 20);
}

/// Small good files of every kind, made without other programs, for mutation.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let wav = |tag: u16, channels: u16, align: u16, bits: u16, data: &[u8]| {
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x14\0\0\0".to_vec();
        for field in [tag, channels] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend(8_000u32.to_le_bytes());
        bytes.extend(8_000u32.to_le_bytes());
        for field in [align, bits, 2, 320] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend(b"data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes
    };
    let mut aiff =
        b"FORM\0\0\0\0AIFCCOMM\0\0\0\x18\0\x02\0\0\0\x20\0\x10\x40\x0b\xfa\0\0\0\0\0\0\0sowt\0\0SSND\0\0\0\x88"
            .to_vec();
    aiff.extend([0; 136]);
    let mut au = b".snd\0\0\0\x18\xff\xff\xff\xff\0\0\0\x03\0\0\x1f\x40\0\0\0\x02".to_vec();
    au.extend([7; 64]);
    // Frames of MPEG-2.5 at 8 kHz with silence; the first holds a note with a wild number of frames.
    let mut mp3 = Vec::new();
    for n in 0..12 {
        let mut frame = vec![0; 72];
        frame[..4].copy_from_slice(&[0xff, 0xe3, 0x18, 0xc4]);
        if n == 0 {
            frame[13..25].copy_from_slice(b"Xing\0\0\0\x03\xff\xff\xff\xff");
        }
        mp3.extend(frame);
    }
    vec![
        ("audio/wav", wav(1, 2, 4, 16, &[9; 128])),
        ("audio/wav", wav(0x31, 1, 65, 0, &[0x5a; 130])),
        ("audio/wav", wav(0x55, 1, 1, 0, &mp3)),
        ("audio/aiff", aiff),
        ("audio/basic", au),
        ("audio/gsm", [&[0xd7][..], &[0x35; 32]].concat().repeat(4)),
        ("audio/mpeg", [b"ID3\x04\0\0\0\0\0\x04abcd".to_vec(), mp3].concat()),
    ]
}

/// Decodes within a bound that follows from the file's size alone.
fn bounded(content_type: Option<&str>, file: &[u8]) -> Result<Clip, String> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let clip = decode(content_type, file);
    let peak = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    // Tables and buffers, and for each byte at most two of a one-byte sample, 40 of a frame of MP3 at its lowest rate, twice
    // over while a vector grows. Other tests of this process allocate a little meanwhile.
    assert!(peak < (6 << 20) + file.len() * 100, "{peak} bytes for a file of {}", file.len());
    clip
}

#[test]
fn the_seeds_of_the_mutations_are_good_files() {
    for (content_type, file) in seeds() {
        assert!(bounded(Some(content_type), &file).is_ok(), "{content_type}: {:?}", bounded(Some(content_type), &file));
        assert!(bounded(None, &file).is_ok(), "{content_type}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mutated_file_panics_or_balloons(
        seed in 0..7usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(vec![0u8, 1, 0x7f, 0x80, 0xff, 0x42])), 0..12),
        cut in any::<prop::sample::Index>(),
        named in any::<bool>(),
    ) {
        let (content_type, mut file) = seeds().swap_remove(seed);
        for (at, value) in changes {
            // Headers are where the lies are.
            let at = at.index(file.len().min(90));
            file[at] = value;
        }
        if cut.index(4) == 0 {
            file.truncate(cut.index(file.len()));
        }
        let _ = bounded(named.then_some(content_type), &file);
    }

    #[test]
    fn no_bytes_at_all_panic_or_balloon(
        content_type in prop::sample::select(vec!["audio/wav", "audio/aiff", "audio/basic", "audio/mpeg", "audio/gsm", "application/octet-stream"]),
        magic in prop::sample::select(vec![&b""[..], b"RIFF....WAVE", b"FORM....AIFC", b".snd", b"ID3", b"\xff\xfb\x90\xc4", b"\xff\xe3\x18\xc4"]),
        body in prop::collection::vec(any::<u8>(), 0..3_000),
    ) {
        let _ = bounded(Some(content_type), &[magic, &body].concat());
    }
}
