//! PgBouncer.

use super::{
    Postgres, free_port,
    keeper::{Keeper, folder},
    postgres::unprivileged,
    program,
};
use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
};

/// A PgBouncer before a PostgreSQL. It ends when it is dropped.
pub struct PgBouncer {
    _keeper: Keeper,
    port: u16,
}

impl PgBouncer {
    /// Starts one with this `pool_mode`, and more lines of its file.
    pub fn start(server: &Postgres, mode: &str, more: &str) -> Self {
        let program = program("pgbouncer", "pgbouncer");
        loop {
            let (folder, port) = (folder(), free_port());
            let (host, dir) = (server.host(), folder.display().to_string());
            let (host, server_port) = host.split_once(':').expect("an address");
            let users = folder.join("users");
            let settings = format!(
                "[databases]\n* = host={host} port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                 listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = {mode}\n{more}\n",
                users.display()
            );
            let command = unprivileged(&folder);
            fs::write(users, "\"postgres\" \"\"\n").expect("the folder is there");
            fs::write(folder.join("ini"), settings).expect("the folder is there");
            let words = command.into_iter().chain([program.clone(), format!("{dir}/ini")]);
            let mut keeper = Keeper::new(folder, "TERM", &words.collect::<Vec<_>>());
            if keeper.start(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()) {
                return Self { _keeper: keeper, port };
            }
            // Somebody was faster to take the port; all else is a fault.
            assert!(keeper.log().contains("Address already in use"), "{}", keeper.log());
        }
    }

    /// The URL of the server's database, through it.
    pub fn url(&self, url: &str) -> String {
        let (_, database) = url.rsplit_once('/').expect("a URL with a database");
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}
