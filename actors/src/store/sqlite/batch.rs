use std::sync::Arc;

use sqlx::Row;
use sqlx::pool::PoolConnection;
use tandem_model::{Sid, WallTime};

use super::Sqlite;
use crate::store::secrets::Sealer;
use crate::store::{
    BindingRow, CallEvent, CallRecord, CallStatus, CarrierRecord, DomainAppRecord, EndpointRecord, SipProfileRecord,
    StoreError,
};

/// An open transaction of the writer. Without [`Batch::commit`] nothing of it stays.
pub(in crate::store) struct Batch {
    pub(super) conn: PoolConnection<sqlx::Sqlite>,
}

/// Rows that one statement writes: a statement costs a hand-over to the thread of its connection and back, so it takes many; but of
/// any number, it would be another one each time, and parsed anew.
const ROWS: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];

/// The rows in pieces of which each is one statement's.
fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let many = ROWS.into_iter().find(|many| *many <= rows.len())?;
        let (now, later) = rows.split_at(many);
        rows = later;
        Some(now)
    })
}

/// The statement that writes so many calls. A row that was deleted stays so. Whose leg it is and when it was made never changes, and
/// is not said again: the database would take it out of an index and put it back.
fn put_calls_statement(rows: usize) -> sqlx::AssertSqlSafe<String> {
    let values = vec!["(?,?,?,?,?,?,?,?,?,?)"; rows].join(",");
    sqlx::AssertSqlSafe(format!(
        "INSERT INTO calls (sid, parent_sid, status, is_final, to_addr, from_addr, created, started, ended, record)
         VALUES {values}
         ON CONFLICT (sid) DO UPDATE SET status = excluded.status, is_final = excluded.is_final,
             to_addr = excluded.to_addr, from_addr = excluded.from_addr, started = excluded.started,
             ended = excluded.ended, record = excluded.record
         WHERE calls.deleted = 0"
    ))
}

/// The record as JSON, in a buffer that nearly every one fits into: there are several to a call.
fn call_fields(record: &CallRecord) -> Result<String, StoreError> {
    let mut fields = Vec::with_capacity(1_024);
    serde_json::to_writer(&mut fields, record)?;
    String::from_utf8(fields).map_err(|e| StoreError::Failed(e.to_string()))
}

/// What a binding is stored under: address-of-record, contact, flow.
pub(in crate::store) type BindingName<'a> = (&'a str, &'a str, &'a str);

/// The statement that writes so many bindings.
fn put_bindings_statement(rows: usize) -> sqlx::AssertSqlSafe<String> {
    let values = vec!["(?,?,?,?,?)"; rows].join(",");
    sqlx::AssertSqlSafe(format!(
        "INSERT INTO bindings (aor, contact, flow, expires_at, fields)
         VALUES {values}
         ON CONFLICT (aor, contact, flow) DO UPDATE SET expires_at = excluded.expires_at, fields = excluded.fields"
    ))
}

/// What a carrier's password is sealed for.
pub(super) fn sealed_for(carrier: Sid) -> String {
    format!("password of carrier {carrier}")
}

impl Sqlite {
    pub async fn begin(&self) -> Result<Batch, StoreError> {
        let mut conn = self.write.acquire().await?;
        // As a query it is prepared once; as a mere text it would be parsed each time. So with COMMIT.
        if let Err(e) = sqlx::query("BEGIN IMMEDIATE").execute(&mut *conn).await {
            let _ = conn.close().await;
            return Err(e.into());
        }
        Ok(Batch { conn })
    }
}

impl Batch {
    /// After an error the state of the disk is unknown: the connection is closed and the next batch opens another.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        match sqlx::query("COMMIT").execute(&mut *self.conn).await {
            Ok(_) => Ok(()),
            Err(e) => {
                self.abandon().await;
                Err(e.into())
            }
        }
    }

    /// Takes everything back.
    pub async fn abandon(self) {
        let _ = self.conn.close().await;
    }

    pub async fn put_profile(&mut self, r: &SipProfileRecord) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO sip_profile (only_row, revision, fields) VALUES (1, ?1, ?2)
             ON CONFLICT (only_row) DO UPDATE SET revision = excluded.revision, fields = excluded.fields",
        )
        .bind(r.revision)
        .bind(serde_json::to_string(r)?)
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    pub async fn put_endpoint(&mut self, r: &EndpointRecord) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO endpoints (id, revision, username, ha1_md5, ha1_sha256, ha1_sha512_256, fields)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, username = excluded.username,
                 ha1_md5 = excluded.ha1_md5, ha1_sha256 = excluded.ha1_sha256,
                 ha1_sha512_256 = excluded.ha1_sha512_256, fields = excluded.fields",
        )
        .bind(r.id.to_string())
        .bind(r.revision)
        .bind(&r.username)
        .bind(&r.secrets.md5)
        .bind(&r.secrets.sha256)
        .bind(&r.secrets.sha512_256)
        .bind(serde_json::to_string(r)?)
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    pub async fn put_domain_app(&mut self, r: &DomainAppRecord) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO domain_applications (id, revision, fields) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, fields = excluded.fields",
        )
        .bind(r.id.to_string())
        .bind(r.revision)
        .bind(serde_json::to_string(r)?)
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    pub async fn put_carrier(&mut self, r: &CarrierRecord, sealer: &Sealer) -> Result<(), StoreError> {
        let sealed = r.password.as_ref().map(|p| sealer.seal(&sealed_for(r.id), p)).transpose()?;
        sqlx::query(
            "INSERT INTO carriers (id, revision, sealed_password, fields) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET revision = excluded.revision,
                 sealed_password = excluded.sealed_password, fields = excluded.fields",
        )
        .bind(r.id.to_string())
        .bind(r.revision)
        .bind(sealed)
        .bind(serde_json::to_string(r)?)
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    /// Also forgets the endpoint's registrations.
    pub async fn delete_endpoint(&mut self, id: Sid, username: &str) -> Result<(), StoreError> {
        self.delete("DELETE FROM endpoints WHERE id = ?1", &id.to_string()).await?;
        self.delete("DELETE FROM bindings WHERE aor = ?1", &username.to_ascii_lowercase()).await
    }

    pub async fn delete_domain_app(&mut self, id: Sid) -> Result<(), StoreError> {
        self.delete("DELETE FROM domain_applications WHERE id = ?1", &id.to_string()).await
    }

    pub async fn delete_carrier(&mut self, id: Sid) -> Result<(), StoreError> {
        self.delete("DELETE FROM carriers WHERE id = ?1", &id.to_string()).await
    }

    pub async fn put_bindings(&mut self, rows: &[&BindingRow]) -> Result<(), StoreError> {
        for rows in pieces(rows) {
            let mut query = sqlx::query(put_bindings_statement(rows.len()));
            for b in rows {
                query = query
                    .bind(&b.aor)
                    .bind(&b.contact)
                    .bind(&b.flow)
                    .bind(b.expires_at.0)
                    .bind(serde_json::to_string(b)?);
            }
            query.execute(&mut *self.conn).await?;
        }
        Ok(())
    }

    /// One statement for all.
    pub async fn remove_bindings(&mut self, keys: &[BindingName<'_>]) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM bindings WHERE (aor, contact, flow) IN
                 (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1))",
        )
        .bind(serde_json::to_string(keys)?)
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    pub async fn remove_all_bindings(&mut self, aor: &str) -> Result<(), StoreError> {
        self.delete("DELETE FROM bindings WHERE aor = ?1", aor).await
    }

    pub async fn remove_expired_bindings(&mut self, before: WallTime) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM bindings WHERE expires_at < ?1").bind(before.0).execute(&mut *self.conn).await?;
        Ok(())
    }

    pub async fn put_calls(&mut self, records: &[Arc<CallRecord>]) -> Result<(), StoreError> {
        for records in pieces(records) {
            let mut query = sqlx::query(put_calls_statement(records.len()));
            for r in records {
                query = query
                    .bind(r.sid.to_string())
                    .bind(r.parent_sid.map(|p| p.to_string()))
                    .bind(r.status.as_str())
                    .bind(i64::from(r.status.is_final()))
                    .bind(&r.to)
                    .bind(&r.from)
                    .bind(r.created.0)
                    .bind(r.started.map(|t| t.0))
                    .bind(r.ended.map(|t| t.0))
                    .bind(call_fields(r)?);
            }
            query.execute(&mut *self.conn).await?;
        }
        Ok(())
    }

    pub async fn put_event(&mut self, e: &CallEvent) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO call_events (call_sid, at, level, code, message, line) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .bind(e.call_sid.to_string())
        .bind(e.at.0)
        .bind(e.level.as_str())
        .bind(i64::from(e.code))
        .bind(&e.message)
        .bind(e.line.map(i64::from))
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    /// None when there is no such call.
    pub async fn call_status(&mut self, sid: Sid) -> Result<Option<CallStatus>, StoreError> {
        let row = sqlx::query("SELECT status FROM calls WHERE sid = ?1 AND deleted = 0")
            .bind(sid.to_string())
            .fetch_optional(&mut *self.conn)
            .await?;
        Ok(match row {
            Some(row) => CallStatus::from_name(row.try_get(0)?),
            None => None,
        })
    }

    /// Empties the row and leaves it as a mark, so that a late record does not bring the call back.
    pub async fn delete_call(&mut self, sid: Sid) -> Result<(), StoreError> {
        let sid = sid.to_string();
        let empty =
            "UPDATE calls SET deleted = 1, is_final = 1, to_addr = '', from_addr = '', record = '' WHERE sid = ?1";
        self.delete(empty, &sid).await?;
        self.delete("DELETE FROM call_events WHERE call_sid = ?1", &sid).await?;
        self.delete("DELETE FROM webhook_log WHERE call_sid = ?1", &sid).await
    }

    pub(super) async fn delete(&mut self, sql: &'static str, key: &str) -> Result<(), StoreError> {
        sqlx::query(sql).bind(key).execute(&mut *self.conn).await?;
        Ok(())
    }
}
