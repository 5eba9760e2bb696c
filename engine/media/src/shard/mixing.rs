use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tandem_model::limits::{MIX_CLIPS_MAX, MIX_MEMBERS_MAX};
use tandem_model::{LegId, Ptime, SampleRate, Timestamp};

use super::shared_encoder::SharedEncoder;
use super::{Batch, Due, Link, Shard, Slot};
use crate::control::{Clip, Event, LegSpec, MixId, PlayId, Repeat, Seat};
use crate::leg::{ClipReader, Taps, natural_rate};
use crate::mix::{Mixer, Role};
use crate::tap::{TapId, TapSink};

/// 20 ms at the highest rate.
const SAMPLES_MAX: usize = 960;
/// Mixing above this rate gains no intelligibility and costs decoding and encoding half as much again.
const MIX_RATE_MAX: SampleRate = SampleRate::HZ_16000;

/// A conference's audio: who sits in it, what is played to all of them, and the encoders they share.
pub(super) struct Mix {
    id: MixId,
    /// In the order of the mixer's seats.
    members: Vec<(Slot, Seat)>,
    mixer: Mixer,
    clips: Vec<(PlayId, ClipReader)>,
    shared: Vec<SharedEncoder>,
    taps: Taps,
    /// The leg whose floor it is, as told last.
    floor: Option<LegId>,
    /// The next member to send to, while this tick's packets are on their way out.
    sending: Option<usize>,
}

impl Shard {
    pub(super) fn join(&mut self, now: Timestamp, leg: LegId, id: MixId, seat: Seat, batch: &mut Batch) {
        let Some(slot) = self.slot(leg) else { return };
        let at = self.mix_index(id);
        if let Some(at) = at.filter(|&at| self.link(slot) == Link::Mix(at)) {
            if let Some(member) = self.mixes[at].as_mut().and_then(|m| m.members.iter_mut().find(|m| m.0 == slot)) {
                member.1 = seat;
            }
            return self.assign_roles(at);
        }
        let at = at.unwrap_or_else(|| self.make_mix(now, id));
        if self.mixes[at].as_ref().is_some_and(|mix| mix.members.len() >= MIX_MEMBERS_MAX) {
            self.events.push(Event::JoinRefused { leg, mix: id });
            return;
        }
        self.unlink(slot, now, batch);
        if let Some(mix) = &mut self.mixes[at] {
            mix.members.push((slot, seat));
            mix.mixer.add(seat.role(None));
        }
        self.set_link(slot, Link::Mix(at));
        self.assign_roles(at);
        self.tune(at, now, batch);
    }

    /// Takes a leg out of its mix, which ends with its last member.
    pub(super) fn leave(&mut self, slot: Slot, at: usize, now: Timestamp, batch: &mut Batch) {
        self.set_link(slot, Link::Alone);
        self.forget_member(at, slot);
        self.tune(at, now, batch);
        self.wire(slot, now, batch);
    }

    pub(super) fn play_mix(&mut self, id: MixId, play: PlayId, clip: Arc<Clip>, repeat: Repeat) {
        let Some(mix) = self.mix_mut(id) else { return };
        mix.clips.retain(|(other, _)| *other != play);
        if mix.clips.len() < MIX_CLIPS_MAX {
            mix.clips.push((play, ClipReader::new(clip, repeat, mix.mixer.rate())));
        }
    }

    pub(super) fn stop_play_mix(&mut self, id: MixId, play: PlayId) {
        if let Some(mix) = self.mix_mut(id) {
            mix.clips.retain(|(other, _)| *other != play);
        }
    }

    pub(super) fn tap_mix(&mut self, id: MixId, tap: TapId, rate: SampleRate, sink: Arc<dyn TapSink>) {
        match self.mix_mut(id) {
            Some(mix) => mix.taps.add(tap, rate, sink),
            None => sink.ended(),
        }
    }

    pub(super) fn untap_mix(&mut self, id: MixId, tap: TapId) {
        if let Some(mix) = self.mix_mut(id) {
            mix.taps.remove(tap);
        }
    }

    /// One tick of a mix, first half: hears every member and sums. Its packets follow by [`Shard::send_mix`].
    pub(super) fn tick_mix(&mut self, at: usize, now: Timestamp, batch: &mut Batch) {
        // Out of its place for the time, so that the legs may be borrowed.
        let Some(mut mix) = self.mixes[at].take() else { return };
        for seat in 0..mix.members.len() {
            let slot = mix.members[seat].0;
            let heard = self.contained(slot, now, batch, |leg, turn| leg.hear_tick(turn)).flatten();
            let said = heard.map(|(samples, rate)| (&self.scratch.tick[..samples], rate));
            mix.mixer.hear(seat, said);
        }
        // A panic in the mixer costs a tick of it and what it had learnt, not the thread.
        if catch_unwind(AssertUnwindSafe(|| mix.sum(now))).is_err() {
            mix.rebuild();
            self.rebuilt += 1;
        }
        self.tell_speakers(&mut mix);
        mix.sending = Some(0);
        // A leg that failed meanwhile has left the mix, which it could not find.
        let gone = |slot: Slot| self.link(slot) != Link::Mix(at);
        let left: Vec<Slot> = mix.members.iter().map(|m| m.0).filter(|&slot| gone(slot)).collect();
        self.mixes[at] = Some(mix);
        left.into_iter().for_each(|slot| self.forget_member(at, slot));
        self.sending = Some(at);
    }

    /// Second half: sends to members while the batch has room. True when all were served.
    pub(super) fn send_mix(&mut self, at: usize, now: Timestamp, batch: &mut Batch) -> bool {
        let Some(mut mix) = self.mixes[at].take() else { return true };
        let mut next = mix.sending.unwrap_or(0);
        let mut left: Option<Slot> = None;
        while next < mix.members.len() && batch.has_room() && left.is_none() {
            let (slot, _) = mix.members[next];
            self.send_to_member(&mut mix, next, slot, now, batch);
            left = Some(slot).filter(|&slot| self.link(slot) != Link::Mix(at));
            next += 1;
        }
        let done = next >= mix.members.len();
        mix.sending = (!done).then_some(next);
        self.mixes[at] = Some(mix);
        if let Some(slot) = left {
            self.forget_member(at, slot);
        }
        done
    }

    fn send_to_member(&mut self, mix: &mut Mix, seat: usize, slot: Slot, now: Timestamp, batch: &mut Batch) {
        let samples = mix.mixer.samples();
        let rate = mix.mixer.rate();
        let mut pcm = [0; SAMPLES_MAX];
        let pcm = &mut pcm[..samples];
        if mix.mixer.hears_shared(seat) {
            mix.mixer.shared(pcm);
            let Some(spec) = self.place(slot).and_then(|place| place.leg.spec()) else { return };
            // Encoded for all at once: packets of one tick. Others collect their own.
            let loss_percent = self.place(slot).map_or(0, |place| place.leg.protection_percent());
            if spec.ptime == Ptime(20)
                && let Some(payload) = mix.shared_payload(spec, loss_percent, pcm)
            {
                self.contained(slot, now, batch, |leg, turn| leg.send_shared(turn, payload, pcm, rate));
                return;
            }
        } else if !mix.mixer.own(seat, pcm) {
            return;
        }
        self.contained(slot, now, batch, |leg, turn| leg.send_partner_pcm(turn, pcm, rate));
    }

    fn tell_speakers(&mut self, mix: &mut Mix) {
        for seat in 0..mix.members.len() {
            if let Some(speaking) = mix.mixer.poll_speaking(seat)
                && let Some(place) = self.place(mix.members[seat].0)
            {
                let leg = place.leg.id();
                self.events.push(Event::Speaking { leg, mix: mix.id, speaking });
            }
        }
        let floor = mix.mixer.floor().and_then(|seat| self.place(mix.members.get(seat)?.0)).map(|place| place.leg.id());
        if let Some(leg) = floor.filter(|_| floor != mix.floor) {
            mix.floor = floor;
            self.events.push(Event::Floor { leg, mix: mix.id });
        }
    }

    /// Gives up the seat of a member that is linked elsewhere or gone.
    fn forget_member(&mut self, at: usize, slot: Slot) {
        let Some(mix) = &mut self.mixes[at] else { return };
        let Some(seat) = mix.members.iter().position(|m| m.0 == slot) else { return };
        mix.members.swap_remove(seat);
        mix.mixer.remove(seat);
        if mix.members.is_empty() {
            self.mixes[at] = None;
            self.clockwork.remove(Due::Mix(at));
        } else {
            self.assign_roles(at);
        }
    }

    fn make_mix(&mut self, now: Timestamp, id: MixId) -> usize {
        let mix = Mix {
            id,
            members: Vec::new(),
            mixer: Mixer::new(SampleRate::HZ_8000),
            clips: Vec::new(),
            shared: Vec::new(),
            taps: Taps::default(),
            floor: None,
            sending: None,
        };
        self.take_in_mix(now, mix)
    }

    pub(super) fn take_in_mix(&mut self, now: Timestamp, mix: Mix) -> usize {
        let at = self.mixes.iter().position(Option::is_none).unwrap_or_else(|| {
            self.mixes.push(None);
            self.mixes.len() - 1
        });
        self.mixes[at] = Some(mix);
        self.clockwork.add(now, Due::Mix(at));
        at
    }

    pub(super) fn mix_members(&self, at: usize) -> impl Iterator<Item = Slot> + '_ {
        self.mixes.get(at).and_then(Option::as_ref).into_iter().flat_map(|mix| mix.members.iter().map(|m| m.0))
    }

    fn mix_index(&self, id: MixId) -> Option<usize> {
        self.mixes.iter().position(|mix| mix.as_ref().is_some_and(|mix| mix.id == id))
    }

    fn mix_mut(&mut self, id: MixId) -> Option<&mut Mix> {
        self.mixes.iter_mut().flatten().find(|mix| mix.id == id)
    }

    /// The rate of a mix, for its members' decoders.
    pub(super) fn mix_rate(&self, at: usize) -> Option<SampleRate> {
        Some(self.mixes.get(at)?.as_ref()?.mixer.rate())
    }

    /// Makes the mix as wide as its widest member needs, and tells the members.
    pub(super) fn tune(&mut self, at: usize, now: Timestamp, batch: &mut Batch) {
        let Some(mix) = &self.mixes[at] else { return };
        let members: Vec<Slot> = mix.members.iter().map(|m| m.0).collect();
        let specs = members.iter().filter_map(|&slot| self.place(slot)?.leg.spec());
        let widest = specs.map(|spec| natural_rate(spec.codec)).max().unwrap_or(SampleRate::HZ_8000);
        let rate = widest.clamp(SampleRate::HZ_8000, MIX_RATE_MAX);
        if let Some(mix) = &mut self.mixes[at] {
            mix.set_rate(rate);
        }
        members.into_iter().for_each(|slot| self.wire(slot, now, batch));
    }

    fn assign_roles(&mut self, at: usize) {
        let Some(mix) = &self.mixes[at] else { return };
        let seat_of = |leg: LegId| mix.members.iter().position(|m| self.place(m.0).is_some_and(|p| p.leg.id() == leg));
        let roles: Vec<Role> = mix.members.iter().map(|(_, seat)| seat.role(seat.coaches.and_then(seat_of))).collect();
        if let Some(mix) = &mut self.mixes[at] {
            roles.into_iter().enumerate().for_each(|(n, role)| mix.mixer.set_role(n, role));
        }
    }
}

impl Mix {
    /// Its members have other slots now.
    pub(super) fn rename_members(&mut self, renamed: impl Fn(Slot) -> Option<usize>) {
        for (slot, _) in &mut self.members {
            if let Some(n) = renamed(*slot) {
                *slot = Slot(n);
            }
        }
        self.sending = None;
    }

    fn set_rate(&mut self, rate: SampleRate) {
        if self.mixer.rate() != rate {
            self.mixer.set_rate(rate);
            self.clips.iter_mut().for_each(|(_, clip)| clip.set_rate(rate));
            self.shared.clear();
        }
    }

    fn sum(&mut self, now: Timestamp) {
        let samples = self.mixer.samples();
        let mut played = [[0; SAMPLES_MAX]; MIX_CLIPS_MAX];
        let mut playing = 0;
        self.clips.retain_mut(|(_, clip)| {
            let goes_on = clip.fill(&mut played[playing][..samples]);
            playing += usize::from(goes_on);
            goes_on
        });
        let played: [&[i16]; MIX_CLIPS_MAX] =
            std::array::from_fn(|n| &played[n][..if n < playing { samples } else { 0 }]);
        self.mixer.mix(&played[..playing]);
        self.shared.iter_mut().for_each(SharedEncoder::next_tick);
        self.shared.retain(|encoder| !encoder.is_forgotten());
        if self.taps.rate().is_some() {
            let mut all = [0; SAMPLES_MAX];
            self.mixer.shared(&mut all[..samples]);
            self.taps.inbound(&all[..samples], self.mixer.rate());
        }
        self.taps.hand_over(now);
    }

    /// After a panic: what was learnt of voices is lost, the seats are not.
    fn rebuild(&mut self) {
        let rate = self.mixer.rate();
        self.mixer = Mixer::new(rate);
        let roles: Vec<Role> = self.members.iter().map(|(_, seat)| seat.role(None)).collect();
        roles.into_iter().for_each(|role| self.mixer.add(role));
        self.clips.clear();
        self.shared.clear();
    }

    /// This tick's sum, encoded once for each codec; None when there is no such encoder.
    fn shared_payload(&mut self, spec: &LegSpec, loss_percent: u8, pcm: &[i16]) -> Option<&[u8]> {
        let at = match self.shared.iter().position(|encoder| encoder.encodes(spec.codec, &spec.fmtp)) {
            Some(at) => at,
            None => {
                self.shared.push(SharedEncoder::new(spec.codec, &spec.fmtp, spec.tuning, self.mixer.rate())?);
                self.shared.len() - 1
            }
        };
        self.shared[at].payload(loss_percent, pcm)
    }
}

impl Seat {
    /// `coached` is the seat of whom it coaches; whoever coaches somebody who is not here is heard by nobody.
    fn role(&self, coached: Option<usize>) -> Role {
        let speaks = self.speaks && (self.coaches.is_none() || coached.is_some());
        Role { speaks, hears: self.hears, coaches: coached }
    }
}
