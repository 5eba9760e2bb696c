use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tandem_model::limits::DNS_RECORDS_MAX;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

use super::guard::Guard;

/// For one try of one question; the second goes to the next server. Both fit into the usual time to connect.
const ONE_TRY: Duration = Duration::from_millis(900);
const TRIES: usize = 2;

/// Resolves names without a thread for each, and hands on permitted addresses alone. The connection goes to exactly these, so a
/// name that answers differently the second time gains nothing.
pub(super) struct GuardedResolver {
    pub guard: Arc<Guard>,
    pub names: Arc<Names>,
}

/// Names and their addresses, by the hosts file and DNS. Answers are kept for as long as they say. Look-ups run on the runtime that
/// asked first.
pub(super) struct Names {
    servers: Vec<SocketAddr>,
    dns: OnceCell<(TokioResolver, Handle)>,
}

/// The name has no address.
#[derive(Debug)]
pub(super) struct DnsFailure {
    pub name: String,
    pub reason: String,
}

/// What became of the look-up of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookUp {
    /// The host is an address, or a connection stood already.
    None,
    Took(Duration),
    /// It was under way when the request ended.
    Unfinished,
}

tokio::task_local! {
    /// That of the request under way: how long it took in microseconds, from 1.
    static LOOK_UP: Arc<AtomicU64>;
}

const UNFINISHED: u64 = u64::MAX;

/// Runs `request` and tells of its look-up.
pub(super) async fn with_look_up<T>(request: impl Future<Output = T>) -> (T, LookUp) {
    let took = Arc::new(AtomicU64::new(0));
    let out = LOOK_UP.scope(Arc::clone(&took), request).await;
    let look_up = match took.load(Ordering::Relaxed) {
        0 => LookUp::None,
        UNFINISHED => LookUp::Unfinished,
        micros => LookUp::Took(Duration::from_micros(micros)),
    };
    (out, look_up)
}

impl Names {
    /// Asks `servers`, or those of the system when there are none.
    pub fn new(servers: Vec<SocketAddr>) -> Names {
        Names { servers, dns: OnceCell::new() }
    }

    async fn addresses(&self, name: &str) -> Result<Vec<SocketAddr>, DnsFailure> {
        let failed = |reason: String| DnsFailure { name: name.to_owned(), reason };
        let (dns, runtime) = self.dns.get_or_try_init(|| async { self.resolver() }).await.map_err(&failed)?;
        let (dns, asked) = (dns.clone(), name.to_owned());
        let found = runtime.spawn(async move { dns.lookup_ip(asked).await }).await;
        let found = found.map_err(|_| failed("the look-up ended half-way".to_owned()))?;
        let found = found.map_err(|error| {
            tracing::debug!(%error, "a webhook's host does not resolve");
            failed(if error.is_no_records_found() { "no such name" } else { "DNS does not answer" }.to_owned())
        })?;
        Ok(found.iter().take(DNS_RECORDS_MAX).map(|ip| SocketAddr::new(ip, 0)).collect())
    }

    fn resolver(&self) -> Result<(TokioResolver, Handle), String> {
        let provider = TokioRuntimeProvider::default();
        let mut builder = if self.servers.is_empty() {
            TokioResolver::builder_tokio().unwrap_or_else(|error| {
                tracing::warn!(%error, "no DNS servers known: host names of the hosts file alone resolve");
                TokioResolver::builder_with_config(ResolverConfig::default(), provider)
            })
        } else {
            let servers = self.servers.iter().map(name_server).collect();
            TokioResolver::builder_with_config(ResolverConfig::from_name_servers(servers), provider)
        };
        let options: &mut ResolverOpts = builder.options_mut();
        options.timeout = ONE_TRY;
        options.attempts = TRIES;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.use_hosts_file = ResolveHosts::Always;
        Ok((builder.build().map_err(|e| e.to_string())?, Handle::current()))
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, names) = (Arc::clone(&self.guard), Arc::clone(&self.names));
        // Asked for within the request's own task, though the connection may outlive it.
        let look_up = LOOK_UP.try_with(Arc::clone).ok();
        if let Some(look_up) = &look_up {
            look_up.store(UNFINISHED, Ordering::Relaxed);
        }
        Box::pin(async move {
            let begun = Instant::now();
            let found = names.addresses(name.as_str()).await;
            if let Some(look_up) = look_up {
                let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
                look_up.store(micros.clamp(1, UNFINISHED - 1), Ordering::Relaxed);
            }
            permitted(&guard, name.as_str().to_owned(), found?)
        })
    }
}

fn permitted(
    guard: &Guard,
    name: String,
    found: Vec<SocketAddr>,
) -> Result<Addrs, Box<dyn std::error::Error + Send + Sync>> {
    let mut refused = None;
    let mut good = Vec::with_capacity(found.len());
    for address in found {
        match guard.check(address.ip()) {
            Ok(()) => good.push(address),
            Err(reason) => refused = Some(reason),
        }
    }
    match (good.is_empty(), refused) {
        (false, _) => Ok(Box::new(good.into_iter())),
        (true, Some(reason)) => Err(reason.into()),
        (true, None) => Err(DnsFailure { name, reason: "no address".to_owned() }.into()),
    }
}

fn name_server(addr: &SocketAddr) -> NameServerConfig {
    let at = |mut connection: ConnectionConfig| {
        connection.port = addr.port();
        connection
    };
    NameServerConfig::new(addr.ip(), true, vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())])
}

impl fmt::Display for DnsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not resolve: {}", self.name, self.reason)
    }
}

impl std::error::Error for DnsFailure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_answers_only_the_public_one_is_used() {
        let found = vec!["127.0.0.1:0".parse().unwrap(), "8.8.8.8:0".parse().unwrap()];
        let good: Vec<SocketAddr> = permitted(&Guard::default(), "twice.example".into(), found).unwrap().collect();
        assert_eq!(good, ["8.8.8.8:0".parse().unwrap()]);
    }

    #[test]
    fn a_name_of_private_addresses_alone_is_refused_with_its_rule() {
        let found = vec!["10.0.0.1:0".parse().unwrap()];
        let error = permitted(&Guard::default(), "inside.example".into(), found).err().unwrap();
        assert!(error.downcast_ref::<super::super::guard::Refused>().is_some(), "{error}");
    }
}
