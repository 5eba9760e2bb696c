//! Other people's user agents: linphone, sipsak and baresip register, call, hold, press keys and transfer.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::common::baresip::{Account, Baresip, Namespace, cannot_run};
use crate::common::tandem::PASSWORD;
use crate::common::{AppServer, Options, Phone, Reply, Tandem, eventually};
use crate::proxy::registered_at;

/// linphone's console client, with files for a sound card.
struct Linphone {
    dir: PathBuf,
    child: Child,
    console: ChildStdin,
}

impl Linphone {
    fn start(tandem: &Tandem, user: &str) -> Linphone {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("linphone-{}-{number}", std::process::id()));
        // It ends at once when this folder is not there.
        std::fs::create_dir_all(dir.join(".local/share/linphone")).expect("its folder");
        let (server, domain) = (tandem.sip, tandem.domain());
        let settings = format!(
            "[sip]\nsip_port=-1\nsip_tcp_port=0\nsip_tls_port=0\nguess_hostname=0\ndefault_proxy=0\nuse_rfc2833=1\nuse_info=0\n\
             [rtp]\naudio_rtp_port=-1\n[video]\nenabled=0\ncapture=0\ndisplay=0\n\
             [proxy_0]\nreg_proxy=<sip:{server}>\nreg_route=<sip:{server};lr>\nreg_identity=sip:{user}@{domain}\n\
             reg_expires=300\nreg_sendregister=1\npublish=0\n\
             [auth_info_0]\nusername={user}\npasswd={PASSWORD}\nrealm=test.example\n"
        );
        std::fs::write(dir.join("settings"), settings).expect("its settings");
        let log = File::create(dir.join("log")).expect("its log");
        let mut child = Command::new("linphonec")
            .arg("-a")
            .arg("-c")
            .arg(dir.join("settings"))
            .env("HOME", &dir)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("the log twice"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|e| panic!("linphonec does not start ({e}): tools/setup.sh test installs it"));
        let console = child.stdin.take().expect("its console");
        let mut linphone = Linphone { dir, child, console };
        linphone.says("linphonec>", 1);
        linphone.tell("soundcard use files");
        linphone.says("Using wav files", 1);
        eventually("linphone is registered", Duration::from_secs(10), || registered_at(tandem, user));
        linphone
    }

    fn tell(&mut self, command: &str) {
        writeln!(self.console, "{command}").expect("its console is open");
    }

    /// Waits until it has said this so many times.
    #[track_caller]
    fn says(&self, words: &str, times: usize) {
        eventually(&format!("linphone says {words:?}"), Duration::from_secs(15), || {
            (self.log().matches(words).count() >= times).then_some(())
        });
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.dir.join("log")).unwrap_or_default()).into_owned()
    }
}

impl Drop for Linphone {
    fn drop(&mut self) {
        let _ = writeln!(self.console, "quit");
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("linphone said:\n{}", self.log());
        } else {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// An application that gathers three keys, and how often it was asked for a document.
fn keypad(tandem: &Tandem) -> AppServer {
    let app = AppServer::start(|request| match request.path() {
        "/app" => Reply::laml("<Gather numDigits=\"3\" finishOnKey=\"\" timeout=\"60\" action=\"/keys\"/>"),
        _ => Reply::laml("<Hangup/>"),
    });
    tandem.domain_app("app", &app, "/app", json!({}));
    app
}

#[test]
fn linphone_registers_calls_holds_resumes_and_presses_keys() {
    let tandem = Tandem::start();
    tandem.endpoint("dora", json!({}));
    let app = keypad(&tandem);
    let mut dora = Linphone::start(&tandem, "dora");
    dora.tell(&format!("call {}", tandem.app_uri("app")));
    dora.says("Media streams established", 1);
    dora.tell("pause");
    dora.says("is now paused", 1);
    dora.tell("resume");
    dora.says("Media streams established", 2);
    for key in ["4", "2", "#"] {
        dora.tell(key);
    }
    assert_eq!(app.wait("/keys", |_| true).param("Digits"), "42#");
    dora.says("ended", 1);
    tandem.wait_call("the call is over", |c| c["status"] == "completed");
}

#[test]
fn linphone_is_called_and_hung_up_on() {
    let tandem = Tandem::start();
    for user in ["dora", "alice"] {
        tandem.endpoint(user, json!({}));
    }
    let dora = Linphone::start(&tandem, "dora");
    let mut alice = Phone::new(&tandem, "alice", PASSWORD);
    let mut call = alice.invite(&format!("sip:dora@{}", tandem.domain()));
    alice.connected(&mut call);
    dora.says("Media streams established", 1);
    assert_eq!(alice.reinvite(&mut call, "sendonly").status(), 200);
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    dora.says("ended", 1);
}

#[test]
fn linphone_transfers_its_call() {
    let tandem = Tandem::start();
    for user in ["dora", "alice", "bob"] {
        tandem.endpoint(user, json!({}));
    }
    let mut dora = Linphone::start(&tandem, "dora");
    let (mut alice, mut bob) = (Phone::new(&tandem, "alice", PASSWORD), Phone::new(&tandem, "bob", PASSWORD));
    assert_eq!((alice.register().status(), bob.register().status()), (200, 200));
    let mut call = alice.invite(&format!("sip:dora@{}", tandem.domain()));
    alice.connected(&mut call);
    dora.says("Media streams established", 1);
    dora.tell(&format!("transfer {}", bob.uri()));
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    dora.says("ended", 1);
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    bob.hung_up(&rung);
}

/// sipsak's exit code and what it said.
fn sipsak(arguments: &[&str]) -> (Option<i32>, String) {
    let out = Command::new("sipsak").args(arguments).output();
    let out = out.unwrap_or_else(|e| panic!("sipsak does not start ({e}): tools/setup.sh test installs it"));
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    (out.status.code(), said)
}

#[test]
fn sipsak_gets_its_answer_registers_and_is_refused_a_wrong_password() {
    // It cuts a port of five digits short.
    let tandem = Tandem::start_with(Options { port: Some(5060), ..Options::default() });
    tandem.endpoint("dora", json!({}));
    let server = format!("sip:{}", tandem.sip);
    let (code, said) = sipsak(&["-vv", "-s", &server]);
    assert!(code == Some(0) && said.contains("SIP/2.0 200") && said.contains("Allow: INVITE"), "{said}");

    let dora = format!("sip:dora@{}", tandem.sip);
    let register = |password: &str, transport: &str| {
        sipsak(&[
            "-vv",
            "-U",
            "-C",
            "sip:dora@127.0.0.1:9",
            "-x",
            "120",
            "-s",
            &dora,
            "-u",
            "dora",
            "-a",
            password,
            "-E",
            transport,
        ])
    };
    // It says so, and exits with 0.
    let (_, said) = register("not it", "udp");
    assert!(said.contains("authorization failed"), "{said}");
    assert!(registered_at(&tandem, "dora").is_none());
    for transport in ["udp", "tcp"] {
        let (code, said) = register(PASSWORD, transport);
        assert!(code == Some(0) && said.contains("successful"), "{said}");
        assert!(registered_at(&tandem, "dora").is_some());
    }
}

/// baresip hangs up at the end of its file.
const LONG: &str = "The telephone goes on talking while others do something else: monday, tuesday, wednesday, thursday, friday, \
                    saturday, sunday; january, february, march, april, may, june, july, august, september, october, \
                    november, december; spring, summer, autumn, winter; one, two, three, four, five, six, seven, eight, \
                    nine, ten, eleven, twelve, thirteen, fourteen, fifteen, sixteen, seventeen, eighteen, nineteen, twenty.";

/// baresip in a namespace, called `user`, in a call to `target` once that is answered.
fn baresip_in_call(namespace: &Namespace, tandem: &Tandem, user: &'static str, target: &str) -> Baresip {
    tandem.endpoint(user, json!({}));
    let account = Account { user, codec: "pcmu", encryption: None, says: LONG, voice: "en" };
    let phone = Baresip::start(namespace, tandem, &account, Some(target));
    eventually("the call is answered", Duration::from_secs(15), || {
        tandem.calls().iter().find(|c| c["status"] == "in-progress").map(|_| ())
    });
    phone
}

#[test]
fn baresip_holds_resumes_and_presses_keys() {
    if let Some(why) = cannot_run() {
        eprintln!("skipped: {why}");
        return;
    }
    let namespace = Namespace::new();
    let tandem = Tandem::start_with(Options { ip: Some(namespace.outside), ..Options::default() });
    let app = keypad(&tandem);
    let phone = baresip_in_call(&namespace, &tandem, "alice", &tandem.app_uri("app"));
    let invites = || tandem.metric("tandem_sip_requests_total", "INVITE");
    let before = invites();
    for (command, nth) in [("/hold", 1.0), ("/resume", 2.0)] {
        phone.tell(command);
        eventually(&format!("a re-INVITE for {command}"), Duration::from_secs(10), || {
            (invites() >= before + nth).then_some(())
        });
    }
    phone.tell("42#");
    let keys = app.wait("/keys", |_| true);
    assert_eq!(keys.param("Digits"), "42#", "{}", phone.log());
    tandem.wait_call("the call is over", |c| c["status"] == "completed");
}

#[test]
fn baresip_transfers_its_call() {
    if let Some(why) = cannot_run() {
        eprintln!("skipped: {why}");
        return;
    }
    let namespace = Namespace::new();
    let tandem = Tandem::start_with(Options { ip: Some(namespace.outside), ..Options::default() });
    for user in ["bob", "carol"] {
        tandem.endpoint(user, json!({}));
    }
    let [mut bob, mut carol] = ["bob", "carol"].map(|user| Phone::at(namespace.outside, &tandem, user, PASSWORD));
    assert_eq!((bob.register().status(), carol.register().status()), (200, 200));
    tandem.endpoint("alice", json!({}));
    let account = Account { user: "alice", codec: "pcmu", encryption: None, says: LONG, voice: "en" };
    let alice = Baresip::start(&namespace, &tandem, &account, Some(&bob.uri()));
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    eventually("baresip has the answer", Duration::from_secs(5), || {
        alice.log().contains("Call established").then_some(())
    });
    alice.tell(&format!("/transfer {}", carol.uri()));
    let mut transferred = carol.ringing();
    carol.answer_call(&mut transferred);
    assert_eq!(bob.hang_up(&mut rung).status(), 200);
    carol.hung_up(&transferred);
}
