use tandem_model::limits::SSRCS_PER_LEG_MAX;

/// Where a [`Protector`](super::Protector) stands: enough for a rebuilt leg to go on without repeating key stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboundCursor {
    pub(super) sources: [Option<OutboundSource>; SSRCS_PER_LEG_MAX],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutboundSource {
    pub ssrc: u32,
}

/// Where an [`Unprotector`](super::Unprotector) stands: roll-over counters and replay windows of each source heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InboundCursor {
    pub(super) sources: [Option<InboundSource>; SSRCS_PER_LEG_MAX],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InboundSource {
    pub ssrc: u32,
}
