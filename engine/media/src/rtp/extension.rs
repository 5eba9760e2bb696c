/// One element of a header extension (RFC 8285).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    pub id: u8,
    pub data: &'a [u8],
}

/// The elements of a header extension, in order. Ends at the first element that does not fit: no element ever reaches past the
/// extension, whatever its length byte says.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    form: Form,
    rest: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    OneByte,
    TwoByte,
    Unknown,
}

impl<'a> Elements<'a> {
    /// `profile` is the 16 bits before the extension's length.
    pub(super) fn new(profile: u16, body: &'a [u8]) -> Self {
        let form = match profile {
            0xBEDE => Form::OneByte,
            0x1000..=0x100F => Form::TwoByte,
            _ => Form::Unknown,
        };
        Elements { form, rest: body }
    }

    fn split(&mut self, header_bytes: usize, id: u8, len: usize) -> Option<Element<'a>> {
        let data = self.rest.get(header_bytes..header_bytes + len);
        self.rest = self.rest.get(header_bytes + len..).unwrap_or(&[]);
        data.map(|data| Element { id, data })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            match (self.form, self.rest) {
                (Form::Unknown, _) | (_, []) => return None,
                // A zero byte is padding in both forms.
                (_, [0, rest @ ..]) => self.rest = rest,
                (Form::OneByte, [head, ..]) => {
                    let id = head >> 4;
                    // RFC 8285 section 4.2: 15 is reserved and ends the reading.
                    if id == 15 {
                        self.rest = &[];
                        return None;
                    }
                    return self.split(1, id, usize::from(head & 0x0f) + 1);
                }
                (Form::TwoByte, [id, len, ..]) => return self.split(2, *id, usize::from(*len)),
                (Form::TwoByte, [_]) => return None,
            }
        }
    }
}
