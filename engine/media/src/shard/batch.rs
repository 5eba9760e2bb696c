use std::net::SocketAddr;

use tandem_model::limits::RTP_PACKET_BYTES_MAX;

use super::Slot;
use crate::srtp::TAIL_ROOM;

/// Which of a leg's two sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Component {
    Rtp,
    Rtcp,
}

/// Bytes one packet may take, protected.
pub const PACKET_ROOM: usize = RTP_PACKET_BYTES_MAX + TAIL_ROOM;

/// Packets to send, owned by the caller of the shard and filled in place. Its size is fixed: flush it when
/// [`Batch::has_room`] says no.
#[derive(Debug)]
pub struct Batch {
    packets: Vec<Outgoing>,
    len: usize,
}

/// One packet, ready for its socket.
#[derive(Debug)]
pub struct Outgoing {
    pub slot: Slot,
    pub component: Component,
    pub to: SocketAddr,
    len: usize,
    bytes: [u8; PACKET_ROOM],
}

impl Outgoing {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Batch {
    /// The most packets one call of the shard with one input adds: a 20 ms frame as two 10 ms packets, and a report.
    pub const ROOM_PER_STEP: usize = 8;

    /// At least [`Batch::ROOM_PER_STEP`] packets.
    pub fn with_capacity(packets: usize) -> Self {
        let empty = || Outgoing {
            slot: Slot(0),
            component: Component::Rtp,
            to: SocketAddr::from(([0, 0, 0, 0], 0)),
            len: 0,
            bytes: [0; PACKET_ROOM],
        };
        Batch { packets: (0..packets.max(Self::ROOM_PER_STEP)).map(|_| empty()).collect(), len: 0 }
    }

    /// Room for everything one input may send.
    pub fn has_room(&self) -> bool {
        self.packets.len() - self.len >= Self::ROOM_PER_STEP
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn iter(&self) -> impl Iterator<Item = &Outgoing> {
        self.packets[..self.len].iter()
    }

    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Lets `write` fill the next packet; it returns the length, or an error that leaves the batch as it was. None when full.
    pub(crate) fn add<E>(
        &mut self,
        slot: Slot,
        component: Component,
        to: SocketAddr,
        write: impl FnOnce(&mut [u8; PACKET_ROOM]) -> Result<usize, E>,
    ) -> Option<Result<usize, E>> {
        let packet = self.packets.get_mut(self.len)?;
        Some(write(&mut packet.bytes).inspect(|&len| {
            packet.len = len;
            packet.slot = slot;
            packet.component = component;
            packet.to = to;
            self.len += 1;
        }))
    }
}
