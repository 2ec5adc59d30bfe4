//! Bodies of 1 GB by an admitted caller: announced, in chunks, and over HTTP/2.

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::Request;
use hyper::body::Frame;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

use super::{Attacked, all, drain};
use crate::program::client::{Client, Http};
use crate::program::{Error, HOST};

const GIGABYTE: usize = 1 << 30;
const CHUNK: usize = 64 * 1024;

/// `count` at once, until it is over.
pub(super) async fn send(attacked: &Attacked, count: usize) -> Result<(), Error> {
    let one = attacked.client(Some("admitted"), Http::One)?.returning();
    let two = attacked.client(Some("admitted"), Http::Two)?.returning();
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let source = Attacked::source(number);
        let (attacked, one, two) = (attacked.clone(), one.from(source), two.from(source));
        tasks.spawn(async move {
            while !attacked.is_over() {
                attacked.attempts();
                let by_server = tokio::select! {
                    cut = async {
                        match number % 3 {
                            0 => over_http1(&attacked, &one, &format!("content-length: {GIGABYTE}"), false).await,
                            1 => over_http1(&attacked, &one, "transfer-encoding: chunked", true).await,
                            _ => over_http2(&attacked, &two).await.is_err(),
                        }
                    } => cut,
                    () = attacked.over() => false,
                };
                attacked.opened();
                attacked.ended(by_server);
            }
        });
    }
    all(tasks).await
}

/// Whether the server cut it before its end.
async fn over_http1(attacked: &Attacked, client: &Client, length: &str, is_chunked: bool) -> bool {
    let Ok(stream) = client.tls().await else { return false };
    let (mut reader, mut writer) = tokio::io::split(stream);
    let head = format!("POST /huge HTTP/1.1\r\nhost: {HOST}\r\n{length}\r\n\r\n");
    let chunk = if is_chunked {
        [format!("{CHUNK:x}\r\n").into_bytes(), vec![b'x'; CHUNK], b"\r\n".to_vec()].concat()
    } else {
        vec![b'x'; CHUNK]
    };
    let writing = async {
        if writer.write_all(head.as_bytes()).await.is_err() {
            return true;
        }
        for _ in 0..GIGABYTE / CHUNK {
            if writer.write_all(&chunk).await.is_err() {
                return true;
            }
            attacked.sent(CHUNK);
        }
        false
    };
    tokio::select! {
        cut = writing => cut,
        () = drain(&mut reader) => true,
    }
}

/// To the end, or an error.
async fn over_http2(attacked: &Attacked, client: &Client) -> Result<(), Error> {
    let stream: TlsStream<_> = client.tls().await?;
    let (mut sender, driver) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let driving = tokio::spawn(async move { drop(driver.await) });
    let chunk = Bytes::from(vec![b'x'; CHUNK]);
    let attacked = attacked.clone();
    let chunks = stream::iter((0..GIGABYTE / CHUNK).map(move |_| {
        attacked.sent(CHUNK);
        Ok::<_, std::convert::Infallible>(Frame::data(chunk.clone()))
    }));
    let request = Request::post(format!("https://{HOST}/huge")).body(StreamBody::new(chunks).boxed())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    driving.abort();
    Err(format!("answered {status}").into())
}
