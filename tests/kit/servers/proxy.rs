//! Proxies, with the files of `deploy`.

use super::{
    certificate::{Certificate, NAME},
    free_port,
    keeper::{Keeper, folder},
    program,
};
use crate::{client::Client, log, socket::Socket};
use rustls::{ClientConnection, StreamOwned};
use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
};

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// nginx.
    Nginx,
    /// HAProxy.
    HaProxy,
    /// Caddy.
    Caddy,
    /// Traefik.
    Traefik,
}

/// A proxy that runs. It ends when it is dropped.
pub struct Front {
    keeper: Keeper,
    address: SocketAddr,
}

impl Proxy {
    /// Its files in `deploy`; the first is the one that it is started with.
    pub const fn files(self) -> &'static [&'static str] {
        match self {
            Self::Nginx => &["nginx.conf"],
            Self::HaProxy => &["haproxy.cfg"],
            Self::Caddy => &["Caddyfile"],
            Self::Traefik => &["traefik/traefik.yaml", "traefik/dalston.yaml"],
        }
    }

    /// Starts it before two gateways: with its files, but for addresses and paths, and what `changes` names.
    pub fn start(self, nodes: [SocketAddr; 2], changes: &[(&str, &str)]) -> Front {
        loop {
            let (folder, port) = (folder(), free_port());
            let certificate = Certificate::shared();
            let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("the folder is there");
            // HAProxy wants the key beside the certificate.
            write("pem", &format!("{}{}", certificate.chain, certificate.key));
            write("key", &certificate.key);
            for file in self.files() {
                let mut text = self.text(file);
                // Traefik has what is changed in its second file.
                if *file == self.files()[self.files().len() - 1] {
                    text = changes.iter().fold(text, |text, (is, should)| replaced(&text, is, should));
                }
                write(file_name(file), &self.here(file, text, &folder, port, nodes));
            }
            let command = self.command(&folder);
            let mut keeper = Keeper::new(folder, "TERM", &command);
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            if keeper.start(|_| is_ready(address)) {
                return Front { keeper, address };
            }
            // Somebody was faster to take the port; all else is a fault.
            let log = keeper.log().to_lowercase();
            assert!(log.contains("address already in use") || log.contains("cannot bind"), "{self:?}: {log}");
        }
    }

    /// A file of `deploy`.
    pub fn text(self, file: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The text of a file with addresses and paths of these tests.
    fn here(self, file: &str, mut text: String, folder: &Path, port: u16, nodes: [SocketAddr; 2]) -> String {
        for (is, should) in ["10.0.0.11:8000", "10.0.0.12:8000"].iter().zip(nodes) {
            text = text.replace(is, &should.to_string());
        }
        let dir = folder.display();
        for (is, should) in [
            ("/etc/ssl/api.example.com.pem", format!("{dir}/pem")),
            ("/etc/ssl/api.example.com.key", format!("{dir}/key")),
            ("/etc/traefik/dalston.yaml", format!("{dir}/dalston.yaml")),
        ] {
            text = text.replace(is, &should);
        }
        let here = format!("127.0.0.1:{port}");
        match (self, file_name(file)) {
            (Self::Nginx, _) => replaced(&text, "listen 443", &format!("listen {here}")),
            (Self::HaProxy, _) => replaced(&text, "bind :443", &format!("bind {here}")),
            // Without a certificate authority on the network, and without the port 80.
            (Self::Caddy, _) => {
                let site = format!(
                    "\n{{\n\tauto_https off\n}}\nhttps://{NAME}:{port} {{\n\tbind 127.0.0.1\n\ttls {dir}/pem {dir}/key"
                );
                replaced(&text, &format!("\n{NAME} {{"), &site)
            }
            (Self::Traefik, "traefik.yaml") => replaced(&text, "\":443\"", &format!("\"{here}\"")),
            (Self::Traefik, _) => text,
        }
    }

    fn command(self, folder: &Path) -> Vec<String> {
        let dir = folder.display();
        match self {
            Self::Nginx => {
                // The folder is root's if the tests are: so must be the worker.
                let main = format!(
                    "user root; daemon off; pid {dir}/pid; error_log stderr warn; events {{}}\n\
                     http {{ access_log off; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;\n\
                     fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;\n\
                     include {dir}/nginx.conf; }}\n"
                );
                fs::write(folder.join("main"), main).expect("the folder is there");
                words(&program("nginx", "nginx"), &["-e", "stderr", "-c", &format!("{dir}/main")])
            }
            Self::HaProxy => words(&program("haproxy", "haproxy"), &["-db", "-f", &format!("{dir}/haproxy.cfg")]),
            Self::Caddy => words(
                "env",
                &[
                    &format!("HOME={dir}"),
                    &format!("CADDY_ADMIN=unix/{dir}/admin"),
                    &installed("caddy"),
                    "run",
                    "--adapter=caddyfile",
                    &format!("--config={dir}/Caddyfile"),
                ],
            ),
            Self::Traefik => words(&installed("traefik"), &[&format!("--configFile={dir}/traefik.yaml")]),
        }
    }
}

impl Front {
    /// Where clients find it.
    pub fn url(&self) -> String {
        format!("https://{NAME}:{}", self.address.port())
    }

    /// A client at an address of this machine, 127.0.0.`host`, which knows the certificate.
    pub fn client(&self, secret: Option<&str>, host: u8) -> Client {
        if let Some(secret) = secret {
            log::guard(secret);
        }
        let from = IpAddr::from([127, 0, 0, host]);
        let root = [Certificate::shared().root()];
        Client::shaped(&self.url(), secret, |http| {
            http.local_address(from).resolve(NAME, self.address).tls_certs_only(root)
        })
    }

    /// Opens a stream with a key.
    pub async fn socket(&self, query: &str, secret: &str) -> Socket {
        log::guard(secret);
        Socket::secured(self.address, &self.url(), query, Certificate::shared().config(), secret).await
    }

    /// How many connections there are with the server that listens here: the proxy's, if nobody else has any.
    pub fn connections(&self, server: SocketAddr) -> usize {
        let table = fs::read_to_string("/proc/net/tcp").expect("proc(5) has it");
        let end = format!("{:08X}:{:04X}", u32::from_ne_bytes([127, 0, 0, 1]), server.port());
        let established = |line: &&str| {
            let mut fields = line.split_whitespace().skip(2);
            fields.next() == Some(end.as_str()) && fields.next() == Some("01")
        };
        table.lines().filter(established).count()
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        self.keeper.log()
    }
}

/// Whether it answers, and from a gateway: Traefik answers 404 until it has read its second file.
fn is_ready(address: SocketAddr) -> bool {
    let Ok(stream) = TcpStream::connect(address) else { return false };
    let name = NAME.try_into().expect("it is a name");
    let connection = ClientConnection::new(Certificate::shared().config(), name).expect("it is configured");
    let mut stream = StreamOwned::new(connection, stream);
    let request = format!("GET /health HTTP/1.1\r\nHost: {NAME}:{}\r\nConnection: close\r\n\r\n", address.port());
    let mut answer = Vec::new();
    // What comes counts, however it ends.
    let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut answer));
    answer.starts_with(b"HTTP/1.1 200 ")
}

/// The text with this in the place of that, which must be there.
fn replaced(text: &str, is: &str, should: &str) -> String {
    assert!(text.contains(is), "{is:?} is not in {text}");
    text.replace(is, should)
}

fn file_name(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

fn words(program: &str, arguments: &[&str]) -> Vec<String> {
    [program].iter().chain(arguments).map(ToString::to_string).collect()
}

/// A program of `tests/proxies/requirements.txt`.
fn installed(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let place = root.join("target/proxies");
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    let (wanted, there) = (read(root.join("tests/proxies/requirements.txt")), read(place.join("requirements.txt")));
    assert_eq!(wanted, there, "{name} is missing: bash tests/run installs it");
    place.join("bin").join(name).display().to_string()
}
