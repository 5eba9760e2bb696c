//! What a source that has proved nothing may cost: how many messages of it are read, and how many bytes it is answered.
//! It knows no user and no call. Start at [`SourceBudget`].
//!
//! Over UDP anybody writes any source address. A server that answers with more than it was sent is a means to flood a
//! third party, so an address that has not shown to receive what is sent there gets [`ANSWER_PERCENT`] of what came in
//! its name, and silence above it: what QUIC calls address validation (RFC 9000 section 8.1), with a smaller factor.
//! What SIP has as proof: a digest made from a nonce of ours, a To tag of ours, the branch of a request of ours.
//!
//! Whoever proved it is held to no budget here; carriers and registered users have limits of their own.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tandem_model::limits::{KNOWN_SOURCES_MAX, STRANGERS_MAX};
use tandem_model::{Endpoint, Timestamp, Transport};

/// Bytes that may go to an unproved UDP source for each hundred that came from there.
pub const ANSWER_PERCENT: u64 = 150;
/// Credit one source may save up: a few INVITEs' worth, so that no quiet start pays for a later burst.
const CREDIT_BYTES_MAX: u64 = 32 * 1024;
/// The 2xx to an INVITE is the word of somebody who let the call in, and is repeated until it is acknowledged (RFC 3261
/// section 13.3.1.4), so it has a credit of its own for each hundred bytes of such an INVITE. Telephones write longer INVITEs than
/// what answers them, so that theirs goes out three times and two of three may be lost; whoever writes in another's name gets five
/// bytes there for each of its own, all in all.
const ACCEPTANCE_PERCENT: u64 = 350;
/// That credit at one address, however many INVITEs are let in there.
const ACCEPTANCE_BYTES_MAX: u64 = 12 * 1024;
const ACCEPTANCE_BYTES_PER_SEC: u64 = 512;
/// A reliable provisional response is repeated in the same way (RFC 3262 section 3), and leaves this of it for the 2xx, which goes
/// before its PRACK where it describes no media (section 5).
const ACCEPTED_BYTES: u64 = 1_000;
/// Kept of a caller's credit, when it is told that it rings, for the answer that ends it.
const FINAL_ANSWER_BYTES: u64 = 500;
/// A source may save this many seconds' worth of messages: phones behind one address that all wake up at once.
const BURST_SECS: u64 = 2;
/// Sources beyond the table share one account, with this many times a source's rate.
const CROWD_SOURCES: u64 = 10;
/// How long a source that says nothing is remembered, at least; at most twice as long.
const STRANGER_MEMORY: Duration = Duration::from_secs(60);
/// A phone refreshes within [`REGISTER_EXPIRES_SECS_MAX`](tandem_model::limits::REGISTER_EXPIRES_SECS_MAX).
const KNOWN_MEMORY: Duration = Duration::from_secs(3_600);
/// Sources whose being known is not looked up again for a while, far shorter than [`KNOWN_MEMORY`].
const LATELY: usize = 16;
const LATELY_FOR: Duration = Duration::from_secs(10);
/// A full table of strangers is emptied by half no more often: forged addresses must not renew each other's rate.
const TURN_AT_LEAST: Duration = Duration::from_secs(1);

/// One for each place that answers the network. Bounded by [`STRANGERS_MAX`] and [`KNOWN_SOURCES_MAX`].
pub struct SourceBudget {
    /// Messages a second that are read from one source; none is refused when 0.
    messages_per_sec: u64,
    strangers: Generations<IpAddr, Account>,
    /// Who overflows the table of strangers.
    crowd: Account,
    known: Generations<SocketAddr, ()>,
    /// Those known that were asked for last, each at a place of its own: behind a proxy it is always the same one.
    lately: [Option<(SocketAddr, Timestamp)>; LATELY],
}

#[derive(Clone, Copy)]
struct Account {
    /// Thousandths of a message.
    messages: u64,
    bytes: u64,
    /// Left of what the INVITEs that were let in have brought.
    accepted_bytes: u64,
    /// Left of what the address may have in all.
    acceptance_bytes: u64,
    since: Timestamp,
}

impl SourceBudget {
    /// `messages_per_sec` of each unproved source are read; 0 sets no bound to that.
    pub fn new(messages_per_sec: u32) -> Self {
        let messages_per_sec = u64::from(messages_per_sec);
        SourceBudget {
            messages_per_sec,
            strangers: Generations::new(STRANGERS_MAX, STRANGER_MEMORY),
            crowd: Account::new(Timestamp::ZERO, messages_per_sec * CROWD_SOURCES),
            known: Generations::new(KNOWN_SOURCES_MAX, KNOWN_MEMORY),
            lately: [None; LATELY],
        }
    }

    /// A message of this size came in the name of `source`. False: it is one too many and must be dropped unanswered.
    pub fn admits(&mut self, now: Timestamp, source: Endpoint, bytes: usize) -> bool {
        if self.is_known(now, source) {
            return true;
        }
        let unbounded = self.messages_per_sec == 0;
        let account = self.account(now, source.addr.ip());
        if account.messages < 1_000 && !unbounded {
            return false;
        }
        account.messages = account.messages.saturating_sub(1_000);
        if source.transport == Transport::Udp {
            account.bytes = (account.bytes + bytes as u64 * ANSWER_PERCENT / 100).min(CREDIT_BYTES_MAX);
        }
        true
    }

    /// An INVITE from there was let in. `bytes`: its size, where anybody may have sent it in the name of its source; None where
    /// the operator wrote that address down, which is answered as far as any may be.
    pub fn lets_in(&mut self, now: Timestamp, source: Endpoint, bytes: Option<usize>) {
        if !self.is_stranger(now, source) {
            return;
        }
        let account = self.account(now, source.addr.ip());
        let more = bytes.map_or(ACCEPTANCE_BYTES_MAX, |bytes| bytes as u64 * ACCEPTANCE_PERCENT / 100);
        account.accepted_bytes = (account.accepted_bytes + more).min(ACCEPTANCE_BYTES_MAX);
        if bytes.is_none() {
            account.bytes = CREDIT_BYTES_MAX;
        }
    }

    /// Whether this response may go out; its bytes are taken off the credit of `to`.
    pub fn may_answer(&mut self, now: Timestamp, to: Endpoint, response: &[u8]) -> bool {
        if to.transport != Transport::Udp || self.is_known(now, to) {
            return true;
        }
        let bytes = response.len() as u64;
        // Better no ringing than no end: a caller without a final answer waits for half a minute (Timer B).
        let kept = if is_ringing(response) { FINAL_ANSWER_BYTES } else { 0 };
        let account = self.account(now, to.addr.ip());
        if let Some(rest) = account.bytes.checked_sub(bytes).filter(|rest| *rest >= kept) {
            account.bytes = rest;
            return true;
        }
        let left = account.accepted_bytes.min(account.acceptance_bytes);
        let may = kept_by_accepting(response).is_some_and(|kept| left >= bytes + kept);
        if may {
            account.accepted_bytes -= bytes;
            account.acceptance_bytes -= bytes;
        }
        may
    }

    /// Bytes that may go to `to` now.
    pub fn room(&mut self, now: Timestamp, to: Endpoint) -> usize {
        if to.transport != Transport::Udp || self.is_known(now, to) {
            return usize::MAX;
        }
        self.account(now, to.addr.ip()).bytes as usize
    }

    /// The source has shown that it receives what is sent to it. What it took to get there is given back, so that many
    /// phones behind one address do not use up its budget.
    pub fn proved(&mut self, now: Timestamp, source: Endpoint) {
        if self.is_known(now, source) {
            return;
        }
        self.known.insert(now, source.addr, ());
        let most = self.messages_per_sec * BURST_SECS * 1_000;
        let account = self.account(now, source.addr.ip());
        account.messages = (account.messages + 2_000).min(most);
    }

    /// Whether nothing has shown yet that the source is where it says. A connection shows it by its handshake.
    pub fn is_stranger(&mut self, now: Timestamp, source: Endpoint) -> bool {
        source.transport == Transport::Udp && !self.is_known(now, source)
    }

    fn is_known(&mut self, now: Timestamp, source: Endpoint) -> bool {
        let place = usize::from(source.addr.port()) % LATELY;
        if let Some((addr, at)) = self.lately[place]
            && addr == source.addr
            && now.since(at) < LATELY_FOR
        {
            return true;
        }
        let known = self.known.get_mut(now, source.addr).is_some();
        if known {
            self.lately[place] = Some((source.addr, now));
        }
        known
    }

    fn account(&mut self, now: Timestamp, ip: IpAddr) -> &mut Account {
        let ip = who(ip);
        let rate = self.messages_per_sec;
        let known = self.strangers.get_mut(now, ip).is_some();
        if (known || self.strangers.insert(now, ip, Account::new(now, rate)))
            && let Some(account) = self.strangers.get_mut(now, ip)
        {
            account.refill(now, rate);
            return account;
        }
        self.crowd.refill(now, rate * CROWD_SOURCES);
        &mut self.crowd
    }
}

impl Account {
    fn new(now: Timestamp, messages_per_sec: u64) -> Self {
        Account {
            messages: messages_per_sec * BURST_SECS * 1_000,
            bytes: 0,
            accepted_bytes: 0,
            acceptance_bytes: ACCEPTANCE_BYTES_MAX,
            since: now,
        }
    }

    fn refill(&mut self, now: Timestamp, messages_per_sec: u64) {
        let ms = u64::try_from(now.since(self.since).as_millis()).unwrap_or(u64::MAX).min(3_600_000);
        if ms == 0 {
            return;
        }
        // Whole milliseconds only: what is left of one counts the next time.
        self.since = self.since + Duration::from_millis(ms);
        self.messages = (self.messages + ms * messages_per_sec).min(messages_per_sec * BURST_SECS * 1_000);
        let accepted = self.acceptance_bytes + ms * ACCEPTANCE_BYTES_PER_SEC / 1_000;
        self.acceptance_bytes = accepted.min(ACCEPTANCE_BYTES_MAX);
    }
}

/// An IPv6 host has a /64 to itself and may speak from any address of it (RFC 4291 section 2.5.1, RFC 8981).
fn who(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

/// A provisional response above 100.
fn is_ringing(response: &[u8]) -> bool {
    response.starts_with(b"SIP/2.0 1") && !response.starts_with(b"SIP/2.0 100")
}

/// What must be left of the credit of those who let a call in, for a response that draws on it: a 2xx to an INVITE, or a reliable
/// provisional one.
fn kept_by_accepting(response: &[u8]) -> Option<u64> {
    let is_final = match response.get(..9)? {
        b"SIP/2.0 2" => true,
        b"SIP/2.0 1" => false,
        _ => return None,
    };
    let end = response.windows(4).position(|w| w == b"\r\n\r\n");
    let head = end.map_or(response, |end| &response[..end + 2]);
    let describes = end.is_some_and(|end| response.len() > end + 4);
    let has = |text: &[u8]| head.windows(text.len()).any(|w| w == text);
    let kept = if is_final || describes { 0 } else { ACCEPTED_BYTES };
    (has(b" INVITE\r\n") && (is_final || has(b"\r\nRSeq: "))).then_some(kept)
}

/// A table that forgets without looking through itself: what was not used while `young` filled or aged goes with `old`.
struct Generations<K, V> {
    // For look-ups; nothing iterates over them.
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    /// Of one generation.
    max: usize,
    memory: Duration,
    turned: Timestamp,
}

impl<K: Copy + Eq + Hash, V> Generations<K, V> {
    fn new(max: usize, memory: Duration) -> Self {
        Generations { young: HashMap::new(), old: HashMap::new(), max, memory, turned: Timestamp::ZERO }
    }

    fn get_mut(&mut self, now: Timestamp, key: K) -> Option<&mut V> {
        self.turn_when(now, self.memory);
        if !self.young.contains_key(&key)
            && self.young.len() < self.max
            && let Some(value) = self.old.remove(&key)
        {
            self.young.insert(key, value);
        }
        self.young.get_mut(&key).or_else(|| self.old.get_mut(&key))
    }

    /// False when there is no room for a new key.
    fn insert(&mut self, now: Timestamp, key: K, value: V) -> bool {
        if self.young.len() >= self.max {
            self.turn_when(now, TURN_AT_LEAST);
        }
        let room = self.young.len() < self.max;
        if room {
            self.young.insert(key, value);
        }
        room
    }

    fn turn_when(&mut self, now: Timestamp, age: Duration) {
        let aged = now.since(self.turned);
        if aged < age {
            return;
        }
        self.old = std::mem::take(&mut self.young);
        if aged >= 2 * age.max(self.memory) {
            self.old.clear();
        }
        self.turned = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Timestamp = Timestamp::from_secs(1_000);

    fn udp(addr: &str) -> Endpoint {
        Endpoint::new(Transport::Udp, addr.parse().expect("an address"))
    }

    fn of_host(n: u32) -> Endpoint {
        Endpoint::new(Transport::Udp, SocketAddr::new(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).into(), 5060))
    }

    #[test]
    fn a_stranger_gets_one_and_a_half_times_what_came_in_its_name_and_then_nothing() {
        let mut budget = SourceBudget::new(100);
        let spoofed = udp("192.0.2.1:5060");
        assert!(!budget.may_answer(T, spoofed, &[b'x'; 1]), "nothing came from there");
        assert!(budget.admits(T, spoofed, 400));
        assert_eq!(budget.room(T, spoofed), 600);
        assert!(budget.may_answer(T, spoofed, &[b'x'; 500]));
        assert!(!budget.may_answer(T, spoofed, &[b'x'; 101]));
        assert!(budget.may_answer(T, spoofed, &[b'x'; 100]));
        // Another port is the same victim.
        assert!(!budget.may_answer(T, udp("192.0.2.1:5061"), &[b'x'; 1]));
        assert!(budget.admits(T, spoofed, 1_000_000));
        assert_eq!(budget.room(T, spoofed) as u64, CREDIT_BYTES_MAX);
    }

    #[test]
    fn whoever_proved_to_be_there_is_answered_without_a_bound_at_that_port_alone() {
        let mut budget = SourceBudget::new(1);
        let phone = udp("192.0.2.1:5060");
        assert!(budget.is_stranger(T, phone));
        budget.proved(T, phone);
        assert!(!budget.is_stranger(T, phone));
        assert!((0..100).all(|_| budget.admits(T, phone, 1) && budget.may_answer(T, phone, &[b'x'; 900])));
        assert!(budget.is_stranger(T, udp("192.0.2.1:5061")));
        assert!(budget.is_stranger(T + 3 * KNOWN_MEMORY, phone));
    }

    #[test]
    fn a_caller_is_told_that_it_rings_only_where_that_leaves_room_for_the_end() {
        let mut budget = SourceBudget::new(1);
        let caller = udp("192.0.2.1:5060");
        let ringing = format!("SIP/2.0 180 Ringing\r\n{}", "x".repeat(429)).into_bytes();
        let (trying, busy) =
            (b"SIP/2.0 100 Trying\r\n\r\n", [b"SIP/2.0 486 Busy Here\r\n\r\n".as_slice(), &[b'x'; 400]].concat());
        assert!(budget.admits(T, caller, 600));
        assert!(!budget.may_answer(T, caller, &ringing), "900 bytes in all, 450 of them for this");
        assert!(budget.may_answer(T, caller, trying));
        assert!(budget.may_answer(T, caller, &busy));
        assert!(budget.admits(T, caller, 800));
        assert!(budget.may_answer(T, caller, &ringing), "more came in its name");
        assert!(budget.may_answer(T, caller, &busy));
    }

    #[test]
    fn a_proof_is_remembered_for_an_hour_from_its_last_use() {
        let mut budget = SourceBudget::new(1);
        let phone = udp("192.0.2.1:5060");
        budget.proved(T, phone);
        for hour in 1..10 {
            assert!(!budget.is_stranger(T + hour * KNOWN_MEMORY, phone), "{hour}");
        }
    }

    #[test]
    fn messages_above_the_rate_are_dropped_and_the_rate_comes_back() {
        let mut budget = SourceBudget::new(10);
        let source = udp("192.0.2.1:5060");
        let admitted = |budget: &mut SourceBudget, at| (0..1_000).filter(|_| budget.admits(at, source, 100)).count();
        assert_eq!(admitted(&mut budget, T), 20);
        assert_eq!(admitted(&mut budget, T + Duration::from_millis(100)), 1);
        assert_eq!(admitted(&mut budget, T + Duration::from_millis(1_100)), 10);
        assert!(budget.admits(T, udp("192.0.2.2:5060"), 100), "another source has its own");
        let mut without = SourceBudget::new(0);
        assert_eq!(admitted(&mut without, T), 1_000);
    }

    #[test]
    fn phones_behind_one_address_that_prove_themselves_do_not_use_up_its_rate() {
        let mut budget = SourceBudget::new(10);
        for port in 10_000..11_000 {
            let phone = udp(&format!("192.0.2.1:{port}"));
            assert!(budget.admits(T, phone, 500) && budget.admits(T, phone, 700), "{port}");
            budget.proved(T, phone);
        }
    }

    #[test]
    fn a_2xx_to_an_invite_has_a_credit_of_its_own_and_that_ends_too() {
        let mut budget = SourceBudget::new(10);
        let victim = udp("192.0.2.1:5060");
        let accepted = accepted(1_000);
        assert!(budget.admits(T, victim, 10));
        assert!(!budget.may_answer(T, victim, &accepted), "nobody let anything in");
        let says =
            |budget: &mut SourceBudget, at| (0..100).filter(|_| budget.may_answer(at, victim, &accepted)).count();
        // Anybody's INVITE as telephones write them: three times, and that is all, however long it is waited for.
        budget.lets_in(T, victim, Some(900));
        assert_eq!(says(&mut budget, T), 3);
        assert_eq!(says(&mut budget, T + Duration::from_secs(32)), 0);
        // Many of them: as far as one address goes.
        let at = T + Duration::from_secs(60);
        (0..100).for_each(|_| budget.lets_in(at, victim, Some(900)));
        assert_eq!(says(&mut budget, at) as u64, ACCEPTANCE_BYTES_MAX / accepted.len() as u64);
        let options = String::from_utf8(accepted.clone()).unwrap().replace("INVITE", "OPTIONS") + " INVITE\r\n";
        let at = at + Duration::from_secs(60);
        budget.lets_in(at, victim, Some(900));
        assert!(!budget.may_answer(at, victim, options.as_bytes()));
        assert!(budget.may_answer(at, victim, &accepted));
    }

    #[test]
    fn an_address_that_the_operator_knows_is_answered_as_far_as_any_may_be() {
        let mut budget = SourceBudget::new(10);
        let listed = udp("192.0.2.1:5060");
        budget.lets_in(T, listed, None);
        let early = format!("SIP/2.0 183 Session Progress\r\nCSeq: 1 INVITE\r\n{}\r\n\r\n", "x".repeat(900));
        assert!(budget.may_answer(T, listed, early.as_bytes()));
        let accepted = accepted(1_000);
        let said = (0..100).filter(|_| budget.may_answer(T, listed, &accepted)).count() as u64;
        assert!(((CREDIT_BYTES_MAX + ACCEPTANCE_BYTES_MAX) / 1_100..100).contains(&said), "{said}");
    }

    #[test]
    fn one_invite_in_anothers_name_brings_five_times_its_size_at_most() {
        for (invite, answer) in [(300, 900), (700, 1_000), (1_500, 1_400), (900, 200)] {
            let mut budget = SourceBudget::new(10);
            let victim = udp("192.0.2.1:5060");
            assert!(budget.admits(T, victim, invite));
            budget.lets_in(T, victim, Some(invite));
            let responses =
                [accepted(answer), b"SIP/2.0 180 Ringing\r\n\r\n".to_vec(), b"BYE sip:a SIP/2.0\r\n\r\n".to_vec()];
            let secs = (0..60).map(Duration::from_secs);
            let all = secs.flat_map(|after| responses.iter().map(move |response| (after, response)));
            let out: usize =
                all.filter(|(after, r)| budget.may_answer(T + *after, victim, r)).map(|(_, r)| r.len()).sum();
            assert!(out <= 5 * invite, "{out} for {invite}");
        }
    }

    /// RFC 3262 section 3: the 2xx waits for the PRACK, and so may not come at all when a lost response is not said again.
    #[test]
    fn a_reliable_provisional_response_is_repeated_too_and_leaves_room_for_the_2xx() {
        let mut budget = SourceBudget::new(10);
        let caller = udp("192.0.2.1:5060");
        assert!(budget.admits(T, caller, 10));
        budget.lets_in(T, caller, Some(900));
        let response = |start: &str, more: &str| {
            format!("SIP/2.0 {start}\r\nCSeq: 1 INVITE\r\n{more}{}\r\n\r\n", "x".repeat(800)).into_bytes()
        };
        let described = |mut response: Vec<u8>| {
            response.extend(b"v=0\r\n");
            response
        };
        let (early, unreliable) =
            (response("183 Session Progress", "RSeq: 7\r\n"), response("183 Session Progress", ""));
        assert!(!budget.may_answer(T, caller, &unreliable));
        assert_eq!((0..100).filter(|_| budget.may_answer(T, caller, &early)).count(), 2);
        assert!(budget.may_answer(T, caller, &response("200 OK", "")));
        // The 2xx behind a description waits for its PRACK, which proves the caller: nothing is kept for it.
        let mut budget = SourceBudget::new(10);
        assert!(budget.admits(T, caller, 10));
        budget.lets_in(T, caller, Some(900));
        assert!(!budget.may_answer(T, caller, &described(unreliable)));
        assert_eq!((0..100).filter(|_| budget.may_answer(T, caller, &described(early.clone()))).count(), 3);
    }

    fn accepted(more: usize) -> Vec<u8> {
        format!("SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n{}\r\n\r\n", "x".repeat(more)).into_bytes()
    }

    #[test]
    fn a_connection_has_shown_where_it_comes_from_but_is_held_to_the_rate() {
        let mut budget = SourceBudget::new(1);
        let peer = Endpoint::new(Transport::Tcp, "192.0.2.1:40000".parse().expect("an address"));
        assert!(!budget.is_stranger(T, peer) && budget.may_answer(T, peer, &[b'x'; 9_000]));
        assert_eq!((0..10).filter(|_| budget.admits(T, peer, 1)).count(), 2);
    }

    #[test]
    fn any_number_of_forged_sources_takes_bounded_memory_and_never_more_than_its_share() {
        let mut budget = SourceBudget::new(1);
        let (mut bytes_in, mut bytes_out) = (0, 0);
        for n in 0..4 * STRANGERS_MAX as u32 {
            let at = T + Duration::from_micros(u64::from(n));
            if budget.admits(at, of_host(n), 100) {
                bytes_in += 100;
                bytes_out += if budget.may_answer(at, of_host(n), &[b'x'; 149]) { 149 } else { 0 };
            }
        }
        assert!(bytes_out * 100 <= bytes_in * ANSWER_PERCENT, "{bytes_out} of {bytes_in}");
        assert!(budget.strangers.young.len() <= STRANGERS_MAX && budget.strangers.old.len() <= STRANGERS_MAX);
        // The sources in the table, and twenty of the crowd in this tenth of a second.
        assert!(bytes_in / 100 <= STRANGERS_MAX as u64 + 2 * CROWD_SOURCES + 1, "{bytes_in}");
    }

    #[test]
    fn the_addresses_of_one_ipv6_host_share_one_account() {
        let mut budget = SourceBudget::new(1);
        assert!(budget.admits(T, udp("[2001:db8::1]:5060"), 100));
        assert_eq!(budget.room(T, udp("[2001:db8::ffff:1]:9")), 150);
        assert_eq!(budget.room(T, udp("[2001:db8:0:1::1]:9")), 0);
    }
}
