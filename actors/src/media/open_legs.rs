//! How a leg comes to a media thread and leaves it: whether there is room, its ports, its sockets, what it is counted as.

use std::io;
use std::time::Duration;

use tandem_media::control::{Event, OpenFailed};
use tandem_media::shard::Slot;
use tandem_model::limits::TICK;
use tandem_model::{LegId, Timestamp};

use super::EventSink;
use super::poll_loop::{OpenLeg, Worker};
use super::poller::Socket;
use super::port_pool::Port;
use super::socket::LegSockets;
use super::spare::Spare;

/// Ports tried before an open is refused: others on this host may sit on some.
const BINDS_PER_OPEN: usize = 32;
/// A thread whose ticks come a whole tick late on average takes no new call, however little it works itself: the CPU is somebody else's.
const LATENESS_MAX: Duration = TICK;

impl Worker {
    pub(super) fn open(&mut self, leg: LegId, sink: &dyn EventSink) {
        if let Err(reason) = self.try_open(leg) {
            if reason == OpenFailed::Overloaded {
                self.metrics.refused();
            }
            self.deliver(sink, Event::OpenFailed { leg, reason });
        }
    }

    fn try_open(&mut self, leg: LegId) -> Result<(), OpenFailed> {
        let now = self.now();
        self.load.settle(now);
        let call_is_here = self.calls.contains_key(&leg.call_number());
        let room =
            if call_is_here { self.load.has_room_for_running() } else { self.load.has_room() && !self.is_late() };
        if !room {
            return Err(OpenFailed::Overloaded);
        }
        let (port, Spare { sockets, drops }) = self.take_pair()?;
        match self.shard.open(now, leg, port, &mut self.entropy) {
            Ok(slot) => {
                let load = self.load.opened();
                self.seat(slot, OpenLeg { leg, port: Port::own(port), sockets, load, drops });
                Ok(())
            }
            Err(reason) => {
                self.put_by(now, port, Spare { sockets, drops });
                Err(reason)
            }
        }
    }

    /// A leg has its place.
    pub(super) fn seat(&mut self, slot: Slot, open: OpenLeg) {
        if self.legs.len() <= slot.0 {
            self.legs.resize_with(slot.0 + 1, || None);
        }
        *self.calls.entry(open.leg.call_number()).or_default() += 1;
        self.seats.take(open.port.number, slot);
        self.legs[slot.0] = Some(open);
    }

    /// A leg ended. Its sockets stay open for the next one on its port, unless that is another thread's or there are enough.
    pub(super) fn closed(&mut self, mut open: OpenLeg) {
        self.let_go(&mut open);
        let (now, port) = (self.now(), open.port.number);
        self.seats.leave(port);
        if !open.port.is_own() {
            return self.ports.give_back(now, open.port);
        }
        let was_connected = open.sockets.rtp_peer.is_some();
        let sockets = open.sockets.renewed();
        let drops = if was_connected { sockets.kernel_drops() } else { open.drops };
        self.put_by(now, port, Spare { sockets, drops });
    }

    /// A port that no leg has is to rest.
    fn put_by(&mut self, now: Timestamp, port: u16, spare: Spare) {
        if self.spares.keep(port, spare) {
            // They are watched as before: what is still to be read of them, or comes, is nobody's, and is thrown away while they rest.
            self.ports.release_open(now, port);
        } else {
            self.ports.release(now, port);
        }
    }

    /// A leg leaves this thread's books.
    pub(super) fn let_go(&mut self, open: &mut OpenLeg) {
        // One that heard nothing lost nothing: not worth a question to the kernel for each of its sockets.
        if open.load.has_spoken() {
            open.count_drops(&self.metrics);
        }
        self.load.closed(&open.load);
        let call = open.leg.call_number();
        if let Some(legs) = self.calls.get_mut(&call) {
            *legs -= 1;
            if *legs == 0 {
                self.calls.remove(&call);
            }
        }
    }

    /// Something of the leg's route may have changed.
    pub(super) fn routed(&mut self, leg: LegId) {
        let Some(slot) = self.shard.slot(leg) else { return };
        let (Some(route), Some(Some(open))) = (self.shard.route(slot), self.legs.get_mut(slot.0)) else { return };
        self.load.routed(&mut open.load, &route);
    }

    /// The leg's first packet came.
    pub(super) fn spoke(&mut self, leg: LegId) {
        let Some(slot) = self.shard.slot(leg) else { return };
        if let Some(Some(open)) = self.legs.get_mut(slot.0) {
            self.load.spoke(&mut open.load);
        }
    }

    pub(super) fn is_late(&self) -> bool {
        self.shard.legs() > 0 && self.lateness > LATENESS_MAX
    }

    /// A pair of ports with watched sockets: those that the port kept, or new ones.
    fn take_pair(&mut self) -> Result<(u16, Spare), OpenFailed> {
        for _ in 0..BINDS_PER_OPEN {
            let now = self.now();
            let port = self.ports.take(now).ok_or(OpenFailed::PortsExhausted)?;
            if let Some(spare) = self.spares.take(port) {
                return Ok((port, spare));
            }
            match LegSockets::bind(self.config.address, port, &self.config.sockets) {
                Ok(sockets) => match self.watch(port, &sockets) {
                    Ok(()) => return Ok((port, Spare { sockets, drops: 0 })),
                    Err(error) => {
                        self.ports.release(now, port);
                        tracing::warn!(port, %error, "media socket could not be watched");
                        return Err(OpenFailed::Socket);
                    }
                },
                Err(error) => {
                    self.ports.release(now, port);
                    // Sockets that only rest are in the way of one that is needed.
                    if is_out_of_descriptors(&error) && self.spares.shed() {
                        continue;
                    }
                    if error.kind() != io::ErrorKind::AddrInUse {
                        tracing::warn!(port, %error, "media port could not be bound");
                        return Err(OpenFailed::Socket);
                    }
                }
            }
        }
        Err(OpenFailed::PortsExhausted)
    }

    pub(super) fn watch(&self, port: u16, sockets: &LegSockets) -> io::Result<()> {
        self.poller.watch(port, Socket::Rtp, &sockets.rtp)?;
        self.poller.watch(port, Socket::Rtcp, &sockets.rtcp)?;
        match &sockets.rtp_peer {
            Some(connected) => self.poller.watch(port, Socket::RtpPeer, connected),
            None => Ok(()),
        }
    }

    /// Before another thread watches the leg's sockets.
    pub(super) fn unwatch(&self, open: &OpenLeg) {
        let sockets = &open.sockets;
        let all = [Some(&sockets.rtp), Some(&sockets.rtcp), sockets.rtp_peer.as_ref()];
        for socket in all.into_iter().flatten() {
            if let Err(error) = self.poller.unwatch(socket) {
                tracing::warn!(leg = %open.leg, %error, "media socket is still watched by the thread it left");
            }
        }
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    use nix::errno::Errno;
    error.raw_os_error().map(Errno::from_raw).is_some_and(|errno| matches!(errno, Errno::EMFILE | Errno::ENFILE))
}
