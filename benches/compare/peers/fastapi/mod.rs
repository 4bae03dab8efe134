//! The seed's design where it comes from: `FastAPI` and `redis.asyncio`, under uvicorn with one worker.

use crate::{
    ground::Ground,
    sample::Sample,
    server::{Launch, Server},
    standing::{Refusal, Standing},
    store,
};
use anyhow::{Result, ensure};
use dalston_model::KeyDigest;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
};

/// Starts it on a Redis that knows the keys.
pub(crate) fn start(ground: &Ground) -> Result<Standing> {
    let (store, url) = store::redis(ground.cores)?;
    know(&store, &ground.sample)?;
    let launch = Launch::new(ground.tools.join("python/bin/uvicorn"))?;
    let port = launch.address.port().to_string();
    launch.file("seed.py", include_str!("seed.py"), &[])?;
    let words = ["seed:app", "--host", "127.0.0.1", "--port", &port, "--loop", "uvloop", "--http", "httptools"];
    let server = launch
        .words(words)
        .words(["--workers", "1", "--log-level", "warning", "--no-access-log"])
        .set("SEED_REDIS", url)
        .set("SEED_ANSWER", ground.kept())
        .start(ground.cores)?;
    let (key, refused) = (ground.sample.live.clone(), Refusal::of(&ground.sample));
    Ok(Standing { server, store: Some(store), key, refused })
}

/// Writes the records of the sample's keys into this Redis, as the seed keeps them.
pub(crate) fn know(redis: &Server, sample: &Sample) -> Result<()> {
    for (secret, id, scope) in [(&sample.live, "live", "jobs:read"), (&sample.narrow, "narrow", "realtime")] {
        let digest = KeyDigest::new(Sha256::digest(secret).into()).to_hex();
        let mut record = sample.record()?;
        record["key_hash"] = json!(digest);
        record["id"] = json!(id);
        record["scopes"] = json!([scope]);
        record["last_used_at"] = Value::Null;
        set(redis, &format!("dalston:apikeys:{digest}"), &record.to_string())?;
    }
    Ok(())
}

/// One `SET`, in the protocol of Redis.
fn set(redis: &Server, key: &str, value: &str) -> Result<()> {
    let mut stream = TcpStream::connect(redis.address)?;
    write!(stream, "*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${}\r\n{value}\r\n", key.len(), value.len())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer == "+OK\r\n", "SET: {answer}");
    Ok(())
}
