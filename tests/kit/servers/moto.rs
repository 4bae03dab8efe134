//! moto: an S3 that others wrote. It checks signatures and permissions, and wants parts of 5 MiB, as Amazon's does.

use super::{
    free_port,
    keeper::{Keeper, folder},
};
use crate::{
    client::{Answer, Client},
    foreign,
    line::Line,
    log,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use std::net::{Ipv4Addr, TcpStream};

/// The credential scope by which moto tells its services apart. Nothing is signed while it asks for no credentials.
const IAM: &str =
    "AWS4-HMAC-SHA256 Credential=kit/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0";

const FORM: &str = "application/x-www-form-urlencoded";

/// A server with one bucket, behind a line. It keeps all in memory, and ends when it is dropped.
pub struct Moto {
    /// The way to it for gateways.
    pub line: Line,
    client: Client,
    _keeper: Keeper,
}

/// Who may do what.
pub struct User {
    access_key: String,
    secret_key: String,
}

impl Moto {
    /// Starts one, with an empty bucket named `bucket`.
    pub async fn start() -> Self {
        let python = foreign::moto().display().to_string();
        let (keeper, port) = loop {
            let (folder, port) = (folder(), free_port());
            let program = "from moto.server import main; main()";
            let command = [&python, "-B", "-c", program, "-H", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned);
            let mut keeper = Keeper::new(folder, "KILL", &command);
            if keeper.start(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()) {
                break (keeper, port);
            }
            // Somebody was faster to take the port; all else is a fault.
            assert!(keeper.log().contains("in use"), "{}", keeper.log());
        };
        let host = format!("127.0.0.1:{port}");
        let client = Client::new(&format!("http://{host}"), None);
        let moto = Self { line: Line::to(&host).await, client, _keeper: keeper };
        moto.make_bucket().await;
        moto
    }

    /// Somebody who may do these actions of S3, as `*`, or `ListBucket,GetObject`.
    pub async fn user(&self, actions: &str) -> User {
        let actions: Vec<String> = actions.split(',').map(|action| format!("s3:{action}")).collect();
        let allow = serde_json::json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
        let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [allow]}).to_string();
        let name = format!("user-{}", actions.join("-").replace([':', '*'], "."));
        self.iam(&[("Action", "CreateUser"), ("UserName", &name)]).await;
        let put = [("Action", "PutUserPolicy"), ("PolicyName", "p"), ("UserName", &name), ("PolicyDocument", &policy)];
        self.iam(&put).await;
        let made = self.iam(&[("Action", "CreateAccessKey"), ("UserName", &name)]).await;
        let user = User { access_key: within(&made, "AccessKeyId"), secret_key: within(&made, "SecretAccessKey") };
        log::guard(&user.secret_key);
        user
    }

    /// The settings of a gateway that keeps audio and results here, as this user.
    pub fn settings(&self, user: &User) -> [(&'static str, String); 4] {
        [
            ("DALSTON_AUDIO_STORE", "s3://bucket/some/prefix".to_owned()),
            ("AWS_ENDPOINT_URL_S3", format!("http://127.0.0.1:{}", self.line.port)),
            ("AWS_ACCESS_KEY_ID", user.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", user.secret_key.clone()),
        ]
    }

    /// The names of all objects, in order.
    pub async fn names(&self) -> Vec<String> {
        let listed = self.ask(Method::GET, "/bucket?list-type=2", &[]).await.expect(200);
        let keys = listed.text.split("<Key>").skip(1);
        keys.map(|key| key.split('<').next().unwrap_or_default().to_owned()).collect()
    }

    /// How many bytes an object has.
    pub async fn size(&self, name: &str) -> usize {
        let head = self.ask(Method::HEAD, &format!("/bucket/{name}"), &[]).await.expect(200);
        head.header("content-length").parse().expect("a number")
    }

    /// Deletes an object, past the gateway.
    pub async fn remove(&self, name: &str) {
        self.ask(Method::DELETE, &format!("/bucket/{name}"), &[]).await.expect(204);
    }

    /// Deletes the bucket with all that is in it.
    pub async fn remove_bucket(&self) {
        for name in self.names().await {
            self.remove(&name).await;
        }
        self.ask(Method::DELETE, "/bucket", &[]).await.expect(204);
    }

    /// Makes the bucket.
    pub async fn make_bucket(&self) {
        self.ask(Method::PUT, "/bucket", &[]).await.expect(200);
    }

    async fn iam(&self, form: &[(&str, &str)]) -> String {
        self.ask(Method::POST, "/", form).await.expect(200).text
    }

    /// Asks past the line, as one who may do everything: meanwhile moto asks nobody for credentials.
    async fn ask(&self, method: Method, path: &str, form: &[(&str, &str)]) -> Answer {
        self.asks_after("inf").await;
        let request = self.client.request(method, path);
        let encoded: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        let request = match form {
            [] => request,
            _ => request.header("authorization", IAM).header("content-type", FORM).body(encoded.join("&")),
        };
        let answer = Answer::of(request).await;
        self.asks_after("0").await;
        answer
    }

    /// From so many requests on moto asks for credentials.
    async fn asks_after(&self, requests: &'static str) {
        let request = self.client.request(Method::POST, "/moto-api/reset-auth");
        Answer::of(request.header("content-type", "text/plain").body(requests)).await.expect(200);
    }
}

impl User {
    /// The same user with a secret that is not theirs.
    #[must_use]
    pub fn mistaken(&self) -> Self {
        let secret_key: String = self.secret_key.chars().rev().collect();
        log::guard(&secret_key);
        Self { access_key: self.access_key.clone(), secret_key }
    }

    /// Somebody whom the server does not know.
    #[must_use]
    pub fn unknown() -> Self {
        let secret_key = "secret-of-nobody-that-the-server-knows".to_owned();
        log::guard(&secret_key);
        Self { access_key: "AKIAUNKNOWN000000000".to_owned(), secret_key }
    }
}

/// The text of an element.
fn within(xml: &str, element: &str) -> String {
    let text = xml.split_once(&format!("<{element}>")).and_then(|(_, rest)| rest.split_once('<'));
    text.unwrap_or_else(|| panic!("no {element} in {xml}")).0.to_owned()
}
