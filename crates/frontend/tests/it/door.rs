//! A gate behind a real listener: whoever comes in is told as whom.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use afterwrite_frontend::{Arrival, Auth, Client, Gate, Hba, Lookup, Peer, Rules, Users, receive};
use afterwrite_net::tls::Acceptor;
use afterwrite_wire::scram::Keys;
use afterwrite_wire::secret::StoredSecret;
use afterwrite_wire::{frame, server};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// A listener with a gate.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    /// What the log would be told of failed logins, in order.
    log: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Door {
    /// What is logged, once `line` is: that may be after the client has heard.
    pub(crate) async fn logged(&self, line: &str) -> String {
        for _ in 0..500 {
            let log = self.log.lock().join("\n");
            if log.contains(line) {
                return log;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("{line} is not in {}", self.log.lock().join("\n"));
    }
}

/// How long a login may take.
pub(crate) const LOGIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The database that is served.
pub(crate) const DATABASE: &str = "shop";

pub(crate) fn rules(auth: Auth, users: Users) -> Rules {
    let databases = Arc::new(|name: &str| name == DATABASE || name == "afterwrite");
    Rules { auth, users, hba: Hba::default(), lookup: None, databases }
}

/// Users whose password is "right", kept in each of the forms; the name tells which.
pub(crate) fn users() -> Users {
    let mut users = Users::default();
    users.add("plain", StoredSecret::parse("right"));
    users.add("md5", md5("md5"));
    users.add("scram", scram("right"));
    users.add("none", StoredSecret::Nothing);
    users
}

pub(crate) fn md5(user: &str) -> StoredSecret {
    StoredSecret::Md5(afterwrite_wire::md5::Md5Hash::of("right", user))
}

pub(crate) fn scram(password: &str) -> StoredSecret {
    StoredSecret::parse(&Keys::derive(password, b"0123456789abcdef", 4096).verifier())
}

pub(crate) fn open(auth: Auth, users: Users) -> Door {
    with_rules(rules(auth, users))
}

pub(crate) fn with_lookup(auth: Auth, users: Users, lookup: Arc<dyn Lookup>) -> Door {
    with_rules(Rules { lookup: Some(lookup), ..rules(auth, users) })
}

pub(crate) fn with_rules(rules: Rules) -> Door {
    as_if_from(Arc::new(Gate::new(rules, None).unwrap()), |peer| peer)
}

/// The gate sees what `disguise` makes of where clients come from.
pub(crate) fn as_if_from(gate: Arc<Gate>, disguise: fn(Peer) -> Peer) -> Door {
    over_tls(gate, Acceptor::disabled(), disguise)
}

/// The same, with TLS as `acceptor` has it.
pub(crate) fn over_tls(gate: Arc<Gate>, acceptor: Acceptor, disguise: fn(Peer) -> Peer) -> Door {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    let logged = Arc::clone(&log);
    let acceptor = Arc::new(acceptor);
    tasks.spawn(async move {
        let mut inside = JoinSet::new();
        loop {
            let (stream, from) = listener.accept().await.unwrap();
            let (gate, log) = (Arc::clone(&gate), Arc::clone(&logged));
            let acceptor = Arc::clone(&acceptor);
            let peer = disguise(Peer::tcp(from.ip()));
            inside.spawn(async move {
                match receive(stream.into(), peer, &acceptor, &gate, LOGIN_TIMEOUT).await {
                    Ok(Arrival::Client(client)) => serve(*client).await,
                    Ok(Arrival::Cancel { .. } | Arrival::Nobody) => {}
                    Err(error) => log.lock().push(error.to_string()),
                }
            });
        }
    });
    Door { address, log, _tasks: tasks }
}

/// Answers every query with who the client is taken for.
async fn serve(client: Client) {
    let Client { mut stream, ahead, user, database, credentials, .. } = client;
    let mut out = Vec::new();
    server::authentication_ok(&mut out);
    for (name, value) in [("server_version", "15.0"), ("client_encoding", "UTF8")] {
        server::parameter_status(&mut out, name, value);
    }
    server::backend_key_data(&mut out, 1, &[0; 4]);
    server::ready(&mut out, server::IDLE);
    let answer = format!("{user}@{database} with {}", credentials.kind());
    let mut buffer = ahead;
    loop {
        if stream.write_all(&out).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        out.clear();
        while let Some((message, rest)) = frame::split(&buffer, 1 << 16).unwrap() {
            let used = buffer.len() - rest.len();
            if message.tag == b'Q' {
                server::row_description(&mut out, &[("who", 25)]);
                server::data_row(&mut out, &[Some(answer.as_bytes())]);
                server::command_complete(&mut out, "SELECT 1");
                server::ready(&mut out, server::IDLE);
            }
            buffer.drain(..used);
        }
        if out.is_empty() && !matches!(stream.read_buf(&mut buffer).await, Ok(read) if read > 0) {
            return;
        }
    }
}
