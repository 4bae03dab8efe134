//! A client that goes in the middle, at whatever point: a job has its audio, and no audio is without a job.

use super::{PATH, assert_nothing, file};
use dalston_service::{ServiceResult, Upload};
use dalston_work::JobId;
use kit::{
    app::{App, Start},
    hanging::Hanging,
    process::{eventually, files},
    stores, wav,
};
use reqwest::{Method, multipart::Form};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

/// Does the work until it has waited so often, and then drops it, as the server does with the handler of a client that
/// is gone. `None` when it was dropped.
async fn cut<T>(work: impl Future<Output = T>, waits: u32) -> Option<T> {
    let (mut work, mut waited) = (pin!(work), 0);
    poll_fn(|context| {
        if waited > waits {
            return Poll::Ready(None);
        }
        waited += 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

async fn start() -> App {
    Start::default().on(stores::sqlite().await).start().await
}

#[tokio::test]
async fn a_client_that_goes_during_the_probe_ends_the_decoder_and_frees_its_place() {
    let program = Hanging::default();
    let app = Start::default().decoder(program.program.clone()).start().await;
    let client = app.key("jobs:read,jobs:write").await;
    // More often than one holder has places.
    for (turn, path) in [PATH, "/openai/v1/audio/transcriptions"].iter().cycle().take(10).enumerate() {
        let form = Form::new().text("model", "whisper-1").part("file", file(wav::tone(1)));
        let upload = tokio::spawn(client.request(Method::POST, path).multipart(form).send());
        eventually("it is probed", async || program.processes().len() == turn + 1).await;
        assert_eq!(program.running(), 1);
        upload.abort();
        eventually("the decoder has ended", async || program.running() == 0).await;
    }
    eventually("nothing is left", async || files(&app.data.path().join("audio/incoming")).is_empty()).await;
    assert_nothing(&app, &client).await;
}

async fn upload(app: &App) -> ServiceResult<JobId> {
    let (jobs, permit) = (&app.runtime.services.jobs, app.permit("default"));
    let mut staged = jobs.stage(&permit, false).await?;
    staged.write(&wav::tone(1)).await?;
    Ok(jobs.create(&permit, staged, Upload::default(), None).await?.id)
}

/// Every job has its audio, all audio has its job, and nothing is staged.
async fn settled(app: &App) {
    let (client, audio) = (app.master(), app.data.path().join("audio"));
    eventually("UPL-06 jobs and audio are the same", async || {
        let listed = client.get(&format!("{PATH}?limit=100")).await.expect(200);
        let mut jobs = listed.ids();
        jobs.sort_unstable();
        jobs == files(&audio) && files(&audio.join("incoming")).is_empty()
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_is_dropped_anywhere_leaves_a_job_with_audio_or_nothing() {
    let app = start().await;
    for waits in 0.. {
        let done = cut(upload(&app), waits).await;
        settled(&app).await;
        if done.is_some() {
            break;
        }
    }
}

#[tokio::test]
async fn a_purge_that_is_dropped_anywhere_leaves_a_job_with_audio_or_nothing() {
    let app = start().await;
    let (jobs, permit) = (&app.runtime.services.jobs, app.permit("default"));
    for waits in 0.. {
        let id = upload(&app).await.unwrap();
        jobs.cancel(&permit, id).await.unwrap();
        let done = cut(jobs.purge(&permit, id), waits).await;
        settled(&app).await;
        if done.is_some() {
            break;
        }
    }
}
