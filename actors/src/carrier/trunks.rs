//! How carriers stand: copies that the actor alone writes, and the counters of what is in use.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use actix::prelude::*;
use tandem_call::call::{CarriersBusy, SeizedCarrier};
use tandem_call::carrier::{Availability, CallResult, Limits, RegistrationState, choose};
use tandem_call::directory::{Carrier, Directory, IpRange};
use tandem_call::leg::{EndedBy, KEPT_BACK, LegReport, NO_MEDIA_PORT};
use tandem_model::limits::CARRIER_ADDRESSES_MAX;
use tandem_model::{Endpoint, SeedEntropy, Sid, Timestamp};

use crate::api::{CarrierRegistration, CarrierState, CarrierStates};
use crate::supervision::{Mailbox, Overflow};
use crate::transport::Verify;
use crate::world::Clock;

/// A handle; clones share it.
#[derive(Clone)]
pub struct Trunks(Arc<Inner>);

struct Inner {
    clock: Clock,
    slots: RwLock<HashMap<Sid, Arc<Slot>>>,
    /// Our own proxies: calls to phones go out through them, and they may carry those of carriers as well.
    proxies: Vec<IpRange>,
    /// Who hears what became of calls; set once the actor runs.
    desk: OnceLock<Recipient<CallNews>>,
}

/// One carrier. Counters change in one step each, here alone: a channel is counted when a [`Channel`] is made, and free
/// when that is dropped, whatever becomes of its holder.
struct Slot {
    channels: AtomicU32,
    /// The token buckets of both directions ([`Limits::take_token`]), in nanoseconds.
    inbound: AtomicU64,
    outbound: AtomicU64,
    refused: AtomicU64,
    up: AtomicBool,
    /// No calls before this: it said so. Nanoseconds of the clock.
    left_alone_until: AtomicU64,
    /// Whether the actor wants to hear of calls that went well.
    suspect: AtomicBool,
    /// Written by the actor, read by REST and calls.
    standing: RwLock<Standing>,
    /// Where its URI led when it was last looked up.
    addresses: RwLock<Vec<SocketAddr>>,
}

/// What the actor knows of a carrier.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    pub name: String,
    pub up: bool,
    pub suspect: bool,
    pub since: Timestamp,
    pub left_alone_until: Option<Timestamp>,
    pub registration: Option<RegistrationState>,
    pub service_route: Vec<String>,
}

/// A channel of a carrier, held by the leg that uses it.
pub struct Channel {
    slot: Arc<Slot>,
    trunks: Trunks,
    carrier: Sid,
    verify: Verify,
    /// What becomes of the call says something of the carrier: once, and only when we called.
    telling: bool,
}

/// What a call says of its carrier.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct CallNews {
    pub carrier: Sid,
    pub result: CallResult,
}

/// How a carrier stands, with its name.
#[derive(Clone, Debug)]
pub struct CarrierSnapshot {
    pub id: Sid,
    pub name: String,
    pub state: CarrierState,
}

#[derive(Clone, Copy)]
enum Direction {
    Inbound,
    Outbound,
}

impl Trunks {
    pub fn new(clock: Clock) -> Self {
        Trunks::beside(clock, Vec::new())
    }

    /// Where these proxies are our own.
    pub fn beside(clock: Clock, proxies: Vec<IpRange>) -> Self {
        Trunks(Arc::new(Inner { clock, slots: RwLock::default(), proxies, desk: OnceLock::new() }))
    }

    /// A channel of the best of these carriers that has room. `draw` decides between those of one priority.
    ///
    /// # Errors
    /// When all are at their limits.
    pub fn seize(&self, carriers: &[Arc<Carrier>], draw: u64) -> Result<(SeizedCarrier, Channel), CarriersBusy> {
        let now = self.0.clock.now();
        let mut wait = Duration::MAX;
        let standing = |c: &Carrier| {
            let slot = self.slot(c.id);
            match slot.left_alone(now) {
                Some(left) => {
                    wait = wait.min(left);
                    Availability::LeftAlone
                }
                None if slot.up.load(Ordering::Relaxed) => Availability::Up,
                None => Availability::Down,
            }
        };
        let order = choose(carriers, standing, &mut SeedEntropy::new(draw));
        for carrier in order {
            match self.take(now, &carrier, Direction::Outbound) {
                Ok(channel) => {
                    let route = channel.slot.read(|s| s.service_route.clone());
                    return Ok((SeizedCarrier { carrier: carrier.id, route }, channel));
                }
                Err(after) => wait = wait.min(after),
            }
        }
        Err(busy(wait))
    }

    /// A channel for a call that this carrier brings.
    ///
    /// # Errors
    /// When it is at its limits.
    pub fn arrive(&self, carrier: &Carrier) -> Result<Channel, CarriersBusy> {
        self.take(self.0.clock.now(), carrier, Direction::Inbound).map_err(busy)
    }

    /// All carriers, in order of their ids.
    pub fn snapshot(&self) -> Vec<CarrierSnapshot> {
        let slots = self.0.slots.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = slots.iter().map(|(id, slot)| (*id, slot.clone())).collect();
        drop(slots);
        all.sort_by_key(|(id, _)| *id);
        all.into_iter()
            .map(|(id, slot)| CarrierSnapshot { id, name: slot.read(|s| s.name.clone()), state: self.show(&slot) })
            .collect()
    }

    pub(super) fn connect(&self, desk: Recipient<CallNews>) {
        let _ = self.0.desk.set(desk);
    }

    pub(super) fn publish(&self, carrier: Sid, standing: Standing) {
        let slot = self.slot(carrier);
        slot.up.store(standing.up, Ordering::Relaxed);
        let left_alone_until = standing.left_alone_until.map_or(0, Timestamp::as_nanos);
        slot.left_alone_until.store(left_alone_until, Ordering::Relaxed);
        slot.suspect.store(standing.suspect, Ordering::Relaxed);
        *slot.standing.write().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    /// The URI of a carrier that there is was looked up and leads there.
    pub(super) fn found(&self, carrier: Sid, hops: &[Endpoint]) {
        let known = self.0.slots.read().unwrap_or_else(PoisonError::into_inner).get(&carrier).cloned();
        if let Some(slot) = known {
            slot.found(hops);
        }
    }

    /// Whether a carrier's URI leads to this address, at any port.
    pub fn is_of(&self, carrier: Sid, ip: IpAddr) -> bool {
        let slots = self.0.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.get(&carrier).is_some_and(|slot| slot.is_of(ip))
    }

    pub fn is_proxy(&self, ip: IpAddr) -> bool {
        self.0.proxies.iter().any(|range| range.contains(ip))
    }

    /// Whether a contact that leads to `hop`, registered from `source`, would have its calls go out through a carrier, at our cost. A
    /// carrier's address is its own at every port, but for who is at the same address itself.
    pub fn is_at_a_carrier(&self, hop: SocketAddr, source: SocketAddr) -> bool {
        // Where a REGISTER came from is where its sender is: most contacts lead there.
        if hop == source || self.is_proxy(hop.ip()) {
            return false;
        }
        let slots = self.0.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.values().any(|slot| slot.is_at(hop, source))
    }

    /// Channels that are still held go on counting for themselves.
    pub(super) fn forget(&self, carrier: Sid) {
        self.0.slots.write().unwrap_or_else(PoisonError::into_inner).remove(&carrier);
    }

    fn slot(&self, carrier: Sid) -> Arc<Slot> {
        let known = self.0.slots.read().unwrap_or_else(PoisonError::into_inner).get(&carrier).cloned();
        known.unwrap_or_else(|| {
            let mut slots = self.0.slots.write().unwrap_or_else(PoisonError::into_inner);
            slots.entry(carrier).or_insert_with(|| Arc::new(Slot::new())).clone()
        })
    }

    fn take(&self, now: Timestamp, carrier: &Carrier, direction: Direction) -> Result<Channel, Duration> {
        let slot = self.slot(carrier.id);
        match slot.take(now, &carrier.limits, direction) {
            Ok(()) => Ok(Channel {
                slot,
                trunks: self.clone(),
                carrier: carrier.id,
                verify: verify(carrier),
                telling: matches!(direction, Direction::Outbound),
            }),
            Err(after) => {
                slot.refused.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(carrier = carrier.name, "carrier is at its limits");
                Err(after)
            }
        }
    }

    fn show(&self, slot: &Slot) -> CarrierState {
        let now = self.0.clock.now();
        slot.read(|s| CarrierState {
            up: s.up,
            retry_after_secs: slot.left_alone(now).map(whole_secs),
            since_secs: now.since(s.since).as_secs(),
            channels: slot.channels.load(Ordering::Relaxed),
            refused: slot.refused.load(Ordering::Relaxed),
            registration: s.registration.as_ref().map(|r| shown(r, now)),
        })
    }
}

impl CarrierStates for Trunks {
    fn state(&self, id: Sid) -> Option<CarrierState> {
        let slot = self.0.slots.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()?;
        // Made by a call before the actor heard of the carrier.
        let known = slot.read(|s| !s.name.is_empty());
        known.then(|| self.show(&slot))
    }
}

impl Slot {
    fn new() -> Self {
        Slot {
            channels: AtomicU32::new(0),
            inbound: AtomicU64::new(0),
            outbound: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            up: AtomicBool::new(true),
            left_alone_until: AtomicU64::new(0),
            suspect: AtomicBool::new(false),
            standing: RwLock::default(),
            addresses: RwLock::default(),
        }
    }

    fn found(&self, hops: &[Endpoint]) {
        if !hops.is_empty() {
            let found = hops.iter().map(|hop| canonical(hop.addr)).collect();
            *self.addresses.write().unwrap_or_else(PoisonError::into_inner) = found;
        }
    }

    /// The same, beside what is known: its calls may go through a proxy of its own.
    fn leads_to(&self, hops: &[Endpoint]) {
        let is_known = |known: &[SocketAddr]| hops.iter().all(|hop| known.contains(&canonical(hop.addr)));
        if is_known(&self.addresses.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let mut known = self.addresses.write().unwrap_or_else(PoisonError::into_inner);
        for hop in hops.iter().map(|hop| canonical(hop.addr)) {
            if !known.contains(&hop) {
                if known.len() >= CARRIER_ADDRESSES_MAX {
                    known.remove(0);
                }
                known.push(hop);
            }
        }
    }

    fn is_of(&self, ip: IpAddr) -> bool {
        self.addresses.read().unwrap_or_else(PoisonError::into_inner).iter().any(|address| address.ip() == ip)
    }

    fn is_at(&self, hop: SocketAddr, source: SocketAddr) -> bool {
        let (hop, source) = (canonical(hop), canonical(source));
        let addresses = self.addresses.read().unwrap_or_else(PoisonError::into_inner);
        addresses
            .iter()
            .any(|address| address.ip() == hop.ip() && (address.port() == hop.port() || hop.ip() != source.ip()))
    }

    fn take(&self, now: Timestamp, limits: &Limits, direction: Direction) -> Result<(), Duration> {
        /// A channel may be free at any moment.
        const NO_CHANNEL: Duration = Duration::from_secs(5);
        let one_more = |n: u32| limits.has_channel(n).then(|| n.saturating_add(1));
        self.channels.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more).map_err(|_| NO_CHANNEL)?;
        let bucket = match direction {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        };
        let mut refused = None;
        let spent = bucket.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |spent_until| {
            match limits.take_token(Timestamp::from_nanos(spent_until), now) {
                Ok(after) => Some(after.as_nanos()),
                Err(wait) => {
                    refused = Some(wait);
                    None
                }
            }
        });
        if spent.is_err() {
            self.channels.fetch_sub(1, Ordering::AcqRel);
            return Err(refused.unwrap_or_default());
        }
        Ok(())
    }

    /// For how much longer it is to get no calls.
    fn left_alone(&self, now: Timestamp) -> Option<Duration> {
        let until = Timestamp::from_nanos(self.left_alone_until.load(Ordering::Relaxed));
        Some(until.since(now)).filter(|left| !left.is_zero())
    }

    fn read<T>(&self, what: impl FnOnce(&Standing) -> T) -> T {
        what(&self.standing.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Channel {
    /// Whether the carrier's certificate must prove its name.
    pub fn verify(&self) -> Verify {
        self.verify
    }

    /// Whether this is an address of the carrier: one that calls come from, or that its URI leads to.
    pub(crate) fn is_its(&self, directory: &Directory, ip: IpAddr) -> bool {
        let carrier = directory.carriers.iter().find(|c| c.id == self.carrier);
        self.slot.is_of(ip) || carrier.is_some_and(|c| c.allow_from.iter().any(|range| range.contains(ip)))
    }

    /// What is called through the carrier was looked up and leads there.
    pub(crate) fn leads_to(&self, hops: &[Endpoint]) {
        self.slot.leads_to(hops);
    }

    /// Hears the leg's reports, for what they say of the carrier.
    pub(crate) fn note(&mut self, report: &LegReport) {
        if !self.telling {
            return;
        }
        let result = match report {
            LegReport::Answered { .. } => CallResult::Answered,
            LegReport::Ended(end) => match (end.by, end.status) {
                (EndedBy::Remote, 503) => {
                    end.retry_after.map_or(CallResult::Failed, |retry_after| CallResult::Overloaded { retry_after })
                }
                (EndedBy::Remote, _) => CallResult::Answered,
                // Somebody gave up on a carrier that never said a word.
                (EndedBy::Local, _) if end.was_silent => CallResult::Failed,
                // A timeout, no transport, or a name that does not resolve: but not what is our own fault.
                (EndedBy::Failure, 408 | 502 | 503) if end.reason != NO_MEDIA_PORT && end.reason != KEPT_BACK => {
                    CallResult::Failed
                }
                (EndedBy::Failure | EndedBy::Local | EndedBy::MediaTimeout, _) => {
                    self.telling = false;
                    return;
                }
            },
            _ => return,
        };
        self.telling = false;
        let wanted = result != CallResult::Answered || self.slot.suspect.load(Ordering::Relaxed);
        if let Some(desk) = self.trunks.0.desk.get().filter(|_| wanted) {
            desk.offer(CallNews { carrier: self.carrier, result }, Overflow::Count);
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.slot.channels.fetch_sub(1, Ordering::AcqRel);
    }
}

pub(super) fn verify(carrier: &Carrier) -> Verify {
    if carrier.tls_verify { Verify::Yes } else { Verify::No }
}

fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

fn busy(wait: Duration) -> CarriersBusy {
    CarriersBusy { retry_after_secs: u32::try_from(whole_secs(wait).clamp(1, 60)).unwrap_or(60) }
}

/// Rounded up.
fn whole_secs(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn shown(state: &RegistrationState, now: Timestamp) -> CarrierRegistration {
    let blank = CarrierRegistration { state: "trying", expires_secs: None, error: None, retry_secs: None };
    match state {
        RegistrationState::Trying | RegistrationState::Over => blank,
        RegistrationState::Registered { until } => {
            CarrierRegistration { state: "registered", expires_secs: Some(until.since(now).as_secs()), ..blank }
        }
        RegistrationState::Failed { why, again } => CarrierRegistration {
            state: "failed",
            error: Some(why.to_string()),
            retry_secs: Some(again.since(now).as_secs()),
            ..blank
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::slice::from_ref;
    use tandem_call::leg::LegEnd;
    use tandem_model::Transport;

    fn carrier(n: u8, priority: i32, limits: Limits) -> Arc<Carrier> {
        let id = Sid::from_bytes([n; 16]);
        Arc::new(Carrier { priority, limits, ..Carrier::new(id, format!("c{n}"), "sip:c.example") })
    }

    fn in_use(trunks: &Trunks, n: u8) -> u32 {
        trunks.slot(Sid::from_bytes([n; 16])).channels.load(Ordering::Relaxed)
    }

    #[test]
    fn a_carriers_address_is_its_own_at_every_port_but_for_who_is_there_too() {
        let trunks = Trunks::beside(Clock::new(), vec!["203.0.113.0/24".parse().unwrap()]);
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let to = |text: &str| Endpoint::new(Transport::Udp, at(text));
        let (there, gone) = (carrier(1, 1, Limits::default()).id, carrier(2, 1, Limits::default()).id);
        trunks.publish(there, Standing::default());
        trunks.found(there, &[to("192.0.2.5:5060"), to("203.0.113.1:5060")]);
        // Looked up while it was removed.
        trunks.found(gone, &[to("192.0.2.9:5060")]);
        assert_eq!(trunks.snapshot().len(), 1);
        for (hop, source, is_there) in [
            ("192.0.2.5:5060", "198.51.100.1:5060", true),
            ("192.0.2.5:5080", "198.51.100.1:5060", true),
            ("[::ffff:192.0.2.5]:5060", "198.51.100.1:5060", true),
            ("192.0.2.6:5060", "198.51.100.1:5060", false),
            ("192.0.2.5:5080", "192.0.2.5:5082", false),
            ("192.0.2.5:5060", "192.0.2.5:5082", true),
            ("192.0.2.5:5060", "192.0.2.5:5060", false),
            ("192.0.2.9:5060", "198.51.100.1:5060", false),
            // A proxy of ours, through which its calls go too.
            ("203.0.113.1:5060", "198.51.100.1:5060", false),
        ] {
            assert_eq!(trunks.is_at_a_carrier(at(hop), at(source)), is_there, "{hop} from {source}");
        }
        assert!(trunks.is_of(there, at("192.0.2.5:1").ip()) && !trunks.is_of(gone, at("192.0.2.5:1").ip()));
        // Its calls go to more addresses than are remembered: the newest are.
        let (_, channel) = trunks.seize(&[carrier(1, 1, Limits::default())], 0).unwrap();
        for n in 0..=CARRIER_ADDRESSES_MAX {
            channel.leads_to(&[to(&format!("198.51.100.7:{}", 6_000 + n))]);
        }
        let (source, newest) = (at("192.0.2.1:5060"), 6_000 + CARRIER_ADDRESSES_MAX);
        assert!(trunks.is_at_a_carrier(at(&format!("198.51.100.7:{newest}")), source));
        assert!(!trunks.is_at_a_carrier(at("192.0.2.5:5060"), source));
    }

    #[test]
    fn channels_of_both_directions_are_counted_and_given_back_however_the_holder_ends() {
        let trunks = Trunks::new(Clock::new());
        let two = carrier(1, 1, Limits { channels: Some(2), calls_per_second: None });
        let (seized, out) = trunks.seize(from_ref(&two), 0).unwrap();
        assert_eq!(seized.carrier, two.id);
        let inbound = trunks.arrive(&two).unwrap();
        assert_eq!(trunks.arrive(&two).err(), Some(CarriersBusy { retry_after_secs: 5 }));
        assert!(trunks.seize(from_ref(&two), 0).is_err());
        let crashed = std::thread::spawn(move || {
            let _held = out;
            panic!("a leg's actor dies");
        });
        assert!(crashed.join().is_err());
        assert_eq!(in_use(&trunks, 1), 1);
        drop(inbound);
        assert_eq!(in_use(&trunks, 1), 0);
        assert_eq!(trunks.snapshot()[0].state.refused, 2);
    }

    #[test]
    fn many_threads_never_get_more_channels_than_there_are() {
        let trunks = Trunks::new(Clock::new());
        let limited = carrier(1, 1, Limits { channels: Some(7), calls_per_second: None });
        let most = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for draw in 0..2_000 {
                        let held: Vec<_> = (0..3).filter_map(|_| trunks.seize(from_ref(&limited), draw).ok()).collect();
                        most.fetch_max(in_use(&trunks, 1), Ordering::Relaxed);
                        drop(held);
                    }
                });
            }
        });
        assert!(most.load(Ordering::Relaxed) <= 7);
        assert_eq!(in_use(&trunks, 1), 0);
    }

    #[test]
    fn a_refused_rate_gives_the_channel_back_and_the_next_carrier_gets_the_call() {
        let trunks = Trunks::new(Clock::new());
        let slow = carrier(1, 1, Limits { channels: None, calls_per_second: Some(1) });
        let next = carrier(2, 2, Limits::default());
        let all = [slow.clone(), next.clone()];
        let (first, _one) = trunks.seize(&all, 0).unwrap();
        let (second, _two) = trunks.seize(&all, 0).unwrap();
        assert_eq!((first.carrier, second.carrier), (slow.id, next.id));
        assert_eq!(in_use(&trunks, 1), 1);
        assert!(trunks.arrive(&slow).is_ok(), "each direction has a bucket of its own");
        assert_eq!(trunks.seize(&[slow], 0).err(), Some(CarriersBusy { retry_after_secs: 1 }));
    }

    #[test]
    fn a_carrier_that_is_down_comes_last_and_its_route_is_handed_over() {
        let trunks = Trunks::new(Clock::new());
        let all = [carrier(1, 1, Limits::default()), carrier(2, 2, Limits::default())];
        let route = vec!["<sip:edge.example;lr>".to_owned()];
        let standing = |up| Standing { name: "x".into(), up, service_route: route.clone(), ..Standing::default() };
        trunks.publish(all[0].id, standing(false));
        trunks.publish(all[1].id, standing(true));
        let (seized, _channel) = trunks.seize(&all, 0).unwrap();
        assert_eq!(seized, SeizedCarrier { carrier: all[1].id, route: route.clone() });
        let (seized, _channel) = trunks.seize(&all[..1], 0).unwrap();
        assert_eq!(seized.carrier, all[0].id, "there is no other");
        assert!(!trunks.state(all[0].id).unwrap().up);
        trunks.forget(all[0].id);
        assert_eq!(trunks.state(all[0].id), None);
    }

    #[test]
    fn a_carrier_that_asked_for_it_is_left_alone_and_the_caller_is_told_for_how_long() {
        let clock = Clock::new();
        let trunks = Trunks::new(clock);
        let all = [carrier(1, 1, Limits::default()), carrier(2, 2, Limits::default())];
        let until = clock.now() + Duration::from_secs(40);
        let standing =
            |left_alone_until| Standing { name: "x".into(), up: true, left_alone_until, ..Standing::default() };
        trunks.publish(all[0].id, standing(Some(until)));
        let (seized, _channel) = trunks.seize(&all, 0).unwrap();
        assert_eq!(seized.carrier, all[1].id);
        let Err(CarriersBusy { retry_after_secs }) = trunks.seize(&all[..1], 0) else { panic!("it was left alone") };
        assert!((30..=40).contains(&retry_after_secs), "{retry_after_secs}");
        let state = trunks.state(all[0].id).unwrap();
        assert!(state.retry_after_secs.is_some_and(|secs| (30..=40).contains(&secs)), "{state:?}");
        assert!(trunks.arrive(&all[0]).is_ok(), "its own calls are taken");
        // That time is over.
        trunks.publish(all[0].id, standing(Some(clock.now())));
        assert_eq!(trunks.seize(&all, 0).unwrap().0.carrier, all[0].id);
        assert_eq!(trunks.state(all[0].id).unwrap().retry_after_secs, None);
    }

    #[actix::test]
    async fn calls_tell_once_of_the_carrier_and_only_what_it_did_itself() {
        struct Desk(tokio::sync::mpsc::Sender<CallResult>);
        impl Actor for Desk {
            type Context = Context<Self>;
        }
        impl Handler<CallNews> for Desk {
            type Result = ();
            fn handle(&mut self, news: CallNews, _: &mut Self::Context) {
                self.0.try_send(news.result).unwrap();
            }
        }
        let (tell, mut told) = tokio::sync::mpsc::channel(16);
        let desk = Desk(tell).start();
        let trunks = Trunks::new(Clock::new());
        trunks.connect(desk.clone().recipient());
        let c = carrier(1, 1, Limits::default());
        let suspect = Standing { name: "x".into(), up: true, suspect: true, ..Standing::default() };
        trunks.publish(c.id, suspect);
        let end_after = |by, status, reason: &str, retry_after| {
            LegReport::Ended(LegEnd {
                status,
                reason: reason.into(),
                by,
                call_id: String::new(),
                cause: None,
                retry_after,
                was_silent: false,
                headers: vec![],
            })
        };
        let end = |by, status, reason: &str| end_after(by, status, reason, None);
        let mut unheard = end(EndedBy::Local, 487, "Request Terminated");
        if let LegReport::Ended(end) = &mut unheard {
            end.was_silent = true;
        }
        let retry_after = Duration::from_secs(30);
        for report in [
            end(EndedBy::Remote, 503, "Service Unavailable"),
            end_after(EndedBy::Remote, 503, "Service Unavailable", Some(retry_after)),
            end(EndedBy::Failure, 408, "Request Timeout"),
            unheard,
            end(EndedBy::Failure, 503, NO_MEDIA_PORT),
            end(EndedBy::Failure, 503, KEPT_BACK),
            end(EndedBy::Local, 487, "Request Terminated"),
            end(EndedBy::Remote, 486, "Busy Here"),
        ] {
            let (_, mut channel) = trunks.seize(from_ref(&c), 0).unwrap();
            channel.note(&report);
            channel.note(&end(EndedBy::Failure, 408, "Request Timeout"));
            let mut inbound = trunks.arrive(&c).unwrap();
            inbound.note(&report);
        }
        let mut heard = Vec::new();
        for _ in 0..5 {
            heard.push(told.recv().await.unwrap());
        }
        let overloaded = CallResult::Overloaded { retry_after };
        assert_eq!(
            heard,
            [CallResult::Failed, overloaded, CallResult::Failed, CallResult::Failed, CallResult::Answered]
        );
        assert!(told.try_recv().is_err());
    }
}
