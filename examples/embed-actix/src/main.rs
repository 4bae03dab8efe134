//! A notes service with its own API keys, on SQLite: `embed-actix create ci`, then `embed-actix serve 127.0.0.1:8080`.

#![expect(clippy::print_stdout, reason = "a program of the command line")]

use actix_web::{App, HttpServer, web};
use dalston_actix::{ContextMiddleware, Guard, RequirePermit};
use dalston_auth::{Auth, NewKey, Product, Right, model::PageRequest, right, store::Overlap};
use std::{env, error::Error};

right!(NotesRead = "notes:read");

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let builder = Auth::builder(dalston_auth::sqlite::open("keys.db").await?);
    let auth = builder.product(Product::named("notes")?).key_prefix("notes_")?.scopes(["notes:read"]).build()?;
    let (keys, background) = (auth.keys(), auth.spawn());
    match env::args().skip(1).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["create", name] => {
            let ask = NewKey::named(name.parse()?, "notes:read".parse()?);
            println!("{}", keys.create(&auth.operator("create"), ask, None).await?.secret.expose());
        }
        ["rotate", id] => {
            let rotated = keys.rotate(&auth.operator("rotate"), id.parse()?, Overlap::none(), None).await?;
            println!("{}", rotated.secret.expose());
        }
        ["revoke", id] => keys.revoke(&auth.operator("revoke"), id.parse()?).await?,
        ["list"] => {
            let page = keys.list(&auth.operator("list"), &PageRequest::default(), false).await?;
            page.items.iter().for_each(|used| println!("{} {}", used.key.id, used.key.name));
        }
        ["serve", address] => {
            let guard = Guard::new(auth.gate().clone(), NotesRead::requirement());
            let notes = move || web::resource("/notes").get(notes).head(notes).wrap(guard.clone());
            let envelope = ContextMiddleware::default().product(auth.gate().product().clone());
            let server = HttpServer::new(move || App::new().service(notes()).wrap(envelope.clone())).bind(address)?;
            println!("{:?}", server.addrs());
            server.run().await?;
        }
        _ => return Err("create NAME, rotate ID, revoke ID, list, or serve ADDRESS".into()),
    }
    background.stop().await;
    Ok(())
}

/// Runs only for a caller with the scope `notes:read`. The permit holds the caller's tenant.
async fn notes(RequirePermit(permit): RequirePermit<NotesRead>) -> String {
    format!("No notes of {} yet.\n", permit.tenant())
}
