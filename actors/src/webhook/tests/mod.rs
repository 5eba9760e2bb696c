mod durable;
mod guarded;
mod log;
mod misbehaving_server;
mod notify;
mod requests;
mod status_queue;
mod tls;
mod twilio;

use tandem_laml::instruction::Method;

use super::WebhookRequest;

fn post(url: impl Into<String>, params: &[(&str, &str)]) -> WebhookRequest {
    request(Method::Post, url, params)
}

fn get(url: impl Into<String>, params: &[(&str, &str)]) -> WebhookRequest {
    request(Method::Get, url, params)
}

fn request(method: Method, url: impl Into<String>, params: &[(&str, &str)]) -> WebhookRequest {
    let params = params.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    WebhookRequest { url: url.into(), method, params }
}
