use std::collections::BTreeMap;
use std::sync::Arc;

use tandem_call::directory::{Directory, Names, Project};
use tandem_model::Sid;

use super::{
    ApplicationRecord, CarrierRecord, DomainAppRecord, EndpointRecord, LamlBinRecord, PhoneNumberRecord,
    SipProfileRecord,
};

/// All configuration at one moment, as REST sees it. Cheap to clone: records are shared.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub project: Project,
    pub media_protected: bool,
    pub profile: Arc<SipProfileRecord>,
    pub endpoints: Table<EndpointRecord>,
    pub domain_apps: Table<DomainAppRecord>,
    pub carriers: Table<CarrierRecord>,
    pub applications: Table<ApplicationRecord>,
    pub laml_bins: Table<LamlBinRecord>,
    pub numbers: Table<PhoneNumberRecord>,
    /// Lower-case username → id.
    pub(super) usernames: BTreeMap<String, Sid>,
}

/// Records by id, and in the order they were made.
#[derive(Clone, Debug)]
pub struct Table<T> {
    by_order: BTreeMap<i64, Arc<T>>,
    order: BTreeMap<Sid, i64>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { by_order: BTreeMap::new(), order: BTreeMap::new() }
    }
}

impl<T> Table<T> {
    pub fn get(&self, id: Sid) -> Option<&Arc<T>> {
        self.by_order.get(self.order.get(&id)?)
    }

    pub fn newest_first(&self) -> impl Iterator<Item = &Arc<T>> {
        self.by_order.values().rev()
    }

    pub fn len(&self) -> usize {
        self.by_order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_order.is_empty()
    }

    pub(super) fn put(&mut self, id: Sid, record: T) {
        let next = self.by_order.last_key_value().map_or(1, |(last, _)| last + 1);
        let order = *self.order.entry(id).or_insert(next);
        self.by_order.insert(order, Arc::new(record));
    }

    pub(super) fn remove(&mut self, id: Sid) -> Option<Arc<T>> {
        self.by_order.remove(&self.order.remove(&id)?)
    }
}

impl Catalog {
    pub fn endpoint_by_username(&self, username: &str) -> Option<&Arc<EndpointRecord>> {
        self.endpoints.get(*self.usernames.get(&username.to_ascii_lowercase())?)
    }

    pub(super) fn number(&self, number: &str) -> Option<&Arc<PhoneNumberRecord>> {
        self.numbers.newest_first().find(|n| n.number == number)
    }

    pub fn profile_domain(&self) -> String {
        format!("{}-{}.sip.{}", self.project.space, self.profile.domain_identifier, self.project.domain)
            .to_ascii_lowercase()
    }

    pub(super) fn put_endpoint(&mut self, record: EndpointRecord) {
        if let Some(old) = self.endpoints.get(record.id) {
            self.usernames.remove(&old.username.to_ascii_lowercase());
        }
        self.usernames.insert(record.username.to_ascii_lowercase(), record.id);
        self.endpoints.put(record.id, record);
    }

    pub(super) fn remove_endpoint(&mut self, id: Sid) {
        if let Some(old) = self.endpoints.remove(id) {
            self.usernames.remove(&old.username.to_ascii_lowercase());
        }
    }

    /// The same for call processing. Endpoints that did not change keep their allocation.
    pub(super) fn directory(&self, last: Option<(&Catalog, &Directory)>) -> Directory {
        let applications = &self.applications;
        let kept = |name: &str, record: &Arc<EndpointRecord>| {
            let (old, directory) = last?;
            let same_application = match record.handler.application() {
                None => true,
                Some(id) => match (old.applications.get(id), applications.get(id)) {
                    (Some(before), Some(now)) => Arc::ptr_eq(before, now),
                    (None, None) => true,
                    (Some(_), None) | (None, Some(_)) => false,
                },
            };
            (same_application && Arc::ptr_eq(old.endpoints.get(record.id)?, record))
                .then(|| directory.endpoints.get(name).cloned())?
        };
        let endpoints = self.usernames.iter().filter_map(|(name, id)| {
            let record = self.endpoints.get(*id)?;
            Some((name.clone(), kept(name, record).unwrap_or_else(|| Arc::new(record.to_directory(applications)))))
        });
        let mut carriers: Vec<_> = self.carriers.by_order.values().map(|c| Arc::new(c.to_directory())).collect();
        carriers.sort_by_key(|c| c.priority);
        Directory {
            project: self.project.clone(),
            profile: self.profile.to_directory(),
            endpoints: endpoints.collect(),
            domain_apps: self.domain_apps.by_order.values().map(|a| Arc::new(a.to_directory(applications))).collect(),
            carriers,
            numbers: self
                .numbers
                .by_order
                .values()
                .map(|n| (n.number.clone(), Arc::new(n.to_directory(applications))))
                .collect(),
            names: Names::default(),
        }
    }
}
