use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256, Sha512_256};
use subtle::ConstantTimeEq;
use tandem_call::directory::DigestSecrets;
use tandem_model::{Sid, hex};

use super::StoreError;

/// H(username:realm:password) under each hash a phone may be challenged for (RFC 7616 section 3.4.2).
pub fn digest_secrets(username: &str, realm: &str, password: &str) -> DigestSecrets {
    let a1 = format!("{username}:{realm}:{password}");
    DigestSecrets {
        md5: hex(&Md5::digest(a1.as_bytes())),
        sha256: hex(&Sha256::digest(a1.as_bytes())),
        sha512_256: hex(&Sha512_256::digest(a1.as_bytes())),
    }
}

/// Whether two secrets are the same, in time that depends on their lengths alone.
pub fn secrets_equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// A random id from the system's generator.
///
/// # Errors
/// When the system has no randomness to give.
pub fn random_sid() -> Result<Sid, StoreError> {
    let mut bytes = random::<16>()?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    Ok(Sid::from_bytes(bytes))
}

/// `prefix` followed by 48 hex digits from the system's generator.
///
/// # Errors
/// As [`random_sid`].
pub fn random_token(prefix: &str) -> Result<String, StoreError> {
    Ok(format!("{prefix}{}", hex(&random::<24>()?)))
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Where the sealing key of a database lives.
pub(super) fn key_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".key");
    PathBuf::from(name)
}

/// Seals what the database must give back in clear: carrier passwords and the signing key. AES-256-GCM with a
/// random nonce; `what` binds a sealed text to its place, so that rows cannot be swapped.
pub(super) struct Sealer {
    key: LessSafeKey,
    random: SystemRandom,
}

impl Sealer {
    /// Reads the key file, or makes one that only its owner may read.
    pub fn open_or_create(path: &Path) -> Result<Sealer, StoreError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => create_key(path)?,
            Err(e) => return Err(StoreError::Failed(format!("{}: {e}", path.display()))),
        };
        let key = UnboundKey::new(&AES_256_GCM, &bytes)
            .map_err(|_| StoreError::Failed(format!("{} does not hold a 32-byte key", path.display())))?;
        Ok(Sealer { key: LessSafeKey::new(key), random: SystemRandom::new() })
    }

    pub fn seal(&self, what: &str, clear: &str) -> Result<String, StoreError> {
        let failed = |_| StoreError::Failed("sealing failed".into());
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(failed)?;
        let mut body = clear.as_bytes().to_vec();
        let nonce_in = Nonce::assume_unique_for_key(nonce);
        self.key.seal_in_place_append_tag(nonce_in, Aad::from(what.as_bytes()), &mut body).map_err(failed)?;
        Ok(STANDARD.encode([nonce.as_slice(), &body].concat()))
    }

    pub fn open(&self, what: &str, sealed: &str) -> Result<String, StoreError> {
        let failed = || StoreError::Failed(format!("the sealed {what} does not open with this key file"));
        let bytes = STANDARD.decode(sealed).map_err(|_| failed())?;
        let (nonce, body) = bytes.split_at_checked(NONCE_LEN).ok_or_else(failed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| failed())?;
        let mut body = body.to_vec();
        let clear = self.key.open_in_place(nonce, Aad::from(what.as_bytes()), &mut body).map_err(|_| failed())?;
        String::from_utf8(clear.to_vec()).map_err(|_| failed())
    }
}

fn create_key(path: &Path) -> Result<Vec<u8>, StoreError> {
    use std::os::unix::fs::OpenOptionsExt;
    let bytes = random::<32>()?;
    let failed = |e: std::io::Error| StoreError::Failed(format!("{}: {e}", path.display()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(bytes.to_vec())
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| StoreError::Failed("the system gives no randomness".into()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_secrets_are_those_of_the_published_example() {
        // RFC 7616 section 3.9.1.
        let s = digest_secrets("Mufasa", "http-auth@example.org", "Circle of Life");
        assert_eq!(s.md5, "3d78807defe7de2157e2b0b6573a855f");
        assert_eq!(s.sha256, "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232");
        assert_eq!(
            s.sha512_256,
            tandem_sip::auth::ha1_set("Mufasa", "http-auth@example.org", "Circle of Life").sha512_256
        );
    }

    #[test]
    fn a_sealed_text_opens_only_with_its_key_and_in_its_place() {
        let dir = crate::store::tests::TempDir::new();
        let sealer = Sealer::open_or_create(&dir.path().join("a.key")).unwrap();
        let sealed = sealer.seal("carrier 1", "s3cret").unwrap();
        assert!(!sealed.contains("s3cret"));
        assert_ne!(sealed, sealer.seal("carrier 1", "s3cret").unwrap());
        assert_eq!(sealer.open("carrier 1", &sealed).as_deref(), Ok("s3cret"));
        assert!(sealer.open("carrier 2", &sealed).is_err());
        assert!(sealer.open("carrier 1", "AAAA").is_err());
        let other = Sealer::open_or_create(&dir.path().join("b.key")).unwrap();
        assert!(other.open("carrier 1", &sealed).is_err());
        let again = Sealer::open_or_create(&dir.path().join("a.key")).unwrap();
        assert_eq!(again.open("carrier 1", &sealed).as_deref(), Ok("s3cret"));
    }

    #[test]
    fn the_key_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = crate::store::tests::TempDir::new();
        let path = dir.path().join("x.key");
        Sealer::open_or_create(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, b"short").unwrap();
        assert!(Sealer::open_or_create(&path).is_err());
    }
}
