//! What each country's networks play to callers: frequencies and cadences as public tone plans give them. Ringback of Israel, Japan
//! and Thailand is in none of those and stands as commonly known; ITU-T E.180 supplement 2 is yet to be compared line by line.

use tandem_model::Country;

/// What sounds while a tone does. Frequencies in Hz, all whole numbers, so that every whole second is a whole number of periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    One(u16),
    Two(u16, u16),
    /// The first, swelling and fading at the second.
    Beating(u16, u16),
}

/// A sound and its cadence: on and off in milliseconds, over and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tone {
    pub sound: Sound,
    pub cadence: &'static [(u32, u32)],
}

/// The tones of one country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The callee's telephone rings.
    pub ringback: Tone,
    pub busy: Tone,
    /// No way through the network.
    pub congestion: Tone,
    pub dial: Tone,
}

/// A tone without a break: one second of it closes on itself.
const fn steady(sound: Sound) -> Tone {
    Tone { sound, cadence: &[(1_000, 0)] }
}

pub const fn plan(country: Country) -> Plan {
    match country {
        Country::At => Plan {
            ringback: Tone { sound: Sound::One(420), cadence: &[(1000, 5000)] },
            busy: Tone { sound: Sound::One(420), cadence: &[(400, 400)] },
            congestion: Tone { sound: Sound::One(420), cadence: &[(200, 200)] },
            dial: steady(Sound::One(420)),
        },
        Country::Au => Plan {
            ringback: Tone { sound: Sound::Two(413, 438), cadence: &[(400, 200), (400, 2000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(375, 375)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(375, 375)] },
            dial: steady(Sound::Two(413, 438)),
        },
        Country::Bg => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(250, 250)] },
            dial: steady(Sound::One(425)),
        },
        Country::Br => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(250, 250)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(250, 250), (750, 250)] },
            dial: steady(Sound::One(425)),
        },
        Country::Be => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 3000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(167, 167)] },
            dial: steady(Sound::One(425)),
        },
        Country::Ch => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(200, 200)] },
            dial: steady(Sound::One(425)),
        },
        Country::Cl => Plan {
            ringback: Tone { sound: Sound::One(400), cadence: &[(1000, 3000)] },
            busy: Tone { sound: Sound::One(400), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(400), cadence: &[(200, 200)] },
            dial: steady(Sound::One(400)),
        },
        Country::Cn => Plan {
            ringback: Tone { sound: Sound::One(450), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(450), cadence: &[(350, 350)] },
            congestion: Tone { sound: Sound::One(450), cadence: &[(700, 700)] },
            dial: steady(Sound::One(450)),
        },
        Country::Cz => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(330, 330)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(165, 165)] },
            dial: Tone { sound: Sound::One(425), cadence: &[(330, 330), (660, 660)] },
        },
        Country::De => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(480, 480)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(240, 240)] },
            dial: steady(Sound::One(425)),
        },
        Country::Dk => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(200, 200)] },
            dial: steady(Sound::One(425)),
        },
        Country::Ee => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(300, 300)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(200, 200)] },
            dial: steady(Sound::One(425)),
        },
        Country::Es => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1500, 3000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(200, 200)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(200, 200), (200, 200), (200, 600)] },
            dial: steady(Sound::One(425)),
        },
        Country::Fi => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(300, 300)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(200, 200)] },
            dial: steady(Sound::One(425)),
        },
        Country::Fr => Plan {
            ringback: Tone { sound: Sound::One(440), cadence: &[(1500, 3500)] },
            busy: Tone { sound: Sound::One(440), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(440), cadence: &[(250, 250)] },
            dial: steady(Sound::One(440)),
        },
        Country::Gr => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(300, 300)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(200, 200)] },
            dial: Tone { sound: Sound::One(425), cadence: &[(200, 300), (700, 800)] },
        },
        Country::Hu => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1250, 3750)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(300, 300)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(300, 300)] },
            dial: steady(Sound::One(425)),
        },
        Country::Il => Plan {
            ringback: Tone { sound: Sound::One(400), cadence: &[(1000, 3000)] },
            busy: Tone { sound: Sound::One(400), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(400), cadence: &[(250, 250)] },
            dial: steady(Sound::One(400)),
        },
        Country::In => Plan {
            ringback: Tone { sound: Sound::Beating(400, 25), cadence: &[(400, 200), (400, 2000)] },
            busy: Tone { sound: Sound::One(400), cadence: &[(750, 750)] },
            congestion: Tone { sound: Sound::One(400), cadence: &[(250, 250)] },
            dial: steady(Sound::Beating(400, 25)),
        },
        Country::It => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(200, 200)] },
            dial: Tone { sound: Sound::One(425), cadence: &[(200, 200), (600, 1000)] },
        },
        Country::Lt => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(350, 350)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(200, 200)] },
            dial: steady(Sound::One(425)),
        },
        Country::Jp => Plan {
            ringback: Tone { sound: Sound::Beating(400, 16), cadence: &[(1000, 2000)] },
            busy: Tone { sound: Sound::One(400), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(400), cadence: &[(500, 500)] },
            dial: steady(Sound::One(400)),
        },
        Country::Mx => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(250, 250)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(250, 250)] },
            dial: steady(Sound::One(425)),
        },
        Country::My => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(400, 200), (400, 2000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(500, 500)] },
            dial: steady(Sound::One(425)),
        },
        Country::Nl => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(250, 250)] },
            dial: steady(Sound::One(425)),
        },
        Country::No => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(200, 200)] },
            dial: steady(Sound::One(425)),
        },
        Country::Nz => Plan {
            ringback: Tone { sound: Sound::Two(400, 450), cadence: &[(400, 200), (400, 2000)] },
            busy: Tone { sound: Sound::One(400), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(400), cadence: &[(250, 250)] },
            dial: steady(Sound::One(400)),
        },
        Country::Ph => Plan {
            ringback: Tone { sound: Sound::Two(425, 480), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::Two(480, 620), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::Two(480, 620), cadence: &[(250, 250)] },
            dial: steady(Sound::One(425)),
        },
        Country::Pl => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(500, 500)] },
            dial: steady(Sound::One(425)),
        },
        Country::Pt => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 5000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(200, 200)] },
            dial: steady(Sound::One(425)),
        },
        Country::Ru => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(350, 350)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(175, 175)] },
            dial: steady(Sound::One(425)),
        },
        Country::Se => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 5000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(250, 250)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(250, 750)] },
            dial: steady(Sound::One(425)),
        },
        Country::Sg => Plan {
            ringback: Tone { sound: Sound::Beating(425, 24), cadence: &[(400, 200), (400, 2000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(750, 750)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(250, 250)] },
            dial: steady(Sound::One(425)),
        },
        Country::Th => Plan {
            ringback: Tone { sound: Sound::One(400), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(400), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(400), cadence: &[(300, 300)] },
            dial: steady(Sound::Beating(400, 50)),
        },
        Country::Uk => Plan {
            ringback: Tone { sound: Sound::Two(400, 450), cadence: &[(400, 200), (400, 2000)] },
            busy: Tone { sound: Sound::One(400), cadence: &[(375, 375)] },
            congestion: Tone { sound: Sound::One(400), cadence: &[(400, 350), (225, 525)] },
            dial: steady(Sound::Two(350, 440)),
        },
        Country::Us => Plan {
            ringback: Tone { sound: Sound::Two(440, 480), cadence: &[(2000, 4000)] },
            busy: Tone { sound: Sound::Two(480, 620), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::Two(480, 620), cadence: &[(250, 250)] },
            dial: steady(Sound::Two(350, 440)),
        },
        Country::UsOld => Plan {
            ringback: Tone { sound: Sound::Beating(420, 40), cadence: &[(2000, 4000)] },
            busy: Tone { sound: Sound::Beating(500, 100), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::Beating(500, 100), cadence: &[(250, 250)] },
            dial: steady(Sound::Beating(600, 120)),
        },
        Country::Tw => Plan {
            ringback: Tone { sound: Sound::Two(440, 480), cadence: &[(1000, 2000)] },
            busy: Tone { sound: Sound::Two(480, 620), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::Two(480, 620), cadence: &[(250, 250)] },
            dial: steady(Sound::Two(350, 440)),
        },
        Country::Ve => Plan {
            ringback: Tone { sound: Sound::One(425), cadence: &[(1000, 4000)] },
            busy: Tone { sound: Sound::One(425), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(425), cadence: &[(250, 250)] },
            dial: steady(Sound::One(425)),
        },
        Country::Za => Plan {
            ringback: Tone { sound: Sound::Beating(400, 33), cadence: &[(400, 200), (400, 2000)] },
            busy: Tone { sound: Sound::One(400), cadence: &[(500, 500)] },
            congestion: Tone { sound: Sound::One(400), cadence: &[(250, 250)] },
            dial: steady(Sound::Beating(400, 33)),
        },
    }
}
