//! `POST /mcp`.

mod admission;
mod client;
mod messages;
mod revisions;
mod secrets;
mod tools;

use kit::{
    client::{Answer, Client},
    schema::assert_fits,
};
use serde_json::{Value, json};

/// A request of this method.
fn asking(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// Asks this.
async fn ask(client: &Client, method: &str, params: Value) -> Answer {
    client.post("/mcp", asking(method, params)).await
}

/// Calls a tool: the answer of HTTP.
async fn try_call(client: &Client, tool: &str, arguments: Value) -> Answer {
    ask(client, "tools/call", json!({"name": tool, "arguments": arguments})).await
}

/// Calls a tool, which runs: what came of it. It fits the schema of the tool, refused or not.
async fn call(client: &Client, tool: &str, arguments: Value) -> Value {
    let answer = try_call(client, tool, arguments).await.expect(200);
    assert_eq!(answer.json["error"], Value::Null, "{}", answer.text);
    let listed = ask(client, "tools/list", json!({})).await.expect(200);
    let tools = listed.json["result"]["tools"].as_array().unwrap();
    let schema = &tools.iter().find(|listed| listed["name"] == tool).unwrap()["outputSchema"];
    assert_fits(tool, schema, &answer.json["result"]["structuredContent"]);
    answer.json["result"].clone()
}

/// The names of the tools that are listed.
async fn tools(client: &Client) -> Vec<String> {
    let answer = ask(client, "tools/list", json!({})).await.expect(200);
    let tools = answer.json["result"]["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}
