//! Row 19: documents made to hurt are refused cheaply, and the call goes to its fallback.

use std::time::Duration;

use serde_json::json;

use crate::common::bad_server::{Act, BadServer, response};
use crate::common::{AppServer, Reply, eventually};
use crate::size::count;
use crate::target::Target;

/// CPU time that one such call may cost beside the document's refusal, in milliseconds: both together are measured.
const CALL_CPU_MS: u64 = 60;
const REFUSAL_CPU_MS: u64 = 100;

fn xml(body: &[u8]) -> Vec<Act> {
    vec![Act::Send(response("200 OK", "Content-Type: text/xml\r\n", body))]
}

fn laughs() -> Vec<u8> {
    let mut text = String::from("<?xml version=\"1.0\"?><!DOCTYPE Response [<!ENTITY l0 \"ha\">");
    for n in 1..30 {
        text.push_str(&format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10)));
    }
    text.push_str("]><Response><Say>&l29;</Say></Response>");
    text.into_bytes()
}

fn bomb(path: &str) -> Vec<Act> {
    match path {
        "/laughs" => xml(&laughs()),
        "/quadratic" => {
            let text = format!(
                "<!DOCTYPE r [<!ENTITY a \"{}\">]><Response><Say>{}</Say></Response>",
                "a".repeat(20_000),
                "&a;".repeat(10_000)
            );
            xml(text.as_bytes())
        }
        "/external" => {
            xml(b"<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Response><Say>&x;</Say></Response>")
        }
        "/parameter-entity" => {
            xml(b"<!DOCTYPE r [<!ENTITY % x SYSTEM \"http://127.0.0.1:9/x.dtd\"> %x;]><Response><Hangup/></Response>")
        }
        "/dtd" => xml(b"<!DOCTYPE Response SYSTEM \"http://127.0.0.1:9/x.dtd\"><Response><Hangup/></Response>"),
        "/nested" => xml(&[&b"<Response>"[..], &b"<Gather>".repeat(5_000), b"</Response>"].concat()),
        "/deep" => xml(&[&b"<Response>"[..], &b"<a>".repeat(9_000), &b"</a>".repeat(9_000), b"</Response>"].concat()),
        "/many" => xml(&[&b"<Response>"[..], &b"<Pause/>".repeat(8_000), b"</Response>"].concat()),
        "/attributes" => {
            let attributes: String = (0..6_000).map(|n| format!(" a{n}=\"\"")).collect();
            xml(format!("<Response><Say{attributes}>x</Say></Response>").as_bytes())
        }
        "/pi" => xml(b"<?xml version=\"1.0\"?><?php system('id'); ?><Response><Hangup/></Response>"),
        "/charset" => vec![Act::Send(response(
            "200 OK",
            "Content-Type: text/xml; charset=utf-7\r\n",
            b"+ADw-Response+AD4-+ADw-Hangup/+AD4-+ADw-/Response+AD4-",
        ))],
        "/utf8" => xml(b"<Response><Say>\xc3\x28\xff\xfe</Say></Response>"),
        "/nul" => xml(b"<Response><Say>\0</Say></Response>"),
        "/50mb" => vec![Act::Flood(50 << 20)],
        "/drip" => {
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 30\r\n\r\n".to_vec();
            vec![Act::Send(head), Act::Drip(b"<Response><Hangup/></Response>".to_vec(), Duration::from_millis(700))]
        }
        _ => vec![Act::Send(response("404 Not Found", "", b""))],
    }
}

/// CPU time of the process in milliseconds.
fn cpu_ms(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running server");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    (ticks(11) + ticks(12)) * 10
}

/// A call of alice to the application at `identifier` until it is over; the error code the fallback was told.
fn refused(target: &mut Target, app: &AppServer, identifier: &str, before: usize) -> String {
    let uri = target.tandem.app_uri(identifier);
    let mut call = target.alice.invite(&uri);
    let told = eventually("the fallback is asked", Duration::from_secs(20), || {
        app.seen().into_iter().filter(|s| s.path() == "/fallback").nth(before)
    });
    target.alice.connected(&mut call);
    target.alice.hung_up(&call);
    told.param("ErrorCode").to_owned()
}

#[test]
fn documents_made_to_hurt_are_refused_cheaply_and_the_fallback_runs() {
    let mut target = Target::start();
    let bad = BadServer::start(bomb);
    let app = AppServer::start(|_| Reply::laml("<Play digits=\"5\"/><Hangup/>"));
    let rounds = count(4, 100);
    let mut asked = 0;
    for (name, code) in [
        ("laughs", "12100"),
        ("quadratic", "12100"),
        ("external", "12100"),
        ("parameter-entity", "12100"),
        ("dtd", "12100"),
        ("nested", "12100"),
        ("deep", "12100"),
        ("many", "12100"),
        ("attributes", "12100"),
        ("pi", "12100"),
        ("charset", "12100"),
        ("utf8", "12100"),
        ("nul", "12100"),
        ("50mb", "11750"),
        ("drip", "11200"),
    ] {
        target
            .tandem
            .api(
                "POST",
                "/api/relay/rest/domain_applications",
                Some(json!({
                    "name": name, "identifier": name, "call_handler": "laml_webhooks",
                    "call_request_url": bad.url(&format!("/{name}")), "call_fallback_url": app.url("/fallback"),
                })),
            )
            .success();
        // The slow one is slow by itself.
        let rounds = if name == "drip" { 1 } else { rounds };
        let (cpu, rss) = (cpu_ms(target.tandem.pid()), target.rss());
        for _ in 0..rounds {
            let told = refused(&mut target, &app, name, asked);
            asked += 1;
            // Too many of anything is too big in bytes first, or too much of it.
            let fits = told == code || (matches!(name, "attributes" | "many" | "deep" | "nested") && told == "11750");
            assert!(fits, "{name}: {told}");
        }
        let each = (cpu_ms(target.tandem.pid()) - cpu) / rounds as u64;
        println!("{name}: {each} ms CPU each, RSS {} KiB more", target.rss().saturating_sub(rss));
        if name != "drip" {
            assert!(each <= REFUSAL_CPU_MS + CALL_CPU_MS, "{name}: {each} ms of CPU");
        }
    }
    assert!(bad.flooded() / rounds < 16 << 20, "{} bytes of the floods were taken", bad.flooded());
    target.unharmed("after documents made to hurt");
}
