//! What a crash cut off is finished, a bounded part of it each minute.

use super::uploading;
use dalston_model::Clock;
use kit::{app::App, process::files, wav};
use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

/// An entry is so old.
fn age(app: &App, path: &Path, minutes: u64) {
    let now = Duration::from_secs(app.clock.now().as_secs().try_into().unwrap());
    let then = UNIX_EPOCH + now - Duration::from_mins(minutes);
    File::open(path).unwrap().set_modified(then).unwrap();
}

fn named(number: u32) -> String {
    format!("job_{number:032x}")
}

#[tokio::test]
async fn audio_whose_job_is_gone_is_deleted_once_it_is_an_hour_old() {
    let (app, client) = uploading().await;
    let audio = app.data.path().join("audio");
    let job = client.upload(wav::tone(1), "a.wav").await.expect(201).json["id"].as_str().unwrap().to_owned();
    let (old, young, foreign) = (named(1), named(2), "notes.txt".to_owned());
    for name in [&old, &young, &foreign] {
        fs::write(audio.join(name), "audio").unwrap();
    }
    for (name, minutes) in [(&job, 120), (&old, 61), (&young, 59), (&foreign, 120)] {
        age(&app, &audio.join(name), minutes);
    }
    app.runtime.services.jobs.recover().await.unwrap();
    let mut left = [job, young, foreign];
    left.sort();
    assert_eq!(files(&audio), left, "JOB-01");
}

#[tokio::test]
async fn an_entry_that_cannot_be_recovered_is_passed_over() {
    let (app, _) = uploading().await;
    let audio = app.data.path().join("audio");
    let incoming = audio.join("incoming");
    // Neither a rename nor a deletion of files comes to an end with a folder.
    for (folder, number) in [(&audio, 1), (&audio, 2), (&incoming, 3), (&incoming, 4)] {
        let path = folder.join(named(number));
        fs::create_dir(&path).unwrap();
        fs::write(path.join("file"), "").unwrap();
        age(&app, &path, 120);
    }
    for (folder, number) in [(&audio, 5), (&incoming, 6)] {
        fs::write(folder.join(named(number)), "").unwrap();
        age(&app, &folder.join(named(number)), 120);
    }
    app.runtime.services.jobs.recover().await.unwrap();
    assert_eq!((files(&audio), files(&incoming)), (vec![], vec![]));
}

#[tokio::test]
async fn a_round_looks_at_a_bounded_part_and_the_next_goes_on() {
    const FILES: u32 = 2_500;
    let (app, _) = uploading().await;
    let audio = app.data.path().join("audio");
    for number in 0..FILES {
        fs::write(audio.join(named(number)), "").unwrap();
        age(&app, &audio.join(named(number)), 120);
    }
    let mut left = vec![files(&audio).len()];
    for _ in 0..4 {
        app.runtime.services.jobs.recover().await.unwrap();
        left.push(files(&audio).len());
    }
    assert_eq!(left, [2_500, 1_500, 500, 0, 0]);
}
