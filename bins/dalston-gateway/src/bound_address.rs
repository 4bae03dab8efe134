//! The address that the gateway listens at: refused until it can serve, and closed without the loss of a connection.
//!
//! A proxy that is refused a connection asks another gateway, whatever the request. A proxy whose connection ends behind
//! its request cannot: it answers 502 to a POST.

use socket2::{Domain, SockFilter, SockRef, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener},
};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Where the flags are in the header of TCP, and two of them (RFC 9293 §3.1).
const FLAGS: u32 = 13;
const SYN: u32 = 0x02;
const ACK: u32 = 0x10;

/// Instructions of the kernel's filters (`linux/bpf_common.h`), each with a constant.
const LOAD_BYTE: u16 = 0x30;
const AND: u16 = 0x54;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// An address that is taken, at which nobody is answered yet.
pub struct BoundAddress(Socket);

impl BoundAddress {
    /// Takes the address. `Err`: another program listens there, or it is none of this machine.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // Connections of a process that has ended may still be known here.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        Ok(Self(socket))
    }

    /// The address, with the port that the system chose if none was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    /// From now on connections are accepted.
    pub fn open(self) -> io::Result<TcpListener> {
        self.0.listen(BACKLOG)?;
        Ok(self.0.into())
    }
}

/// From now on the kernel drops requests for a connection, while those that it has answered are still accepted. Who asks
/// again after the listener has been dropped is refused.
pub(crate) fn close(listener: &TcpListener) {
    let filter = [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        // Otherwise one instruction is skipped.
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
            // It asks for a connection, and asks again in a second.
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
