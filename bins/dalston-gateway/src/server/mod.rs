//! The HTTP server: actix-http on our own connection type, which limits how long a client may delay the server.
//!
//! actix-http limits neither the number of requests that it decodes ahead, nor the time of a write, nor the time of the
//! head of a further request. All three can be limited in its stream: a [`Connection`] passes on one request at a time,
//! passes on nothing while a response waits to be written, and ends when a write stays pending or a head stays
//! incomplete. [`TrackedService`] notifies the connection when a request is being served.

mod answering;
mod blank_line;
mod connection;
mod connection_slots;
mod limits;
mod lingering;
mod next_head;
mod patience;
mod turn;

pub use limits::ServerLimits;
pub(crate) use turn::ConnectionTurn;

use crate::{Gateway, app};
use actix_http::{HttpService, Protocol, error::DispatchError};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    dev::{AppConfig, Server},
    rt::net::TcpStream,
    web::Data,
};
use answering::TrackedService;
use connection::Connection;
use connection_slots::ConnectionSlots;
use rustix::net::sockopt::{set_socket_send_buffer_size, set_tcp_user_timeout};
use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};
use tokio::io::AsyncWriteExt;

/// Starts the HTTP server of the gateway on the listener.
///
/// The server runs when the returned future is polled. Returns an error if the socket is not a listener.
pub fn listen(listener: TcpListener, gateway: &Data<Gateway>, limits: &ServerLimits) -> io::Result<Server> {
    // Accepted sockets inherit both options. The second keeps the kernel from holding unsent data longer than the
    // server would.
    set_socket_send_buffer_size(&listener, limits.send_buffer)?;
    set_tcp_user_timeout(&listener, u32::try_from(2 * limits.write.as_millis()).unwrap_or(u32::MAX))?;
    let mut builder = Server::build().disable_signals().shutdown_timeout(limits.finish.as_secs());
    if let Some(workers) = limits.workers {
        builder = builder.workers(workers);
    }
    // Connections are counted in `ConnectionSlots`: a worker at its limit would stop accepting connections for all
    // clients.
    builder = builder.max_concurrent_connections(usize::MAX);
    let stop = builder.graceful_shutdown_signal();
    let places = Arc::new(ConnectionSlots::new(limits));
    let (gateway, limits) = (gateway.clone(), Arc::new(limits.clone()));
    let serve = move || {
        let stop = stop.clone();
        let app = app(gateway.clone()).into_factory().map_err(|error| error.error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stop = stop.clone();
                async move { stop.notified().await }
            })
            .client_request_timeout(limits.head)
            // No timeout in actix-http: the connection does the lingering close.
            .client_disconnect_timeout(Duration::ZERO)
            .keep_alive(limits.idle)
            // If the client disconnects, its request is cancelled: nobody would read the response.
            .h1_allow_half_closed(false)
            .on_connect_ext(|connection: &Connection, data| {
                data.insert(connection.turn());
            })
            .finish(TrackedService::new(map_config(app, |()| AppConfig::default()), gateway.clone()));
        let (places, limits, gateway) = (places.clone(), limits.clone(), gateway.clone());
        fn_service(move |stream: TcpStream| open(stream, places.clone(), limits.clone(), gateway.clone()))
            .and_then(http)
    };
    Ok(builder.listen("dalston", listener, serve)?.run())
}

/// Returns the connection with a client, or refuses it with 503 if no slot is free.
async fn open(
    mut stream: TcpStream,
    places: Arc<ConnectionSlots>,
    limits: Arc<ServerLimits>,
    gateway: Data<Gateway>,
) -> Result<(Connection, Protocol, Option<SocketAddr>), DispatchError> {
    let peer = stream.peer_addr().map_err(DispatchError::Io)?;
    if let Some(place) = places.take(peer.ip()) {
        return Ok((Connection::new(stream, place, limits, gateway), Protocol::Http1, Some(peer)));
    }
    // The send buffer of a new socket has room for this, so the write does not block.
    stream.write_all(connection_slots::REFUSAL).await.map_err(DispatchError::Io)?;
    Err(DispatchError::Io(io::ErrorKind::QuotaExceeded.into()))
}
