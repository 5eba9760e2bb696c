//! `tandem serve --demo`: two phones and three applications to try the switch with. It is an application like a
//! customer's, served from this process and reached by HTTP; nothing in the switch knows of it.
//! Start at [`start`]; what callers hear is in [`documents`].

mod documents;
mod instructions;
mod keepsake;
mod pages;
mod seed;
mod tone;

#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use tandem_actors::prompt::EspeakEngine;
use tandem_actors::store::Store;

use crate::config::Config;
use keepsake::Keepsake;

/// Where the documents are served unless another address is asked for.
pub const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

/// The running demo.
pub struct Demo {
    /// Where its documents are served.
    pub listen: SocketAddr,
    store: Store,
    keepsake: Keepsake,
    /// Whether `<Say>` can be heard.
    speaks: bool,
}

/// Serves the demo's documents on `wanted`, or on a free port of that address when the port is taken, and adds
/// the demo's endpoints and applications where they are missing.
///
/// # Errors
/// What could not be read, written or listened on, in words for the operator.
pub async fn start(store: &Store, config: &Config, wanted: SocketAddr, speech: EspeakEngine) -> Result<Demo, String> {
    let path = keepsake::path(&config.store.url);
    let mut keepsake = Keepsake::read_or_make(&path)?;
    if let Some(token) = &store.project().new_token {
        keepsake.token = Some(token.clone());
    }
    // Before anything is stored: a password that could not be kept could never be told again.
    keepsake.write(&path)?;

    let listener = listen(wanted)?;
    let listen = listener.local_addr().map_err(|e| format!("[demo] {e}"))?;
    let base = format!("http://{listen}");
    seed::seed(store, &keepsake, &base).await?;
    if keepsake.base.as_ref() != Some(&base) {
        keepsake.base = Some(base);
        keepsake.write(&path)?;
    }
    let speaks = speech.is_available().await;
    pages::serve(listener, store.clone(), speech)?;
    Ok(Demo { listen, store: store.clone(), keepsake, speaks })
}

fn listen(wanted: SocketAddr) -> Result<TcpListener, String> {
    let bound = match TcpListener::bind(wanted) {
        Err(e) if e.kind() == ErrorKind::AddrInUse => {
            tracing::info!(%wanted, "the demo's port is taken, another one is used");
            TcpListener::bind(SocketAddr::new(wanted.ip(), 0))
        }
        bound => bound,
    };
    bound.map_err(|e| format!("[demo] cannot listen on {wanted}: {e}"))
}
