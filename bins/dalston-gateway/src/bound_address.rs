//! The listen address of the gateway: connections are refused until it can serve, and none is lost when it closes.
//!
//! If a connection is refused, a proxy tries another gateway, whatever the request. If a connection ends after the
//! request was sent, a proxy cannot: it responds to a POST with 502.

use socket2::{Domain, SockFilter, SockRef, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener},
};

/// Maximum number of connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Offset of the flags in the TCP header, and two of the flags (RFC 9293 §3.1).
const FLAGS: u32 = 13;
const SYN: u32 = 0x02;
const ACK: u32 = 0x10;

/// Instructions of the kernel's socket filters (`linux/bpf_common.h`), each with a constant operand.
const LOAD_BYTE: u16 = 0x30;
const AND: u16 = 0x54;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// An address that is bound, but does not accept connections yet.
pub struct BoundAddress(Socket);

impl BoundAddress {
    /// Binds the address.
    ///
    /// Fails if another program listens there, or if this machine does not have the address.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // The kernel may still hold connections of a process that has ended.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        Ok(Self(socket))
    }

    /// Returns the address, with the port that the system chose if the requested port was 0.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    /// Starts to listen: connections are accepted from now on.
    pub fn open(self) -> io::Result<TcpListener> {
        self.0.listen(BACKLOG)?;
        Ok(self.0.into())
    }
}

/// Makes the kernel drop new connection requests, while connections that it has already answered are still accepted.
///
/// A client retransmits its request. It is refused once the listener has been dropped.
pub(crate) fn close(listener: &TcpListener) {
    let filter = [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        // If the comparison fails, one instruction is skipped.
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ];
    if let Err(error) = SockRef::from(listener).attach_filter(&filter) {
        tracing::debug!(event = "listener.close_failed", %error, "could not stop accepting connections early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{ErrorKind, Read, Write},
        net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream},
    };

    const LOOPBACK: [SocketAddr; 2] =
        [SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0)];

    fn refused<T>(connected: io::Result<T>) -> bool {
        connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    }

    #[test]
    fn who_comes_before_it_is_open_is_refused() {
        for loopback in LOOPBACK {
            let bound = BoundAddress::bind(loopback).unwrap();
            let address = bound.address().unwrap();
            assert!(refused(TcpStream::connect(address)));
            let listener = bound.open().unwrap();
            assert_eq!(listener.local_addr().unwrap(), address);
            TcpStream::connect(address).unwrap();
            assert_eq!(BoundAddress::bind(address).err().map(|error| error.kind()), Some(ErrorKind::AddrInUse));
        }
    }

    #[test]
    fn of_two_that_take_an_address_at_once_one_opens() {
        let one = BoundAddress::bind(LOOPBACK[0]).unwrap();
        let address = one.address().unwrap();
        let two = BoundAddress::bind(address).unwrap();
        let _listener = two.open().unwrap();
        assert_eq!(one.open().err().map(|error| error.kind()), Some(ErrorKind::AddrInUse));
    }

    #[test]
    fn who_is_connected_when_it_closes_is_served_and_who_comes_later_is_refused() {
        for loopback in LOOPBACK {
            let listener = BoundAddress::bind(loopback).unwrap().open().unwrap();
            let address = listener.local_addr().unwrap();
            let mut early = TcpStream::connect(address).unwrap();
            close(&listener);
            // The client sends a connection request, and retransmits it after a second.
            let late = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
            late.set_nonblocking(true).unwrap();
            late.connect(&address.into()).unwrap_err();
            let (mut served, _) = listener.accept().unwrap();
            early.write_all(b"request").unwrap();
            let mut request = [0; 7];
            served.read_exact(&mut request).unwrap();
            served.write_all(b"answer").unwrap();
            listener.set_nonblocking(true).unwrap();
            assert_eq!(listener.accept().err().map(|error| error.kind()), Some(ErrorKind::WouldBlock));
            drop(listener);
            let mut answer = [0; 6];
            early.read_exact(&mut answer).unwrap();
            assert_eq!((&request, &answer), (b"request", b"answer"));
            late.set_nonblocking(false).unwrap();
            assert!(refused(late.connect(&address.into())));
        }
    }
}
