//! Bindings as the store keeps them: with civil time, and as text.

use std::time::Duration;

use tandem_model::{Endpoint, Timestamp, Transport, WallTime};
use tandem_sip::registrar::{Binding, BindingChange, BindingKey};

use crate::store::{self, BindingRow};

pub(super) fn change_of(change: &BindingChange, now: Timestamp, wall: WallTime) -> store::BindingChange {
    match change {
        BindingChange::Put(b) => store::BindingChange::Put(BindingRow {
            aor: b.key.aor.clone(),
            contact: b.key.contact.clone(),
            flow: b.key.flow.clone(),
            expires_at: WallTime(wall.0 + b.expires_at.since(now).as_millis() as i64),
            call_id: b.call_id.clone(),
            cseq: b.cseq,
            q_milli: b.q_thousandths,
            source: format!("{}/{}", b.source.transport, b.source.addr),
            local: String::new(),
            path: b.path.clone(),
            user_agent: b.user_agent.clone(),
            instance: b.instance.clone(),
            reg_id: b.reg_id,
            behind_nat: b.behind_nat,
            registered_at: wall,
        }),
        BindingChange::Remove(key) => removal_of(key),
    }
}

pub(super) fn removal_of(key: &BindingKey) -> store::BindingChange {
    store::BindingChange::Remove { aor: key.aor.clone(), contact: key.contact.clone(), flow: key.flow.clone() }
}

/// None when a row cannot be read: it is left to expire in the store.
pub(super) fn binding_of(row: &BindingRow, now: Timestamp, wall: WallTime) -> Option<Binding> {
    let (transport, addr) = row.source.split_once('/')?;
    let left_ms = u64::try_from(row.expires_at.0 - wall.0).ok()?;
    let age_ms = u64::try_from(wall.0 - row.registered_at.0).unwrap_or(0);
    Some(Binding {
        key: BindingKey { aor: row.aor.clone(), contact: row.contact.clone(), flow: row.flow.clone() },
        source: Endpoint::new(transport.parse::<Transport>().ok()?, addr.parse().ok()?),
        call_id: row.call_id.clone(),
        cseq: row.cseq,
        expires_at: now + Duration::from_millis(left_ms),
        // A process is younger than its registrations: what came before its origin counts as then.
        updated_at: now - Duration::from_millis(age_ms),
        q_thousandths: row.q_milli,
        user_agent: row.user_agent.clone(),
        instance: row.instance.clone(),
        reg_id: row.reg_id,
        path: row.path.clone(),
        behind_nat: row.behind_nat,
        reachable: true,
    })
}
