//! Whom tests call and who calls: the directory, plans, and the worlds that begin with a call of each kind.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tandem_call::call::{
    ApiCall, ApiDocument, Asserted, Call, CallEnv, CallInput, HoldUse, Hops, InboundLeg, Origin, Party, Plan,
    RegisteredContact, RunId,
};
use tandem_call::directory::{
    Carrier, ContactLimits, Directory, DomainApp, DtmfMethod, Encryption, Handler, OutboundPolicy, Project,
    SipEndpoint, SipProfile, WebhookSet,
};
use tandem_call::leg::{IncomingInvite, Leg, MediaPolicy};
use tandem_call::routing;
use tandem_laml::instruction::{Method, StatusCallback, StatusEvents};
use tandem_model::{LegId, SeedEntropy, Sid, Timestamp};
use tandem_sip::message::Uri;

use super::{DOMAIN, Side, World};
use crate::peer::{self, Peer};
use crate::rig;

pub fn directory() -> Directory {
    let profile = SipProfile {
        domain_identifier: "main".into(),
        default_codecs: vec!["PCMU".into(), "PCMA".into()],
        default_send_as: Some("+15550001111".into()),
        default_outbound_policy: OutboundPolicy::Passthrough,
        ..SipProfile::default()
    };
    let project = Project {
        id: "acc".into(),
        space: "acme".into(),
        domain: "example.test".into(),
        realm: "example.test".into(),
        ..Project::default()
    };
    let endpoints = ["alice", "bob", "carol"].map(|name| {
        let endpoint = SipEndpoint {
            id: Sid::from_bytes([name.as_bytes()[0]; 16]),
            username: name.into(),
            secrets: Default::default(),
            caller_id: None,
            send_as: None,
            codecs: vec![],
            ciphers: vec![],
            encryption: Encryption::Default,
            dtmf: DtmfMethod::Auto,
            contacts: ContactLimits::default(),
            outbound_policy: None,
            handler: Handler::None,
        };
        (name.to_owned(), Arc::new(endpoint))
    });
    let carriers = ["one", "two"].map(|name| {
        let id = Sid::from_bytes([name.as_bytes()[0]; 16]);
        // Without weights they are tried in this order.
        let carrier = Carrier::new(id, name, format!("sip:{name}.carrier.test"));
        Arc::new(Carrier { patterns: vec!["+1*".into()], priority: 1, weight: 0, ..carrier })
    });
    Directory {
        project,
        profile,
        endpoints: endpoints.into(),
        domain_apps: vec![],
        carriers: carriers.into(),
        ..Directory::default()
    }
}

fn with_carriers(carriers: Vec<Carrier>) -> Directory {
    Directory { carriers: carriers.into_iter().map(Arc::new).collect(), ..directory() }
}

/// Alice dials.
pub fn plan_of(to: &str) -> (Directory, Plan) {
    plan_in(directory(), to)
}

fn plan_in(directory: Directory, to: &str) -> (Directory, Plan) {
    let alice = directory.endpoints["alice"].clone();
    let caller = routing::Caller::Endpoint(alice.clone());
    let route = routing::route(&directory, &caller, &Uri::parse(to).unwrap(), |_, _| false).unwrap();
    (directory, Plan::Connect { caller: Party::Endpoint(alice), route })
}

/// An application whose document is fetched.
pub fn app() -> Arc<DomainApp> {
    let hooks = WebhookSet {
        request_url: "https://app.test/start".into(),
        status_callback_url: Some("https://app.test/status".into()),
        ..WebhookSet::default()
    };
    Arc::new(DomainApp {
        id: Sid::from_bytes([9; 16]),
        name: "app".into(),
        identifier: "app".into(),
        user: "*".into(),
        ip_auth_enabled: false,
        ip_auth: vec![],
        handler: Handler::LamlWebhooks(hooks),
        encryption: Encryption::Default,
        codecs: vec![],
        ciphers: vec![],
    })
}

pub fn api_call(to: &str, document: &str) -> ApiCall {
    ApiCall {
        sid: Sid::from_bytes([1; 16]),
        to: to.into(),
        from: "+15550001111".into(),
        caller_id: None,
        document: ApiDocument::Inline(document.into()),
        fallback: None,
        status_callback: Some(StatusCallback {
            url: "https://app.test/status".into(),
            method: Method::Post,
            events: StatusEvents { initiated: true, ringing: true, answered: true, completed: true },
        }),
        timeout: Duration::from_secs(60),
        send_digits: None,
        amd: None,
        record: None,
        time_limit: None,
        credentials: None,
    }
}

impl World {
    /// Alice dials `to`; `offer` as in [`peer::description`].
    pub fn dials(to: &str, offer: &str) -> World {
        World::dialling(to, offer, false)
    }

    /// The registrar takes its time.
    pub fn dials_looking(to: &str) -> World {
        World::dials_looking_with(to, "sdp")
    }

    /// The same, with an INVITE that says `offer`.
    pub fn dials_looking_with(to: &str, offer: &str) -> World {
        World::dialling(to, offer, true)
    }

    fn dialling(to: &str, offer: &str, hold_lookups: bool) -> World {
        let (directory, plan) = plan_of(to);
        World::inbound(directory, plan, offer, hold_lookups)
    }

    /// Somebody calls the application, which answers with `document`.
    pub fn app(document: &str) -> World {
        World::app_offered(document, "sdp")
    }

    pub fn app_offered(document: &str, offer: &str) -> World {
        let mut world = World::inbound(directory(), Plan::App { app: app() }, offer, false);
        assert_eq!(world.take(), "fetch https://app.test/start");
        world.document(document);
        world
    }

    /// What plays does so until the test ends it.
    pub fn app_playing(document: &str) -> World {
        let mut world = World::first_request();
        world.take();
        world.hold_plays = true;
        world.document(document);
        world
    }

    /// The same, where a hold is used like this.
    pub fn app_holding(document: &str, hold: HoldUse) -> World {
        let mut world = World::arriving(directory(), Plan::App { app: app() }, "sdp", (0, hold), |_| {});
        world.hold_plays = true;
        world.start();
        world.take();
        world.document(document);
        world
    }

    /// Prompts are loaded when the test says so.
    pub fn app_without_audio(document: &str) -> World {
        let mut world = World::first_request();
        world.hold_prompts = true;
        world.document(document);
        world
    }

    /// The application's document is still being fetched.
    pub fn first_request() -> World {
        World::inbound(directory(), Plan::App { app: app() }, "sdp", false)
    }

    pub fn inbound(directory: Directory, plan: Plan, offer: &str, hold_lookups: bool) -> World {
        World::inbound_altered(directory, plan, offer, hold_lookups, 0, |_| {})
    }

    /// Callees' redirections are followed, this many.
    pub fn dials_redirected(to: &str, redirects: usize) -> World {
        let (directory, plan) = plan_of(to);
        World::inbound_altered(directory, plan, "sdp", false, redirects, |_| {})
    }

    /// The INVITE said something more.
    pub fn dials_saying(to: &str, alter: impl FnOnce(&mut InboundLeg)) -> World {
        let (directory, plan) = plan_of(to);
        World::inbound_altered(directory, plan, "sdp", false, 0, alter)
    }

    /// Alice talks to Bob, where a hold is used like this. What plays does so until the test ends it.
    pub fn talks(hold: HoldUse) -> World {
        World::talks_in(directory(), hold)
    }

    pub fn talks_in(directory: Directory, hold: HoldUse) -> World {
        let (directory, plan) = plan_in(directory, &format!("sip:bob@{DOMAIN}"));
        let mut world = World::arriving(directory, plan, "sdp", (0, hold), |_| {});
        world.hold_plays = true;
        world.start();
        world.take();
        world.run(&[("2 200 sdp", "L2 ACK 1; L1 200 sendrecv; bridge L1 L2"), ("1 ACK", "")]);
        world
    }

    /// The same, and the registrar takes its time.
    pub fn dials_saying_looking(to: &str, alter: impl FnOnce(&mut InboundLeg)) -> World {
        let (directory, plan) = plan_of(to);
        World::inbound_altered(directory, plan, "sdp", true, 0, alter)
    }

    /// The registrar has found these.
    pub fn found(&mut self, contacts: Vec<RegisteredContact>) -> String {
        self.input(CallInput::Contacts { ticket: self.last_ticket, contacts })
    }

    pub fn inbound_altered(
        directory: Directory,
        plan: Plan,
        offer: &str,
        hold_lookups: bool,
        redirects: usize,
        alter: impl FnOnce(&mut InboundLeg),
    ) -> World {
        let mut world = World::arriving(directory, plan, offer, (redirects, HoldUse::Pass), alter);
        world.hold_lookups = hold_lookups;
        world.start();
        world
    }

    /// Alice dials `to` with carriers of the test's making, in a world that `set` has prepared.
    pub fn dials_by(carriers: Vec<Carrier>, to: &str, set: impl FnOnce(&mut World)) -> World {
        let (directory, plan) = plan_in(with_carriers(carriers), to);
        let mut world = World::arriving(directory, plan, "sdp", (0, HoldUse::Pass), |_| {});
        set(&mut world);
        world.start();
        world
    }

    pub fn api_by(carriers: Vec<Carrier>, call: ApiCall, set: impl FnOnce(&mut World)) -> World {
        let mut world = World::new(with_carriers(carriers), Origin::Api(Box::new(call)), (0, HoldUse::Pass));
        set(&mut world);
        world.start();
        world
    }

    /// Before anything has happened.
    fn arriving(
        directory: Directory,
        plan: Plan,
        offer: &str,
        rules: (usize, HoldUse),
        alter: impl FnOnce(&mut InboundLeg),
    ) -> World {
        let (id, sid) = (LegId(1), Sid::from_bytes([1; 16]));
        let mut peer = Peer::new(id);
        let message = peer::invite("sip:support@acme-app.dapp.example.test", offer);
        let hops = Hops::read(&message, "here").expect("no loop");
        let invite = IncomingInvite {
            key: peer.key(),
            message,
            source: peer::address(),
            received: Timestamp::from_secs(1),
            unproved: false,
        };
        let policy = MediaPolicy::default();
        let entropy = Box::new(SeedEntropy::new(5));
        let leg = Leg::new_incoming(id, sid, rig::env(), policy, invite, entropy).expect("a good INVITE");
        let mut inbound = InboundLeg {
            sid,
            from_uri: format!("sip:alice@{DOMAIN}"),
            from_display: None,
            from_user: "alice".into(),
            to_uri: "sip:support@acme-app.dapp.example.test".into(),
            request_user: "support".into(),
            request_host: "acme-app.dapp.example.test".into(),
            headers: vec![("X-Room".into(), "12".into())],
            call_id: "incoming-1".into(),
            source: peer::address(),
            max_forwards: 10,
            hops,
            asserted: Asserted::default(),
            username: None,
            offered: leg.offered_codecs(),
        };
        alter(&mut inbound);
        let mut world = World::new(directory, Origin::Inbound { leg: Box::new(inbound), plan }, rules);
        world.parties.insert(id, Side { leg, peer, ended: 0, closed: 0, stopped: false });
        world
    }

    pub fn api(call: ApiCall) -> World {
        let mut world = World::new(directory(), Origin::Api(Box::new(call)), (0, HoldUse::Pass));
        world.start();
        world
    }

    pub fn api_unanswered_lookup(call: ApiCall) -> World {
        let mut world = World::new(directory(), Origin::Api(Box::new(call)), (0, HoldUse::Pass));
        world.hold_lookups = true;
        world.start();
        world
    }

    fn new(directory: Directory, origin: Origin, (redirect_targets_max, hold): (usize, HoldUse)) -> World {
        let env = CallEnv {
            directory: Arc::new(directory),
            own_address: "198.51.100.1:5060".into(),
            call_duration_max: Duration::from_secs(20_000),
            own: rig::own(),
            redirect_targets_max,
            hold,
            public_url: "http://tandem.test".into(),
            dial_transport: None,
        };
        World {
            call: Call::new(env, LegId(1), origin, Box::new(SeedEntropy::new(3))),
            parties: BTreeMap::new(),
            crashed: vec![],
            now: Timestamp::from_secs(1),
            log: vec![],
            media: VecDeque::new(),
            hold_plays: false,
            hold_lookups: false,
            hold_prompts: false,
            hold_recordings: false,
            rows: BTreeMap::new(),
            finished: 0,
            params: vec![],
            fetched: vec![],
            last_ticket: 0,
            last_stream: None,
            streams: BTreeSet::new(),
            recordings: vec![],
            last_run: RunId(1),
            specs: BTreeMap::new(),
            down: vec![],
            busy: vec![],
            service_route: vec![],
            refusal: vec![],
            queue_ticket: None,
            cannot_move: false,
            hold_moves: false,
        }
    }
}

pub fn contact(name: &str) -> RegisteredContact {
    RegisteredContact {
        uri: format!("sip:{name}@203.0.113.9:5060"),
        source: peer::address(),
        path: vec![],
        over_flow: false,
        other_flows: vec![],
    }
}
