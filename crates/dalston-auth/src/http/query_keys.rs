//! Where a key in the query is accepted.

/// Where a key in the query is accepted. [`Door::Mcp`](dalston_model::Door::Mcp) never accepts one (MCP-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueryKeys {
    /// On the route of streams only.
    #[default]
    Stream,
    /// On every route.
    All,
    /// Nowhere.
    Off,
}
