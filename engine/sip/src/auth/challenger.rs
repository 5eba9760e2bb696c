use std::net::IpAddr;

use subtle::{Choice, ConstantTimeEq};
use tandem_model::{Entropy, Timestamp, hex_token};

use super::credentials::Credentials;
use super::limiter::LoginLimiter;
use super::nonce::{NONCES_IN_USE_MAX, NonceLedger, NonceMint, Spend};
use super::params::quoted;
use super::source::Keyer;
use super::{Algorithm, Refusal, Role};
use crate::message::{Message, Scheme, Uri};

/// H(A1) of one user in the challenger's realm, lower-case hex; empty where there is none.
#[derive(Clone, Copy)]
pub struct Secrets<'a> {
    pub md5: &'a str,
    pub sha256: &'a str,
    pub sha512_256: &'a str,
}

impl<'a> Secrets<'a> {
    fn of(&self, algorithm: Algorithm) -> &'a str {
        match algorithm {
            Algorithm::Md5 | Algorithm::Md5Sess => self.md5,
            Algorithm::Sha256 | Algorithm::Sha256Sess => self.sha256,
            Algorithm::Sha512_256 | Algorithm::Sha512_256Sess => self.sha512_256,
        }
    }
}

/// Whether a host and port name this server.
type IsOurs = Box<dyn Fn(&str, Option<u16>) -> bool + Send>;

/// The server's side for one realm.
///
/// One for each shard: replay is judged from its own memory, so a nonce of one shard is `stale` at another.
/// A refusal tells the peer nothing but the `stale` flag, and takes the same work whether the user exists or not.
/// Wrong passwords are charged to whoever was given the nonce: a source address can be forged, having received an
/// answer there cannot.
pub struct Challenger {
    realm: String,
    with_auth_int: bool,
    mint: NonceMint,
    keyer: Keyer,
    ledger: NonceLedger,
    limiter: LoginLimiter,
    /// Stands in for the secret of a user that does not exist.
    dummy: String,
    is_ours: IsOurs,
}

impl Challenger {
    pub fn new(realm: &str, entropy: &mut dyn Entropy) -> Self {
        Challenger {
            realm: realm.to_owned(),
            with_auth_int: false,
            mint: NonceMint::new(entropy),
            keyer: Keyer::new(entropy),
            ledger: NonceLedger::new(NONCES_IN_USE_MAX),
            limiter: LoginLimiter::new(),
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

    /// Offers qop "auth-int" beside "auth": what a client answers with it protects the body too.
    pub fn offer_auth_int(mut self, offered: bool) -> Self {
        self.with_auth_int = offered;
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

    /// Values for the challenge header, one for each algorithm, to send as one header field each in this order: the one
    /// liked best first (RFC 8760 section 2.4). Pass `stale` from [`Refusal::is_stale`]. There is no `opaque`: the nonce
    /// says all we need to read back.
    pub fn challenge(
        &self,
        now: Timestamp,
        source: IpAddr,
        stale: bool,
        algorithms: &[Algorithm],
        entropy: &mut dyn Entropy,
    ) -> Vec<String> {
        let source = self.keyer.source(source);
        let realm = quoted(&self.realm);
        let qop = if self.with_auth_int { "auth,auth-int" } else { "auth" };
        let one = |algorithm: &Algorithm| {
            format!(
                "Digest realm={realm}, nonce=\"{}\", algorithm={}, qop=\"{qop}\"{}",
                self.mint.issue(now, *algorithm, source, &mut *entropy),
                algorithm.as_str(),
                if stale { ", stale=true" } else { "" },
            )
        };
        algorithms.iter().map(one).collect()
    }

    /// Judges the credentials of a request. Ok: the username as sent.
    ///
    /// `secrets` is asked at most once. Nothing but the count of failures changes unless the password was right.
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
        if credentials.with_body && !self.with_auth_int {
            return Err(Refusal::BadQop);
        }
        let nonce = self.mint.read(now, &credentials.nonce).ok_or(Refusal::StaleNonce)?;
        if !self.ledger.remembers(nonce.id) {
            return Err(Refusal::StaleNonce);
        }
        // A nonce given for SHA-256 is no good for MD5: nobody can talk a client down and use what it says.
        if credentials.algorithm != nonce.algorithm {
            return Err(Refusal::BadAlgorithm);
        }
        let name = self.keyer.name(&credentials.username);
        if !self.limiter.allows(now, nonce.source, name) {
            return Err(Refusal::TooManyFailures);
        }
        let proved = self.prove(&credentials, request, secrets(&credentials.username));
        match proved {
            Ok(()) => self.limiter.succeeded(now, nonce.source, name),
            Err(refusal) => {
                if refusal.is_failed_login() {
                    self.limiter.failed(now, nonce.source, name);
                }
                return Err(refusal);
            }
        }
        match self.ledger.spend(now, nonce.id, &credentials.username, credentials.count) {
            Spend::Fresh => Ok(credentials.username),
            Spend::Replayed => Err(Refusal::Replayed),
            Spend::Foreign => Err(Refusal::ForeignNonce),
            Spend::Forgotten => Err(Refusal::StaleNonce),
        }
    }

    /// What is remembered of failed logins.
    pub fn limiter(&self) -> &LoginLimiter {
        &self.limiter
    }

    /// Compares without saying by time how far it got, or whether there was a secret at all.
    fn prove(&self, sent: &Credentials, request: &Message, secrets: Option<Secrets<'_>>) -> Result<(), Refusal> {
        let known = secrets.is_some();
        let secret = secrets.map_or("", |s| s.of(sent.algorithm));
        let len = sent.algorithm.hex_len();
        let usable = secret.len() == len;
        let ha1 = if usable { secret } else { &self.dummy[..len] };
        let expected = sent.expected(ha1, request.method_str(), request.body()).ok_or(Refusal::Malformed)?;
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
