use std::time::Duration;

use tandem_model::Timestamp;
use tandem_model::limits::TICK;

use super::Slot;

/// A tick is cut into this many phases and the legs spread over them, so that work and packets come evenly.
const PHASES: usize = 10;
const PHASE: Duration = Duration::from_nanos(TICK.as_nanos() as u64 / PHASES as u64);
/// Lateness that is caught up; beyond it ticks are left out, for a burst of stale frames helps nobody.
const CATCH_UP_MAX: Duration = Duration::from_millis(100);

/// Whose tick it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Leg(Slot),
    /// A mix, by its index.
    Mix(usize),
}

/// Says whose tick is due: every leg and mix once in each [`TICK`].
#[derive(Debug)]
pub(super) struct Clockwork {
    phases: [Vec<Due>; PHASES],
    members: usize,
    /// The phase whose time is `at`.
    phase: usize,
    at: Timestamp,
    /// How many of that phase's legs had their turn.
    done: usize,
    skipped: u64,
}

impl Clockwork {
    pub fn new() -> Self {
        Clockwork {
            phases: [const { Vec::new() }; PHASES],
            members: 0,
            phase: 0,
            at: Timestamp::ZERO,
            done: 0,
            skipped: 0,
        }
    }

    /// A leg's first tick comes within one [`TICK`].
    pub fn add(&mut self, now: Timestamp, due: Due) {
        if self.members == 0 {
            self.at = now + PHASE;
            self.done = 0;
        }
        // Among the emptiest phases the one that comes first from here.
        let from = self.phase + 1;
        let emptiest = (from..from + PHASES).map(|p| p % PHASES).min_by_key(|&p| self.phases[p].len());
        if let Some(phase) = emptiest {
            self.phases[phase].push(due);
            self.members += 1;
        }
    }

    /// A leg from elsewhere, whose next tick was to be at `at`: it keeps its rhythm to the phase.
    pub fn add_near(&mut self, now: Timestamp, due: Due, at: Timestamp) {
        if self.members == 0 {
            self.at = now + PHASE;
            self.done = 0;
        }
        let ahead = at.since(self.at).as_nanos().div_ceil(PHASE.as_nanos()).clamp(1, PHASES as u128) as usize;
        self.phases[(self.phase + ahead) % PHASES].push(due);
        self.members += 1;
    }

    /// When its next tick is.
    pub fn due_at(&self, due: Due) -> Option<Timestamp> {
        let place = |phase: usize| self.phases[phase].iter().position(|&d| d == due);
        let (phase, nth) = (0..PHASES).find_map(|phase| Some((phase, place(phase)?)))?;
        let ahead = (phase + PHASES - self.phase) % PHASES;
        let had_its_turn = ahead == 0 && nth < self.done;
        Some(self.at + PHASE * (ahead + if had_its_turn { PHASES } else { 0 }) as u32)
    }

    pub fn remove(&mut self, due: Due) {
        for (phase, members) in self.phases.iter_mut().enumerate() {
            if let Some(i) = members.iter().position(|&d| d == due) {
                // Order is kept: whoever had its turn in this phase stays before `done`.
                members.remove(i);
                if phase == self.phase && i < self.done {
                    self.done -= 1;
                }
                self.members -= 1;
            }
        }
    }

    /// The next whose tick is due at `now`.
    pub fn next_due(&mut self, now: Timestamp) -> Option<Due> {
        if self.members == 0 {
            return None;
        }
        self.skip_if_late(now);
        while self.at <= now {
            if let Some(&due) = self.phases[self.phase].get(self.done) {
                self.done += 1;
                return Some(due);
            }
            self.advance(1);
        }
        None
    }

    /// The time of the next phase with anybody in it.
    pub fn deadline(&self) -> Option<Timestamp> {
        if self.members == 0 {
            return None;
        }
        let ahead = (0..PHASES).find(|&n| {
            let slots = self.phases[(self.phase + n) % PHASES].len();
            if n == 0 { slots > self.done } else { slots > 0 }
        });
        // Nobody but in this phase, and they had their turn: a whole tick from here.
        Some(self.at + PHASE * ahead.unwrap_or(PHASES) as u32)
    }

    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    fn skip_if_late(&mut self, now: Timestamp) {
        let late = now.since(self.at);
        if late > CATCH_UP_MAX {
            let phases = (late.as_nanos() / PHASE.as_nanos()) as u64;
            self.skipped += phases / PHASES as u64;
            self.advance(phases);
        }
    }

    fn advance(&mut self, phases: u64) {
        self.at = self.at + Duration::from_nanos((PHASE.as_nanos() as u64).saturating_mul(phases));
        self.phase = (self.phase + (phases % PHASES as u64) as usize) % PHASES;
        self.done = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leg_ticks_once_in_twenty_milliseconds_and_deadlines_are_kept() {
        let mut clockwork = Clockwork::new();
        let start = Timestamp::from_millis(1_000);
        for i in 0..25 {
            clockwork.add(start, Due::Leg(Slot(i)));
        }
        let mut turns = [0; 25];
        let mut now = start;
        while let Some(at) = clockwork.deadline().filter(|&at| at <= start + TICK * 10) {
            assert!(at > now || now == start, "time goes on");
            now = at;
            while let Some(Due::Leg(slot)) = clockwork.next_due(now) {
                turns[slot.0] += 1;
            }
        }
        assert_eq!(turns, [10; 25]);
    }

    #[test]
    fn a_lone_leg_is_not_woken_for_empty_phases() {
        let mut clockwork = Clockwork::new();
        clockwork.add(Timestamp::ZERO, Due::Leg(Slot(0)));
        let first = clockwork.deadline().unwrap();
        assert_eq!(clockwork.next_due(first), Some(Due::Leg(Slot(0))));
        assert_eq!(clockwork.next_due(first), None);
        assert_eq!(clockwork.deadline(), Some(first + TICK));
    }

    #[test]
    fn long_lateness_is_skipped_and_not_made_up_for() {
        let mut clockwork = Clockwork::new();
        clockwork.add(Timestamp::ZERO, Due::Leg(Slot(0)));
        let late = Timestamp::from_secs(10);
        let turns = std::iter::from_fn(|| clockwork.next_due(late)).count();
        assert!(turns <= 1, "{turns}");
        assert!(clockwork.skipped() > 490);
        assert!(clockwork.deadline().unwrap() > late);
    }

    #[test]
    fn a_leg_that_leaves_in_its_own_phase_costs_nobody_a_turn() {
        let mut clockwork = Clockwork::new();
        for i in 0..2 * PHASES {
            clockwork.add(Timestamp::ZERO, Due::Leg(Slot(i)));
        }
        let at = clockwork.deadline().unwrap();
        let first = clockwork.next_due(at).unwrap();
        clockwork.remove(first);
        assert!(clockwork.next_due(at).is_some());
        assert_eq!(clockwork.next_due(at), None);
    }
}
