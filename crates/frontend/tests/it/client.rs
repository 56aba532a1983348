//! A small client: it does what libpq does, and what libpq never would.

use afterwrite_wire::client;
use afterwrite_wire::frame;
use afterwrite_wire::md5::Md5Hash;
use afterwrite_wire::scram::{self, ClientBinding, ClientExchange};
use afterwrite_wire::server::{Authentication, DataRow, ErrorFields};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::door::{DATABASE, Door};

/// A login to make.
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) database: &'a str,
    pub(crate) password: &'a str,
    pub(crate) binding: ClientBinding,
    /// Whatever the first SASL message is to be, in place of the right one.
    pub(crate) sasl: Option<(&'a str, &'a str)>,
}

impl<'a> Login<'a> {
    pub(crate) fn new(user: &'a str, password: &'a str) -> Self {
        let binding = ClientBinding::default();
        Self { user, database: DATABASE, password, binding, sasl: None }
    }
}

/// How a login went: what was asked for, and how it ended.
pub(crate) async fn log_in(door: &Door, login: Login<'_>) -> String {
    let mut conversation = Conversation {
        stream: TcpStream::connect(door.address).await.unwrap(),
        buffer: Vec::new(),
        asked: Vec::new(),
    };
    let end = conversation.run(&login).await;
    let asked = conversation.asked.join(" ");
    if asked.is_empty() { end } else { format!("{asked}: {end}") }
}

pub(crate) async fn right(door: &Door, user: &str) -> String {
    log_in(door, Login::new(user, "right")).await
}

pub(crate) async fn wrong(door: &Door, user: &str) -> String {
    log_in(door, Login::new(user, "wrong")).await
}

struct Conversation {
    stream: TcpStream,
    buffer: Vec<u8>,
    asked: Vec<String>,
}

impl Conversation {
    async fn send(&mut self, out: &[u8]) {
        self.stream.write_all(out).await.unwrap();
    }

    async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((message, rest)) = frame::split(&self.buffer, 1 << 16).unwrap() {
                let (tag, body) = (message.tag, message.body.to_vec());
                let used = self.buffer.len() - rest.len();
                self.buffer.drain(..used);
                return Some((tag, body));
            }
            if self.stream.read_buf(&mut self.buffer).await.unwrap_or_default() == 0 {
                return None;
            }
        }
    }

    async fn run(&mut self, login: &Login<'_>) -> String {
        let mut out = Vec::new();
        client::startup(&mut out, &[("user", login.user), ("database", login.database)]);
        self.send(&out).await;
        let mut exchange = ClientExchange::new(login.password, scram::nonce().unwrap())
            .with_binding(login.binding.clone());
        let mut row = String::new();
        while let Some((tag, body)) = self.next().await {
            let mut out = Vec::new();
            match tag {
                b'R' => self.answer(login, &mut exchange, &body, &mut out),
                b'E' => {
                    let fields = ErrorFields::decode(&body).unwrap();
                    return format!("{} {}", fields.code, fields.message);
                }
                b'D' => {
                    let value = DataRow::decode(&body).unwrap().next().unwrap().unwrap().unwrap();
                    row = String::from_utf8(value.to_vec()).unwrap();
                }
                b'Z' if row.is_empty() => client::query(&mut out, "SELECT 1"),
                b'Z' => return row,
                _ => {}
            }
            self.send(&out).await;
        }
        "closed".into()
    }

    fn answer(
        &mut self,
        login: &Login<'_>,
        exchange: &mut ClientExchange,
        body: &[u8],
        out: &mut Vec<u8>,
    ) {
        match Authentication::decode(body).unwrap() {
            Authentication::Ok => {}
            Authentication::CleartextPassword => {
                self.asked.push("password".into());
                client::password(out, login.password);
            }
            Authentication::Md5 { salt } => {
                self.asked.push("md5".into());
                client::password(out, &Md5Hash::of(login.password, login.user).answer(salt));
            }
            Authentication::Sasl { mechanisms } => {
                let short = |name: &str| name.to_lowercase().replace("scram-sha-256", "scram");
                let names: Vec<_> = mechanisms.into_iter().map(short).collect();
                self.asked.push(names.join("/"));
                match login.sasl {
                    Some((mechanism, data)) => {
                        client::sasl_initial(out, mechanism, data.as_bytes());
                    }
                    None => {
                        client::sasl_initial(out, exchange.mechanism(), &exchange.client_first());
                    }
                }
            }
            Authentication::SaslContinue(challenge) => {
                client::sasl_response(out, &exchange.client_final(challenge).unwrap());
            }
            Authentication::SaslFinal(signature) => exchange.verify(signature).unwrap(),
            Authentication::Other(code) => panic!("asked for {code}"),
        }
    }
}
