use std::net::TcpListener;

use actix_web::web::{self, Bytes, Data, Query};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use tandem_actors::prompt::EspeakEngine;
use tandem_actors::store::Store;

use super::documents::{self, Caller};
use super::tone;

struct Pages {
    store: Store,
    speech: EspeakEngine,
}

/// Serves documents and tones on `listener` until the process ends.
pub(super) fn serve(listener: TcpListener, store: Store, speech: EspeakEngine) -> Result<(), String> {
    let pages = Data::new(Pages { store, speech });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(pages.clone())
            .route("/tones/{name}.wav", web::get().to(tone_file))
            .default_service(web::to(document))
    })
    .workers(1)
    .disable_signals()
    .listen(listener)
    .map_err(|e| format!("[demo] {e}"))?;
    actix::spawn(server.run());
    Ok(())
}

async fn document(pages: Data<Pages>, request: HttpRequest, body: Bytes) -> HttpResponse {
    // Of two values of one name the body's counts.
    let mut params = parameters(std::str::from_utf8(&body).unwrap_or_default());
    params.extend(parameters(request.query_string()));
    let domain = pages.store.catalog().profile_domain();
    let caller = Caller { params: &params, domain: &domain, speaks: pages.speech.is_available().await };
    match documents::document(request.path(), &caller) {
        Some(xml) => HttpResponse::Ok().content_type("application/xml; charset=utf-8").body(xml),
        None => HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("No such document\n"),
    }
}

fn parameters(encoded: &str) -> Vec<(String, String)> {
    Query::<Vec<(String, String)>>::from_query(encoded).map(Query::into_inner).unwrap_or_default()
}

async fn tone_file(name: web::Path<String>) -> HttpResponse {
    match tone::wav(&name) {
        Some(wav) => {
            HttpResponse::Ok().content_type("audio/wav").insert_header(("Cache-Control", "max-age=3600")).body(wav)
        }
        None => HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("No such tone\n"),
    }
}
