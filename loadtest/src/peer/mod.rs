//! What is measured, as the generator drives it: a SIP server, rtpengine, or a relay with fixed ports.

mod bencode;
mod ng;

use std::net::{IpAddr, SocketAddr};

use clap::Args;

use crate::media::{Kind, Remote};
use crate::sip::{Account, Agents, Established};

/// Where it is, and how it is driven.
#[derive(Args, Clone, Debug)]
pub struct PeerArgs {
    /// SIP address of a server, UDP.
    #[arg(long, requires_all = ["caller", "callee"])]
    server: Option<SocketAddr>,
    /// The calling endpoint of the SIP server, user:password.
    #[arg(long, value_parser = account)]
    caller: Option<Account>,
    /// The called endpoint of the SIP server, user:password.
    #[arg(long, value_parser = account)]
    callee: Option<Account>,
    /// Address of rtpengine's NG protocol, UDP.
    #[arg(long, conflicts_with = "server")]
    ng: Option<SocketAddr>,
    /// Address of the first port of the minimal relay.
    #[arg(long, conflicts_with_all = ["server", "ng"])]
    floor: Option<SocketAddr>,
}

fn account(text: &str) -> Result<Account, String> {
    let (user, password) = text.split_once(':').ok_or("must be user:password")?;
    Ok(Account { user: user.into(), password: password.into() })
}

impl PeerArgs {
    /// # Errors
    /// No peer was given.
    pub fn address(&self) -> Result<IpAddr, String> {
        let address = self.server.or(self.ng).or(self.floor).ok_or("one of --server, --ng and --floor is needed")?;
        Ok(address.ip())
    }
}

pub enum Peer {
    Sip(Box<Agents>),
    Ng(ng::NgCalls),
    /// Ports from `first` on, two a call; and calls so far.
    Floor {
        first: u16,
        calls: u16,
    },
}

impl Peer {
    /// `descriptions`: what the caller and the callee of each call say.
    ///
    /// # Errors
    /// It does not answer, or does not do this kind.
    pub fn connect(args: &PeerArgs, kind: Kind, descriptions: [String; 2]) -> Result<Self, Box<dyn std::error::Error>> {
        match (args.server, &args.caller, &args.callee, args.ng, args.floor) {
            (Some(server), Some(caller), Some(callee), ..) => {
                let [caller_sdp, callee_sdp] = descriptions;
                let (caller, callee) = ((caller.clone(), caller_sdp), (callee.clone(), callee_sdp));
                Ok(Peer::Sip(Box::new(Agents::new(server, caller, callee)?)))
            }
            (_, _, _, Some(address), _) => Ok(Peer::Ng(ng::NgCalls::new(address, kind, descriptions)?)),
            (_, _, _, _, Some(floor)) if kind == Kind::Relay => Ok(Peer::Floor { first: floor.port(), calls: 0 }),
            (_, _, _, _, Some(_)) => Err("the minimal relay can do nothing but relay".into()),
            _ => Err("one of --server, --ng and --floor is needed".into()),
        }
    }

    /// Sets up `more` calls; where the caller and the callee of each send to.
    ///
    /// # Errors
    /// The first failure.
    pub fn establish(&mut self, more: usize, rate: u32) -> Result<Vec<[Remote; 2]>, String> {
        match self {
            Peer::Sip(agents) => {
                let Established { callers, callees } = agents.establish(more, rate)?;
                Ok(callers.into_iter().zip(callees).map(|(caller, callee)| [caller, callee]).collect())
            }
            Peer::Ng(calls) => calls.establish(more, rate),
            Peer::Floor { first, calls } => (0..more)
                .map(|_| {
                    let caller = first.checked_add(*calls * 2).ok_or("no port left")?;
                    *calls += 1;
                    Ok([Remote::plain(caller), Remote::plain(caller.checked_add(1).ok_or("no port left")?)])
                })
                .collect(),
        }
    }

    /// Keeps the calls up; to be called many times a second.
    ///
    /// # Errors
    /// The sockets'.
    pub fn serve(&mut self) -> std::io::Result<()> {
        match self {
            Peer::Sip(agents) => agents.serve(),
            Peer::Ng(_) | Peer::Floor { .. } => Ok(()),
        }
    }

    /// Ends all calls; how many ended as they should.
    pub fn end(&mut self, rate: u32) -> usize {
        match self {
            Peer::Sip(agents) => agents.end(rate),
            Peer::Ng(calls) => calls.end(),
            Peer::Floor { calls, .. } => usize::from(std::mem::take(calls)),
        }
    }
}
