//! A client that takes nothing of what it is told, with a small buffer to receive it.

use crate::{patience::patiently, raw::handshake};
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// What the kernel receives for it.
const BUFFER: u32 = 2_048;
/// So often it sends something, to learn whether the connection is still there.
const STEP: Duration = Duration::from_millis(50);

/// A client that takes nothing.
pub struct Deaf(TcpStream);

impl Deaf {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(BUFFER).unwrap();
        Self(patiently(socket.connect(address)).await.unwrap())
    }

    /// Asks for a WebSocket, reads the answer and what the session says first, and nothing more.
    pub async fn upgrade(address: SocketAddr, path: &str, secret: &str) -> Self {
        let mut deaf = Self::connect(address).await;
        deaf.send(handshake(address, path, secret)).await;
        let mut read = Vec::new();
        while !read.ends_with(b"}") {
            let mut byte = [0];
            patiently(deaf.0.read_exact(&mut byte)).await.unwrap();
            read.extend(byte);
        }
        assert!(read.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&read));
        deaf
    }

    /// Sends all of it.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        patiently(self.0.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Sends this again and again, until the other side has broken the connection off.
    pub async fn pour(mut self, piece: &[u8]) {
        patiently(async { while self.0.write_all(piece).await.is_ok() {} }).await;
    }

    /// Sends no more.
    pub async fn half_close(&mut self) {
        self.0.shutdown().await.unwrap();
    }

    /// Reads so many bytes.
    pub async fn take(&mut self, bytes: usize) -> io::Result<usize> {
        let mut piece = vec![0; bytes];
        patiently(self.0.read(&mut piece)).await
    }

    /// Reads in small pieces until this has come.
    pub async fn take_until(&mut self, text: &str) {
        let mut read = Vec::new();
        while !read.windows(text.len()).any(|window| window == text.as_bytes()) {
            let mut piece = [0; 64];
            let taken = patiently(self.0.read(&mut piece)).await.unwrap();
            assert!(taken > 0, "the connection ended: {}", String::from_utf8_lossy(&read));
            read.extend_from_slice(&piece[..taken]);
        }
    }

    /// Waits until the other side has broken the connection off, reading nothing. A client whose buffer is full learns of
    /// it when it sends.
    pub async fn aborted(mut self) {
        patiently(async {
            while self.0.write_all(b"\r\n").await.is_ok() && timeout(STEP, self.0.ready(Interest::ERROR)).await.is_err()
            {
            }
        })
        .await;
    }
}
