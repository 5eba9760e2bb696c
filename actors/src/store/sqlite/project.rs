use sqlx::Row;
use tandem_call::directory::{DigestSecrets, Project};
use tandem_laml::Dialect;
use tandem_model::WallTime;

use super::Sqlite;
use crate::store::catalog::Catalog;
use crate::store::secrets::{Sealer, random_sid, random_token, sha256};
use crate::store::{
    ApplicationRecord, CarrierRecord, DomainAppRecord, EndpointRecord, LamlBinRecord, PhoneNumberRecord,
    ProjectChoices, ProjectSettings, ProjectState, SipProfileRecord, StoreError, Table,
};

const SIGNING_KEY: &str = "signing key";

impl Sqlite {
    /// Reads the project's row, making it and what it lacks at first start. Configured values win and are not stored.
    pub async fn ensure_project(&self, set: ProjectSettings, sealer: &Sealer) -> Result<ProjectState, StoreError> {
        let mut tx = self.write.begin().await?;
        let row =
            sqlx::query("SELECT id, realm, token_sha256, signing_key, created FROM project").fetch_optional(&mut *tx);
        let (id, realm, stored_token, stored_key, created) = match row.await? {
            Some(row) => (
                row.try_get::<String, _>(0)?,
                row.try_get::<String, _>(1)?,
                row.try_get::<Option<Vec<u8>>, _>(2)?,
                row.try_get::<Option<String>, _>(3)?,
                row.try_get::<i64, _>(4)?,
            ),
            None => {
                let id = match &set.id {
                    Some(id) => id.to_ascii_lowercase(),
                    None => random_sid()?.to_string(),
                };
                let created =
                    1_000 * sqlx::query("SELECT unixepoch()").fetch_one(&mut *tx).await?.try_get::<i64, _>(0)?;
                sqlx::query("INSERT INTO project (only_row, id, realm, created) VALUES (1, ?1, ?2, ?3)")
                    .bind(&id)
                    .bind(&set.domain)
                    .bind(created)
                    .execute(&mut *tx)
                    .await?;
                (id, set.domain.clone(), None, None, created)
            }
        };
        if let Some(wanted) = &set.id
            && !wanted.eq_ignore_ascii_case(&id)
        {
            return Err(StoreError::Failed(format!("the database belongs to project {id}, not {wanted}")));
        }

        let mut new_token = None;
        let token_sha256 = match (&set.token, stored_token.and_then(|t| <[u8; 32]>::try_from(t).ok())) {
            (Some(token), _) => sha256(token.as_bytes()),
            (None, Some(stored)) => stored,
            (None, None) => {
                let token = random_token("PT")?;
                let hash = sha256(token.as_bytes());
                sqlx::query("UPDATE project SET token_sha256 = ?1").bind(hash.to_vec()).execute(&mut *tx).await?;
                new_token = Some(token);
                hash
            }
        };
        let signing_key = match (set.signing_key, stored_key) {
            (Some(key), _) => key,
            (None, Some(sealed)) => sealer.open(SIGNING_KEY, &sealed)?,
            (None, None) => {
                let key = random_token("PSK_")?;
                let sealed = sealer.seal(SIGNING_KEY, &key)?;
                sqlx::query("UPDATE project SET signing_key = ?1").bind(sealed).execute(&mut *tx).await?;
                key
            }
        };
        tx.commit().await?;
        let project = Project { id, space: set.space, domain: set.domain, realm, ..Project::default() };
        Ok(ProjectState { project, created: WallTime(created), signing_key, new_token, token_sha256 })
    }

    pub async fn load_catalog(&self, state: &ProjectState, sealer: &Sealer) -> Result<Catalog, StoreError> {
        let profile = match sqlx::query("SELECT revision, fields FROM sip_profile").fetch_optional(&self.read).await? {
            Some(row) => SipProfileRecord { revision: row.try_get(0)?, ..serde_json::from_str(row.try_get(1)?)? },
            None => SipProfileRecord::first(&state.project.id),
        };
        let choices =
            match sqlx::query("SELECT dialect, media_protected FROM project").fetch_optional(&self.read).await? {
                Some(row) => ProjectChoices {
                    dialect: Dialect::from_name(row.try_get(0)?).unwrap_or_default(),
                    media_protected: row.try_get(1)?,
                },
                None => ProjectChoices::default(),
            };
        let mut catalog = Catalog {
            project: Project { dialect: choices.dialect, ..state.project.clone() },
            media_protected: choices.media_protected,
            profile: profile.into(),
            endpoints: Table::default(),
            domain_apps: Table::default(),
            carriers: Table::default(),
            applications: Table::default(),
            laml_bins: Table::default(),
            numbers: Table::default(),
            usernames: Default::default(),
        };
        let sql = "SELECT revision, ha1_md5, ha1_sha256, ha1_sha512_256, fields FROM endpoints ORDER BY seq";
        for row in sqlx::query(sql).fetch_all(&self.read).await? {
            let secrets = DigestSecrets { md5: row.try_get(1)?, sha256: row.try_get(2)?, sha512_256: row.try_get(3)? };
            let fields: EndpointRecord = serde_json::from_str(row.try_get(4)?)?;
            catalog.put_endpoint(EndpointRecord { revision: row.try_get(0)?, secrets, ..fields });
        }
        let sql = "SELECT revision, fields FROM domain_applications ORDER BY seq";
        for row in sqlx::query(sql).fetch_all(&self.read).await? {
            let fields: DomainAppRecord = serde_json::from_str(row.try_get(1)?)?;
            catalog.domain_apps.put(fields.id, DomainAppRecord { revision: row.try_get(0)?, ..fields });
        }
        let sql = "SELECT revision, sealed_password, fields FROM carriers ORDER BY seq";
        for row in sqlx::query(sql).fetch_all(&self.read).await? {
            let mut record: CarrierRecord = serde_json::from_str(row.try_get(2)?)?;
            record.revision = row.try_get(0)?;
            if let Some(sealed) = row.try_get::<Option<&str>, _>(1)? {
                record.password = Some(sealer.open(&super::batch::sealed_for(record.id), sealed)?);
            }
            catalog.carriers.put(record.id, record);
        }
        let sql = "SELECT revision, fields FROM applications ORDER BY seq";
        for row in sqlx::query(sql).fetch_all(&self.read).await? {
            let fields: ApplicationRecord = serde_json::from_str(row.try_get(1)?)?;
            catalog.applications.put(fields.id, ApplicationRecord { revision: row.try_get(0)?, ..fields });
        }
        let sql = "SELECT revision, fields FROM laml_bins ORDER BY seq";
        for row in sqlx::query(sql).fetch_all(&self.read).await? {
            let fields: LamlBinRecord = serde_json::from_str(row.try_get(1)?)?;
            catalog.laml_bins.put(fields.id, LamlBinRecord { revision: row.try_get(0)?, ..fields });
        }
        let sql = "SELECT revision, fields FROM phone_numbers ORDER BY seq";
        for row in sqlx::query(sql).fetch_all(&self.read).await? {
            let fields: PhoneNumberRecord = serde_json::from_str(row.try_get(1)?)?;
            catalog.numbers.put(fields.id, PhoneNumberRecord { revision: row.try_get(0)?, ..fields });
        }
        Ok(catalog)
    }
}
