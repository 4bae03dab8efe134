//! The HTTP server: actix-http on connections of our own, which bound what a client does not take.
//!
//! actix-http bounds neither the requests that it decodes ahead, nor the time of a write, nor that of a further request's
//! head. Its stream is the place where all can be done: a [`Connection`] passes one request at a time, passes none while an
//! answer waits to be written, and ends when a write stays pending or a head stays half. [`TrackedService`] tells it when a
//! request is served.

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

/// Starts to serve the gateway on the listener. The server runs when it is polled. `Err`: the listener is none.
pub fn listen(listener: TcpListener, gateway: &Data<Gateway>, limits: &ServerLimits) -> io::Result<Server> {
    // Accepted sockets inherit both. What the kernel holds for a client, it holds no longer than we would.
    set_socket_send_buffer_size(&listener, limits.send_buffer)?;
    set_tcp_user_timeout(&listener, u32::try_from(2 * limits.write.as_millis()).unwrap_or(u32::MAX))?;
    let mut builder = Server::build().disable_signals().shutdown_timeout(limits.finish.as_secs());
    if let Some(workers) = limits.workers {
        builder = builder.workers(workers);
    }
    // Places are counted below: a worker that is full would stop the acceptance of connections for all.
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
            // None of its own: the connection lingers.
            .client_disconnect_timeout(Duration::ZERO)
            .keep_alive(limits.idle)
            // A client that has gone is not waited for: nobody would read the answer.
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

/// The connection with a client, if there is a place for it.
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
    // A socket that has just begun has room for it: nobody waits here.
    stream.write_all(connection_slots::REFUSAL).await.map_err(DispatchError::Io)?;
    Err(DispatchError::Io(io::ErrorKind::QuotaExceeded.into()))
}
