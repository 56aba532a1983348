//! Listening sockets.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use crate::address::{Endpoint, UnixName};
use crate::peer::Peer;
use crate::stream::Stream;
use crate::tune::KeepAlive;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// Who may connect to a Unix socket unless it is said: everybody, as with
/// PostgreSQL; the login comes after.
pub const UNIX_MODE: u32 = 0o777;

/// A socket that is listened on. Dropped, a Unix socket's file is removed.
#[derive(Debug)]
pub struct Listener {
    kind: Kind,
    endpoint: Endpoint,
    file: Option<SocketFile>,
    owns_file: AtomicBool,
    /// The service manager listens on it, too, and for good.
    managed: bool,
    /// What is accepted is tuned as this socket is.
    tunes: bool,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Listens on `endpoint`: port 0 takes a free one; a Unix socket's file gets
    /// the permissions `unix_mode` before anybody can connect to it. A file that
    /// was left behind by a process that is gone is replaced.
    ///
    /// Must be called within a runtime.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AddrInUse`] if somebody listens there; [`ErrorKind::AlreadyExists`]
    /// if a file is there that is not a socket.
    pub fn bind(endpoint: &Endpoint, unix_mode: u32) -> io::Result<Self> {
        match endpoint {
            Endpoint::Tcp(address) => bind_tcp(*address),
            Endpoint::Unix(name) => bind_unix(name, unix_mode),
        }
    }

    /// Goes on listening on a socket that another process listened on: one that
    /// was handed over. A Unix socket's file is from now on removed by this one,
    /// unless it is told to [leave](Self::leave_file) it.
    ///
    /// Must be called within a runtime.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if it is not a listening stream socket.
    pub fn adopt(socket: OwnedFd) -> io::Result<Self> {
        let socket = Socket::from(socket);
        let invalid = |what: &str| io::Error::new(ErrorKind::InvalidInput, what);
        if socket.r#type()? != Type::STREAM || !socket.is_listener()? {
            return Err(invalid("it is not a listening socket"));
        }
        socket.set_nonblocking(true)?;
        socket.set_cloexec(true)?;
        let address = socket.local_addr()?;
        if let Some(address) = address.as_socket() {
            // Who waits there already may have come before anybody tuned it.
            return Self::tcp(socket, address, false);
        }
        let name = if let Some(path) = address.as_pathname() {
            UnixName::new(path)
        } else if let Some(name) = address.as_abstract_namespace() {
            UnixName::from_abstract(name)
        } else {
            return Err(invalid("it is neither a TCP nor a named Unix socket"));
        };
        Self::unix(socket, &name)
    }

    fn tcp(socket: Socket, address: SocketAddr, tunes: bool) -> io::Result<Self> {
        let listener = TcpListener::from_std(socket.into())?;
        Ok(Self {
            kind: Kind::Tcp(listener),
            endpoint: address.into(),
            file: None,
            owns_file: AtomicBool::new(false),
            managed: false,
            tunes,
        })
    }

    fn unix(socket: Socket, name: &UnixName) -> io::Result<Self> {
        let file = name.file().map(SocketFile::of).transpose()?;
        let listener = UnixListener::from_std(socket.into())?;
        Ok(Self {
            kind: Kind::Unix(listener),
            endpoint: name.clone().into(),
            file,
            owns_file: AtomicBool::new(true),
            managed: false,
            // There is nothing to be tuned.
            tunes: true,
        })
    }

    /// The next connection, and who opened it. Cancel-safe.
    pub async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match &self.kind {
            Kind::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                Ok((stream.into(), Peer::Tcp(from)))
            }
            Kind::Unix(listener) => {
                let stream = Stream::from(listener.accept().await?.0);
                let peer = stream.peer()?;
                Ok((stream, peer))
            }
        }
    }

    /// Whether what it accepts needs no [tuning](Stream::tune) by [`KeepAlive::CLIENTS`].
    pub fn tunes(&self) -> bool {
        self.tunes
    }

    /// Where it listens: with the port that port 0 became.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// From now on the socket's file is somebody else's to remove: the socket was
    /// handed over to another process, or not yet by it.
    pub fn leave_file(&self) {
        self.owns_file.store(false, Ordering::SeqCst);
    }

    /// From now on the socket's file is this one's to remove, unless it is the service
    /// manager's.
    pub fn own_file(&self) {
        self.owns_file.store(!self.managed, Ordering::SeqCst);
    }

    /// As the socket that the service manager listens on, too: its file stays, whoever
    /// ends.
    #[must_use]
    pub fn managed(mut self) -> Self {
        self.leave_file();
        self.managed = true;
        self
    }

    /// Whether the service manager listens on it, too.
    pub fn is_managed(&self) -> bool {
        self.managed
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.kind {
            Kind::Tcp(listener) => listener.as_fd(),
            Kind::Unix(listener) => listener.as_fd(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(file) = self.file.as_ref().filter(|_| *self.owns_file.get_mut()) {
            file.remove();
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let tunes = tune(&socket);
    socket.listen(BACKLOG)?;
    let bound = socket.local_addr()?.as_socket().unwrap_or(address);
    Listener::tcp(socket, bound, tunes)
}

/// Tunes the sockets that will be accepted: on Linux they take after the one that
/// listens, which saves four system calls for each. Says whether that is so.
fn tune(socket: &Socket) -> bool {
    cfg!(target_os = "linux")
        && socket.set_tcp_nodelay(true).is_ok()
        && KeepAlive::CLIENTS.apply(&SockRef::from(socket)).is_ok()
}

/// Between `bind` and `listen` nobody can connect, so the permissions are set there.
fn bind_unix(name: &UnixName, mode: u32) -> io::Result<Listener> {
    let address = SockAddr::unix(name.for_system())?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match (socket.bind(&address), name.file()) {
        (Err(error), Some(file)) if error.kind() == ErrorKind::AddrInUse => {
            remove_stale(file, &address)?;
            socket.bind(&address)?;
        }
        (result, _) => result?,
    }
    if let Some(file) = name.file() {
        fs::set_permissions(file, Permissions::from_mode(mode))?;
    }
    socket.listen(BACKLOG)?;
    Listener::unix(socket, name)
}

/// Removes a socket's file that nobody listens behind.
fn remove_stale(path: &Path, address: &SockAddr) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        let what = format!("{} is there and is not a socket", path.display());
        return Err(io::Error::new(ErrorKind::AlreadyExists, what));
    }
    let found = SocketFile::of(path)?;
    let asking = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A full queue is somebody, too; and we must not wait in it.
    asking.set_nonblocking(true)?;
    match asking.connect(address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            found.remove();
            Ok(())
        }
        _ => Err(ErrorKind::AddrInUse.into()),
    }
}

/// A Unix socket's file, told apart from a later one at the same path.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    id: Identity,
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), id: identity(path)? })
    }

    /// Best effort: one that stays behind is found to be stale by the next.
    fn remove(&self) {
        if identity(&self.path).is_ok_and(|id| id == self.id) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Device and inode, and when it was made: a freed inode is soon another file's.
type Identity = (u64, u64, i64, i64);

fn identity(path: &Path) -> io::Result<Identity> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino(), found.mtime(), found.mtime_nsec()))
}

#[cfg(test)]
mod tests;
