use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method};
use dalston_auth::rights;
use dalston_service::{Cancelled, ServiceResult, StatusView};
use schemars::JsonSchema;
use serde::Deserialize;

/// Cancel a transcription job that has not ended, or purge one that has.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Cancel {
    /// Id of the job.
    job_id: String,
    /// Whether to delete an ended job instead, with its audio, its result and its record; false by default.
    #[serde(default)]
    purge: bool,
}

impl Command for Cancel {
    type Right = rights::JobsWrite;
    type Output = StatusView;

    const NAME: &'static str = "jobs.cancel";
    const TOOL: &'static str = "cancel_job";
    const EFFECT: Effect = Effect::Irreversible;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Delete, "/v1/audio/transcriptions/{job_id}");
    const EXAMPLE: &'static str = "job_0192f0c12b7a7c3e9d415f6e7a8b9c0d";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let (jobs, id) = (&context.services.jobs, super::job_id(&self.job_id)?);
        let status = if self.purge {
            jobs.purge(&context.permit, id).await?;
            "deleted"
        } else {
            match jobs.cancel(&context.permit, id).await? {
                Cancelled::Cancelled => "cancelled",
                Cancelled::Cancelling => "cancelling",
            }
        };
        Ok(CommandAnswer::new(StatusView::new(status)))
    }
}
