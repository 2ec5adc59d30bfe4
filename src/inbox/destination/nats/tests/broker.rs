//! As much of a NATS server as a publisher sees.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// What a stream says when it has a message.
pub(super) const ACKNOWLEDGED: &str = r#"{"stream":"S","seq":7}"#;

/// A server that answers every message with the same words, and with a complaint where there are none.
pub(super) struct Broker {
    pub(super) address: SocketAddr,
    pub(super) published: mpsc::UnboundedReceiver<Published>,
    lines: Arc<Mutex<String>>,
}

/// A message as it came.
pub(super) struct Published {
    /// The JSON that the connection began with.
    pub(super) connect: String,
    pub(super) subject: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Published {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Clone)]
struct Server {
    tls: Option<TlsAcceptor>,
    answer: String,
    lines: Arc<Mutex<String>>,
    sender: mpsc::UnboundedSender<Published>,
}

impl Broker {
    pub(super) async fn start(tls: Option<ServerConfig>, answer: &str) -> Self {
        Self::serve(TcpListener::bind("127.0.0.1:0").await.unwrap(), tls, answer)
    }

    pub(super) fn serve(listener: TcpListener, tls: Option<ServerConfig>, answer: &str) -> Self {
        let address = listener.local_addr().unwrap();
        let (sender, published) = mpsc::unbounded_channel();
        let lines = Arc::<Mutex<String>>::default();
        let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let server = Server { tls, answer: answer.to_owned(), lines: Arc::clone(&lines), sender };
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(greet(socket, server.clone()));
            }
        });
        Self { address, published, lines }
    }

    /// Every line that came in, as far as it was no TLS.
    pub(super) fn heard(&self) -> String {
        self.lines.lock().unwrap().clone()
    }
}

async fn greet(mut socket: TcpStream, server: Server) {
    let tls = server.tls.is_some();
    let info = format!(r#"INFO {{"headers":true,"max_payload":1048576,"proto":1,"tls_required":{tls}}}"#);
    if socket.write_all(format!("{info}\r\n").as_bytes()).await.is_err() {
        return;
    }
    match server.tls.clone() {
        None => converse(socket, server).await,
        Some(tls) => {
            let Ok(socket) = tls.accept(socket).await else { return };
            converse(socket, server).await;
        }
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(socket: S, server: Server) {
    let mut socket = BufReader::new(socket);
    let (mut connect, mut inbox) = (String::new(), String::new());
    loop {
        let mut line = Vec::new();
        if !matches!(socket.read_until(b'\n', &mut line).await, Ok(1..)) {
            return;
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        server.lines.lock().unwrap().push_str(&line);
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words.as_slice() {
            ["CONNECT", ..] => {
                line.strip_prefix("CONNECT ").unwrap().clone_into(&mut connect);
                continue;
            }
            ["PING"] => "PONG\r\n".to_owned(),
            ["SUB", _, subscription] => {
                (*subscription).clone_into(&mut inbox);
                continue;
            }
            ["HPUB", subject, reply, head, total] => {
                let mut message = vec![0; total.parse::<usize>().unwrap() + 2];
                socket.read_exact(&mut message).await.unwrap();
                let body = message.split_off(head.parse().unwrap());
                let head = String::from_utf8(message).unwrap();
                let headers = head.lines().filter_map(|line| line.split_once(':'));
                let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
                let body = body.strip_suffix(b"\r\n").unwrap().to_vec();
                let (connect, subject) = (connect.clone(), (*subject).to_owned());
                let _ = server.sender.send(Published { connect, subject, headers, body });
                match server.answer.as_str() {
                    "" => "-ERR 'Permissions Violation'\r\n".to_owned(),
                    answer => format!("MSG {reply} {inbox} {}\r\n{answer}\r\n", answer.len()),
                }
            }
            _ => return,
        };
        if socket.write_all(answer.as_bytes()).await.is_err() || socket.flush().await.is_err() {
            return;
        }
    }
}
