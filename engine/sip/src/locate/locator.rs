use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use tandem_model::limits::{DNS_RECORDS_MAX, SIP_HOPS_MAX};
use tandem_model::{Entropy, Transport};

use super::srv::{Srv, ordered};
use super::target::{Hop, Target};

/// One question to DNS. Names are without the last dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Query {
    Naptr(String),
    Srv(String),
    /// A and AAAA.
    Addresses(String),
}

/// What DNS said. No such name and no such record are empty lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Naptr(Vec<Naptr>),
    Srv(Vec<Srv>),
    Addresses(Vec<IpAddr>),
    /// No answer, or a broken one.
    Failed,
}

/// One NAPTR record (RFC 3403), as far as SIP uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naptr {
    pub order: u16,
    pub preference: u16,
    pub flags: String,
    pub service: String,
    pub replacement: String,
}

/// What this side can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supported {
    /// In the order of preference where the other side leaves the choice.
    pub transports: Vec<Transport>,
    pub ipv4: bool,
    pub ipv6: bool,
}

/// Why a URI leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocateError {
    /// Not of scheme `sip` or `sips`.
    Scheme,
    /// Its transport is unknown, cannot be secured, or is not offered here.
    Transport,
    /// DNS knows no address, or says that there is no such service.
    NoAddress,
    /// DNS did not answer.
    Unanswered,
}

/// Finds where one URI leads.
///
/// ```text
///   literal address ───────────────────────────────────────────────► hops
///   a port          ─────────────────────────────────► A, AAAA ────► hops
///   a transport     ───────────► SRV of it ──────────► A, AAAA ────► hops   (no SRV: the name itself)
///   neither         ─► NAPTR ──► SRV of each service ► A, AAAA ────► hops   (no NAPTR: SRV of all we support)
/// ```
///
/// Take queries until there are none, hand in their answers in any order, and look for hops after each.
#[derive(Debug)]
pub struct Locator {
    target: Target,
    supported: Supported,
    stage: Stage,
    questions: VecDeque<Query>,
    unanswered: bool,
}

#[derive(Debug)]
enum Stage {
    Naptr,
    Srv(Vec<Service>),
    Addresses(Vec<Place>),
    Done(Result<Vec<Hop>, LocateError>),
}

#[derive(Debug)]
struct Service {
    transport: Transport,
    name: String,
    found: Option<Vec<Srv>>,
}

#[derive(Debug)]
struct Place {
    transport: Transport,
    host: String,
    port: u16,
    found: Option<Vec<IpAddr>>,
}

impl Locator {
    pub fn new(target: Target, supported: Supported) -> Locator {
        let mut locator =
            Locator { target, supported, stage: Stage::Naptr, questions: VecDeque::new(), unanswered: false };
        locator.start();
        locator
    }

    /// What to look up; None until an answer brings more.
    pub fn poll_query(&mut self) -> Option<Query> {
        self.questions.pop_front()
    }

    /// What came of a query. One that is of no stage any more changes nothing.
    pub fn handle_answer(&mut self, query: &Query, answer: Answer, entropy: &mut dyn Entropy) {
        self.unanswered |= answer == Answer::Failed;
        match (&mut self.stage, query) {
            (Stage::Naptr, Query::Naptr(_)) => {
                let records = if let Answer::Naptr(records) = answer { records } else { Vec::new() };
                self.services(records);
            }
            (Stage::Srv(services), Query::Srv(name)) => {
                let mut records = if let Answer::Srv(records) = answer { records } else { Vec::new() };
                records.truncate(DNS_RECORDS_MAX);
                for service in services.iter_mut().filter(|s| s.name == *name) {
                    service.found = Some(records.clone());
                }
                if services.iter().all(|s| s.found.is_some()) {
                    self.places(entropy);
                }
            }
            (Stage::Addresses(places), Query::Addresses(host)) => {
                let addresses = if let Answer::Addresses(addresses) = answer { addresses } else { Vec::new() };
                for place in places.iter_mut().filter(|p| p.host == *host) {
                    place.found = Some(addresses.clone());
                }
                if places.iter().all(|p| p.found.is_some()) {
                    self.finish();
                }
            }
            (Stage::Naptr | Stage::Srv(_) | Stage::Addresses(_) | Stage::Done(_), _) => {}
        }
    }

    /// Where to go, in order, [`SIP_HOPS_MAX`] at most and one at least; None while answers are waited for.
    pub fn hops(&self) -> Option<&Result<Vec<Hop>, LocateError>> {
        match &self.stage {
            Stage::Done(hops) => Some(hops),
            Stage::Naptr | Stage::Srv(_) | Stage::Addresses(_) => None,
        }
    }

    /// RFC 3263 sections 4.1 and 4.2, up to the first question.
    fn start(&mut self) {
        let transport = self.target.default_transport();
        let chosen = self.target.transport.is_some();
        if let Some(ip) = self.target.ip() {
            let port = self.target.port.unwrap_or(transport.default_port());
            self.stage = Stage::Done(if !self.offers(transport) {
                Err(LocateError::Transport)
            } else if !self.reaches(ip) {
                Err(LocateError::NoAddress)
            } else {
                Ok(vec![Hop { transport, addr: SocketAddr::new(ip, port) }])
            });
        } else if chosen && !self.offers(transport) {
            self.stage = Stage::Done(Err(LocateError::Transport));
        } else if let Some(port) = self.target.port {
            match self.offers(transport) {
                true => self.ask_addresses(vec![(transport, self.target.host.clone(), port)]),
                false => self.stage = Stage::Done(Err(LocateError::Transport)),
            }
        } else if chosen {
            self.ask_services(vec![(transport, service_name(transport, &self.target.host))]);
        } else {
            self.questions.push_back(Query::Naptr(self.target.host.clone()));
        }
    }

    /// The services that NAPTR named, or all of ours.
    fn services(&mut self, mut records: Vec<Naptr>) {
        records.sort_by_key(|r| (r.order, r.preference));
        let mut services: Vec<(Transport, String)> = records
            .into_iter()
            .filter(|r| r.flags.eq_ignore_ascii_case("s") && !matches!(r.replacement.as_str(), "" | "."))
            .filter_map(|r| Some((transport_of(&r.service)?, r.replacement)))
            .filter(|(transport, _)| self.offers(*transport) && self.secure_enough(*transport))
            .take(DNS_RECORDS_MAX)
            .collect();
        if services.is_empty() {
            let ours = self.supported.transports.iter().filter(|t| self.secure_enough(**t));
            services = ours.map(|t| (*t, service_name(*t, &self.target.host))).collect();
        }
        if services.is_empty() {
            self.stage = Stage::Done(Err(LocateError::Transport));
            return;
        }
        self.ask_services(services);
    }

    /// The hosts that SRV named; without any record, the name itself at the default port (RFC 3263 section 4.2).
    fn places(&mut self, entropy: &mut dyn Entropy) {
        let Stage::Srv(services) = &mut self.stage else { return };
        let any = services.iter().any(|s| s.found.as_ref().is_some_and(|f| !f.is_empty()));
        let mut places = Vec::new();
        for service in std::mem::take(services) {
            for srv in ordered(service.found.unwrap_or_default(), entropy) {
                if !srv.is_absent() {
                    places.push((service.transport, srv.target, srv.port));
                }
            }
        }
        if !any {
            let transport = self.target.default_transport();
            match self.offers(transport) {
                true => places.push((transport, self.target.host.clone(), transport.default_port())),
                false => {
                    self.stage = Stage::Done(Err(LocateError::Transport));
                    return;
                }
            }
        }
        places.truncate(SIP_HOPS_MAX);
        self.ask_addresses(places);
    }

    fn finish(&mut self) {
        let Stage::Addresses(places) = &self.stage else { return };
        let hops: Vec<Hop> = places
            .iter()
            .flat_map(|place| {
                let found = place.found.iter().flatten().filter(|ip| self.reaches(**ip));
                found.map(|ip| Hop { transport: place.transport, addr: SocketAddr::new(*ip, place.port) })
            })
            .take(SIP_HOPS_MAX)
            .collect();
        self.stage = Stage::Done(match hops.is_empty() {
            false => Ok(hops),
            true if self.unanswered => Err(LocateError::Unanswered),
            true => Err(LocateError::NoAddress),
        });
    }

    fn ask_services(&mut self, services: Vec<(Transport, String)>) {
        for (_, name) in &services {
            self.ask(Query::Srv(name.clone()));
        }
        let service = |(transport, name)| Service { transport, name, found: None };
        self.stage = Stage::Srv(services.into_iter().map(service).collect());
    }

    fn ask_addresses(&mut self, places: Vec<(Transport, String, u16)>) {
        for (_, host, _) in &places {
            self.ask(Query::Addresses(host.clone()));
        }
        let place = |(transport, host, port)| Place { transport, host, port, found: None };
        self.stage = Stage::Addresses(places.into_iter().map(place).collect());
        if matches!(&self.stage, Stage::Addresses(places) if places.is_empty()) {
            self.finish();
        }
    }

    fn ask(&mut self, query: Query) {
        if !self.questions.contains(&query) {
            self.questions.push_back(query);
        }
    }

    fn offers(&self, transport: Transport) -> bool {
        self.supported.transports.contains(&transport)
    }

    fn secure_enough(&self, transport: Transport) -> bool {
        !self.target.secure || matches!(transport, Transport::Tls | Transport::Wss)
    }

    fn reaches(&self, ip: IpAddr) -> bool {
        if ip.to_canonical().is_ipv4() { self.supported.ipv4 } else { self.supported.ipv6 }
    }
}

/// The NAPTR service fields of SIP (RFC 3263 section 4.1, RFC 7118 section 9.4).
fn transport_of(service: &str) -> Option<Transport> {
    let known = [
        ("SIP+D2U", Transport::Udp),
        ("SIP+D2T", Transport::Tcp),
        ("SIPS+D2T", Transport::Tls),
        ("SIP+D2W", Transport::Ws),
        ("SIPS+D2W", Transport::Wss),
    ];
    known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(service)).map(|(_, transport)| transport)
}

/// Where SRV records of a transport stand (RFC 3263 section 4.1, RFC 7118 section 9.4).
fn service_name(transport: Transport, host: &str) -> String {
    let service = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
        Transport::Ws => "_sip._ws",
        Transport::Wss => "_sips._wss",
    };
    format!("{service}.{host}")
}

impl fmt::Display for LocateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LocateError::Scheme => "URI scheme is not sip",
            LocateError::Transport => "transport is not available",
            LocateError::NoAddress => "host has no address",
            LocateError::Unanswered => "host does not resolve: no answer of DNS",
        })
    }
}

impl std::error::Error for LocateError {}
