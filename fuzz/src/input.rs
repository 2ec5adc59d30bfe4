//! Ways to take an input apart. Each of them takes any bytes: what is missing is empty.

/// Takes pieces off the front of an input.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'i>(&'i [u8]);

impl<'i> Cursor<'i> {
    pub fn new(input: &'i [u8]) -> Self {
        Self(input)
    }

    pub fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    /// As many bytes as are left of `length`.
    pub fn bytes(&mut self, length: usize) -> &'i [u8] {
        let (piece, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        piece
    }

    pub fn number(&mut self) -> u64 {
        self.bytes(8).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Bytes that are led by their length, in two bytes.
    pub fn piece(&mut self) -> &'i [u8] {
        let length = usize::from(self.byte()) << 8 | usize::from(self.byte());
        self.bytes(length)
    }

    /// A piece as text, with a sign in the place of what is no UTF-8.
    pub fn text(&mut self) -> String {
        String::from_utf8_lossy(self.piece()).into_owned()
    }

    /// A text; `None` where it is led by an even byte.
    pub fn optional_text(&mut self) -> Option<String> {
        (self.byte() % 2 == 1).then(|| self.text())
    }

    pub fn rest(&mut self) -> &'i [u8] {
        std::mem::take(&mut self.0)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What stands before the first `separator`, and behind it.
pub fn halves<'i>(input: &'i [u8], separator: &[u8]) -> (&'i [u8], &'i [u8]) {
    match input.windows(separator.len()).position(|window| window == separator) {
        Some(at) => (&input[..at], &input[at + separator.len()..]),
        None => (input, b""),
    }
}

/// The certificates of a `certificate_list`, as a client sends it (RFC 5246 section 7.4.2): each led by its length in three bytes.
pub fn certificate_list(input: &[u8]) -> Vec<&[u8]> {
    let mut rest = Cursor::new(input);
    let mut list = Vec::new();
    while !rest.is_empty() && list.len() < 64 {
        let length = rest.bytes(3).iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        list.push(rest.bytes(length));
    }
    list
}

/// `input` in pieces whose lengths depend on it alone: from one byte to 13, or rather large ones.
pub fn pieces(input: &[u8]) -> Vec<Vec<u8>> {
    let mut state =
        input.iter().fold(0x811c_9dc5_u32, |state, byte| (state ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    let most = if state % 3 == 0 { 400 } else { 13 };
    let mut pieces = Vec::new();
    let mut rest = input;
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = (1 + usize::try_from(state >> 16).unwrap_or_default() % most).min(rest.len());
        let (piece, behind) = rest.split_at(length);
        pieces.push(piece.to_vec());
        rest = behind;
    }
    pieces
}
