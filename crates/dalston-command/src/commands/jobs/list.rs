use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method, page};
use dalston_auth::rights;
use dalston_model::{Cursor, PageLimit};
use dalston_service::{JobView, ServiceError, ServiceResult};
use dalston_work::JobStatus;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use std::borrow::Cow;

/// Maximum offset. Beyond it, clients must use a cursor.
const FARTHEST: u32 = 10_000;

/// List the tenant's transcription jobs, newest first.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct List {
    /// Maximum number of items, 1 to 100; 20 by default.
    #[serde(default, deserialize_with = "page::limit")]
    #[schemars(with = "Option<u32>", range(min = 1, max = 100))]
    limit: Option<PageLimit>,
    /// Start of the page: the cursor that the previous page returned. The first page by default.
    #[schemars(length(max = 100))]
    cursor: Option<String>,
    /// Number of the newest jobs to skip, 0 to 10000; 0 by default. Not together with a cursor.
    #[schemars(range(min = 0, max = 10_000))]
    offset: Option<u32>,
    /// Only jobs with this status.
    #[schemars(with = "Option<StatusSchema>")]
    status: Option<String>,
}

/// JSON Schema of a status.
struct StatusSchema;

impl JsonSchema for StatusSchema {
    fn schema_name() -> Cow<'static, str> {
        "JobStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": JobStatus::ALL.map(JobStatus::as_str)})
    }
}

impl Command for List {
    type Right = rights::JobsRead;
    type Output = Vec<JobView>;

    const NAME: &'static str = "jobs.list";
    const TOOL: &'static str = "list_jobs";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/v1/audio/transcriptions");
    const COLUMNS: &'static [&'static str] = &["id", "status", "filename", "size_bytes", "created_at", "completed_at"];
    const EXAMPLE: &'static str = "status=pending limit=50";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        if self.offset.is_some_and(|offset| offset > FARTHEST) {
            return Err(ServiceError::invalid("offset", "must be an integer from 0 to 10000"));
        }
        let status = self.status.map(|status| status.parse()).transpose().map_err(|_| {
            ServiceError::invalid(
                "status",
                format!("must be one of {}", JobStatus::ALL.map(JobStatus::as_str).join(", ")),
            )
        })?;
        let page = context
            .services
            .jobs
            .list(&context.permit, &page::request(self.limit, self.cursor.as_deref(), self.offset)?, status)
            .await?;
        Ok(CommandAnswer::list(page, |job| Cursor::of(job.created_at, &job.id)))
    }
}
