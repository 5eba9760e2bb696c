/// Sequence numbers held at a time.
pub(super) const WINDOW: u16 = 64;

/// Packets by sequence number. Their payloads lie end to end in one ring of bytes, so a leg of small packets does not
/// pay for large ones, and nothing is allocated after construction.
pub(super) struct Packets {
    slots: [Slot; WINDOW as usize],
    arena: Box<[u8]>,
    /// Where the next payload goes when it fits there.
    head: usize,
}

/// What a packet is good for when its turn comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Nothing,
    Audio,
    Noise,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Slot {
    held: bool,
    pub kind: Kind,
    pub seq: u16,
    pub len: u16,
    start: u32,
    /// When it is to be heard, on the buffer's own time line.
    pub media: i64,
}

impl Packets {
    pub fn new(bytes: usize) -> Self {
        Packets { slots: [Slot::default(); WINDOW as usize], arena: vec![0; bytes].into_boxed_slice(), head: 0 }
    }

    /// False when no room is left. `seq` is not held, nor another within `WINDOW` of it that has its slot.
    pub fn put(&mut self, seq: u16, media: i64, kind: Kind, payload: &[u8]) -> bool {
        let start = if self.head + payload.len() <= self.arena.len() { self.head } else { 0 };
        let end = start + payload.len();
        let overlaps = |s: &Slot| s.held && (s.start as usize) < end && start < s.start as usize + usize::from(s.len);
        let slot = usize::from(seq % WINDOW);
        if end > self.arena.len() || self.slots[slot].held || self.slots.iter().any(overlaps) {
            return false;
        }
        self.arena[start..end].copy_from_slice(payload);
        self.head = end;
        self.slots[slot] = Slot { held: true, kind, seq, len: payload.len() as u16, start: start as u32, media };
        true
    }

    pub fn get(&self, seq: u16) -> Option<Slot> {
        let slot = self.slots[usize::from(seq % WINDOW)];
        (slot.held && slot.seq == seq).then_some(slot)
    }

    /// The first packet held of those from `next` on.
    pub fn first(&self, next: u16) -> Option<Slot> {
        (0..WINDOW).find_map(|n| self.get(next.wrapping_add(n)))
    }

    /// Frees the packet's place; its payload stays readable until the next `put`.
    pub fn take(&mut self, seq: u16) -> Option<Slot> {
        let slot = self.get(seq)?;
        self.slots[usize::from(seq % WINDOW)].held = false;
        Some(slot)
    }

    pub fn payload(&self, slot: Slot) -> &[u8] {
        &self.arena[slot.start as usize..slot.start as usize + usize::from(slot.len)]
    }

    pub fn clear(&mut self) {
        self.slots = [Slot::default(); WINDOW as usize];
        self.head = 0;
    }
}
