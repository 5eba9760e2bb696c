//! The media of a test phone: PCMU from a buffer, telephone-events, and a record of what came.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::address::rtp_pair;
use super::audio::{ulaw_decode, ulaw_encode};

/// Payload type of telephone-event in [`Media::sdp`].
pub const EVENT_TYPE: u8 = 101;
const FRAME: usize = 160;

/// A socket pair with a thread that sends and receives in real time. Dropping it ends both.
pub struct Media {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    muted: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    remote: Option<SocketAddr>,
    playing: Vec<i16>,
    at: usize,
    digits: VecDeque<u8>,
    heard: Vec<i16>,
    heard_digits: String,
    last_event: Option<u32>,
}

impl Media {
    pub fn new(ip: IpAddr) -> Media {
        let (rtp, rtcp) = rtp_pair(ip);
        let address = rtp.local_addr().expect("its address");
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        let thread = std::thread::spawn(move || run(&rtp, &rtcp, &theirs));
        Media { address, shared, thread: Some(thread) }
    }

    /// A description of this side: PCMU and telephone-event, with the direction attribute given.
    pub fn sdp(&self, direction: &str) -> String {
        let (ip, port) = (self.address.ip(), self.address.port());
        let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
        format!(
            "v=0\r\no=- 3900000000 {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
             a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n\
             a={direction}\r\n",
            version = next_version(),
        )
    }

    /// Begins to send, silence at first.
    pub fn connect(&self, remote: SocketAddr) {
        self.state().remote = Some(remote);
    }

    /// Plays once, then silence.
    pub fn play(&self, samples: &[i16]) {
        let mut state = self.state();
        state.playing = samples.to_vec();
        state.at = 0;
    }

    /// Sends digits as telephone-events (RFC 4733), one after the other.
    pub fn dial(&self, digits: &str) {
        let code = |c: char| "0123456789*#ABCD".find(c).and_then(|at| u8::try_from(at).ok());
        self.state().digits.extend(digits.chars().filter_map(code));
    }

    /// Sends nothing from now on.
    pub fn mute(&self) {
        self.shared.muted.store(true, Ordering::Relaxed);
    }

    pub fn heard(&self) -> Vec<i16> {
        self.state().heard.clone()
    }

    pub fn heard_digits(&self) -> String {
        self.state().heard_digits.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(rtp: &UdpSocket, rtcp: &UdpSocket, shared: &Shared) {
    let _ = rtp.set_nonblocking(true);
    let _ = rtcp.set_nonblocking(true);
    let ssrc = u32::from(rtp.local_addr().map_or(1, |a| a.port())) | 0x5150_0000;
    let (mut seq, mut timestamp) = (1_000u16, 160_000u32);
    let mut event: Option<(u8, u16, u32)> = None;
    let mut next = Instant::now();
    while !shared.stop.load(Ordering::Relaxed) {
        receive(rtp, rtcp, shared);
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(remote) = state.remote.filter(|_| !shared.muted.load(Ordering::Relaxed)) {
            if event.is_none() {
                event = state.digits.pop_front().map(|digit| (digit, 0, timestamp));
            }
            match event {
                Some((digit, steps, began)) => {
                    // 100 ms of tone, then the end three times (RFC 4733 section 2.5.1.4), then a gap.
                    let ended = steps >= 5;
                    let duration = (steps.min(4) + 1) * 160;
                    let copies = if steps == 5 { 3 } else { 1 };
                    if steps <= 5 {
                        for _ in 0..copies {
                            let [hi, lo] = duration.to_be_bytes();
                            let volume = if ended { 0x8a } else { 0x0a };
                            let packet = packet(EVENT_TYPE, steps == 0, seq, began, ssrc, &[digit, volume, hi, lo]);
                            let _ = rtp.send_to(&packet, remote);
                            seq = seq.wrapping_add(1);
                        }
                    }
                    event = (steps < 10).then_some((digit, steps + 1, began));
                }
                None => {
                    let at = state.at;
                    let frame: Vec<u8> =
                        (at..at + FRAME).map(|i| ulaw_encode(state.playing.get(i).copied().unwrap_or(0))).collect();
                    state.at += FRAME;
                    let _ = rtp.send_to(&packet(0, false, seq, timestamp, ssrc, &frame), remote);
                    seq = seq.wrapping_add(1);
                }
            }
        }
        drop(state);
        timestamp = timestamp.wrapping_add(160);
        next += Duration::from_millis(20);
        if let Some(wait) = next.checked_duration_since(Instant::now()) {
            std::thread::sleep(wait);
        }
    }
}

fn receive(rtp: &UdpSocket, rtcp: &UdpSocket, shared: &Shared) {
    let mut buffer = [0; 2_048];
    while rtcp.recv_from(&mut buffer).is_ok() {}
    while let Ok((n, _)) = rtp.recv_from(&mut buffer) {
        let packet = &buffer[..n];
        if n < 12 || packet[0] >> 6 != 2 {
            continue;
        }
        let header = 12 + 4 * usize::from(packet[0] & 0x0f);
        let Some(payload) = packet.get(header..) else { continue };
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        match packet[1] & 0x7f {
            0 => state.heard.extend(payload.iter().map(|b| ulaw_decode(*b))),
            EVENT_TYPE if payload.len() >= 4 => {
                let began = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
                if state.last_event != Some(began) {
                    state.last_event = Some(began);
                    let digit = "0123456789*#ABCD".chars().nth(usize::from(payload[0])).unwrap_or('?');
                    state.heard_digits.push(digit);
                }
            }
            _ => {}
        }
    }
}

fn packet(kind: u8, marker: bool, seq: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80, kind | if marker { 0x80 } else { 0 }];
    out.extend(seq.to_be_bytes());
    out.extend(timestamp.to_be_bytes());
    out.extend(ssrc.to_be_bytes());
    out.extend(payload);
    out
}

/// Each description has a higher version than those before (RFC 3264 section 8).
fn next_version() -> u64 {
    static VERSION: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(3_900_000_000);
    VERSION.fetch_add(1, Ordering::Relaxed)
}
