use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::address::Address;
use crate::connect::connect;

fn unix(folder: &TempDir) -> (Endpoint, PathBuf) {
    let path = folder.path().join(".s.PGSQL.6432");
    (UnixName::new(&path).into(), path)
}

/// Connects to where it listens, and sends a word in each direction.
async fn check_talk(listener: &Listener, address: &Address) -> Peer {
    let there = async {
        let (mut stream, reached) = connect(address).await.unwrap();
        assert_eq!(&reached, listener.endpoint());
        stream.tune(&KeepAlive::SERVERS).unwrap();
        stream.write_all(b"ping").await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let here = async {
        let (mut stream, peer) = listener.accept().await.unwrap();
        stream.tune(&KeepAlive::CLIENTS).unwrap();
        stream.readable().await.unwrap();
        let mut word = [0; 4];
        stream.read_exact(&mut word).await.unwrap();
        assert_eq!(&word, b"ping");
        stream.write_all(b"pong").await.unwrap();
        assert_eq!(stream.peer().unwrap(), peer);
        peer
    };
    let (answer, peer) = tokio::join!(there, here);
    assert_eq!(answer, "pong");
    peer
}

fn uid() -> u32 {
    fs::metadata("/proc/self").unwrap().uid()
}

#[tokio::test]
async fn tcp_takes_a_free_port() {
    let listener = Listener::bind(&Endpoint::Tcp("127.0.0.1:0".parse().unwrap()), 0).unwrap();
    let port = listener.endpoint().tcp().unwrap().port();
    assert_ne!(port, 0);
    let peer = check_talk(&listener, &Address::new("127.0.0.1", port)).await;
    assert!(peer.tcp().unwrap().ip().is_loopback());
}

#[tokio::test]
async fn what_is_accepted_is_tuned_as_the_listener_is() {
    let listener = Listener::bind(&Endpoint::Tcp("127.0.0.1:0".parse().unwrap()), 0).unwrap();
    let port = listener.endpoint().tcp().unwrap().port();
    let connecting = tokio::net::TcpStream::connect(("127.0.0.1", port));
    let (connected, accepted) = tokio::join!(connecting, listener.accept());
    let (_connected, (stream, _)) = (connected.unwrap(), accepted.unwrap());
    let crate::stream::Kind::Tcp(stream) = stream.into_kind() else {
        panic!("it is no TCP socket")
    };
    let socket = SockRef::from(&stream);
    assert_eq!(socket.tcp_nodelay().unwrap(), listener.tunes());
    assert_eq!(socket.keepalive().unwrap(), listener.tunes());
    if listener.tunes() {
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KeepAlive::CLIENTS.idle);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), KeepAlive::CLIENTS.interval);
    }
}

#[tokio::test]
async fn a_name_is_tried_at_each_of_its_addresses() {
    let listener = Listener::bind(&Endpoint::Tcp("127.0.0.1:0".parse().unwrap()), 0).unwrap();
    let port = listener.endpoint().tcp().unwrap().port();
    // Often ::1 comes first, where nobody listens.
    check_talk(&listener, &Address::new("localhost", port)).await;
}

#[tokio::test]
async fn a_unix_socket_tells_who_connects_and_leaves_no_file() {
    let folder = TempDir::new().unwrap();
    let (endpoint, path) = unix(&folder);
    let listener = Listener::bind(&endpoint, 0o700).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    let peer = check_talk(&listener, &Address::new(folder.path().to_str().unwrap(), 6432)).await;
    let pid = i32::try_from(std::process::id()).unwrap();
    assert_eq!(peer, Peer::Unix { uid: uid(), pid: Some(pid) });
    drop(listener);
    assert!(!path.exists());
}

#[tokio::test]
async fn an_abstract_socket_has_no_file() {
    let host = format!("@afterwrite-test-{}", std::process::id());
    let address = Address::new(&host, 6432);
    let Address::Unix(name) = &address else { unreachable!() };
    let listener = Listener::bind(&name.clone().into(), UNIX_MODE).unwrap();
    check_talk(&listener, &address).await;
    let again = Listener::bind(&name.clone().into(), UNIX_MODE).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AddrInUse);
}

#[tokio::test]
async fn a_file_left_behind_is_replaced() {
    let folder = TempDir::new().unwrap();
    let (endpoint, path) = unix(&folder);
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let listener = Listener::bind(&endpoint, UNIX_MODE).unwrap();
    check_talk(&listener, &Address::new(folder.path().to_str().unwrap(), 6432)).await;
}

#[tokio::test]
async fn a_socket_that_is_listened_on_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let (endpoint, path) = unix(&folder);
    let first = Listener::bind(&endpoint, UNIX_MODE).unwrap();
    let second = Listener::bind(&endpoint, UNIX_MODE).unwrap_err();
    assert_eq!(second.kind(), ErrorKind::AddrInUse);
    assert!(path.exists());
    // Nor is one whose queue is full.
    drop(first);
    let busy = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    busy.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    busy.listen(0).unwrap();
    let _in_queue = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let third = Listener::bind(&endpoint, UNIX_MODE).unwrap_err();
    assert_eq!(third.kind(), ErrorKind::AddrInUse);
    assert!(path.exists());
}

#[tokio::test]
async fn a_file_that_is_not_a_socket_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let (endpoint, path) = unix(&folder);
    fs::write(&path, "mine").unwrap();
    let error = Listener::bind(&endpoint, UNIX_MODE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[tokio::test]
async fn a_later_file_at_the_same_path_is_not_removed() {
    let folder = TempDir::new().unwrap();
    let (endpoint, path) = unix(&folder);
    let old = Listener::bind(&endpoint, UNIX_MODE).unwrap();
    fs::rename(&path, folder.path().join("aside")).unwrap();
    let _new = Listener::bind(&endpoint, UNIX_MODE).unwrap();
    drop(old);
    assert!(path.exists());
}

#[tokio::test]
async fn a_listener_is_handed_over() {
    let folder = TempDir::new().unwrap();
    let (endpoint, path) = unix(&folder);
    let old = Listener::bind(&endpoint, UNIX_MODE).unwrap();
    let new = Listener::adopt(old.as_fd().try_clone_to_owned().unwrap()).unwrap();
    old.leave_file();
    drop(old);
    assert_eq!(new.endpoint(), &endpoint);
    check_talk(&new, &Address::new(folder.path().to_str().unwrap(), 6432)).await;
    drop(new);
    assert!(!path.exists());

    let old = Listener::bind(&Endpoint::Tcp("127.0.0.1:0".parse().unwrap()), 0).unwrap();
    let new = Listener::adopt(old.as_fd().try_clone_to_owned().unwrap()).unwrap();
    assert_eq!(new.endpoint(), old.endpoint());
    let not_listening = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let error = Listener::adopt(not_listening.into()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_full_queue_is_waited_for() {
    let folder = TempDir::new().unwrap();
    let (_, path) = unix(&folder);
    let busy = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    busy.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    busy.listen(0).unwrap();
    let in_queue = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let address = Address::Unix(UnixName::new(&path));
    let connecting = tokio::spawn(async move { connect(&address).await.map(drop) });
    tokio::time::sleep(QUEUE_IS_FULL).await;
    assert!(!connecting.is_finished());
    drop(busy.accept().unwrap());
    connecting.await.unwrap().unwrap();
    drop(in_queue);
}

/// Long enough that an attempt has met the full queue.
const QUEUE_IS_FULL: std::time::Duration = std::time::Duration::from_millis(50);
