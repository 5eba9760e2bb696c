use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tandem_actors::store::{digest_secrets, secrets_equal};
use tandem_model::Endpoint;

use super::Demo;
use super::documents::APPS;
use super::keepsake::Keepsake;
use crate::naming::reachable;

impl Demo {
    /// How to try it, for the terminal: phones, what to dial, a call by REST, the dashboard. It holds the demo's
    /// passwords, and the API token where that was made up.
    pub fn instructions(&self, domain: &str, sip: &[Endpoint], http: &[SocketAddr]) -> String {
        let catalog = self.store.catalog();
        let state = self.store.project();
        let passwords = self.keepsake.phones().map(|(name, password)| {
            let stored = catalog.endpoint_by_username(name);
            let made = digest_secrets(name, &state.project.realm, password);
            let is_ours = stored.is_some_and(|e| secrets_equal(e.secrets.sha256.as_bytes(), made.sha256.as_bytes()));
            (name, is_ours.then_some(password))
        });
        let facts = Facts {
            passwords,
            domain,
            apps_domain: format!("dapp.{}", state.project.domain),
            space: &state.project.space,
            project: &state.project.id,
            token: self.token(),
            sip: sip.iter().map(|e| (e.transport.to_string(), named(e.addr))).collect(),
            http: http.first().copied().map(named),
            documents: self.listen,
            speaks: self.speaks,
        };
        facts.text()
    }

    fn token(&self) -> Option<&str> {
        let Keepsake { token, .. } = &self.keepsake;
        token.as_deref().filter(|t| self.store.project().accepts_token(t))
    }
}

/// What the text is made of.
pub(super) struct Facts<'a> {
    /// None where the endpoint has another password than the demo's.
    pub passwords: [(&'a str, Option<&'a str>); 2],
    pub domain: &'a str,
    pub apps_domain: String,
    pub space: &'a str,
    pub project: &'a str,
    /// None when the demo does not know it.
    pub token: Option<&'a str>,
    pub sip: Vec<(String, SocketAddr)>,
    pub http: Option<SocketAddr>,
    pub documents: SocketAddr,
    pub speaks: bool,
}

impl Facts<'_> {
    pub fn text(&self) -> String {
        let mut out = String::new();
        let done = self.write(&mut out);
        debug_assert!(done.is_ok(), "writing to a String does not fail");
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nDemo. Set up two SIP phones (these passwords are for trying only):")?;
        for (name, password) in &self.passwords {
            let password = password.unwrap_or("(the one this endpoint was given; not the demo's)");
            writeln!(out, "      user           {name:<7} password {password}")?;
        }
        writeln!(out, "      domain         {}", self.domain)?;
        writeln!(out, "      outbound proxy {}", self.proxies())?;
        writeln!(out, "    The proxy is needed: the domains below are this server's own and in no DNS.\n")?;

        let space = self.space.to_ascii_lowercase();
        let app = |name: &str| format!("sip:me@{space}-{name}.{}", self.apps_domain);
        let what = |name: &str| match name {
            "echo" => "hear yourself",
            "hello" => "be greeted, press a key",
            _ => "let an application ring bob, hear how it went",
        };
        let calls: Vec<(String, &str)> =
            std::iter::once((format!("bob, or sip:bob@{}", self.domain), "call the other phone"))
                .chain(APPS.iter().map(|name| (app(name), what(name))))
                .collect();
        let width = calls.iter().map(|(to, _)| to.len()).max().unwrap_or(0);
        writeln!(out, "Dial from alice:")?;
        for (to, what) in &calls {
            writeln!(out, "      {to:<width$}   {what}")?;
        }

        let Some(http) = self.http else { return Ok(()) };
        let token = self.token.unwrap_or("TOKEN");
        let prompt = if self.speaks {
            "<Say>This call came by REST.</Say>".to_owned()
        } else {
            format!("<Play>http://{}/tones/greeting.wav</Play>", self.documents)
        };
        write!(
            out,
            "\nHave the server call alice:\n      \
             curl -u '{project}:{token}' \\\n        \
             'http://{http}/api/laml/2010-04-01/Accounts/{project}/Calls.json' \\\n        \
             -d From=demo --data-urlencode 'To=sip:alice@{domain}' \\\n        \
             --data-urlencode 'Twiml=<Response>{prompt}<Echo timeout=\"60\"/></Response>'\n",
            project = self.project,
            domain = self.domain,
        )?;
        if self.token.is_none() {
            writeln!(
                out,
                "    TOKEN is the API token: yours ([project] token), or the one the very first start printed."
            )?;
        }
        writeln!(out, "\nLook at http://{http}/ (user {}, password {token})\n", self.project)?;
        if !self.speaks {
            writeln!(out, "    The speech engine is not installed: applications play tones instead of speaking.")?;
        }
        write!(out, "    The applications' documents come from http://{}/", self.documents)
    }

    /// One address when UDP and TCP share it.
    fn proxies(&self) -> String {
        let mut by_address: Vec<(SocketAddr, Vec<&str>)> = Vec::new();
        for (transport, addr) in &self.sip {
            match by_address.iter_mut().find(|(a, _)| a == addr) {
                Some((_, transports)) => transports.push(transport),
                None => by_address.push((*addr, vec![transport])),
            }
        }
        let mut out = String::new();
        for (i, (addr, transports)) in by_address.iter().enumerate() {
            let sep = if i == 0 { "" } else { ", or " };
            // Writing to a String does not fail.
            let _ = write!(out, "{sep}{addr} ({})", transports.join(" or "));
        }
        out
    }
}

/// An address that can be typed where all of them are listened on.
fn named(addr: SocketAddr) -> SocketAddr {
    let ip = reachable(addr.ip()).unwrap_or(addr.ip());
    let ip = if ip.is_unspecified() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { ip };
    SocketAddr::new(ip, addr.port())
}
