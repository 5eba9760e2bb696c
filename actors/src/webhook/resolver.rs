use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::guard::Guard;

/// Resolves with the system's resolver and hands on permitted addresses alone. The connection goes to exactly these, so
/// a name that answers differently the second time gains nothing.
pub(super) struct GuardedResolver {
    pub guard: Arc<Guard>,
}

/// The name has no address.
#[derive(Debug)]
pub(super) struct DnsFailure {
    pub name: String,
    pub reason: String,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Arc::clone(&self.guard);
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map(Iterator::collect);
            let found: Vec<SocketAddr> =
                found.map_err(|error| DnsFailure { name: name.clone(), reason: error.to_string() })?;
            permitted(&guard, name, found)
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
