//! The far end of a tap, kept whole.
#![expect(clippy::disallowed_types, reason = "a sink is shared with the shard, and the test reads what it took")]

use std::sync::{Arc, Mutex};

use tandem_media::control::Command;
use tandem_media::tap::{TapFrame, TapId, TapSink};
use tandem_model::{LegId, SampleRate};

use super::World;

#[derive(Debug, Default)]
pub struct Tape {
    ticks: Mutex<Vec<u64>>,
    inbound: Mutex<Vec<i16>>,
    outbound: Mutex<Vec<i16>>,
    ended: Mutex<u32>,
}

impl TapSink for Tape {
    fn take(&self, frame: TapFrame<'_>) {
        self.ticks.lock().unwrap().push(frame.tick);
        self.inbound.lock().unwrap().extend(frame.inbound);
        self.outbound.lock().unwrap().extend(frame.outbound);
    }

    fn ended(&self) {
        *self.ended.lock().unwrap() += 1;
    }
}

impl Tape {
    /// Both tracks without the first 300 ms.
    pub fn tracks(&self, rate: SampleRate) -> (Vec<i16>, Vec<i16>) {
        let skip = rate.0 as usize * 3 / 10;
        let tail = |track: &Mutex<Vec<i16>>| track.lock().unwrap()[skip..].to_vec();
        (tail(&self.inbound), tail(&self.outbound))
    }

    pub fn ticks(&self) -> Vec<u64> {
        self.ticks.lock().unwrap().clone()
    }

    pub fn ended(&self) -> u32 {
        *self.ended.lock().unwrap()
    }
}

pub fn tap(world: &mut World, leg: LegId, id: u64, rate: SampleRate) -> Arc<Tape> {
    let tape = Arc::new(Tape::default());
    world.command(Command::Tap { leg, tap: TapId(id), rate, sink: tape.clone() });
    tape
}
