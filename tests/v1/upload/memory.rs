//! An upload costs disk, not memory.

use super::PATH;
use kit::{process::Launch, raw::Raw, wav};

const MEBIBYTE: u64 = 1 << 20;
const SAMPLES: u32 = 1 << 30;

#[tokio::test]
async fn an_upload_of_a_gibibyte_raises_the_memory_by_less_than_32_mebibytes() {
    let launch = Launch::on_disk();
    let gateway = launch.start();
    let admin = gateway.admin();
    // What the first upload allocates once and for all does not count.
    admin.upload(wav::tone(10), "a.wav").await.expect(201);
    let before = gateway.greatest_memory();

    let start = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n";
    let (header, end) = (wav::header(SAMPLES), b"\r\n--b--\r\n");
    let length = start.len() + header.len() + SAMPLES as usize + end.len();
    let mut raw = Raw::connect(gateway.address).await;
    raw.send(format!(
        "POST {PATH} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n",
        gateway.address,
        admin.secret.as_ref().unwrap()
    ))
    .await;
    raw.send(start).await;
    raw.send(header).await;
    let silence = vec![0; 256 * 1024];
    for _ in 0..SAMPLES as usize / silence.len() {
        raw.send(&silence).await;
    }
    raw.send(end).await;
    let reply = raw.reply().await;
    assert_eq!(reply.code, 201, "{}", reply.json);
    assert_eq!(reply.json["size_bytes"], u64::from(SAMPLES) + 44);
    assert_eq!(reply.json["audio"]["duration_seconds"], f64::from(SAMPLES) / 32_000.0);

    let raised = gateway.greatest_memory() - before;
    println!("an upload of a gibibyte raised the memory by {} KiB", raised / 1024);
    assert!(raised < 32 * MEBIBYTE, "UPL-04 {} KiB", raised / 1024);
}
