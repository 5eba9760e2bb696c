//! Whether each party of calls whose payloads are made anew hears its peer and nobody else.

use std::time::Duration;

use tandem_codecs::{CodecError, CodecId, CodecSpec};

use super::Kind;
use super::histogram::Histogram;
use super::pairing::Pairing;
use super::payload::Payloads;
use super::pump::Outcome;
use super::speech::{self, Speech};
use super::tone::{self, TONES, Tones};

/// Frames of the speech that two neighbouring calls are apart: so that not all pause at once.
const APART: usize = 7;

/// What each party sends.
pub enum PayloadMaker {
    Stamped,
    Speech([Speech; 2]),
}

impl PayloadMaker {
    pub fn new(kind: Kind) -> Self {
        if kind.is_stamped() { PayloadMaker::Stamped } else { PayloadMaker::Speech(kind.codecs().map(Speech::new)) }
    }

    /// # Errors
    /// The codec's.
    pub fn of_call(&self, call: usize) -> Result<[Payloads; 2], CodecError> {
        let of = |side: usize| match self {
            PayloadMaker::Stamped => Ok(Payloads::Stamped),
            PayloadMaker::Speech(speech) => Ok(Payloads::Encoded {
                frames: speech[side].payloads(tone::of_party(side, call))?,
                first: call * APART,
                clock_step: clock_step([CodecId::Opus, CodecId::Pcmu][side]),
            }),
        };
        Ok([of(0)?, of(1)?])
    }
}

/// RTP time units of 20 ms.
pub fn clock_step(codec: CodecId) -> u32 {
    CodecSpec::by_id(codec).clock_hz / 50
}

/// What was found of all parties.
#[derive(Default)]
pub struct Parties {
    /// Those who heard their peer and nobody else.
    pub right: usize,
    /// One line for each of the others.
    pub wrong: Vec<String>,
    /// Missing in the sequence numbers of all streams.
    pub missing: u64,
    /// Payload bytes on average, of what each side heard.
    pub mean_bytes: [f64; 2],
    /// From a tone's first packet being sent until its first sample could be heard, of all tones.
    pub delays: Histogram,
}

impl Parties {
    /// Listens to everything that both sides heard.
    pub fn judge(kind: Kind, outcome: &Outcome) -> Self {
        let mut parties = Parties::default();
        let tallies = &outcome.tallies;
        let calls = tallies[0].heard().count();
        let mut pairing = Pairing::default();
        pairing.grow(calls);
        for (side, tally) in tallies.iter().enumerate() {
            let codec = kind.codecs()[side];
            let payload_type = CodecSpec::by_id(codec).default_payload_type;
            for (call, heard) in tally.heard().enumerate() {
                parties.missing += heard.missing();
                parties.mean_bytes[side] += heard.mean_bytes() / calls.max(1) as f64;
                let verdict = match heard.sound(codec, payload_type) {
                    Ok(pcm) => listen(side, call, calls, &pcm, &mut pairing).map(|tone| (pcm, tone)),
                    Err(error) => Err(error.to_string()),
                };
                match verdict {
                    Ok((pcm, tone)) => {
                        parties.right += 1;
                        // With more calls than tones it is not known whose it is.
                        if calls <= TONES / 2 {
                            let sent = &outcome.onsets[tone % 2][tone / 2];
                            let heard = tone::onsets(&pcm, tone).into_iter().filter_map(|at| heard.time_of(codec, at));
                            record_delays(&mut parties.delays, sent, heard);
                        }
                    }
                    Err(why) => {
                        let name = ["caller", "callee"][side];
                        parties.wrong.push(format!("{name} {call} ({} packets): {why}", heard.len()));
                    }
                }
            }
        }
        parties
    }
}

/// Each tone heard belongs to the last one sent before: they are two seconds apart.
fn record_delays(delays: &mut Histogram, sent: &[u64], heard: impl Iterator<Item = u64>) {
    for at_ns in heard {
        if let Some(sent_ns) = sent.iter().rev().find(|sent_ns| **sent_ns <= at_ns) {
            delays.record(Duration::from_nanos(at_ns - sent_ns));
        }
    }
}

/// The tone of the peer.
fn listen(side: usize, call: usize, calls: usize, pcm: &[i16], pairing: &mut Pairing) -> Result<usize, String> {
    let tones = Tones::of(pcm);
    let (tone, windows) = tones.loudest();
    let (sent, sent_samples) = speech::tones_sent(tone);
    if !tones.is_one_party(pcm.len(), &sent, sent_samples) {
        let (strangers, due) = (tones.strangers(), sent.loudest().1 * pcm.len() / sent_samples);
        return Err(format!("tone {tone} in {windows} of {due} places, others in {strangers}"));
    }
    let (their_side, them) = (tone % 2, tone / 2);
    let ends = if side == 0 { (call, them) } else { (them, call) };
    // With more calls than tones a tone does not tell one call.
    let is_peer = calls > TONES / 2 || pairing.allows(ends.0, ends.1);
    if their_side == side || !is_peer {
        return Err(format!("hears {} {them}, who is not its peer", ["caller", "callee"][their_side]));
    }
    Ok(tone)
}

#[cfg(test)]
mod tests {
    use super::super::pairing::Pairing;
    use super::super::tally::{Arrival, Tally};
    use super::*;

    const FRAME_NS: u64 = 20_000_000;
    /// What the server of this test takes.
    const DELAY_NS: u64 = 30_000_000;

    /// Two calls; `wiring` says for each party, callers first, whom it hears.
    fn judged(wiring: [(usize, usize); 4]) -> Parties {
        let maker = PayloadMaker::new(Kind::Transcode);
        let sent: Vec<[Payloads; 2]> = (0..2).map(|call| maker.of_call(call).expect("payloads")).collect();
        let mut tallies = [Tally::new(0), Tally::new(1)];
        for (party, (side, call)) in wiring.into_iter().enumerate() {
            let (tally, codec) = (&mut tallies[party / 2], Kind::Transcode.codecs()[side]);
            let port = 4_000 + party as u16;
            tally.expect(port, None);
            let Payloads::Encoded { frames, .. } = &sent[call][side] else { panic!("no speech") };
            // Made anew for the listener, as a server would.
            let pcm = {
                let mut heard = super::super::Heard::default();
                for (payload, n) in frames.iter().zip(0_u16..) {
                    heard.keep(n, u32::from(n) * clock_step(codec), 0, payload, 0);
                }
                heard.sound(codec, 0).expect("our own")
            };
            let ear = CodecSpec::by_id(Kind::Transcode.codecs()[party / 2]);
            for (payload, n) in speech::encode(ear, &pcm, super::super::RATE).expect("8 kHz").iter().zip(0_u32..) {
                let mut packet = vec![0x80, ear.default_payload_type];
                packet.extend_from_slice(&(n as u16).to_be_bytes());
                packet.extend_from_slice(&(n * clock_step(ear.id)).to_be_bytes());
                packet.extend_from_slice(&[0; 4]);
                packet.extend_from_slice(payload);
                let arrival = Arrival { bytes: &mut packet, port, at_ns: u64::from(n) * FRAME_NS + DELAY_NS };
                tally.arrived(arrival, false, &mut Pairing::default());
            }
        }
        // Here all are sent from the first frame on.
        let begins = (0..200).filter(|n| speech::is_onset(*n)).map(|n| n as u64 * FRAME_NS).collect::<Vec<u64>>();
        let onsets = [vec![begins.clone(); 2], vec![begins; 2]];
        Parties::judge(Kind::Transcode, &Outcome { onsets, tallies, ..Outcome::default() })
    }

    #[test]
    fn peers_are_told_from_crossed_lines() {
        let good = judged([(1, 0), (1, 1), (0, 0), (0, 1)]);
        assert_eq!((good.right, good.missing, &good.wrong[..]), (4, 0, &[][..]));
        // Opus twice looks ahead by 6.5 ms each, and a tone takes a moment to be loud.
        let delays = good.delays.percentiles().expect("tones");
        assert!(delays.p50_ms >= 30.0 && delays.max_ms < 47.0, "{delays:?}");
        let crossed = judged([(1, 0), (1, 1), (0, 1), (0, 0)]);
        assert_eq!((crossed.right, crossed.wrong.len()), (2, 2), "{:?}", crossed.wrong);
        let echo = judged([(0, 0), (1, 1), (0, 0), (0, 1)]);
        assert_eq!((echo.right, echo.wrong.len()), (3, 1), "{:?}", echo.wrong);
    }
}
