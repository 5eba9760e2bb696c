use std::sync::Arc;

use actix::prelude::*;
use tandem_call::call::CallInput;
use tandem_call::directory::Carrier;

use super::super::actor::CallActor;

impl CallActor {
    pub(super) fn seize_carrier(&mut self, ticket: u64, carriers: &[Arc<Carrier>], draw: u64, ctx: &mut Context<Self>) {
        let seized = self.services.trunks.seize(carriers, draw).map(|(seized, channel)| {
            let carrier = carriers.iter().find(|c| c.id == seized.carrier).map_or("", |c| c.name.as_str());
            tracing::info!(carrier, "carrier seized");
            self.seized.insert(ticket, channel);
            seized
        });
        self.step(CallInput::CarrierSeized { ticket, seized }, ctx);
        // The leg has taken it by now; what no leg has is free again.
        self.seized.remove(&ticket);
    }
}
