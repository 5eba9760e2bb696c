use std::io;
use std::path::Path;
use std::time::Duration;

use futures_util::stream;
use reqwest::Body;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use tandem_laml::instruction::{FetchFailure, Upload};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep, timeout_at};

use super::client::{Inner, WebhookClient};
use super::failure::{Cause, Failure, classify, fail};
use super::in_flight::Class;
use super::signature;
use super::target::Target;

/// Read from the disk at a time, and held for a slow receiver.
const CHUNK_BYTES: usize = 64 * 1024;
/// Before the second and the third try.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];

impl WebhookClient {
    /// Sends a file to a customer's server, as `audio/x-wav`, within `total` unless the URL's fragment says otherwise; any 2xx
    /// will do, and what fails for a reason that may pass is tried three times. Redirects are not followed: the file is for
    /// whom it was addressed to.
    ///
    /// # Errors
    /// The last try's.
    pub(crate) async fn upload(
        &self,
        url: &str,
        how: Upload,
        file: &Path,
        total: Duration,
    ) -> Result<(), FetchFailure> {
        let inner = &*self.inner;
        let mut manners = inner.manners();
        manners.times.total = total;
        let target = Target::parse(url, &manners).map_err(FetchFailure::from)?;
        let mut pauses = PAUSES.into_iter();
        loop {
            match inner.send_file(&target, how, file).await {
                Err(failure) if !failure.cause.is_final() => match pauses.next() {
                    Some(pause) => sleep(pause).await,
                    None => return Err(failure.into()),
                },
                result => return result.map_err(FetchFailure::from),
            }
        }
    }
}

impl Inner {
    async fn send_file(&self, target: &Target, how: Upload, path: &Path) -> Result<(), Failure> {
        if let Some(address) = target.literal_address() {
            self.guard.check(address).map_err(|refused| fail(Cause::Forbidden, refused.to_string()))?;
        }
        let _slot = self.place(Class::Media, target).await?;
        let unreadable = |error: io::Error| fail(Cause::Lost, format!("the file cannot be read: {error}"));
        let file = File::open(path).await.map_err(unreadable)?;
        let length = file.metadata().await.map_err(unreadable)?.len();
        let chunks = stream::try_unfold(file, |mut file| async move {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            let read = (&mut file).take(CHUNK_BYTES as u64).read_to_end(&mut chunk).await?;
            Ok::<_, io::Error>((read > 0).then_some((chunk, file)))
        });
        let client = self.http(target.times.connect);
        let request = match how {
            Upload::Post => client.post(target.url.clone()),
            Upload::Put => client.put(target.url.clone()),
        };
        let mut request =
            request.header(CONTENT_TYPE, "audio/x-wav").header(CONTENT_LENGTH, length).body(Body::wrap_stream(chunks));
        if !self.signing_key.is_empty() {
            let value = signature::sign(&self.signing_key, &target.signed_url(), &[]);
            for name in signature::HEADERS {
                request = request.header(name, &value);
            }
        }
        if let Some((user, password)) = &target.credentials {
            request = request.basic_auth(user, Some(password));
        }
        let authority = target.authority();
        match timeout_at(Instant::now() + target.times.total, request.send()).await {
            Ok(Ok(response)) if response.status().is_success() => Ok(()),
            Ok(Ok(response)) => {
                let status = response.status();
                Err(fail(Cause::Status(status.as_u16()), format!("{authority} answered {status}")))
            }
            Ok(Err(error)) => Err(classify(&error, &authority)),
            Err(_) => {
                Err(fail(Cause::Read, format!("{authority} did not take the file within {:?}", target.times.total)))
            }
        }
    }
}
