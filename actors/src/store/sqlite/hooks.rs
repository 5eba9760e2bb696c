//! Notifications on their way, the log of webhooks, and both logs of a call together.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tandem_model::{Sid, WallTime};

use super::{Batch, Sqlite};
use crate::store::pending_hooks::Hooks;
use crate::store::{
    CallEvent, EventLevel, NotificationFilter, NotificationRecord, StatusJobRow, StoreError, WebhookEntry,
    WebhookLogBounds,
};

/// A line of a call's log, and the last instruction request of that call that was over by then.
macro_rules! notifications_where {
    ($rest:literal) => {
        concat!(
            "SELECT e.seq, e.call_sid, e.at, e.level, e.code, e.message, e.line,
                    (SELECT w.entry FROM webhook_log w
                     WHERE w.call_sid = e.call_sid AND w.at + (w.entry ->> '$.timings.total_ms') <= e.at
                       AND w.entry ->> 'kind' = 'instruction'
                     ORDER BY w.seq DESC LIMIT 1)
             FROM call_events e WHERE ",
            $rest
        )
    };
}

const OF_LIST: &str = notifications_where!(
    "(?1 IS NULL OR e.call_sid = ?1) AND (?2 IS NULL OR e.level = ?2) AND (?3 IS NULL OR e.at >= ?3)
     AND (?4 IS NULL OR e.at < ?4) AND e.level <> 'info' AND (?5 IS NULL OR e.seq < ?5) ORDER BY e.seq DESC LIMIT ?6"
);
const OF_LIST_BACKWARDS: &str = notifications_where!(
    "(?1 IS NULL OR e.call_sid = ?1) AND (?2 IS NULL OR e.level = ?2) AND (?3 IS NULL OR e.at >= ?3)
     AND (?4 IS NULL OR e.at < ?4) AND e.level <> 'info' AND e.seq > ?5 ORDER BY e.seq ASC LIMIT ?6"
);
const OF_ONE: &str = notifications_where!("e.seq = ?1");

impl Batch {
    /// One statement a table: each costs a way to the database's thread and back.
    pub async fn put_hooks(&mut self, hooks: &Hooks, bounds: WebhookLogBounds) -> Result<(), StoreError> {
        if !hooks.put.is_empty() {
            let rows: Vec<_> = hooks.put.iter().map(|r| (r.id, r.created.0, &r.request)).collect();
            sqlx::query(
                "INSERT OR REPLACE INTO status_jobs (id, created, request)
                 SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)",
            )
            .bind(serde_json::to_string(&rows)?)
            .execute(&mut *self.conn)
            .await?;
        }
        if !hooks.removed.is_empty() {
            sqlx::query("DELETE FROM status_jobs WHERE id IN (SELECT value FROM json_each(?1))")
                .bind(serde_json::to_string(&hooks.removed)?)
                .execute(&mut *self.conn)
                .await?;
        }
        if !hooks.entries.is_empty() {
            self.put_webhook_entries(&hooks.entries, bounds).await?;
        }
        Ok(())
    }

    async fn put_webhook_entries(
        &mut self,
        entries: &[WebhookEntry],
        bounds: WebhookLogBounds,
    ) -> Result<(), StoreError> {
        let rows = entries.iter().map(|e| {
            let entry = serde_json::to_string(e)?;
            Ok::<_, serde_json::Error>((e.call_sid.map(|sid| sid.to_string()), e.at.0, entry))
        });
        let rows = serde_json::to_string(&rows.collect::<Result<Vec<_>, _>>()?)?;
        sqlx::query(
            "INSERT INTO webhook_log (call_sid, at, entry)
             SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)",
        )
        .bind(&rows)
        .execute(&mut *self.conn)
        .await?;
        let mut calls: Vec<String> = entries.iter().filter_map(|e| e.call_sid).map(|sid| sid.to_string()).collect();
        calls.sort_unstable();
        calls.dedup();
        sqlx::query(
            "DELETE FROM webhook_log WHERE seq IN
                 (SELECT old.seq FROM json_each(?1) c JOIN webhook_log old ON old.call_sid = c.value
                  WHERE old.seq <= (SELECT kept.seq FROM webhook_log kept WHERE kept.call_sid = c.value
                                    ORDER BY kept.seq DESC LIMIT 1 OFFSET ?2))",
        )
        .bind(serde_json::to_string(&calls)?)
        .bind(signed(bounds.per_call_max))
        .execute(&mut *self.conn)
        .await?;
        sqlx::query("DELETE FROM webhook_log WHERE seq <= (SELECT max(seq) FROM webhook_log) - ?1")
            .bind(signed(bounds.entries_max))
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }
}

impl Sqlite {
    /// In the order of acceptance.
    pub async fn status_jobs(&self) -> Result<Vec<StatusJobRow>, StoreError> {
        let rows =
            sqlx::query("SELECT id, created, request FROM status_jobs ORDER BY id").fetch_all(&self.read).await?;
        rows.iter()
            .map(|row| {
                let (id, created) = (row.try_get(0)?, WallTime(row.try_get(1)?));
                Ok(StatusJobRow { id, created, request: row.try_get(2)? })
            })
            .collect()
    }

    /// Oldest first.
    pub async fn webhooks(&self, call: Sid) -> Result<Vec<WebhookEntry>, StoreError> {
        let rows = sqlx::query("SELECT entry FROM webhook_log WHERE call_sid = ?1 ORDER BY seq")
            .bind(call.to_string())
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(|row| Ok(serde_json::from_str(row.try_get::<&str, _>(0)?)?)).collect()
    }

    /// Newest first.
    pub async fn notifications(&self, f: &NotificationFilter) -> Result<Vec<NotificationRecord>, StoreError> {
        let (sql, anchor) = match f.before_seq {
            None => (OF_LIST, f.after_seq),
            Some(before) => (OF_LIST_BACKWARDS, Some(before)),
        };
        let rows = sqlx::query(sql)
            .bind(f.call_sid.map(|sid| sid.to_string()))
            .bind(f.level.map(EventLevel::as_str))
            .bind(f.from.map(|t| t.0))
            .bind(f.before.map(|t| t.0))
            .bind(anchor)
            .bind(i64::from(f.limit))
            .fetch_all(&self.read)
            .await?;
        let mut records: Vec<NotificationRecord> = rows.iter().map(notification).collect::<Result<_, _>>()?;
        if f.before_seq.is_some() {
            records.reverse();
        }
        Ok(records)
    }

    pub async fn notification(&self, seq: i64) -> Result<Option<NotificationRecord>, StoreError> {
        sqlx::query(OF_ONE).bind(seq).fetch_optional(&self.read).await?.map(|row| notification(&row)).transpose()
    }
}

fn notification(row: &SqliteRow) -> Result<NotificationRecord, StoreError> {
    let sid = |text: &str| text.parse().map_err(|()| StoreError::Failed(format!("{text:?} is no sid")));
    let event = CallEvent {
        call_sid: sid(row.try_get(1)?)?,
        at: WallTime(row.try_get(2)?),
        level: EventLevel::from_name(row.try_get(3)?),
        code: u32::try_from(row.try_get::<i64, _>(4)?).unwrap_or(0),
        message: row.try_get(5)?,
        line: row.try_get::<Option<i64>, _>(6)?.and_then(|line| u32::try_from(line).ok()),
    };
    let webhook = row.try_get::<Option<&str>, _>(7)?.map(serde_json::from_str).transpose()?;
    Ok(NotificationRecord { seq: row.try_get(0)?, event, webhook })
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
