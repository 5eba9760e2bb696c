//! Applications, bins and numbers.

use std::collections::BTreeMap;

use sqlx::Row;
use tandem_model::{Sid, WallTime};

use super::{Batch, Sqlite};
use crate::store::{ApplicationRecord, BinUse, LamlBinRecord, PhoneNumberRecord, ProjectChoices, StoreError};

impl Sqlite {
    /// How often each bin was asked for.
    pub async fn bin_uses(&self) -> Result<BTreeMap<Sid, BinUse>, StoreError> {
        let rows = sqlx::query("SELECT id, requests, last_accessed FROM laml_bins").fetch_all(&self.read).await?;
        let mut uses = BTreeMap::new();
        for row in &rows {
            let requests = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0);
            let last = row.try_get::<Option<i64>, _>(2)?.map(WallTime);
            if let Ok(id) = row.try_get::<&str, _>(0)?.parse() {
                uses.insert(id, BinUse { requests, last });
            }
        }
        Ok(uses)
    }
}

impl Batch {
    pub async fn put_choices(&mut self, choices: &ProjectChoices) -> Result<(), StoreError> {
        sqlx::query("UPDATE project SET dialect = ?1, media_protected = ?2")
            .bind(choices.dialect.as_str())
            .bind(i64::from(choices.media_protected))
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }

    pub async fn put_application(&mut self, r: &ApplicationRecord) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO applications (id, revision, fields) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, fields = excluded.fields",
        )
        .bind(r.id.to_string())
        .bind(r.revision)
        .bind(serde_json::to_string(r)?)
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    pub async fn put_laml_bin(&mut self, r: &LamlBinRecord) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO laml_bins (id, revision, fields) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, fields = excluded.fields",
        )
        .bind(r.id.to_string())
        .bind(r.revision)
        .bind(serde_json::to_string(r)?)
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    /// One that is gone is not counted.
    pub async fn count_bin(&mut self, id: Sid, used: BinUse) -> Result<(), StoreError> {
        sqlx::query("UPDATE laml_bins SET requests = requests + ?2, last_accessed = ?3 WHERE id = ?1")
            .bind(id.to_string())
            .bind(i64::try_from(used.requests).unwrap_or(i64::MAX))
            .bind(used.last.map(|t| t.0))
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }

    pub async fn put_phone_number(&mut self, r: &PhoneNumberRecord) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO phone_numbers (id, revision, number, fields) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, number = excluded.number,
                 fields = excluded.fields",
        )
        .bind(r.id.to_string())
        .bind(r.revision)
        .bind(&r.number)
        .bind(serde_json::to_string(r)?)
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    pub async fn delete_application(&mut self, id: Sid) -> Result<(), StoreError> {
        self.delete("DELETE FROM applications WHERE id = ?1", &id.to_string()).await
    }

    pub async fn delete_laml_bin(&mut self, id: Sid) -> Result<(), StoreError> {
        self.delete("DELETE FROM laml_bins WHERE id = ?1", &id.to_string()).await
    }

    pub async fn delete_phone_number(&mut self, id: Sid) -> Result<(), StoreError> {
        self.delete("DELETE FROM phone_numbers WHERE id = ?1", &id.to_string()).await
    }
}
