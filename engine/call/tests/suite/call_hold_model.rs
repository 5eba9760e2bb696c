//! Both parties of a call hold and take back as they like, by INVITE and UPDATE, while offers cross, are refused and wait: once
//! all is answered, each sends and hears what the other lets it. The model is two wishes and what follows from them.

use proptest::prelude::*;
use tandem_call::call::HoldUse;

use crate::world::World;

/// What a telephone sends and takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    sends: bool,
    takes: bool,
}

const WISHES: [Way; 3] = [
    Way { sends: true, takes: true },
    // Hold, with music and without.
    Way { sends: true, takes: false },
    Way { sends: false, takes: false },
];

impl Way {
    /// The description that says so; see [`crate::peer::description`].
    fn described(self) -> &'static str {
        match (self.sends, self.takes) {
            (true, true) => "sdp",
            (true, false) => "hold",
            (false, true) => "recvonly",
            (false, false) => "inactive",
        }
    }

    fn of(direction: &str) -> Way {
        let (sends, takes) = match direction {
            "sendrecv" => (true, true),
            "sendonly" => (true, false),
            "recvonly" => (false, true),
            _ => (false, false),
        };
        Way { sends, takes }
    }

    /// What is left of it towards who offers `offer`.
    fn answering(self, offer: Way) -> Way {
        Way { sends: self.sends && offer.takes, takes: self.takes && offer.sends }
    }
}

/// One far end.
struct Telephone {
    leg: u64,
    wish: Way,
    /// Offered to it, and not answered so far.
    offered: Option<Way>,
}

struct Line {
    world: World,
    telephones: [Telephone; 2],
}

impl Line {
    fn new() -> Line {
        let telephone = |leg| Telephone { leg, wish: WISHES[0], offered: None };
        Line { world: World::talks(HoldUse::Pass), telephones: [telephone(1), telephone(2)] }
    }

    /// Notes what is offered meanwhile.
    fn step(&mut self, words: &str) -> String {
        let said = self.world.step(words);
        for telephone in &mut self.telephones {
            let offer = format!("L{} INVITE ", telephone.leg);
            for line in said.split("; ").filter_map(|line| line.strip_prefix(&offer)) {
                telephone.offered = line.split(' ').nth(1).map(Way::of);
            }
        }
        assert!(!said.contains("BYE"), "{words}: {said}");
        said
    }

    fn wishes(&mut self, who: usize, wish: Way, method: &str) {
        let leg = self.telephones[who].leg;
        let said = self.step(&format!("{leg} {method} {}", wish.described()));
        if said.contains(&format!("L{leg} 200")) {
            self.telephones[who].wish = wish;
            if method == "INVITE" {
                self.step(&format!("{leg} ACK"));
            }
        }
    }

    fn answers(&mut self, who: usize) {
        let Telephone { leg, wish, offered } = &mut self.telephones[who];
        if let Some(offer) = offered.take() {
            let words = format!("{leg} 200 {}", wish.answering(offer).described());
            self.step(&words);
        }
    }

    fn is_busy_itself(&mut self, who: usize) {
        let Telephone { leg, offered, .. } = &mut self.telephones[who];
        if offered.take().is_some() {
            let words = format!("{leg} 491");
            self.step(&words);
        }
    }

    fn settles(&mut self) {
        for _ in 0..20 {
            self.answers(0);
            self.answers(1);
            self.step("+5");
        }
        assert!(self.telephones.iter().all(|t| t.offered.is_none()), "it comes to an end");
    }

    /// Media is what the two wishes come to.
    fn is_as_wished(&self) -> Result<(), TestCaseError> {
        for (this, other) in [(0, 1), (1, 0)] {
            let (this, other) = (&self.telephones[this], &self.telephones[other]);
            let spec = self.world.spec_of(this.leg).expect("it talks");
            // A party that holds is not heard by who it does not take.
            let hears = this.wish.takes && other.wish.sends;
            let heard = this.wish.sends && other.wish.takes;
            let wanted = format!("L{}: {:?} with {:?}", this.leg, this.wish, other.wish);
            prop_assert_eq!((spec.send, spec.receive), (hears, heard), "{}", wanted);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_any_holds_each_side_sends_and_hears_what_the_other_lets_it(
        deeds in prop::collection::vec((0usize..2, 0u8..8, 0usize..3), 1..25),
    ) {
        let mut line = Line::new();
        for (who, deed, wish) in deeds {
            match deed {
                0 | 1 => line.wishes(who, WISHES[wish], "INVITE"),
                2 | 3 => line.wishes(who, WISHES[wish], "UPDATE"),
                4 | 5 => line.answers(who),
                6 => line.is_busy_itself(who),
                _ => drop(line.step("+3")),
            }
        }
        line.settles();
        line.is_as_wished()?;
    }
}
