//! A way to a server that can be cut, led elsewhere or slowed down.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

#[derive(Clone, Copy, PartialEq)]
struct Way {
    /// Connections of an earlier one are closed.
    number: u64,
    to: Option<u16>,
    delay: Duration,
}

pub(crate) struct Relay {
    pub(crate) port: u16,
    way: watch::Sender<Way>,
}

impl Relay {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let (sender, way) =
            watch::channel(Way { number: 0, to: Some(port), delay: Duration::ZERO });
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, way.clone()));
            }
        });
        Self { port: own, way: sender }
    }

    pub(crate) fn cut(&self) {
        self.way.send_modify(|way| (way.number, way.to) = (way.number + 1, None));
    }

    pub(crate) fn lead_to(&self, port: u16) {
        self.way.send_modify(|way| (way.number, way.to) = (way.number + 1, Some(port)));
    }

    /// As a name that leads elsewhere from now on: connections that are open stay where they are.
    pub(crate) fn turn_to(&self, port: u16) {
        self.way.send_modify(|way| way.to = Some(port));
    }

    pub(crate) fn delay(&self, delay: Duration) {
        self.way.send_modify(|way| way.delay = delay);
    }
}

async fn carry(client: TcpStream, mut way: watch::Receiver<Way>) {
    let begun = *way.borrow_and_update();
    let Some(port) = begun.to else { return };
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client, server) = (client.into_split(), server.into_split());
    let moved = way.clone();
    tokio::select! {
        () = copy(client.0, server.1, moved.clone()) => {}
        () = copy(server.0, client.1, moved) => {}
        _ = way.wait_for(|now| now.number != begun.number) => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: watch::Receiver<Way>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count) = from.read(&mut buffer).await {
        let delay = way.borrow().delay;
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
