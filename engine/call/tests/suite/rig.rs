//! One leg and its far end, run through a table of steps.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tandem_call::SentBy;
use tandem_call::leg::{
    CodecUse, Credentials, Destination, Extensions, IncomingInvite, InviteSpec, Leg, LegEffect, LegEnv, MediaPolicy,
    Refused, SharedEnv,
};
use tandem_call::own::Own;
use tandem_model::{Endpoint, HostAddress, LegId, SeedEntropy, Sid, Timestamp, Transport};

use crate::peer::{self, Peer};

/// It listens on one address, for UDP and TCP.
fn sent_by() -> SentBy {
    let listening = [Transport::Udp, Transport::Tcp].map(|t| Endpoint::new(t, ([198, 51, 100, 1], 5060).into()));
    SentBy::new(listening.map(|l| (l, l.addr.to_string())))
}

/// This server, as its legs and calls know it.
pub fn own() -> Arc<Own> {
    Arc::new(Own::new(&sent_by(), &[], &mut SeedEntropy::new(99)))
}

pub fn env() -> SharedEnv {
    env_with(Extensions::default())
}

/// A server of both families of addresses.
pub fn env_of_both() -> SharedEnv {
    let listening =
        ["198.51.100.1:5060", "[2001:db8::1]:5060"].map(|l| Endpoint::new(Transport::Udp, l.parse().unwrap()));
    let ipv6 = "2001:db8::1".parse().ok();
    Arc::new(LegEnv {
        sent_by: SentBy::new(listening.map(|l| (l, l.addr.to_string()))),
        media_address: HostAddress::new(IpAddr::from([198, 51, 100, 1]), ipv6),
        ..(*env()).clone()
    })
}

pub fn env_with(extensions: Extensions) -> SharedEnv {
    Arc::new(LegEnv {
        sent_by: sent_by(),
        media_address: IpAddr::from([198, 51, 100, 1]).into(),
        user_agent: "Tandem".into(),
        codecs: CodecUse::default(),
        extensions,
        own: own(),
    })
}

pub fn spec() -> InviteSpec {
    InviteSpec {
        request_uri: "sip:bob@203.0.113.9".into(),
        destination: Destination::Flow(peer::address()),
        to_uri: "sip:bob@203.0.113.9".into(),
        from_uri: "sip:alice@acme-main.sip.example.test".into(),
        from_display: None,
        max_forwards: 69,
        headers: vec![("X-Tag".into(), "7".into())],
        credentials: Some(Credentials { username: "u".into(), password: "p".into() }),
        realm: None,
        channel: None,
        others_follow: false,
        session_expires_secs: None,
        other_flows: Vec::new(),
        media: MediaPolicy::default(),
        route: vec![],
        max_breadth: None,
        late_offer: false,
    }
}

pub struct Rig {
    pub leg: Leg,
    pub peer: Peer,
    pub now: Timestamp,
}

impl Rig {
    /// Called by the far end, with a description of that name or none.
    pub fn called(offer: &str) -> Rig {
        Rig::try_called(offer).unwrap_or_else(|r| panic!("refused: {r:?}"))
    }

    pub fn try_called(words: &str) -> Result<Rig, Refused> {
        Rig::called_with(words, MediaPolicy::default())
    }

    pub fn called_with(words: &str, policy: MediaPolicy) -> Result<Rig, Refused> {
        Rig::called_in(Extensions::default(), words, policy)
    }

    pub fn called_in(extensions: Extensions, words: &str, policy: MediaPolicy) -> Result<Rig, Refused> {
        Rig::called_as(false, env_with(extensions), words, policy)
    }

    pub fn called_as(unproved: bool, env: SharedEnv, words: &str, policy: MediaPolicy) -> Result<Rig, Refused> {
        let mut peer = Peer::new(LegId(1));
        let message = peer::invite("sip:tandem@198.51.100.1", words);
        let now = Timestamp::from_secs(1);
        let invite = IncomingInvite { key: peer.key(), message, source: peer::address(), received: now, unproved };
        let sid = Sid::from_bytes([1; 16]);
        let entropy = Box::new(SeedEntropy::new(1));
        let leg = Leg::new_incoming(LegId(1), sid, env, policy, invite, entropy)?;
        Ok(Rig { leg, peer, now })
    }

    /// Called in a name that nothing has proved.
    pub fn called_unproved(offer: &str) -> Rig {
        let env = env_with(Extensions::default());
        Rig::called_as(true, env, offer, MediaPolicy::default()).unwrap_or_else(|r| panic!("refused: {r:?}"))
    }

    /// Calls the far end.
    pub fn calling(spec: InviteSpec) -> Rig {
        Rig::calling_in(Extensions::default(), spec)
    }

    pub fn calling_in(extensions: Extensions, spec: InviteSpec) -> Rig {
        Rig::calling_as(env_with(extensions), spec)
    }

    pub fn calling_as(env: SharedEnv, spec: InviteSpec) -> Rig {
        let (sid, entropy) = (Sid::from_bytes([1; 16]), Box::new(SeedEntropy::new(2)));
        let leg = Leg::new_outgoing(LegId(1), sid, env, spec, entropy);
        Rig { leg, peer: Peer::new(LegId(1)), now: Timestamp::from_secs(1) }
    }

    /// Everything the leg wants done, in short.
    pub fn effects(&mut self) -> String {
        let mut out = Vec::new();
        while let Some(effect) = self.leg.poll() {
            out.extend(self.peer.hears(&effect));
            if matches!(effect, LegEffect::Stop) {
                assert!(self.leg.is_over(), "a leg that stops is over");
            }
        }
        out.join("; ")
    }

    pub fn step(&mut self, line: &str) -> String {
        match line.strip_prefix('+') {
            Some(millis) => {
                self.now = self.now + Duration::from_millis(millis.parse().expect("milliseconds"));
                self.leg.expire(self.now);
            }
            None => {
                let input = self.peer.says(line);
                self.leg.handle(self.now, input);
            }
        }
        self.effects()
    }

    /// Each step's input, and what must come of it.
    #[track_caller]
    pub fn run(mut self, steps: &[(&str, &str)]) -> Rig {
        self.effects();
        for (at, (input, want)) in steps.iter().enumerate() {
            let got = self.step(input);
            assert_eq!(got, *want, "step {at}: {input:?}");
        }
        self
    }
}
