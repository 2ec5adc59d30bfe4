//! What travels: PROXY headers, HTTP/1.1, HTTP/2, tickets; and what is stored.

use crate::Seed;

const HOST: &str = "issuer.bank.example";

pub fn make() -> Vec<Seed> {
    let mut seeds = Vec::new();
    proxy(&mut seeds);
    http1(&mut seeds);
    http2(&mut seeds);
    stored(&mut seeds);
    seeds
}

fn proxy(seeds: &mut Vec<Seed>) {
    let mut seed = |name: &str, bytes: Vec<u8>| seeds.push(("proxy_protocol", name.to_owned(), bytes));
    seed("v1-tcp4", b"PROXY TCP4 192.0.2.7 192.0.2.1 47110 8443\r\n\x16\x03\x01".to_vec());
    seed("v1-tcp6", b"PROXY TCP6 2001:db8::7 2001:db8::1 47110 8443\r\n".to_vec());
    seed("v1-unknown", b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n".to_vec());
    seed("v1-without-end", b"PROXY TCP4 192.0.2.7".to_vec());
    let v2 = |command: u8, family: u8, rest: &[u8]| {
        let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
        header.extend([0x20 | command, family]);
        header.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
        header.extend(rest);
        header
    };
    let ipv4 = [192, 0, 2, 7, 192, 0, 2, 1, 0xb8, 0x06, 0x20, 0xfb];
    let mut ipv6 = [0; 36];
    (ipv6[0], ipv6[1], ipv6[15], ipv6[16], ipv6[31], ipv6[34]) = (0x20, 0x01, 7, 0x20, 1, 0x20);
    let mut mapped = [0; 36];
    mapped[10..16].copy_from_slice(&[0xff, 0xff, 192, 0, 2, 7]);
    mapped[26..32].copy_from_slice(&[0xff, 0xff, 192, 0, 2, 1]);
    seed("v2-local", v2(0, 0, b""));
    seed("v2-ipv4", [v2(1, 0x11, &ipv4), b"\x16\x03\x01".to_vec()].concat());
    seed("v2-ipv6", v2(1, 0x21, &ipv6));
    seed("v2-mapped", v2(1, 0x21, &mapped));
    seed("v2-unspecified", v2(1, 0, b""));
    seed("v2-udp", v2(1, 0x12, &ipv4));
    // Extensions: ALPN, authority, a unique id, nothing.
    let extensions = b"\x01\x00\x02h2\x02\x00\x09a.example\x05\x00\x04abcd\x04\x00\x03\0\0\0";
    seed("v2-extensions", v2(1, 0x11, &[&ipv4[..], extensions].concat()));
    seed("v2-aws", v2(1, 0x11, &[&ipv4[..], b"\xea\x00\x0a\x01vpce-abcd"].concat()));
    // CRC-32C over the whole header with the checksum as zeros.
    let blank = v2(1, 0x11, &[&ipv4[..], b"\x03\x00\x04\0\0\0\0"].concat());
    let mut checked = blank.clone();
    let at = checked.len() - 4;
    checked[at..].copy_from_slice(&crc32c(&blank).to_be_bytes());
    seed("v2-checksum", checked);
}

/// RFC 3309, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn http1(seeds: &mut Vec<Seed>) {
    let body = r#"{"issuerId":"ISSUER0001","virtualCardId":"card-1"}"#;
    let post = |extra: &str, body: &str| {
        let target = "/issuer/igwapi/v2.0/notifyVirtualCardChange";
        let length = body.len();
        format!(
            "POST {target} HTTP/1.1\r\nHost: {HOST}\r\n{extra}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    let get = |target: &str, extra: &str| format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n{extra}\r\n");
    let chunked = format!(
        "POST /a HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n5;a=\"b\"\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 1\r\n\r\n"
    );
    for (name, text) in [
        ("notification", post("", body)),
        (
            "identity-forged",
            post(
                "Issuer-Host-Client-Subject: CN=evil\r\nissuer_host_environment: prod\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=1\r\n",
                body,
            ),
        ),
        (
            "connection-names-ours",
            post("Connection: close, issuer-host-client-subject, host, content-length\r\nKeep-Alive: 5\r\n", body),
        ),
        ("expect-continue", post("Expect: 100-continue\r\n", body)),
        ("chunked", chunked.clone()),
        ("pipelined", get("/a", "") + &post("", body) + &chunked + &get("/b?c=d", "Connection: close\r\n")),
        (
            "length-and-chunked",
            format!(
                "POST /a HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
            ),
        ),
        (
            "two-lengths",
            format!("POST /a HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        ),
        ("two-hosts", format!("GET /a HTTP/1.1\r\nHost: {HOST}\r\nHost: evil.example\r\n\r\n")),
        ("other-host", "GET /a HTTP/1.1\r\nHost: evil.example\r\n\r\n".into()),
        ("absolute-form", format!("GET https://{HOST}/a HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n")),
        ("authority-form", format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\n\r\n")),
        ("http-1-0", format!("GET /a HTTP/1.0\r\nHost: {HOST}\r\n\r\n")),
        ("obs-fold", format!("GET /a HTTP/1.1\r\nHost: {HOST}\r\nX-A: b\r\n c\r\n\r\n")),
        ("bare-line-feeds", format!("GET /a HTTP/1.1\nHost: {HOST}\n\n")),
        ("empty-lines-first", format!("\r\n\r\n{}", get("/a", ""))),
        ("dots", get("/a/../b", "")),
        ("body-cut-short", format!("POST /a HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 50\r\n\r\nhello")),
        ("upgrade", get("/a", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n")),
        ("http2-preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into()),
        ("body-too-large", format!("POST /a HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 99999\r\n\r\nhello")),
    ] {
        seeds.push(("http1", name.to_owned(), text.into_bytes()));
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// HPACK without a table (RFC 7541 section 6.2.2).
fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn http2(seeds: &mut Vec<Seed>) {
    let settings = frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]);
    let acknowledged = frame(SETTINGS, 1, 0, b"");
    let head = |method: &str, path: &str, more: &[(&str, &str)]| {
        let pseudo = [(":method", method), (":scheme", "https"), (":authority", HOST), (":path", path)];
        fields(&[&pseudo[..], more].concat())
    };
    let get = head("GET", "/a?b=c", &[]);
    let post = head(
        "POST",
        "/issuer/igwapi/v2.0/notifyVirtualCardChange",
        &[("content-length", "5"), ("content-type", "application/json")],
    );
    // With indexed fields and an entry of the dynamic table that is used again.
    let indexed = [&[0x83, 0x87, 0x84, 0x41, 19][..], HOST.as_bytes(), &[0x0f, 0x0d, 1, b'0']].concat();
    let again = [0x83, 0x87, 0x84, 0xbe];
    let whole = END_STREAM | END_HEADERS;
    let mut seed = |name: &str, frames: &[Vec<u8>]| {
        seeds.push((
            "http2",
            name.to_owned(),
            [vec![settings.clone(), acknowledged.clone()].concat(), frames.concat()].concat(),
        ));
    };
    seed("get", &[frame(HEADERS, whole, 1, &get)]);
    seed("post", &[frame(HEADERS, END_HEADERS, 1, &post), frame(DATA, END_STREAM, 1, b"hello")]);
    seed("post-padded", &[frame(HEADERS, END_HEADERS, 1, &post), frame(DATA, 8 | END_STREAM, 1, b"\x02hello\0\0")]);
    seed("length-is-wrong", &[frame(HEADERS, END_HEADERS, 1, &post), frame(DATA, END_STREAM, 1, b"hello, world")]);
    seed(
        "trailers",
        &[
            frame(HEADERS, END_HEADERS, 1, &post),
            frame(DATA, 0, 1, b"hello"),
            frame(HEADERS, whole, 1, &fields(&[("x-sum", "1")])),
        ],
    );
    seed("indexed", &[frame(HEADERS, whole, 1, &indexed), frame(HEADERS, whole, 3, &again)]);
    seed("continuation", &[frame(HEADERS, END_STREAM, 1, &get[..9]), frame(CONTINUATION, END_HEADERS, 1, &get[9..])]);
    seed(
        "several-streams",
        &[
            frame(HEADERS, END_HEADERS, 1, &post),
            frame(HEADERS, whole, 3, &get),
            frame(DATA, 0, 1, b"he"),
            frame(HEADERS, whole, 5, &get),
            frame(DATA, END_STREAM, 1, b"llo"),
        ],
    );
    seed(
        "reset",
        &[
            frame(HEADERS, END_HEADERS, 1, &post),
            frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]),
            frame(HEADERS, whole, 3, &get),
        ],
    );
    seed(
        "ping-window-goaway",
        &[
            frame(PING, 0, 0, b"12345678"),
            frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0]),
            frame(HEADERS, whole, 1, &get),
            frame(GOAWAY, 0, 0, &[0; 8]),
        ],
    );
    for (name, more) in [
        ("identity-forged", [("issuer-host-client-subject", "CN=evil"), ("x_forwarded_for", "1.2.3.4")]),
        ("connection-fields", [("connection", "close"), ("transfer-encoding", "chunked")]),
        ("te-and-host", [("te", "trailers"), ("host", "evil.example")]),
        ("upper-case", [("X-A", "b"), ("cookie", "a=b")]),
    ] {
        seed(name, &[frame(HEADERS, whole, 1, &head("POST", "/a", &more))]);
    }
    seed("connect", &[frame(HEADERS, END_HEADERS, 1, &fields(&[(":method", "CONNECT"), (":authority", HOST)]))]);
    seed("extended-connect", &[frame(HEADERS, END_HEADERS, 1, &head("CONNECT", "/a", &[(":protocol", "websocket")]))]);
    seed("dots", &[frame(HEADERS, whole, 1, &head("GET", "/a/../b", &[]))]);
    seed("asterisk", &[frame(HEADERS, whole, 1, &head("OPTIONS", "*", &[]))]);
}

/// Texts and bytes, each led by its length in two bytes.
fn piece(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn optional(text: &str) -> Vec<u8> {
    if text.is_empty() { vec![0] } else { [vec![1], piece(text.as_bytes())].concat() }
}

fn stored(seeds: &mut Vec<Seed>) {
    let deadline = 1_900_003_600_u64.to_be_bytes();
    for (name, changes) in
        [("as-issued", &b""[..]), ("one-bit", &[3, 0, 20, 1]), ("cut", &[0, 0, 30]), ("longer", &[1, 0, 2, b'x', b'y'])]
    {
        let session = [7; 64];
        seeds.push(("tickets", name.to_owned(), [&deadline[..], &[4], &session, changes].concat()));
    }
    seeds.push(("tickets", "empty-session".into(), [&deadline[..], &[0]].concat()));

    // Version, path, query, subject, headers, body; lengths have four bytes here.
    let long = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    let contents = [
        vec![1],
        long(b"/issuer/a%20b"),
        vec![1],
        long(b"x=1"),
        vec![1],
        long(b"card-1"),
        vec![0, 0, 0, 1],
        long(b"content-type"),
        long(b"application/json"),
        long(b"{}"),
    ]
    .concat();
    let bare = [vec![1], long(b"/"), vec![0, 0, 0, 0, 0, 0], long(b"")].concat();
    let sealed = [vec![1], vec![9; 12], vec![8; 40]].concat();
    for (name, state, key_id, payload) in [
        ("in-clear", "pending", "", &contents),
        ("dead", "dead", "", &contents),
        ("bare", "delivered", "", &bare),
        ("sealed", "discarded", "one", &sealed),
        ("unknown-state", "lost", "three", &contents),
    ] {
        let row = [
            piece(b"preprod"),
            piece(b"notifyVirtualCardChange"),
            1_770_000_000_000_i64.to_be_bytes().to_vec(),
            optional("corr-1"),
            piece(&[7; 16]),
            piece(&[7; 32]),
            piece(state.as_bytes()),
            3_i64.to_be_bytes().to_vec(),
            0_i64.to_be_bytes().to_vec(),
            optional(key_id),
            payload.clone(),
        ];
        seeds.push(("inbox_row", name.to_owned(), row.concat()));
    }

    let event = |subject: &str, path: &str, traceparent: &str, headers: &[(&str, &str)]| {
        let headers =
            headers.iter().flat_map(|(name, value)| [piece(name.as_bytes()), piece(value.as_bytes())].concat());
        [
            piece(b"preprod"),
            piece(b"tsh"),
            piece(b"notifyVirtualCardChange"),
            1_770_000_000_000_i64.to_be_bytes().to_vec(),
            piece(b"CN=caller"),
            optional("corr-1"),
            optional(traceparent),
            piece(b"POST"),
            vec![3, 1],
            piece(path.as_bytes()),
            optional("x=1&&y"),
            optional(subject),
            headers.collect(),
        ]
        .concat()
    };
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (name, bytes) in [
        (
            "plain",
            event("card-1", "/issuer/a%2520b", traceparent, &[("content-type", "application/json"), ("x-first", "1")]),
        ),
        (
            "forged",
            event(
                "a\r\nce-id: forged",
                "/",
                "",
                &[("ce-id", "1"), ("nats-rollup", "all"), ("webhook-id", "1"), ("traceparent", "x")],
            ),
        ),
        (
            "beyond-ascii",
            event(
                "Euro \u{20ac} \u{1f600} \"100%\"",
                "/\u{e4}",
                "",
                &[("connection", "close"), ("host", "a"), ("X-A", "b")],
            ),
        ),
    ] {
        seeds.push(("cloud_events", name.to_owned(), bytes));
    }
}
