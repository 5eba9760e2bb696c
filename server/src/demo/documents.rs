use std::f64::consts::TAU;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};

use actix_web::{App, HttpResponse, HttpServer, web};
use tandem_actors::store::Store;

/// What the pages need.
struct Pages {
    store: Store,
    /// Whether this machine can speak.
    speaks: bool,
}

/// Serves the demo's documents at a loopback port until the process ends.
pub(super) fn serve(store: Store) -> Result<SocketAddr, String> {
    let pages = web::Data::new(Pages { store, speaks: speaks() });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(pages.clone())
            .route("/echo", web::to(echo))
            .route("/hello", web::to(hello))
            .route("/dial-bob", web::to(dial_bob))
            .route("/tune.wav", web::to(tune))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .bind((Ipv4Addr::LOCALHOST, 0))
    .map_err(|e| format!("demo: cannot listen: {e}"))?;
    let address = server.addrs().first().copied().ok_or("demo: no address to listen at")?;
    actix::spawn(server.run());
    Ok(address)
}

async fn echo() -> HttpResponse {
    document("<Echo/>")
}

async fn hello(pages: web::Data<Pages>) -> HttpResponse {
    if pages.speaks {
        document("<Say>Hello from Tandem. Your call works. Good bye.</Say>")
    } else {
        document("<Play>/tune.wav</Play>")
    }
}

async fn dial_bob(pages: web::Data<Pages>) -> HttpResponse {
    let domain = pages.store.directory().borrow().profile_domain();
    document(&format!("<Dial timeout=\"30\"><Sip>sip:bob@{domain}</Sip></Dial>"))
}

async fn tune() -> HttpResponse {
    HttpResponse::Ok().content_type("audio/wav").body(wav(&notes()))
}

fn document(verbs: &str) -> HttpResponse {
    let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>{verbs}</Response>\n");
    HttpResponse::Ok().content_type("application/xml").body(text)
}

fn speaks() -> bool {
    let mut command = Command::new("espeak-ng");
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|s| s.success())
}

/// Three notes, for machines that cannot speak: 16-bit mono at 8 kHz.
fn notes() -> Vec<i16> {
    const RATE: f64 = 8_000.0;
    let note = |hz: f64| {
        // 0.4 s each, with soft edges.
        (0..3_200u32).map(move |i| {
            let edge = f64::from(i.min(3_200 - i).min(400)) / 400.0;
            ((TAU * hz * f64::from(i) / RATE).sin() * edge * 9_000.0) as i16
        })
    };
    [523.25, 659.25, 783.99].into_iter().flat_map(note).collect()
}

fn wav(samples: &[i16]) -> Vec<u8> {
    let bytes = u32::try_from(samples.len() * 2).unwrap_or(0);
    let mut out = Vec::with_capacity(samples.len() * 2 + 44);
    out.extend(b"RIFF");
    out.extend((36 + bytes).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    out.extend(8_000u32.to_le_bytes());
    out.extend(16_000u32.to_le_bytes());
    out.extend(b"\x02\0\x10\0data");
    out.extend(bytes.to_le_bytes());
    out.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
    out
}
