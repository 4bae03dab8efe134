use crate::{Block, Command, CommandAnswer, CommandContext, Document, Effect, HttpRoute, Method, Span, Style};
use dalston_auth::rights;
use dalston_model::Timestamp;
use dalston_service::{ChainHead, ServiceError, ServiceResult, VerifiedView};
use schemars::JsonSchema;
use serde::Deserialize;

/// Verify the audit log: that no record was changed, removed or inserted later.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Verify {
    /// Head that an earlier verification returned, SEQ:HASH. Detects that the end of the log was cut off.
    #[schemars(length(max = 100))]
    head: Option<String>,
    /// Number of the first chained record, if the store is older than the chain; 0 by default.
    first: Option<u64>,
}

impl Command for Verify {
    type Right = rights::Admin;
    type Output = VerifiedView;

    const NAME: &'static str = "audit.verify";
    const TOOL: &'static str = "verify_audit";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/v1/audit/verify");

    fn render(output: &VerifiedView, _: Timestamp) -> Document {
        let said = if output.is_intact() {
            Span::new(Style::Good, "✔ The audit log is intact")
        } else {
            Span::new(Style::Bad, "✘ The audit log is broken")
        };
        let fields = Document::of_output(output, Self::COLUMNS).blocks;
        Document { blocks: [Block::Heading(vec![said])].into_iter().chain(fields).collect() }
    }

    fn is_success(output: &VerifiedView) -> bool {
        output.is_intact()
    }

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let known = self.head.as_deref().map(|text| head(text).ok_or_else(unfit)).transpose()?;
        let verified = context.services.audits.verify(&context.permit, known, self.first.unwrap_or_default()).await?;
        Ok(CommandAnswer::new(verified.into()))
    }
}

fn head(text: &str) -> Option<ChainHead> {
    let (seq, hash) = text.split_once(':')?;
    Some(ChainHead { seq: seq.parse().ok()?, hash: hash.parse().ok()? })
}

fn unfit() -> ServiceError {
    ServiceError::invalid("head", "must be SEQ:HASH, as a verification gave it")
}
