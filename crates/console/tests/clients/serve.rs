//! A console on a socket, over canned numbers, for whoever connects.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use afterwrite_console::{
    Console, Counters, Database, Lists, Node, Permission, Pool, Snapshot, Stats, Step, User,
    welcome,
};
use afterwrite_wire::server;

/// Listens on a free port until the test's process ends.
pub(crate) fn start() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let _gone = serve(stream);
            });
        }
    });
    address
}

fn snapshot() -> Snapshot {
    let totals = Counters {
        queries: 30,
        bytes_received: 4_000,
        bytes_sent: 5_000,
        query_us: 600,
        ..Counters::default()
    };
    Snapshot {
        version: "0.1.0".into(),
        databases: vec![Database {
            name: "app".into(),
            database: "db_of_app".into(),
            pool_size: 20,
            reserve_pool_size: 5,
            ..Database::default()
        }],
        pools: vec![Pool {
            database: "app".into(),
            user: "ann".into(),
            clients_active: 7,
            clients_waiting: 2,
            ..Pool::default()
        }],
        users: vec![User { name: "ann".into(), ..User::default() }],
        stats: vec![Stats { database: "app".into(), totals, ..Stats::default() }],
        lists: Lists {
            databases: 1,
            users: 3,
            pools: 1,
            used_clients: 9,
            used_servers: 4,
            ..Lists::default()
        },
        nodes: vec![Node {
            name: "replica".into(),
            lag: Some(Duration::from_millis(1_500)),
            lag_bytes: Some(1 << 40),
            ..Node::default()
        }],
        ..Snapshot::default()
    }
}

/// Lets in everybody as an admin, and says yes to everything.
fn serve(mut stream: TcpStream) -> io::Result<()> {
    startup(&mut stream)?;
    let mut out = Vec::new();
    server::authentication_ok(&mut out);
    welcome(&mut out, "ann", "");
    server::backend_key_data(&mut out, 1, &[0; 4]);
    server::ready(&mut out, server::IDLE);
    stream.write_all(&out)?;

    let mut console = Console::new(Permission::Admin, "ann");
    let mut inbox = Vec::new();
    loop {
        let consumed = console.receive(&inbox);
        inbox.drain(..consumed);
        let mut stepped = false;
        while let Some(step) = console.next() {
            stepped = true;
            match step {
                Step::Send(bytes) => stream.write_all(&bytes)?,
                Step::Show(_) => console.give(&snapshot()),
                Step::Do(_) => console.done(Ok(())),
                Step::Closed(_) => return Ok(()),
            }
        }
        if consumed == 0 && !stepped {
            let mut chunk = [0; 4096];
            let read = stream.read(&mut chunk)?;
            if read == 0 {
                return Ok(());
            }
            inbox.extend_from_slice(&chunk[..read]);
        }
    }
}

/// Reads the startup packet, and refuses encryption before it.
fn startup(stream: &mut TcpStream) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
        stream.read_exact(&mut body)?;
        if body.starts_with(&196_608_u32.to_be_bytes()) {
            return Ok(());
        }
        stream.write_all(b"N")?;
    }
}
