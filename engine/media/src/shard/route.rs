use tandem_codecs::CodecId;

use super::{Link, Shard, Slot};
use crate::leg::Listener;

/// What a leg's packets go through: enough to tell what the leg costs its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// None until it was configured.
    pub codec: Option<CodecId>,
    /// Packets a second, each way.
    pub packets_per_second: u32,
    pub encrypted: bool,
    /// What it hears is decoded, for its partner or a tap.
    pub decodes: bool,
    /// What it is told is encoded for it, for its partner is decoded.
    pub encodes: bool,
    /// It sits in a mix: it is decoded, and shares encoders with those who hear the same.
    pub mixed: bool,
}

impl Shard {
    /// The route of a leg as it is wired now. None when there is none in that place.
    pub fn route(&self, slot: Slot) -> Option<Route> {
        let leg = &self.place(slot)?.leg;
        let decoded = |listener| !matches!(listener, Listener::Nobody | Listener::Relay);
        let partner = self.partner(slot).and_then(|partner| self.place(partner));
        let spec = leg.spec();
        Some(Route {
            codec: spec.map(|spec| spec.codec),
            packets_per_second: spec.map_or(50, |spec| 1_000 / u32::from(spec.ptime.0.max(1))),
            encrypted: spec.is_some_and(|spec| spec.srtp.is_some()),
            decodes: decoded(leg.listener()) || leg.tap_rate().is_some(),
            mixed: matches!(self.link(slot), Link::Mix(_)),
            encodes: partner.is_some_and(|partner| decoded(partner.leg.listener())),
        })
    }
}
