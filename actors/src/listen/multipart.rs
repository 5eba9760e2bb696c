/// A form with a file (RFC 7578), written by hand: two kinds of parts are all that is needed.
pub(super) struct Multipart {
    boundary: String,
    body: Vec<u8>,
}

impl Multipart {
    pub fn new() -> Self {
        // So long a word is not in the audio by chance.
        Multipart { boundary: format!("tandem-{:032x}", rand::random::<u128>()), body: Vec::new() }
    }

    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.part(&format!("Content-Disposition: form-data; name=\"{name}\"\r\n"), value.as_bytes());
        self
    }

    pub fn file(mut self, name: &str, file: &str, content_type: &str, bytes: &[u8]) -> Self {
        let head = format!(
            "Content-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: {content_type}\r\n"
        );
        self.part(&head, bytes);
        self
    }

    /// Content-Type and body.
    pub fn finish(mut self) -> (String, Vec<u8>) {
        self.body.extend(format!("--{}--\r\n", self.boundary).bytes());
        (format!("multipart/form-data; boundary={}", self.boundary), self.body)
    }

    fn part(&mut self, head: &str, bytes: &[u8]) {
        self.body.extend(format!("--{}\r\n{head}\r\n", self.boundary).bytes());
        self.body.extend(bytes);
        self.body.extend(b"\r\n");
    }
}
