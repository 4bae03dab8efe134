use crate::{Answer, Command, Context, Effect, HttpRoute, Method};
use dalston_auth::Need;
use dalston_model::Scope;
use dalston_service::{ServiceResult, job_view};
use schemars::JsonSchema;
use serde::Deserialize;

/// Show a transcription job.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Get {
    /// The id of the job.
    job_id: String,
}

impl Command for Get {
    const NAME: &'static str = "jobs.get";
    const TOOL: &'static str = "get_job";
    const NEED: Need = Need::Scope(Scope::JobsRead);
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/v1/audio/transcriptions/{job_id}");
    const EXAMPLE: &'static str = "job_0192f0c12b7a7c3e9d415f6e7a8b9c0d";

    async fn run(self, context: Context<'_>) -> ServiceResult<Answer> {
        let job = context.services.jobs.get(&context.permit, super::job_id(&self.job_id)?).await?;
        Ok(Answer::new(job_view(&job)))
    }
}
