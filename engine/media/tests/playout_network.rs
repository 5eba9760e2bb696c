//! Bad networks: what the jitter buffer adds, how much is made up, and that what is heard is whole.

mod network;

use network::*;
use tandem_codecs::CodecId;
use tandem_media::jitter::JitterConfig;
use tandem_media::stretch::likeness;
use tandem_model::SampleRate;

const HZ: SampleRate = SampleRate::HZ_8000;

fn play(network: &Network, sent: &[Sent]) -> Heard {
    network.play(CodecId::Pcmu, HZ, 20, JitterConfig::default(), sent)
}

/// Ten calls of a minute with different seeds, each at another place in the tick.
fn ten_calls(jitter_ms: f64, config: JitterConfig) -> (f32, f32) {
    let sent = send(CodecId::Pcmu, HZ, 20, "", &speech(HZ, 60));
    let (mut added, mut concealed) = (0.0, 0.0);
    for seed in 0..10 {
        let network = Network { jitter_ms, ..Network::clean(seed) };
        let heard = network.play(CodecId::Pcmu, HZ, 20, config, &sent);
        added += heard.mean_added_ms() / 10.0;
        concealed += heard.counts.concealed_share() / 10.0;
        assert!(heard.max_added_ms() <= f32::from(config.max_ms) + 20.0, "{}", heard.max_added_ms());
    }
    println!("{jitter_ms} ms wide: adds {added:.1} ms, {:.2} % made up", concealed * 100.0);
    (added, concealed)
}

#[test]
fn jitter_of_20_ms_either_way_adds_60_ms_at_most_and_hardly_anything_is_made_up() {
    let (added, concealed) = ten_calls(40.0, JitterConfig::default());
    assert!(added <= 60.0, "{added} ms");
    assert!(concealed < 0.01, "{concealed}");
}

#[test]
fn jitter_of_100_ms_either_way_adds_180_ms_at_most_and_less_is_made_up_the_more_it_may_add() {
    let (added, concealed) = ten_calls(200.0, JitterConfig::default());
    assert!(added <= 180.0, "{added} ms");
    assert!(concealed < 0.20, "{concealed}");
    let (_, with_room) = ten_calls(200.0, JitterConfig { max_ms: 260, ..JitterConfig::default() });
    assert!(with_room < 0.03, "{with_room}");
}

#[test]
fn a_clean_network_adds_two_packets_at_most_and_nothing_is_made_up() {
    let (added, concealed) = ten_calls(0.0, JitterConfig::default());
    assert!(added <= 40.0, "{added} ms");
    assert_eq!(concealed, 0.0);
}

#[test]
fn what_the_buffer_says_it_adds_is_what_it_adds() {
    // Noise is like itself at one place only, and is not stretched: where it is found again tells the delay.
    let mut random = tandem_model::SeedEntropy::new(5);
    let said: Vec<i16> =
        (0..8_000 * 20).map(|_| (tandem_model::Entropy::next_u32(&mut random) % 8_001) as i16 - 4_000).collect();
    let sent = send(CodecId::Pcmu, HZ, 20, "", &said);
    for seed in 0..4 {
        let network = Network { jitter_ms: 40.0, ..Network::clean(seed) };
        let heard = play(&network, &sent);
        let silent = heard.ticks.iter().position(|&played| played).unwrap();
        for tick in [300, 500, 800] {
            let piece = &heard.pcm[(tick - silent) * 160..][..160];
            // Heard at `tick` × 20 ms; by the best path it would have been `n` samples into the call.
            let now_ms = tick as f64 * 20.0 - network.phase_ms - BASE_MS;
            let found = (0..2_400)
                .max_by(|&a, &b| {
                    let at = |lag: usize| &said[(now_ms * 8.0) as usize - lag..][..160];
                    likeness(piece, at(a), 1).total_cmp(&likeness(piece, at(b), 1))
                })
                .unwrap();
            let (true_ms, told_ms) = (found as f32 / 8.0, heard.added_ms[tick - silent]);
            assert!((true_ms - told_ms).abs() <= 2.0, "{true_ms} ms, not {told_ms}");
        }
    }
}

#[test]
fn a_tone_comes_through_jitter_and_stretching_without_a_click() {
    for (codec, rate, jitter_ms) in [
        (CodecId::Pcmu, SampleRate::HZ_8000, 40.0),
        (CodecId::Opus, SampleRate::HZ_16000, 40.0),
        (CodecId::Opus, SampleRate(24_000), 40.0),
        (CodecId::Opus, SampleRate::HZ_48000, 40.0),
        (CodecId::Pcmu, SampleRate::HZ_8000, 100.0),
    ] {
        let said = tone(rate, 440.0, 20);
        let sent = send(codec, rate, 20, "", &said);
        let network = Network { jitter_ms, ..Network::clean(3) };
        let heard = network.play(codec, rate, 20, JitterConfig::default(), &sent);
        assert!(heard.counts.concealed_share() < 0.02, "{rate:?}: {}", heard.counts.concealed_share());
        // Behind the start, and before the end of the stream.
        let second = rate.0 as usize;
        let middle = &heard.pcm[2 * second..18 * second];
        // A pure tone never steps further than this; Opus at its bit rate adds a little.
        let clean = steepest(&said) as f32;
        assert!((steepest(middle) as f32) < clean * 1.35, "{rate:?}: {} of {clean}", steepest(middle));
        // Nor does it pause, or double.
        for piece in middle.chunks(second / 50) {
            let db = 10.0 * (tandem_media::stretch::energy(piece) / 5e7).log10();
            assert!(db.abs() < 2.0, "{rate:?}: {db:.1} dB off");
        }
    }
}

#[test]
fn a_sender_speeds_up_and_slows_down_and_no_word_is_missed_or_said_twice() {
    // Each second of the call has its own tone: all are heard, in order, each for about a second.
    let said: Vec<i16> = (0..30).flat_map(|n| tone(HZ, 400.0 + 50.0 * f64::from(n), 1)).collect();
    let sent = send(CodecId::Pcmu, HZ, 20, "", &said);
    let network = Network { jitter_ms: 120.0, stall_ms: Some((10_000.0, 150.0)), ..Network::clean(1) };
    let heard = play(&network, &sent);
    assert!(heard.counts.accelerated > 0, "{:?}", heard.counts);
    let mut order = Vec::new();
    for piece in heard.pcm.chunks_exact(800) {
        let power = |n: i32| {
            let step = std::f64::consts::TAU * (400.0 + 50.0 * f64::from(n)) / 8_000.0;
            let (re, im) = piece.iter().enumerate().fold((0.0, 0.0), |(re, im), (i, &s)| {
                (re + f64::from(s) * (i as f64 * step).cos(), im + f64::from(s) * (i as f64 * step).sin())
            });
            re * re + im * im
        };
        order.push((0..30).max_by(|&a, &b| power(a).total_cmp(&power(b))).unwrap());
    }
    assert!(order.windows(2).all(|w| w[1] == w[0] || w[1] == w[0] + 1), "{order:?}");
    for n in 1..29 {
        let tenths = order.iter().filter(|&&o| o == n).count();
        assert!((8..=12).contains(&tenths), "tone {n}: {tenths} tenths of a second; {order:?}");
    }
}

#[test]
fn a_stall_is_played_faster_afterwards_and_the_delay_goes_back() {
    let sent = send(CodecId::Pcmu, HZ, 20, "", &speech(HZ, 60));
    for length in [200.0, 300.0, 500.0] {
        // One stall, at 40 s.
        let network = Network { stall_ms: Some((40_000.0, length)), ..Network::clean(2) };
        let heard = play(&network, &sent);
        let max = f32::from(JitterConfig::default().max_ms);
        assert!(heard.max_added_ms() <= max + 20.0, "{length}: {}", heard.max_added_ms());
        assert!(heard.mean_between(30, 39) <= 45.0);
        assert!(heard.mean_between(45, 55) <= 60.0, "{length}: {} ms stay", heard.mean_between(45, 55));
        // Made up while it lasted, and never again.
        let made_up_ms = heard.counts.concealed / 8;
        assert!(made_up_ms as f64 <= length + 180.0, "{length}: {made_up_ms} ms");
    }
}

#[test]
fn recurring_stalls_are_waited_for() {
    let sent = send(CodecId::Pcmu, HZ, 20, "", &speech(HZ, 60));
    let network = Network { stall_ms: Some((4_000.0, 120.0)), ..Network::clean(4) };
    let heard = play(&network, &sent);
    assert!(heard.mean_between(40, 55) >= 100.0, "{} ms", heard.mean_between(40, 55));
    // 14 stalls of 120 ms would be 1,680 ms of holes.
    assert!(heard.counts.concealed / 8 < 700, "{} ms made up", heard.counts.concealed / 8);
}

#[test]
fn a_drifting_sender_neither_starves_nor_fills_the_buffer() {
    let sent = send(CodecId::Pcmu, HZ, 20, "", &speech(HZ, 600));
    for drift_ppm in [-200.0, 200.0] {
        let network = Network { drift_ppm, jitter_ms: 10.0, ..Network::clean(6) };
        let heard = play(&network, &sent);
        assert!(heard.counts.concealed_share() < 0.002, "{drift_ppm}: {}", heard.counts.concealed_share());
        assert!(heard.max_added_ms() <= 75.0, "{drift_ppm}: {}", heard.max_added_ms());
        // A slow sender's packets come later and later.
        let (slower, faster) = (heard.counts.expanded, heard.counts.accelerated);
        assert!(if drift_ppm > 0.0 { slower > 500 } else { faster > 500 }, "{drift_ppm}: {slower}, {faster}");
        let (early, late) = (heard.mean_between(10, 60), heard.mean_between(540, 590));
        assert!((early - late).abs() < 20.0, "{drift_ppm}: {early} ms, then {late}");
    }
}

#[test]
fn what_is_lost_is_made_up_once_and_counted() {
    let sent = send(CodecId::Pcmu, HZ, 20, "", &speech(HZ, 60));
    let network = Network { loss: 0.05, duplicates: 0.05, ..Network::clean(8) };
    let lost = sent.len() - {
        let mut seen: Vec<u16> = network.carry(&sent).iter().map(|(_, p)| p.sequence).collect();
        seen.sort_unstable();
        seen.dedup();
        seen.len()
    };
    let heard = play(&network, &sent);
    let counted = heard.counts.packets_concealed as usize;
    // The stream's end is taken for a loss, until it proves to be one.
    assert!((lost..=lost + 6).contains(&counted), "{counted} of {lost}");
    let samples = heard.counts.concealed as usize;
    // A little more where it was joined; a little less where a few samples made no difference.
    assert!((lost * 152..=(lost + 8) * 160).contains(&samples), "{samples} of {}", lost * 160);
    assert!(steepest(&heard.pcm) <= steepest(&speech(HZ, 60)) * 3 / 2, "{}", steepest(&heard.pcm));
    assert_eq!(heard.pcm.len() % 160, 0);
}

#[test]
fn any_packet_time_and_rate_is_played() {
    for (codec, rate, ptime_ms) in [
        (CodecId::Pcmu, 8_000, 10),
        (CodecId::Pcma, 8_000, 30),
        (CodecId::Pcmu, 8_000, 40),
        (CodecId::Pcma, 8_000, 60),
        (CodecId::Opus, 8_000, 10),
        (CodecId::Opus, 16_000, 60),
        (CodecId::Opus, 24_000, 40),
        (CodecId::Opus, 48_000, 20),
    ] {
        let rate = SampleRate(rate);
        let sent = send(codec, rate, ptime_ms, "", &speech(rate, 20));
        let network = Network { jitter_ms: 40.0, ..Network::clean(9) };
        // What was agreed need not be what is sent.
        let heard = network.play(codec, rate, 20, JitterConfig::default(), &sent);
        let name = format!("{codec:?} {ptime_ms} ms at {}", rate.0);
        // A packet's first sample waits for its last: the longer packet costs its length.
        let most = 65.0 + f32::from(ptime_ms - 10) / 2.0;
        assert!(heard.mean_added_ms() <= most, "{name}: {} ms", heard.mean_added_ms());
        // The end of the stream is made up for 100 ms or two packets of 20 s.
        assert!(heard.counts.concealed_share() < 0.016, "{name}: {}", heard.counts.concealed_share());
        assert!(heard.ticks.iter().skip_while(|&&t| !t).all(|&t| t), "{name}: no hole");
    }
}

#[test]
fn a_packet_time_that_changes_in_mid_stream_is_followed() {
    let said = speech(HZ, 20);
    let mut sent = send(CodecId::Pcmu, HZ, 20, "", &said[..80_000]);
    let (at_ms, sequence, timestamp) = (10_000.0, sent.len() as u16, sent.len() as u32 * 160);
    for (n, mut packet) in send(CodecId::Pcmu, HZ, 60, "", &said[80_000..]).into_iter().enumerate() {
        packet.at_ms = at_ms + n as f64 * 60.0;
        packet.sequence = packet.sequence.wrapping_add(sequence);
        packet.timestamp = packet.timestamp.wrapping_add(timestamp);
        sent.push(packet);
    }
    let heard = play(&Network { jitter_ms: 10.0, ..Network::clean(1) }, &sent);
    let made_up_ms = heard.counts.concealed / 8;
    assert!(made_up_ms <= 200, "{made_up_ms} ms");
    assert!(heard.ticks.iter().skip_while(|&&t| !t).all(|&t| t), "no hole");
}

#[test]
fn redundancy_is_used_where_the_next_packet_is_there() {
    let said = speech(SampleRate::HZ_16000, 30);
    let network = Network { loss: 0.1, ..Network::clean(11) };
    let with = send(CodecId::Opus, SampleRate::HZ_16000, 20, "useinbandfec=1", &said);
    let without = send(CodecId::Opus, SampleRate::HZ_16000, 20, "", &said);
    let [with, without] = [with, without]
        .map(|sent| network.play(CodecId::Opus, SampleRate::HZ_16000, 20, JitterConfig::default(), &sent).counts);
    assert_eq!(without.packets_recovered, 0);
    // Half of the signal is a voice: the encoder makes no redundancy for the rest.
    assert!(with.packets_recovered > 50, "{with:?}");
    assert!(with.concealed * 4 < without.concealed * 3, "{} of {}", with.concealed, without.concealed);
}

#[test]
fn a_packet_that_comes_while_it_is_made_up_for_is_not_lost() {
    let sent = send(CodecId::Pcmu, HZ, 20, "", &speech(HZ, 20));
    // One packet in fifty 60 ms late, behind its followers: too few to wait for. And stalls of 50 ms.
    let network = Network { stall_ms: Some((3_000.0, 50.0)), ..Network::clean(0) };
    let heard = play(&network, &sent);
    assert_eq!(heard.counts.packets_discarded, 0);
    assert_eq!(heard.late, 0, "each was played, at least its end");
    assert!(heard.counts.concealed_share() < 0.03, "{}", heard.counts.concealed_share());
}

/// Speech of which every other half second is not sent: the sequence goes on, the timestamp jumps (RFC 3551 section 4.1).
fn with_pauses(marker: bool) -> Vec<Sent> {
    let mut sent = send(CodecId::Pcmu, HZ, 20, "", &speech(HZ, 20));
    let mut sequence = 0;
    sent.retain_mut(|packet| {
        let into = packet.at_ms as u64 % 1_000;
        packet.sequence = sequence;
        packet.marker = marker && into == 0;
        let spoken = into < 500;
        sequence += u16::from(spoken);
        spoken
    });
    sent
}

#[test]
fn pauses_of_the_sender_are_comfort_noise_and_not_silence_and_cost_no_audio() {
    for marker in [true, false] {
        let heard = play(&Network { jitter_ms: 20.0, ..Network::clean(5) }, &with_pauses(marker));
        assert!(heard.ticks.iter().skip_while(|&&t| !t).all(|&t| t), "something is sent all the time");
        assert_eq!((heard.late, heard.counts.packets_discarded), (0, 0));
        // The first 100 ms of each pause could be a loss.
        let made_up_ms = heard.counts.concealed as usize / 8;
        assert!(made_up_ms <= 20 * 130, "{made_up_ms} ms");
        assert!(heard.counts.noise / 8 > 20 * 250, "{} ms", heard.counts.noise / 8);
        assert!(heard.max_added_ms() < 120.0, "{}", heard.max_added_ms());
    }
}

#[test]
fn a_sender_that_is_gone_is_noise_for_ten_seconds_and_then_nothing() {
    let mut sent = send(CodecId::Pcmu, HZ, 20, "", &speech(HZ, 5));
    let last = sent.last().unwrap().clone();
    sent.push(Sent { at_ms: 30_000.0, sequence: last.sequence.wrapping_add(400), ..last });
    let heard = play(&Network::clean(5), &sent);
    let played = heard.ticks.iter().filter(|&&t| t).count();
    assert!((14 * 50..16 * 50).contains(&played), "{played} ticks");
    let tail = &heard.pcm[12 * 8_000..14 * 8_000];
    let energy = tandem_media::stretch::energy(tail);
    assert!(energy > 1.0 && energy < 52.0 * 52.0 * 2.0, "quiet, not dead: {energy}");
}

#[test]
fn telephone_events_in_the_stream_cost_no_audio() {
    // Six packets of an event take the place of audio packets, all with its first timestamp (RFC 4733 section 2.5.1.2).
    let mut sent = send(CodecId::Pcmu, HZ, 20, "", &speech(HZ, 20));
    let first = sent[500].timestamp;
    for packet in &mut sent[500..506] {
        (packet.payload, packet.timestamp) = (None, first);
    }
    let heard = play(&Network { jitter_ms: 30.0, ..Network::clean(7) }, &sent);
    assert!(heard.counts.concealed / 8 <= 140, "{} ms", heard.counts.concealed / 8);
    assert_eq!((heard.late, heard.counts.packets_discarded), (0, 0));
    assert!(heard.ticks.iter().skip_while(|&&t| !t).all(|&t| t), "no hole");
}
