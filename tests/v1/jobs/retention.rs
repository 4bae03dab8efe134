//! Ended jobs are kept for as long as their tenant wants.

use super::{PATH, ended, recorded, upload, working_with};
use kit::{
    app::{App, Start},
    process::files,
    scribe::Turn,
};
use serde_json::json;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

async fn retain(app: &App, tenant: &str, days: serde_json::Value) {
    let changed = app.master().patch(&format!("/v1/tenants/{tenant}"), json!({"retention_days": days})).await;
    assert_eq!(changed.expect(200).json["retention_days"], days);
}

#[tokio::test]
async fn an_ended_job_goes_with_all_that_is_kept_of_it_when_its_days_are_over() {
    let start = Start::default().set("DALSTON_JOB_RETENTION_DAYS", "30").set("DALSTON_JOB_ATTEMPTS", "100");
    let (app, _scribe, client) = working_with(start, &[Turn::Writes(1), Turn::Writes(1), Turn::Holds]).await;
    let short = app.key_of("short", "jobs:read,jobs:write", |ask| ask).await;
    retain(&app, "short", json!(7)).await;
    let (ours, theirs) = (upload(&client).await, upload(&short).await);
    for (client, job) in [(&client, &ours), (&short, &theirs)] {
        ended(client, job).await;
    }
    let runs = upload(&short).await;
    let left = async |days: u32| {
        app.clock.advance(DAY * days);
        app.runtime.services.dispatcher.tidy().await.unwrap();
        let [audio, results] = ["audio", "results"].map(|folder| files(&app.data.path().join(folder)).len());
        let jobs = [&client, &short].map(|client| client.get(PATH));
        let [ours, theirs] = jobs.map(|jobs| async { jobs.await.expect(200).ids().len() });
        (ours.await, theirs.await, audio, results)
    };
    assert_eq!(left(6).await, (1, 2, 3, 2));
    assert_eq!(left(1).await, (1, 1, 2, 1), "a job that has not ended stays");
    assert_eq!(recorded(&app, &theirs).await, ["job.created", "job.completed", "job.deleted"]);
    let log = app.master().get("/v1/audit?action=job.deleted").await.expect(200).json[0].clone();
    assert_eq!((&log["actor"]["kind"], &log["tenant_id"]), (&json!("gateway"), &json!("short")));
    assert_eq!(left(22).await, (1, 1, 2, 1));
    assert_eq!(left(1).await, (0, 1, 1, 0), "the setting holds where the tenant says nothing");
    short.get(&runs).await.expect(200);
}

#[tokio::test]
async fn only_the_platform_says_how_long_jobs_are_kept() {
    let app = App::start().await;
    let path = "/v1/tenants/default";
    let (master, admin) = (app.master(), app.key("admin").await);
    admin.patch(path, json!({"retention_days": 1})).await.expect(403);
    for wrong in [json!(0), json!(36_501), json!(-1), json!("1"), json!(1.5)] {
        let answer = master.patch(path, json!({"retention_days": wrong})).await.expect(422);
        assert_eq!(answer.fields(), ["retention_days"], "{wrong}");
    }
    assert_eq!(master.patch(path, json!({})).await.expect(422).fields(), ["body"]);
    assert_eq!(
        master.patch("/v1/tenants/nobody", json!({"retention_days": 1})).await.expect(404).problem(),
        "not_found"
    );
    retain(&app, "default", json!(36_500)).await;
    retain(&app, "default", json!(null)).await;
    let log = master.get("/v1/audit?action=retention.changed").await.expect(200);
    assert_eq!(log.json[0]["detail"], json!({"retention_days": null}));
    assert_eq!(log.json.as_array().unwrap().len(), 2);
    let listed = master.get("/v1/tenants").await.expect(200).json[0].clone();
    assert_eq!(listed["retention_days"], json!(null));
}
