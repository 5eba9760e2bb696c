//! What tells this server from all others on a call's way: its addresses, the mark it leaves in what it sends, and a secret
//! that proves to it what came from itself.

use std::net::IpAddr;

use tandem_model::{Entropy, LegId, hex_token};
use tandem_sip::auth::ha1_set;

use crate::SentBy;

/// One a process, shared by all legs, calls and shards.
pub struct Own {
    /// Eight hex digits, drawn at start.
    mark: String,
    secret: String,
    /// Host, lower case, and port; None for any port.
    hosts: Vec<(String, Option<u16>)>,
}

impl Own {
    /// `names` are further hosts that lead here, with or without a port.
    pub fn new(sent_by: &SentBy, names: &[String], entropy: &mut dyn Entropy) -> Own {
        let sent_by = sent_by.hosts().map(split_port);
        let hosts = sent_by.chain(names.iter().map(|name| split_port(name))).collect();
        Own { mark: hex_token(entropy, 4), secret: hex_token(entropy, 16), hosts }
    }

    pub fn mark(&self) -> &str {
        &self.mark
    }

    /// Whether a host and port in a URI are this server's. Without a port it is the default one's.
    pub fn is_here(&self, host: &str, port: Option<u16>) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
        self.hosts.iter().any(|(own, own_port)| {
            let same = match (ip, own.parse::<IpAddr>()) {
                (Some(ip), Ok(own)) => ip == own.to_canonical(),
                (None, Err(_)) => *own == host,
                (Some(_), Err(_)) | (None, Ok(_)) => false,
            };
            let default = || port.is_none() && own_port.is_some_and(|p| p == 5060 || p == 5061);
            same && (own_port.is_none() || *own_port == port || default())
        })
    }

    /// The local tag of a dialog: what nobody guesses, and which leg it is of.
    pub fn tag(&self, leg: LegId, entropy: &mut dyn Entropy) -> String {
        format!("{}.{}.{:x}", hex_token(entropy, 8), self.mark, leg.0)
    }

    /// The leg that a tag of ours names.
    pub fn leg_of_tag(&self, tag: &str) -> Option<LegId> {
        let mut parts = tag.split('.');
        let (_, mark, leg) = (parts.next()?, parts.next()?, parts.next()?);
        (mark == self.mark && parts.next().is_none()).then(|| u64::from_str_radix(leg, 16).ok().map(LegId))?
    }

    /// Proves to this process that it said itself: `who` may take the place of a party to the dialog `replaces`.
    pub fn voucher(&self, who: &str, replaces: &str) -> String {
        format!("{} {who}", self.seal(who, replaces))
    }

    /// Who is vouched for, when the voucher is ours and for this dialog.
    pub fn vouched<'a>(&self, voucher: &'a str, replaces: &str) -> Option<&'a str> {
        let (seal, who) = voucher.split_once(' ')?;
        let ours = self.seal(who, replaces);
        // Every byte is looked at, so that time tells nothing.
        let differs = seal.bytes().zip(ours.bytes()).fold(0, |acc, (a, b)| acc | (a ^ b));
        (seal.len() == ours.len() && differs == 0).then_some(who)
    }

    fn seal(&self, who: &str, replaces: &str) -> String {
        ha1_set(who, replaces, &self.secret).sha256
    }
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Own").field("mark", &self.mark).field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// `host`, `host:port`, `[v6]:port` or a bare IPv6 address.
fn split_port(text: &str) -> (String, Option<u16>) {
    let lower = |host: &str| host.trim_matches(['[', ']']).to_ascii_lowercase();
    if text.parse::<IpAddr>().is_ok() {
        return (lower(text), None);
    }
    match text.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
        Some((host, Ok(port))) => (lower(host), Some(port)),
        _ => (lower(text), None),
    }
}

#[cfg(test)]
mod tests {
    use tandem_model::{Endpoint, SeedEntropy, Transport};

    use super::*;

    fn own() -> Own {
        let at = [(Transport::Udp, "192.0.2.1:5060"), (Transport::Tcp, "[2001:db8::1]:5070")];
        let sent_by = SentBy::new(at.map(|(t, host)| (Endpoint::new(t, host.parse().unwrap()), host.to_owned())));
        Own::new(&sent_by, &["pbx.example.org".into()], &mut SeedEntropy::new(1))
    }

    #[test]
    fn own_hosts_are_told_from_others_by_address_port_and_name() {
        let own = own();
        for (host, port) in [
            ("192.0.2.1", Some(5060)),
            ("192.0.2.1", None),
            ("::ffff:192.0.2.1", None),
            ("2001:db8::1", Some(5070)),
            ("PBX.example.org", Some(5999)),
            ("pbx.example.org.", None),
        ] {
            assert!(own.is_here(host, port), "{host} {port:?}");
        }
        for (host, port) in [
            ("192.0.2.1", Some(5080)),
            ("192.0.2.2", None),
            ("2001:db8::1", None),
            ("example.org", None),
            ("xpbx.example.org", None),
        ] {
            assert!(!own.is_here(host, port), "{host} {port:?}");
        }
    }

    #[test]
    fn a_tag_names_its_leg_to_this_process_alone() {
        let (own, mut entropy) = (own(), SeedEntropy::new(2));
        let other = Own::new(&SentBy::default(), &[], &mut entropy);
        let tag = own.tag(LegId(0x12_3456), &mut entropy);
        assert_eq!(own.leg_of_tag(&tag), Some(LegId(0x12_3456)));
        assert_eq!(other.leg_of_tag(&tag), None);
        for bad in ["", "a", "a.b.c", &format!("{tag}.1"), &format!("{tag}g"), "1928301774"] {
            assert_eq!(own.leg_of_tag(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_voucher_holds_for_its_dialog_and_its_bearer() {
        let (own, other) = (own(), Own::new(&SentBy::default(), &[], &mut SeedEntropy::new(3)));
        let voucher = own.voucher("endpoint:1", "a;to-tag=b;from-tag=c");
        assert_eq!(own.vouched(&voucher, "a;to-tag=b;from-tag=c"), Some("endpoint:1"));
        assert_eq!(own.vouched(&voucher, "a;to-tag=b;from-tag=d"), None);
        assert_eq!(own.vouched(&voucher.replace("endpoint:1", "endpoint:2"), "a;to-tag=b;from-tag=c"), None);
        assert_eq!(other.vouched(&voucher, "a;to-tag=b;from-tag=c"), None);
        assert_eq!(own.vouched("", "a;to-tag=b;from-tag=c"), None);
    }
}
