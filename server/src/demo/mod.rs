//! Two endpoints and three applications to try the switch with (`tandem serve --demo`). They are ordinary resources,
//! made through the store; only their documents are served from here. Start at [`start`].

mod documents;
mod seed;

use std::fmt::Write;
use std::net::SocketAddr;

use tandem_actors::store::Store;
use tandem_model::Endpoint;

/// The demo as it runs.
pub struct Demo {
    /// Where its documents are fetched from; webhooks must be allowed to reach it.
    pub listen: SocketAddr,
    space: String,
    /// User names with their passwords.
    phones: Vec<(&'static str, String)>,
}

/// Seeds what is missing and serves the documents.
///
/// # Errors
/// What failed, in words for the operator.
pub async fn start(store: &Store) -> Result<Demo, String> {
    let listen = documents::serve(store.clone())?;
    let phones = seed::phones(store).await?;
    seed::applications(store, listen).await?;
    Ok(Demo { listen, space: store.project().project.space.clone(), phones })
}

impl Demo {
    /// How to call: for a person at a terminal. `domain` is the profile domain.
    pub fn instructions(&self, domain: &str, sip: &[Endpoint], http: &[SocketAddr]) -> String {
        let mut out = String::from("\nDemo. Set up a SIP phone with\n");
        let proxy = sip.first().map_or_else(String::new, |e| format!("sip:{}", e.addr));
        let _ = writeln!(out, "  domain         {domain}");
        let _ = writeln!(out, "  outbound proxy {proxy}");
        for (user, password) in &self.phones {
            let _ = writeln!(out, "  user           {user:<6} password {password}");
        }
        let root = domain.split_once(".sip.").map_or("localhost", |(_, root)| root);
        out.push_str("and dial\n");
        let _ = writeln!(out, "  sip:bob@{domain}     the other phone");
        for (identifier, what) in seed::APPLICATIONS {
            let _ = writeln!(out, "  sip:demo@{}-{identifier}.dapp.{root}     {what}", self.space);
        }
        if let Some(http) = http.first() {
            let _ = writeln!(
                out,
                "The REST API and the dashboard are at http://{http}/ (user: project id, password: API token)."
            );
        }
        out
    }
}
