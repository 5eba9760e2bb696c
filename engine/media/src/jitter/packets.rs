/// Sequence numbers held at a time.
pub(super) const WINDOW: u16 = 64;
/// Bytes held at a time: 200 ms of the fattest speech codec, or 51 frames of G.711.
const ARENA_BYTES: usize = 8 * 1024;

/// Packets by sequence number. Their payloads lie end to end in one ring of bytes, so a leg of small packets does not
/// pay for large ones, and nothing is allocated after construction.
pub(super) struct Packets {
    slots: [Slot; WINDOW as usize],
    arena: Box<[u8]>,
    /// Where the next payload goes when it fits there.
    head: usize,
}

/// One packet; its payload is empty when it carried no audio.
#[derive(Clone, Copy, Default)]
pub(super) struct Slot {
    held: bool,
    seq: u16,
    pub ts: u32,
    start: u16,
    pub len: u16,
}

impl Packets {
    pub fn new() -> Self {
        Packets { slots: [Slot::default(); WINDOW as usize], arena: vec![0; ARENA_BYTES].into_boxed_slice(), head: 0 }
    }

    /// False when no room is left. `seq` is not held, nor another within `WINDOW` of it that has its slot.
    pub fn put(&mut self, seq: u16, ts: u32, payload: &[u8]) -> bool {
        let start = if self.head + payload.len() <= ARENA_BYTES { self.head } else { 0 };
        let end = start + payload.len();
        let overlaps = |s: &Slot| s.held && usize::from(s.start) < end && start < usize::from(s.start + s.len);
        let slot = usize::from(seq % WINDOW);
        if end > ARENA_BYTES || self.slots[slot].held || self.slots.iter().any(overlaps) {
            return false;
        }
        self.arena[start..end].copy_from_slice(payload);
        self.head = end;
        self.slots[slot] = Slot { held: true, seq, ts, start: start as u16, len: payload.len() as u16 };
        true
    }

    pub fn get(&self, seq: u16) -> Option<Slot> {
        let slot = self.slots[usize::from(seq % WINDOW)];
        (slot.held && slot.seq == seq).then_some(slot)
    }

    /// Frees the packet's place; its payload stays readable until the next `put`.
    pub fn take(&mut self, seq: u16) -> Option<Slot> {
        let slot = self.get(seq)?;
        self.slots[usize::from(seq % WINDOW)].held = false;
        Some(slot)
    }

    pub fn payload(&self, slot: Slot) -> &[u8] {
        &self.arena[usize::from(slot.start)..usize::from(slot.start + slot.len)]
    }

    pub fn clear(&mut self) {
        self.slots = [Slot::default(); WINDOW as usize];
        self.head = 0;
    }
}
