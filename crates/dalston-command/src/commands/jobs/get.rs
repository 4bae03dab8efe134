use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method};
use dalston_auth::rights;
use dalston_service::{JobResult, JobView, ServiceError, ServiceResult};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

/// Maximum waiting time in seconds.
const LONGEST: u8 = 60;

/// Show a transcription job, with its result once it is completed.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Get {
    /// Id of the job.
    job_id: String,
    /// Maximum time to wait for the job to end in seconds, 0 to 60; 0 by default.
    #[schemars(range(min = 0, max = 60))]
    wait: Option<u8>,
}

impl Command for Get {
    type Right = rights::JobsRead;
    type Output = JobView;

    const NAME: &'static str = "jobs.get";
    const TOOL: &'static str = "get_job";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/v1/audio/transcriptions/{job_id}");
    const EXAMPLE: &'static str = "job_0192f0c12b7a7c3e9d415f6e7a8b9c0d";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let (jobs, id) = (&context.services.jobs, super::job_id(&self.job_id)?);
        let seconds = self.wait.unwrap_or_default();
        if seconds > LONGEST {
            return Err(ServiceError::invalid("wait", "must be seconds from 0 to 60"));
        }
        let job = jobs.get(&context.permit, id).await?;
        let job = jobs.ended(&context.permit, job, Duration::from_secs(seconds.into())).await?;
        let JobResult { view, long } = jobs.result(&context.permit, &job).await;
        Ok(CommandAnswer { long, ..CommandAnswer::new(JobView { result: view, ..JobView::from(&job) }) })
    }
}
