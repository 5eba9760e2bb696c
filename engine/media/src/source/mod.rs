//! Which source address a leg believes: symmetric RTP with a lock.
//! RTCP never moves it. Start at [`SourcePolicy`].

use std::net::SocketAddr;
use std::time::Duration;

use tandem_model::{SeqNo, Timestamp};

/// Packets from one unsignalled address before it is believed.
const PACKETS_TO_LOCK: u8 = 3;
/// Packets looked at before the most persistent unsignalled address is believed.
const PACKETS_TO_LEARN_MAX: u8 = 5;
/// Silence of a locked source after which the same stream may come from elsewhere.
const REBIND_SILENCE: Duration = Duration::from_millis(400);
/// After a re-negotiation moved the peer, packets of its old address are on their way for this long and teach nothing.
const STRAGGLERS: Duration = Duration::from_secs(1);
/// How far the sequence may have gone on meanwhile.
const REBIND_SEQUENCE_MAX: i16 = 3_000;

/// Decides whether a packet's source is the leg's peer.
///
/// Plain RTP: the signalled address is believed at once, and retakes a lock that was only learned. An unsignalled one is
/// believed after [`PACKETS_TO_LOCK`] packets, none of which is heard. From then on the lock moves on re-negotiation only, with
/// one exception that an off-path attacker cannot use: a silent locked source whose very stream (same SSRC, next sequence
/// numbers) goes on from another address, as after a NAT rebinding.
///
/// SRTP: call [`SourcePolicy::authenticated`] after the packet was authenticated; it alone moves the address.
#[derive(Clone, Debug)]
pub struct SourcePolicy {
    signalled: Option<SocketAddr>,
    state: State,
    /// The last packet believed: its SSRC, sequence number and arrival.
    last: Option<(u32, SeqNo, Timestamp)>,
    /// Where the peer was before it was re-negotiated, and when that was.
    previous: Option<(SocketAddr, Timestamp)>,
}

#[derive(Clone, Debug)]
enum State {
    Learning {
        candidates: [Option<(SocketAddr, u8)>; PACKETS_TO_LEARN_MAX as usize],
        packets: u8,
    },
    /// Believed because it kept sending; the signalled address may still take over.
    Learned(SocketAddr),
    /// Believed because it is what signalling said.
    Signalled(SocketAddr),
    /// Believed because its packets authenticate.
    Authenticated(SocketAddr),
}

const LEARNING: State = State::Learning { candidates: [None; PACKETS_TO_LEARN_MAX as usize], packets: 0 };

impl SourcePolicy {
    pub fn new(signalled: Option<SocketAddr>) -> Self {
        SourcePolicy { signalled, state: LEARNING, last: None, previous: None }
    }

    /// Applies what a new offer and answer agreed. An unchanged address keeps the lock.
    pub fn renegotiate(&mut self, now: Timestamp, signalled: Option<SocketAddr>) {
        // A hold at 0.0.0.0 says nothing about where the peer is.
        if signalled.is_some() && signalled != self.signalled {
            self.previous = self.locked().map(|addr| (addr, now));
            self.signalled = signalled;
            self.state = LEARNING;
            self.last = None;
        }
    }

    /// Plain RTP: is this packet from the peer? True also locks.
    pub fn admit(&mut self, now: Timestamp, src: SocketAddr, ssrc: u32, sequence: SeqNo) -> bool {
        let admitted = match &mut self.state {
            State::Signalled(locked) if *locked == src => true,
            State::Learned(locked) if *locked == src => true,
            State::Authenticated(_) => {
                // The leg went from SRTP to plain: nothing known of it holds any longer.
                self.state = LEARNING;
                return self.admit(now, src, ssrc, sequence);
            }
            _ if Some(src) == self.signalled => {
                self.state = State::Signalled(src);
                true
            }
            State::Signalled(_) | State::Learned(_) => {
                let continues = self.continues(now, ssrc, sequence);
                if continues {
                    self.state = State::Learned(src);
                }
                continues
            }
            State::Learning { .. } if is_straggler(self.previous, now, src) => false,
            State::Learning { candidates, packets } => {
                let believed = learn(candidates, packets, src);
                match believed {
                    Some(addr) => {
                        self.state = State::Learned(addr);
                        addr == src
                    }
                    None => false,
                }
            }
        };
        if admitted {
            self.last = Some((ssrc, sequence, now));
        }
        admitted
    }

    /// SRTP: this packet authenticated, so its source is the peer.
    pub fn authenticated(&mut self, now: Timestamp, src: SocketAddr) {
        match self.state {
            State::Authenticated(locked) if locked == src => {}
            _ if is_straggler(self.previous, now, src) && self.signalled != Some(src) => {}
            _ => self.state = State::Authenticated(src),
        }
    }

    /// Where to send: the believed source, else the signalled address.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.locked().or(self.signalled)
    }

    /// The believed source, once there is one.
    pub fn locked(&self) -> Option<SocketAddr> {
        match self.state {
            State::Learning { .. } => None,
            State::Learned(addr) | State::Signalled(addr) | State::Authenticated(addr) => Some(addr),
        }
    }

    /// Does this host send the leg's RTP? For RTCP, whose port is another.
    pub fn is_peer_host(&self, src: SocketAddr) -> bool {
        self.remote().is_some_and(|remote| remote.ip() == src.ip())
    }

    fn continues(&self, now: Timestamp, ssrc: u32, sequence: SeqNo) -> bool {
        self.last.is_some_and(|(last_ssrc, last_sequence, at)| {
            ssrc == last_ssrc
                && (1..=REBIND_SEQUENCE_MAX).contains(&sequence.diff(last_sequence))
                && now.since(at) >= REBIND_SILENCE
        })
    }
}

fn is_straggler(previous: Option<(SocketAddr, Timestamp)>, now: Timestamp, src: SocketAddr) -> bool {
    previous.is_some_and(|(addr, at)| addr == src && now.since(at) < STRAGGLERS)
}

/// Counts a packet from `src`; returns who is believed once that is decided.
fn learn(
    candidates: &mut [Option<(SocketAddr, u8)>; PACKETS_TO_LEARN_MAX as usize],
    packets: &mut u8,
    src: SocketAddr,
) -> Option<SocketAddr> {
    *packets += 1;
    for candidate in candidates.iter_mut() {
        match candidate {
            Some((addr, count)) if *addr == src => {
                *count += 1;
                if *count >= PACKETS_TO_LOCK {
                    return Some(src);
                }
                break;
            }
            Some(_) => {}
            None => {
                *candidate = Some((src, 1));
                break;
            }
        }
    }
    if *packets < PACKETS_TO_LEARN_MAX {
        return None;
    }
    // Five packets and nobody sent three: the most, and among equals the latest comer, who did not spray ahead of the call.
    candidates.iter().flatten().max_by_key(|(_, count)| *count).map(|(addr, _)| *addr)
}
