//! What connections to customers that are no HTTP requests have in common with those that are: where they may go, and how they are signed.

use std::net::{IpAddr, SocketAddr};

use tandem_laml::instruction::FetchFailure;
use url::{Host, Url};

use super::client::WebhookClient;
use super::failure::code;
use super::signature;

impl WebhookClient {
    /// The addresses that a connection to the URL's host may go to (promises row 18): the connection is to be made to exactly these.
    ///
    /// # Errors
    /// The name has none, or none that may be reached.
    pub(crate) async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, FetchFailure> {
        let port = url.port_or_known_default().unwrap_or_default();
        let found: Vec<SocketAddr> = match url.host() {
            Some(Host::Ipv4(ip)) => vec![(ip, port).into()],
            Some(Host::Ipv6(ip)) => vec![(ip, port).into()],
            Some(Host::Domain(name)) => {
                let found = tokio::net::lookup_host((name, port)).await;
                found.map_err(|e| fail(code::DNS, format!("{name} does not resolve: {e}")))?.collect()
            }
            None => return Err(fail(code::INVALID_URL, "the URL has no host".to_owned())),
        };
        let mut refused = None;
        let mut good = Vec::with_capacity(found.len());
        for address in found {
            match self.inner().guard.check(address.ip()) {
                Ok(()) => good.push(address),
                Err(why) => refused = Some(why),
            }
        }
        match (good.is_empty(), refused) {
            (false, _) => Ok(good),
            (true, Some(why)) => Err(fail(code::NO_RESPONSE, why.to_string())),
            (true, None) => Err(fail(code::DNS, format!("{} has no address", url.host_str().unwrap_or_default()))),
        }
    }

    /// Whether the operator listed the address.
    pub(crate) fn is_listed(&self, address: IpAddr) -> bool {
        self.inner().guard.is_listed(address)
    }

    /// The headers that sign a GET of this URL (laml.md 2.6), which has no user in it; none without a key.
    pub(crate) fn get_signature(&self, url: &str) -> Vec<(&'static str, String)> {
        let key = &self.inner().signing_key;
        if key.is_empty() {
            return Vec::new();
        }
        let value = signature::sign(key, url, &[]);
        signature::HEADERS.iter().map(|name| (*name, value.clone())).collect()
    }
}

fn fail(code: u32, message: String) -> FetchFailure {
    FetchFailure { code, message }
}
