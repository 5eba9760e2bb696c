//! A server and the SIPp parties of one scenario: a trunk that calls without a password, and phones that registered.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde_json::json;

use crate::common::address::own_ip;
use crate::common::sipp::Sipp;
use crate::common::tandem::PASSWORD;
use crate::common::{AppServer, Phone, Reply, Tandem, root};

/// Where the scenarios are: a folder each, a file for each role.
pub fn folder() -> PathBuf {
    root().join("server/tests/interop/sipp")
}

pub struct Rig {
    pub tandem: Tandem,
    trunk: IpAddr,
    phones: IpAddr,
}

impl Rig {
    /// With endpoints alice, bob and carol, and a trunk that may call them.
    pub fn new() -> Rig {
        let rig = Rig { tandem: Tandem::start(), trunk: own_ip(), phones: own_ip() };
        for user in ["alice", "bob", "carol"] {
            rig.tandem.endpoint(user, json!({"outbound_policy": "passthrough"}));
        }
        let nobody = SocketAddr::new(rig.trunk, 9);
        rig.tandem.carrier("trunk", nobody, json!({"allow_from": [format!("{}/32", rig.trunk)], "patterns": ["+99*"]}));
        rig
    }

    pub fn uri(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.tandem.domain())
    }

    /// An application with this document, and what to dial for it.
    pub fn app(&self, verbs: &'static str) -> (AppServer, String) {
        let app = AppServer::start(move |_| Reply::laml(verbs));
        self.tandem.domain_app("app", &app, "/app", json!({}));
        (app, self.tandem.app_uri("app"))
    }

    /// The trunk plays a scenario's role.
    pub fn trunk(&self, scenario: &str, role: &str, target: &str, more: &[&str]) -> Sipp {
        let mut arguments = vec!["-key", "me", "+15550001111", "-key", "target", target];
        arguments.extend(more);
        self.play(scenario, role, self.trunk, None, &arguments)
    }

    /// A phone of this user registers, then plays a scenario's role at the same address.
    pub fn phone(&self, scenario: &str, role: &str, user: &str, more: &[&str]) -> Sipp {
        let mut phone = Phone::at(self.phones, &self.tandem, user, PASSWORD);
        assert_eq!(phone.register().status(), 200);
        let port = phone.address.port();
        drop(phone);
        self.endpoint(scenario, role, user, Some(port), more)
    }

    /// An endpoint that plays a role, with its password.
    pub fn endpoint(&self, scenario: &str, role: &str, user: &str, port: Option<u16>, more: &[&str]) -> Sipp {
        let domain = self.tandem.domain();
        // A Call-ID without @ can be named in a URI as it is.
        let mut arguments = vec!["-key", "me", user, "-key", "domain", &domain, "-au", user, "-ap", PASSWORD];
        arguments.extend(["-cid_str", "c%u-%p-%s"]);
        arguments.extend(more);
        self.play(scenario, role, self.phones, port, &arguments)
    }

    /// A carrier that plays a role, and that calls to `patterns` leave by.
    pub fn carrier(&self, scenario: &str, role: &str, fields: serde_json::Value) -> Sipp {
        let carrier = self.play(scenario, role, own_ip(), None, &["-key", "me", "carrier"]);
        self.tandem.carrier(role, carrier.address, fields);
        carrier
    }

    /// The same over TCP.
    pub fn tcp_carrier(&self, scenario: &str, role: &str) -> Sipp {
        let carrier = self.play(scenario, role, own_ip(), None, &["-key", "me", "carrier", "-t", "t1"]);
        let uri = format!("sip:{};transport=tcp", carrier.address);
        self.tandem.carrier(role, carrier.address, json!({"uri": uri}));
        carrier
    }

    /// Calls a number; its document waits for a minute.
    pub fn call_by_rest(&self, number: &str) -> String {
        let laml = "<Response><Pause length=\"60\"/></Response>";
        let call = [("To", number), ("From", "+15550009999"), ("Laml", laml)];
        let made = self.tandem.laml("POST", "/Calls", &call).success();
        made["sid"].as_str().expect("a sid").to_owned()
    }

    #[track_caller]
    pub fn until_in_progress(&self, sid: &str) {
        self.tandem.wait_call("the call is answered", |c| c["sid"] == json!(sid) && c["status"] == "in-progress");
    }

    pub fn hang_up_by_rest(&self, sid: &str) {
        self.tandem.laml("POST", &format!("/Calls/{sid}"), &[("Status", "completed")]).success();
    }

    /// Both parties of a two-party scenario play it to the end; bob is called by the trunk.
    #[track_caller]
    pub fn both(scenario: &str) {
        let rig = Rig::new();
        let callee = rig.phone(scenario, "callee", "bob", &[]);
        let caller = rig.trunk(scenario, "caller", &rig.uri("bob"), &[]);
        caller.succeeded();
        callee.succeeded();
    }

    /// A caller plays its scenario with an application that echoes.
    #[track_caller]
    pub fn with_echo(scenario: &str) {
        let rig = Rig::new();
        let (_app, target) = rig.app("<Echo/>");
        rig.trunk(scenario, "caller", &target, &[]).succeeded();
    }

    fn play(&self, scenario: &str, role: &str, ip: IpAddr, port: Option<u16>, arguments: &[&str]) -> Sipp {
        let file = folder().join(scenario).join(format!("{role}.xml"));
        let server = self.tandem.sip.to_string();
        let mut all = arguments.to_vec();
        all.push(&server);
        Sipp::play(&file, &format!("{scenario}/{role}"), ip, port, &all)
    }
}
