use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method};
use dalston_auth::rights;
use dalston_service::{NudgeAuthor, NudgeView, ServiceError, ServiceResult};
use schemars::JsonSchema;
use serde::Deserialize;

/// Maximum length of a message in characters.
const LONGEST: usize = 4_096;

/// Send a message to the administrators over the chat.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Nudge {
    /// Text, or topic for the language model, 1 to 4096 characters.
    #[schemars(length(min = 1, max = 4096))]
    message: String,
    /// Wording: direct sends the text as it is, llm lets a language model write it; direct by default.
    #[serde(default, rename = "type")]
    kind: NudgeKind,
    /// Chat id of one administrator; all administrators by default.
    user_id: Option<i64>,
}

/// Author of the wording of a nudge.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum NudgeKind {
    #[default]
    Direct,
    Llm,
}

impl Command for Nudge {
    type Right = rights::Nudge;
    type Output = NudgeView;

    const NAME: &'static str = "nudge";
    const TOOL: &'static str = "nudge";
    const EFFECT: Effect = Effect::Write;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Post, "/nudge");
    const EXAMPLE: &'static str = "message=\"The disk is nearly full\"";

    fn is_success(output: &NudgeView) -> bool {
        output.is_success()
    }

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let length = self.message.chars().count();
        if length == 0 || length > LONGEST || self.message.trim().is_empty() {
            return Err(ServiceError::invalid("message", "must be a text of 1 to 4096 characters"));
        }
        let wording = match self.kind {
            NudgeKind::Direct => NudgeAuthor::Direct,
            NudgeKind::Llm => NudgeAuthor::Llm,
        };
        let nudge = dalston_service::NudgeRequest { message: self.message, wording, user: self.user_id };
        let nudged = context.services.nudges.send(&context.permit, &nudge, context.repeat.as_ref()).await?;
        Ok(CommandAnswer { partial: nudged.partial, ..CommandAnswer::new(nudged.into()) })
    }
}
