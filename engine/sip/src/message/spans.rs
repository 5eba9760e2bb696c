//! Where in a message the parts of its top Via, From and To are.

use super::line::narrow;
use super::name_addr::NameAddr;
use super::via::Via;

/// Byte positions in a message; an empty span says nothing of where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) start: u16,
    pub(super) end: u16,
}

impl Span {
    pub(super) const NONE: Span = Span { start: 0, end: 0 };

    /// Where `part` is in `head`, of which it is a slice unless it is empty.
    pub(super) fn of(part: &str, head: &str) -> Span {
        if part.is_empty() {
            return Span::NONE;
        }
        let start = (part.as_ptr() as usize).wrapping_sub(head.as_ptr() as usize);
        Span { start: narrow(start), end: narrow(start.saturating_add(part.len())) }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct ViaSpans {
    pub(super) hop: Span,
    pub(super) transport: Span,
    pub(super) host: Span,
    pub(super) port: Option<u16>,
    pub(super) params: Span,
    pub(super) branch: Span,
}

impl ViaSpans {
    pub(super) const NONE: ViaSpans = ViaSpans {
        hop: Span::NONE,
        transport: Span::NONE,
        host: Span::NONE,
        port: None,
        params: Span::NONE,
        branch: Span::NONE,
    };

    pub(super) fn is_empty(&self) -> bool {
        self.hop.end == 0
    }

    pub(super) fn of(via: &Via<'_>, head: &str) -> ViaSpans {
        ViaSpans {
            hop: Span::of(via.hop, head),
            transport: Span::of(via.transport, head),
            host: Span::of(via.host, head),
            port: via.port,
            params: Span::of(via.params, head),
            branch: Span::of(via.branch, head),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct AddressSpans {
    pub(super) display: Span,
    pub(super) uri: Span,
    pub(super) params: Span,
    pub(super) tag: Span,
}

impl AddressSpans {
    pub(super) const NONE: AddressSpans =
        AddressSpans { display: Span::NONE, uri: Span::NONE, params: Span::NONE, tag: Span::NONE };

    /// The parts of `value`, which is a slice of `head`, and whether a From or To may be so.
    pub(super) fn read(value: &str, head: &str) -> (AddressSpans, bool) {
        let Ok((address, soundness)) = NameAddr::read(value) else { return (AddressSpans::NONE, false) };
        let spans = AddressSpans {
            display: Span::of(address.display, head),
            uri: Span::of(address.uri, head),
            params: Span::of(address.params, head),
            tag: Span::of(address.tag, head),
        };
        (spans, soundness.is_dialog_end())
    }
}
