use tandem_codecs::CodecSpec;
use tandem_model::{LegId, SampleRate, Timestamp};

use super::{Batch, Link, Shard, Slot};
use crate::control::LegSpec;
use crate::leg::{Heard, Listener};

impl Shard {
    pub(super) fn bridge(&mut self, now: Timestamp, a: LegId, b: LegId, batch: &mut Batch) {
        let (Some(a), Some(b)) = (self.slot(a), self.slot(b)) else { return };
        if a == b {
            return;
        }
        for slot in [a, b] {
            self.unlink(slot, now, batch);
            self.with_events(slot, now, batch, |leg| [leg.stop_playing(None), None]);
        }
        self.set_link(a, Link::Partner(b));
        self.set_link(b, Link::Partner(a));
        self.wire(a, now, batch);
    }

    /// Ends the leg's bridge for both sides, its echo, or its part in a mix.
    pub(super) fn unlink(&mut self, slot: Slot, now: Timestamp, batch: &mut Batch) {
        match self.link(slot) {
            Link::Alone => {}
            Link::Partner(partner) => {
                for end in [slot, partner] {
                    self.set_link(end, Link::Alone);
                    self.wire(end, now, batch);
                }
            }
            Link::Mix(at) => self.leave(slot, at, now, batch),
        }
    }

    pub(super) fn echo(&mut self, slot: Slot, on: bool, now: Timestamp, batch: &mut Batch) {
        if on {
            self.unlink(slot, now, batch);
            self.set_link(slot, Link::Partner(slot));
            self.wire(slot, now, batch);
        } else if self.partner(slot) == Some(slot) {
            self.unlink(slot, now, batch);
        }
    }

    /// Tells a leg and its partner how each is heard by the other, after anything of it changed.
    pub(super) fn wire(&mut self, slot: Slot, now: Timestamp, batch: &mut Batch) {
        let partner = self.partner(slot);
        let ends = [Some(slot), partner.filter(|&p| p != slot)];
        for end in ends.into_iter().flatten() {
            let (listener, observed) = (self.listener_of(end), self.observed_rate(end));
            self.contained(end, now, batch, |leg, _| leg.set_listener(listener, observed));
        }
    }

    pub(super) fn link(&self, slot: Slot) -> Link {
        self.place(slot).map_or(Link::Alone, |place| place.link)
    }

    pub(super) fn set_link(&mut self, slot: Slot, link: Link) {
        if let Some(place) = self.place_mut(slot) {
            place.link = link;
        }
    }

    pub(super) fn partner(&self, slot: Slot) -> Option<Slot> {
        match self.link(slot) {
            Link::Partner(partner) => Some(partner),
            Link::Alone | Link::Mix(_) => None,
        }
    }

    pub(super) fn is_transcoded(&self, slot: Slot) -> bool {
        self.place(slot).is_some_and(|place| matches!(place.leg.listener(), Listener::Transcode(_)))
    }

    /// What taps want of this leg's audio: its own, and those of the partner it is told to.
    fn observed_rate(&self, slot: Slot) -> Option<SampleRate> {
        let wanted = |slot: Slot| self.place(slot).and_then(|place| place.leg.tap_rate());
        wanted(slot).max(self.partner(slot).and_then(wanted))
    }

    /// A relay gives way to decoding with the first comfort noise that the partner would not understand.
    pub(super) fn noise_may_rewire(
        &mut self,
        slot: Slot,
        partner: Slot,
        heard: &Heard,
        now: Timestamp,
        batch: &mut Batch,
    ) {
        let to = self.place(partner).and_then(|place| place.leg.spec());
        if heard.is_noise() && !self.is_transcoded(slot) && to.is_some_and(|to| self.needs_noise_made(slot, to)) {
            self.wire(slot, now, batch);
        }
    }

    /// The leg's peer tells of silence in a way that `to` did not agree to understand: somebody has to make the noise. Only a
    /// peer that really does so costs its partner the relay.
    pub(super) fn needs_noise_made(&self, slot: Slot, to: &LegSpec) -> bool {
        to.comfort_noise.is_none() && self.place(slot).is_some_and(|place| place.leg.speaks_of_noise())
    }

    /// The partner takes the payload as it came: it knows all of it, and nothing is to be done to the sound.
    fn may_relay(&self, slot: Slot, from: &LegSpec, to: &LegSpec) -> bool {
        let denoised = self.place(slot).is_some_and(|place| place.leg.denoises());
        passes_through(from, to) && !self.needs_noise_made(slot, to) && !denoised
    }

    fn listener_of(&self, slot: Slot) -> Listener {
        if let Link::Mix(at) = self.link(slot) {
            return self.mix_rate(at).map_or(Listener::Nobody, Listener::Transcode);
        }
        let spec = |slot: Slot| self.place(slot).and_then(|p| p.leg.spec());
        match (spec(slot), self.partner(slot).and_then(spec)) {
            (Some(from), Some(to)) if self.may_relay(slot, from, to) => Listener::Relay,
            (Some(from), Some(to)) => Listener::Transcode(common_rate(from, to)),
            _ => Listener::Nobody,
        }
    }
}

/// The payload of one is the payload of the other.
fn passes_through(from: &LegSpec, to: &LegSpec) -> bool {
    from.codec == to.codec && from.ptime == to.ptime
}

/// The rate to decode `from` to for `to`: the lowest that holds all that one sends and the other plays. Codecs that can give
/// and take several rates do so, and where they have none in common the sender resamples.
fn common_rate(from: &LegSpec, to: &LegSpec) -> SampleRate {
    let [speaks, hears] = [from, to].map(|leg| CodecSpec::by_id(leg.codec));
    speaks.rate_for(speaks.far_end(&from.fmtp).captures.min(hears.far_end(&to.fmtp).plays))
}
