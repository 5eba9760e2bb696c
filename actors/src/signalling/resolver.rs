use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tandem_model::limits::DNS_RECORDS_MAX;
use tandem_model::{Endpoint, HostId, Transport};
use tandem_sip::locate::{Answer, Hop, LocateError, Locator, Naptr, Query, Srv, Supported, Target};
use tandem_sip::message::Uri;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::transport::{Transports, Verify};
use crate::world::SystemEntropy;

/// For one URI, with all it takes.
const ALL_QUERIES: Duration = Duration::from_secs(5);
/// For one try of one question; the second goes to the next server.
const ONE_TRY: Duration = Duration::from_millis(1_200);
const TRIES: usize = 2;

/// Where SIP URIs lead, by DNS (RFC 3263). Answers are kept for as long as they say, and so is that there is none.
/// Clones share it; look-ups run on the runtime that made it.
#[derive(Clone)]
pub struct Resolver(Arc<Shared>);

struct Shared {
    dns: TokioResolver,
    transports: Transports,
    supported: Supported,
    runtime: Handle,
}

impl Resolver {
    /// Asks `servers`, or those of the system when there are none. To be called on a tokio runtime.
    ///
    /// # Errors
    /// Why there can be no resolver.
    pub fn new(transports: Transports, servers: &[SocketAddr]) -> Result<Resolver, String> {
        let provider = TokioRuntimeProvider::default();
        let mut builder = if servers.is_empty() {
            TokioResolver::builder_tokio().unwrap_or_else(|error| {
                tracing::warn!(%error, "no DNS servers known: host names of the hosts file alone resolve");
                TokioResolver::builder_with_config(ResolverConfig::default(), provider)
            })
        } else {
            let servers = servers.iter().map(name_server).collect();
            TokioResolver::builder_with_config(ResolverConfig::from_name_servers(servers), provider)
        };
        let options = builder.options_mut();
        options.timeout = ONE_TRY;
        options.attempts = TRIES;
        let dns = builder.build().map_err(|e| e.to_string())?;
        let supported = supported(transports.listening());
        Ok(Resolver(Arc::new(Shared { dns, transports, supported, runtime: Handle::current() })))
    }

    /// Where to try `uri`, in order; one place at least. Over TLS the peer has to prove the URI's host.
    ///
    /// # Errors
    /// Why it leads nowhere, for the call's record.
    pub async fn resolve(&self, uri: &str, verify: Verify) -> Result<Vec<Endpoint>, String> {
        let parsed = Uri::parse(uri).map_err(|_| format!("{uri:?} is no URI"))?;
        let target = Target::of(&parsed).map_err(|e| e.to_string())?;
        let (host, domain) = (target.host.clone(), target.domain.clone());
        let locator = Locator::new(target, self.0.supported.clone());
        let found = match locator.hops().cloned() {
            Some(found) => found,
            None => {
                let shared = self.0.clone();
                let look_up = async move { timeout(ALL_QUERIES, shared.locate(locator)).await };
                match self.0.runtime.spawn(look_up).await {
                    Ok(Ok(found)) => found,
                    Ok(Err(_)) | Err(_) => Err(LocateError::Unanswered),
                }
            }
        };
        let hops = found.map_err(|e| format!("{host}: {e}"))?;
        Ok(hops.into_iter().map(|hop| self.endpoint(hop, &domain, verify)).collect())
    }

    fn endpoint(&self, hop: Hop, domain: &str, verify: Verify) -> Endpoint {
        let by_address = verify == Verify::Yes && domain.parse() == Ok(hop.addr.ip());
        let host = match hop.transport {
            // Its address is what such a peer proves without being asked.
            Transport::Tls if !by_address => self.0.transports.host(domain, verify),
            _ => HostId::NONE,
        };
        Endpoint { transport: hop.transport, addr: hop.addr, host }
    }
}

impl Shared {
    async fn locate(&self, mut locator: Locator) -> Result<Vec<Hop>, LocateError> {
        let mut entropy = SystemEntropy::new();
        loop {
            let questions: Vec<Query> = std::iter::from_fn(|| locator.poll_query()).collect();
            if questions.is_empty() {
                return locator.hops().cloned().unwrap_or(Err(LocateError::Unanswered));
            }
            let answers = join_all(questions.iter().map(|q| self.ask(q))).await;
            for (question, answer) in questions.iter().zip(answers) {
                locator.handle_answer(question, answer, &mut entropy);
            }
        }
    }

    async fn ask(&self, query: &Query) -> Answer {
        match query {
            Query::Naptr(name) => match self.records(name, RecordType::NAPTR).await {
                Some(records) => Answer::Naptr(records.into_iter().filter_map(naptr).collect()),
                None => Answer::Failed,
            },
            Query::Srv(name) => match self.records(name, RecordType::SRV).await {
                Some(records) => Answer::Srv(records.into_iter().filter_map(srv).collect()),
                None => Answer::Failed,
            },
            Query::Addresses(name) => {
                let (v4, v6) = (self.supported.ipv4, self.supported.ipv6);
                let of = async |wanted, kind| if wanted { self.records(name, kind).await } else { Some(Vec::new()) };
                let (a, aaaa) = futures_util::future::join(of(v4, RecordType::A), of(v6, RecordType::AAAA)).await;
                if a.is_none() && aaaa.is_none() {
                    return Answer::Failed;
                }
                Answer::Addresses(a.into_iter().chain(aaaa).flatten().filter_map(address).collect())
            }
        }
    }

    /// Empty when there are none; None when nobody could say.
    async fn records(&self, name: &str, kind: RecordType) -> Option<Vec<RData>> {
        let Ok(mut name) = Name::from_ascii(name) else { return Some(Vec::new()) };
        // A bare label is one of this network, which the system's search list completes.
        name.set_fqdn(name.num_labels() > 1);
        match self.dns.lookup(name, kind).await {
            Ok(found) => {
                let records = found.answers().iter().filter(|r| r.record_type() == kind);
                Some(records.take(DNS_RECORDS_MAX).map(|r| r.data.clone()).collect())
            }
            Err(error) if error.is_no_records_found() => Some(Vec::new()),
            Err(error) => {
                log_failure(&error, kind);
                None
            }
        }
    }
}

fn log_failure(error: &NetError, kind: RecordType) {
    tracing::debug!(%error, %kind, "DNS did not answer");
}

fn naptr(data: RData) -> Option<Naptr> {
    let RData::NAPTR(r) = data else { return None };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(Naptr {
        order: r.order,
        preference: r.preference,
        flags: text(&r.flags),
        service: text(&r.services),
        replacement: bare(&r.replacement),
    })
}

fn srv(data: RData) -> Option<Srv> {
    let RData::SRV(r) = data else { return None };
    Some(Srv { priority: r.priority, weight: r.weight, port: r.port, target: bare(&r.target) })
}

fn address(data: RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(a) => Some(IpAddr::V6(a.0)),
        _ => None,
    }
}

/// Without the last dot.
fn bare(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}

fn name_server(addr: &SocketAddr) -> NameServerConfig {
    let at = |mut connection: ConnectionConfig| {
        connection.port = addr.port();
        connection
    };
    NameServerConfig::new(addr.ip(), true, vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())])
}

/// Streams connect from anywhere; UDP from a socket of the same family. WebSocket servers are not called (RFC 7118 section 4).
fn supported(listening: &[Endpoint]) -> Supported {
    let udp = listening.iter().any(|l| l.transport == Transport::Udp);
    let mut transports = vec![Transport::Tcp, Transport::Tls];
    if udp {
        transports.insert(0, Transport::Udp);
    }
    let family = |v4| listening.iter().any(|l| l.addr.is_ipv4() == v4);
    Supported { transports, ipv4: family(true), ipv6: family(false) }
}
