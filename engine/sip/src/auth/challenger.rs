use subtle::{Choice, ConstantTimeEq};
use tandem_model::{Entropy, Timestamp, hex_token};

use super::credentials::Credentials;
use super::nonce::{NONCES_IN_USE_MAX, NonceLedger, NonceMint, Spend};
use super::params::quoted;
use super::{Algorithm, Refusal, Role};
use crate::message::{Message, Scheme, Uri};

/// Algorithms offered, strongest first (RFC 8760 section 2.4).
const OFFERED: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

/// H(A1) of one user in the challenger's realm, lower-case hex; empty where there is none.
#[derive(Clone, Copy)]
pub struct Secrets<'a> {
    pub md5: &'a str,
    pub sha256: &'a str,
}

/// Whether a host and port name this server.
type IsOurs = Box<dyn Fn(&str, Option<u16>) -> bool + Send>;

/// The server's side for one realm.
///
/// One for each shard: replay is judged from its own memory, so a nonce of one shard is `stale` at another.
/// A refusal tells the peer nothing but the `stale` flag, and takes the same work whether the user exists or not.
pub struct Challenger {
    realm: String,
    opaque: String,
    mint: NonceMint,
    ledger: NonceLedger,
    /// Stands in for the secret of a user that does not exist.
    dummy: String,
    is_ours: IsOurs,
}

impl Challenger {
    pub fn new(realm: &str, entropy: &mut dyn Entropy) -> Self {
        Challenger {
            realm: realm.to_owned(),
            // The same after a restart: an old nonce must read as stale, not as an attack.
            opaque: Algorithm::Md5.hash(&["opaque", realm]),
            mint: NonceMint::new(entropy),
            ledger: NonceLedger::new(NONCES_IN_USE_MAX),
            dummy: hex_token(entropy, 32),
            is_ours: Box::new(|_, _| false),
        }
    }

    /// Accepts digests made for this server's bare address, told by `is_ours(host, port)`, beside those made for the
    /// Request-URI: generators and older phones sign `sip:<server>` whatever they request. A digest for any other URI
    /// stays refused, and the nonce count keeps it from being used twice.
    pub fn accept_own_address(mut self, is_ours: impl Fn(&str, Option<u16>) -> bool + Send + 'static) -> Self {
        self.is_ours = Box::new(is_ours);
        self
    }

    fn names_us(&self, digest_uri: &str) -> bool {
        Uri::parse(digest_uri).is_ok_and(|uri| {
            matches!(uri.scheme(), Scheme::Sip | Scheme::Sips)
                && uri.user().is_none()
                && (self.is_ours)(uri.host(), uri.port())
        })
    }

    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Values for the challenge header, to send as one header field each in this order (RFC 8760 section 2.4).
    /// Pass `stale` from [`Refusal::is_stale`].
    pub fn challenge(&self, now: Timestamp, stale: bool, entropy: &mut dyn Entropy) -> [String; 2] {
        OFFERED.map(|algorithm| {
            format!(
                "Digest realm={}, nonce=\"{}\", opaque=\"{}\", algorithm={}, qop=\"auth\"{}",
                quoted(&self.realm),
                self.mint.issue(now, algorithm, entropy),
                self.opaque,
                algorithm.as_str(),
                if stale { ", stale=true" } else { "" },
            )
        })
    }

    /// Judges the credentials of a request. Ok: the username as sent.
    ///
    /// `secrets` is asked at most once. No state changes unless the password was right.
    pub fn verify<'s>(
        &mut self,
        now: Timestamp,
        role: Role,
        request: &Message,
        secrets: impl FnOnce(&str) -> Option<Secrets<'s>>,
    ) -> Result<String, Refusal> {
        let credentials = Credentials::find(request.headers(role.credentials_header()), &self.realm)?;
        let request_uri = request.request_uri().ok_or(Refusal::UriMismatch)?;
        if !uris_agree(&credentials.uri, &request_uri) && !self.names_us(&credentials.uri) {
            return Err(Refusal::UriMismatch);
        }
        let (nonce, issued_for) = self.mint.read(now, &credentials.nonce).ok_or(Refusal::StaleNonce)?;
        if !self.ledger.remembers(nonce) {
            return Err(Refusal::StaleNonce);
        }
        if credentials.opaque != self.opaque {
            return Err(Refusal::BadOpaque);
        }
        // A nonce given for SHA-256 is no good for MD5: nobody can talk a client down and use what it says.
        if credentials.algorithm != issued_for {
            return Err(Refusal::BadAlgorithm);
        }
        self.prove(&credentials, request.method_str(), secrets(&credentials.username))?;
        match self.ledger.spend(now, nonce, &credentials.username, credentials.count) {
            Spend::Fresh => Ok(credentials.username),
            Spend::Replayed => Err(Refusal::Replayed),
            Spend::Foreign => Err(Refusal::ForeignNonce),
            Spend::Forgotten => Err(Refusal::StaleNonce),
        }
    }

    /// Compares without saying by time how far it got, or whether there was a secret at all.
    fn prove(&self, sent: &Credentials, method: &str, secrets: Option<Secrets<'_>>) -> Result<(), Refusal> {
        let known = secrets.is_some();
        let secret = match sent.algorithm {
            Algorithm::Sha256 | Algorithm::Sha256Sess => secrets.map_or("", |s| s.sha256),
            Algorithm::Md5 | Algorithm::Md5Sess => secrets.map_or("", |s| s.md5),
        };
        let len = sent.algorithm.hex_len();
        let usable = secret.len() == len;
        let ha1 = if usable { secret } else { &self.dummy[..len] };
        let expected = sent.expected(ha1, method).ok_or(Refusal::Malformed)?;
        let right = expected.ct_eq(&sent.response) & Choice::from(u8::from(usable));
        match (bool::from(right), known) {
            (true, _) => Ok(()),
            (false, true) => Err(Refusal::WrongPassword),
            (false, false) => Err(Refusal::UnknownUser),
        }
    }
}

/// Whether the digest's `uri` means the Request-URI (RFC 3261 section 22.4, item 5). URI parameters and headers are not
/// compared: clients leave `transport` and the like out of either.
fn uris_agree(digest_uri: &str, request_uri: &Uri<'_>) -> bool {
    if digest_uri == request_uri.as_str() {
        return true;
    }
    let Ok(uri) = Uri::parse(digest_uri) else { return false };
    let port = |u: &Uri<'_>| match (u.port(), u.scheme()) {
        (Some(port), _) => Some(port),
        (None, Scheme::Sips) => Some(5061),
        (None, Scheme::Sip) => Some(5060),
        (None, Scheme::Tel | Scheme::Other) => None,
    };
    matches!(uri.scheme(), Scheme::Sip | Scheme::Sips)
        && uri.scheme() == request_uri.scheme()
        && uri.user_decoded() == request_uri.user_decoded()
        && uri.host().eq_ignore_ascii_case(request_uri.host())
        && port(&uri) == port(request_uri)
}
