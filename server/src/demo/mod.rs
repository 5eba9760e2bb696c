//! Demo endpoints and applications for `tandem serve --demo`.

use std::net::SocketAddr;

use tandem_actors::store::Store;
use tandem_model::Endpoint;

pub struct Demo {
    pub listen: SocketAddr,
}

pub async fn start(_store: &Store) -> Result<Demo, String> {
    Err("the demo is not part of this build".into())
}

impl Demo {
    pub fn instructions(&self, _domain: &str, _sip: &[Endpoint], _http: &[SocketAddr]) -> String {
        String::new()
    }
}
