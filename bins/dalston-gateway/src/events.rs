//! Server-sent events with the progress of a job.

use crate::{
    Gateway, body,
    fault::{crowded, problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::ContentType,
    web::{Bytes, Data, Path},
};
use dalston_actix::{Problem, RequirePermit};
use dalston_auth::{Permit, RejectionReason, rights};
use dalston_service::{JobSubscription, JobView, ServiceError};
use dalston_work::JobId;
use futures_util::{Stream, stream::unfold};
use serde_json::json;
use std::convert::Infallible;

/// Number of checks without a change after which a comment is sent to keep the connection alive. A check mostly takes a
/// second.
const SILENT: u32 = 15;

/// Streams the changes of a job until it ends, the caller may no longer read it, or the gateway stops.
pub(crate) async fn follow(
    request: HttpRequest,
    job: Path<String>,
    RequirePermit(permit): RequirePermit<rights::JobsRead>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    body::none(&request)?;
    let jobs = &gateway.runtime.services.jobs;
    let id: JobId = job.parse().map_err(|_| problem(ServiceError::NotFound("Job")))?;
    jobs.get(&permit, id).await.map_err(problem)?;
    let watch = jobs.seat(&permit).ok_or_else(crowded)?.watch(id);
    let follower = JobFollower { gateway, permit, id, watch, last_sent: None, silent: 0, is_over: false };
    // A proxy that buffers responses would hold back the events.
    Ok(HttpResponse::Ok()
        .insert_header(ContentType("text/event-stream".parse().map_err(|_| problem(ServiceError::Internal))?))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events(follower)))
}

/// The state of one event stream.
struct JobFollower {
    gateway: Data<Gateway>,
    permit: Permit<rights::JobsRead>,
    id: JobId,
    watch: JobSubscription,
    /// The job as it was sent last.
    last_sent: Option<Box<JobView>>,
    silent: u32,
    is_over: bool,
}

/// The result of one check of the job.
enum JobSnapshot {
    /// The job differs from what was sent last.
    Changed(Box<JobView>),
    /// No change. Also if the store is unavailable, which does not end the stream.
    Same,
    /// The job was deleted, or the caller may no longer read it.
    Over,
}

fn events(follower: JobFollower) -> impl Stream<Item = Result<Bytes, Infallible>> {
    unfold(follower, |mut follower| async move {
        while !follower.is_over && !follower.watch.is_over() {
            match follower.look().await {
                JobSnapshot::Over => break,
                JobSnapshot::Changed(job) => {
                    follower.silent = 0;
                    let event = format!("event: job\ndata: {}\n\n", json!(job));
                    follower.last_sent = Some(job);
                    return Some((Ok(Bytes::from(event)), follower));
                }
                JobSnapshot::Same => follower.watch.next().await,
            }
            follower.silent += 1;
            if follower.silent >= SILENT {
                follower.silent = 0;
                return Some((Ok(Bytes::from_static(b": \n\n")), follower));
            }
        }
        None
    })
}

impl JobFollower {
    async fn look(&mut self) -> JobSnapshot {
        let services = &self.gateway.runtime.services;
        // The request was authorized long ago, so its caller is revalidated on each check.
        let caller = services.gate.revalidate(self.permit.caller()).await;
        let job = match caller.and_then(|caller| caller.permit::<rights::JobsRead>()) {
            Ok(permit) => services.jobs.get(&permit, self.id).await,
            Err(RejectionReason::Unavailable) => return JobSnapshot::Same,
            Err(_) => return JobSnapshot::Over,
        };
        match job {
            Ok(job) => {
                self.is_over = job.status.is_ended();
                let view = Box::new(JobView::from(&job));
                if self.last_sent.as_ref() == Some(&view) { JobSnapshot::Same } else { JobSnapshot::Changed(view) }
            }
            Err(ServiceError::Unavailable) => JobSnapshot::Same,
            Err(_) => JobSnapshot::Over,
        }
    }
}
