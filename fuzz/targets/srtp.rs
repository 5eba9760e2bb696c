//! Hostile SRTP: bytes of any kind under a key they do not know, and true packets that were changed on the way. Nothing
//! that is not authentic opens or moves state; what is authentic opens once.
//!
//! The first byte chooses suite, stream, identifiers and whether the keys were just changed; the rest is packets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tandem_media::srtp::{Protector, TAIL_ROOM, Unprotector};
use tandem_model::{Mki, SrtpKey, SrtpSuite, Timestamp};

fn key(suite: SrtpSuite, seed: u8) -> SrtpKey {
    let len = suite.key_len() + suite.salt_len();
    SrtpKey::new(suite, (0..len).map(|n| seed.wrapping_add(n as u8).wrapping_mul(37)).collect())
        .expect("fits its suite")
}

fuzz_target!(|input: &[u8]| {
    let Some((&mode, rest)) = input.split_first() else { return };
    let suite = SrtpSuite::ALL[usize::from(mode) % SrtpSuite::ALL.len()];
    let (rtcp, marked, changed) = (mode & 0x20 != 0, mode & 0x40 != 0, mode & 0x80 != 0);
    let mut inn = if marked {
        let named = |n: u8| SrtpKey { mki: Mki::new(u64::from(n), 4), ..key(suite, n) };
        Unprotector::with_keys(&named(1), &[named(2)])
    } else {
        Unprotector::new(&key(suite, 1))
    };
    if changed {
        inn.rekey(Timestamp::ZERO, &key(suite, 3), &[]);
    }
    let open = |inn: &mut Unprotector, packet: &[u8]| {
        let mut buf = packet.to_vec();
        let len =
            if rtcp { inn.unprotect_rtcp(&mut buf, packet.len()) } else { inn.unprotect_rtp(&mut buf, packet.len()) };
        len.map(|len| buf[..len].to_vec())
    };

    // As they come: nobody forges a tag in the time there is.
    let before = inn.cursor();
    assert!(open(&mut inn, rest).is_err());
    assert_eq!(inn.cursor(), before);
    if marked {
        return;
    }

    // Sealed by us, where they are packets at all; then the whole of it, and with one byte changed.
    let mut out = Protector::new(&key(suite, if changed { 3 } else { 1 }));
    let Some((&[at, value], plain)) = rest.split_first_chunk::<2>() else { return };
    let mut sealed = plain.to_vec();
    sealed.resize(plain.len() + TAIL_ROOM, 0);
    let len = if rtcp { out.protect_rtcp(&mut sealed, plain.len()) } else { out.protect_rtp(&mut sealed, plain.len()) };
    let Ok(len) = len else { return };
    sealed.truncate(len);
    if value != 0 {
        let mut forged = sealed.clone();
        let at = usize::from(at) % forged.len();
        forged[at] ^= value;
        let before = inn.cursor();
        assert!(open(&mut inn, &forged).is_err());
        assert_eq!(inn.cursor(), before);
    }
    assert_eq!(open(&mut inn, &sealed).as_deref(), Ok(plain));
    assert!(open(&mut inn, &sealed).is_err(), "a replay");
});
