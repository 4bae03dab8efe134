//! Tests of `Client`: responses of servers that are set byte by byte.

use super::server::{Answer, Server, answer, foreign, json, problem};
use crate::{Call, Client, ClientError, EndpointError, FieldProblem, Method};
use dalston_model::ErrorCode;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

const SECRET: &str = "dk_4eC39HqLyjWDarjtT1zdp7dc";

#[derive(Debug, PartialEq, Deserialize)]
struct Note {
    name: String,
}

async fn call<T: serde::de::DeserializeOwned>(answer: Answer) -> Result<T, ClientError> {
    let server = Server::start(answer).await;
    let client = Client::new(&server.url, SECRET).unwrap();
    Ok(client.call(Call::new(Method::GET, "/notes")).await?.output)
}

#[tokio::test]
async fn an_output_is_read_as_the_type_of_the_caller() {
    let page = answer(
        "200 OK",
        "application/json; charset=utf-8",
        "link: </notes?limit=2&cursor=a%2Fb>; rel=\"next\"\r\n",
        r#"[{"name": "one", "of": "tomorrow"}]"#,
    );
    let server = Server::start(page).await;
    let client = Client::new(&format!("{}/", server.url), SECRET).unwrap().in_tenant("acme".parse().ok());
    let reply = client.call::<Vec<Note>>(Call::new(Method::GET, "/notes").with("limit", 2)).await.unwrap();
    assert_eq!((reply.output, reply.next.as_deref()), (vec![Note { name: "one".to_owned() }], Some("a/b")));
    let head = server.asked().remove(0);
    assert!(head.starts_with("GET /notes?limit=2 HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains("x-dalston-tenant: acme\r\n") && head.contains(&format!("authorization: Bearer {SECRET}\r\n"))
    );

    client.call::<Value>(Call::new(Method::PATCH, "/notes/{id}").with("id", 7).with("name", "two")).await.unwrap();
    let head = server.asked().remove(1);
    assert!(
        head.starts_with("PATCH /notes/7 HTTP/1.1\r\n") && head.contains("content-type: application/json"),
        "{head}"
    );
}

#[tokio::test]
async fn a_problem_is_told_with_its_code_its_fields_and_when_to_ask_again() {
    let refused = call::<Note>(problem(503, "unavailable", "retry-after: 3\r\n")).await.unwrap_err();
    assert!(refused.is_outage());
    let ClientError::Refused(told) = refused else { panic!("{refused:?}") };
    assert_eq!((told.status, told.code, told.retry_after), (503, ErrorCode::Unavailable, Some(Duration::from_secs(3))));
    let body = r#"{"code": "invalid_request", "detail": "no", "errors": [{"field": "name", "detail": "is too long"},
        {"field": "scopes", "detail": "must not be empty"}], "request_id": "r"}"#;
    let refused = call::<Note>(answer("422 U", "application/problem+json", "", body)).await.unwrap_err();
    assert_eq!((refused.code(), refused.is_outage()), (Some(ErrorCode::InvalidRequest), false));
    let ClientError::Refused(told) = refused else { panic!("{refused:?}") };
    assert_eq!(told.to_string(), "name is too long; scopes must not be empty");
    assert_eq!(told.errors[0], FieldProblem { field: "name".to_owned(), detail: "is too long".to_owned() });
    assert_eq!(told.request_id.as_deref(), Some("r"));
}

#[tokio::test]
async fn an_output_of_another_shape_is_told_without_a_value() {
    for body in [r#"{"name": ["secret-n"]}"#, r#"{"names": "secret-n"}"#, r#""secret-n""#] {
        let error = call::<Note>(json(body)).await.unwrap_err();
        assert!(matches!(&error, ClientError::Shape(_)) && !error.is_outage(), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn what_no_gateway_answers_is_an_outage() {
    let elsewhere = Server::start(json("{}")).await;
    for (what, answer) in foreign(&elsewhere.url) {
        // `Client` accepts bodies larger than these. The tests of `Verifier` cover the endless one.
        if what == "a body without an end" || what == "a huge body" {
            continue;
        }
        let error = call::<Value>(answer).await.unwrap_err();
        // For a caller who asks for any JSON, a truncated text is an answer of the wrong shape.
        let is_text = what == "half of a text" || what == "a page that is JSON by its word";
        assert!(error.is_outage() || is_text && matches!(error, ClientError::Shape(_)), "{what}: {error:?}");
    }
    assert_eq!(elsewhere.count(), 0, "a redirect is not followed");
}

#[tokio::test]
async fn a_client_is_made_of_a_url_and_a_secret() {
    for (url, secret, wrong) in [
        ("localhost:8000", SECRET, EndpointError::Url),
        ("ftp://localhost", SECRET, EndpointError::Url),
        ("", SECRET, EndpointError::Url),
        ("http://user@localhost", SECRET, EndpointError::Password),
        ("http://:hunter2@localhost", SECRET, EndpointError::Password),
        ("http://localhost", "", EndpointError::Secret),
        ("http://localhost", "a b", EndpointError::Secret),
        ("http://localhost", "a\nb", EndpointError::Secret),
    ] {
        assert_eq!(Client::new(url, secret).err(), Some(wrong), "{url} {secret:?}");
    }
    let client = Client::new("http://localhost:8000/", SECRET).unwrap();
    assert_eq!(client.url(), "http://localhost:8000");
    assert!(!format!("{client:?}").contains(SECRET));
    let missing = client.call::<Value>(Call::new(Method::GET, "/notes/{id}")).await;
    assert_eq!(missing.err(), Some(ClientError::MissingArgument("id".to_owned())));
}
